import Agent
import CShims
import PlatformWindows

let systemChecks = [
    Check("errors have the system's words and their number") {
        let words = systemMessage(ErrorCode.fileNotFound)
        try expect(words.has("(error 2)") && words.count > 12, words)
        try expectEqual(systemMessage(0xdead_beef), "error 3735928559")
    },
    Check("random bytes differ") {
        try expect(SystemRandom().bytes(32) != SystemRandom().bytes(32))
        try expectEqual(SystemRandom().bytes(0), [])
    },
    Check("the clock is past 2026") {
        try expect(SystemClock().unixSeconds > 1_767_225_600)
    },
    Check("long paths and those with slashes") {
        try expectEqual(Path.system("C:/a/b"), #"C:\a\b"#)
        let long = "C:/" + String(repeating: "x", count: 250)
        try expectEqual(Path.system(long), #"\\?\C:\"# + String(repeating: "x", count: 250))
        try expectEqual(Path.parent(of: #"C:\a/b"#), #"C:\a"#)
        try expectEqual(Path.parent(of: #"C:\a\b"#), #"C:\a"#)
    },
]
