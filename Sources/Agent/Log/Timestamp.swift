/// A moment as ISO 8601 in UTC, to the millisecond: `2026-01-31T23:59:59.123Z`.
struct Timestamp: CustomStringConvertible {
    let unixMilliseconds: Int64

    var description: String {
        let day = unixMilliseconds.floorDivided(by: 86_400_000)
        let time = unixMilliseconds - day * 86_400_000
        let (year, month, date) = Self.civil(day: day)
        return "\(Self.pad(year, 4))-\(Self.pad(month, 2))-\(Self.pad(date, 2))"
            + "T\(Self.pad(time / 3_600_000, 2)):\(Self.pad(time / 60_000 % 60, 2)):\(Self.pad(time / 1000 % 60, 2))"
            + ".\(Self.pad(time % 1000, 3))Z"
    }

    /// The Gregorian date of a day counted from 1970-01-01, for years that start in March so that a leap day is the
    /// last of its year.
    static func civil(day: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let shifted = day + 719_468
        let era = shifted.floorDivided(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let marchMonth = (5 * dayOfYear + 2) / 153
        let month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * marchMonth + 2) / 5 + 1)
    }

    static func pad(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}

extension Int64 {
    func floorDivided(by divisor: Int64) -> Int64 {
        let quotient = self / divisor
        return self % divisor < 0 ? quotient - 1 : quotient
    }
}
