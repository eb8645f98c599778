extension JSON {
    /// The members of a JSON object, in the order in which they were written.
    ///
    /// Keys are compared byte by byte, as RFC 8259 section 8.3 has it, not by Unicode equivalence as `String` does. Where
    /// a key occurs more than once, the last one counts. A look-up takes time linear in the number of members.
    public struct Object: Equatable, Sendable, ExpressibleByDictionaryLiteral {
        /// All members in order, duplicates included.
        public private(set) var members: [(key: String, value: JSON)]

        /// An object of these members, in this order.
        public init(_ members: [(key: String, value: JSON)] = []) {
            self.members = members
        }

        public init(dictionaryLiteral elements: (String, JSON)...) {
            self.init(elements)
        }

        /// Adds a member at the end, even if the key is there already.
        public mutating func append(key: String, value: JSON) {
            members.append((key, value))
        }

        /// The last value of a key; assigning replaces it or adds it at the end, and assigning nil removes the key.
        public subscript(key: String) -> JSON? {
            get {
                index(of: key).map { members[$0].value }
            }
            set {
                guard let newValue else {
                    members.removeAll { Self.isSame($0.key, key) }
                    return
                }
                if let index = index(of: key) {
                    members[index].value = newValue
                } else {
                    members.append((key, newValue))
                }
            }
        }

        /// Whether both have equal members in the same order.
        public static func == (left: Self, right: Self) -> Bool {
            left.members.elementsEqual(right.members) { isSame($0.key, $1.key) && $0.value == $1.value }
        }

        private func index(of key: String) -> Int? {
            members.lastIndex { Self.isSame($0.key, key) }
        }

        private static func isSame(_ left: String, _ right: String) -> Bool {
            left.utf8.count == right.utf8.count && left.utf8.elementsEqual(right.utf8)
        }
    }
}
