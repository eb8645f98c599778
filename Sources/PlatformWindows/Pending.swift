// Stands in for what is being written: each part goes when the real one comes.
import Agent
import CShims
struct WindowsUsers: Users {
    func lookup(_ name: String) throws(UsersError) -> User? {
        let sid = (try? SecurityIdentifier.ofProcess()) ?? "S-1-5-18"
        guard name.isEmpty || name == "root" else { return nil }
        return User(name: "root", identifier: sid, groups: [], home: Environment.value("USERPROFILE") ?? "C:\\", shell: "")
    }
}
final class UserLogon { let token: HANDLE? = nil; let environment: [WCHAR] = []; let home = ""; func close() {} }
struct S4ULogon { func logon(_ user: User) throws -> UserLogon? { nil } }
struct WindowsMachine: Machine {
    var kernelName: String { "Windows" }
    var kernelVersion: String { "10.0" }
    var osVersion: String { "Windows" }
    var architecture: String { "x86_64" }
    var machineID: String? { nil }
    var bootID: String { "boot" }
    var hostname: String { "host" }
    var processID: Int32 { Int32(shim_win_GetCurrentProcessId()) }
    var localAddress: String { "" }
    func environment(_ name: String) -> String? { Environment.value(name) }
    var uptimeSeconds: Int64 { Int64(shim_win_GetTickCount64() / 1000) }
}
