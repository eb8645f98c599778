// Whatever is accepted can be written, and reads back as the same value and the same text.

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = Array(UnsafeBufferPointer(start: start, count: count))
    let value: JSON
    do throws(JSONError) {
        value = try JSON.parse(input)
    } catch {
        guard error.offset >= 0, error.offset <= input.count else { fatalError("an error is outside of the text") }
        return 0
    }
    let text = value.encoded()
    guard let again = try? JSON.parse(text) else { fatalError("what was written is not accepted") }
    guard again == value else { fatalError("what was written reads back as another value") }
    guard again.encoded() == text else { fatalError("what was written is written differently") }
    return 0
}
