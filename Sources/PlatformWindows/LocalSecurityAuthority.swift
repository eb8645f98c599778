import CShims

/// The system's own authority.
package struct LocalSecurityAuthority: LogonAuthority {
    /// What the authority and its logs know this program as. A source has 8 characters at the most.
    fileprivate static let name = "tatsvc"

    package init() {}

    package func register() -> Result<any LogonConnection, NTStatus> {
        guard LogonLibrary.isLoaded else { return .failure(.dllNotFound) }
        var raw: HANDLE?
        let status = NTStatus(shim_win_LsaRegisterLogonProcess(Self.name, &raw))
        guard status.code == 0, let raw else { return .failure(status.code == 0 ? .unsuccessful : status) }
        return .success(Connection(raw))
    }

    /// The `user@domain` of `DOMAIN\user`; `nil` where the domain does not tell.
    static func principalName(of name: String) -> String? {
        guard LogonLibrary.isLoaded else { return nil }
        var buffer = [WCHAR](repeating: 0, count: 1024)
        var count = UInt32(buffer.count)
        guard shim_win_TranslateName_principal(name.wide, &buffer, &count) else { return nil }
        let text = String(decoding: buffer.prefix { $0 != 0 }, as: UTF16.self)
        return text.utf8.contains(UInt8(ascii: "@")) ? text : nil
    }

    private final class Connection: LogonConnection {
        private let raw: HANDLE

        init(_ raw: HANDLE) { self.raw = raw }

        deinit { shim_win_LsaDeregisterLogonProcess(raw) }

        func package(_ name: String) -> Result<UInt32, NTStatus> {
            var number: UInt32 = 0
            let status = NTStatus(shim_win_LsaLookupAuthenticationPackage(raw, name, &number))
            return status.code == 0 ? .success(number) : .failure(status)
        }

        func logOn(package: UInt32, _ request: S4URequest) -> LogonOutcome {
            let tooLong = LogonOutcome(status: .nameTooLong)
            let width = MemoryLayout<UnsafeRawPointer>.size
            guard let size = request.block(at: 0, pointerWidth: width)?.count else { return tooLong }
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
            defer { memory.deallocate() }
            let address = UInt64(UInt(bitPattern: memory.baseAddress))
            guard let block = request.block(at: address, pointerWidth: width) else { return tooLong }
            memory.copyBytes(from: block)
            var token: HANDLE?
            var substatus: Int32 = 0
            let status = shim_win_LsaLogonUser_network(
                raw,
                LocalSecurityAuthority.name,
                package,
                memory.baseAddress,
                UInt32(size),
                &token,
                &substatus
            )
            return LogonOutcome(
                status: NTStatus(status),
                substatus: NTStatus(substatus),
                token: status == 0 ? Handle(owning: token) : nil
            )
        }
    }
}

/// The DLLs for logons and profiles.
enum LogonLibrary {
    static let isLoaded = shim_win_logon_load() == 0
}
