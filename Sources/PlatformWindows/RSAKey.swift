import Agent
import CShims

/// The numbers of an RSA private key (RFC 8017 section A.1.2), the most significant byte first.
package struct RSANumbers: Equatable, Sendable {
    package var modulus: [UInt8]
    package var publicExponent: [UInt8]
    package var privateExponent: [UInt8]
    package var prime1: [UInt8]
    package var prime2: [UInt8]
    package var exponent1: [UInt8]
    package var exponent2: [UInt8]
    package var coefficient: [UInt8]

    // MARK: PKCS#1

    /// Reads the DER of an RSAPrivateKey with two primes; `nil` when it is none.
    package init?(privateDER der: [UInt8]) {
        guard let numbers = DER.integers(in: der, limit: 9), numbers.count == 9, numbers[0].isEmpty,
            numbers.dropFirst().allSatisfy({ !$0.isEmpty && $0.count <= 2048 })
        else { return nil }
        self.init(numbers.dropFirst())
    }

    private init(_ numbers: some Sequence<[UInt8]>) {
        let numbers = Array(numbers)
        modulus = numbers[0]
        publicExponent = numbers[1]
        privateExponent = numbers[2]
        prime1 = numbers[3]
        prime2 = numbers[4]
        exponent1 = numbers[5]
        exponent2 = numbers[6]
        coefficient = numbers[7]
    }

    package var privateDER: [UInt8] {
        DER.sequence(of: [
            [0], modulus, publicExponent, privateExponent, prime1, prime2, exponent1, exponent2, coefficient,
        ])
    }

    package var publicDER: [UInt8] { DER.sequence(of: [modulus, publicExponent]) }

    // MARK: CNG

    // A BCRYPT_RSAKEY_BLOB is six 32-bit numbers: magic, bits, and the lengths of the public exponent, the modulus, and the
    // primes. The numbers of the key follow without gaps.

    private static let privateMagic: UInt32 = 0x3241_5352
    private static let fullMagic: UInt32 = 0x3341_5352

    /// What BCryptImportKeyPair takes as a BCRYPT_RSAPRIVATE_BLOB.
    package var privateBlob: [UInt8] {
        let bits = modulus.count * 8 - (modulus.first?.leadingZeroBitCount ?? 0)
        let lengths = [publicExponent.count, modulus.count, prime1.count, prime2.count]
        let header = [Self.privateMagic, UInt32(bits)] + lengths.map { UInt32($0) }
        return header.flatMap { Self.bytes(of: $0) } + publicExponent + modulus + prime1 + prime2
    }

    /// Reads a BCRYPT_RSAFULLPRIVATE_BLOB; `nil` when it is none.
    package init?(fullBlob blob: [UInt8]) {
        guard blob.count >= 24 else { return nil }
        let header = (0..<6).map { index in (0..<4).reduce(UInt32(0)) { $0 | UInt32(blob[index * 4 + $1]) << ($1 * 8) }
        }
        let lengths = header[2...].map { Int(clamping: $0) }
        guard header[0] == Self.fullMagic, lengths.allSatisfy({ (1...4096).contains($0) }) else { return nil }
        let (exponent, modulus, prime1, prime2) = (lengths[0], lengths[1], lengths[2], lengths[3])
        var rest = blob[24...]
        var parts: [[UInt8]] = []
        for length in [exponent, modulus, prime1, prime2, prime1, prime2, prime1, modulus] {
            guard rest.count >= length else { return nil }
            parts.append(Array(rest.prefix(length).drop { $0 == 0 }))
            rest = rest.dropFirst(length)
        }
        guard rest.isEmpty else { return nil }
        self.init([parts[1], parts[0], parts[7], parts[2], parts[3], parts[4], parts[5], parts[6]])
    }

    private static func bytes(of number: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }
}

/// An RSA key of CNG's.
final class RSAKey {
    private let algorithm: AlgorithmProvider
    private let key: UnsafeMutableRawPointer

    /// A new key pair.
    init(bits: UInt32) throws(CryptoError) {
        let algorithm = try AlgorithmProvider.rsa()
        self.algorithm = algorithm
        key = try AlgorithmProvider.handle("making an RSA key") { key in
            shim_win_BCryptGenerateKeyPair(algorithm.raw, &key, bits)
        }
    }

    init(_ numbers: RSANumbers) throws(CryptoError) {
        let algorithm = try AlgorithmProvider.rsa()
        self.algorithm = algorithm
        let blob = numbers.privateBlob
        key = try AlgorithmProvider.handle("reading the private key") { key in
            shim_win_BCryptImportKeyPair_private(algorithm.raw, &key, blob, UInt32(blob.count))
        }
    }

    deinit { shim_win_BCryptDestroyKey(key) }

    func numbers() throws(CryptoError) -> RSANumbers {
        let blob = try output("encoding the key", room: 16 << 10) { buffer, count in
            shim_win_BCryptExportKey_private(key, buffer, &count)
        }
        guard let numbers = RSANumbers(fullBlob: blob) else { throw CryptoError("the key has an unknown form") }
        return numbers
    }

    /// The signature (PKCS#1 v1.5) of a SHA-1 digest.
    func sign(sha1 digest: [UInt8]) throws(CryptoError) -> [UInt8] {
        try output("signing", room: 2048) { buffer, count in
            shim_win_BCryptSignHash_sha1(key, digest, UInt32(digest.count), buffer, &count)
        }
    }

    private func output(
        _ action: String,
        room: Int,
        _ body: (UnsafeMutableRawPointer?, inout UInt32) -> Int32
    ) throws(CryptoError) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: room)
        var count = UInt32(room)
        let status = buffer.withUnsafeMutableBytes { body($0.baseAddress, &count) }
        guard status >= 0, Int(count) <= room else { throw CryptoError(action, status: status) }
        return Array(buffer.prefix(Int(count)))
    }
}

/// An algorithm of CNG's.
final class AlgorithmProvider {
    let raw: UnsafeMutableRawPointer

    private init(_ raw: UnsafeMutableRawPointer) { self.raw = raw }

    deinit { shim_win_BCryptCloseAlgorithmProvider(raw) }

    static func rsa() throws(CryptoError) -> AlgorithmProvider {
        AlgorithmProvider(try handle("RSA") { shim_win_BCryptOpenAlgorithmProvider_rsa(&$0) })
    }

    static func sha1(keyed: Bool) throws(CryptoError) -> AlgorithmProvider {
        AlgorithmProvider(try handle("SHA-1") { shim_win_BCryptOpenAlgorithmProvider_sha1(&$0, keyed) })
    }

    /// The handle that a call makes.
    static func handle(
        _ action: String,
        _ make: (inout UnsafeMutableRawPointer?) -> Int32
    ) throws(CryptoError) -> UnsafeMutableRawPointer {
        var handle: UnsafeMutableRawPointer?
        let status = make(&handle)
        guard status >= 0, let handle else { throw CryptoError(action, status: status) }
        return handle
    }
}

extension CryptoError {
    /// What failed, and the NTSTATUS.
    init(_ action: String, status: Int32) {
        self.init("\(action) failed: \(NTStatus(status))")
    }
}
