/// A text given as a string or, where it is not valid UTF-8 or not visible, as bytes.
struct JSONText: ExpressibleByStringLiteral, ExpressibleByArrayLiteral, Sendable, CustomStringConvertible {
    let bytes: [UInt8]

    init(stringLiteral text: String) { bytes = Array(text.utf8) }
    init(arrayLiteral bytes: UInt8...) { self.bytes = bytes }
    init(_ text: String) { bytes = Array(text.utf8) }
    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The text between others.
    func within(_ before: String, _ after: String) -> JSONText {
        JSONText(Array(before.utf8) + bytes + Array(after.utf8))
    }

    var description: String {
        bytes.prefix(60).map { 0x20..<0x7F ~= $0 ? String(UnicodeScalar($0)) : "<\(String($0, radix: 16))>" }.joined()
    }
}

/// What a section of RFC 8259 allows and what it does not.
struct JSONConformanceGroup: Sendable, CustomStringConvertible {
    let section: String
    let accepted: [JSONText]
    let rejected: [JSONText]

    var description: String { section }

    static let all = [
        document, whitespace, literals, numbers, strings, escapes, encoding, arrays, objects, choices,
    ]

    static let document = JSONConformanceGroup(
        section: "2 one value and nothing else",
        accepted: ["\"x\"", "-1.5e4", "[[]]", #"{"a":{}}"#, "[[], {}]"],
        rejected: [
            "", " ", "\n", "[][]", "[] []", "{}{}", "{} []", "[]x", "{}x", "1 2", "null null", "\"a\" \"b\"", "\"a\"b",
            "1,", ",1", "{}}", "[},", "]", "}", ":", ",", "[],", "{},", "[]#", "[]/**/", "/**/[]",
            "[]//", "//\n[]", "#\n[]", "[1]\u{0}", "\u{0}", "\u{0}[]", "<a>", "a", "é", "'a'", "`a`", "(1)", "=1", "&1",
            "@", "*", "?", "\\", "\\u0031", "\\n", "\\[]", "[]\\", [0xFF], [0x80], [0x5B, 0x5D, 0xFF],
            [0x5B, 0x5D, 0xE2],
        ]
    )

    static let whitespace = JSONConformanceGroup(
        section: "2 white space",
        accepted: [
            " []", "[] ", "\t[]\t", "\n[]\n", "\r\n[]\r\n", "[ ]", "{ }", "[\n]", "{\t}", "[ 1 , 2 ]", "[\r1\r,\r2\r]",
            #"{ "a" : 1 , "b" : 2 }"#, "{\n\"a\"\n:\n1\n}", " \"a\" ", " 1 ", "\t\n\r 1\t\n\r ",
            JSONText(String(repeating: " ", count: 9999) + "1"),
        ],
        rejected: [
            "\u{0B}1", "\u{0C}[]", "[\u{0C}]", "[\u{0B}1]", "[1\u{0C}]", "[\u{0}]", "[1\u{0},2]", "\u{A0}1", "[\u{A0}]",
            "\u{2028}1", "[\u{2060}]", "[\u{3000}1]", "[\u{85}1]", "[\u{1B}1]", "[\u{7F}1]", "tr ue", "nu\nll", "[1 2]",
            "[1\n2]", "[- 1]", "[1 .5]", "[1. 5]", "[1 e5]", "[1e 5]", "[1e+ 5]", "[1 000]",
        ]
    )

    static let literals = JSONConformanceGroup(
        section: "3 literal names",
        accepted: ["true", "false", "null", "[true]", "[false,null]", #"{"a":true}"#, #"{"a":null}"#],
        rejected: [
            "t", "tr", "tru", "f", "fals", "n", "nul", "True", "TRUE", "False", "FALSE", "Null", "NULL", "nULL", "nil",
            "none", "None", "undefined", "yes", "on", "truee", "true1", "true\"", "truefalse", "nullnull", "[tru]",
            "[fals]", "[nul]", "[nul", "[true", "[truth]", "[nulL]", #"{"a":tru}"#, #"{"a":nul"#, "*true", "-true",
            "+null", "t\u{0}rue", [0x74, 0x72, 0x75, 0xE5],
        ]
    )

    static let numbers = JSONConformanceGroup(
        section: "6 numbers",
        accepted: [
            "0", "-0", "1", "-1", "9", "10", "42", "-123", "1234567890", "0.0", "-0.0", "0.5", "-0.5", "1.0", "1.25",
            "10.01", "0e0", "0E0", "0e+0", "0e-0", "0E+1", "0e1", "1e0", "1e1", "1E1", "1e+2", "1E+2", "1e-2", "1E-2",
            "1.5e3", "1.5E+3", "-1.5e-3", "1e00", "1e007", "1e-010", "0.10", "1.000", "123.456e7", "-123.456E-07",
            "9007199254740993", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
            "18446744073709551615", "0.1", "3.141592653589793", "2.2250738585072014e-308", "5e-324",
            "1.7976931348623157e308", "-1.7976931348623157E+308",
            JSONText("0." + String(repeating: "0", count: 70) + "1"),
            JSONText("-0." + String(repeating: "3", count: 400)),
        ],
        rejected: [
            "+1", "+0", "++1", "-", "--1", "-+1", "+-1", "-a", "-x1", "-.5", ".5", ".", "-.", "1.", "-1.", "0.", "1.e1",
            "1.e", ".e1", ".1e1", "00", "01", "-00", "-01", "007", "-012", "00.5", "01.5", "1e", "1E", "1e+", "1e-",
            "1E+", "1ee1", "1eE1", "1e++1", "1e+-1", "1e1.5", "1e.5", "1e1e1", "1.2.3", "1..2", "1.2e", "0e", "0e+",
            "0E-", "1.5e+", "0x1", "0x", "0X1F", "0b1", "0o7", "1f", "1L", "1a", "1_000", "1,000", "1'000", "0.1.2",
            "1e5x", "1x", "12a", "-1x", "-1-", "1-", "1+", "1+2", "1-2", "1/2", "2*2", "NaN", "nan", "-NaN", "+NaN",
            "Infinity", "-Infinity", "+Infinity", "inf", "-inf", "Inf", "INF", "1#INF", "0x1p3", "1p3", "$1", "1%", "½",
            "１", "٣", "1e\u{0}1", "-\u{0}", "1.\u{661}", [0x31, 0xE5], [0x2D, 0xFF],
            [0x31, 0x65, 0x31, 0xE5], [0x30, 0xC0],
        ]
    )

    static let strings = JSONConformanceGroup(
        section: "7 strings",
        accepted: [
            #""""#, #""a""#, #"" ""#, #""a b""#, #""/""#, #""//""#, #""/*x*/""#, #""'""#, #""[{]},:""#, "\"#\"",
            "\"\u{7F}\"", "\"é\"", "\"€\"", "\"𝄞\"", "\"\u{FFFD}\"", "\"\u{FFFE}\"", "\"\u{FFFF}\"", "\"\u{1FFFF}\"",
            "\"\u{2028}\u{2029}\"", "\"\u{FEFF}\"", "\"\u{85}\u{A0}\"", "\"e\u{301}\"", "\"\u{200B}\u{2060}\"",
            "\"\u{1F468}\u{200D}\u{1F469}\"", JSONText("\"" + String(repeating: "x", count: 70_000) + "\""),
        ],
        rejected: [
            "\"", "\"a", "a\"", "\"\"\"", "\"a\"\"", "'", "'a", "\"a'", "'a\"", "“a”", "\"\n\"", "\"a\nb\"", "\"\t\"",
            "\"\r\"", "\"\u{0}\"", "\"a\u{0}b\"", "\"\u{1}\"", "\"\u{8}\"", "\"\u{B}\"", "\"\u{C}\"", "\"\u{1B}[0m\"",
            "\"\u{1F}\"", "\"\u{1E}x\"", "\"a\" + \"b\"", "[\"", "[\"a", "[\"a]", "{\"", "{\"a", "\u{201C}\"",
            "r\"a\"", "u\"a\"", "\"\"\"a\"\"\"", "`a\"",
        ]
    )

    static let escapes = JSONConformanceGroup(
        section: "7 escapes",
        accepted: [
            #""\"""#, #""\\""#, #""\/""#, #""\b""#, #""\f""#, #""\n""#, #""\r""#, #""\t""#, #""\b\f\n\r\t""#, #""\\n""#,
            #""\\\"""#, #""\\\\""#, #""a\\""#, #""\\a""#, #""\u0000""#, #""\u0022""#, #""\u005c""#, #""\u005C""#,
            #""\u0041""#, #""\u00e9""#, #""\u00E9""#, #""\uABCD""#, #""\uabcd""#, #""\uAbCd""#, #""\u001f""#,
            #""\u007f""#, #""\u2028\u2029""#, #""\ufffe""#, #""\uFFFF""#, #""\ufdd0""#, #""\ufeff""#, #""\uD7FF""#,
            #""\uE000""#, #""\ud834\udd1e""#, #""\uD834\uDD1E""#, #""\uD800\uDC00""#, #""\uDBFF\uDFFF""#,
            #""\uDBFF\uDFFE""#, #""x\ud83d\ude00y""#, #""\u00410""#, #""\u0041\u0042""#, #""é\u00e9\té""#,
            #""\\u0041""#, #""\\uD800""#,
        ],
        rejected: [
            #""\""#, #""\"#, #""\\"""#, #""\\\""#, #""\a""#, #""\v""#, #""\e""#, #""\0""#, #""\1""#, #""\x41""#,
            #""\'""#, #""\ ""#, #""\B""#, #""\N""#, #""\T""#, #""\U0041""#, #""\é""#, "\"\\😀\"", "\"\\\u{0}\"",
            "\"\\\n\"", "\"\\\r\n\"", "\"\\\t\"", #""\u""#, #""\u0""#, #""\u00""#, #""\u004""#, #""\u"#, #""\u0"#,
            #""\u004"#, #""\u0041"#, #""\u00G0""#, #""\uG000""#, #""\u-041""#, #""\u+041""#, #""\u 041""#, #""\u{41}""#,
            #""\u{1F600}""#, #""\u00４1""#, #""\u\u0041""#, #""\uD834\""#, #""\uD834\u""#, #""\uD834\uD""#,
            #""\uD834\uDD""#, #""\uD834\uDD1""#, #""\uD834\uDD1"#, #""\uD834\uDDGG""#, #""\uD834\x""#, #"\"a""#,
            #"[\"a\"]"#, [0x22, 0x5C, 0xE5, 0x22], [0x22, 0x5C, 0x75, 0xE5, 0x22],
            [0x22, 0x5C, 0x75, 0x30, 0x30, 0x34, 0xE5, 0x22],
        ]
    )

    /// Section 8.1 requires UTF-8; what a parser does with anything else is its own decision: here, reject.
    static let encoding = JSONConformanceGroup(
        section: "8.1 encoding",
        accepted: [
            [0x22, 0xC2, 0x80, 0x22], [0x22, 0xDF, 0xBF, 0x22], [0x22, 0xE0, 0xA0, 0x80, 0x22],
            [0x22, 0xED, 0x9F, 0xBF, 0x22], [0x22, 0xEE, 0x80, 0x80, 0x22], [0x22, 0xF0, 0x90, 0x80, 0x80, 0x22],
            [0x22, 0xF4, 0x8F, 0xBF, 0xBF, 0x22],
        ],
        rejected: [
            // Byte order marks, and UTF-16 and UTF-32 with and without.
            [0xEF, 0xBB, 0xBF], [0xEF, 0xBB, 0xBF, 0x5B, 0x5D], [0xEF, 0xBB, 0x5B, 0x5D],
            [0x5B, 0x5D, 0xEF, 0xBB, 0xBF], [0xFE, 0xFF], [0xFF, 0xFE], [0xFF, 0xFE, 0x5B, 0x00, 0x5D, 0x00],
            [0xFE, 0xFF, 0x00, 0x5B, 0x00, 0x5D], [0x5B, 0x00, 0x5D, 0x00], [0x00, 0x5B, 0x00, 0x5D], [0x31, 0x00],
            [0x00, 0x31], [0x5B, 0x00, 0x00, 0x00, 0x5D, 0x00, 0x00, 0x00],
            // Continuation bytes with nothing to continue, and bytes that never occur.
            [0x22, 0x80, 0x22], [0x22, 0xBF, 0x22], [0x22, 0x80, 0x81, 0x22], [0x22, 0xC2, 0x80, 0x80, 0x22],
            [0x22, 0xFE, 0x22], [0x22, 0xFF, 0x22], [0x22, 0xF8, 0x88, 0x80, 0x80, 0x80, 0x22],
            [0x22, 0xFC, 0x84, 0x80, 0x80, 0x80, 0x80, 0x22], [0x22, 0xE9, 0x22],
            // Characters that are cut short.
            [0x22, 0xC3, 0x22], [0x22, 0xE2, 0x22], [0x22, 0xE2, 0x82, 0x22], [0x22, 0xF0, 0x9F, 0x22],
            [0x22, 0xF0, 0x9F, 0x98, 0x22], [0x22, 0xC3], [0x22, 0xE2, 0x82],
            [0x22, 0xE2, 0x82, 0x5C, 0x75, 0x30, 0x30, 0x61, 0x63, 0x22], [0x22, 0xC3, 0x5C, 0x6E, 0x22],
            [0x22, 0x5C, 0x75, 0x30, 0x30, 0x65, 0x39, 0xA9, 0x22],
            // Overlong forms, surrogates, and beyond U+10FFFF.
            [0x22, 0xC0, 0x80, 0x22], [0x22, 0xC0, 0xAF, 0x22], [0x22, 0xC1, 0xBF, 0x22],
            [0x22, 0xE0, 0x80, 0xAF, 0x22], [0x22, 0xE0, 0x9F, 0xBF, 0x22], [0x22, 0xF0, 0x80, 0x80, 0xAF, 0x22],
            [0x22, 0xF0, 0x8F, 0xBF, 0xBF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xED, 0xBF, 0xBF, 0x22],
            [0x22, 0xED, 0xA0, 0xB4, 0xED, 0xB4, 0x9E, 0x22], [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22],
            [0x22, 0xF5, 0x80, 0x80, 0x80, 0x22], [0x22, 0xF7, 0xBF, 0xBF, 0xBF, 0x22],
            // The same in a key.
            [0x7B, 0x22, 0xFF, 0x22, 0x3A, 0x31, 0x7D], [0x7B, 0x22, 0xC3, 0x22, 0x3A, 0x31, 0x7D],
            [0x7B, 0xE9, 0x3A, 0x31, 0x7D],
        ]
    )

    static let arrays = JSONConformanceGroup(
        section: "5 arrays",
        accepted: [
            "[]", "[1]", "[1,2]", "[1,\"a\",null,true,false,[],{}]", "[[],[]]", "[[[[]]]]", "[[1],[2,[3]]]", "[{},{}]",
            "[\"\"]", "[null]", "[-1]", JSONText("[" + String(repeating: "1,", count: 50_000) + "1]"),
        ],
        rejected: [
            "[", "[1", "[1,", "[,", "[,]", "[,1]", "[1,]", "[1,,]", "[1,,2]", "[,,]", "[1;2]", "[1:2]", "[:1]",
            "[\"a\":1]", "[1}", "[}", "[[]", "[[1]", "[[1,2]", "[[1,]]", "[]]", "[1]]", "[[", "[[]]]", "[1,2",
            "[1 true]", "[\"a\" \"b\"]", "[\"a\"1]", "[1\"a\"]", "[[]1]", "[1[]]", "[[][]]", "[{}{}]", "[a]", "[a",
            "[1,a]", "[*]", "[...]", "[1,\n", "[\"a\",", "[\"a\",\n4\n,1,", "[1,2)", "(1,2]", "[-]", "[null,",
            "[null,null", "[/**/]", "[1/**/]", "[1,//\n2]", "[{", "[{]", "[{\"a\"", "[{\"a\":", "[{\"a\":1",
            "[\"\": 1]", "[1\\,2]", [0x5B, 0xFF, 0x5D], [0x5B, 0x31, 0xE5, 0x5D],
        ]
    )

    static let objects = JSONConformanceGroup(
        section: "4 objects",
        accepted: [
            "{}", #"{"a":1}"#, #"{"a":1,"b":2}"#, #"{"a":[]}"#, #"{"a":{"b":{"c":null}}}"#, #"{"":0}"#, #"{" ":0}"#,
            #"{"a":1,"a":2}"#, #"{"a":1,"a":1}"#, #"{"\u0061":1}"#, #"{"\u0000":1}"#, #"{"a\"b":1}"#, #"{"é":1}"#,
            #"{"a":"b"}"#, #"{"a":-0}"#, #"{"a:b":1}"#, #"{"a,b":1}"#, #"{"{":"}"}"#,
        ],
        rejected: [
            "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,", "{,", "{,}", "{:}", "{:1}", "{\"a\"}", "{\"a\":}",
            "{\"a\",1}", "{\"a\" 1}", "{\"a\"::1}", "{\"a\":1:2}", "{\"a\":1,}", "{\"a\":1,,}", "{\"a\":1,,\"b\":2}",
            "{,\"a\":1}", "{\"a\":1;\"b\":2}", "{\"a\":1 \"b\":2}", "{\"a\"=1}", "{\"a\"=>1}", "{a:1}", "{a}",
            "{'a':1}", "{1:1}", "{null:1}", "{true:1}", "{[]:1}", "{{}:1}", "{\"a\":1]", "{]", "{\"a\":1}}",
            "{\"a\":1}x", "{\"a\":1}/**/", "{\"a\":1}//", "{\"a\":1}#", "{\"a\"/**/:1}", "{/**/\"a\":1}",
            "{\"a\":1,b:2}", "{\"a\":1,\"b\"}", "{\"a\":1,\"b\":}", "{\"a\":a}", "{\"a\":\"b}", "{\"a:1}",
            "{\"a\":\"b\",", "{\"a\":[}", "{\"a\":{]", "{\"a\":{}", "{\"a\":[]", "{{", "{[", "{\"a\" \"b\"}",
            "{\"a\"x:1}", "{\"a\"\"b\":1}", "{\"a\":1 2}", "{\"a\":'b'}", "{\"a\":01}", "{\"a\":+1}", "{🇨🇭}",
            "{\"a\":tru", "{...}", "{\"a\":1,\"b\"", [0x7B, 0xB9, 0x3A, 0x31, 0x7D],
        ]
    )

    /// What the RFC leaves to the parser: section 9 on limits, section 6 on range, section 8.2 on surrogates.
    static let choices = JSONConformanceGroup(
        section: "9 our decisions",
        accepted: [
            // Integers of any length, rounded where 64 bits do not hold them; what is too small is zero.
            "18446744073709551616", "-9223372036854775809", "123456789012345678901234567890",
            JSONText(String(repeating: "9", count: 300)), "1e-400", "-1e-400", "1.5e-99999", "0e999",
            "0e-99999999999999999999", "1e-99999999999999999999",
            JSONText("0." + String(repeating: "0", count: 5_000) + "1"),
            // 64 levels.
            JSONText(String(repeating: "[", count: 64) + String(repeating: "]", count: 64)),
            JSONText(String(repeating: #"{"a":"#, count: 64) + "1" + String(repeating: "}", count: 64)),
        ],
        rejected: [
            // Beyond a Double.
            "1e309", "1e400", "-1e400", "1E+999", "-1e999", "1.8e308", "123456e99999", "1e99999999999999999999",
            "0.1e99999999999999999999", JSONText(String(repeating: "9", count: 400)),
            JSONText("-1" + String(repeating: "0", count: 5_000)),
            // Half of a surrogate pair.
            #""\uD800""#, #""\ud834""#, #""\uDBFF""#, #""\uDC00""#, #""\uDFFF""#, #""\uDD1E\uD834""#,
            #""\uD800\uD800""#, #""\uD834\u0041""#, #""\uD834x""#, #""\uD834\n""#, #""\uD834\\uDD1E""#, #""a\uD834""#,
            #""\uDC00a""#, #""\uD800\uDBFF""#, #""\uD834\uE000""#, #"{"\uD834":1}"#, #""\uD834\uD834\uDD1E""#,
            // More than 64 levels, closed or not.
            JSONText(String(repeating: "[", count: 65) + String(repeating: "]", count: 65)),
            JSONText(String(repeating: "[", count: 500) + String(repeating: "]", count: 500)),
            JSONText(String(repeating: "[", count: 100_000)), JSONText(String(repeating: #"[{"":"#, count: 50_000)),
            JSONText(String(repeating: #"{"a":"#, count: 65) + "1" + String(repeating: "}", count: 65)),
        ]
    )
}
