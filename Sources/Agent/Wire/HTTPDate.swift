/// A moment as HTTP has it (RFC 1123, RFC 9110 section 5.6.7): `Thu, 16 May 2019 06:45:51 GMT`.
struct HTTPDate: CustomStringConvertible {
    let unixSeconds: Int64

    private static let weekdays = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    var description: String {
        let day = unixSeconds.floorDivided(by: 86_400)
        let time = unixSeconds - day * 86_400
        let (year, month, date) = Timestamp.civil(day: day)
        // 1970-01-01 was a Thursday.
        let weekday = Self.weekdays[Int(day - 7 * day.floorDivided(by: 7))]
        let words = [
            "\(weekday),",
            Timestamp.pad(date, 2),
            Self.months[Int(month) - 1],
            Timestamp.pad(year, 4),
            [time / 3600, time / 60 % 60, time % 60].map { Timestamp.pad($0, 2) }.joined(separator: ":"),
            "GMT",
        ]
        return words.joined(separator: " ")
    }
}
