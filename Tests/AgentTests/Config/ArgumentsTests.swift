import Testing

@testable import Agent

@Suite struct ArgumentsTests {
    @Test func withoutAnyItRunsAsADaemon() {
        #expect(Arguments([]) == .run(consoleLog: false, detach: true))
    }

    @Test(arguments: [
        (["-c"], true, true), (["--console-log"], true, true), (["-n"], false, false), (["--no-daemon"], false, false),
        (["-c", "-n"], true, false), (["-n", "-c"], true, false), (["-n", "-n"], false, false),
    ])
    func optionsOfARun(arguments: [String], consoleLog: Bool, detach: Bool) {
        #expect(Arguments(arguments) == .run(consoleLog: consoleLog, detach: detach))
    }

    @Test func versionAndHelp() {
        for arguments in [["-V"], ["--version"], ["-c", "-V"], ["-V", "nonsense"]] {
            #expect(Arguments(arguments) == .version(verbose: false))
        }
        for arguments in [["-V", "--verbose"], ["--verbose", "--version"], ["--version", "--verbose", "-c"]] {
            #expect(Arguments(arguments) == .version(verbose: true))
        }
        expectInvalid(["--verbose"])
        for arguments in [["-h"], ["--help"], ["-n", "--help"]] { #expect(Arguments(arguments) == .help) }
    }

    @Test func registration() {
        let expected = Arguments.register(region: "ap-mars", code: "id", value: "-V")
        #expect(Arguments(["register", "ap-mars", "id", "-V"]) == expected)
        let wrong = [
            ["register"], ["register", "a"], ["register", "a", "b"], ["register", "a", "b", "c", "d"],
            ["register", "", "b", "c"], ["register", "a", "", "c"], ["register", "a", "b", ""],
        ]
        for arguments in wrong { expectInvalid(arguments) }
    }

    @Test func supervision() {
        #expect(Arguments(["supervise", "/var/task"]) == .supervise(directory: "/var/task"))
        #expect(Arguments(["supervise", #"C:\state\task"#]) == .supervise(directory: #"C:\state\task"#))
        #expect(Arguments(["supervise"]) == .supervise(directory: nil))
        for arguments in [["supervise", ""], ["supervise", "task"], ["supervise", "/a", "/b"]] {
            expectInvalid(arguments)
        }
    }

    @Test(arguments: [["-x"], ["--versio"], [""], ["run"], ["-cn"], ["-n", "register", "a", "b", "c"], ["-", "--"]])
    func anythingElseIsNotUnderstood(arguments: [String]) {
        expectInvalid(arguments)
    }

    private func expectInvalid(_ arguments: [String]) {
        guard case .invalid(let reason) = Arguments(arguments) else {
            Issue.record("\(arguments) are understood")
            return
        }
        #expect(!reason.isEmpty)
    }

    @Test func theHelpTellsOfEverythingThatIsForPeople() {
        for option in ["-c, --console-log", "-n, --no-daemon", "-V, --version", "-h, --help", "register REGION ID"] {
            #expect(Arguments.usage.contains(option))
        }
        #expect(!Arguments.usage.contains("supervise"))
        #expect(Arguments.usage.contains(agentVersion))
    }
}
