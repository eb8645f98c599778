#!/usr/bin/env python3
"""Kills a process of the agent at each step of a task's life, one step a run, and checks the books after each.

usage: crashpoints.py DIRECTORY-OF-THE-CRASHING-EXECUTABLES [--sample N --seed S] [--role ROLE] [--kind KIND]

For each kind of task and each role: step 1, 2, 3 … until a run ends without a crash. After a crash a clean agent takes
over, and of the task there must be one run at the most, its exact result or an honest reason, one report of its end, no
process, and nothing on disk but the tombstone. The executables are built with TAT_CRASH_POINTS=1 (`make crashpoints`).
Python's standard library only; loopback only.
"""

import argparse
import base64
import collections
import concurrent.futures
import os
import random
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Support"))
from lab import HubError, Lab  # noqa: E402

UPLOAD_LIMIT = 24576
# The successor is the agent that takes the task over from one that was killed once the task had begun.
ROLES = ["agent", "successor", "nursery", "supervisor"]
# What may be said of a task whose supervisor died: after the claim, and before it.
HONEST = {
    "FAILED": "the task's supervisor was killed while the task ran",
    "START_FAILED": "TaskSpawnFailed: its supervisor ended before the script started",
}


class Kind:
    def __init__(self, script, output=b"", result="SUCCESS", code=0, timeout=60, runs=1, cancel=False, **fields):
        self.script, self.output, self.result, self.code = script, output, result, code
        self.timeout, self.runs, self.cancel, self.fields = timeout, runs, cancel, fields


KINDS = {
    "short": Kind("echo short\n", b"short\n"),
    "long": Kind("head -c 30000 /dev/zero | tr '\\0' x\n", b"x" * 30000),
    "code": Kind("echo out; sleep 0.05; echo err >&2; exit 7\n", b"out\nerr\n", "FAILED", 7),
    "cancel": Kind("echo on; sleep 300\n", b"on\n", "TERMINATED", -1, cancel=True),
    "timeout": Kind("setsid sleep 300 & echo on; sleep 300\n", b"on\n", "TIMEOUT", -1, timeout=1),
    "nowhere": Kind("echo no\n", b"", "START_FAILED", -1, runs=0, directory="/nonexistent/directory"),
    "nobody": Kind("echo no\n", b"", "START_FAILED", -1, runs=0, user="no-such-user"),
}


class Sweep:
    """One kind of task and one role, on a hub of its own."""

    def __init__(self, executables, role, name):
        self.role, self.name, self.kind = role, name, KINDS[name]
        self.lab = Lab(executables, agent_environment={"TAT_AGENT_POLL_SECONDS": "1"})
        self.clean = dict(self.lab.environment)
        self.mark = os.path.join(self.lab.folder, "mark")
        self.runs = os.path.join(self.lab.folder, "runs")
        os.makedirs(self.runs)
        os.chmod(self.runs, 0o733)
        self.problems = []
        self.ends = collections.Counter()

    def close(self):
        self.lab.close()

    def step(self, number):
        """A task whose process of the role dies at its step of this number. The step's name; None: there was none."""
        if os.path.exists(self.mark):
            os.unlink(self.mark)
        id = f"{self.name}-{self.role}-{number}-{os.getpid()}"
        crashing = dict(
            self.clean, TAT_CRASH_IN="agent" if self.role == "successor" else self.role, TAT_CRASH_AT=str(number),
            TAT_CRASH_MARK=self.mark
        )
        if self.role == "successor":
            self.lab.environment = self.clean
            self.lab.start_agent()
            self.await_agent()
            self.create(id)
            self.lab.wait_until(lambda: self.lab.call("GET", f"/hub/tasks/{id}")["state"] != "pending", 20, "no start")
            self.lab.end(self.lab.agent, signal.SIGKILL)
            self.lab.environment = crashing
            self.lab.start_agent()
        else:
            self.lab.environment = crashing
            self.lab.start_agent()
            self.await_agent()
            self.create(id)
        cancelled = not self.kind.cancel
        limit = time.monotonic() + 30
        while time.monotonic() < limit:
            record = self.lab.call("GET", f"/hub/tasks/{id}")
            if not cancelled and record["state"] == "running" and self.said_on(record):
                self.cancel(id)
                cancelled = True
            if record.get("report") and self.left(id) == []:
                break
            if self.lab.agent.poll() is not None:
                self.take_over(id)
            time.sleep(0.005)
        name = open(self.mark).read() if os.path.exists(self.mark) else None
        problems = self.check(id)
        self.problems += [f"{self.role} step {number} ({name}), {self.name}: {problem}" for problem in problems]
        self.lab.end(self.lab.agent)
        return name

    def await_agent(self):
        """Until the agent has connected or died."""
        limit = time.monotonic() + 20
        while self.lab.agent.poll() is None and not self.lab.connected():
            if time.monotonic() > limit:
                raise SystemExit("the agent has not connected")
            time.sleep(0.002)

    def create(self, id):
        task = {"id": id, "script": f"echo {id} >> {self.runs}/{id}\n" + self.kind.script, "timeout": self.kind.timeout}
        if os.geteuid() == 0:
            task["user"] = "nobody"
        self.lab.create([{**task, **self.kind.fields}])

    def take_over(self, id):
        """A clean agent comes, and the service kicks it."""
        self.lab.environment = self.clean
        self.lab.start_agent()
        self.lab.wait_until(self.lab.connected, 20, "the clean agent has not connected")
        self.kick(id)

    def kick(self, id):
        try:
            self.lab.call("POST", f"/hub/tasks/{id}/kick")
        except HubError:
            pass

    def cancel(self, id):
        try:
            self.lab.call("POST", f"/hub/tasks/{id}/cancel")
        except HubError:
            pass

    def said_on(self, record):
        """A cancel is for a script at work; one whose supervisor died may never say so, and is over anyway."""
        return record["outputSize"] > 0

    def left(self, id):
        """What is on disk that should not be."""
        state = os.path.join(self.lab.home, "state")
        names = os.listdir(os.path.join(state, "tasks"))
        tombstones = os.listdir(os.path.join(state, "done"))
        if tombstones.count(id) != 1:
            names.append("no tombstone")
        return names + [name for name in tombstones if "." in name] + sorted(set(os.listdir(state)) - {"tasks", "done"})

    def check(self, id):
        """What is wrong with the task, now that it should be over."""
        kind = self.kind
        record = self.lab.call("GET", f"/hub/tasks/{id}")
        if not record.get("report"):
            return [f"no result: {record['state']}, {record['counters']}, on disk {self.left(id)}"]
        problems = []
        runs = 0
        if os.path.exists(f"{self.runs}/{id}"):
            with open(f"{self.runs}/{id}") as file:
                runs = len(file.readlines())
        counters = record["counters"]
        if counters["chunkConflicts"] or counters["finishConflicts"] or record["gaps"] or record["violations"]:
            problems.append(f"books: {counters} gaps {record['gaps']} {record['violations']}")
        output = base64.b64decode(record["outputBase64"])
        end = (record["result"], record["exitCode"])
        honest = HONEST.get(record["result"])
        if self.role in ("nursery", "supervisor") and honest and record["errorInfo"] == honest and record["exitCode"] == -1:
            self.ends[honest] += 1
            if runs > 1 or (runs and record["result"] == "START_FAILED"):
                problems.append(f"{runs} runs")
            if not kind.output.startswith(output):
                problems.append(f"output {output[:80]!r}")
        else:
            self.ends["as without a crash"] += 1
            if end != (kind.result, kind.code):
                problems.append(f"{end} {record['errorInfo']!r}")
            if runs != kind.runs:
                problems.append(f"{runs} runs")
            dropped = max(0, len(kind.output) - UPLOAD_LIMIT)
            if output != kind.output[:UPLOAD_LIMIT] or record["dropped"] != dropped:
                problems.append(f"{len(output)} bytes and {record['dropped']} dropped of {len(kind.output)}")
        if self.left(id):
            problems.append(f"on disk: {self.left(id)}")
        # A killed process takes a moment to go.
        limit = time.monotonic() + 1
        while (processes := processes_of(id)) and time.monotonic() < limit:
            time.sleep(0.02)
        if processes:
            problems.append(f"processes: {processes}")
        return problems


def processes_of(id):
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/environ", "rb") as file:
                if f"TAT_INVOCATION_TASK_ID={id}".encode() in file.read().split(b"\0"):
                    found.append(int(name))
        except OSError:
            continue
    return found


def sweep(executables, role, kind, chance, sample):
    """All steps, or about so many of them. What was seen."""
    run = Sweep(executables, role, kind)
    names = []
    steps = 0
    try:
        number = 0
        while not run.problems:
            # A nursery has few steps.
            number += 1 if not sample or role == "nursery" else chance.randrange(1, sample * 2)
            name = run.step(number)
            if name is None:
                break
            steps = number
            names.append(name)
    finally:
        run.close()
    return role, kind, steps, names, run.ends, run.problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("executables")
    parser.add_argument("--role", choices=ROLES)
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--sample", type=int, default=0, help="about one step in so many, chosen by the seed")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--names", action="store_true", help="print the steps")
    options = parser.parse_args()
    print(f"crash points: {'every step' if not options.sample else f'1 step in {options.sample}'}, "
          f"seed {options.seed}", flush=True)
    begun = time.monotonic()
    problems, total, ends = [], 0, collections.Counter()
    # Most of a run is waiting.
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        jobs = [
            pool.submit(sweep, options.executables, role, kind, random.Random(f"{options.seed} {role} {kind}"),
                        options.sample)
            for kind in KINDS for role in ROLES
            if options.role in (None, role) and options.kind in (None, kind)
        ]
        for job in concurrent.futures.as_completed(jobs):
            role, kind, steps, names, seen, found = job.result()
            print(f"  {role:<10} {kind:<8} {steps:4d} steps, {len(names)} crashes", flush=True)
            if options.names:
                print("".join(f"    {number:4d} {name}\n" for number, name in enumerate(names, 1)), end="")
            total += len(names)
            problems += found
            ends += seen
    for end, count in sorted(ends.items()):
        print(f"  {count:5d} runs ended: {end}")
    for problem in problems:
        print(f"  PROBLEM: {problem}")
    print(f"{total} crashes in {time.monotonic() - begun:.0f} s, {len(problems)} problems")
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
