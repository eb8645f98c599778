#!/usr/bin/env python3
"""Runs windows_checks in Wine, with the test server on this machine: as it is, through a proxy, and with peers that stall.

   checks.py WINE_ROOT FOLDER [WORD...]

FOLDER holds windows_checks.exe.
"""

import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "Support"))
from wine_lab import Wine  # noqa: E402

# What is run in a Wine of its own: after it that Wine is not to be trusted (WebSocketChecks.swift).
LAST = ["stuck: a peer", "stuck: a pong"]


def run(root, folder, ports, *runs):
    """Runs the checks in one Wine, once for each of (words, environment). Whether one failed."""
    wine = Wine(root)
    try:
        program = os.path.join(wine.folder, "windows_checks.exe")
        shutil.copy(os.path.join(folder, "windows_checks.exe"), program)
        common = [wine.windows_path(program), ports, "system=wine", "authority=trusted"]
        return any([wine.show(*common, *words, environment=environment, timeout=300) for words, environment in runs])
    finally:
        wine.close()


def main():
    root, folder, *words = sys.argv[1:]
    server = subprocess.Popen(
        [sys.executable, os.path.join(HERE, "../PlatformLinuxTests/Fixtures/http_server.py")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        told = json.loads(server.stdout.readline())
        # Before Wine starts: it reads the list once.
        trusted = os.path.join(root, "etc/ssl/certs/ca-certificates.crt")
        os.makedirs(os.path.dirname(trusted), exist_ok=True)
        shutil.copy(told["authority"], trusted)
        ports = "server=" + ",".join(f"{name}:{port}" for name, port in told["ports"].items())
        if words:
            failed = run(root, folder, ports, (words, {}))
        else:
            proxy = {"http_proxy": f"http://127.0.0.1:{told['ports']['proxy']}"}
            failed = run(root, folder, ports, ([], {}), (["proxy=set", "proxy:"], proxy))
            for word in LAST:
                failed |= run(root, folder, ports, ([word], {}))
    finally:
        server.terminate()
    sys.exit(failed)


main()
