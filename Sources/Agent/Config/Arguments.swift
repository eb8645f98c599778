/// The command line (protocol §8).
public enum Arguments: Equatable, Sendable {
    /// The agent itself; `detach`: as a daemon where the system has such a thing.
    case run(consoleLog: Bool, detach: Bool)
    /// The version; `verbose`: and the parts that the program is made of.
    case version(verbose: Bool)
    case help
    case register(region: String, code: String, value: String)
    /// Own one task, or, without a directory, make supervisors on demand; what the agent starts itself.
    case supervise(directory: String?)
    /// Not understood; the reason.
    case invalid(String)

    /// - Parameter arguments: without the name of the program.
    public init(_ arguments: [String]) {
        self = Self.parse(arguments)
    }

    private static func parse(_ arguments: [String]) -> Arguments {
        var consoleLog = false
        var detach = true
        switch arguments.first {
        case "register":
            guard arguments.count == 4, !arguments.dropFirst().contains("") else {
                return .invalid("register takes REGION, ID and VALUE")
            }
            return .register(region: arguments[1], code: arguments[2], value: arguments[3])
        case "supervise":
            if arguments.count == 1 { return .supervise(directory: nil) }
            guard arguments.count == 2, arguments[1].hasPrefix("/") || arguments[1].dropFirst().hasPrefix(":") else {
                return .invalid("supervise takes the absolute path of a task directory")
            }
            return .supervise(directory: arguments[1])
        default:
            break
        }
        for argument in arguments {
            switch argument {
            case "-V", "--version": return .version(verbose: arguments.contains("--verbose"))
            case "--verbose" where arguments.contains("-V") || arguments.contains("--version"): continue
            case "-h", "--help": return .help
            case "-c", "--console-log": consoleLog = true
            case "-n", "--no-daemon": detach = false
            default: return .invalid("unknown argument \(argument)")
            }
        }
        return .run(consoleLog: consoleLog, detach: detach)
    }

    public static let usage = """
        tat_agent \(agentVersion): runs what the TAT service asks of this machine

        usage: tat_agent [OPTION]...
               tat_agent register REGION ID VALUE

          -c, --console-log   write the log to the terminal instead of the file
          -n, --no-daemon     stay in the foreground
          -V, --version       print the version and end; --verbose: the parts and their licences, too
          -h, --help          print this and end

        register makes this machine known to the service, with the values that its console gives.
        """
}
