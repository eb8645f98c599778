import CShims
import Foundation
import Testing

@testable import Agent
@testable import PlatformLinux

@Suite struct LoginShellTests {
    @Test(
        arguments: [
            ("#!/bin/sh\n", ["/bin/sh"]),
            ("#!/bin/sh", ["/bin/sh"]),
            ("#! /bin/sh\n", ["/bin/sh"]),
            ("#!\t /bin/sh \t\n", ["/bin/sh"]),
            ("#!/bin/sh -e\n", ["/bin/sh", "-e"]),
            ("#!/bin/sh  -e  \n", ["/bin/sh", "-e"]),
            ("#!/usr/bin/env -S python3 -u\n", ["/usr/bin/env", "-S python3 -u"]),
            ("#!/usr/bin/env python3\r\nprint()\r\n", ["/usr/bin/env", "python3"]),
            ("#!/bin/sh\r\n", ["/bin/sh"]),
            ("#!/bin/sh -e\necho hi\n#!/bin/other\n", ["/bin/sh", "-e"]),
            ("#!/bin/sh\0-e\n", ["/bin/sh"]),
            ("#!relative/sh\n", ["relative/sh"]),
            ("#!/bin/it's a\"b\n", ["/bin/it's", "a\"b"]),
        ] as [(String, [String])]
    )
    func theInterpreterIsWhatTheFirstLineNames(_ text: String, _ expected: [String]) {
        #expect(LoginShell.interpreter(of: Array(text.utf8)) == expected)
    }

    @Test(arguments: ["", "#", "#!", "#!\n", "#!  \t\n", "#!\r\n", " #!/bin/sh\n", "\n#!/bin/sh\n", "echo #!/bin/sh\n"])
    func withoutOneThereIsNone(_ text: String) {
        #expect(LoginShell.interpreter(of: Array(text.utf8)) == nil)
    }

    @Test func theLineIsReadAsFarAsTheKernelReadsIt() {
        let long = "#!/" + String(repeating: "a", count: 252) + "bc"
        #expect(long.utf8.count == 257)
        #expect(LoginShell.interpreter(of: Array(long.utf8)) == [String(long.dropFirst(2).dropLast())])
    }

    private static let words = [
        "", "plain", "with space", "it's", "'", "''", "'\\''", "\"", "$HOME", "`id`", "$(id)", "\\", "a\\", "new\nline",
        "tab\t", "*", "~", "-n", "--", "!", "#", ";id", "&", "|", ">x", "\u{E9}", "\u{1F600}", "'\u{301}",
        "a'\u{FE0F}b'", "\r\n",
    ]

    private static let shells = (["/bin/bash", "/bin/sh", "/bin/dash"] as [String]).filter { access($0, X_OK) == 0 }

    @Test(arguments: shells)
    func quotedWordsAreReadBackUnchanged(_ shell: String) throws {
        let quoted = Self.words.map(LoginShell.quote).joined(separator: " ")
        let printed = try Subprocess.run(shell, ["-c", "printf '%s\\0' \(quoted)"]).output
        let expected = Self.words.flatMap { (word: String) -> [UInt8] in Array(word.utf8) + [0] }
        #expect(printed == expected)
    }

    // MARK: - Real runs

    /// Runs a script as a task's would be run, by the given shell and with the given home.
    private func run(
        _ text: String,
        at path: String,
        shell: String,
        home: String = "/nonexistent",
        environment: [String] = []
    ) throws -> Subprocess.Result {
        try Data(text.utf8).write(to: URL(filePath: path))
        var arguments = LoginShell.arguments(script: path, text: Array(text.utf8))
        #expect(arguments.count == 3)
        arguments[2] = "HOME=\(LoginShell.quote(home)) exec \(shell) -c " + LoginShell.quote(arguments[2])
        return try Subprocess.run(shell, Array(arguments.dropFirst()))
    }

    @Test(arguments: shells)
    func scriptsWithNastyPathsAreRun(_ shell: String) throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        for word in Self.words where !word.isEmpty {
            let path = folder / word
            #expect(try run("echo \"$#:$0\"\n", at: path, shell: shell).output == Array("0:\(path)\n".utf8))
            let interpreted = try run("#!/bin/sh -e\necho \"$0\"; false; echo not\n", at: path, shell: shell)
            #expect(interpreted.output == Array("\(path)\n".utf8))
            #expect(interpreted.exitCode == 1)
        }
    }

    @Test(arguments: shells)
    func interpretersWithNastyPathsAreRun(_ shell: String) throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        for name in ["it's", "$(id)", "`id`", "a\"b", "\u{E9}", "'\u{301}"] {
            let interpreter = folder / name
            try folder.writeProgram("#!/bin/sh\nprintf '%s|' \"$@\"\n", to: name)
            let result = try run("#!\(interpreter) one $(two) 'three'\n", at: folder / "script", shell: shell)
            #expect(String(decoding: result.output, as: UTF8.self) == "one $(two) 'three'|\(folder / "script")|")
        }
    }

    @Test(arguments: shells)
    func theExitCodeIsTheScripts(_ shell: String) throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        #expect(try run("exit 42\n", at: folder / "s", shell: shell).exitCode == 42)
        #expect(try run("#!/nonexistent/interpreter\n", at: folder / "s", shell: shell).exitCode == 127)
        #expect(try run("#!/\n", at: folder / "s", shell: shell).exitCode == 126)
    }

    @Test(arguments: shells)
    func theProfileIsReadInSilence(_ shell: String) throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        let home = folder / "home's"
        mkdir(home, 0o700)
        let profile =
            "echo noise; echo noise >&2; false; export PLX_PROFILE=1 PATH=\"$PATH:/plx\"; unset X; nosuchcommand\n"
        try Data(profile.utf8).write(to: URL(filePath: home + "/.bashrc"))
        let script = "echo \"$PLX_PROFILE ${PATH##*:}\"\n"
        #expect(try run(script, at: folder / "s", shell: shell, home: home).output == Array("1 /plx\n".utf8))
        try Data("export PLX_PROFILE=2 PATH=/plx2\n".utf8).write(to: URL(filePath: home + "/.bash_profile"))
        #expect(try run(script, at: folder / "s", shell: shell, home: home).output == Array("2 /plx2\n".utf8))
    }

    @Test func aScriptOnADiskWithoutExecutionIsRun() throws {
        let folder = try TestFolder()
        defer { folder.remove() }
        let result = try run("#!/bin/sh\necho ran\n", at: folder / "s", shell: "/bin/sh")
        #expect(mode(of: folder / "s").map { $0 & 0o111 } == 0)
        #expect(result.output == Array("ran\n".utf8))
    }
}
