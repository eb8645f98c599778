import Testing

@testable import Agent

@Suite struct JSONTests {
    private func encoded(_ value: JSON) -> String { String(decoding: value.encoded(), as: UTF8.self) }

    @Test func readsAMessage() throws {
        let json = try JSON.parse(
            #"{"Type": "kick", "Seq": 7, "Data": {"Ids": ["a", "b"], "Rate": 1.5, "Last": true, "None": null}}"#
        )
        #expect(json["Type"]?.string == "kick")
        #expect(json["Seq"]?.int64 == 7)
        #expect(json["Data"]?["Ids"]?.array?.compactMap(\.string) == ["a", "b"])
        #expect(json["Data"]?["Rate"]?.double == 1.5)
        #expect(json["Data"]?["Last"]?.bool == true)
        #expect(json["Data"]?["None"]?.isNull == true)
        #expect(json["Data"]?["Absent"] == nil)
        #expect(json["Type"]?["Ids"] == nil)
        #expect(json.object?.members.map(\.key) == ["Type", "Seq", "Data"])
    }

    @Test func accessorsAnswerOnlyForTheirType() {
        let values: [JSON] = [nil, true, 1, .unsigned(.max), 0.5, "s", [], [:]]
        #expect(values.map(\.isNull) == [true, false, false, false, false, false, false, false])
        #expect(values.map(\.bool) == [nil, true, nil, nil, nil, nil, nil, nil])
        #expect(values.map(\.int64) == [nil, nil, 1, nil, nil, nil, nil, nil])
        #expect(values.map(\.double) == [nil, nil, 1, 0x1p64, 0.5, nil, nil, nil])
        #expect(values.map(\.string) == [nil, nil, nil, nil, nil, "s", nil, nil])
        #expect(values.map { $0.array?.count } == [nil, nil, nil, nil, nil, nil, 0, nil])
        #expect(values.map { $0.object?.members.count } == [nil, nil, nil, nil, nil, nil, nil, 0])
        #expect(JSON.double(3).int64 == 3)
        #expect(JSON.double(-0x1p63).int64 == .min)
        let others: [Double] = [0x1p63, -0x1.0000000000001p63, 0.5, 1e300, -1e300, .infinity, -.infinity]
        #expect(others.allSatisfy { JSON.double($0).int64 == nil })
        #expect(JSON.double(.nan).int64 == nil)
    }

    @Test func numbersAreExactWhereTheyCanBe() throws {
        #expect(try JSON.parse("0") == .integer(0))
        #expect(try JSON.parse("9223372036854775807") == .integer(.max))
        #expect(try JSON.parse("-9223372036854775808") == .integer(.min))
        #expect(try JSON.parse("9223372036854775808") == .unsigned(1 << 63))
        #expect(try JSON.parse("18446744073709551615") == .unsigned(.max))
        #expect(try JSON.parse("18446744073709551616") == .double(0x1p64))
        #expect(try JSON.parse("-9223372036854775809") == .double(-0x1p63))
        #expect(try JSON.parse("1.0") == .double(1))
        #expect(try JSON.parse("1e2") == .double(100))
        #expect(try JSON.parse("5e-324") == .double(.leastNonzeroMagnitude))
        #expect(try JSON.parse("1e-400") == .double(0))
        #expect(try JSON.parse("0.1").double == 0.1)
        let minusZero = try #require(try JSON.parse("-0").double)
        #expect(minusZero == 0 && minusZero.sign == .minus)
    }

    @Test func objectsKeepOrderAndTheLastDuplicateCounts() throws {
        var object = try #require(try JSON.parse(#"{"b":1,"a":2,"b":3}"#).object)
        #expect(object["b"] == 3)
        #expect(encoded(.object(object)) == #"{"b":1,"a":2,"b":3}"#)
        object["a"] = "x"
        object["c"] = .null
        object["b"] = nil
        #expect(encoded(.object(object)) == #"{"a":"x","c":null}"#)
        #expect(object["c"] == .some(.null))
        #expect(object == ["a": "x", "c": nil])
        #expect(object != ["c": nil, "a": "x"])
    }

    @Test func keysAreComparedByteByByte() {
        let object: JSON = ["\u{212A}": 1, "\u{E9}": 2]
        #expect(object["K"] == nil)
        #expect(object["e\u{301}"] == nil)
        #expect(object["é"] == 2)
    }

    @Test func literalsBuildDocuments() {
        let json: JSON = ["s": "é", "i": -1, "d": 0.5, "t": true, "n": nil, "a": [1, [], [:]], "o": ["k": "v"]]
        #expect(encoded(json) == #"{"s":"é","i":-1,"d":0.5,"t":true,"n":null,"a":[1,[],{}],"o":{"k":"v"}}"#)
    }

    @Test func writesStringsEscaped() throws {
        #expect(encoded("a\"b\\c/d\u{7F}é😀\u{2028}") == "\"a\\\"b\\\\c/d\u{7F}é😀\u{2028}\"")
        #expect(
            encoded("\u{0}\u{8}\t\n\u{B}\u{C}\r\u{F}\u{10}\u{1F}")
                == #""\u0000\u0008\t\n\u000b\u000c\r\u000f\u0010\u001f""#
        )
        let everyASCII: JSON = .string(String(String.UnicodeScalarView((0..<128).compactMap { Unicode.Scalar($0) })))
        #expect(try JSON.parse(everyASCII.encoded()) == everyASCII)
    }

    @Test func writesNumbersThatReadBackTheSame() throws {
        #expect(encoded(.unsigned(.max)) == "18446744073709551615")
        #expect(encoded(.integer(.min)) == "-9223372036854775808")
        #expect(encoded(.double(.infinity)) == "null")
        #expect(encoded(.double(-.infinity)) == "null")
        #expect(encoded(.double(.nan)) == "null")
        let doubles = [
            0, -0.0, 0.1, 1 / 3, 1e15, 1e16, 1e21, 1e-7, 123456.789, .pi, .greatestFiniteMagnitude,
            .leastNonzeroMagnitude,
        ]
        for double in doubles + doubles.map(-) {
            let back = try #require(try JSON.parse(JSON.double(double).encoded()).double)
            #expect(back == double && back.sign == double.sign)
        }
    }

    @Test func unescapes() throws {
        #expect(try JSON.parse(#""\"\\\/\b\f\n\r\t\u00e9\u20AC\ud834\uDD1E\u0000""#) == "\"\\/\u{8}\u{C}\n\r\té€𝄞\u{0}")
        #expect(try JSON.parse(#""a\u0062c\\d""#) == "abc\\d")
    }

    @Test func errorsSayWhereButNotWhat() throws {
        let error = #expect(throws: JSONError.self) { try JSON.parse(#"{"password": "hunter2", "#) }
        #expect(error?.offset == 24)
        #expect(error?.description == "invalid JSON at byte 24: a key is expected")
        let offsets = [
            ("[1,]", 3), ("[1 2]", 3), ("nul", 0), ("\"a\u{1}\"", 2), (#""a\q""#, 2), ("[1e999]", 1), ("[] x", 3),
        ]
        for (text, offset) in offsets {
            let error = #expect(throws: JSONError.self) { try JSON.parse(text) }
            #expect(error?.offset == offset, "\(text)")
        }
    }

    @Test func limitsHold() throws {
        var limits = JSON.Limits()
        limits.bytes = 4
        #expect(throws: Never.self) { try JSON.parse("[10]", limits: limits) }
        #expect(throws: JSONError.self) { try JSON.parse("[100]", limits: limits) }

        limits = JSON.Limits()
        limits.values = 3
        #expect(throws: Never.self) { try JSON.parse("[1,2]", limits: limits) }
        #expect(throws: JSONError.self) { try JSON.parse("[1,2,3]", limits: limits) }
        #expect(throws: JSONError.self) { try JSON.parse(#"{"a":[[]],"b":1}"#, limits: limits) }

        limits = JSON.Limits()
        limits.depth = 0
        #expect(throws: Never.self) { try JSON.parse("1", limits: limits) }
        #expect(throws: JSONError.self) { try JSON.parse("[]", limits: limits) }
        limits.depth = .max
        let deep = { String(repeating: "[", count: $0) + String(repeating: "]", count: $0) }
        #expect(throws: Never.self) { try JSON.parse(deep(512), limits: limits) }
        #expect(throws: JSONError.self) { try JSON.parse(deep(513), limits: limits) }
        limits.depth = .min
        limits.bytes = .min
        #expect(throws: JSONError.self) { try JSON.parse("1", limits: limits) }
    }

    /// A number, a string and a list that are long take time in proportion.
    @Test(.timeLimit(.minutes(1))) func longThingsAreNotSlow() throws {
        let count = 1 << 20
        #expect(throws: JSONError.self) { try JSON.parse(String(repeating: "1", count: count)) }
        #expect(throws: Never.self) { try JSON.parse("0." + String(repeating: "7", count: count)) }
        #expect(throws: Never.self) { try JSON.parse("\"" + String(repeating: #"\n"#, count: count) + "\"") }
        #expect(throws: Never.self) { try JSON.parse("[" + String(repeating: "0,", count: count / 2) + "0]") }
    }
}
