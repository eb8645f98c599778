/// The little of DER (ITU-T X.690) that PKCS#1 keys are made of: a sequence of integers that are not negative.
package enum DER {
    /// The sequence of these numbers, each given by its bytes, the most significant first.
    package static func sequence(of integers: [[UInt8]]) -> [UInt8] {
        element(tag: 0x30, integers.flatMap { element(tag: 0x02, signed($0)) })
    }

    /// The numbers of a sequence, without zeros before them; `nil` when the bytes are no such sequence, of `limit` numbers
    /// at the most.
    package static func integers(in der: [UInt8], limit: Int) -> [[UInt8]]? {
        var outer = der[...]
        guard var rest = takeElement(tag: 0x30, from: &outer), outer.isEmpty else { return nil }
        var integers: [[UInt8]] = []
        while !rest.isEmpty {
            guard integers.count < limit, let bytes = takeElement(tag: 0x02, from: &rest),
                let first = bytes.first, first < 0x80
            else { return nil }
            integers.append(Array(bytes.drop { $0 == 0 }))
        }
        return integers
    }

    /// With a zero before it where it would else be read as negative, or is nothing.
    private static func signed(_ bytes: [UInt8]) -> [UInt8] {
        let significant = Array(bytes.drop { $0 == 0 })
        guard let first = significant.first else { return [0] }
        return first < 0x80 ? significant : [0] + significant
    }

    private static func element(tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        guard content.count >= 0x80 else { return [tag, UInt8(content.count)] + content }
        var length: [UInt8] = []
        var rest = content.count
        while rest > 0 {
            length.insert(UInt8(truncatingIfNeeded: rest), at: 0)
            rest >>= 8
        }
        return [tag, 0x80 | UInt8(length.count)] + length + content
    }

    private static func takeElement(tag: UInt8, from bytes: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard bytes.popFirst() == tag, let first = bytes.popFirst() else { return nil }
        var length = Int(first)
        if first >= 0x80 {
            // Keys have two bytes of length, at most three.
            guard (0x81...0x83).contains(first) else { return nil }
            length = 0
            for _ in 0..<(first & 0x7F) {
                guard let byte = bytes.popFirst() else { return nil }
                length = length << 8 | Int(byte)
            }
        }
        guard bytes.count >= length else { return nil }
        let content = bytes.prefix(length)
        bytes = bytes.dropFirst(length)
        return content
    }
}
