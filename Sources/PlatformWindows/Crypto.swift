import Agent
import CShims

/// Cryptography by CNG, Windows' own.
public struct CNGCrypto: Crypto {
    public init() {}

    public func sha1(_ bytes: [UInt8]) throws(CryptoError) -> [UInt8] { try digest(bytes, key: nil) }

    public func hmacSHA1(key: [UInt8], _ bytes: [UInt8]) throws(CryptoError) -> [UInt8] { try digest(bytes, key: key) }

    public func makeRSAKeyPair() throws(CryptoError) -> RSAKeyPair {
        let numbers = try RSAKey(bits: 2048).numbers()
        return RSAKeyPair(
            privateKey: PEM.encode(numbers.privateDER, label: "RSA PRIVATE KEY"),
            publicKey: PEM.encode(numbers.publicDER, label: "RSA PUBLIC KEY")
        )
    }

    public func signRSASHA1(_ message: [UInt8], privateKey: String) throws(CryptoError) -> [UInt8] {
        guard let der = PEM.decode(privateKey, label: "RSA PRIVATE KEY"), let numbers = RSANumbers(privateDER: der)
        else {
            throw CryptoError("the private key is not PKCS#1 PEM")
        }
        return try RSAKey(numbers).sign(sha1: sha1(message))
    }

    private func digest(_ bytes: [UInt8], key: [UInt8]?) throws(CryptoError) -> [UInt8] {
        let algorithm = try AlgorithmProvider.sha1(keyed: key != nil)
        guard let keyCount = UInt32(exactly: key?.count ?? 0) else { throw CryptoError("the key is too long") }
        let hash = try AlgorithmProvider.handle("digest") { hash in
            shim_win_BCryptCreateHash(algorithm.raw, &hash, key ?? [], keyCount)
        }
        defer { shim_win_BCryptDestroyHash(hash) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let part = rest.prefix(1 << 30)
            let status = part.withUnsafeBytes { shim_win_BCryptHashData(hash, $0.baseAddress, UInt32($0.count)) }
            guard status >= 0 else { throw CryptoError("digest", status: status) }
            rest = rest.dropFirst(part.count)
        }
        var digest = [UInt8](repeating: 0, count: 20)
        let status = shim_win_BCryptFinishHash(hash, &digest, UInt32(digest.count))
        guard status >= 0 else { throw CryptoError("digest", status: status) }
        return digest
    }
}
