import Agent
import CShims
import Foundation
import Testing

@Suite("Running as a user", .root, .users, .lab)
struct UserTests {
    @Test("the user, the primary group and exactly the user's other groups")
    func identity() async throws {
        let users = try TestUsers.shared
        let outcome = try await Lab.shared.run(
            "grep -E '^(Uid|Gid|Groups|CapEff|CapPrm):' /proc/self/status | tr -s '\\t ' ' '",
            user: users.alice.name
        )
        let fields = Dictionary(
            uniqueKeysWithValues: outcome.lines.map { line in
                let words = line.split(separator: " ").map(String.init)
                return (words[0], Array(words.dropFirst()))
            }
        )
        // Real, effective, saved and file system id.
        #expect(fields["Uid:"] == Array(repeating: "\(users.alice.uid)", count: 4))
        #expect(fields["Gid:"] == Array(repeating: "\(users.alice.gid)", count: 4))
        #expect(Set(fields["Groups:"] ?? []) == Set(([users.alice.gid] + users.groups).map(String.init)))
        for name in ["CapEff:", "CapPrm:"] { #expect(fields[name].map { UInt64($0[0], radix: 16) } == 0) }
        let bob = try await Lab.shared.run("id -G", user: users.bob.name)
        #expect(bob.text == "\(users.bob.gid)\n")
    }

    @Test("no name is the agent's own user")
    func ownUser() async throws {
        try await Lab.shared.run("id -u; echo $HOME", user: "").expectSuccess("0\n/root\n")
    }

    @Test("the environment of a login, without what is the agent's alone")
    func environment() async throws {
        let secrets = [
            "TAT_AGENT_SECRET": "a", "NOTIFY_SOCKET": "/nowhere", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "1",
            "LISTEN_FDS": "1", "LISTEN_PID": "1", "SHELL": "/bin/false", "HOME": "/elsewhere", "USER": "somebody",
            "PASSED_ON": "two words",
        ]
        let alice = try TestUsers.shared.alice
        try await Lab.with(environment: secrets) { lab in
            let outcome = try await lab.run("env -0", user: alice.name)
            var variables: [String: String] = [:]
            for entry in outcome.text.split(separator: "\0") {
                let parts = entry.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                variables[String(parts[0])] = String(parts[1])
            }
            let expected = [
                "HOME": alice.home, "USER": alice.name, "LOGNAME": alice.name, "USERNAME": alice.name,
                "SHELL": "/bin/bash", "MAIL": "/var/spool/mail/\(alice.name)", "TERM": "xterm-color",
                "TAT_INVOCATION_TASK_ID": outcome.id, "PASSED_ON": "two words",
            ]
            for (name, value) in expected { #expect(variables[name] == value, "\(name)") }
            #expect(variables["PATH"]?.contains("/usr/bin") == true)
            for name in variables.keys {
                #expect(!name.hasPrefix("TAT_AGENT_"))
                #expect(!["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID"].contains(name))
            }
        }
    }

    @Test("the user's profile is read; what it prints and fails at is passed over")
    func profile() async throws {
        let users = try TestUsers.shared
        let profile = """
            echo noise
            echo more noise >&2
            nosuchcommand
            cat /no/such/file
            export FROM_PROFILE=$((6 * 7))
            alias ll='ls -l'
            false
            """
        try Data(profile.utf8).write(to: URL(filePath: users.alice.home + "/.bash_profile"))
        try Data("export FROM_PROFILE=no".utf8).write(to: URL(filePath: users.alice.home + "/.bashrc"))
        try Data("export FROM_RC=yes".utf8).write(to: URL(filePath: users.bob.home + "/.bashrc"))
        let lab = try Lab.shared
        try await lab.run("echo $FROM_PROFILE", user: users.alice.name).expectSuccess("42\n")
        try await lab.run("echo $FROM_RC$FROM_PROFILE", user: users.bob.name).expectSuccess("yes\n")
        try await lab.run("#!/usr/bin/env perl\nprint $ENV{FROM_PROFILE}", user: users.alice.name).expectSuccess("42")
        // A profile that belongs to somebody else and cannot be read is none.
        chmod(users.bob.home + "/.bashrc", 0)
        try await lab.run("echo [$FROM_RC]", user: users.bob.name).expectSuccess("[]\n")
    }

    @Test("script, output and record of a task are its own, and nobody else can end it")
    func privacy() async throws {
        let (lab, users) = (try Lab.shared, try TestUsers.shared)
        let release = lab.scratch.path + "/" + UUID().uuidString
        let id = try await lab.create(
            "# the secret\necho the secret is out; until [ -e \(release) ]; do sleep 0.02; done\n",
            user: users.alice.name
        )
        try await lab.hub.waitForTask(id) { $0["outputSize"]?.int64 ?? 0 > 0 }
        let folder = "\(lab.agent.state)/tasks/\(id)"
        let expected: [String: (mode: mode_t, owner: Int)] = [
            "task": (0o600, 0), "script": (0o600, users.alice.uid), "output": (0o600, 0), "claim": (0o600, 0),
        ]
        #expect(Set(try FileManager.default.contentsOfDirectory(atPath: folder)) == Set(expected.keys))
        for (name, (mode, owner)) in expected {
            var status = stat()
            #expect(stat(folder + "/" + name, &status) == 0)
            #expect(Int(status.st_uid) == owner, "\(name)")
            // No more than this; of a socket the right to execute means nothing.
            #expect(status.st_mode & 0o7777 & ~mode == 0, "\(name)")
        }

        let probe = """
            cd \(folder) || exit 9
            for name in task claim script output; do cat $name && echo "could read $name"; done 2>&1
            ls . && echo could list
            echo > cancel && echo could write
            ls \(lab.agent.state)/done && echo could list tombstones
            cat \(lab.agent.logPath) && echo could read the log
            cat \(lab.agent.home)/config.dat && echo could read the configuration
            exit 0
            """
        let bob = try await lab.run(probe, user: users.bob.name)
        #expect(bob.exitCode == 0)
        #expect(!bob.text.contains("could"), "\(bob.text)")
        #expect(!bob.text.contains("secret"))
        // The task's own user knows the script; the rest is not hers either.
        let alice = try await lab.run(probe, user: users.alice.name)
        let possible = alice.lines.filter { $0.contains("could") }
        #expect(possible == ["could read script"], "\(alice.text)")
        try Data().write(to: URL(filePath: release))
        try await lab.outcome(of: id).expectSuccess("the secret is out\n")
    }

    @Test("a user cannot read what is root's")
    func rootFiles() async throws {
        let outcome = try await Lab.shared.run("cat /etc/shadow; exit", user: TestUsers.shared.alice.name)
        #expect(outcome.result == "FAILED")
        #expect(outcome.text.contains("Permission denied"))
    }

    @Test(
        "users that do not exist",
        arguments: [
            "no-such-user", "0", "65534", "root:x", "-r", "a b", "../root", "root\n", "rööt", "$(id)", "root ", "'",
            String(repeating: "x", count: 300),
        ]
    )
    func unknownUser(name: String) async throws {
        let outcome = try await Lab.shared.run("echo never", user: name)
        outcome.expectStartFailure("InvalidUser: user `\(name)` not exists")
        outcome.expectNoRepeats()
    }

    @Test("names that cannot be any", arguments: ["a\0b", String(repeating: "x", count: 5000)])
    func impossibleUser(name: String) async throws {
        try await Lab.shared.run("echo never", user: name).expectStartFailure("InvalidUser: the name cannot be one")
    }

    @Test("the working directory: home, a given one, one below home")
    func workingDirectory() async throws {
        let (lab, users) = (try Lab.shared, try TestUsers.shared)
        let home = users.alice.home
        try await lab.run("pwd", user: users.alice.name).expectSuccess("\(home)\n")
        try await lab.run("pwd", user: users.alice.name, directory: "/usr/bin").expectSuccess("/usr/bin\n")
        try await lab.run("mkdir -p 'a b/c'", user: users.alice.name).expectSuccess("")
        try await lab.run("pwd", user: users.alice.name, directory: "a b/c").expectSuccess("\(home)/a b/c\n")
        // A user whose home does not exist still has scripts run.
        try await lab.run("pwd", user: "nobody").expectSuccess("/\n")
    }

    @Test("working directories that cannot be entered")
    func badDirectories() async throws {
        let (lab, users) = (try Lab.shared, try TestUsers.shared)
        func failure(_ directory: String) async throws -> TaskOutcome {
            try await lab.run("echo never", user: users.alice.name, directory: directory)
        }
        for missing in ["/no/such/directory", "not-in-home", "/etc/passwd"] {
            let expected = "InvalidWorkingDirectory: working_directory `\(missing)` not exists"
            try await failure(missing).expectStartFailure(expected)
        }
        let closed = try lab.agent.folder.make("closed-\(UUID().uuidString)", mode: 0o700)
        try await failure(closed).expectStartFailure(
            "InvalidWorkingDirectory: working_directory `\(closed)`: Permission denied"
        )
        try await failure(users.bob.home).expectStartFailure(
            "InvalidWorkingDirectory: working_directory `\(users.bob.home)`: Permission denied"
        )
        try await failure("/a\0b").expectStartFailure(
            "InvalidWorkingDirectory: working_directory `/a\0b`: it cannot be a path"
        )
    }

    @Test("a process group of its own, nothing inherited: descriptors, signals, umask, limits")
    func process() async throws {
        let script = """
            #!/usr/bin/perl
            use Fcntl;
            opendir(my $dir, "/proc/self/fd");
            my %open = map { $_ => readlink("/proc/self/fd/$_") } grep { /\\d/ } readdir $dir;
            for (sort keys %open) {
                # What perl itself holds: the script and this directory.
                print "$_ $open{$_}\\n" unless $open{$_} =~ m{/script$|^/proc/};
            }
            printf "umask %o\\n", umask;
            open(my $status, "<", "/proc/self/status");
            /^Sig(Blk|Pnd)|^NoNewPrivs|^Threads/ && print while <$status>;
            print "group ", getpgrp(0) == $$ ? "own" : "other", "\\n";
            print "session ", `ps -o sid= -p $$` == $$ ? "own" : "supervisor", "\\n";
            print "terminal ", -e "/dev/tty" && open(my $tty, "+<", "/dev/tty") ? "yes" : "no", "\\n";
            """
        let outcome = try await Lab.shared.run(script, user: TestUsers.shared.alice.name)
        outcome.expectSuccess()
        let lines = outcome.lines.map { $0.replacing("\t", with: " ") }
        #expect(lines.count > 3)
        guard lines.count > 3 else { return }
        #expect(lines[0] == "0 /dev/null")
        #expect(lines[1].hasPrefix("1 pipe:"))
        #expect(lines[2].dropFirst(2) == lines[1].dropFirst(2))
        let expected = [
            "umask 22", "Threads: 1", "SigPnd: 0000000000000000", "SigBlk: 0000000000000000", "NoNewPrivs: 0",
            "group own", "session supervisor", "terminal no",
        ]
        #expect(Set(lines[3...]) == Set(expected))

        // Perl ignores a signal itself. The two that the C library keeps to itself (32, 33) say nothing.
        let ignored = try await Lab.shared.run("sed -n 's/^SigIgn:[[:space:]]*//p' /proc/self/status")
        #expect(ignored.lines.first.flatMap { UInt64($0, radix: 16) }.map { $0 & ~0x1_8000_0000 } == 0)

        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        let limits = try await Lab.shared.run("ulimit -Sn; ulimit -Hn", user: TestUsers.shared.alice.name)
        #expect(limits.text == "\(limit.rlim_cur)\n\(limit.rlim_max)\n")
    }

    @Test("a user whose shell allows no login")
    func nologin() async throws {
        try await Lab.shared.run("echo $SHELL", user: "nobody").expectSuccess("/usr/sbin/nologin\n")
    }
}
