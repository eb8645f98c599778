import Testing

@testable import Agent

@Suite struct COSSignatureTests {
    private static let crypto = COSTestCrypto()

    /// An example of the storage's documentation ("Request Signature", product 436, document 7778), with the example
    /// credential that it gives there.
    struct Example: Sendable {
        static let secretID = "AKIDQjz3ltompVjBni5LitkWHFlFpwkn9U5q"
        static let secretKey = "BQYIM75p8x0iWVFSIgqEKwFprpRSVHlz"

        var method: HTTPRequest.Method
        var parameters: [HTTPHeader] = []
        var headers: [HTTPHeader]
        var start: Int64
        var end: Int64
        var parameterList: String
        var headerList: String
        var signKey: String
        var signature: String
    }

    private static let examples = [
        Example(
            method: .put,
            headers: [
                HTTPHeader("Date", "Thu, 16 May 2019 06:45:51 GMT"),
                HTTPHeader("Host", "examplebucket-1250000000.cos.ap-beijing.myqcloud.com"),
                HTTPHeader("Content-Type", "text/plain"),
                HTTPHeader("Content-Length", "13"),
                HTTPHeader("Content-MD5", "mQ/fVh815F3k6TAUm8m0eg=="),
                HTTPHeader("x-cos-acl", "private"),
                HTTPHeader("x-cos-grant-read", "uin=\"100000000011\""),
            ],
            start: 1_557_989_151,
            end: 1_557_996_351,
            parameterList: "",
            headerList: "content-length;content-md5;content-type;date;host;x-cos-acl;x-cos-grant-read",
            signKey: "eb2519b498b02ac213cb1f3d1a3d27a3b3c9bc5f",
            signature: "3b8851a11a569213c17ba8fa7dcf2abec6935172"
        ),
        Example(
            method: .get,
            parameters: [
                HTTPHeader("response-content-type", "application/octet-stream"),
                HTTPHeader("response-cache-control", "max-age=600"),
            ],
            headers: [
                HTTPHeader("Date", "Thu, 16 May 2019 06:55:53 GMT"),
                HTTPHeader("Host", "examplebucket-1250000000.cos.ap-beijing.myqcloud.com"),
            ],
            start: 1_557_989_753,
            end: 1_557_996_953,
            parameterList: "response-cache-control;response-content-type",
            headerList: "date;host",
            signKey: "937914bf490e9e8c189836aad2052e4feeb35eaf",
            signature: "01681b8c9d798a678e43b685a9f1bba0f6c0e012"
        ),
    ]

    @Test(arguments: examples)
    func signsAsTheDocumentationDoes(example: Example) throws {
        let signature = COSSignature(
            method: example.method,
            path: "/exampleobject(腾讯云)",
            parameters: example.parameters,
            headers: example.headers,
            start: example.start,
            end: example.end
        )
        let time = "\(example.start);\(example.end)"
        let expected =
            "q-sign-algorithm=sha1&q-ak=\(Example.secretID)&q-sign-time=\(time)&q-key-time=\(time)"
            + "&q-header-list=\(example.headerList)&q-url-param-list=\(example.parameterList)"
            + "&q-signature=\(example.signature)"
        let authorization = try signature.authorization(
            secretID: Example.secretID,
            secretKey: Example.secretKey,
            by: Self.crypto
        )
        #expect(authorization == expected)
    }

    /// What the examples' intermediate values tell of the tests' own cryptography.
    @Test(arguments: examples)
    func theTestsOwnCryptographyIsRight(example: Example) throws {
        let time = Array("\(example.start);\(example.end)".utf8)
        let signKey = try Self.crypto.hmacSHA1(key: Array(Example.secretKey.utf8), time)
        #expect(COSTestCrypto.hexadecimal(signKey) == example.signKey)
    }

    /// The documentation's `SHA1(HttpString)` of the first example, from the text that it writes out.
    @Test func theRequestIsTheDocumentedText() throws {
        let text =
            "put\n/exampleobject(腾讯云)\n\ncontent-length=13&content-md5=mQ%2FfVh815F3k6TAUm8m0eg%3D%3D"
            + "&content-type=text%2Fplain&date=Thu%2C%2016%20May%202019%2006%3A45%3A51%20GMT"
            + "&host=examplebucket-1250000000.cos.ap-beijing.myqcloud.com&x-cos-acl=private"
            + "&x-cos-grant-read=uin%3D%22100000000011%22\n"
        let digest = COSTestCrypto.hexadecimal(try Self.crypto.sha1(Array(text.utf8)))
        #expect(digest == "8b2751e77f43a0995d6e9eb9477f4b685cca4172")
    }

    /// The request that an upload makes, put together by hand.
    @Test func signsAnUpload() throws {
        let signature = COSSignature(
            method: .put,
            path: "/logs/inv-1/task-1.log",
            headers: [
                HTTPHeader("Host", "bucket.test:8080"),
                HTTPHeader("Date", "Tue, 14 Nov 2023 22:13:20 GMT"),
                HTTPHeader("Content-Type", "application/xml"),
                HTTPHeader("x-cos-security-token", "to+ken/="),
                HTTPHeader("Content-Length", "5"),
            ],
            start: 1_700_000_000,
            end: 1_700_000_600
        )
        let (id, key, time) = ("an-id", "a-key", "1700000000;1700000600")
        let request = """
            put
            /logs/inv-1/task-1.log

            content-length=5&content-type=application%2Fxml&date=Tue%2C%2014%20Nov%202023%2022%3A13%3A20%20GMT\
            &host=bucket.test%3A8080&x-cos-security-token=to%2Bken%2F%3D

            """
        let digest = COSTestCrypto.hexadecimal(try Self.crypto.sha1(Array(request.utf8)))
        let signKey = COSTestCrypto.hexadecimal(try Self.crypto.hmacSHA1(key: Array(key.utf8), Array(time.utf8)))
        let text = "sha1\n\(time)\n\(digest)\n"
        let sign = COSTestCrypto.hexadecimal(try Self.crypto.hmacSHA1(key: Array(signKey.utf8), Array(text.utf8)))
        #expect(
            try signature.authorization(secretID: id, secretKey: key, by: Self.crypto)
                == "q-sign-algorithm=sha1&q-ak=an-id&q-sign-time=\(time)&q-key-time=\(time)"
                + "&q-header-list=content-length;content-type;date;host;x-cos-security-token&q-url-param-list="
                + "&q-signature=\(sign)"
        )
    }

    /// Every character that the documentation lists, and those that stay.
    @Test func encodesAllButTheUnreserved() {
        let listed = " !\"#$%&'()*+,/:;<=>?@[\\]^`{|}"
        let encoded = PercentEncoding.encode(listed)
        #expect(encoded == "%20%21%22%23%24%25%26%27%28%29%2A%2B%2C%2F%3A%3B%3C%3D%3E%3F%40%5B%5C%5D%5E%60%7B%7C%7D")
        #expect(PercentEncoding.encode("AZaz09-._~") == "AZaz09-._~")
        #expect(PercentEncoding.encode("腾é\n\u{0}") == "%E8%85%BE%C3%A9%0A%00")
        #expect(PercentEncoding.encode("a/b c", keeping: "/") == "a/b%20c")
    }

    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (-1, "Wed, 31 Dec 1969 23:59:59 GMT"),
        (1_557_989_151, "Thu, 16 May 2019 06:45:51 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
    ])
    func dates(seconds: Int64, text: String) {
        #expect(HTTPDate(unixSeconds: seconds).description == text)
    }
}
