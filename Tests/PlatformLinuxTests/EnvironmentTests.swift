import CShims
import Foundation
import Testing

@testable import Agent
@testable import PlatformLinux

@Suite struct EnvironmentTests {
    private func parse(_ text: String) -> [String] {
        Environment.parse(etcEnvironment: Array(text.utf8)).map { "\($0.name)=\($0.value)" }
    }

    // MARK: - /etc/environment

    @Test(
        arguments: [
            ("A=b", ["A=b"]),
            ("A=b\n", ["A=b"]),
            ("A=b\nC=d", ["A=b", "C=d"]),
            ("A=b\r\nC=d\r\n", ["A=b", "C=d"]),
            ("A=\"b\"\r\n", ["A=b"]),
            ("\n\n  \n\t\nA=b\n\n", ["A=b"]),
            ("  A=b  ", ["A=b"]),
            ("\tA=b\t", ["A=b"]),
            ("A=", ["A="]),
            ("A=b=c==", ["A=b=c=="]),
            ("A=b c", ["A=b c"]),
            ("export A=b", ["A=b"]),
            ("export   A=b", ["A=b"]),
            ("exportA=b", ["exportA=b"]),
            ("export=b", ["export=b"]),
            ("A=\"b c\"", ["A=b c"]),
            ("A='b c'", ["A=b c"]),
            ("A=\" b \"", ["A= b "]),
            ("A=\"\"", ["A="]),
            ("A=\"it's\"", ["A=it's"]),
            ("A='a\"b'", ["A=a\"b"]),
            ("A=\"b # c\"", ["A=b # c"]),
            ("A=\"b\" # c", ["A=b"]),
            ("A=\"open", ["A=open"]),
            ("A=b # c", ["A=b"]),
            ("# A=b", []),
            ("  # A=b", []),
            ("#", []),
            ("A=b\nA=c", ["A=b", "A=c"]),
            ("a_1=x\n_A=y", ["a_1=x", "_A=y"]),
            ("A=$HOME/`id`/\\n", ["A=$HOME/`id`/\\n"]),
            ("LANG=de_DE.UTF-8\nX=\u{E9}", ["LANG=de_DE.UTF-8", "X=\u{E9}"]),
            // No assignments.
            ("A", []),
            ("=b", []),
            ("1A=b", []),
            ("A-B=c", []),
            ("A B=c", []),
            ("A =b", []),
            ("A.B=c", []),
            ("\u{C4}=c", []),
            ("export", []),
            ("export ", []),
            ("", []),
        ] as [(String, [String])]
    )
    func linesAreReadAsTheyAreMeant(_ text: String, _ expected: [String]) {
        #expect(parse(text) == expected)
    }

    /// What only Swift takes for the end of a line, or for one character with the sign before it.
    @Test(arguments: ["\u{2028}", "\u{85}", "\u{0B}", "\u{0C}", "\u{301}", "\u{FE0F}"])
    func valuesKeepEveryCharacter(_ text: String) {
        #expect(parse("A=\(text)b\(text)c\nD=e") == ["A=\(text)b\(text)c", "D=e"])
    }

    @Test func bytesThatAreNotUTF8SpoilNoOtherLine() {
        let bytes = Array("A=b\nB=".utf8) + [0xFF, 0xC3] + Array("\nC=d\n".utf8)
        let parsed = Environment.parse(etcEnvironment: bytes)
        #expect(parsed.map(\.name) == ["A", "B", "C"])
        #expect(parsed.last?.value == "d")
    }

    // MARK: - A task's environment

    private let user = User(name: "ann", identifier: "4001", groups: ["4001"], home: "/home/ann", shell: "/bin/zsh")

    private func ofTask(_ etcEnvironment: String = "", id: String = "inv-1") -> [String: String] {
        var variables: [String: String] = [:]
        for variable in Environment.ofTask(id: id, user: user, etcEnvironment: Array(etcEnvironment.utf8)) {
            let parts = variable.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            #expect(variables[String(parts[0])] == nil, "\(parts[0]) is there twice")
            variables[String(parts[0])] = String(parts[1])
        }
        return variables
    }

    @Test func theVariablesOfALoginAreThere() {
        let variables = ofTask(id: "inv=1 2")
        let expected = [
            "SHELL": "/bin/zsh", "HOME": "/home/ann", "USER": "ann", "LOGNAME": "ann", "USERNAME": "ann",
            "MAIL": "/var/spool/mail/ann", "TERM": "xterm-color", "TAT_INVOCATION_TASK_ID": "inv=1 2",
        ]
        for (name, value) in expected { #expect(variables[name] == value, "\(name)") }
        #expect(variables["PATH"]?.isEmpty == false)
    }

    @Test func etcEnvironmentHoldsOverTheLogin() {
        let variables = ofTask("PATH=/only\nHOME=/other\nTERM=vt100\nNEW=x\nNEW=y\nTAT_INVOCATION_TASK_ID=forged\n")
        #expect(variables["PATH"] == "/only")
        #expect(variables["HOME"] == "/other")
        #expect(variables["TERM"] == "vt100")
        #expect(variables["NEW"] == "y")
        #expect(variables["TAT_INVOCATION_TASK_ID"] == "inv-1")
    }

    @Test func thisProcessEnvironmentIsReadWhole() {
        let foundation = ProcessInfo.processInfo.environment
        let own = Dictionary(Environment.current.map { ($0.name, $0.value) }) { first, _ in first }
        #expect(own == foundation)
        #expect(Environment.value("PATH") == foundation["PATH"])
        #expect(Environment.value("PLX_NO_SUCH_VARIABLE") == nil)
    }
}
