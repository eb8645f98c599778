import CShims

/// What the firmware says of the machine (DMTF DSP0134, System Management BIOS).
package enum SMBIOS {
    /// The raw data, GetSystemFirmwareTable; `nil` where there is none.
    package static func read() -> [UInt8]? {
        let size = shim_win_GetSystemFirmwareTable_smbios(nil, 0)
        guard size > 0, size <= 1 << 20 else { return nil }
        var data = [UInt8](repeating: 0, count: Int(size))
        let filled = shim_win_GetSystemFirmwareTable_smbios(&data, size)
        guard filled > 0, filled <= size else { return nil }
        return Array(data.prefix(Int(filled)))
    }

    /// The system's UUID, which is in the structure of type 1; `nil` where it is not set.
    ///
    /// The data begins with Windows' own head: a byte, the major and the minor version, a byte, and the length of the table
    /// in 32 bits. A structure is its type, the length of its formatted part, two bytes, the rest of that part, then texts
    /// that end with a zero each, and one more zero (section 6.1).
    package static func systemUUID(in data: [UInt8]) -> String? {
        guard data.count > 8 else { return nil }
        let (major, minor) = (data[1], data[2])
        let length = data[4..<8].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        var rest = data[8...].prefix(Int(clamping: length))
        while rest.count >= 4 {
            let start = rest.startIndex
            let (type, size) = (rest[start], Int(rest[start + 1]))
            guard size >= 4, rest.count >= size else { return nil }
            let structure = Array(rest.prefix(size))
            if type == 1 {
                return size >= 24 ? text(Array(structure[8..<24]), isMixed: (major, minor) >= (2, 6)) : nil
            }
            if type == 127 { return nil }
            rest = afterTexts(rest.dropFirst(size))
        }
        return nil
    }

    /// What follows the texts of a structure: they end with two zeros, also when there are none.
    private static func afterTexts(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        var rest = bytes
        while rest.count >= 2 {
            if rest[rest.startIndex] == 0, rest[rest.startIndex + 1] == 0 { return rest.dropFirst(2) }
            rest = rest.dropFirst()
        }
        return []
    }

    /// From version 2.6 on, the first three fields have their least significant byte first (section 7.2.1). All zeros or
    /// all ones stand for no UUID.
    private static func text(_ bytes: [UInt8], isMixed: Bool) -> String? {
        guard !bytes.allSatisfy({ $0 == 0 }), !bytes.allSatisfy({ $0 == 0xFF }) else { return nil }
        let order = isMixed ? [3, 2, 1, 0, 5, 4, 7, 6] + Array(8...15) : Array(0...15)
        var text = ""
        for (place, index) in order.enumerated() {
            if [4, 6, 8, 10].contains(place) { text += "-" }
            text += (bytes[index] < 16 ? "0" : "") + String(bytes[index], radix: 16)
        }
        return text
    }
}
