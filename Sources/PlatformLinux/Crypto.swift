import Agent
import CShims

/// Cryptography by OpenSSL's libcrypto, version 3 or 1.1.
public struct OpenSSLCrypto: Crypto {
    public init() {}

    /// The library's name, version and licence, or why there is none.
    static func library() -> String {
        do {
            let version = try CryptoLibrary.shared().functions.OpenSSL_version(0)
            let text = version.map { String(cString: $0) } ?? "OpenSSL"
            return text + (text.hasPrefix("OpenSSL 1.") ? ", OpenSSL" : ", Apache-2.0")
        } catch {
            return "OpenSSL's libcrypto: not found (\(error))"
        }
    }

    public func sha1(_ bytes: [UInt8]) throws(CryptoError) -> [UInt8] {
        // The functions below EVP: the notify channel needs a digest, and EVP sets up all of libcrypto for it, 1 MB.
        let functions = try CryptoLibrary.shared().functions
        var isDone = false
        let digest = withUnsafeTemporaryAllocation(byteCount: shim_crypto_sha1_context, alignment: 16) { context in
            [UInt8](unsafeUninitializedCapacity: shim_crypto_sha1_size) { buffer, count in
                isDone =
                    functions.SHA1_Init(context.baseAddress) == 1
                    && bytes.withUnsafeBytes {
                        functions.SHA1_Update(context.baseAddress, $0.baseAddress, $0.count) == 1
                    } && functions.SHA1_Final(buffer.baseAddress, context.baseAddress) == 1
                count = isDone ? shim_crypto_sha1_size : 0
            }
        }
        guard isDone else { throw CryptoError("SHA-1 failed") }
        return digest
    }

    public func hmacSHA1(key: [UInt8], _ bytes: [UInt8]) throws(CryptoError) -> [UInt8] {
        let library = try CryptoLibrary.shared()
        guard let keyCount = Int32(exactly: key.count) else { throw CryptoError("the key is too long") }
        // No address at all would mean the key of an earlier call.
        let keyBytes = key.isEmpty ? [0] : key
        return try library.digest { digest, size in
            library.functions.HMAC(
                library.functions.EVP_sha1(),
                keyBytes,
                keyCount,
                bytes,
                bytes.count,
                digest,
                &size
            ) != nil
        }
    }

    public func makeRSAKeyPair() throws(CryptoError) -> RSAKeyPair {
        let library = try CryptoLibrary.shared()
        let key = try RSAKey(library, bits: 2048)
        return RSAKeyPair(
            privateKey: PEM.encode(try key.privateDER(), label: "RSA PRIVATE KEY"),
            publicKey: PEM.encode(try key.publicDER(), label: "RSA PUBLIC KEY")
        )
    }

    public func signRSASHA1(_ message: [UInt8], privateKey: String) throws(CryptoError) -> [UInt8] {
        guard let der = PEM.decode(privateKey, label: "RSA PRIVATE KEY") else {
            throw CryptoError("the private key is not PKCS#1 PEM")
        }
        let key = try RSAKey(try CryptoLibrary.shared(), privateDER: der)
        // The DER of a DigestInfo (RFC 8017 section 9.2) is what is signed. It is put together here, because systems
        // with a strict policy refuse to sign a SHA-1 digest as such.
        let prefix: [UInt8] = [
            0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A, 0x05, 0x00, 0x04, 0x14,
        ]
        return try key.sign(prefix + sha1(message))
    }
}

/// libcrypto, loaded.
///
/// Sound as `@unchecked Sendable`: a constant table of C functions, which may be called on any thread.
private struct CryptoLibrary: @unchecked Sendable {
    let functions: shim_crypto

    /// The library of this process, loaded by the first who asks.
    static func shared() throws(CryptoError) -> CryptoLibrary { try loaded.get() }

    private static let loaded = load()

    private static func load() -> Result<CryptoLibrary, CryptoError> {
        var reason: UnsafePointer<CChar>?
        guard let table = shim_crypto_load(&reason) else {
            return .failure(CryptoError(reason.map { String(cString: $0) } ?? "libcrypto cannot be loaded"))
        }
        return .success(CryptoLibrary(functions: table.pointee))
    }

    /// The digest that `body` writes, in room for any. It says whether it could.
    func digest(_ body: (UnsafeMutablePointer<UInt8>?, inout UInt32) -> Bool) throws(CryptoError) -> [UInt8] {
        var size: UInt32 = 0
        var isDone = false
        let digest = [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
            isDone = body(buffer.baseAddress, &size)
            count = isDone ? Int(size) : 0
        }
        guard isDone else { throw error("digest") }
        return digest
    }

    /// The error of a call that has just failed on this thread.
    func error(_ action: String) -> CryptoError {
        let code = functions.ERR_get_error()
        functions.ERR_clear_error()
        guard code != 0 else { return CryptoError("\(action) failed") }
        let text = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
            buffer.initialize(repeating: 0)
            functions.ERR_error_string_n(code, buffer.baseAddress, buffer.count)
            return buffer.baseAddress.map { String(cString: $0) } ?? ""
        }
        return CryptoError("\(action) failed: \(text)")
    }
}

/// An RSA key of libcrypto's.
private final class RSAKey {
    private let library: CryptoLibrary
    private let key: UnsafeMutableRawPointer

    /// A new key pair.
    init(_ library: CryptoLibrary, bits: Int32) throws(CryptoError) {
        self.library = library
        let functions = library.functions
        guard let context = functions.EVP_PKEY_CTX_new_id(shim_crypto_rsa, nil) else { throw library.error("RSA") }
        defer { functions.EVP_PKEY_CTX_free(context) }
        var key: UnsafeMutableRawPointer?
        guard functions.EVP_PKEY_keygen_init(context) == 1,
            functions.EVP_PKEY_CTX_ctrl(context, shim_crypto_rsa, -1, shim_crypto_rsa_keygen_bits, bits, nil) > 0,
            functions.EVP_PKEY_keygen(context, &key) == 1, let key
        else { throw library.error("making an RSA key") }
        self.key = key
    }

    /// A key from the DER of a PKCS#1 private key.
    init(_ library: CryptoLibrary, privateDER: [UInt8]) throws(CryptoError) {
        self.library = library
        let key = privateDER.withUnsafeBufferPointer { bytes in
            // libcrypto moves the copy of the address, and stays within the count.
            var input = bytes.baseAddress
            return library.functions.d2i_PrivateKey(shim_crypto_rsa, nil, &input, bytes.count)
        }
        guard let key else { throw library.error("reading the private key") }
        self.key = key
    }

    deinit { library.functions.EVP_PKEY_free(key) }

    func privateDER() throws(CryptoError) -> [UInt8] {
        try der { library.functions.i2d_PrivateKey(key, $0) }
    }

    func publicDER() throws(CryptoError) -> [UInt8] {
        try der { library.functions.i2d_PublicKey(key, $0) }
    }

    /// The signature (PKCS#1 v1.5) of bytes that are padded as they are.
    func sign(_ bytes: [UInt8]) throws(CryptoError) -> [UInt8] {
        let functions = library.functions
        guard let context = functions.EVP_PKEY_CTX_new(key, nil) else { throw library.error("signing") }
        defer { functions.EVP_PKEY_CTX_free(context) }
        var size = 0
        guard functions.EVP_PKEY_sign_init(context) == 1,
            functions.EVP_PKEY_sign(context, nil, &size, bytes, bytes.count) == 1
        else { throw library.error("signing") }
        var signature = [UInt8](repeating: 0, count: size)
        guard functions.EVP_PKEY_sign(context, &signature, &size, bytes, bytes.count) == 1 else {
            throw library.error("signing")
        }
        return Array(signature.prefix(size))
    }

    /// What `encode` writes to where its argument points. Without one it only says how long that is.
    private func der(
        _ encode: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32
    ) throws(CryptoError) -> [UInt8] {
        let length = encode(nil)
        guard length > 0 else { throw library.error("encoding the key") }
        var written: Int32 = 0
        let bytes = [UInt8](unsafeUninitializedCapacity: Int(length)) { buffer, count in
            var output = buffer.baseAddress
            written = encode(&output)
            count = written == length ? Int(length) : 0
        }
        guard written == length else { throw library.error("encoding the key") }
        return bytes
    }
}
