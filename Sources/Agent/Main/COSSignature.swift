/// The signature of one request to the object storage: version 5 of its XML API, with SHA-1 (protocol §4).
struct COSSignature {
    /// How long a request that is signed now can be made, in seconds.
    static let lifetime: Int64 = 600

    var method: HTTPRequest.Method
    /// That of the address, not percent-encoded.
    var path: String
    /// Those of the address that are signed, not percent-encoded.
    var parameters: [HTTPHeader] = []
    /// The header fields that are signed.
    var headers: [HTTPHeader]
    /// From when to when it is good, in seconds since 1970.
    var start: Int64
    var end: Int64

    /// The value of the field `Authorization`.
    func authorization(secretID: String, secretKey: String, by crypto: any Crypto) throws(CryptoError) -> String {
        let keyTime = "\(start);\(end)"
        let (parameterList, parameterText) = Self.canonical(parameters)
        let (headerList, headerText) = Self.canonical(headers)
        let request = "\(HTTPText.lowercased(method.rawValue))\n\(path)\n\(parameterText)\n\(headerText)\n"
        let signKey = Self.hexadecimal(try crypto.hmacSHA1(key: Array(secretKey.utf8), Array(keyTime.utf8)))
        let text = "sha1\n\(keyTime)\n\(Self.hexadecimal(try crypto.sha1(Array(request.utf8))))\n"
        let signature = Self.hexadecimal(try crypto.hmacSHA1(key: Array(signKey.utf8), Array(text.utf8)))
        return "q-sign-algorithm=sha1&q-ak=\(secretID)&q-sign-time=\(keyTime)&q-key-time=\(keyTime)"
            + "&q-header-list=\(headerList)&q-url-param-list=\(parameterList)&q-signature=\(signature)"
    }

    /// The names alone, and with their values: sorted by name, names in lower case, all percent-encoded.
    private static func canonical(_ fields: [HTTPHeader]) -> (list: String, text: String) {
        let encoded = fields.map { field in
            (
                name: HTTPText.lowercased(PercentEncoding.encode(field.name)),
                value: PercentEncoding.encode(field.value)
            )
        }
        let sorted = encoded.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        return (
            sorted.map(\.name).joined(separator: ";"),
            sorted.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
        )
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 0x0F)]] }, as: UTF8.self)
    }
}
