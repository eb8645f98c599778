import Agent
import CShims

/// The agent's process as a service, or in a console.
@LoopActor
public final class WindowsService: Service {
    private let isService: Bool
    private let executable: String
    private let arguments: [String]
    private let beforeRestart: () -> Void

    /// - Parameters:
    ///   - isService: whether the service control manager has started this process.
    ///   - executable: the path of the agent's executable file.
    ///   - arguments: what a restart passes, the program's name first.
    ///   - beforeRestart: lets go of what the next process needs.
    init(isService: Bool, executable: String, arguments: [String], beforeRestart: @escaping () -> Void) {
        self.isService = isService
        self.executable = executable
        self.arguments = arguments
        self.beforeRestart = beforeRestart
    }

    public func ready() {
        if isService { ServiceControl.running() }
    }

    public func onRequest(_ handler: @escaping @LoopActor (ServiceRequest) -> Void) {
        requestHandler = handler
        if wasAsked { handler(.stop) }
    }

    private var requestHandler: (@LoopActor (ServiceRequest) -> Void)?
    private var wasAsked = false

    /// The service control manager, or a person at the console, wants the agent to stop.
    func stopRequested() {
        wasAsked = true
        requestHandler?(.stop)
    }

    public var usage: ProcessUsage? {
        let (memory, handles) = (shim_win_GetProcessMemoryInfo(), shim_win_GetProcessHandleCount())
        guard memory >= 0, handles >= 0 else { return nil }
        // A process has twice as many handles here as it would have descriptors elsewhere, and twice as many are fine.
        return ProcessUsage(residentMemory: memory, descriptors: Int(handles / 2), zombies: 0)
    }

    /// As a service: ends with a code that has the service control manager start it again (recovery actions, which
    /// `install.bat` sets). In a console: starts the new process in the same one.
    public func restart() -> String {
        if isService {
            ServiceControl.stopped(Self.restartCode)
            shim_win_ExitProcess(UINT(Self.restartCode))
            return "the process does not end"
        }
        do throws(SystemError) {
            beforeRestart()
            _ = try Child(
                program: executable,
                commandLine: CommandLineText.joined(arguments),
                environment: Environment.current,
                directory: Path.parent(of: executable),
                input: try Self.standardHandle(shim_win_std_input()),
                output: try Self.standardHandle(shim_win_std_error()),
                flags: 0
            ).spawn()
        } catch {
            return error.description
        }
        shim_win_ExitProcess(0)
        return "the process does not end"
    }

    /// The service's exit code when it wants to be started again.
    private static let restartCode: Int32 = 75

    private static func standardHandle(_ which: DWORD) throws(SystemError) -> Handle {
        if let copy = Handle(owning: shim_win_DuplicateHandle(shim_win_GetStdHandle(which), true)) { return copy }
        return try Handle.open(
            "NUL",
            access: FileAccess.read | FileAccess.write,
            share: DWORD(FILE_SHARE_READ | FILE_SHARE_WRITE),
            disposition: DWORD(OPEN_EXISTING)
        )
    }
}
