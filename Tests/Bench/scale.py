#!/usr/bin/env python3
"""Many tasks at once, more than may run at once, and very many in a row: are all correct, and does anything grow?

usage: scale.py DIRECTORY-OF-THE-RELEASE-EXECUTABLES [--tasks N] [--row N]

Prints figures, and fails where a limit is passed. Python's standard library only; loopback only. As root, tasks run as
`nobody`: profiles of root's can take time.
"""

import argparse
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Support"))
from lab import Lab, memory  # noqa: E402

AGENT_LIMIT_KB = 8192
SUPERVISOR_LIMIT_KB = 300
SLOTS = 1000
# What may be there after a burst that was not there before it: the connections to the service that are kept for a while.
SPARE_DESCRIPTORS = 8


class Scale:
    def __init__(self, lab):
        self.lab = lab
        self.problems = []
        self.user = {"user": "nobody"} if os.geteuid() == 0 else {}

    def row(self, name, value, note=""):
        print(f"  {name:<46} {value:>14}   {note}", flush=True)

    def require(self, holds, what):
        if not holds:
            self.problems.append(what)

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.lab.agent.pid}/fd"))

    def supervisors(self):
        """Processes of this lab's agent that are neither it nor a script."""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
                if words[:2] != [b"tat_agent", b"supervise"]:
                    continue
                with open(f"/proc/{name}/environ", "rb") as file:
                    if f"TAT_AGENT_HOME={self.lab.home}".encode() in file.read().split(b"\0"):
                        found.append(int(name))
            except OSError:
                continue
        return found

    def order(self, id, script, timeout=300):
        return {"id": id, "script": script, "timeout": timeout, **self.user}

    def at_once(self, count, seconds, prefix):
        """So many tasks in one description. Their records, in order."""
        ids = [f"{prefix}-{number}" for number in range(count)]
        self.lab.create([self.order(id, f"sleep {seconds}; echo {id}\n") for id in ids])
        begun = time.monotonic()
        largest, most = (0, 0), 0
        # The first of them end no sooner.
        while time.monotonic() < begun + seconds:
            agent, _ = memory(self.lab.agent.pid)
            most = max(most, agent)
            supervisors = self.supervisors()
            if len(supervisors) > largest[1]:
                sizes = [memory(pid)[0] for pid in supervisors]
                largest = (max([largest[0]] + sizes), len(supervisors))
            time.sleep(1)
        records = [self.lab.finished(id) for id in ids]
        most = max(most, memory(self.lab.agent.pid)[0])
        wrong = [
            record["id"] for record, id in zip(records, ids)
            if record["result"] != "SUCCESS" or record["output"] != id + "\n" or record["violations"]
        ]
        self.row("wrong results", len(wrong), "goal 0")
        self.require(not wrong, f"{len(wrong)} wrong results: {wrong[:5]}")
        times = [record["times"] for record in records]
        started = [(time["started"] - time["kicked"]) / 1e6 for time in times]
        self.row("all of the first 1,000 started after", f"{sorted(started)[:SLOTS][-1]:.2f} s")
        self.row("all finished after", f"{max(time['finished'] - time['kicked'] for time in times) / 1e6:.2f} s")
        self.row("most supervisors at once, with the nursery", largest[1])
        self.row("largest supervisor, RssAnon", f"{largest[0]} kB",
                 f"goal {SUPERVISOR_LIMIT_KB}" if self.lab.is_static else "shared pages of a relocated program with it")
        self.row("agent, RssAnon at the most", f"{most} kB", f"goal {AGENT_LIMIT_KB}")
        self.require(most <= AGENT_LIMIT_KB, f"the agent has {most} kB")
        if self.lab.is_static:
            self.require(largest[0] <= SUPERVISOR_LIMIT_KB, f"a supervisor has {largest[0]} kB")
        return records

    def settle(self):
        """Until what ended tasks leave behind for a moment is gone. The agent's descriptors then."""
        time.sleep(12)
        return self.descriptors()

    def many(self, count):
        print(f"{count} tasks at once: sleep 30; echo $id")
        before = self.settle()
        self.at_once(count, 30, "many")
        after = self.settle()
        self.row("agent's descriptors before, after", f"{before}, {after}")
        self.require(after <= before + SPARE_DESCRIPTORS, f"{after - before} descriptors leaked")

    def too_many(self, count):
        print(f"{count} tasks at once, of which {SLOTS} may run: sleep 10; echo $id")
        records = self.at_once(count, 10, "crowd")
        finished = [record["times"]["finished"] for record in records]
        first = min(finished)
        # Whoever had to wait ends a whole sleep after the first that ended.
        late = [number for number, time in enumerate(finished) if time > first + 9_000_000]
        self.row("tasks that waited", len(late), f"goal {count - SLOTS}")
        self.require(len(late) == count - SLOTS, f"{len(late)} tasks waited")
        self.row("of them, among the last described", sum(number >= SLOTS for number in late), "goal: all")
        self.require(all(number >= SLOTS for number in late), "others than the last described had to wait")

    def in_a_row(self, count):
        print(f"{count} tasks in a row, 8 at a time: echo $id")
        self.settle()
        samples = []
        for first in range(0, count, 8):
            ids = [f"row-{number}" for number in range(first, min(count, first + 8))]
            self.lab.create([self.order(id, f"echo {id}\n") for id in ids])
            for id in ids:
                record = self.lab.finished(id)
                self.require(record["output"] == id + "\n", f"{id}: {record['output']!r}")
            if first % (count // 10 // 8 * 8 or 8) == 0:
                samples.append((first + len(ids), memory(self.lab.agent.pid)[0], self.descriptors()))
        samples.append((count, memory(self.lab.agent.pid)[0], self.descriptors()))
        for number, anonymous, descriptors in samples:
            self.row(f"after {number}", f"{anonymous} kB", f"{descriptors} descriptors")
        tenth, last = samples[1 if len(samples) > 2 else 0], samples[-1]
        self.require(last[1] <= tenth[1] + 512, f"memory grew from {tenth[1]} to {last[1]} kB")
        self.require(last[2] <= tenth[2] + SPARE_DESCRIPTORS, f"descriptors grew from {tenth[2]} to {last[2]}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("executables")
    parser.add_argument("--tasks", type=int, default=SLOTS)
    parser.add_argument("--row", type=int, default=10000)
    options = parser.parse_args()
    lab = Lab(options.executables)
    try:
        lab.start_agent()
        lab.wait_until(lab.connected, 30, "the agent has not connected")
        scale = Scale(lab)
        scale.many(options.tasks)
        scale.too_many(SLOTS + SLOTS // 10)
        scale.in_a_row(options.row)
    finally:
        lab.close()
    for problem in scale.problems[:20]:
        print(f"  PROBLEM: {problem}")
    sys.exit(1 if scale.problems else 0)


if __name__ == "__main__":
    main()
