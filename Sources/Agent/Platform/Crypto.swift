/// What failed in a cryptographic operation.
public struct CryptoError: Error, CustomStringConvertible {
    public let description: String

    public init(_ description: String) { self.description = description }
}

/// An RSA key pair, both halves as PKCS#1 PEM.
public struct RSAKeyPair: Sendable {
    public var privateKey: String
    public var publicKey: String

    public init(privateKey: String, publicKey: String) {
        self.privateKey = privateKey
        self.publicKey = publicKey
    }
}

/// The cryptography that the protocol asks for, by the system's library.
public protocol Crypto: Sendable {
    /// SHA-1 (20 bytes): for the WebSocket handshake and the object-storage signature only.
    func sha1(_ bytes: [UInt8]) throws(CryptoError) -> [UInt8]

    /// HMAC-SHA1 (20 bytes).
    func hmacSHA1(key: [UInt8], _ bytes: [UInt8]) throws(CryptoError) -> [UInt8]

    /// A new 2048-bit RSA key pair. Takes up to a second: ask on the worker.
    func makeRSAKeyPair() throws(CryptoError) -> RSAKeyPair

    /// RSA PKCS#1 v1.5 over SHA-1 of `message` with a PKCS#1 PEM private key.
    func signRSASHA1(_ message: [UInt8], privateKey: String) throws(CryptoError) -> [UInt8]
}
