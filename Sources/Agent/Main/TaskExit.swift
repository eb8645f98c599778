/// How a task ended, in the service's words (protocol §3).
public enum TaskResult: String, Sendable {
    case success = "SUCCESS"
    case failed = "FAILED"
    case timeout = "TIMEOUT"
    case terminated = "TERMINATED"
    case startFailed = "START_FAILED"
}

/// The end of a task: a line of the task's file, of which the first one stands.
public struct TaskExit: Equatable, Sendable {
    public var result: TaskResult
    /// The script's, or -1 when it left none.
    public var exitCode: Int64
    /// Why, when there is more to say than the result; else empty.
    public var errorInfo: String
    /// Seconds since 1970.
    public var finishedAt: Int64
    /// All that the script wrote, in bytes, stored or not.
    public var outputBytes: Int64

    public init(
        _ result: TaskResult,
        exitCode: Int64 = -1,
        errorInfo: String = "",
        finishedAt: Int64,
        outputBytes: Int64 = 0
    ) {
        self.result = result
        self.exitCode = exitCode
        self.errorInfo = errorInfo
        self.finishedAt = finishedAt
        self.outputBytes = outputBytes
    }

    /// A task whose script did not start.
    public init(_ failure: StartFailure, finishedAt: Int64) {
        self.init(.startFailed, errorInfo: failure.description, finishedAt: finishedAt)
    }
}

/// Why a script did not start; the descriptions are the service's `ErrorInfo` (protocol §3).
public enum StartFailure: Error, Equatable, Sendable, CustomStringConvertible {
    case invalidCommand(String)
    case invalidUser(String)
    case userNotFound(String)
    case workingDirectoryNotFound(String)
    case invalidWorkingDirectory(String, reason: String)
    case scriptStoreFailed(String)
    case outputFileCreateFailed(String)
    case spawnFailed(String)

    public var description: String {
        switch self {
        case .invalidCommand(let reason): "InvalidCommand: \(reason)"
        case .invalidUser(let reason): "InvalidUser: \(reason)"
        case .userNotFound(let name): "InvalidUser: user `\(name)` not exists"
        case .workingDirectoryNotFound(let path): "InvalidWorkingDirectory: working_directory `\(path)` not exists"
        case .invalidWorkingDirectory(let path, let reason):
            "InvalidWorkingDirectory: working_directory `\(path)`: \(reason)"
        case .scriptStoreFailed(let reason): "ScriptStoreFailed: \(reason)"
        case .outputFileCreateFailed(let reason): "OutputFileCreateFailed: \(reason)"
        case .spawnFailed(let reason): "TaskSpawnFailed: \(reason)"
        }
    }
}

extension TaskExit {
    static let sizeLimit = 64 << 10

    private static let word = Array("exit ".utf8)

    /// The end as a line of the file, made as those of `TaskProgress` are.
    public var line: [UInt8] { [UInt8(ascii: "\n")] + Self.word + encoded + Array(" .\n".utf8) }

    /// The first end among the lines of the file; `nil` when there is none, or it was torn by a power failure.
    init?(linesOf bytes: [UInt8]) {
        for line in bytes.split(separator: UInt8(ascii: "\n")) where line.starts(with: Self.word) {
            guard line.suffix(2).elementsEqual(" .".utf8) else { continue }
            self.init(decoding: Array(line.dropFirst(Self.word.count).dropLast(2)))
            return
        }
        return nil
    }

    /// The record as JSON.
    var encoded: [UInt8] {
        let exit: JSON = [
            "result": .string(result.rawValue),
            "exitCode": .integer(exitCode),
            "errorInfo": .string(errorInfo),
            "finishedAt": .integer(finishedAt),
            "outputBytes": .integer(outputBytes),
        ]
        return exit.encoded()
    }

    /// `nil` when the bytes are not a whole record.
    init?(decoding bytes: [UInt8]) {
        guard let json = try? JSON.parse(bytes, limits: JSON.Limits(bytes: Self.sizeLimit)),
            let result = json["result"]?.string.flatMap(TaskResult.init(rawValue:)),
            let exitCode = json["exitCode"]?.int64,
            let errorInfo = json["errorInfo"]?.string,
            let finishedAt = json["finishedAt"]?.int64,
            let outputBytes = json["outputBytes"]?.int64, outputBytes >= 0
        else { return nil }
        self.init(
            result,
            exitCode: exitCode,
            errorInfo: errorInfo,
            finishedAt: finishedAt,
            outputBytes: outputBytes
        )
    }
}
