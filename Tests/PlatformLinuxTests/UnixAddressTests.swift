import CShims
import Foundation
import Testing

@testable import PlatformLinux

@Suite struct UnixAddressTests {
    private let folder: TestFolder

    init() throws { folder = try TestFolder() }

    private func listen(_ address: UnixAddress) throws -> FileDescriptor {
        let descriptor = FileDescriptor(owning: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
        guard address.withSockaddr({ bind(descriptor.number, $0, $1) }) == 0 else { throw SystemError("bind") }
        guard CShims.listen(descriptor.number, 4) == 0 else { throw SystemError("listen") }
        return descriptor
    }

    private func connect(_ address: UnixAddress) throws -> FileDescriptor {
        let descriptor = FileDescriptor(owning: socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
        guard address.withSockaddr({ CShims.connect(descriptor.number, $0, $1) }) == 0 else {
            throw SystemError("connect")
        }
        return descriptor
    }

    @Test func aPathIsASocketThere() throws {
        let address = try #require(UnixAddress(path: folder / "socket"))
        let listener = try listen(address)
        _ = try connect(address)
        #expect(try PosixFiles().list(folder.path) == ["socket"])
        withExtendedLifetime(listener) {}
    }

    @Test func pathsHaveUpTo107Bytes() throws {
        let fits = folder / String(repeating: "s", count: 107 - folder.path.utf8.count - 1)
        #expect(fits.utf8.count == 107)
        let listener = try listen(#require(UnixAddress(path: fits)))
        #expect(try PosixFiles().list(folder.path) == [String(fits.split(separator: "/").last ?? "")])
        #expect(UnixAddress(path: fits + "s") == nil)
        #expect(UnixAddress(path: "") == nil)
        withExtendedLifetime(listener) {}
    }

    @Test func insideADirectoryItsPathIsOfNoAccount() throws {
        let path = folder.path + String(repeating: "/" + String(repeating: "d", count: 200), count: 10)
        try PosixFiles().makeDirectory(path, access: .owner)
        let directory = try FileDescriptor.open(path, O_RDONLY | O_DIRECTORY)
        let address = try #require(UnixAddress(in: directory, name: "control"))
        let listener = try listen(address)
        _ = try connect(address)
        #expect(try PosixFiles().list(path) == ["control"])
        withExtendedLifetime(listener) {}
    }

    @Test func anAbstractNameIsAsLongAsItIs() throws {
        let name = "plx-\(UUID().uuidString)"
        let listener = try listen(#require(UnixAddress(notifySocket: "@" + name)))
        _ = try connect(#require(UnixAddress(notifySocket: "@" + name)))
        #expect(throws: SystemError.self) { try connect(#require(UnixAddress(notifySocket: "@" + name + "x"))) }
        #expect(throws: SystemError.self) {
            try connect(#require(UnixAddress(notifySocket: "@" + name.dropLast())))
        }
        // The kernel's own list, where abstract names begin with @ and have nothing after them.
        let sockets = String(decoding: try PosixFiles().read("/proc/net/unix", limit: 16 << 20), as: UTF8.self)
        #expect(sockets.split(separator: "\n").contains { $0.hasSuffix(" @" + name) })
        #expect(UnixAddress(notifySocket: "") == nil)
        withExtendedLifetime(listener) {}
    }

    @Test func aNotifySocketMayBeAPath() throws {
        let listener = try listen(#require(UnixAddress(notifySocket: folder / "notify")))
        #expect(try PosixFiles().list(folder.path) == ["notify"])
        withExtendedLifetime(listener) {}
    }
}
