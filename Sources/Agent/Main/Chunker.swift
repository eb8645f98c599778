/// Which bytes of a task's output the next `UploadTaskLog` carries (protocol §3).
enum Chunker {
    /// The most output that is uploaded of a task, in bytes.
    static let uploadLimit = 24_576
    /// A chunk goes out when this many bytes wait, and holds no more.
    static let chunkSize = 4096
    /// …or when the first of them has waited so long.
    static let delay = Duration.seconds(1)

    enum Decision: Equatable {
        /// Upload so many bytes, at least one.
        case upload(Int)
        /// Not yet; more may come.
        case wait
        /// Nothing more will ever be uploaded.
        case done
    }

    /// - Parameters:
    ///   - stored: what is stored from `offset` on, `chunkSize` bytes at the most.
    ///   - offset: how much is uploaded.
    ///   - total: all that the script wrote, once it has ended; before, `nil`.
    ///   - overdue: whether the first stored byte has waited for `delay`.
    static func decide(stored: [UInt8], offset: Int64, total: Int64?, overdue: Bool) -> Decision {
        let room = Int64(uploadLimit) - offset
        let window = stored.prefix(Int(max(0, min(room, Int64(chunkSize)))))
        let reach = offset + Int64(window.count)
        if let total, reach >= total {
            // The last of it: bytes of a character that never became whole go as they are.
            return window.isEmpty ? .done : .upload(window.count)
        }
        // A character that is cut off by the limit is not begun.
        let whole = UTF8Prefix.completeLength(of: window)
        let isFull = window.count == chunkSize || Int64(window.count) >= room
        if whole > 0, isFull || overdue || total != nil { return .upload(whole) }
        return isFull || total != nil ? .done : .wait
    }
}
