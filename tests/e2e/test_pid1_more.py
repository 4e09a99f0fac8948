"""The supervisor as process 1 of a namespace, and below another init: failing starts and stops, what
its processes see of its environment and descriptors, restarts, clock steps and reloads."""

import json
import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

import pid1
from guppy import ROOT
from pid1 import (
    PYTHON, SLACK_S, Watch, daemon, leave_pid, only_below, outside, process, python, sh, status, story,
)
from supervise import CONFIG, append, children, program_of, status_of, wait_until

DAY_S = 86400
CLOCK_STEP = ROOT / "tests" / "support" / "clock_step.py"
UP = re.compile(r"\bup\b")

place, start = pid1.place, pid1.start


def run_of(command, **keys):
    """`run` as a table."""
    table = ", ".join([f"command = {command}", *(f"{key} = {value}" for key, value in keys.items())])
    return "{ " + table + " }"


# -- K-10: what cannot be started

NOT_TO_START = {  # run, more keys, what the line must name
    "missing": ('["./no-such-program"]', "", ["./no-such-program", "No such file"]),
    "not-executable": (json.dumps([f"./{CONFIG}"]), "", [CONFIG, "Permission denied"]),
    "no-interpreter": ('["./script"]', "", ["./script", "interpreter"]),
    "no-user": (run_of('"true"', user='"no-such-user"'), "", ["no-such-user"]),
    "no-group": ('"true"', 'groups = ["no-such-group"]', ["no-such-group"]),
    "no-folder": ('"true"', 'cwd = "/no/such/folder"', ["/no/such/folder", "No such file"]),
    "no-secret": ('"true"', 'env = { A = "file:/no/such/secret" }', ["/no/such/secret", "No such file"]),
    "never-ready": ('["sleep", "300"]', 'ready = { log = "ready" }\nready-timeout = "200ms"', ["not ready"]),
}


@pytest.mark.parametrize("case", NOT_TO_START)
def test_k10_what_cannot_start_aborts_with_one_line(start, case):
    run, more, words = NOT_TO_START[case]
    s = start(
        daemon("a", f"post = {append('a-post')}")
        + process("wait", more="pre = " + sh("./await.sh a.pid; echo '#!/no/such/sh' > script; chmod +x script"))
        + process("b", run, more + f"\npost = {append('b-post')}" * (case != "never-ready"))
        + process("c", more=f"pre = {append('c')}")
    )
    assert s.wait() == 1, s.everything()
    assert s.results() == [*story("a"), "a-post"], s.everything()
    told = [line for line in s.output("groundcontrol") if all(word in line for word in words)]
    assert len(told) == 1 and "ERROR" in told[0] and '"b"' in told[0], s.everything()
    assert s.left() == []


class Cgroup:
    """A group of processes that may be no more than so many."""

    def __init__(self):
        for parent in ("/sys/fs/cgroup/pids", "/sys/fs/cgroup"):
            if Path(parent, "pids.max").exists() or parent.endswith("pids") and Path(parent).is_dir():
                self.path = Path(tempfile.mkdtemp(prefix="groundcontrol-", dir=parent))
                break
        else:
            raise OSError("no controller")
        self.wrapper = ("sh", "-c", f'echo $$ > {self.path}/cgroup.procs && exec "$@"', "sh")
        self.limit("max")

    def limit(self, number):
        (self.path / "pids.max").write_text(str(number))

    def count(self):
        return int((self.path / "pids.current").read_text())

    def remove(self):
        wait_until(lambda: not (self.path / "cgroup.procs").read_text(), "the group to be empty")
        self.path.rmdir()


@pytest.fixture
def cgroup():
    try:
        made = Cgroup()
    except OSError as error:
        pytest.skip(f"no control group can be made here: {error}")
    yield made
    made.remove()


def test_k10_a_refused_fork_is_tried_again(cgroup, start):
    s = start('control = "control"\n' + daemon("a", 'restart = "always"'), wrapper=cgroup.wrapper)
    pid = outside(s, s.wait_pid("a"))
    (s.folder / "a.pid").unlink()
    os.kill(pid, signal.SIGKILL)
    cgroup.limit(1)
    wait_until(lambda: not status_of(pid), "it to be reaped")
    took = Watch()
    assert "a" in status(s) and took.s() < SLACK_S
    s.wait_line("starts again")
    cgroup.limit("max")
    s.wait_pid("a")
    assert s.stop() == 0, s.everything()
    assert s.results()[-3:] == story("a"), s.everything()


@only_below
def test_k10_a_fork_that_is_always_refused_aborts(cgroup, start):
    s = start(
        daemon("a") + process("b", more=f'pre = {sh("./await.sh a.pid; echo > up; ./await.sh go")}')
        + process("c", append("c")),
        wrapper=cgroup.wrapper,
    )
    s.wait_file("up")
    cgroup.limit(1)
    (s.folder / "go").touch()
    assert s.wait() == 1, s.everything()
    assert s.says("ERROR", '"b"') or s.says("ERROR", '"c"', "cannot start a process"), s.everything()
    assert "c" not in s.results() and s.left() == []


# -- K-11: commands beside run that fail, are killed, are missing or hang

BAD = {
    "fails": sh("exit 7"),
    "is-killed": sh("kill -9 $$"),
    "is-missing": '["./no-such-program"]',
    "hangs": sh("exec sleep 300"),
}


@pytest.mark.parametrize("how", BAD)
def test_k11_a_bad_pre_aborts_the_start(start, how):
    s = start(
        daemon("a", f"post = {append('a-post')}")
        + process("wait", more='pre = ["./await.sh", "a.pid"]')
        + process("b", append("b"), f"pre = {BAD[how]}\npost = {append('b-post')}")
        + process("c", append("c"))
    )
    if how == "hangs":
        s.wait_pid("a")
        assert s.stop() == 0, s.everything()
    else:
        assert s.wait() == 1, s.everything()
        assert s.says("ERROR", '"b"', "pre"), s.everything()
    assert s.results() == [*story("a"), "a-post"], s.everything()
    assert s.left() == []


@pytest.mark.parametrize("how", BAD)
def test_k11_a_bad_stop_holds_up_no_stop(start, how):
    s = start(
        daemon("a", f"post = {append('a-post')}")
        + process("b", sh("exec sleep 300"), f'stop = {BAD[how]}\npost = {append("b-post")}\nstop-timeout = "200ms"')
    )
    s.wait_pid("a")
    s.wait_line("all processes are started")
    took = Watch()
    assert s.stop() == 0, s.everything()
    assert took.s() < SLACK_S
    assert s.results() == ["a:started", "b-post", *story("a")[1:], "a-post"], s.everything()
    assert s.says("WARN", '"b"'), s.everything()
    assert s.left() == []


@pytest.mark.parametrize("how", BAD)
def test_k11_a_bad_post_holds_up_no_stop(start, how):
    s = start(
        daemon("a", f"post = {append('a-post')}")
        + process("b", sh("exec sleep 300"), f'post = {BAD[how]}\nstop-timeout = "200ms"')
    )
    s.wait_pid("a")
    s.wait_line("all processes are started")
    took = Watch()
    assert s.stop() == 0, s.everything()
    assert took.s() < SLACK_S
    assert s.results() == [*story("a"), "a-post"], s.everything()
    assert s.says("WARN", '"b"', "post"), s.everything()
    assert s.left() == []


# -- K-12: who sees a secret


def environment_of(s, name):
    path = Path(f"/proc/{outside(s, s.wait_pid(name))}/environ")
    return dict(pair.split("=", 1) for pair in path.read_text().split("\0") if pair)


def test_k12_a_secret_is_only_where_it_is_listed(start, tmp_path):
    (tmp_path / "key").write_text("from-the-file")
    keys = f'env = {{ KEY = "file:{tmp_path}/key" }}'
    s = start(
        process("listed", run_of('["./daemon.sh", "listed"]', **{"only-env": '["PATH", "SECRET"]'}))
        + process("other", run_of('["./daemon.sh", "other"]', **{"only-env": '["PATH"]'}))
        + process("own", run_of('["./daemon.sh", "own"]', **{"only-env": '["PATH"]'}), keys)
        + process("shown", run_of('["./daemon.sh", "{{ NAME }}"]', **{"only-env": '["PATH", "NAME"]'})),
        env={"SECRET": "secret", "NAME": "shown"},
    )
    seen = {name: environment_of(s, name) for name in ("listed", "other", "own", "shown")}
    assert [name for name in seen if "SECRET" in seen[name]] == ["listed"]
    assert [name for name in seen if "KEY" in seen[name]] == ["own"] and seen["own"]["KEY"] == "from-the-file"
    assert [name for name in seen if "NAME" in seen[name]] == ["shown"]
    assert "secret" not in s.out.text() and "from-the-file" not in s.out.text()
    assert s.stop() == 0, s.everything()


def test_k12_a_missing_variable_is_refused(start):
    s = start(process("p", '["echo", "{{ MISSING }}"]'))
    assert s.wait() == 1, s.everything()
    assert s.says("ERROR", '"p"', '"MISSING"'), s.everything()
    assert s.output("p") == []


# -- K-13: descriptors


LISTING = """
import os

def is_open(fd):
    try:
        return bool(os.fstat(fd))
    except OSError:
        return False

found = [fd for fd in range(256) if is_open(fd)]
open("results.txt", "a").write(f"{found}\\n")
"""


@pytest.mark.parametrize("closed", ["", "<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_k13_only_the_first_three_descriptors_are_handed_on(start, closed):
    listing = python(LISTING)
    s = start(
        'control = "control"\n'
        + process("a", sh(leave_pid("a") + "exec sleep 300"), f"""
pre = {listing}
ready = {{ exec = {listing} }}
live = {{ notify = true, every = "60s" }}
stop = {python(LISTING + "os.kill(int(open('a.pid').read()), 15)")}
post = {listing}
"""),
        wrapper=("sh", "-c", f'exec 7</dev/null 9</dev/null; exec "$@" {closed}', "sh"),
    )
    pid = outside(s, s.wait_pid("a"))
    wait_until(lambda: UP.search(status(s)["a"]), "it to be up")
    wait_until(lambda: program_of(pid) == "sleep", "it to be what it becomes")
    assert sorted(map(int, os.listdir(f"/proc/{pid}/fd"))) == [0, 1, 2]
    assert s.stop() == 0, s.everything()
    # pre, the probe, stop and post
    assert s.results() == ["[0, 1, 2]"] * 4


# -- K-14: a process that hangs

TICKER = leave_pid("p") + "while :; do echo tick; sleep 0.05; done"
LIVE = {
    "log": '{ log = "tick", every = "700ms", failures = 1 }',
    "exec": '{ exec = ["sh", "-c", "! grep -q ^State:.T /proc/$(cat p.pid)/status"], every = "50ms", failures = 2 }',
}


@pytest.mark.parametrize("live", LIVE)
def test_k14_one_that_hangs_is_killed_and_restarted_alone(start, live):
    s = start(
        'control = "control"\n'
        + daemon("registry")
        + process("p", sh(TICKER), f'restart = "on-failure"\nlive = {LIVE[live]}')
    )
    registry, first = s.wait_pid("registry"), s.wait_pid("p")
    s.wait_line("all processes are started")
    os.kill(outside(s, first), signal.SIGSTOP)
    s.wait_line('process "p" is not alive')
    wait_until(lambda: s.wait_pid("p") != first, "it to come back")
    assert status_of(outside(s, registry)), "the other one went on"
    assert "starts" not in status(s)["registry"] and "starts 2" in status(s)["p"], status(s)
    assert s.stop() == 0, s.everything()
    assert s.results() == story("registry")


def test_k14_without_a_restart_its_end_ends_all(start):
    s = start(daemon("registry") + process("p", sh(TICKER), f"live = {LIVE['exec']}"))
    s.wait_pid("registry")
    pid = s.wait_pid("p")
    s.wait_line("all processes are started")
    os.kill(outside(s, pid), signal.SIGSTOP)
    assert s.wait() == 128 + signal.SIGKILL, s.everything()
    assert s.results() == story("registry")


# -- K-15: kill -9, and signals that mean nothing


def test_k15_one_that_is_killed_is_back_within_a_second(start):
    s = start(daemon("a") + daemon("p", 'restart = "on-failure"'))
    a, first = s.wait_pid("a"), s.wait_pid("p")
    s.wait_line("all processes are started")
    took = Watch()
    os.kill(outside(s, first), signal.SIGKILL)
    wait_until(lambda: s.wait_pid("p") != first, "it to come back")
    assert took.s() < 1
    assert status_of(outside(s, a))
    assert s.says("ERROR", '"p"', "signal 9"), s.everything()
    assert s.stop() == 0, s.everything()
    assert sorted(s.results()[:3]) == ["a:started", "p:started", "p:started"]
    assert s.results()[3:] == [*story("p")[1:], *story("a")[1:]]


NO_MEANING = sorted(
    set(signal.valid_signals())
    - {signal.SIGKILL, signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP}
)


def test_k15_a_signal_that_means_nothing_does_nothing(start):
    s = start('control = "control"\n' + daemon("a"))
    s.wait_pid("a")
    s.wait_line("all processes are started")
    before = s.output("groundcontrol")
    for number in NO_MEANING:
        s.send(number)
    assert UP.search(status(s)["a"]), s.everything()
    assert s.output("groundcontrol") == before
    assert s.stop() == 0, s.everything()
    assert s.results() == story("a")


def test_k15_its_processes_can_send_it_signals_too(start):
    s = start(daemon("a") + process("p", sh("./await.sh a.pid; kill -TERM $PPID; exec sleep 300")))
    assert s.wait() == 0, s.everything()
    assert s.results() == story("a")


@only_below
def test_k15_its_processes_are_told_when_it_is_killed(start):
    s = start(daemon("a"))
    s.wait_pid("a")
    assert s.stop(signal.SIGKILL) == 128 + signal.SIGKILL
    # Whether it gets further is open: what it prints it prints to nobody.
    wait_until(lambda: s.results()[:2] == story("a")[:2], "it to be told")
    wait_until(lambda: not s.left(), "it to end")


# -- K-16: steps of the clock


@only_below
@pytest.mark.parametrize("step", [-DAY_S, DAY_S], ids=["back", "forward"])
def test_k16_a_step_of_the_clock_changes_no_time_out(start, step):
    if subprocess.run([PYTHON, CLOCK_STEP, "/", "0", "true"], capture_output=True, check=False).returncode:
        pytest.skip("no program can be traced here")
    s = start(
        process("deaf", sh("trap '' TERM; echo > deaf; while :; do sleep 0.05; done"), 'stop-timeout = "700ms"')
        + process("p", sh("./await.sh deaf; date +%s%N; exit 3"), 'restart = "always"\nrestart-limit = 3'),
        wrapper=(PYTHON, str(CLOCK_STEP), "step", str(step)),
        env={"ASAN_OPTIONS": "detect_leaks=0"},  # that would trace it as well
    )
    s.wait_line("starts again in")
    (s.folder / "step").touch()
    s.wait_line("giving up")
    took = Watch()
    assert s.wait() == 3, s.everything()
    assert 0.6 < took.s() < 0.7 + SLACK_S, s.everything()
    starts = [int(text) / 1e9 for text in s.output("p")]
    announced = [float(n) for n in re.findall(r'"p" starts again in ([0-9.]+) s', s.out.text())]
    pauses = [after - before for before, after in zip(starts, starts[1:])]
    assert len(pauses) == len(announced) == 3, s.everything()
    for pause, said in zip(pauses, announced):
        assert said <= pause < said + SLACK_S, (pauses, announced)
    # It was stepped, for its log shows it.
    days = {line[:10] for line in s.raw_lines()}
    assert len(days) >= 2, days
    assert s.left() == []


# -- K-17: reload


def up_with(start, *processes):
    s = start('control = "control"\n' + "".join(processes))
    s.wait_line("all processes are started")
    return s


BROKEN = {
    "syntax": "processes = ",
    "key": daemon("a").replace("name", "nome"),
    "missing": None,
    "folder": "",
}


@pytest.mark.parametrize("mistake", BROKEN)
def test_k17_a_bad_file_at_a_reload_leaves_all_as_it_is(start, mistake):
    s = up_with(start, daemon("a"), daemon("b"))
    pids = [s.wait_pid(name) for name in "ab"]
    path = s.folder / CONFIG
    path.unlink()
    if mistake == "folder":
        path.mkdir()
    elif BROKEN[mistake] is not None:
        path.write_text(BROKEN[mistake])
    s.send(signal.SIGHUP)
    s.wait_line("the old configuration stays")
    assert s.says("ERROR", CONFIG), s.everything()
    assert [s.wait_pid(name) for name in "ab"] == pids and set(status(s)) == {"a", "b"}
    assert s.stop() == 0, s.everything()
    assert s.results()[2:] == [*story("b")[1:], *story("a")[1:]]


def test_k17_a_reload_touches_only_what_changed(start):
    s = up_with(start, daemon("a"), daemon("b"), daemon("c"))
    pids = {name: s.wait_pid(name) for name in "abc"}
    (s.folder / "b.pid").unlink()
    (s.folder / CONFIG).write_text(
        'control = "control"\n' + daemon("a") + daemon("b", 'umask = "027"') + daemon("d"))
    s.send(signal.SIGHUP)
    s.wait_line("groundcontrol: reloaded")
    assert s.wait_pid("a") == pids["a"] and s.wait_pid("b") != pids["b"]
    s.wait_pid("d")
    assert set(status(s)) == {"a", "b", "d"} and len(children(s.pid())) == 3
    assert s.results()[3:7] == [*story("c")[1:], *story("b")[1:]], s.everything()
    assert s.stop() == 0, s.everything()
    assert s.results()[-6:] == [*story("d")[1:], *story("b")[1:], *story("a")[1:]]
    assert s.left() == []


def test_k17_a_storm_of_reloads_changes_nothing(start):
    s = up_with(start, daemon("a"), daemon("b"))
    pids = [s.wait_pid(name) for name in "ab"]
    for _ in range(200):
        s.send(signal.SIGHUP)
    s.wait_line("groundcontrol: reloaded")
    assert [s.wait_pid(name) for name in "ab"] == pids and len(children(s.pid())) == 2
    assert s.stop() == 0, s.everything()
    assert len(s.results()) == 6
