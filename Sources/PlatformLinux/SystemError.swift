import Agent
import CShims

/// A failed system call: what was tried, and errno.
struct SystemError: Error, CustomStringConvertible {
    let call: String
    let code: Int32

    /// Takes errno, so it has to be made right after the call.
    init(_ call: String) {
        self.init(call, code: shim_errno())
    }

    init(_ call: String, code: Int32) {
        self.call = call
        self.code = code
    }

    /// The system's words for the error, such as "Permission denied".
    var reason: String { systemMessage(code) }

    var description: String { "\(call): \(reason)" }
}

/// The words of strerror(3) for an error number.
func systemMessage(_ code: Int32) -> String {
    guard let text = strerror(code) else { return "error \(code)" }
    return String(cString: text)
}
