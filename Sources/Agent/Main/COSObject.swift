/// The address of an object in a bucket.
struct COSObject: Equatable {
    /// Why there is no such address.
    struct Invalid: Error, Equatable, CustomStringConvertible {
        let description: String
    }

    /// The longest key, in bytes; the storage itself takes less.
    private static let keyLimit = 4096

    /// The whole address, percent-encoded.
    let url: String
    /// The host, and the port where one is given: the field `Host`.
    let host: String
    /// The path as it is signed: not percent-encoded.
    let path: String

    /// The object that holds a task's output: the bucket's address, and the parts that are not empty of prefix,
    /// invocation id and `TASKID.log`, with slashes between them.
    init(bucketURL: String, prefix: String, invocationID: String, taskID: String) throws(Invalid) {
        let bucket = try Bucket(bucketURL)
        let parts = [Self.trimmed(prefix), invocationID, taskID + ".log"].filter { !$0.isEmpty }
        let key = "/" + parts.joined(separator: "/")
        guard key.utf8.count <= Self.keyLimit else { throw Invalid(description: "the object's key is too long") }
        let segments = key.utf8.split(separator: UInt8(ascii: "/"))
        // On the way they would be taken for steps within the path.
        guard !segments.contains(where: { $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8) }) else {
            throw Invalid(description: "the object's key has a part that is `.` or `..`")
        }
        host = bucket.host
        path = bucket.path + key
        url = "\(bucket.scheme)://\(bucket.host)\(bucket.path)\(PercentEncoding.encode(key, keeping: "/"))"
    }

    /// A key does not begin with a slash, and there is one behind the prefix anyway.
    private static func trimmed(_ prefix: String) -> String {
        let slash = UInt8(ascii: "/")
        var bytes = Array(prefix.utf8)[...].drop { $0 == slash }
        while bytes.last == slash { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The address of a bucket: `http` or `https`, a host, perhaps a port and a path.
    private struct Bucket {
        let scheme: String
        let host: String
        /// Empty, or beginning with a slash and not ending with one; nothing in it that would be encoded.
        let path: String

        init(_ text: String) throws(Invalid) {
            let parts = text.utf8.prefix(2048 + 1).split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
                .map { String(decoding: $0, as: UTF8.self) }
            guard text.utf8.count <= 2048, parts.count >= 3, parts[1].isEmpty,
                case let scheme = HTTPText.lowercased(parts[0]), scheme == "http:" || scheme == "https:",
                Self.isAuthority(parts[2]), parts[3...].joined().utf8.allSatisfy(PercentEncoding.isUnreserved)
            else { throw Invalid(description: "the bucket's address is not one of http or https with a host") }
            self.scheme = String(scheme.dropLast())
            host = parts[2]
            let segments = parts[3...].filter { !$0.isEmpty }
            path = segments.map { "/" + $0 }.joined()
            guard !segments.contains(where: { $0 == "." || $0 == ".." }) else {
                throw Invalid(description: "the bucket's address has a part that is `.` or `..`")
            }
        }

        /// A name or an IPv4 address, or an IPv6 one in brackets; perhaps a port.
        private static func isAuthority(_ text: String) -> Bool {
            var rest = Array(text.utf8)[...]
            if rest.first == UInt8(ascii: "[") {
                guard let end = rest.firstIndex(of: UInt8(ascii: "]")), end > 1 else { return false }
                guard rest[1..<end].allSatisfy({ isHexadecimal($0) || $0 == UInt8(ascii: ":") }) else { return false }
                rest = rest[(end + 1)...]
            } else {
                let name = rest.prefix { $0 != UInt8(ascii: ":") }
                guard !name.isEmpty, name.allSatisfy(PercentEncoding.isUnreserved) else { return false }
                rest = rest.dropFirst(name.count)
            }
            guard let colon = rest.popFirst() else { return true }
            return colon == UInt8(ascii: ":") && (1...5).contains(rest.count) && rest.allSatisfy(HTTPText.isDigit)
        }

        private static func isHexadecimal(_ byte: UInt8) -> Bool {
            HTTPText.isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
        }
    }
}
