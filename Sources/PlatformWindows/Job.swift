import CShims

/// A job object: a script and all that it starts. Whatever is in it when the last handle to it goes, be it that its
/// supervisor was killed, is ended by the system.
package final class Job {
    package let handle: Handle

    package init() throws(SystemError) {
        guard let handle = Handle(owning: shim_win_CreateJobObject()) else { throw SystemError("CreateJobObject") }
        self.handle = handle
        guard shim_win_SetInformationJobObject_limits(handle.raw, DWORD(JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE)) else {
            throw SystemError("SetInformationJobObject")
        }
    }

    /// Whether no process of it is left.
    package var isEmpty: Bool { shim_win_job_processes(handle.raw) == 0 }

    /// Ends every process of it.
    package func terminate() { _ = shim_win_TerminateJobObject(handle.raw, 1) }

    /// Lets what is left in it live on without it.
    package func release() { _ = shim_win_SetInformationJobObject_limits(handle.raw, 0) }
}
