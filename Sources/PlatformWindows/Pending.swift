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
