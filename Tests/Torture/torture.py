#!/usr/bin/env python3
"""Breaks things at random while tasks run, lets everything come back, and checks the books.

usage: torture.py DIRECTORY-OF-THE-EXECUTABLES [--rounds N] [--seed S]

Each round starts tasks of many kinds and, at random moments, kills or stops the agent, a supervisor or the hub, has the
hub misbehave, and, as root, fills the disk of the agent's state, a small one of its own. Then everything is let come back,
and of each task there must be one run at the most, the exact output (or a prefix of it and the exact count of the rest),
and one result. At the end an agent has to report 100 tasks that ended while there was none. Python's standard library
only; loopback only.
"""

import argparse
import base64
import collections
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Support"))
from lab import HubError, Lab, memory  # noqa: E402

UPLOAD_LIMIT = 24576
ACTIONS = ["DescribeTasks", "ReportTaskStart", "UploadTaskLog", "ReportTaskFinish", "*"]
SUPERVISOR_LIMIT_KB = 300
# Of a program that the loader relocates, as of all but the released ones: pages of it, most of which all of them share.
RELOCATED_SUPERVISOR_LIMIT_KB = 1000
DISK_SIZE = "4m"
NO_ROOM = "No space left on device"
FAULTS = ["status500", "html", "reset", "half", "malformed", "close"]


class Kind:
    """What a task does, and what of it must be seen."""

    def __init__(self, name, script, output=b"", result="SUCCESS", code=0, timeout=60, exact=True):
        self.name, self.script, self.output, self.result = name, script, output, result
        self.code, self.timeout, self.exact = code, timeout, exact


def kinds(chance):
    size = chance.choice([1, 100, 4095, 4096, 4097, 20000, 24576, 24577, 60000, 300000])
    pause = chance.choice(["0", "0.05", "0.3", "1"])
    code = chance.randrange(1, 200)
    return chance.choice([
        Kind("echo", "echo hi\n", b"hi\n"),
        Kind("slow", f"echo one; sleep {pause}; echo two; sleep {pause}; echo three\n", b"one\ntwo\nthree\n"),
        Kind("flood", f"head -c {size} /dev/zero | tr '\\0' x\n", b"x" * size),
        Kind("code", f"echo bye; exit {code}\n", b"bye\n", "FAILED", code),
        Kind("signal", "echo ouch; kill -9 $$\n", b"ouch\n", "FAILED", -1),
        Kind("timeout", "trap '' TERM; setsid sleep 300 & echo on; sleep 300\n", b"on\n", "TIMEOUT", -1, timeout=4),
        Kind("behind", f"sleep {pause} & echo left\n", b"left\n"),
        Kind("empty", "true\n"),
        Kind("cancel", "setsid sleep 300 & echo on; sleep 300\n", b"on\n", "TERMINATED", -1),
    ])


class Torture:
    def __init__(self, lab, chance, disk):
        self.lab, self.chance, self.disk = lab, chance, disk
        self.runs = os.path.join(lab.folder, "runs")
        os.makedirs(self.runs)
        os.chmod(self.runs, 0o733)
        self.counts = collections.Counter()
        self.number = 0
        self.problems = []
        self.recoveries = []
        self.largest_supervisor = 0
        self.recovery_of_many = None

    # Faults

    def kill_agent(self):
        self.lab.end(self.lab.agent, self.chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
        time.sleep(self.chance.choice([0, 0, 0.1, 0.5]))
        self.lab.start_agent()

    def stop_agent(self):
        self.lab.agent.send_signal(signal.SIGSTOP)
        time.sleep(self.chance.choice([0.1, 0.5, 1.5]))
        self.lab.agent.send_signal(signal.SIGCONT)

    def fill_disk(self):
        """Takes all the room, or all but a little, for a while."""
        self.disk_filled = True
        path = os.path.join(self.disk, "filler")
        try:
            with open(path, "wb", buffering=0) as file:
                while file.write(b"x" * 4096):
                    pass
        except OSError:
            pass
        spared = self.chance.choice([0, 0, 4096, 20000])
        os.truncate(path, max(0, os.path.getsize(path) - spared))
        time.sleep(self.chance.choice([0.05, 0.3, 1, 2]))
        os.unlink(path)

    def supervisors(self):
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
                with open(f"/proc/{name}/environ", "rb") as file:
                    mine = f"TAT_AGENT_HOME={self.lab.home}".encode() in file.read().split(b"\0")
            except OSError:
                continue
            if mine and b"supervise" in words[1:2]:
                found.append(int(name))
        return found

    def kill_supervisor(self):
        found = self.supervisors()
        if not found:
            return
        try:
            os.kill(self.chance.choice(found), signal.SIGKILL)
            self.supervisors_killed = True
        except ProcessLookupError:
            pass

    def weigh_supervisors(self):
        limit = SUPERVISOR_LIMIT_KB if self.lab.is_static else RELOCATED_SUPERVISOR_LIMIT_KB
        for pid in self.supervisors():
            anonymous, _ = memory(pid)
            self.largest_supervisor = max(self.largest_supervisor, anonymous)
            if anonymous > limit:
                self.problems.append(f"a supervisor has {anonymous} kB of memory of its own")

    def kill_hub(self):
        self.lab.end(self.lab.hub, signal.SIGKILL)
        time.sleep(self.chance.choice([0, 0.2, 1]))
        self.lab.start_hub()

    def misbehave(self):
        self.lab.call("POST", "/hub/misbehave", {
            "action": self.chance.choice(ACTIONS), "how": self.chance.choice(FAULTS),
            "count": self.chance.randrange(1, 4), "when": self.chance.choice(["before", "after"]),
        })

    def cut_channel(self):
        how = self.chance.choice(["reset", "close", "drop"])
        self.lab.call("POST", "/hub/misbehave", {"action": "ws", "how": how, "count": 1})

    # A round

    def round(self):
        self.supervisors_killed = self.disk_filled = False
        tasks = {}
        faults = [self.kill_agent, self.kill_agent, self.kill_supervisor, self.kill_hub, self.misbehave,
                  self.misbehave, self.misbehave, self.cut_channel, self.stop_agent]
        if self.disk:
            faults += [self.fill_disk, self.fill_disk]
        for _ in range(self.chance.randrange(3, 7)):
            wanted = {}
            for _ in range(self.chance.randrange(1, 8)):
                self.number += 1
                wanted[f"t{os.getpid()}-{self.number}"] = kinds(self.chance)
            self.lab.create([self.order(id, kind) for id, kind in wanted.items()])
            tasks.update(wanted)
            time.sleep(self.chance.random() * 0.4)
            for _ in range(self.chance.randrange(0, 3)):
                fault = self.chance.choice(faults)
                try:
                    fault()
                except HubError as error:
                    raise SystemExit(f"the hub did not take a fault: {error}")
                self.counts["fault: " + fault.__name__] += 1
                time.sleep(self.chance.random() * 0.3)
            self.weigh_supervisors()
            self.cancel(tasks)
        self.lab.call("POST", "/hub/misbehave", {"clear": True})
        self.restart_agent()
        for id, kind in tasks.items():
            if kind.name == "cancel":
                self.cancel_when_running(id)
            self.check(id, kind)
        self.check_leftovers()
        self.counts["rounds"] += 1
        self.counts["tasks"] += len(tasks)

    def cancel(self, tasks):
        """Those that are to be cancelled, half of them while things go wrong."""
        for id in [id for id, kind in tasks.items() if kind.name == "cancel" and self.chance.random() < 0.5]:
            record = self.lab.call("GET", f"/hub/tasks/{id}")
            if record["state"] == "running" and record["outputSize"]:
                self.lab.call("POST", f"/hub/tasks/{id}/cancel")

    def cancel_when_running(self, id):
        limit = time.monotonic() + 60
        while time.monotonic() < limit:
            record = self.lab.call("GET", f"/hub/tasks/{id}")
            if record.get("report"):
                return
            # With a full disk it may run without a word.
            if record["state"] == "running" and (record["outputSize"] or self.run_count(id)):
                if not record["cancelRequested"]:
                    # Its word comes right after the note of its run.
                    time.sleep(0.2)
                    self.lab.call("POST", f"/hub/tasks/{id}/cancel")
                return
            time.sleep(0.02)

    def order(self, id, kind):
        script = f"echo {id} >> {self.runs}/{id}\n" + kind.script
        task = {"id": id, "script": script, "timeout": kind.timeout}
        if os.geteuid() == 0:
            # Not root: a profile of root's can take time and leave locks behind when a task is killed.
            task["user"] = "nobody"
        return task

    def restart_agent(self):
        """The last restart asks for what is left at once, rather than after a reconnect."""
        begun = time.monotonic()
        self.lab.end(self.lab.agent, signal.SIGKILL)
        self.lab.start_agent()
        self.lab.wait_until(self.lab.connected, 60, "the agent has not come back")
        self.recoveries.append(time.monotonic() - begun)

    def check(self, id, kind):
        limit = time.monotonic() + 150
        while True:
            record = self.lab.call("GET", f"/hub/tasks/{id}?wait=finish&timeout=60")
            if record.get("report"):
                break
            if time.monotonic() > limit:
                self.problems.append(f"{id} ({kind.name}): no result: {record['state']}, {record['counters']}")
                return
        problems = []
        runs = self.run_count(id)
        output = base64.b64decode(record["outputBase64"])
        lost = "supervisor" in (record.get("errorInfo") or "") and self.supervisors_killed
        counters = record["counters"]
        no_room = self.disk_filled and record["result"] == "START_FAILED" and NO_ROOM in record["errorInfo"]
        if no_room and runs == 0:
            self.counts["tasks that found no room to start"] += 1
            return
        if runs != 1 and not (lost and runs == 0):
            problems.append(f"{runs} runs")
        if counters["chunkConflicts"] or counters["finishConflicts"] or record["gaps"] or record["violations"]:
            problems.append(f"books: {counters} gaps {record['gaps']} {record['violations']}")
        if lost:
            self.counts["tasks that lost their supervisor"] += 1
            if record["result"] != "FAILED" or not kind.output.startswith(output):
                problems.append(f"lost supervisor: {record['result']}, {len(output)} bytes")
        else:
            if (record["result"], record["exitCode"]) != (kind.result, kind.code):
                problems.append(f"{record['result']} {record['exitCode']} {record.get('errorInfo')!r}")
            is_exact = output == kind.output[:UPLOAD_LIMIT]
            if self.disk_filled and not is_exact and kind.output.startswith(output):
                self.counts["tasks that found no room for output"] += 1
                is_exact = True
            if not is_exact or record["dropped"] != len(kind.output) - len(output):
                problems.append(f"{len(output)} bytes and {record['dropped']} dropped of {len(kind.output)}")
        self.problems += [f"{id} ({kind.name}): {problem}" for problem in problems]

    def run_count(self, id):
        try:
            with open(os.path.join(self.runs, id)) as file:
                return len(file.readlines())
        except FileNotFoundError:
            return 0

    def check_leftovers(self):
        tasks = os.path.join(self.lab.home, "state", "tasks")
        limit = time.monotonic() + 30
        while os.listdir(tasks):
            if time.monotonic() > limit:
                self.problems.append(f"left on disk: {os.listdir(tasks)}")
                return
            time.sleep(0.02)


    # The end

    def recover_many(self, count=100):
        """How long an agent takes to report so many tasks that ended while there was neither an agent nor a service."""
        ids = []
        for _ in range(count):
            self.number += 1
            ids.append(f"t{os.getpid()}-{self.number}")
        kind = Kind("recover", "sleep 3; head -c 10000 /dev/zero | tr '\\0' x\n", b"x" * 10000)
        self.supervisors_killed = self.disk_filled = False
        self.lab.create([self.order(id, kind) for id in ids])
        self.lab.wait_until(lambda: all(self.run_count(id) for id in ids), 60, "100 tasks have not started")
        self.lab.end(self.lab.agent, signal.SIGKILL)
        self.lab.end(self.lab.hub, signal.SIGKILL)
        tasks = os.path.join(self.lab.home, "state", "tasks")
        # On a slow machine the first of them may have been reported by then.
        self.lab.wait_until(
            lambda: all(os.path.exists(f"{tasks}/{id}/exit") or not os.path.exists(f"{tasks}/{id}") for id in ids),
            60, "they have not ended"
        )
        self.lab.start_hub()
        begun = time.monotonic()
        self.lab.start_agent()
        for id in ids:
            self.lab.finished(id)
        self.recovery_of_many = time.monotonic() - begun
        for id in ids:
            self.check(id, kind)
        self.counts["tasks"] += count


def mount_disk():
    """A small disk for the agent's state. None where this may not be done."""
    if os.geteuid() != 0:
        return None
    folder = tempfile.mkdtemp(prefix="tat-disk-")
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_SIZE},mode=0711", "tat-torture", folder]
    if subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0:
        return folder
    os.rmdir(folder)
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("executables")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    print(f"torture: {options.rounds} rounds, seed {options.seed}", flush=True)
    disk = mount_disk()
    if not disk:
        print("  no disk is filled: that takes root and a mount of tmpfs")
    torture = lab = None
    try:
        lab = Lab(options.executables, state_folder=disk, agent_environment={"TAT_AGENT_POLL_SECONDS": "2"})
        lab.start_agent()
        lab.wait_until(lab.connected, 30, "the agent has not connected")
        torture = Torture(lab, random.Random(options.seed), disk)
        for number in range(options.rounds):
            torture.round()
            if torture.problems:
                break
            if (number + 1) % 10 == 0:
                print(f"  {number + 1} rounds, {torture.counts['tasks']} tasks", flush=True)
        if not torture.problems:
            torture.recover_many()
        for name, count in sorted(torture.counts.items()):
            print(f"  {name:<40} {count}")
        times = sorted(torture.recoveries)
        if times:
            print(f"  {'back after the last kill, median':<40} {times[len(times) // 2]:.2f} s")
        if torture.recovery_of_many:
            print(f"  {'100 ended tasks reported after a start':<40} {torture.recovery_of_many:.2f} s")
        print(f"  {'largest supervisor, RssAnon':<40} {torture.largest_supervisor} kB")
        for problem in torture.problems:
            print(f"  PROBLEM: {problem}")
        if torture.problems:
            with open(os.path.join(lab.home, "log", "tat_agent.log")) as file:
                print("".join(file.readlines()[-60:]))
    finally:
        if lab:
            lab.close()
        if disk:
            # Supervisors of a run that was broken off may still be at work there.
            subprocess.run(["umount", "-l", disk], check=False)
            os.rmdir(disk)
    passed = torture.counts["tasks"] - len(torture.problems)
    print(f"{passed} passed, {len(torture.problems)} failed")
    sys.exit(1 if torture.problems else 0)


if __name__ == "__main__":
    main()
