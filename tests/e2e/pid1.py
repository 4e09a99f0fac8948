"""What the tests of the supervisor as process 1 share: where it runs, what it is given to run, and how
that looks from outside."""

import functools
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import supervise
from supervise import NAMESPACE, children, status_of

USER = "nobody"
BY_NAME = {"ids": lambda value: getattr(value, "name", value)}
SLACK_S = 1.5  # for a busy machine

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root switches users")
only_pid1 = pytest.mark.parametrize("place", ["pid1"], indirect=True)
only_below = pytest.mark.parametrize("place", ["below"], indirect=True)


@functools.cache
def namespaces():
    return subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode == 0


@pytest.fixture(params=["pid1", "below"])
def place(request):
    if request.param == "pid1" and not namespaces():
        pytest.skip("no namespace can be made here")
    return NAMESPACE if request.param == "pid1" else ()


@pytest.fixture
def start(tmp_path, place):
    made, lock = supervise.factory(tmp_path), threading.Lock()
    make = next(made)

    def start(toml, wrapper=(), **more):
        with lock:
            return make(toml, wrapper=[*wrapper, *place], **more)

    yield start
    next(made, None)


# -- configurations


def sh(text):
    return json.dumps(["sh", "-c", text])


# The one that runs the tests may be in a folder of root's.
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable


def python(text):
    return json.dumps([PYTHON, "-ISE", "-c", text])


def process(name, run=None, more=""):
    return f'[[processes]]\nname = "{name}"\n' + (f"run = {run}\n" if run else "") + more + "\n"


def leave_pid(name):
    """For a shell, which then can be waited for with wait_pid."""
    return f"echo $$ > {name}.tmp; mv {name}.tmp {name}.pid; "


def daemon(name, more=""):
    """One that can be waited for with wait_pid, and says in results.txt what it goes through."""
    return process(name, f'["./daemon.sh", "{name}"]', more)


def story(name):
    return [f"{name}:started", f"{name}:shutdown-requested", f"{name}:stopped"]


DEAF = "trap '' TERM; echo > deaf; while :; do sleep 0.05; done"

# -- what is seen from outside


def below(pid):
    found = children(pid)
    return found + [deeper for child in found for deeper in below(child)]


def outside(s, pid):
    """The number here of a process that the supervisor's processes know by pid."""
    found = [p for p in below(s.pid()) if status_of(p).get("NSpid", "").split()[-1:] == [str(pid)]]
    assert len(found) == 1, f"{pid} is {found}\n{s.everything()}"
    return found[0]


def zombies(pid):
    return [child for child in children(pid) if status_of(child).get("State", "").startswith("Z")]


def cpu_s(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def kib(pid, key):
    return int(status_of(pid)[key].split()[0])


class Watch:
    def __init__(self):
        self.began = time.monotonic()

    def s(self):
        return time.monotonic() - self.began


def status(s):
    """Of all processes, as the control socket tells it: {name: line}."""
    answer = s.control("status")
    assert answer.returncode == 0, answer.stderr
    return {line.split()[0]: line for line in answer.stdout.splitlines()}
