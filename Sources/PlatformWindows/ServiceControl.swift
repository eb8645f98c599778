import Agent
import CShims

/// This process as the service `tatsvc`: what the service control manager is told, and what it asks for.
///
/// The manager calls on threads of its own; what they share with the service's thread is behind a lock.
enum ServiceControl {
    static let serviceName = "tatsvc"

    private struct State {
        var body: (@Sendable () -> Int32)?
        var isRequested = false
        var onStop: (@Sendable () -> Void)?
        var checkpoint: DWORD = 0
    }

    private static let state = Lock(State())
    private static let accepted = DWORD(SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN | SERVICE_ACCEPT_PRESHUTDOWN)
    /// How long the manager is to wait for the next word, in milliseconds.
    private static let patience: DWORD = 30_000

    /// Runs `body`, whose value becomes the service's exit code, as the service. `false`, and nothing was run, when the
    /// service control manager has not started this process.
    static func run(_ body: @escaping @Sendable () -> Int32) throws(SystemError) -> Bool {
        state.with { $0.body = body }
        var service = shim_win_service(
            body: { ServiceControl.serve() },
            control: { _ in ServiceControl.stopRequested() }
        )
        if shim_win_StartServiceCtrlDispatcher(serviceName.wide, &service) { return true }
        let error = SystemError("StartServiceCtrlDispatcher")
        guard error.code == ErrorCode.failedServiceControllerConnect else { throw error }
        return false
    }

    /// The service's thread.
    private static func serve() {
        starting()
        let body = state.with { $0.body }
        stopped(body?() ?? 1)
    }

    private static func stopRequested() {
        let onStop = state.with { state in
            state.isRequested = true
            return state.onStop
        }
        report(DWORD(SERVICE_STOP_PENDING))
        onStop?()
    }

    /// Calls `handler`, on any thread, when the service is to stop; at once when that was asked already.
    static func onStop(_ handler: @escaping @Sendable () -> Void) {
        let isRequested = state.with { state in
            state.onStop = handler
            return state.isRequested
        }
        if isRequested { handler() }
    }

    /// Whether the service was asked to stop.
    static var isStopRequested: Bool { state.with { $0.isRequested } }

    /// The start goes on; to be told again and again while it does.
    static func starting() { report(DWORD(SERVICE_START_PENDING)) }

    /// The agent is ready. Nothing where it was asked to stop meanwhile: the manager waits for the end then.
    static func running() {
        guard !isStopRequested else { return }
        _ = shim_win_SetServiceStatus(DWORD(SERVICE_RUNNING), accepted, 0, 0, 0, 0)
    }

    /// The service has ended. The manager's recovery actions follow any code but 0.
    static func stopped(_ code: Int32) {
        let serviceSpecificError: DWORD = 1066
        let isFine = code == 0
        _ = shim_win_SetServiceStatus(
            DWORD(SERVICE_STOPPED),
            0,
            isFine ? 0 : serviceSpecificError,
            DWORD(truncatingIfNeeded: code),
            0,
            0
        )
    }

    private static func report(_ pending: DWORD) {
        let checkpoint = state.with { state in
            state.checkpoint += 1
            return state.checkpoint
        }
        // While it starts it can be stopped as well.
        let accepted = pending == DWORD(SERVICE_START_PENDING) ? DWORD(SERVICE_ACCEPT_STOP) : 0
        _ = shim_win_SetServiceStatus(pending, accepted, 0, 0, checkpoint, patience)
    }
}
