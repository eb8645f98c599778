import Agent
import CShims
import PlatformWindows

/// As ShimChecks: each of the wrappers that the other checks call only a few times.
private func again(_ rounds: Int = 1000, _ body: () throws -> Void) rethrows {
    for _ in 0..<rounds { try body() }
}

private let key = #"SOFTWARE\Microsoft\Windows NT\CurrentVersion"#.wide
private let nowhere = #"C:\no such folder\no such file"#.wide

let systemShimChecks = [
    Check("shims: accounts and tokens") {
        let token = try unwrap(Handle(owning: shim_win_OpenProcessToken(UInt32(TOKEN_QUERY | TOKEN_DUPLICATE))))
        var buffer = [UInt64](repeating: 0, count: 64)
        var name = [WCHAR](repeating: 0, count: 300)
        var domain = name
        var privilege = LUID()
        try again {
            var size = UInt32(buffer.count * 8)
            let user = Int32(bitPattern: UInt32(TokenUser.rawValue))
            try expect(shim_win_GetTokenInformation(token.raw, user, &buffer, &size))
            let text = try buffer.withUnsafeBytes {
                try unwrap(shim_win_ConvertSidToStringSid(shim_win_token_user($0.baseAddress)))
            }
            let sid = try unwrap(shim_win_ConvertStringSidToSid(text))
            var (nameSize, domainSize) = (UInt32(name.count), UInt32(domain.count))
            var use: Int32 = 0
            _ = shim_win_LookupAccountSid(sid, &name, &nameSize, &domain, &domainSize, &use)
            size = UInt32(buffer.count * 8)
            domainSize = UInt32(domain.count)
            _ = shim_win_LookupAccountName("no such user".wide, &buffer, &size, &domain, &domainSize, &use)
            _ = shim_win_LocalFree(sid)
            _ = shim_win_LocalFree(text)
            try expect(shim_win_LookupPrivilegeValue("SeTcbPrivilege".wide, &privilege))
            var before: UInt32 = 0
            _ = shim_win_AdjustTokenPrivileges(nil, privilege, 0, &before)
            _ = try unwrap(Handle(owning: shim_win_DuplicateTokenEx_primary(token.raw)))
            _ = shim_win_LsaNtStatusToWinError(0)
        }
    },
    Check("shims: access control lists and events") {
        try again {
            let descriptor = try unwrap(
                shim_win_ConvertStringSecurityDescriptorToSecurityDescriptor("D:P(A;;FA;;;SY)".wide)
            )
            try expect(!shim_win_SetFileSecurity_protected(nowhere, descriptor))
            _ = shim_win_LocalFree(descriptor)
            try expect(shim_win_file_access(nowhere) == nil)
            _ = shim_win_ReportEvent(nil, 4, 1, "none".wide)
            _ = shim_win_DeregisterEventSource(nil)
        }
        again(50) { _ = shim_win_DeregisterEventSource(shim_win_RegisterEventSource("tatsvc-check".wide)) }
    },
    Check("shims: logon and profiles") {
        try expectEqual(shim_win_logon_load(), 0)
        let token = try unwrap(Handle(owning: shim_win_OpenProcessToken(UInt32(TOKEN_QUERY | TOKEN_DUPLICATE))))
        var name = [WCHAR](repeating: 0, count: 300)
        var memory = [UInt8](repeating: 0, count: 64)
        try again(100) {
            var authority: HANDLE?
            var (package, substatus): (UInt32, Int32) = (0, 0)
            var made: HANDLE?
            if shim_win_LsaRegisterLogonProcess("tatsvc", &authority) == 0 {
                _ = shim_win_LsaLookupAuthenticationPackage(authority, "none", &package)
                _ = shim_win_LsaLogonUser_network(authority, "tatsvc", .max, &memory, 64, &made, &substatus)
                try expect(made == nil)
                shim_win_LsaDeregisterLogonProcess(authority)
            }
            var count = UInt32(name.count)
            _ = shim_win_TranslateName_principal("none".wide, &name, &count)
            count = UInt32(name.count)
            try expect(shim_win_GetUserProfileDirectory(token.raw, &name, &count))
            try expect(shim_win_DestroyEnvironmentBlock(try unwrap(shim_win_CreateEnvironmentBlock(token.raw))))
            var profile: HANDLE?
            if shim_win_LoadUserProfile(nil, "none".wide, &profile) { _ = shim_win_UnloadUserProfile(nil, profile) }
            _ = shim_win_UnloadUserProfile(nil, nil)
        }
    },
    Check("shims: the machine and the registry") {
        var name = [WCHAR](repeating: 0, count: 300)
        var (major, minor, build): (UInt32, UInt32, UInt32) = (0, 0, 0)
        var isServer = false
        var times = [Int64](repeating: 0, count: 6)
        try again {
            try expect(shim_win_RtlGetVersion(&major, &minor, &build, &isServer) && major >= 6)
            _ = shim_win_IsWow64Process2()
            _ = shim_win_GetNativeSystemInfo()
            var count = UInt32(name.count)
            try expect(shim_win_GetComputerName(&name, &count))
            count = UInt32(name.count)
            try expect(shim_win_GetComputerNameEx(&name, &count))
            _ = shim_win_GetSystemFirmwareTable_smbios(nil, 0)
            try expect(shim_win_NtQuerySystemInformation(3, &times, 48) >= 0)
            var size = UInt32(name.count * 2)
            try expectEqual(shim_win_RegGetValue_text(key, "CurrentBuildNumber".wide, &name, &size), 0)
            var number: UInt32 = 0
            try expectEqual(shim_win_RegGetValue_number(key, "no such value".wide, &number), 2)
            _ = shim_win_SetErrorMode(shim_win_SetErrorMode(0))
            _ = shim_win_source_address(0x0100_007F)
        }
    },
    Check("shims: files that are locked, objects that are waited for") {
        let folder = try unwrap(WindowsMachine().environment("SystemRoot"))
        let path = "\(folder)/Temp/tat-shims-\(uniqueName())"
        defer { try? WindowsFiles().remove(path) }
        let file = try Handle.make(
            path,
            access: 0x4000_0000,
            share: 0,
            disposition: DWORD(CREATE_NEW),
            security: .owner
        )
        try again {
            try expect(shim_win_LockFileEx(file.raw) && shim_win_UnlockFileEx(file.raw))
            _ = Handle(owning: shim_win_CreateJobObject())
        }
        let event = try Handle.event()
        let wait = UnsafeMutablePointer<shim_win_wait>.allocate(capacity: 1)
        wait.initialize(to: shim_win_wait())
        defer { wait.deallocate() }
        try again(200) {
            try expect(shim_win_RegisterWaitForSingleObject(wait, event.raw))
            try expect(shim_win_UnregisterWaitEx(wait))
        }
    },
]
