import Testing

@testable import Agent

@Suite struct PingSenderTests {
    @Test func theNumbersAreTheProtocols() async throws {
        try await onLoop {
            #expect(PingSender.interval == .seconds(120))
            #expect(PingSender.patience == 3)
        }
    }

    @Test func givesUpAfterThreePingsWithoutAPong() async throws {
        try await onLoop {
            let connection = FakeConnection()
            let start = ContinuousClock.now
            let sender = PingSender(connection: connection, log: TestLog().log(), interval: .milliseconds(20))
            await sender.run()
            // The third ping has as long for its pong as the others.
            #expect(ContinuousClock.now - start >= .milliseconds(80))
            #expect(connection.pings == 3)
            #expect(connection.closes.map(\.code) == [1001])
            #expect(connection.closes.map(\.reason) == ["cli_active_close"])
        }
    }

    @Test func aPongBeginsTheCountAnew() async throws {
        try await onLoop {
            let connection = FakeConnection()
            let sender = PingSender(connection: connection, log: TestLog().log(), interval: .milliseconds(5))
            connection.onPing = { if connection.pings < 12, connection.pings % 3 == 0 { sender.pongArrived() } }
            await sender.run()
            #expect(connection.pings == 12)
            #expect(connection.closes.map(\.code) == [1001])
        }
    }

    @Test func endsWithItsTask() async throws {
        try await onLoop {
            let connection = FakeConnection()
            let sender = PingSender(connection: connection, log: TestLog().log(), interval: .seconds(3600))
            var isOver = false
            let task = spawn {
                await sender.run()
                isOver = true
            }
            await settle()
            task.cancel()
            try await eventually { isOver }
            #expect(connection.pings == 0)
            #expect(connection.closes.isEmpty)
        }
    }
}
