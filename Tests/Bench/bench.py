#!/usr/bin/env python3
"""Prints the agent's figures beside those of the same shell lines run bare. Python's standard library only.

usage: bench.py DIRECTORY-OF-THE-RELEASE-EXECUTABLES [--quick]

Hub and agent run on loopback in a temporary folder and end with this script. As root, tasks run as a user made for the
purpose, with the distribution's stock profile, who is removed at the end; else as the calling user.
"""

import contextlib
import os
import pwd
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Support"))
from lab import Lab  # noqa: E402

BENCH_USER = "tat-bench"
PROFILES = (
    "{ [ ! -r /etc/profile ] || . /etc/profile\n"
    "if [ -r ~/.bash_profile ]; then . ~/.bash_profile; elif [ -r ~/.bashrc ]; then . ~/.bashrc; fi\n"
    "} >/dev/null 2>&1\n"
)


class Bench(Lab):
    """A lab with an agent that is connected."""

    def __init__(self, executables):
        super().__init__(executables)
        started = time.monotonic()
        self.start_agent()
        self.wait_until(self.connected, 30, "the agent has not connected")
        self.connect_time = time.monotonic() - started
        time.sleep(2.5)  # the kick that follows a connect

    def run(self, scripts, user=None):
        """Has the agent run the scripts, all described at once. Their records."""
        tasks = [{"script": script, **({"user": user} if user else {})} for script in scripts]
        ids = self.create(tasks)
        # First the last one: to ask after each while they run would take what is being measured.
        self.finished(ids[-1])
        return [self.finished(id) for id in ids]

    def memory(self):
        fields = {}
        with open(f"/proc/{self.agent.pid}/status") as file:
            for line in file:
                name, _, value = line.partition(":")
                fields[name] = value.split()[0] if value.split() else ""
        return int(fields["RssAnon"]), int(fields["VmRSS"]), int(fields["Threads"])

    def switches(self):
        with open(f"/proc/{self.agent.pid}/status") as file:
            return sum(int(line.split()[1]) for line in file if "ctxt_switches" in line)


@contextlib.contextmanager
def bench_user():
    if os.geteuid() != 0:
        yield pwd.getpwuid(os.geteuid())
        return
    subprocess.run(["userdel", "-r", BENCH_USER], stderr=subprocess.DEVNULL)
    subprocess.run(["useradd", "-m", "-k", "/etc/skel", "-s", "/bin/bash", BENCH_USER], check=True)
    try:
        yield pwd.getpwnam(BENCH_USER)
    finally:
        subprocess.run(["userdel", "-r", BENCH_USER], stderr=subprocess.DEVNULL)


class Bare:
    """The same shell lines without an agent."""

    def __init__(self, account, folder):
        self.account = account
        self.folder = folder
        # What the agent's scripts get, too: its own environment, and a login's.
        self.environment = {
            **os.environ, "HOME": account.pw_dir, "USER": account.pw_name, "LOGNAME": account.pw_name,
            "USERNAME": account.pw_name, "SHELL": account.pw_shell, "MAIL": f"/var/spool/mail/{account.pw_name}",
            "TERM": "xterm-color",
        }

    def line(self, script):
        path = os.path.join(self.folder, "bare-script")
        with open(path, "w") as file:
            file.write(script)
        os.chmod(path, 0o644)
        return PROFILES + f"exec /bin/bash {path}"

    def measure(self, arguments, **options):
        identity = {}
        if os.geteuid() == 0:
            groups = os.getgrouplist(self.account.pw_name, self.account.pw_gid)
            identity = {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": groups}
        started = time.monotonic()
        subprocess.run(
            arguments, cwd=self.account.pw_dir, env=self.environment, check=True, stdout=subprocess.DEVNULL,
            **identity, **options
        )
        return time.monotonic() - started

    def one(self, script, times=100):
        """Seconds for one run, from a shell's loop, its own start taken off."""
        empty = self.measure(["/bin/bash", "-c", "for i in {1..1}; do :; done", "bash"])
        loop = f'for i in {{1..{times}}}; do /bin/bash -c "$0"; done'
        return (self.measure(["/bin/bash", "-c", loop, self.line(script)]) - empty) / times

    def two_at_a_time(self, script, times=100):
        words = "\n".join(str(number) for number in range(times)).encode()
        return self.measure(["xargs", "-P", "2", "-n", "1", "/bin/bash", "-c", self.line(script)], input=words)


def milliseconds(seconds):
    return f"{seconds * 1000:.2f} ms"


def row(name, value, note=""):
    print(f"  {name:<46} {value:>14}   {note}", flush=True)


def main():
    executables = sys.argv[1]
    quick = "--quick" in sys.argv[2:]
    rounds = 5 if quick else 15
    lab = Bench(executables)
    try:
        with bench_user() as account:
            figures(lab, Bare(account, lab.folder), account.pw_name, rounds, 400 if quick else 10000)
    finally:
        lab.close()


def figures(lab, bare, user, rounds, flood):
    print("idle")
    row("start to connected", milliseconds(lab.connect_time))
    anonymous, resident, threads = lab.memory()
    row("RssAnon", f"{anonymous} kB", "goal 2560, reference 3600")
    row("VmRSS", f"{resident} kB")
    row("threads", threads, "goal 2, reference 4")
    before = lab.switches()
    time.sleep(10)
    row("wake-ups in 10 s", lab.switches() - before, "its one timer of seconds looks for leaks, every 10 s")

    print("one task: echo hi")
    bare_time = statistics.median(bare.one("echo hi\n", 50) for _ in range(rounds))
    starts, finishes = [], []
    for _ in range(20 * rounds):
        times = lab.run(["echo hi\n"], user)[0]["times"]
        starts.append((times["started"] - times["kicked"]) / 1e6)
        finishes.append((times["finished"] - times["kicked"]) / 1e6)
    row("kick to ReportTaskStart, median", milliseconds(statistics.median(starts)), "goal 2 ms, reference 1.7")
    row("kick to ReportTaskFinish, median", milliseconds(statistics.median(finishes)))
    row("bare, median", milliseconds(bare_time))
    row("difference", milliseconds(statistics.median(finishes) - bare_time), "goal 4 ms, reference 3.2")

    print("100 tasks in one DescribeTasks: echo hi")
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(bare.two_at_a_time("echo hi\n"))
        tasks = lab.run(["echo hi\n"] * 100, user)
        assert all(task["output"] == "hi\n" and task["result"] == "SUCCESS" for task in tasks)
        ours.append((max(task["times"]["finished"] for task in tasks) - tasks[0]["times"]["kicked"]) / 1e6)
    row("all done, median", milliseconds(statistics.median(ours)))
    row("bare, two at a time, median", milliseconds(statistics.median(theirs)))
    ratio = statistics.median(their / our for their, our in zip(theirs, ours))
    row("rate, of bare", f"{ratio * 100:.0f} %", "goal 90 %, reference 80 %")
    # A second after a burst the agent gives back what it had needed for it.
    row("RssAnon during it", f"{lab.memory()[0]} kB")
    time.sleep(2)
    row("RssAnon after it", f"{lab.memory()[0]} kB", "goal 3072, reference 8500")

    print("one task that writes 100 MB")
    script = "head -c 100000000 /dev/zero\n"
    before = lab.memory()[0]
    ours, theirs = [], []
    for _ in range(rounds):
        path = os.path.join(lab.folder, "bare-output")
        with open(path, "wb"):
            pass
        os.chmod(path, 0o666)
        line = bare.line(f"head -c 100000000 /dev/zero > {path}\n")
        theirs.append(bare.measure(["/bin/bash", "-c", line]))
        task = lab.run([script], user)[0]
        assert task["dropped"] == 100000000 - 24576 and task["outputSize"] == 24576, task
        ours.append((task["times"]["finished"] - task["times"]["started"]) / 1e6)
    row("start to finish, median", milliseconds(statistics.median(ours)))
    row("bare, to a file, median", milliseconds(statistics.median(theirs)), "goal: not slower")
    row("RssAnon before, after", f"{before}, {lab.memory()[0]} kB")

    print(f"{flood} tasks of 5,000 bytes of output, 4 at a time")
    script = "head -c 5000 /dev/zero | tr '\\0' x\n"
    truncated, begun = 0, time.monotonic()
    for _ in range(flood // 4):
        truncated += sum(task["outputSize"] != 5000 for task in lab.run([script] * 4, user))
    row("truncated", truncated, "goal 0, reference 16 %")
    row("tasks a second", f"{flood / (time.monotonic() - begun):.0f}")
    anonymous, resident, threads = lab.memory()
    row("RssAnon after it", f"{anonymous} kB")
    row("open descriptors after it", len(os.listdir(f"/proc/{lab.agent.pid}/fd")))


if __name__ == "__main__":
    main()
