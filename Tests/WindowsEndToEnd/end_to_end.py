#!/usr/bin/env python3
"""The Windows agent in Wine against a hub on this machine.

   end_to_end.py WINE_ROOT TAT_HUB FOLDER [WORD...]

FOLDER holds tat_agent.exe, windows_checks.exe and the scripts of install/windows. WORDs choose the cases whose names have
one of them.
"""

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Support"))
from wine_lab import Hub, Wine, output, wait_until  # noqa: E402

CASES = []


def case(name):
    def add(function):
        CASES.append((name, function))
        return function

    return add


def equal(found, expected):
    if found != expected:
        raise AssertionError(f"found {found!r}, expected {expected!r}")


def ended(record, result, code=None):
    if record["result"] != result or (code is not None and record["exitCode"] != code):
        raise AssertionError(
            f"{record['result']} with {record['exitCode']}, {record['errorInfo']!r}, {output(record)!r};"
            f" expected {result} {'' if code is None else code}"
        )
    equal(record["violations"], [])


class Lab:
    """A Wine, a hub, and an agent in a console."""

    HOME = "C:\\tat home \u00fc"

    def __init__(self, root, hub, folder):
        self.source = folder
        self.wine = Wine(root)
        self.hub = Hub(hub, self.wine.folder)
        self.home = self.wine.drive("tat home \u00fc")
        self.configure(self.home)
        self.agent_file = os.path.join(self.wine.folder, "tat_agent.exe")
        shutil.copy(os.path.join(folder, "tat_agent.exe"), self.agent_file)
        shutil.copy(os.path.join(folder, "windows_checks.exe"), self.wine.drive("checks.exe"))
        self.agent = None

    def configure(self, home):
        os.makedirs(home, exist_ok=True)
        with open(os.path.join(home, "config.dat"), "w") as file:
            url = {"invoke_url": f"http://{self.hub.address}/", "ws_url": f"ws://{self.hub.address}/ws"}
            json.dump({"register": None, "url": url}, file)

    def start(self, options=("-n", "-c")):
        """Starts the agent and waits until it is connected."""
        log = open(os.path.join(self.wine.folder, "agent.log"), "a")
        program = self.wine.windows_path(self.agent_file)
        self.agent = subprocess.Popen(
            self.wine.command([program, *options], {"TAT_AGENT_HOME": self.HOME}),
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        wait_until(self.hub.connected, 30, "the agent does not connect")

    def agents(self):
        return [pid for pid, words in self.wine.processes("tat_agent") if "supervise" not in words]

    def supervisors(self, id=""):
        """The processes that own a task (this one), or may soon."""
        return [pid for pid, words in self.wine.processes("tat_agent") if "supervise" in words and id in words[-1]]

    def kill(self):
        """Ends the agent as a crash would."""
        for pid in self.agents():
            os.kill(pid, signal.SIGKILL)
        self.agent.wait(timeout=20)
        wait_until(lambda: not self.hub.connected(), 30, "the hub still sees the agent")

    @contextlib.contextmanager
    def another(self, home, *options):
        """Another agent, with a home on drive C, for as long as this lasts: a function that tells what it has said."""
        path = os.path.join(self.wine.folder, "another.log")
        before = self.agents()
        # For the hub it is of another machine; without a configuration it calls addresses that nobody has.
        environment = {"MOCK_ENABLE": "1", "MOCK_VIP": "192.168.0.9", "TAT_AGENT_HOME": "C:\\" + home}
        with open(path, "w") as log:
            process = subprocess.Popen(
                self.wine.command([self.wine.windows_path(self.agent_file), *options], environment),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

        def said():
            with open(path) as file:
                return file.read()

        try:
            yield said
        finally:
            for pid in set(self.agents()) - set(before):
                os.kill(pid, signal.SIGKILL)
            process.wait(timeout=20)

    def log(self):
        with open(os.path.join(self.wine.folder, "agent.log"), errors="replace") as file:
            return file.read()

    def close(self):
        self.hub.stop()
        self.wine.close()
        if self.agent:
            self.agent.wait(timeout=20)


# MARK: What a script does


@case("a script's output and its exit code")
def exit_codes(lab):
    record = lab.hub.run("@echo hi")
    ended(record, "SUCCESS", 0)
    equal(output(record), "hi\n")
    ended(lab.hub.run("@exit /b 3"), "FAILED", 3)
    ended(lab.hub.run("@exit 4"), "FAILED", 4)
    ended(lab.hub.run("@exit -1"), "FAILED", -1)
    ended(lab.hub.run("@cmd /c exit 5\n@exit /b %errorlevel%"), "FAILED", 5)


@case("both streams come in the order in which they were written")
def streams(lab):
    script = "@echo off\n" + "".join(f"echo {n}\n>&2 echo error {n}\n" for n in range(20))
    record = lab.hub.run(script)
    ended(record, "SUCCESS", 0)
    equal(output(record), "".join(f"{n}\nerror {n}\n" for n in range(20)))


@case("a script with line feeds only, with labels")
def line_feeds(lab):
    record = lab.hub.run("@echo off\ncall :part one\ncall :part two\nexit /b 0\n:part\necho %1\nexit /b 0\n")
    ended(record, "SUCCESS", 0)
    equal(output(record), "one\ntwo\n")


@case("UTF-8 in the script and in the output")
def utf8(lab):
    # Wine's cmd reads a script in another code page than the console's, as Windows' own does not: so the script shows itself.
    text = "@rem gr\u00fc\u00dfe \u4e16\u754c \U0001f600\n@type %~s0\n@chcp\n"
    record = lab.hub.run("\ufeff" + text)
    ended(record, "SUCCESS", 0)
    equal(output(record), text + "Active code page: 65001\n")


@case("output in the system's own code page becomes UTF-8")
def own_code_page(lab):
    with open(lab.wine.drive("oem.txt"), "wb") as file:
        file.write("gr\u00fc\u00dfe\r\n".encode("cp437") + "gr\u00fc\u00dfe\r\n".encode())
    record = lab.hub.run("@C:\\checks.exe bytes=C:\\oem.txt")
    equal(output(record), "gr\u00fc\u00dfe\n" * 2)


@case("the environment of a script")
def environment(lab):
    id = lab.hub.create("@echo %TAT_INVOCATION_TASK_ID%\n@if defined TAT_AGENT_HOME echo private\n@echo %SystemRoot%")[0]
    record = lab.hub.wait(id)
    ended(record, "SUCCESS", 0)
    equal(output(record).lower(), f"{id}\nc:\\windows\n")


@case("the working directory")
def working_directory(lab):
    os.makedirs(lab.wine.drive("a folder \u4e16"), exist_ok=True)
    record = lab.hub.run("@cd", directory="C:\\a folder \u4e16")
    ended(record, "SUCCESS", 0)
    equal(output(record), "C:\\a folder \u4e16\n")
    equal(output(lab.hub.run("@cd", directory="C:/windows/")).rstrip("\\\n").lower(), "c:\\windows")
    ended(lab.hub.run("@cd"), "SUCCESS", 0)


@case("standard input is empty")
def standard_input(lab):
    record = lab.hub.run("@set word=none\n@set /p word=\n@echo %word%")
    equal(output(record).split()[-1], "none")


@case("a long output is cut and the rest counted")
def long_output(lab):
    line = "x" * 98
    record = lab.hub.run(f"@for /L %%i in (1,1,400) do @echo {line}", timeout=120)
    ended(record, "SUCCESS", 0)
    equal(record["outputSize"], 24576)
    equal(record["dropped"], 400 * 100 - 24576)


@case("output comes while the script runs")
def early_output(lab):
    id = lab.hub.create("@echo first\n@ping -n 4 127.0.0.1 >nul\n@echo last")[0]
    record = lab.hub.wait(id, "output")
    equal((record["state"], output(record)), ("running", "first\n"))
    equal(output(lab.hub.wait(id)), "first\nlast\n")


@case("100 tasks at once")
def many(lab):
    ids = lab.hub.create(*[f"@echo task {n}\n@exit /b {n % 7}" for n in range(100)], timeout=300)
    for n, id in enumerate(ids):
        record = lab.hub.wait(id, seconds=240)
        ended(record, "FAILED" if n % 7 else "SUCCESS", n % 7)
        equal(output(record), f"task {n}\n")
        equal(record["counters"]["starts"], 1)


@case("a supervisor whose task left nothing takes another one, which sees nothing of the task before")
def used_again(lab):
    ended(lab.hub.run("@echo warm"), "SUCCESS", 0)
    before = set(lab.supervisors())
    for _ in range(4):
        ended(lab.hub.run("@chcp 850 >nul\n@set mark=1"), "SUCCESS", 0)
    record = lab.hub.run("@chcp\n@if defined mark echo marked")
    equal(output(record), "Active code page: 65001\n")
    # Had each task taken one, none of them were left.
    if not before & set(lab.supervisors()):
        raise AssertionError("no supervisor was used again")


@case("the files of a task are for nobody else")
def private_files(lab):
    # Wine makes permissions of the access control lists: the group's of what administrators may do.
    id = lab.hub.create("@echo secret\n@ping -n 3 127.0.0.1 >nul")[0]
    lab.hub.wait(id, "output")
    folder = os.path.join(lab.home, "state", "tasks", id)
    found = {name: os.stat(os.path.join(folder, name)).st_mode & 0o007 for name in ["", *os.listdir(folder)]}
    equal(set(found), {"", "task", "claim", "script.bat", "output"})
    equal({name: mode for name, mode in found.items() if mode}, {})
    ended(lab.hub.wait(id), "SUCCESS", 0)


# MARK: What does not start


@case("what cannot start says why")
def start_failures(lab):
    def fails(reason, **fields):
        record = lab.hub.run("@echo no", **fields)
        ended(record, "START_FAILED", -1)
        if not record["errorInfo"].startswith(reason):
            raise AssertionError(f"{record['errorInfo']!r} does not begin with {reason!r}")

    fails("InvalidCommand: ", fields={"Command": "@@@"})
    fails("InvalidCommand: ", fields={"Command": ""})
    fails("InvalidCommand: command type `SHELL`", type="SHELL")
    fails("InvalidUser: user `no such user` not exists", user="no such user")
    fails("InvalidUser: ", user="a" * 5000)
    fails("InvalidWorkingDirectory: working_directory `C:\\nowhere\\at all` not exists", directory="C:\\nowhere\\at all")
    fails("InvalidWorkingDirectory: ", directory="C:\\windows\\win.ini")
    fails("InvalidWorkingDirectory: ", directory="C:\\<>|")


@case("another user's script does not run where that user's token cannot be had")
def other_user(lab):
    # Wine knows the account and has no authority that logs it on.
    record = lab.hub.run("@echo no", user="Administrator")
    ended(record, "START_FAILED", -1)
    equal(output(record), "")
    if not record["errorInfo"].startswith("TaskSpawnFailed: becoming user "):
        raise AssertionError(record["errorInfo"])
    if "STATUS_" not in record["errorInfo"]:
        raise AssertionError(record["errorInfo"])


# MARK: Ends from outside

# Wine's `start /b` waits for what it starts.
START = '@C:\\checks.exe "start={}"\n'
TREE = START.format("cmd /c ping -n 120 127.0.0.1 >nul") + "@echo started\n@ping -n 120 127.0.0.1 >nul"


@case("a cancel ends the whole tree")
def cancel(lab):
    id = lab.hub.create(TREE)[0]
    lab.hub.wait(id, "output")
    wait_until(lambda: len(lab.wine.processes("ping")) == 2, 10, "the tree does not grow")
    begun = time.monotonic()
    lab.hub.call("POST", f"/hub/tasks/{id}/cancel")
    record = lab.hub.wait(id)
    ended(record, "TERMINATED", -1)
    equal(output(record), "started\n")
    wait_until(lambda: not lab.wine.processes("ping"), 3, "a process of the tree lives on")
    if time.monotonic() - begun > 4:
        raise AssertionError(f"it took {time.monotonic() - begun:.1f} s")


@case("a timeout ends the whole tree")
def timeout(lab):
    id = lab.hub.create(TREE, timeout=2)[0]
    record = lab.hub.wait(id)
    ended(record, "TIMEOUT", -1)
    equal(output(record), "started\n")
    wait_until(lambda: not lab.wine.processes("ping"), 3, "a process of the tree lives on")


@case("what a script leaves behind lives on, and does not hold its result back")
def left_behind(lab):
    begun = time.monotonic()
    record = lab.hub.run(START.format("ping -n 30 127.0.0.1") + "@exit /b 0")
    took = time.monotonic() - begun
    ended(record, "SUCCESS", 0)
    if took > 3:
        raise AssertionError(f"it took {took:.1f} s")
    time.sleep(1)
    equal(len(lab.wine.processes("ping")), 1)
    for pid, _ in lab.wine.processes("ping"):
        os.kill(pid, signal.SIGKILL)


# MARK: Nothing is lost


@case("an agent that is killed in the middle: the next one reports all of it")
def killed(lab):
    script = "@echo off\nfor /L %%i in (1,1,5) do (\necho line %%i\nping -n 2 127.0.0.1 >nul\n)\nexit /b 9"
    id = lab.hub.create(script)[0]
    lab.hub.wait(id, "output")
    lab.kill()
    time.sleep(1)
    lab.start()
    record = lab.hub.wait(id)
    ended(record, "FAILED", 9)
    equal(output(record), "".join(f"line {n}\n" for n in range(1, 6)))
    equal((record["counters"]["chunkConflicts"], record["gaps"]), (0, []))


@case("a task that ends while there is no agent")
def ended_alone(lab):
    mark = lab.wine.drive("runs.txt")
    ids = lab.hub.create(*["@echo run>>C:\\runs.txt\n@ping -n 3 127.0.0.1 >nul\n@echo done\n@exit /b 6"] * 3)
    for id in ids:
        lab.hub.wait(id, "start")
    wait_until(lambda: os.path.exists(mark) and len(open(mark).readlines()) == 3, 20, "the scripts do not start")
    lab.kill()
    wait_until(lambda: not lab.wine.processes("ping"), 20, "the scripts do not end")
    time.sleep(1)
    lab.start()
    for id in ids:
        record = lab.hub.wait(id)
        ended(record, "FAILED", 6)
        equal(output(record), "done\n")
    equal(len(open(mark).readlines()), 3)


@case("a supervisor that is killed: its tree ends, and the task is reported")
def supervisor_killed(lab):
    id = lab.hub.create(TREE)[0]
    lab.hub.wait(id, "output")
    wait_until(lambda: len(lab.wine.processes("ping")) == 2, 10, "the tree does not grow")
    # A spare one has no task and no child.
    victims = lab.supervisors()
    for pid in victims:
        os.kill(pid, signal.SIGKILL)
    record = lab.hub.wait(id)
    ended(record, "FAILED", -1)
    equal(record["errorInfo"], "the task's supervisor was killed while the task ran")
    wait_until(lambda: not lab.wine.processes("ping"), 5, "a process of the tree lives on")
    ended(lab.hub.run("@echo next"), "SUCCESS", 0)


@case("reports that the service does not take are sent again")
def retried(lab):
    for action in ["UploadTaskLog", "ReportTaskFinish", "ReportTaskStart"]:
        lab.hub.call("POST", "/hub/misbehave", {"action": action, "how": "status500", "count": 1})
    record = lab.hub.run("@echo once")
    ended(record, "SUCCESS", 0)
    equal(output(record), "once\n")


@case("the service is away for a while")
def service_away(lab):
    id = lab.hub.create("@echo before\n@ping -n 3 127.0.0.1 >nul\n@echo after")[0]
    lab.hub.wait(id, "output")
    lab.hub.stop()
    time.sleep(3)
    lab.hub.start(lab.hub.address)
    record = lab.hub.wait(id, seconds=90)
    ended(record, "SUCCESS", 0)
    equal(output(record), "before\nafter\n")
    wait_until(lab.hub.connected, 60, "the agent does not come back")


@case("nothing stays behind in the state directory")
def nothing_stays(lab):
    tasks = os.path.join(lab.home, "state", "tasks")
    wait_until(lambda: not os.listdir(tasks), 10, f"{os.listdir(tasks)} is left")
    wait_until(lambda: not lab.supervisors(), 20, "a supervisor without a task stays")


# MARK: The process


@case("a second agent with the same home does not start")
def single_instance(lab):
    status, said = lab.wine.run(
        lab.wine.windows_path(lab.agent_file), "-n", "-c", environment={"TAT_AGENT_HOME": lab.HOME}
    )
    equal(status, 1)
    if "another tat_agent is running" not in said:
        raise AssertionError(said)


@case("the service asks for a restart")
def forced_restart(lab):
    before = lab.agents()
    id = lab.hub.create("@echo one\n@ping -n 4 127.0.0.1 >nul\n@echo two")[0]
    lab.hub.wait(id, "output")
    lab.hub.call("POST", "/hub/notify", {"json": {"Type": "ForceRestart", "Seq": 1, "Data": {}}})
    wait_until(lambda: lab.agents() and lab.agents() != before, 20, "there is no new process")
    record = lab.hub.wait(id)
    ended(record, "SUCCESS", 0)
    equal(output(record), "one\ntwo\n")
    wait_until(lab.hub.connected, 20, "the new agent does not connect")


@case("a broken configuration is a warning")
def broken_configuration(lab):
    home = lab.wine.drive("broken")
    os.makedirs(home)
    with open(os.path.join(home, "config.dat"), "w") as file:
        file.write('{"url": ')
    with lab.another("broken", "-n", "-c") as said:
        wait_until(lambda: "WARN running without C:\\broken\\config.dat" in said(), 10, said())


@case("registering: the private key is for nobody else, and what is asked is signed with it")
def registered(lab):
    home = lab.wine.drive("registered")
    lab.configure(home)
    program = lab.wine.windows_path(lab.agent_file)
    words = [program, "register", "ap-test", "code-1", "value-1"]
    lab.hub.call("POST", "/hub/misbehave", {"action": "RegisterInstance", "how": "status500", "count": 1})
    status, said = lab.wine.run(*words, environment={"TAT_AGENT_HOME": "C:\\registered"})
    equal((status, "500" in said), (1, True))
    status, said = lab.wine.run(*words, environment={"TAT_AGENT_HOME": "C:\\registered"})
    equal((status, said), (0, "registered; the agent uses it from its next start\n"))
    config = os.path.join(home, "config.dat")
    equal(os.stat(config).st_mode & 0o007, 0)
    with open(config) as file:
        kept = json.load(file)["register"]
    with lab.another("registered", "-n", "-c") as said:
        wait_until(lambda: "notify channel: connected" in said(), 20, said())
        agents = lab.hub.call("GET", "/hub/agents")["agents"]
    (found,) = [agent for agent in agents if agent["instanceId"] == kept["instance_id"]]
    equal((found["registered"], found["signed"]), (True, True))
    headers = {name.lower(): value for name, value in found["headers"].items()}
    key, signature = os.path.join(lab.wine.folder, "key.pem"), os.path.join(lab.wine.folder, "signature")
    with open(key, "w") as file:
        file.write(kept["private_key"])
    with open(signature, "wb") as file:
        file.write(base64.b64decode(headers["signature"]))
    signed = "".join(headers[name] for name in ["machineid", "instanceid", "randomkey", "timestamp"])
    verify = ["openssl", "dgst", "-sha1", "-prverify", key, "-signature", signature]
    equal(subprocess.run(verify, input=signed.encode(), stdout=subprocess.PIPE).stdout, b"Verified OK\n")


@case("the agent waits for a Windows that is being set up, unless it is told not to")
def image_state(lab):
    lab.configure(lab.wine.drive("waiting"))
    key = "HKLM\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Setup\\State"

    def set_state(state):
        added = lab.wine.run("reg", "add", key, "/f", "/v", "ImageState", "/d", state, "/reg:64")
        equal(added[0], 0)

    set_state("IMAGE_STATE_UNDEPLOYABLE")
    try:
        with lab.another("waiting", "-n", "-c", "-i") as said:
            wait_until(lambda: "notify channel: connected" in said(), 20, said())
        with lab.another("waiting", "-n", "-c") as said:
            time.sleep(3)
            equal(said(), "")
            set_state("IMAGE_STATE_COMPLETE")
            wait_until(lambda: "notify channel: connected" in said(), 20, said())
    finally:
        set_state("IMAGE_STATE_COMPLETE")


@case("without options it runs in a console, and writes its log to the file")
def console(lab):
    lab.kill()
    lab.start(options=())
    ended(lab.hub.run("@echo hi"), "SUCCESS", 0)
    with open(os.path.join(lab.home, "log", "tat_agent.log")) as file:
        if "notify channel: connected" not in file.read():
            raise AssertionError("the log says nothing")


@case("wrong options are refused")
def wrong_options(lab):
    program = lab.wine.windows_path(lab.agent_file)
    status, said = lab.wine.run(program, "--nonsense")
    equal(status, 2)
    status, said = lab.wine.run(program, "--version")
    if status != 0 or not said.startswith("tat_agent "):
        raise AssertionError(f"{status} {said}")
    equal(lab.wine.run(program, "supervise", "C:\\nowhere")[0], 1)


# MARK: PowerShell, of which Wine has none: a program in its place tells what it was called with


@case("PowerShell: command line, script and exit code")
def powershell(lab):
    folder = lab.wine.drive("windows/system32/WindowsPowerShell/v1.0")
    os.makedirs(folder, exist_ok=True)
    program = os.path.join(folder, "powershell.exe")
    if os.path.exists(program):
        os.remove(program)
    shutil.copy(os.path.join(lab.source, "windows_checks.exe"), program)
    record = lab.hub.run("Write-Output '\u00fc \"quoted\"'\nexit 3", type="POWERSHELL")
    ended(record, "FAILED", 44)
    told = json.loads(output(record))
    words = told["arguments"]
    equal(
        words[1:8], ["-NoLogo", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-OutputFormat", "Text"]
    )
    equal((words[8], len(words)), ("-Command", 10))
    script = words[9].split("& '")[1].split("'")[0]
    if not (script.startswith(lab.HOME + "\\state\\tasks\\") and script.endswith("\\script.ps1")):
        raise AssertionError(script)
    equal(base64.b64decode(told["script"]).decode(), "\ufeffWrite-Output '\u00fc \"quoted\"'\nexit 3")
    equal(told["program"].lower(), "c:\\windows\\system32\\windowspowershell\\v1.0\\powershell.exe")
    equal(told["task"], record["id"])
    equal(told["codePage"], 65001)
    equal(told["input"], 0)


# MARK: The service


@case("installed as a service: start, tasks, stop, update, uninstall")
def service(lab):
    lab.kill()
    wine = lab.wine
    setup = wine.drive("set up (1)")
    os.makedirs(setup)
    for name in ["tat_agent.exe", "install.bat", "uninstall.bat", "self_update.bat"]:
        shutil.copy(os.path.join(lab.source, name), setup)
    installed = wine.drive("Program Files/QCloud/tat_agent")
    lab.configure(installed)
    # cmd's own command line has rules of its own for quotes around parentheses.
    with open(wine.drive("call.bat"), "w", newline="\r\n") as file:
        file.write('@call "C:\\set up (1)\\%~1" %~2\n@exit /b %errorlevel%\n')

    def call(script, *arguments):
        status, said = wine.run("cmd", "/c", "C:\\call.bat", script, *arguments, timeout=300)
        if status != 0:
            raise AssertionError(f"{script} {' '.join(arguments)}: {status}, {said}")
        return said

    def state():
        return wine.run("sc", "query", "tatsvc")[1]

    call("install.bat")
    wait_until(lab.hub.connected, 30, "the service does not connect")
    if "RUNNING" not in state():
        raise AssertionError(state())
    record = lab.hub.run("@echo from the service")
    equal(output(record), "from the service\n")

    id = lab.hub.create("@echo one\n@ping -n 8 127.0.0.1 >nul\n@echo two\n@exit /b 2")[0]
    lab.hub.wait(id, "output")
    before = lab.agents()
    call("install.bat")
    wait_until(lab.hub.connected, 30, "the agent that was installed over another does not connect")
    equal((len(lab.agents()), set(lab.agents()) & set(before)), (1, set()))
    before = lab.agents()
    call("self_update.bat")
    equal(lab.agents(), before)
    if not os.path.exists(os.path.join(installed, "tat_agent.exe")):
        raise AssertionError(f"no tat_agent.exe in {os.listdir(installed)}")
    call("install.bat", "restart")
    record = lab.hub.wait(id)
    ended(record, "FAILED", 2)
    equal(output(record), "one\ntwo\n")
    wait_until(lab.hub.connected, 30, "the service does not come back")

    begun = time.monotonic()
    wine.run("sc", "stop", "tatsvc")
    wait_until(lambda: "STOPPED" in state(), 10, "it does not stop")
    equal(lab.agents(), [])
    took = time.monotonic() - begun
    if took > 8:
        raise AssertionError(f"the stop took {took:.1f} s")
    wine.run("sc", "start", "tatsvc")
    wait_until(lab.hub.connected, 30, "the service does not start again")
    ended(lab.hub.run("@echo again"), "SUCCESS", 0)

    call("uninstall.bat")
    if "STOPPED" in state() or "RUNNING" in state():
        raise AssertionError(state())
    equal(lab.agents(), [])
    if os.path.exists(os.path.join(installed, "tat_agent.exe")):
        raise AssertionError(f"left behind: {os.listdir(installed)}")
    if not os.path.exists(os.path.join(installed, "config.dat")):
        raise AssertionError("the configuration is gone")
    call("uninstall.bat", "/purge")
    if os.path.exists(os.path.join(installed, "config.dat")):
        raise AssertionError(f"left behind: {os.listdir(installed)}")


def main():
    root, hub, folder, *words = sys.argv[1:]
    chosen = [(name, body) for name, body in CASES if not words or any(word in name for word in words)]
    lab = Lab(root, hub, folder)
    failed = 0
    try:
        lab.start()
        for name, body in chosen:
            begun = time.monotonic()
            try:
                body(lab)
                print(f"ok     {name} ({time.monotonic() - begun:.1f} s)", flush=True)
            except Exception as error:
                failed += 1
                print(f"FAILED {name}: {error}", flush=True)
                if not isinstance(error, AssertionError):
                    traceback.print_exc()
        if failed:
            print("\n".join(lab.log().splitlines()[-40:]))
    finally:
        lab.close()
    print(f"{len(chosen) - failed} passed, {failed} failed")
    # Nothing to do is no success.
    sys.exit(1 if failed or not chosen else 0)


if __name__ == "__main__":
    main()
