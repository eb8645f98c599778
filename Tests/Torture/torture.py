#!/usr/bin/env python3
"""Breaks things at random while tasks run, lets everything come back, and checks the books.

usage: torture.py DIRECTORY-OF-THE-EXECUTABLES [--rounds N] [--seed S]

Each round starts tasks of many kinds and, at random moments, kills the agent, a supervisor or the hub, and has the hub
misbehave. Then everything is let come back, and of each task there must be one run at the most, the exact output (or a
prefix of it and the exact count of the rest), and one result. Python's standard library only; loopback only.
"""

import argparse
import base64
import collections
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Support"))
from lab import HubError, Lab  # noqa: E402

UPLOAD_LIMIT = 24576
ACTIONS = ["DescribeTasks", "ReportTaskStart", "UploadTaskLog", "ReportTaskFinish", "*"]
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
    ])


class Torture:
    def __init__(self, lab, chance):
        self.lab, self.chance = lab, chance
        self.runs = os.path.join(lab.folder, "runs")
        os.makedirs(self.runs)
        os.chmod(self.runs, 0o733)
        self.counts = collections.Counter()
        self.number = 0
        self.problems = []
        self.recoveries = []

    # Faults

    def kill_agent(self):
        self.lab.end(self.lab.agent, self.chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM]))
        time.sleep(self.chance.choice([0, 0, 0.1, 0.5]))
        self.lab.start_agent()

    def kill_supervisor(self):
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
        if not found:
            return
        try:
            os.kill(self.chance.choice(found), signal.SIGKILL)
            self.supervisors_killed = True
        except ProcessLookupError:
            pass

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
        self.supervisors_killed = False
        tasks = {}
        faults = [self.kill_agent, self.kill_agent, self.kill_supervisor, self.kill_hub, self.misbehave,
                  self.misbehave, self.misbehave, self.cut_channel]
        for _ in range(self.chance.randrange(3, 7)):
            wanted = {}
            for _ in range(self.chance.randrange(1, 8)):
                self.number += 1
                wanted[f"t-{self.number}"] = kinds(self.chance)
            self.lab.create([self.order(id, kind) for id, kind in wanted.items()])
            tasks.update(wanted)
            time.sleep(self.chance.random() * 0.4)
            for _ in range(self.chance.randrange(0, 3)):
                fault = self.chance.choice(faults)
                try:
                    fault()
                except HubError as error:
                    raise SystemExit(f"the hub did not take a fault: {error}")
                self.counts[fault.__name__] += 1
                time.sleep(self.chance.random() * 0.3)
        self.lab.call("POST", "/hub/misbehave", {"clear": True})
        self.restart_agent()
        for id, kind in tasks.items():
            self.check(id, kind)
        self.check_leftovers()
        self.counts["rounds"] += 1
        self.counts["tasks"] += len(tasks)

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
            if output != kind.output[:UPLOAD_LIMIT] or record["dropped"] != max(0, len(kind.output) - UPLOAD_LIMIT):
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


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("executables")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    options = parser.parse_args()
    print(f"torture: {options.rounds} rounds, seed {options.seed}", flush=True)
    lab = Lab(options.executables, agent_environment={"TAT_AGENT_POLL_SECONDS": "2"})
    torture = None
    try:
        lab.start_agent()
        lab.wait_until(lab.connected, 30, "the agent has not connected")
        torture = Torture(lab, random.Random(options.seed))
        for number in range(options.rounds):
            torture.round()
            if torture.problems:
                break
            if (number + 1) % 10 == 0:
                print(f"  {number + 1} rounds, {torture.counts['tasks']} tasks", flush=True)
        for name, count in sorted(torture.counts.items()):
            print(f"  {name:<40} {count}")
        times = sorted(torture.recoveries)
        if times:
            print(f"  {'back after the last kill, median':<40} {times[len(times) // 2]:.2f} s")
        for problem in torture.problems:
            print(f"  PROBLEM: {problem}")
        if torture.problems:
            with open(os.path.join(lab.home, "log", "tat_agent.log")) as file:
                print("".join(file.readlines()[-60:]))
    finally:
        lab.close()
    passed = torture.counts["tasks"] - len(torture.problems)
    print(f"{passed} passed, {len(torture.problems)} failed")
    sys.exit(1 if torture.problems else 0)


if __name__ == "__main__":
    main()
