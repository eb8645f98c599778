"""A hub and an agent on loopback in a temporary folder, for scripts that measure or torture them."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time


class HubError(Exception):
    """The hub refused a request of this script."""


def memory(pid):
    """The anonymous memory of a process, and what of it no other process shares, in kB. 0 when it has ended."""
    try:
        with open(f"/proc/{pid}/status") as file:
            anonymous = [int(line.split()[1]) for line in file if line.startswith("RssAnon:")]
        with open(f"/proc/{pid}/smaps_rollup") as file:
            own = [int(line.split()[1]) for line in file if line.startswith("Private_Dirty:")]
    except OSError:
        return 0, 0
    return sum(anonymous), sum(own)


class Lab:
    def __init__(self, executables, state_folder=None, agent_environment=None):
        """state_folder: where the agent keeps its state, instead of in the temporary folder."""
        self.executables = executables
        with open(os.path.join(executables, "tat_agent"), "rb") as file:
            # Its program header names the loader.
            self.is_static = b"/ld-" not in file.read(4096)
        self.folder = tempfile.mkdtemp(prefix="tat-lab-")
        os.chmod(self.folder, 0o711)
        self.hub_state = os.path.join(self.folder, "hub")
        self.home = os.path.join(self.folder, "agent")
        os.makedirs(self.home, mode=0o711)
        if state_folder:
            os.symlink(state_folder, os.path.join(self.home, "state"))
        self.environment = dict(os.environ, TAT_AGENT_HOME=self.home, **(agent_environment or {}))
        self.hub = self.agent = self.connection = None
        self.start_hub("127.0.0.1:0")
        with open(os.path.join(self.home, "config.dat"), "w") as file:
            url = {"invoke_url": f"http://{self.address}/", "ws_url": f"ws://{self.address}/ws"}
            json.dump({"register": None, "url": url}, file)

    def start_hub(self, address=None):
        command = [os.path.join(self.executables, "tat_hub"), "serve", "--state", self.hub_state]
        self.hub = subprocess.Popen(command + ["--listen", address or self.address], stdout=subprocess.PIPE)
        self.address = self.hub.stdout.readline().decode().split()[-1]
        with open(os.path.join(self.hub_state, "hub.json")) as file:
            self.token = json.load(file)["token"]
        self.connection = http.client.HTTPConnection(self.address, timeout=120)

    def start_agent(self):
        self.agent = subprocess.Popen(
            [os.path.join(self.executables, "tat_agent"), "-n"], env=self.environment, stdin=subprocess.DEVNULL
        )

    def end(self, process, number=signal.SIGTERM):
        if process and process.poll() is None:
            process.send_signal(number)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

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

    def wait_until(self, condition, seconds, what):
        limit = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > limit:
                raise SystemExit(f"after {seconds} s: {what}")
            time.sleep(0.002)

    def connected(self):
        return any(agent["connected"] for agent in self.call("GET", "/hub/agents")["agents"])

    def create(self, tasks):
        """Creates tasks and kicks once. Their ids."""
        return self.call("POST", "/hub/tasks", {"tasks": tasks})["ids"]

    def finished(self, id):
        """The record of a task once it has ended."""
        while True:
            record = self.call("GET", f"/hub/tasks/{id}?wait=finish&timeout=60")
            if record["state"] in ("finished", "cancelled") or record.get("result"):
                return record

    def close(self):
        self.end(self.agent)
        self.end(self.hub)
        shutil.rmtree(self.folder, ignore_errors=True)
