import CShims

/// Text as Windows has it: UTF-16, ended by NUL. A NUL inside of a Swift string ends it there.
package enum WideText {
    /// What a call such as GetModuleFileNameW writes into a buffer, of which it returns how much it filled, 0 on failure,
    /// and more than that or as much when it is too small. At most 64 Ki characters.
    package static func string(_ fill: (UnsafeMutablePointer<WCHAR>?, DWORD) -> DWORD) -> String? {
        var capacity = 512
        while capacity <= 1 << 16 {
            var length = 0
            let text = [WCHAR](unsafeUninitializedCapacity: capacity) { buffer, initialized in
                length = Int(fill(buffer.baseAddress, DWORD(capacity)))
                initialized = length < capacity ? length : 0
            }
            if length == 0 { return nil }
            if length < capacity { return String(decoding: text, as: UTF16.self) }
            capacity = max(capacity * 2, length + 1)
        }
        return nil
    }
}

extension String {
    /// Lends the text as UTF-16, ended by NUL.
    package func withWide<T>(_ body: (UnsafePointer<WCHAR>) throws -> T) rethrows -> T {
        try withCString(encodedAs: UTF16.self, body)
    }

    /// The text as UTF-16 with a NUL behind it.
    package var wide: [WCHAR] { Array(utf16.prefix { $0 != 0 }) + [0] }

    /// Reads UTF-16 up to its NUL.
    package init(wide: UnsafePointer<WCHAR>) {
        self = String(decodingCString: wide, as: UTF16.self)
    }
}
