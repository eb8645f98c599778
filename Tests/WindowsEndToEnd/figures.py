#!/usr/bin/env python3
"""Measures the Windows agent in Wine: kick to finish, beside a bare `cmd /C echo hi` in the same Wine.

   figures.py WINE_ROOT TAT_HUB FOLDER

FOLDER as for end_to_end.py.
"""

import os
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import end_to_end  # noqa: E402

ROUNDS = 30
SLOW = 500


def kick_to_finish(lab):
    """Of one task, in ms."""
    times = lab.hub.run("@echo hi")["times"]
    took = (times["finished"] - times["kicked"]) / 1000
    if took > SLOW:
        print("slow:", {what: (at - times["kicked"]) // 1000 for what, at in times.items() if at})
    return took


def show(what, took):
    print(f"{what}: median {statistics.median(took):.1f} ms, {min(took):.1f} to {max(took):.1f}")


def main():
    lab = end_to_end.Lab(*sys.argv[1:4])
    try:
        lab.start()
        lab.hub.run("@echo warm")
        took = []
        for round in range(ROUNDS):
            # In turns, for what else the machine does: bare ones in a console that is there, as tasks of the agent's own
            # user have it, and in one that is made for them.
            if round % 10 == 0:
                print(lab.wine.run("C:\\checks.exe", "bare=15")[1], end="")
            time.sleep(0.7)
            took.append(kick_to_finish(lab))
        show("kick to finish", took)
        show("one right after the other", [kick_to_finish(lab) for _ in range(3 * ROUNDS)])
        begun = time.monotonic()
        ids = lab.hub.create(*[f"@echo task {n}" for n in range(100)])
        right = sum(end_to_end.output(lab.hub.wait(id)) == f"task {n}\n" for n, id in enumerate(ids))
        print(f"100 at once: {right} right, in {time.monotonic() - begun:.1f} s")
        time.sleep(12)
        for pid in lab.agents():
            with open(f"/proc/{pid}/status") as file:
                fields = dict(line.split(":", 1) for line in file)
            print(f"idle: {fields['Threads'].strip()} threads, {int(fields['VmRSS'].split()[0]) / 1024:.1f} MB resident")
        for line in lab.log().splitlines():
            if " INFO " not in line:
                print(line)
    finally:
        lab.close()
    print(f"size: {os.path.getsize(os.path.join(sys.argv[3], 'tat_agent.exe')) / 1e6:.2f} MB")


main()
