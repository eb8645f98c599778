import Testing

@testable import Agent

/// More tasks than may run at once: who waits, and who comes next.
@Suite struct TaskSlotsTests {
    @Test func tasksBeyondTheSlotsWaitInOrder() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host, slots: 2)
            let ids = (0..<6).map { "task-\($0)" }
            await agent.table.accept(ids.map { .plain($0) })
            let directories = try ids.map { try host.store().directory(of: $0).path }
            for number in 0..<6 {
                try await eventually { host.launches.count == min(number + 2, 6) }
                await settle()
                #expect(host.launches == Array(directories.prefix(min(number + 2, 6))))
                try await host.supervisor(of: ids[number]).finish()
            }
            try await agent.finishAll()
            #expect(ids.allSatisfy { agent.service.finish(of: $0)?.result == "SUCCESS" })
        }
    }

    @Test func aTaskThatIsReadyLaterKeepsItsPlaceInTheOrder() async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host, slots: 2)
            let ids = (0..<4).map { "task-\($0)" }
            let directories = try ids.map { try host.store().directory(of: $0).path }
            let released = Wakeup()
            agent.service.answer = { call in
                if call.taskID == "task-0", call.action == "ReportTaskStart" { _ = await released.wait() }
                return .taken
            }
            await agent.table.accept(ids.map { .plain($0) })
            try await eventually { ids.allSatisfy { agent.service.actions(of: $0) == ["ReportTaskStart"] } }
            await settle()
            #expect(host.launches == [directories[1]])
            released.signal()
            try await eventually { host.launches.count == 2 }
            await settle()
            #expect(host.launches == [directories[1], directories[0]])
            for number in [1, 2, 3, 0] { try await host.supervisor(of: ids[number]).finish() }
            try await agent.finishAll()
            #expect(host.launches == [1, 0, 2, 3].map { directories[$0] })
        }
    }

    /// Not written down, without a user, refused, and cancelled: none of them holds up the one after it.
    @Test(arguments: 0..<4)
    func aTaskThatDoesNotRunLeavesItsSlotToTheNext(how: Int) async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host, slots: 1)
            agent.service.answer = { call in
                guard call.taskID == "first" else { return .taken }
                return how == 2 && call.action == "ReportTaskStart"
                    ? .error("ResourceNotFound")
                    : call.action == "ReportTaskFinish" ? .silence : .taken
            }
            if how == 0 {
                agent.files.fail { _, path in path.contains("/first") ? FileError(.noSpace, "no space left") : nil }
            }
            let users = how == 1 ? ["Username": "nobody"] as JSON.Object : [:]
            let accepted = agent.table.take([.plain("first", users), .plain("second")])
            if how == 3 { agent.table.cancel("first") }
            for acceptance in accepted { await acceptance.value }
            try await eventually { try host.launches(of: "second") == 1 }
            #expect(try host.launches(of: "first") == 0)
            try await host.supervisor(of: "second").finish()
            try await eventually { agent.service.finish(of: "second")?.result == "SUCCESS" }
        }
    }

    @Test(arguments: [true, false])
    func aCancelledTaskNeedsNoSlotToEnd(whileItsStartIsReported: Bool) async throws {
        try await onLoop {
            let host = FakeHost()
            let agent = try TestAgent(on: host, slots: 1)
            await agent.accept("running")
            _ = try await host.supervisor(of: "running")
            let released = Wakeup()
            agent.service.answer = { call in
                if whileItsStartIsReported, call.taskID == "waiting" { _ = await released.wait() }
                return .taken
            }
            await agent.accept("waiting")
            try await eventually { agent.service.actions(of: "waiting") == ["ReportTaskStart"] }
            if !whileItsStartIsReported { await settle() }
            agent.table.cancel("waiting")
            agent.service.answer = { _ in .taken }
            released.signal()
            try await eventually { agent.service.finish(of: "waiting") != nil }
            #expect(agent.service.finish(of: "waiting")?.result == "TERMINATED")
            #expect(host.launches.count == 1)
            await agent.accept("next")
            await settle()
            #expect(host.launches.count == 1)
            try await host.supervisor(of: "running").finish()
            try await host.supervisor(of: "next").finish()
            try await agent.finishAll()
        }
    }
}
