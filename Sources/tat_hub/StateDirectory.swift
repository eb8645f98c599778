import Agent
import CShims
import PlatformLinux

/// Where a hub keeps its journal and where its clients find its address and token. Only its owner may look into it.
struct StateDirectory {
    let path: String

    private static let modeBits: mode_t = 0o777

    var journal: String { "\(path)/journal.jsonl" }
    private var addressFile: String { "\(path)/hub.json" }

    /// The directory that was asked for, or the usual one.
    init(_ path: String?) {
        if let path {
            self.path = path
        } else if let path = environment("TAT_HUB_STATE") {
            self.path = path
        } else if let runtime = environment("XDG_RUNTIME_DIR") {
            self.path = "\(runtime)/tat_hub"
        } else {
            self.path = "/tmp/tat_hub-\(geteuid())"
        }
    }

    /// Makes the directory where there is none, and refuses one that others could have prepared.
    func prepare() throws(Failure) {
        if mkdir(path, 0o700) != 0, shim_errno() != EEXIST { throw .system("mkdir \(path)") }
        try check()
    }

    /// Holds a lock for as long as the result lives, so that one hub alone writes the journal.
    func lock() throws(Failure) -> FileDescriptor {
        let number = shim_open("\(path)/lock", O_RDWR | O_CREAT | O_NOFOLLOW, 0o600)
        guard number >= 0 else { throw .system("open \(path)/lock") }
        let descriptor = FileDescriptor(owning: number)
        guard flock(number, LOCK_EX | LOCK_NB) == 0 else {
            throw Failure("another hub is running with the state directory \(path)")
        }
        return descriptor
    }

    /// How clients reach the hub that runs here.
    struct Access {
        var address: String
        var token: String
    }

    func publish(_ access: Access) throws(Failure) {
        let json: JSON = ["address": .string(access.address), "token": .string(access.token)]
        let draft = addressFile + ".new"
        let number = shim_open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o600)
        guard number >= 0 else { throw .system("open \(draft)") }
        let descriptor = FileDescriptor(owning: number)
        guard fchmod(number, 0o600) == 0, writeAll(json.encoded() + [0x0A], to: descriptor.number),
            rename(draft, addressFile) == 0
        else { throw .system("write \(addressFile)") }
    }

    /// Takes the address back, at the end of the hub.
    func withdraw() { unlink(addressFile) }

    func access() throws(Failure) -> Access {
        guard let bytes = try readAddressFile(), let json = try? JSON.parse(bytes),
            let address = json["address"]?.string, let token = json["token"]?.string
        else {
            throw Failure("no hub is running with the state directory \(path) (start one with: tat_hub serve)")
        }
        return Access(address: address, token: token)
    }

    private func readAddressFile() throws(Failure) -> [UInt8]? {
        var facts = stat()
        guard lstat(path, &facts) == 0 else { return nil }
        try check()
        let number = shim_open(addressFile, O_RDONLY | O_NOFOLLOW, 0)
        guard number >= 0 else { return nil }
        let descriptor = FileDescriptor(owning: number)
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = retrying { read(descriptor.number, &bytes, bytes.count) }
        return count < 0 ? nil : Array(bytes.prefix(count))
    }

    private func check() throws(Failure) {
        var facts = stat()
        guard lstat(path, &facts) == 0 else { throw .system("stat \(path)") }
        // A link is followed where the user asked for that path; what it leads to is what has to be private.
        guard stat(path, &facts) == 0 else { throw .system("stat \(path)") }
        guard shim_is_directory(facts.st_mode) != 0 else { throw Failure("\(path) is not a directory") }
        guard facts.st_uid == geteuid() else { throw Failure("\(path) belongs to another user") }
        guard facts.st_mode & 0o022 == 0 else { throw Failure("\(path) can be written by other users") }
    }
}
