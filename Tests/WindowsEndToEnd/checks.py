#!/usr/bin/env python3
"""Runs windows_checks in Wine, with the test server on this machine: once as it is, once through a proxy.

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


def main():
    root, folder, *words = sys.argv[1:]
    server = subprocess.Popen(
        [sys.executable, os.path.join(HERE, "../PlatformLinuxTests/Fixtures/http_server.py")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    wine = None
    try:
        told = json.loads(server.stdout.readline())
        # Before Wine starts: it reads the list once.
        trusted = os.path.join(root, "etc/ssl/certs/ca-certificates.crt")
        os.makedirs(os.path.dirname(trusted), exist_ok=True)
        shutil.copy(told["authority"], trusted)
        wine = Wine(root)
        program = os.path.join(wine.folder, "windows_checks.exe")
        shutil.copy(os.path.join(folder, "windows_checks.exe"), program)
        ports = "server=" + ",".join(f"{name}:{port}" for name, port in told["ports"].items())
        common = [wine.windows_path(program), ports, "system=wine", "authority=trusted"]
        failed = wine.show(*common, *words)
        if not words:
            proxy = {"http_proxy": f"http://127.0.0.1:{told['ports']['proxy']}"}
            failed |= wine.show(*common, "proxy=set", "proxy:", environment=proxy)
    finally:
        server.terminate()
        if wine:
            wine.close()
    sys.exit(failed)


main()
