import Foundation
import Testing

@testable import Agent

@Suite struct TimestampTests {
    private func text(_ milliseconds: Int64) -> String { Timestamp(unixMilliseconds: milliseconds).description }

    private static let moments: [(Int64, String)] = [
        (0, "1970-01-01T00:00:00.000Z"),
        (1, "1970-01-01T00:00:00.001Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (-86_400_000, "1969-12-31T00:00:00.000Z"),
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (951_782_399_999, "2000-02-28T23:59:59.999Z"),
        (951_782_400_000, "2000-02-29T00:00:00.000Z"),
        (951_868_800_000, "2000-03-01T00:00:00.000Z"),
        (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
        (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
        (1_740_787_200_000, "2025-03-01T00:00:00.000Z"),
        (2_147_483_647_000, "2038-01-19T03:14:07.000Z"),
        (4_107_542_400_000, "2100-03-01T00:00:00.000Z"),
        (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
        (-2_203_891_200_000, "1900-03-01T00:00:00.000Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (253_402_300_800_000, "10000-01-01T00:00:00.000Z"),
    ]

    @Test(arguments: moments)
    func knownMoments(milliseconds: Int64, expected: String) {
        #expect(text(milliseconds) == expected)
    }

    @Test func everyDayFollowsTheLast() throws {
        var calendar = (year: 1968, month: 1, day: 1)
        func length(_ month: Int, _ year: Int) -> Int {
            let isLeap = year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
            return month == 2 ? (isLeap ? 29 : 28) : [4, 6, 9, 11].contains(month) ? 30 : 31
        }
        // 136 years, with a century that has no leap day.
        let start: Int64 = -731
        for day in start..<start + 49_673 {
            let expected = String(format: "%04d-%02d-%02dT", calendar.year, calendar.month, calendar.day)
            guard text(day * 86_400_000).hasPrefix(expected) else {
                Issue.record("day \(day) is \(text(day * 86_400_000)), not \(expected)")
                return
            }
            calendar.day += 1
            if calendar.day > length(calendar.month, calendar.year) {
                calendar.day = 1
                calendar.month += 1
            }
            if calendar.month > 12 {
                calendar.month = 1
                calendar.year += 1
            }
        }
        #expect(calendar.year == 2104 && calendar.month == 1 && calendar.day == 1)
    }

    @Test func aClockThatIsFarOffIsNoTrap() {
        let moments: [Int64] = [.max, .max - 1, -9_000_000_000_000_000_000]
        for milliseconds in moments { #expect(text(milliseconds).hasSuffix("Z")) }
    }
}
