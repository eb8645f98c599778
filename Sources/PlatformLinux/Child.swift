import CShims

/// A process to start: the safe side of `shim_spawn`.
struct Child {
    /// Why the program does not run.
    struct Failure: Error, CustomStringConvertible {
        enum Stage { case descriptors, user, directory, exec, fork }

        let stage: Stage
        let code: Int32

        var reason: String { systemMessage(code) }

        var description: String {
            switch stage {
            case .descriptors: "its descriptors could not be set up: \(reason)"
            case .user: "it could not become its user: \(reason)"
            case .directory: "its working directory could not be entered: \(reason)"
            case .exec: "its program could not be run: \(reason)"
            case .fork: "no process could be made: \(reason)"
            }
        }
    }

    /// An identity to take on, with exactly these groups.
    struct Identity {
        var user: uid_t
        var group: gid_t
        var groups: [gid_t]
    }

    var path: String
    /// With the program's own name first.
    var arguments: [String]
    /// `NAME=VALUE` each.
    var environment: [String]
    var input: FileDescriptor
    var output: FileDescriptor
    var error: FileDescriptor
    /// Becomes descriptor 3.
    var extra: FileDescriptor?
    var hasOwnSession = false
    /// `nil`: stays this process' user.
    var identity: Identity?
    var directory: String?
    var fallbackDirectory: String?
    /// The directory of the cgroup where it starts, if that can be.
    var cgroup: FileDescriptor?
    /// The soft limit of open descriptors; `nil`: this process'.
    var descriptorLimit: Int?

    /// Starts the program, in a process group of its own. Returns its process id once it runs.
    func spawn() throws(Failure) -> pid_t {
        crashPoint("before the start of \(path)")
        var failure = shim_child_failure()
        let pid = withCStrings(arguments) { arguments in
            withCStrings(environment) { environment in
                withCString(directory) { directory in
                    withCString(fallbackDirectory) { fallback in
                        path.withCString { path in
                            (identity?.groups ?? []).withUnsafeBufferPointer { groups in
                                // Everything pointed to lives until the call returns, which is after the execve.
                                var child = shim_child()
                                child.path = path
                                child.arguments = arguments
                                child.environment = environment
                                child.input = input.number
                                child.output = output.number
                                child.error = error.number
                                child.extra = extra?.number ?? -1
                                child.new_session = hasOwnSession ? 1 : 0
                                child.change_user = identity == nil ? 0 : 1
                                child.user = identity?.user ?? 0
                                child.group = identity?.group ?? 0
                                child.groups = groups.baseAddress
                                child.group_count = groups.count
                                child.directory = directory
                                child.fallback = fallback
                                child.cgroup = cgroup?.number ?? -1
                                child.descriptor_limit = descriptorLimit ?? -1
                                return shim_spawn(&child, &failure)
                            }
                        }
                    }
                }
            }
        }
        crashPoint("after the start of \(path)")
        guard pid > 0 else { throw Failure(failure) }
        return pid
    }
}

extension Child.Failure {
    fileprivate init(_ failure: shim_child_failure) {
        code = failure.error
        stage =
            switch UInt32(bitPattern: failure.stage) {
            case SHIM_CHILD_DESCRIPTORS.rawValue: .descriptors
            case SHIM_CHILD_USER.rawValue: .user
            case SHIM_CHILD_DIRECTORY.rawValue: .directory
            case SHIM_CHILD_EXEC.rawValue: .exec
            default: .fork
            }
    }
}

/// Lends the strings as a NULL-ended array of C strings.
private func withCStrings<T>(_ strings: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>?) -> T) -> T {
    var bytes: [CChar] = []
    var offsets: [Int] = []
    for string in strings {
        offsets.append(bytes.count)
        // A NUL inside would end the string early there, too.
        bytes.append(contentsOf: string.utf8.prefix { $0 != 0 }.map { CChar(bitPattern: $0) })
        bytes.append(0)
    }
    return bytes.withUnsafeMutableBufferPointer { buffer in
        let pointers = offsets.map { offset in buffer.baseAddress.map { $0 + offset } } + [nil]
        return pointers.withUnsafeBufferPointer { body($0.baseAddress) }
    }
}

private func withCString<T>(_ string: String?, _ body: (UnsafePointer<CChar>?) -> T) -> T {
    guard let string else { return body(nil) }
    return string.withCString { body($0) }
}
