/// A JSON value (RFC 8259).
///
/// Integers are kept exactly where 64 bits can hold them; every other number is a `Double`.
public enum JSON: Equatable, Sendable {
    case null
    case bool(Bool)
    case integer(Int64)
    /// An integer above `Int64.max`; smaller ones are `integer`.
    case unsigned(UInt64)
    case double(Double)
    /// Text, which may contain U+0000.
    case string(String)
    case array([JSON])
    case object(Object)
}

extension JSON {
    /// Whether this is `null`.
    public var isNull: Bool { self == .null }

    /// The text of a string, else nil.
    public var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The value of a number that `Int64` holds exactly, else nil.
    public var int64: Int64? {
        switch self {
        case .integer(let value): value
        case .double(let value): Self.exactInteger(value)
        default: nil
        }
    }

    /// `Int64(exactly:)`, but that one calls the C library's `trunc`.
    private static func exactInteger(_ value: Double) -> Int64? {
        guard value >= -0x1p63, value < 0x1p63 else { return nil }
        let integer = Int64(value)
        return Double(integer) == value ? integer : nil
    }

    /// The value of `true` or `false`, else nil.
    public var bool: Bool? {
        if case .bool(let value) = self { value } else { nil }
    }

    /// The value of any number, rounded to the nearest `Double`, else nil.
    public var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .unsigned(let value): Double(value)
        case .double(let value): value
        default: nil
        }
    }

    /// The elements of an array, else nil.
    public var array: [JSON]? {
        if case .array(let elements) = self { elements } else { nil }
    }

    /// The members of an object, else nil.
    public var object: Object? {
        if case .object(let members) = self { members } else { nil }
    }

    /// The value of an object's member; nil when there is none or this is not an object.
    ///
    /// A member that is there but `null` is `JSON.null`.
    public subscript(key: String) -> JSON? { object?[key] }
}

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
    public init(nilLiteral: ()) { self = .null }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(integerLiteral value: Int64) { self = .integer(value) }
    public init(floatLiteral value: Double) { self = .double(value) }
    public init(stringLiteral value: String) { self = .string(value) }
    public init(arrayLiteral elements: JSON...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSON)...) { self = .object(Object(elements)) }
}
