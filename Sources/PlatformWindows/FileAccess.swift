import CShims

/// What a file is opened for (winnt.h, whose macros Swift does not see with every toolchain).
enum FileAccess {
    /// GENERIC_READ.
    static let read: DWORD = 0x8000_0000
    /// GENERIC_WRITE.
    static let write: DWORD = 0x4000_0000
    /// FILE_APPEND_DATA and SYNCHRONIZE: to write at the end and nowhere else.
    static let append: DWORD = 0x0010_0004
}
