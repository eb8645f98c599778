#if TAT_CRASH_POINTS
    import Agent
    import CShims

    /// A step of a task's life. A process of a test build dies at one of its steps: with `TAT_CRASH_IN` (agent, nursery
    /// or supervisor) and `TAT_CRASH_AT` (counted from 1) in its environment, as long as the file `TAT_CRASH_MARK` is not
    /// there, which the death creates with the step's name in it.
    func crashPoint(_ name: String) { CrashPoint.step(name) }

    /// Says what this process is; its steps are counted from here.
    func crashPoints(in role: String) { CrashPoint.state.with { $0 = CrashPoint.State(role: role) } }

    enum CrashPoint {
        struct State {
            var role = ""
            var count = 0
        }

        fileprivate static let state = Lock(State())

        @Sendable
        static func step(_ name: String) {
            // Under the lock: no other thread does another step while this one dies.
            state.with { state in
                state.count += 1
                guard state.role == Environment.value("TAT_CRASH_IN"),
                    String(state.count) == Environment.value("TAT_CRASH_AT"),
                    let mark = Environment.value("TAT_CRASH_MARK")
                else { return }
                let file = shim_open(mark, O_WRONLY | O_CREAT | O_EXCL, 0o600)
                guard file >= 0 else { return }
                var text = Array(name.utf8)
                write(file, &text, text.count)
                kill(getpid(), SIGKILL)
            }
        }
    }
#else
    /// Nothing, but in test builds (`TAT_CRASH_POINTS`): a step of a task's life, at which the process may die.
    @inline(__always)
    func crashPoint(_ name: @autoclosure () -> String) {}

    @inline(__always)
    func crashPoints(in role: @autoclosure () -> String) {}
#endif
