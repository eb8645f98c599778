/// Reports one task to the service, in order: start, output, end (protocol §3). Each step is noted on disk before it is
/// tried and after it is settled, and tried until the service has taken or refused it.
@LoopActor
final class TaskReporter {
    /// What became of a call.
    enum Outcome: Equatable { case taken, refused, undelivered }

    private let id: String
    private let directory: TaskDirectory
    private let api: InvokeAPI
    private let clock: any WallClock
    private let log: Log
    private(set) var progress: TaskProgress

    init(
        id: String,
        directory: TaskDirectory,
        api: InvokeAPI,
        clock: any WallClock,
        log: Log,
        progress: TaskProgress
    ) {
        self.id = id
        self.directory = directory
        self.api = api
        self.clock = clock
        self.log = log
        self.progress = progress
    }

    // MARK: - The start

    /// Tries once to report the start. `refused` is only told when no earlier try can have been taken.
    func tryStart() async -> Outcome {
        guard progress.start != .settled else { return .taken }
        let isFirst = progress.start == .notSent
        note(.startSent)
        let outcome = await attempt(
            "ReportTaskStart",
            ["InvocationTaskId": .string(id), "TimeStamp": .integer(clock.unixSeconds)]
        )
        switch outcome {
        case .taken:
            note(.startSettled)
        case .refused where !isFirst:
            // The refusal may be of the repetition alone, so the task goes on.
            note(.startSettled)
            return .taken
        case .refused, .undelivered:
            break
        }
        return outcome
    }

    /// Reports the start until the service has heard of it.
    func settleStart() async {
        var backoff = Backoff()
        while await tryStart() == .undelivered { await sleep(for: backoff.pause()) }
    }

    // MARK: - The output

    /// Uploads what there is to upload of the output, chunk by chunk: all of it once it is known how many bytes there
    /// are in all.
    func uploadOutput(total: Int64?) async {
        while true {
            if let chunk = progress.pending, !(await upload(chunk)) { return }
            let stored = (try? directory.output(from: progress.nextOffset, count: Chunker.chunkSize)) ?? []
            let isOverdue = dueTime.map { $0 <= .now } ?? false
            let decision = Chunker.decide(
                stored: stored,
                offset: progress.nextOffset,
                total: total,
                overdue: isOverdue
            )
            switch decision {
            case .upload(let length):
                let chunk = TaskProgress.Chunk(index: progress.nextIndex, offset: progress.nextOffset, length: length)
                guard plan(chunk, isLasting: total != nil) else {
                    dueTime = .now + Chunker.delay
                    return
                }
                dueTime = nil
            case .wait:
                if stored.isEmpty {
                    dueTime = nil
                } else if dueTime == nil || isOverdue {
                    dueTime = .now + Chunker.delay
                }
                return
            case .done:
                dueTime = nil
                return
            }
        }
    }

    /// When stored bytes that are too few to be sent yet have to be looked at again; `nil` when there are none.
    private(set) var dueTime: ContinuousClock.Instant?

    /// Uploads one chunk; `false` when its bytes cannot be read any more.
    private func upload(_ chunk: TaskProgress.Chunk) async -> Bool {
        let bytes: [UInt8]
        do {
            bytes = try directory.output(from: chunk.offset, count: chunk.length)
            guard bytes.count == chunk.length else {
                log.error(
                    "task \(id): \(chunk.length - bytes.count) bytes of chunk \(chunk.index) are gone from the disk"
                )
                return false
            }
        } catch {
            log.error("task \(id): its output cannot be read: \(error)")
            return false
        }
        await deliver(
            "UploadTaskLog",
            [
                "InvocationTaskId": .string(id),
                "Index": .integer(chunk.index),
                "Output": .string(Base64.encode(bytes)),
                "Dropped": 0,
            ]
        )
        note(.chunkSettled(index: chunk.index))
        return true
    }

    // MARK: - The end

    /// Notes what became of the whole output, for the report of the end.
    func settleOutput(_ outcome: OutputUpload.Outcome) { note(.outputSettled(outcome)) }

    /// Reports how many bytes were not uploaded, if any, and how the task ended.
    func reportEnd(_ exit: TaskExit) async {
        let dropped = exit.outputBytes - progress.nextOffset
        if dropped > 0, !progress.dropReported {
            await deliver(
                "UploadTaskLog",
                [
                    "InvocationTaskId": .string(id),
                    "Index": .integer(progress.nextIndex),
                    "Output": "",
                    "Dropped": .integer(dropped),
                ]
            )
            note(.dropReported)
        }
        var (url, failure) = ("", "")
        switch progress.output {
        case .stored(let address): url = address
        case .failed(let reason): failure = reason
        case nil: break
        }
        let finish: JSON.Object = [
            "InvocationTaskId": .string(id),
            "TimeStamp": .integer(exit.finishedAt),
            "Result": .string(exit.result.rawValue),
            "ErrorInfo": .string(exit.errorInfo),
            "ExitCode": .integer(exit.exitCode),
            "FinalLogIndex": progress.nextIndex > 0 ? .integer(progress.nextIndex - 1) : nil,
            "OutputUrl": .string(url),
            "OutputUploadCOSErrorInfo": .string(failure),
        ]
        guard await deliver("ReportTaskFinish", finish) == .refused, progress.start == .notSent else { return }
        // A task that could not be written down: it may be that the service takes no end without a start.
        await settleStart()
        await deliver("ReportTaskFinish", finish)
    }

    // MARK: - Calls

    /// Calls until the service has taken or refused the report.
    @discardableResult
    private func deliver(_ action: String, _ fields: JSON.Object) async -> Outcome {
        var backoff = Backoff()
        while true {
            let outcome = await attempt(action, fields)
            guard outcome == .undelivered else { return outcome }
            await sleep(for: backoff.pause())
        }
    }

    private func attempt(_ action: String, _ fields: JSON.Object) async -> Outcome {
        do throws(InvokeFailure) {
            _ = try await api.call(action, fields)
            return .taken
        } catch {
            switch error.kind {
            case .refused:
                log.warning("task \(id): \(action) \(error)")
                return .refused
            case .undelivered:
                log.warning("task \(id): \(action) \(error); trying again")
                return .undelivered
            }
        }
    }

    /// Notes that a chunk is about to be sent; `false` when it must not be: without the note, a later agent might send
    /// other bytes under its index.
    ///
    /// - Parameter isLasting: whether any agent would come to the same chunk, as it is once all output is there.
    private func plan(_ chunk: TaskProgress.Chunk, isLasting: Bool) -> Bool {
        guard write(.chunkPlanned(chunk)) || isLasting else { return false }
        progress.note(.chunkPlanned(chunk))
        return true
    }

    /// Notes an entry on disk, too. When the disk takes no more, the entry holds for this agent at least.
    private func note(_ entry: TaskProgress.Entry) {
        progress.note(entry)
        _ = write(entry)
    }

    /// Whether the disk took the entry.
    private func write(_ entry: TaskProgress.Entry) -> Bool {
        do throws(FileError) {
            try directory.note(entry)
            return true
        } catch {
            log.error("task \(id): its progress cannot be noted: \(error)")
            return false
        }
    }
}
