import Agent
import CShims

/// Why a command ended early: what to say, and the exit code to end with.
struct Failure: Error {
    let message: String
    let exitCode: Int32

    init(_ message: String, exitCode: Int32 = ExitCode.unavailable) {
        self.message = message
        self.exitCode = exitCode
    }

    /// A failed system call. Takes errno, so it has to be made right after the call.
    static func system(_ call: String) -> Failure {
        let code = shim_errno()
        let reason = strerror(code).map { String(cString: $0) } ?? "error \(code)"
        return Failure("\(call): \(reason)")
    }
}

/// The exit codes that are not a script's own.
enum ExitCode {
    static let usage: Int32 = 2
    static let unavailable: Int32 = 69
    static let timedOut: Int32 = 124
    static let startFailed: Int32 = 125
    static let interrupted: Int32 = 130
    static let terminated: Int32 = 143
}

/// The two clocks of the hub.
enum Clock {
    /// CLOCK_MONOTONIC: goes on across restarts of the hub, starts anew with the machine.
    static var microseconds: Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000
    }

    /// Milliseconds since 1970.
    static var unixMilliseconds: Int64 {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Int64(now.tv_sec) * 1000 + Int64(now.tv_nsec) / 1_000_000
    }
}

/// Repeats a system call that a signal interrupted.
func retrying<T: FixedWidthInteger & SignedInteger>(_ call: () -> T) -> T {
    while true {
        let result = call()
        if result != -1 || shim_errno() != EINTR { return result }
    }
}

/// Writes all of it to a descriptor, waiting where it has to; whether that went well.
@discardableResult
func writeAll(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var sent = 0
    while sent < bytes.count {
        let count = bytes.withUnsafeBytes { buffer in
            let rest = UnsafeRawBufferPointer(rebasing: buffer[sent...])
            return retrying { write(descriptor, rest.baseAddress, rest.count) }
        }
        if count > 0 {
            sent += count
        } else if count < 0, shim_errno() == EAGAIN {
            var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
            _ = retrying { poll(&ready, 1, -1) }
        } else {
            return false
        }
    }
    return true
}

/// Says something on standard error.
func note(_ message: String) {
    writeAll(Array("tat_hub: \(message)\n".utf8), to: STDERR_FILENO)
}

/// Says something on standard output, at once.
@discardableResult
func say(_ line: String) -> Bool {
    writeAll(Array((line + "\n").utf8), to: STDOUT_FILENO)
}

/// Unpredictable bytes (getrandom(2)).
func randomBytes(_ count: Int) throws(Failure) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    guard retrying({ getrandom(&bytes, count, 0) }) == count else { throw .system("getrandom") }
    return bytes
}

/// Bytes as lower-case hexadecimal digits.
func hexadecimal(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}

/// An environment variable, `nil` when unset or empty.
func environment(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
}

/// Text from elsewhere, made fit for a terminal: control characters are shown, not obeyed.
func printable(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate:
            result += "\\u{\(String(scalar.value, radix: 16))}"
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}

extension JSON {
    init(_ text: String?) { self = text.map { .string($0) } ?? .null }
    init(_ number: Int64?) { self = number.map { .integer($0) } ?? .null }
    init(_ number: Int?) { self = number.map { .integer(Int64($0)) } ?? .null }
}
