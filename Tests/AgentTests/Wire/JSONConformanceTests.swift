import Foundation
import Testing

@testable import Agent

@Suite struct JSONConformanceTests {
    @Test(arguments: JSONConformanceGroup.all)
    func acceptsWhatTheSectionAllows(group: JSONConformanceGroup) throws {
        for text in group.accepted {
            #expect(throws: Never.self, "\(text)") { try expectAccepted(text) }
            // Two levels less than the limit leaves room for these.
            guard !text.description.hasPrefix("[[[[[") && !text.description.hasPrefix(#"{"a":{"a":{"a":"#) else {
                continue
            }
            #expect(throws: Never.self, "\(text) in an array") { try expectAccepted(text.within("[0, ", ", 0]")) }
            #expect(throws: Never.self, "\(text) in an object") { try expectAccepted(text.within(#"{"k": "#, "}")) }
        }
    }

    @Test(arguments: JSONConformanceGroup.all)
    func rejectsWhatTheSectionForbids(group: JSONConformanceGroup) {
        for text in group.rejected {
            #expect(throws: JSONError.self, "\(text)") { try JSON.parse(text.bytes) }
        }
    }

    /// No beginning of a document is a document, except a number that goes on.
    @Test func rejectsEveryBeginning() throws {
        let text = Array(#" {"a": [1.5e-3, "é\n\ud834\udd1e", {"b": null}, true], "": false}"#.utf8)
        #expect(throws: Never.self) { try JSON.parse(text) }
        for length in 0..<text.count {
            #expect(throws: JSONError.self, "\(length) bytes") { try JSON.parse(Array(text.prefix(length))) }
        }
    }

    /// Runs the files of https://github.com/nst/JSONTestSuite, if `JSON_TEST_SUITE` names its `test_parsing` folder.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["JSON_TEST_SUITE"] != nil))
    func agreesWithThePublicSuite() throws {
        let folder = try #require(ProcessInfo.processInfo.environment["JSON_TEST_SUITE"])
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".json") }
        #expect(names.count > 300)
        for name in names.sorted() {
            let text = JSONText(Array(try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))))
            switch name.prefix(2) {
            case "y_": #expect(throws: Never.self, "\(name)") { try expectAccepted(text) }
            case "n_": #expect(throws: JSONError.self, "\(name)") { try JSON.parse(text.bytes) }
            default:
                let isAccepted = (try? expectAccepted(text)) != nil
                print(isAccepted ? "accepted" : "rejected", name)
            }
        }
    }

    private func expectAccepted(_ text: JSONText) throws {
        let value = try JSON.parse(text.bytes)
        #expect(try JSON.parse(value.encoded()) == value)
    }
}
