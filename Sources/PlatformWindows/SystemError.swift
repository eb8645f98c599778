import Agent
import CShims

/// A failed call of Windows: what was tried, and the error's number.
package struct SystemError: Error, CustomStringConvertible {
    package let call: String
    package let code: DWORD

    /// Takes GetLastError, so it has to be made right after the call.
    package init(_ call: String) {
        self.init(call, code: shim_win_GetLastError())
    }

    package init(_ call: String, code: DWORD) {
        self.call = call
        self.code = code
    }

    /// The system's words for the error, such as "Access is denied. (error 5)".
    package var reason: String { systemMessage(code) }

    package var description: String { "\(call): \(reason)" }
}

/// The words of FormatMessageW for an error's number, and the number, by which it can be looked up in any language.
package func systemMessage(_ code: DWORD) -> String {
    let text = WideText.string { buffer, count in shim_win_FormatMessage(code, buffer, count) }
    let words = (text ?? "").trimmed
    return words.isEmpty ? "error \(code)" : "\(words) (error \(code))"
}

extension String {
    /// Without white space and line ends at its end.
    fileprivate var trimmed: String {
        var text = self[...]
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }
}
