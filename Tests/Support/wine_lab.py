"""A hub on this machine and an agent in Wine, with a Wine of its own: for the tests of the Windows agent."""

import base64
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

# Who is told to end cleans up all the same.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


class HubError(Exception):
    """The hub refused a request."""


class Wine:
    """A Wine in a root folder (Cross/lib/wine.sh), in a prefix and a process namespace of its own. All that runs in it ends
    with it."""

    def __init__(self, root):
        self.root = os.path.realpath(root)
        self.folder = tempfile.mkdtemp(prefix="lab-", dir=os.path.join(self.root, "tmp"))
        os.chmod(self.folder, 0o755)
        self.inside = "/" + os.path.relpath(self.folder, self.root)
        prefix = os.path.join(self.folder, "prefix")
        # The files are shared with the model; the registry, which Wine writes, is not.
        subprocess.run(["cp", "-al", os.path.join(self.root, "root/model"), prefix], check=True)
        for name in os.listdir(prefix):
            path = os.path.join(prefix, name)
            if os.path.isfile(path):
                shutil.copy2(path, path + ".own")
                os.replace(path + ".own", path)
        script = 'mount -t proc proc "$0/proc" && exec sleep infinity'
        self.holder = subprocess.Popen(
            # Gone with this process, however that ends.
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child"]
            + ["sh", "-c", script, self.root]
        )
        self.inner = self._inner()
        self.environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8", "XDG_RUNTIME_DIR": "/tmp",
            "WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree=;mshtml=", "WINEPREFIX": self.inside + "/prefix",
        }  # fmt: skip

        # What Wine keeps running in the background must not hold the output of the first program.
        self.background = os.path.join(self.folder, "background.log")
        with open(self.background, "w") as log:
            null = subprocess.DEVNULL
            subprocess.run(self.command(["cmd", "/c", "exit"]), stdin=null, stdout=log, stderr=log, check=True, timeout=120)

    def _inner(self):
        limit = time.monotonic() + 20
        while time.monotonic() < limit:
            try:
                with open(f"/proc/{self.holder.pid}/task/{self.holder.pid}/children") as file:
                    children = file.read().split()
                with open(f"/proc/{children[0]}/comm") as file:
                    if file.read().strip() == "sleep":
                        return children[0]
            except (OSError, IndexError):
                pass
            time.sleep(0.01)
        raise SystemExit("the root folder for Wine cannot be entered")

    def command(self, arguments, environment=None):
        """What runs a program in Wine, as a command of this machine."""
        words = ["nsenter", "--target", self.inner, "--mount", "--pid", "chroot", self.root, "env", "-i"]
        for name, value in {**self.environment, **(environment or {})}.items():
            words.append(f"{name}={value}")
        return words + ["wine"] + list(arguments)

    def run(self, *arguments, environment=None, timeout=120, cwd=None):
        """Runs a program to its end: exit code, and what it prints without carriage returns."""
        result = subprocess.run(
            self.command(arguments, environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=timeout,
        )  # fmt: skip
        return result.returncode, result.stdout.replace(b"\r", b"").decode(errors="replace")

    def show(self, *arguments, environment=None, timeout=600):
        """Runs a program to its end, printing what it prints; its exit code."""
        with subprocess.Popen(
            self.command(arguments, environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            alarm = threading.Timer(timeout, process.kill)
            alarm.start()
            for line in process.stdout:
                print(line.replace(b"\r", b"").decode(errors="replace"), end="", flush=True)
            alarm.cancel()
            return process.wait()

    def windows_path(self, path):
        """The name that Windows programs have for a file in the root folder."""
        return "Z:" + ("/" + os.path.relpath(path, self.root)).replace("/", "\\")

    def drive(self, *parts):
        """A path on drive C, as this machine sees it."""
        return os.path.join(self.folder, "prefix", "drive_c", *parts)

    def processes(self, name):
        """The Windows processes of this Wine that were called so, without `.exe`: their ids here, and words."""
        found = []
        namespace = os.readlink(f"/proc/{self.inner}/ns/pid")
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{pid}/ns/pid") != namespace:
                    continue
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    words = file.read().split(b"\0")
            except OSError:
                continue
            program = words[0].decode(errors="replace").lower().replace("\\", "/").rsplit("/", 1)[-1] if words else ""
            if program.removesuffix(".exe") == name:
                found.append((int(pid), [word.decode(errors="replace") for word in words if word]))
        return found

    def close(self):
        self.holder.kill()
        self.holder.wait()
        # What ended with the holder may take a moment to let go of its files.
        for _ in range(20):
            shutil.rmtree(self.folder, ignore_errors=True)
            if not os.path.exists(self.folder):
                return
            time.sleep(0.1)


class Hub:
    """A tat_hub on loopback."""

    def __init__(self, executable, folder):
        self.executable = executable
        self.state = os.path.join(folder, "hub")
        self.process = self.connection = None
        self.start("127.0.0.1:0")

    def start(self, address=None):
        self.process = subprocess.Popen(
            [self.executable, "serve", "--state", self.state, "--listen", address or self.address],
            stdout=subprocess.PIPE,
        )
        self.address = self.process.stdout.readline().decode().split()[-1]
        with open(os.path.join(self.state, "hub.json")) as file:
            self.token = json.load(file)["token"]
        self.connection = http.client.HTTPConnection(self.address, timeout=120)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=20)

    def call(self, method, path, body=None):
        headers = {"Authorization": "Bearer " + self.token}
        try:
            self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = self.connection.getresponse()
            answer = json.loads(response.read())
        except Exception:
            self.connection.close()
            raise
        if response.status >= 300:
            raise HubError(f"the hub answered {response.status} to {path}: {answer}")
        return answer

    def connected(self):
        return any(agent["connected"] for agent in self.call("GET", "/hub/agents")["agents"])

    def create(self, *scripts, **fields):
        """Creates batch tasks and kicks once. Their ids."""
        tasks = [{"script": script, "type": "BAT", **fields} for script in scripts]
        return self.call("POST", "/hub/tasks", {"tasks": tasks})["ids"]

    def show(self, id):
        return self.call("GET", f"/hub/tasks/{id}")

    def wait(self, id, what="finish", seconds=60):
        """The record of a task, once it has come that far."""
        limit = time.monotonic() + seconds
        while True:
            record = self.call("GET", f"/hub/tasks/{id}?wait={what}&timeout=20")
            over = record["state"] in ("finished", "cancelled")
            if over or {"start": "started", "output": "firstChunk"}.get(what, "") in record["times"] and (
                record["times"].get({"start": "started", "output": "firstChunk"}.get(what)) is not None
            ):
                return record
            if time.monotonic() > limit:
                raise AssertionError(f"after {seconds} s task {id} is {record['state']}, waited for {what}")

    def run(self, script, **fields):
        """Runs a batch script to its end."""
        return self.wait(self.create(script, **fields)[0])


def output(record):
    """A task's output without carriage returns."""
    return base64.b64decode(record["outputBase64"]).replace(b"\r\n", b"\n").decode(errors="replace")


def wait_until(condition, seconds, what):
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            raise AssertionError(f"after {seconds} s: {what}")
        time.sleep(0.02)
