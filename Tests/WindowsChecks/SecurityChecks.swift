import Agent
import CShims
import PlatformWindows

let securityChecks = [
    Check("security: who may use what the agent makes") {
        let own = try SecurityIdentifier.ofProcess()
        let itself = own == SecurityIdentifier.system ? "" : "(A;;FA;;;\(own))"
        try expectEqual(FileSecurity.owner.text, "D:P(A;;FA;;;SY)(A;;FA;;;BA)" + itself)
        let user = "S-1-5-21-1-2-3-1001"
        try expectEqual(FileSecurity.file(for: user, .read).text, FileSecurity.owner.text + "(A;;FRFX;;;\(user))")
        try expectEqual(
            FileSecurity.directory(for: user, .write).text,
            FileSecurity.ownerDirectory.text + "(A;;FRFW;;;\(user))"
        )
        // Nothing but a SID gets into the list.
        for text in ["", "WD", "S-1-1-0)(A;;FA;;;WD", "S-1-5-21-x"] {
            try expectEqual(FileSecurity.file(for: text, .read).text, FileSecurity.owner.text)
        }
    },
    Check("security: a file is made with its list, and gets another") {
        let folder = try unwrap(WindowsMachine().environment("SystemRoot"))
        let path = "\(folder)/Temp/tat-security-\(uniqueName())"
        let file = try FileSecurity.owner.withAttributes { attributes throws(SystemError) in
            try Handle.open(
                path,
                access: 0x4000_0000,
                share: 0,
                disposition: DWORD(CREATE_NEW),
                security: attributes
            )
        }
        defer { try? WindowsFiles().remove(path) }
        try file.writeAll([1, 2, 3])
        let made = try FileSecurity.read(path)
        try expect(made.has("(A;;FA;;;SY)") || isWine, made)
        try expect(!made.has(";WD)"), made)
        try FileSecurity.file(for: try SecurityIdentifier.ofProcess(), .read).apply(to: path)
        let changed = try FileSecurity.read(path)
        try expect(!changed.has(";WD)"), changed)
        print("       \(made) then \(changed)")
        do {
            try FileSecurity.owner.apply(to: path + ".none")
            throw Failure(description: "a file that is not there was protected")
        } catch let error as SystemError {
            try expectEqual(error.code, ErrorCode.fileNotFound)
        }
    },
    Check("security: an event gets into the log, or quietly does not") {
        try expect(EventLog.report(.information, "windows_checks was here") || isWine)
        _ = EventLog.report(.error, String(repeating: "x", count: 100_000))
    },
]
