import Testing

@testable import Agent

@Suite struct COSObjectTests {
    private func object(
        _ bucket: String,
        prefix: String = "",
        invocation: String = "inv-1",
        task: String = "task-1"
    ) throws(COSObject.Invalid) -> COSObject {
        try COSObject(bucketURL: bucket, prefix: prefix, invocationID: invocation, taskID: task)
    }

    @Test(arguments: [
        ("", "inv-1", "/inv-1/task-1.log"), ("logs", "inv-1", "/logs/inv-1/task-1.log"),
        ("logs/", "inv-1", "/logs/inv-1/task-1.log"), ("logs", "", "/logs/task-1.log"), ("", "", "/task-1.log"),
        ("/a/b//", "inv-1", "/a/b/inv-1/task-1.log"), ("///", "inv-1", "/inv-1/task-1.log"),
        ("a//b", "inv-1", "/a//b/inv-1/task-1.log"),
    ])
    func theKeyIsMadeOfThePartsThatAreNotEmpty(prefix: String, invocation: String, path: String) throws {
        let object = try object("https://bucket.test", prefix: prefix, invocation: invocation)
        #expect(object.path == path)
        #expect(object.url == "https://bucket.test" + path)
        #expect(object.host == "bucket.test")
    }

    @Test(arguments: [
        ("https://b-1.cos.r.myqcloud.com", "b-1.cos.r.myqcloud.com", "https://b-1.cos.r.myqcloud.com"),
        ("https://bucket.test/", "bucket.test", "https://bucket.test"),
        ("HTTP://Bucket.test:8080//", "Bucket.test:8080", "http://Bucket.test:8080"),
        ("http://127.0.0.1:1", "127.0.0.1:1", "http://127.0.0.1:1"), ("http://[::1]:80", "[::1]:80", "http://[::1]:80"),
        ("http://[fe80::1]", "[fe80::1]", "http://[fe80::1]"), ("https://h.test/a/b/", "h.test", "https://h.test/a/b"),
    ])
    func buckets(url: String, host: String, base: String) throws {
        let object = try object(url)
        #expect(object.host == host)
        #expect(object.url == base + "/inv-1/task-1.log")
        #expect(object.url.hasSuffix(object.path))
    }

    @Test(arguments: [
        "", " ", "bucket.test", "/", "http:", "http:/", "http://", "http:///x", "ftp://bucket.test", "file:///etc",
        "https:bucket.test", "https//bucket.test", "http://u@bucket.test", "http://u:p@bucket.test", "http://b c/",
        "http://b.test?x", "http://b.test/?x=1", "http://b.test/#f", "http://b.test/%2e", "http://b.test:/",
        "http://b.test:x", "http://b.test:123456", "http://:80", "http://[::1", "http://[]", "http://[::1]x",
        "http://[x]", "http://b\u{0}", "http://b\r\nX: y", "http://bü.test", "http://b.test/a/../c", "http://b/./",
        "http://" + String(repeating: "b", count: 5000),
    ])
    func whatIsNoBucketIsRefused(url: String) {
        #expect(throws: COSObject.Invalid.self) { try object(url) }
    }

    @Test func theAddressIsEncodedAndThePathIsNot() throws {
        let object = try object("https://b.test", prefix: "a b/ü%2F?#", invocation: "i&", task: "t+(腾)")
        #expect(object.path == "/a b/ü%2F?#/i&/t+(腾).log")
        #expect(object.url == "https://b.test/a%20b/%C3%BC%252F%3F%23/i%26/t%2B%28%E8%85%BE%29.log")
    }

    @Test(arguments: ["..", ".", "a/../b", "a/./b", "../../etc"])
    func stepsWithinThePathAreRefused(prefix: String) {
        #expect(throws: COSObject.Invalid.self) { try object("https://b.test", prefix: prefix) }
        #expect(throws: COSObject.Invalid.self) { try object("https://b.test", invocation: prefix) }
        #expect(throws: COSObject.Invalid.self) { try object("https://b.test", task: prefix + "/../x") }
    }

    @Test func aKeyHasAnEnd() throws {
        let long = String(repeating: "x", count: 4000)
        #expect(try object("https://b.test", prefix: long).path.utf8.count > 4000)
        #expect(throws: COSObject.Invalid.self) { try object("https://b.test", prefix: long + long) }
    }
}
