import Testing

@testable import Agent

/// What is kept on disk for an upload: its outcome, and the output itself.
@Suite struct COSProgressTests {
    private static let outcomes: [OutputUpload.Outcome] = [
        .stored(url: "https://b.test/a%20b.log"), .failed(reason: "a b\n. ü"),
    ]

    @Test(arguments: outcomes)
    func theOutcomeComesBackFromItsLine(outcome: OutputUpload.Outcome) {
        let line = TaskProgress.Entry.outputSettled(outcome).line
        #expect(TaskProgress(decoding: line).output == outcome)
        for kept in 0..<(line.count - 1) {
            let torn = Array(line.prefix(kept))
            #expect(TaskProgress(decoding: torn).output == nil)
            #expect(TaskProgress(decoding: torn + line) == TaskProgress(decoding: line))
        }
    }

    @Test func theFirstOutcomeStands() {
        let lines = Self.outcomes.flatMap { TaskProgress.Entry.outputSettled($0).line }
        #expect(TaskProgress(decoding: lines).output == Self.outcomes[0])
    }

    @Test(arguments: [
        "output stored .", "output lost YQ== .", "output stored Y .", "output YQ== .", "output stored YQ ==",
        "output stored YQ== YQ== .",
    ])
    func hostileLinesArePassedOver(line: String) {
        #expect(TaskProgress(decoding: Array((line + "\n").utf8)) == TaskProgress())
    }

    @Test func theWholeOutputIsKeptWhereItIsWanted() async throws {
        let platform = try await onLoop { FakePlatform() }
        let intake = TaskIntake(platform: platform)
        #expect(intake.take(.plain("t")).record.outputLimit == 24_576)
        #expect(intake.take(.plain("t", ["CosBucketUrl": "https://b.test"])).record.outputLimit == 1 << 30)
        #expect(intake.take(.plain("t", ["OutputCOSBucketUrl": "x"])).record.outputLimit == 1 << 30)
    }
}
