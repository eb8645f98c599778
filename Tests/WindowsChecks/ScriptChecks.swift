import Agent
import CShims
import PlatformWindows

/// How the C library of the system takes a command line apart.
private func parsed(_ line: String) -> [String]? {
    var count: Int32 = 0
    guard let words = shim_win_CommandLineToArgv(line.wide, &count) else { return nil }
    defer { _ = shim_win_LocalFree(words) }
    return (0..<Int(count)).compactMap { words[$0].map { String(wide: $0) } }
}

let scriptChecks = [
    Check("command lines are read back as they were meant") {
        let words = [
            "program", "", "plain", "with space", "tab\there", #"a"b"#, #"ends\"#, #"ends with space \"#, #"\\"x"#,
            #"\"#, #"a\\b"#, "ü 世界", #""""#, "'single'", "%PATH%", "a&b|c",
        ]
        try expectEqual(try unwrap(parsed(CommandLineText.joined(words))), words)
    },
    Check("a PowerShell script: UTF-8 with its mark, and the command") {
        let script = try unwrap(ScriptCommand(type: "POWERSHELL", script: Array("Write-Host ü".utf8)))
        try expectEqual(script.text, [0xef, 0xbb, 0xbf] + Array("Write-Host ü".utf8))
        try expectEqual(try unwrap(ScriptCommand(type: "POWERSHELL", script: script.text)).text, script.text)
        try expectEqual(script.fileExtension, ".ps1")
        let (program, line) = script.command(for: "C:/it's a ‘folder’/script.ps1", consoleIsUTF8: true)
        try expect(program.lowercased().hasSuffix(#"\windowspowershell\v1.0\powershell.exe"#), program)
        let words = try unwrap(parsed(line))
        try expectEqual(
            Array(words[1...8]),
            [
                "-NoLogo", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-OutputFormat", "Text",
                "-Command",
            ]
        )
        try expectEqual(words.count, 10)
        try expect(words[9].has(#"& 'C:\it''s a ‘‘folder’’\script.ps1'; "#), words[9])
        try expect(words[9].hasSuffix("if ($?) { exit 0 }; if ($LASTEXITCODE) { exit $LASTEXITCODE }; exit 1"))
    },
    Check("a batch script: whole line ends, no mark, and the command") {
        let script = try unwrap(ScriptCommand(type: "BAT", script: Array("\u{feff}@echo a\n@echo b\r\n\n".utf8)))
        try expectEqual(script.text, Array("@echo a\r\n@echo b\r\n\r\n".utf8))
        try expectEqual(script.fileExtension, ".bat")
        let other = script.command(for: "C:/a b&c/script.bat", consoleIsUTF8: false).line
        try expect(other.hasSuffix(#" /D /S /C "chcp 65001 >nul & "C:\a b&c\script.bat"""#), other)
        let own = script.command(for: "C:/a b&c/script.bat", consoleIsUTF8: true).line
        try expect(own.hasSuffix(#" /D /S /C ""C:\a b&c\script.bat"""#), own)
    },
    Check("scripts that are no UTF-8, and types that there are not") {
        let script = try unwrap(ScriptCommand(type: "BAT", script: [0x40, 0xff, 0x0a]))
        try expect(!script.isUTF8)
        try expectEqual(script.text, [0x40, 0xff, 0x0d, 0x0a])
        try expectEqual(try unwrap(ScriptCommand(type: "POWERSHELL", script: [0xff])).text, [0xff])
        try expect(ScriptCommand(type: "SHELL", script: []) == nil)
    },
    Check("output: UTF-8 passes through, wherever it is cut") {
        let text = Array("grüße\n世界 😀\n".utf8)
        for cut in 0...text.count {
            var output = OutputText(codePage: 437)
            let converted = output.convert(text[..<cut]) + output.convert(text[cut...]) + output.end()
            try expectEqual(converted, text)
        }
    },
    Check("output: lines in the system's code page become UTF-8, the others stay") {
        var output = OutputText(codePage: 437)
        let bytes = Array("ü\n".utf8) + [0x67, 0x72, 0x81, 0xe1, 0x65, 0x0a] + Array("世\n".utf8) + [0x81]
        let text = output.convert(bytes) + output.end()
        try expectEqual(String(decoding: text, as: UTF8.self), "ü\ngrüße\n世\nü")
    },
    Check("output: what is half a character at the end is not lost") {
        var output = OutputText(codePage: 437)
        try expectEqual(output.convert([0x61, 0xe4, 0xb8]), [0x61])
        try expectEqual(String(decoding: output.end(), as: UTF8.self), "Σ╕")
    },
    Check("an environment: sorted, the task's id in it, the agent's own variables not") {
        let base = Array("b=1\0TAT_AGENT_HOME=x\0=C:=C:\\x\0A=2\0tat_invocation_task_id=old\0\0".utf16)
        let block = Environment.ofTask(id: "id-1", base: base)
        try expectEqual(
            String(decoding: block, as: UTF16.self),
            "=C:=C:\\x\0A=2\0b=1\0TAT_INVOCATION_TASK_ID=id-1\0\0"
        )
        try expect(Environment.current.suffix(2).elementsEqual([0, 0]) && Environment.current.count > 10)
        try expect(Environment.value("SystemRoot") != nil && Environment.value("no such variable") == nil)
    },
]
