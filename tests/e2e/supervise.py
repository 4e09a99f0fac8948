"""A supervisor under test: the real groundcontrol in a fresh folder, with all it prints kept.

The folder is the working directory of the supervisor, hence of all that it starts: a configuration
writes results.txt and names ./daemon.sh without a path, and what is left over can be told from the
processes of anybody else by where it works. GROUNDCONTROL_ASAN names a build with sanitizers,
GROUNDCONTROL another one; without either it is build/groundcontrol."""

import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

from guppy import ROOT, SANITIZER, clean_environment

DEADLINE_S = 20
CONFIG = "groundcontrol.toml"
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ")

# The command behind it becomes process 1 of a namespace, whose end takes everything with it.
NAMESPACE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")

SCRIPTS = {
    # Writes NAME.pid when it can be stopped. The sleep is in the background because a shell runs a
    # trap only after its foreground command.
    "daemon.sh": """#!/bin/sh
[ $# -eq 1 ] || exit 3
echo "$1:started" >> results.txt
sleep 300 &
trap 'echo "$1:shutdown-requested" >> results.txt; kill $!; wait $!; echo "$1:stopped" >> results.txt; exit 0' TERM
trap 'kill $!; exit 1' INT
echo $$ > "$1.tmp"
mv "$1.tmp" "$1.pid"
wait $!
""",
    # Ends when the file does exist; for a pre that must not overtake an earlier daemon.
    "await.sh": """#!/bin/sh
until [ -e "$1" ]; do sleep 0.01; done
""",
    # Each argument in brackets, so that empty ones and spaces show.
    "arguments.sh": """#!/bin/sh
for argument; do printf '<%s>' "$argument" >> results.txt; done
echo >> results.txt
""",
}


def binary():
    named = os.environ.get("GROUNDCONTROL_ASAN") or os.environ.get("GROUNDCONTROL")
    return os.path.abspath(named) if named else str(ROOT / "build" / "groundcontrol")


def wait_until(condition, what, deadline_s=DEADLINE_S):
    """What other processes do to a file or to each other can only be asked for again and again."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"{what}: not in {deadline_s} s"
        time.sleep(0.005)


def shell(text):
    """A command that runs text in a shell, as it stands in the file."""
    assert "'" not in text
    return f"""["sh", "-c", '{text}']"""


def append(text):
    """A command that adds a line to results.txt."""
    return shell(f"echo {text} >> results.txt")


def status_of(pid):
    """/proc/PID/status as a dictionary; empty when there is none."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


def children(pid):
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def program_of(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return None


def blocks_signals(pid):
    return bool(int(status_of(pid).get("SigBlk", "0"), 16) >> (signal.SIGTERM - 1) & 1)


def own_signals():
    # A test run in the background of a shell ignores these two, and a child would inherit that.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


class Stream:
    """The lines of a pipe, read by a thread so that the writer never waits."""

    def __init__(self, pipe, slow=False):
        self.pipe, self.slow, self.data, self.ended = pipe, slow, b"", False
        self.changed = threading.Condition()
        self.thread = threading.Thread(target=self.drain, daemon=True)
        self.thread.start()

    def drain(self):
        while chunk := os.read(self.pipe.fileno(), 4096 if self.slow else 65536):
            if self.slow:
                time.sleep(0.001)
            with self.changed:
                self.data += chunk
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def text(self):
        return self.data.decode(errors="backslashreplace")

    def wait(self, condition):
        """False when the stream ended, or the deadline came, before it held."""
        with self.changed:
            self.changed.wait_for(lambda: condition() or self.ended, DEADLINE_S)
            return condition()

    def finish(self):
        self.thread.join(DEADLINE_S)
        assert not self.thread.is_alive(), "somebody else still holds the supervisor's output"
        self.pipe.close()


class Supervisor:
    """Starts at once. After the end, code is its exit status as a shell would say it."""

    def __init__(self, tmp_path, toml, env=None, arguments=(CONFIG,), slow=False, wrapper=(), stdout=None, **more):
        """slow: reads stdout a page each millisecond. wrapper: a command that runs the one behind it, as
        NAMESPACE does. stdout: a descriptor in its place; nothing is kept of it. more: for Popen, as
        extra_groups=[4]."""
        self.folder = Path(tmp_path)
        self.code = None
        self.forced = False
        for name, text in SCRIPTS.items():
            (self.folder / name).write_text(text)
            (self.folder / name).chmod(0o755)
        if toml is not None:
            (self.folder / CONFIG).write_text(toml)
        environment = clean_environment(env)
        for name in {"BREAK_GLASS", "RUST_LOG"} - set(env or {}):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [*wrapper, binary(), *arguments], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdout is None else stdout, stderr=subprocess.PIPE,
            start_new_session=True, preexec_fn=own_signals, **more,
        )
        self.wrapped = bool(wrapper)
        self.out = Stream(self.process.stdout or open(os.devnull, "rb"), slow)
        self.err = Stream(self.process.stderr)

    # -- what it prints

    def raw_lines(self):
        return self.out.text().splitlines()

    def lines(self):
        """Of stdout, without the timestamps."""
        return [STAMP.sub("", line, count=1) for line in self.raw_lines()]

    def output(self, prefix):
        """What a process printed: the texts of the lines under that prefix."""
        return [line[len(prefix) + 2 :] for line in self.lines() if line.startswith(f"{prefix}: ")]

    def says(self, *words):
        """Whether one line of the supervisor's own has all the words."""
        return any(all(word in line for word in words) for line in self.output("groundcontrol"))

    def errors(self):
        return self.err.text()

    def wait_line(self, text):
        held = self.out.wait(lambda: any(text in line for line in self.raw_lines()))
        assert held, f"no line with {text!r}\n{self.everything()}"

    def everything(self):
        return f"results: {self.results()}\nstdout:\n{self.out.text()}\nstderr:\n{self.errors()}"

    # -- what its processes do

    def results(self):
        path = self.folder / "results.txt"
        return path.read_text().splitlines() if path.exists() else []

    def results_once(self):
        """Without repetitions. A daemon whose stop failed is sent SIGTERM after the last post, whoever
        may have done so before, and daemon.sh says each time that it was."""
        return list(dict.fromkeys(self.results()))

    def wait_file(self, name):
        path = self.folder / name
        wait_until(lambda: path.exists() or self.process.poll() is not None, f"{name} to exist")
        assert path.exists(), f"ended with {self.process.returncode} before {name} existed\n{self.everything()}"
        return path

    def wait_pid(self, name):
        """The pid of a daemon.sh, which by then can be stopped."""
        return int(self.wait_file(f"{name}.pid").read_text())

    # -- the supervisor itself

    def pid(self):
        """Its number here, once it is there and takes signals; what comes before, process 1 never gets."""
        wait_until(lambda: self.process.poll() is not None or self.find_pid(), "the supervisor to listen")
        return self.find_pid()

    def find_pid(self):
        pid = self.process.pid
        while pid and program_of(pid) != os.path.basename(binary()):
            pid = next(iter(children(pid)), None)
        return pid if pid and blocks_signals(pid) else None

    def control(self, *words):
        """Asks at the control socket, which has to be "control" in the folder."""
        return subprocess.run(
            [binary(), "--control", "control", *words], cwd=self.folder, env=clean_environment(),
            capture_output=True, text=True, timeout=DEADLINE_S, check=False,
        )

    # -- its end

    def send(self, number):
        if self.wrapped:
            os.kill(self.pid(), number)
        else:
            self.process.send_signal(number)

    def wait(self):
        try:
            status = self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running after {DEADLINE_S} s\n{self.everything()}") from None
        self.out.finish()
        self.err.finish()
        self.code = status if status >= 0 else 128 - status
        return self.code

    def stop(self, number=signal.SIGTERM):
        self.send(number)
        return self.wait()

    def left(self):
        """The living that work in the folder: a command is a session of its own, and its environment
        may be empty, but nobody else starts anything here."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    cwd = os.readlink(entry / "cwd")
                except OSError:
                    continue
                if cwd == str(self.folder.resolve()):
                    found.append(int(entry.name))
        return found

    def finish(self):
        """For teardown: nothing outlives the test, and nothing may have outlived the supervisor."""
        if self.process.poll() is None:
            self.forced = True
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        left = self.left()
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        report = self.everything()
        assert not SANITIZER.search(report), report
        assert self.forced or not left, f"left behind: {left}\n{report}"


def factory(tmp_path):
    """For a fixture: start(toml, env=…), each in a folder of its own."""
    made = []

    def start(toml, **more):
        folder = tmp_path / f"supervisor-{len(made) + 1}"
        folder.mkdir()
        made.append(Supervisor(folder, toml, **more))
        return made[-1]

    yield start
    errors = []
    for supervisor in made:
        try:
            supervisor.finish()
        except AssertionError as error:
            errors.append(str(error))
    assert not errors, "\n".join(errors)
