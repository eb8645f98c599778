/// One check: it fails by throwing.
struct Check: Sendable {
    let name: String
    let body: @Sendable () throws -> Void

    init(_ name: String, _ body: @escaping @Sendable () throws -> Void) {
        self.name = name
        self.body = body
    }

    /// Runs them in order, printing a line for each. The exit code.
    static func run(_ checks: [Check], only words: [String]) -> Int32 {
        var failed = 0
        let chosen = checks.filter { check in words.isEmpty || words.contains { check.name.has($0) } }
        for check in chosen {
            let begun = ContinuousClock.now
            do {
                try check.body()
                let took = (ContinuousClock.now - begun) / .milliseconds(100)
                print("ok     \(check.name)\(took < 10 ? "" : " (\(Int(took) / 10) s)")")
            } catch {
                failed += 1
                print("FAILED \(check.name): \(error)")
            }
        }
        print("\(chosen.count - failed) passed, \(failed) failed")
        // Nothing to check is no success.
        return failed == 0 && !chosen.isEmpty ? 0 : 1
    }
}

/// What a check found to be wrong.
struct Failure: Error, CustomStringConvertible {
    let description: String
}

func expect(
    _ condition: Bool,
    _ what: @autoclosure () -> String = "",
    line: Int = #line,
    file: String = #fileID
) throws {
    if !condition { throw Failure(description: "\(file):\(line) \(what())") }
}

func expectEqual<T: Equatable>(_ found: T, _ expected: T, line: Int = #line, file: String = #fileID) throws {
    if found != expected { throw Failure(description: "\(file):\(line) found \(found), expected \(expected)") }
}

func unwrap<T>(_ value: T?, _ what: String = "", line: Int = #line, file: String = #fileID) throws -> T {
    guard let value else { throw Failure(description: "\(file):\(line) nothing there \(what)") }
    return value
}

extension String {
    /// Whether `other` is a part of it. (The standard library's `contains` is in a module that some SDKs lack.)
    func has(_ other: String) -> Bool {
        let (bytes, wanted) = (Array(utf8), Array(other.utf8))
        guard bytes.count >= wanted.count else { return false }
        return (0...bytes.count - wanted.count).contains { bytes[$0...].starts(with: wanted) }
    }
}
