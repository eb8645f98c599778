/// The life of one task on this agent: report the start, see that it has a supervisor, report its output and its end.
///
/// What has been done already, by this agent or an earlier one, is read off the task directory.
@LoopActor
final class TaskWorker {
    /// How the life of a task ended.
    enum End {
        /// All is reported.
        case reported
        /// The service did not want the task to start; it did not.
        case refused
    }

    private let record: TaskRecord
    private let directory: TaskDirectory
    private let launcher: any Launcher
    private let worker: any Worker
    private let machine: any Machine
    private let clock: any WallClock
    private let slots: Gate
    private let ticket: Gate.Ticket
    private let hasEnded: @LoopActor () -> Void
    private let isWrittenDown: Bool
    private let log: Log
    private let reporter: TaskReporter
    private let outputUpload: OutputUpload
    private let wakeup = Wakeup()
    private var link: (any SupervisorLink)?
    /// How many bytes of output there are, once that is known before the exit is.
    private var wholeSize: Int64?
    private var upload: Task<Void, Never>?
    private var isUploadDue = false
    /// Repeats the report of the start, as long as the service has not heard of it.
    private var startReport: Task<Void, Never>?

    /// - Parameters:
    ///   - outputUpload: that of all tasks; without one the task has its own.
    ///   - ticket: for `slots`; it may have lined up already.
    ///   - progress: how far earlier agents have come.
    ///   - end: the end of a task that could not even be written down.
    ///   - hasEnded: called when the script has ended, and its reports may have to wait.
    init(
        record: TaskRecord,
        directory: TaskDirectory,
        platform: any Platform,
        api: InvokeAPI,
        outputUpload: OutputUpload? = nil,
        slots: Gate,
        ticket: Gate.Ticket = Gate.Ticket(),
        log: Log,
        progress: TaskProgress = TaskProgress(),
        end: TaskExit? = nil,
        hasEnded: @escaping @LoopActor () -> Void = {}
    ) {
        knownExit = end
        isWrittenDown = end == nil
        self.hasEnded = hasEnded
        self.record = record
        self.directory = directory
        launcher = platform.launcher
        worker = platform.worker
        machine = platform.machine
        clock = platform.clock
        self.slots = slots
        self.ticket = ticket
        self.outputUpload = outputUpload ?? OutputUpload(platform: platform, api: api, log: log)
        self.log = log
        reporter = TaskReporter(
            id: record.id,
            directory: directory,
            api: api,
            clock: platform.clock,
            log: log,
            progress: progress
        )
    }

    /// Asks the task to end: at once when it has not started, else through its supervisor.
    func cancel() {
        do throws(FileError) {
            try directory.cancel()
        } catch {
            log.error("task \(record.id): the cancel cannot be recorded: \(error)")
        }
        link?.poke()
        // It needs no slot to end.
        slots.admit(ticket)
    }

    /// Lives the task to its end, and says then how it ended.
    ///
    /// While it waits for a slot there is no Swift task of it: that would take kilobytes.
    func live(_ whenOver: @escaping @LoopActor (End) -> Void) {
        spawn { [self] in
            guard isWrittenDown, !hasExit else {
                slots.leave(ticket)
                await finish()
                return whenOver(.reported)
            }
            let adoption = launcher.adopt(directory: directory.path)
            if case .unclaimed = adoption, await reporter.tryStart() == .refused {
                slots.leave(ticket)
                return whenOver(.refused)
            }
            // Where the service did not hear of the start, the script does not wait until it has.
            if reporter.progress.start != .settled { startReport = spawn { [self] in await settleStart() } }
            slots.enter(ticket) { [self] in
                spawn { [self] in
                    await supervise(adoption)
                    slots.leave(ticket)
                    await finish()
                    whenOver(.reported)
                }
            }
        }
    }

    private func settleStart() async {
        await reporter.settleStart()
        startReport = nil
        uploadSoon()
    }

    /// Reports all that is left to report of a task that has ended.
    @inline(never)
    private func finish() async {
        // No start is reported of what an agent that takes over would not know of: the service would wait for ever.
        if isWrittenDown {
            hasEnded()
            await startReport?.value
            await reporter.settleStart()
        }
        await report()
    }

    // MARK: - Supervisor and output

    /// How often a supervisor that ended before it claimed the task is followed by another.
    private static let launchAttempts = 3

    /// How long what cannot be told now is left alone.
    private static let patience = Duration.seconds(1)

    /// Follows the task until its exit is known, uploading output on the way.
    private func supervise(_ adoption: Adoption) async {
        var adoption = adoption
        var attempts = 0
        while true {
            switch adoption {
            case .alive(let link):
                await follow(link)
            case .gone:
                await loseSupervisor()
            case .unknown(let reason):
                log.error("task \(record.id): its supervisor cannot be asked: \(reason)")
                await sleep(for: Self.patience)
            case .unclaimed:
                guard mayLaunch(after: attempts) else { break }
                await launch(again: attempts > 0)
                attempts += 1
            }
            if hasExit { return }
            adoption = launcher.adopt(directory: directory.path)
        }
    }

    /// Whether a task that no supervisor has claimed may be started; if not, it has ended.
    ///
    /// Never inlined, as what else deals with ends: an async function keeps room for what it does as long as it lasts,
    /// and a thousand of them wait for scripts at once.
    @inline(never)
    private func mayLaunch(after attempts: Int) -> Bool {
        if directory.isCancelled {
            end(TaskExit(.terminated, finishedAt: now))
        } else if record.bootID != machine.bootID {
            // A claim is not made durable: a power failure can have taken it.
            let reason = "the machine restarted before the task ran, or as it began"
            end(TaskExit(.failed, errorInfo: reason, finishedAt: now))
        } else if attempts == Self.launchAttempts {
            end(TaskExit(.spawnFailed("its supervisor ended before the script started"), finishedAt: now))
        } else {
            return true
        }
        return false
    }

    /// The supervisor was killed, or everything was by a restart of the machine: what it left behind is ended, and
    /// nobody knows how the script would have.
    @inline(never)
    private func loseSupervisor() async {
        do throws(FileError) {
            // Its last act may have been the exit, just after we looked.
            if try directory.readExit() != nil { return }
        } catch {
            log.error("task \(record.id): its end cannot be read: \(error)")
            return await sleep(for: Self.patience)
        }
        guard record.bootID == machine.bootID else {
            end(TaskExit(.failed, errorInfo: "the machine restarted while the task ran", finishedAt: now))
            return
        }
        let ended = await EventLoop.shared.offload(to: worker) { [launcher, id = record.id] in
            launcher.endOrphans(of: id)
        }
        log.warning("task \(record.id): its supervisor was killed, \(ended) processes that it left were ended")
        end(TaskExit(.failed, errorInfo: "the task's supervisor was killed while the task ran", finishedAt: now))
    }

    private func launch(again: Bool) async {
        do throws(LaunchError) {
            await follow(try launcher.launch(directory: directory.path, again: again))
        } catch {
            log.error("task \(record.id): \(error)")
            end(TaskExit(.spawnFailed(error.description), finishedAt: now))
        }
    }

    /// Reports output until the supervisor is done or gone.
    private func follow(_ link: any SupervisorLink) async {
        self.link = link
        if directory.isCancelled { link.poke() }
        uploadSoon()
        news: while true {
            switch await link.news() {
            case .output: break
            case .wholeOutput:
                let size = directory.outputSize()
                // Of what reaches the limit, the exit tells how much more there was.
                if size < Int64(Chunker.uploadLimit) { wholeSize = size }
            case .over: break news
            }
            uploadSoon()
        }
        link.close()
        self.link = nil
        wakeup.signal()
        await upload?.value
    }

    /// Has the output uploaded as far as it is due. The Swift task for it is only there while it has something to do: a
    /// thousand of them would take megabytes.
    private func uploadSoon() {
        isUploadDue = true
        if upload != nil { return wakeup.signal() }
        guard link != nil, reporter.progress.start == .settled else { return }
        upload = spawn { [self] in
            while isUploadDue, link != nil {
                isUploadDue = false
                await reporter.uploadOutput(total: wholeSize)
                guard !isUploadDue, let dueTime = reporter.dueTime else { continue }
                _ = await wakeup.wait(atMost: max(.zero, dueTime - .now))
                isUploadDue = true
            }
            upload = nil
        }
    }

    // MARK: - The end

    /// The stored output, which waits for the service, in bytes. What is to go to object storage does not count: it has
    /// a limit of its own (`TaskIntake.wholeOutputLimit`), and waits until its upload has ended.
    var waitingOutput: Int64 { isOutputWanted ? 0 : directory.outputSize() }

    /// Gives the stored output up, as far as it is not uploaded, for want of room.
    func dropOutput() {
        guard !isOutputWanted else { return }
        log.warning("task \(record.id): its waiting output is dropped, too much of it waits for the service")
        directory.dropOutput()
    }

    /// The stored output, which waits for object storage, in bytes.
    var wholeOutput: Int64 { isOutputWanted ? directory.outputSize() : 0 }

    /// Gives the upload to object storage up, for want of room. What goes to the service stays.
    func giveUpWholeOutput() {
        guard isOutputWanted else { return }
        let reason = "too much output waited on the disk for object storage, this was the oldest"
        log.warning("task \(record.id): its output is not uploaded: \(reason)")
        reporter.settleOutput(.failed(reason: reason))
        directory.shortenOutput()
    }

    @inline(never)
    private func report() async {
        guard let exit else { return }
        await reporter.uploadOutput(total: exit.outputBytes)
        await settleOutput(exit)
        await reporter.reportEnd(exit)
        log.info("task \(record.id): \(exit.result.rawValue), exit code \(exit.exitCode), reported")
    }

    /// Whether the whole output is to go to object storage, and no agent has seen to it yet.
    private var isOutputWanted: Bool { !record.cosBucketURL.isEmpty && reporter.progress.output == nil }

    /// Uploads the whole output, where that is wanted.
    private func settleOutput(_ exit: TaskExit) async {
        guard isOutputWanted, exit.result != .startFailed else { return }
        guard directory.hasOutput else {
            // Nothing to upload, unless something was there.
            if exit.outputBytes > 0 { reporter.settleOutput(.failed(reason: "the output is gone from the disk")) }
            return
        }
        let size = directory.outputSize()
        let outcome = await outputUpload.run(record, from: directory.outputPath, isWanted: { self.isOutputWanted })
        // It may have been given up meanwhile.
        guard isOutputWanted else { return }
        reporter.settleOutput(outcome)
        guard case .stored = outcome else { return }
        log.info("task \(record.id): its output was uploaded, \(size) of \(exit.outputBytes) bytes")
    }

    /// How the task ended; `nil` while it has not.
    private var exit: TaskExit? {
        @inline(never)
        get {
            knownExit = knownExit ?? directory.exit()
            return knownExit
        }
    }

    private var hasExit: Bool {
        @inline(never)
        get { exit != nil }
    }

    /// As read before, or one that the disk did not take.
    private var knownExit: TaskExit?

    @inline(never)
    private func end(_ exit: TaskExit) {
        var exit = exit
        exit.outputBytes = directory.outputSize()
        do throws(FileError) {
            try directory.end(exit)
        } catch {
            log.error("task \(record.id): its end cannot be recorded: \(error)")
            knownExit = exit
        }
    }

    private var now: Int64 { clock.unixSeconds }
}
