import Agent
import CShims
import PlatformWindows

let addressChecks = [
    Check("address: its parts") {
        for (text, isSecure, host, port, path) in [
            ("http://h", false, "h", UInt16(80), "/"), ("HTTPS://Host.Test", true, "Host.Test", 443, "/"),
            ("http://h:8080/a/b?c=d&e#f", false, "h", 8080, "/a/b?c=d&e"), ("http://h?x=1", false, "h", 80, "/?x=1"),
            ("http://h#top", false, "h", 80, "/"), ("http://h:/x", false, "h", 80, "/x"),
            ("https://[2001:db8::1]:8186/ws", true, "[2001:db8::1]", 8186, "/ws"),
            ("http://h/ü%20", false, "h", 80, "/%C3%BC%20"), ("http://bücher.test/", false, "bücher.test", 80, "/"),
        ] {
            let address = try HTTPAddress(text, schemes: HTTPAddress.http)
            try expectEqual([address.host, address.path], [host, path])
            try expect(address.isSecure == isSecure && address.port == port, text)
        }
        try expectEqual(try HTTPAddress("https://[::1]:443/", schemes: HTTPAddress.http).authority, "[::1]")
        try expectEqual(try HTTPAddress("https://[::1]:80/", schemes: HTTPAddress.http).authority, "[::1]:80")
        try expectEqual(try HTTPAddress("wss://[::1]/", schemes: HTTPAddress.webSocket).name, "::1")
    },
    Check("address: whatever it is, it is read or refused, and its parts are what they may be") {
        let pieces = [
            "http", "https", "ws", ":", "//", "/", "[", "]", "::1", "@", "?", "#", "%", "80", "65536", "h", ".", "ü",
            "\\",
            "\u{0}", " ", "\r\n", "\u{7F}", "e\u{301}", "😀",
        ]
        var generator = SystemRandomNumberGenerator()
        var good = 0
        for _ in 0..<20_000 {
            let rest = (0..<Int.random(in: 0...8, using: &generator)).map { _ in
                pieces[Int.random(in: 0..<pieces.count, using: &generator)]
            }
            let text = (Bool.random(using: &generator) ? "http://" : "") + rest.joined()
            guard let address = try? HTTPAddress(text, schemes: HTTPAddress.all) else { continue }
            good += 1
            let isPath =
                address.path.utf8.first == UInt8(ascii: "/") && address.path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
            let isHost =
                !address.host.isEmpty && !address.host.utf8.contains { $0 <= 0x20 || "/@?#\\".utf8.contains($0) }
            try expect(isPath && isHost && address.port > 0, text)
        }
        try expect(good > 100, "\(good)")
    },
]
