"""The supervisor as process 1 of a namespace, and below another init, where it is the subreaper: what
orphans, deaf processes, signals and whoever reads its output may do to it."""

import concurrent.futures
import contextlib
import fcntl
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

import pid1
import supervise
from pid1 import (
    BY_NAME, DEAF, SLACK_S, USER, Watch, below, cpu_s, daemon, kib, only_below, only_pid1, outside, process, python, root, sh,
    status, story, zombies,
)
from supervise import append, status_of, wait_until

STOPPING = [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT]
DEFAULT_STOP_S = 5  # shutdown-timeout
ORPHANS = 20_000
PIPE_LINES = 40_000
TICKS = 5
STRAYS = 1000
SWEEP_GRACE_S = 3
SANITIZER_KIB = 12 << 10 if os.environ.get("GROUNDCONTROL_ASAN") else 0  # what it takes beside

place, start = pid1.place, pid1.start

# -- K-01: orphans


def test_k01_orphans_leave_no_zombies(start):
    s = start(process("p", python(f"""
import os, signal
for _ in range({ORPHANS // 100}):
    if os.fork() == 0:
        for _ in range(100):
            if os.fork() == 0:
                os._exit(0)
        os._exit(0)
    os.wait()
open("done", "w")
signal.pause()
""")))
    pid, took = s.pid(), Watch()
    s.wait_file("done")
    after = Watch()
    wait_until(lambda: not zombies(pid), "the zombies to go")
    assert after.s() < 1, f"zombies for {after.s()} s"
    assert cpu_s(pid) < took.s()
    assert s.stop() == 0, s.everything()


def test_k01_an_orphan_that_lives_is_reaped_when_it_ends(start):
    s = start(process("p", sh("(until [ -e go ]; do sleep 0.01; done & echo $! > orphan); exec sleep 300")))
    wait_until(lambda: s.wait_file("orphan").read_text(), "its number")
    orphan = outside(s, int(s.wait_file("orphan").read_text()))
    (s.folder / "go").touch()
    wait_until(lambda: not status_of(orphan), "the orphan to be reaped")
    assert s.stop() == 0, s.everything()


# -- K-02: who does not stop is killed


def test_k02_who_ignores_sigterm_is_killed_with_its_group(start):
    s = start(
        daemon("a")
        + process("b", sh("(trap '' TERM; exec sleep 300) & " + DEAF), f"""
stop-timeout = "200ms"
post = {append("b-post")}
""")
        + daemon("c")
    )
    s.wait_pid("a")
    s.wait_pid("c")
    s.wait_file("deaf")
    assert s.stop() == 0, s.everything()
    assert s.results()[2:] == [*story("c")[1:], "b-post", *story("a")[1:]]
    assert s.says('"b"', "did not stop in time") and s.says('"b"', "signal 9"), s.everything()
    assert s.left() == []


@only_pid1
def test_k02_the_whole_stop_is_bounded_whatever_ignores_sigterm(start):
    deaf = [DEAF.replace("> deaf", f"> deaf{n}") for n in range(3)]
    s = start("".join(process(f"p{n}", sh(text)) for n, text in enumerate(deaf)))
    for n in range(3):
        s.wait_file(f"deaf{n}")
    took = Watch()
    assert s.stop() == 0, s.everything()
    # The first has its 3 s, the others share what is left.
    assert 3 <= took.s() < DEFAULT_STOP_S + SLACK_S, s.everything()
    assert s.left() == []
    assert s.says("ERROR", "shutdown-timeout"), s.everything()


# -- K-03: grandchildren


@pytest.mark.parametrize("grandchild", ["sh", "setsid sh"], ids=["in-the-group", "in-a-session-of-its-own"])
@pytest.mark.parametrize("again", ["", "trap '' TERM; "], ids=["obeys", "ignores-SIGTERM"])
def test_k03_a_grandchild_that_holds_the_pipe_does_not_hang_the_stop(start, grandchild, again):
    inner = f"{again}echo > inside; while :; do sleep 0.05; done"
    s = start(
        'shutdown-timeout = "1500ms"\n'
        + daemon("a")
        + process("b", sh(f'{grandchild} -c "{inner}" & exec sleep 300'), 'stop-timeout = "200ms"')
    )
    s.wait_pid("a")
    s.wait_file("inside")
    took = Watch()
    assert s.stop() == 0, s.everything()
    assert took.s() < 1.5 + SLACK_S
    assert s.results() == story("a")
    assert s.left() == []


def test_k03_who_daemonises_ends_the_others_and_is_stopped_too(start):
    inner = "trap \\\"echo told >> results.txt; exit\\\" TERM; echo > inside; while :; do sleep 0.05; done"
    s = start(daemon("a") + process("b", sh(f'./await.sh a.pid; setsid sh -c "{inner}" & ./await.sh inside')))
    assert s.wait() == 0, s.everything()
    assert s.results() == [*story("a"), "told"]
    assert s.left() == []


@only_below
def test_k03_more_strays_than_the_kernel_lists_at_a_time_are_told(start):
    s = start(process("p", python(f"""
import os, signal
for _ in range({STRAYS}):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.pause()
        os._exit(0)
    os.wait()
open("done", "w")
signal.pause()
""")))
    s.wait_file("done")
    took = Watch()
    assert s.stop() == 0, s.everything()
    assert took.s() < SWEEP_GRACE_S, "who is told ends before it would be killed"
    assert s.left() == []


# -- K-04: a fork bomb

BOMB = """
import os
said = False
while True:
    try:
        os.fork()
    except OSError:
        if not said:
            os.write(1, b"full\\n")
        said = True
"""


def tasks_of(user):
    uid = subprocess.run(["id", "-u", user], capture_output=True, text=True, check=True).stdout.strip()
    found = [status_of(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return sum(int(each["Threads"]) for each in found if each.get("Uid", "").split()[:1] == [uid])


@root
def test_k04_a_fork_bomb_stays_within_its_limit(start):
    limit = tasks_of(USER) + 30
    s = start('control = "control"\n' + daemon("a") + process(
        "bomb", f'{{ command = {python(BOMB)}, user = "{USER}" }}', f"limits = {{ nproc = {limit} }}"))
    s.wait_pid("a")
    s.wait_line("bomb: full")
    times = []
    for _ in range(3):
        took = Watch()
        assert re.search(r"\bup\b", status(s)["bomb"]), s.everything()
        times.append(took.s())
    assert min(times) < 1
    assert len(below(s.pid())) < limit + 10
    took = Watch()
    assert s.stop() == 0, s.everything()
    assert took.s() < DEFAULT_STOP_S + SLACK_S
    assert s.results() == story("a")
    assert s.left() == []


# -- K-05: a process that ends at once, for ever


def test_k05_restarts_back_off_and_are_given_up(start):
    s = start(daemon("a") + process("p", sh("./await.sh a.pid; date +%s%N; exit 3"), 'restart = "always"'))
    assert s.wait() == 3, s.everything()
    starts = [int(text) / 1e9 for text in s.output("p")]
    announced = [float(n) for n in re.findall(r'"p" starts again in ([0-9.]+) s', s.out.text())]
    pauses = [after - before for before, after in zip(starts, starts[1:])]
    assert len(starts) == 6 and len(announced) == 5, s.everything()
    assert announced == sorted(announced) and announced[-1] >= 1.2, announced
    assert all(pause >= said for pause, said in zip(pauses, announced)), (pauses, announced)
    assert all(later > earlier for earlier, later in zip(pauses, pauses[2:])), pauses
    assert s.says("ERROR", '"p"', "restarted 5 times", "giving up"), s.everything()
    assert s.results() == story("a")


def test_k05_the_log_says_two_lines_for_each_restart(start):
    s = start(process("p", '"true"', 'restart = "always"\nrestart-limit = 2'))
    assert s.wait() == 0, s.everything()
    own = [line for line in s.output("groundcontrol") if '"p"' in line]
    assert len([line for line in own if "ended" in line and "shutting" not in line]) == 3, own
    assert len(own) <= 3 * 2 + 2, own


def test_k05_a_success_is_no_failure(start):
    s = start(process("p", sh("echo run >> results.txt"), 'restart = "on-failure"'))
    assert s.wait() == 0, s.everything()
    assert s.results() == ["run"]


# -- K-06: signals while it starts

SLOW = "".join(
    process(
        name,
        sh(f'trap "exit 0" TERM; echo {name}:run >> results.txt; sleep 300 & wait'),
        "pre = " + sh(f"for i in {' '.join(map(str, range(TICKS)))}; do echo tick; sleep 0.01; done;"
                      f" echo {name}:pre >> results.txt")
        + f"\npost = {append(name + ':post')}",
    )
    for name in "abc"
)


def at_tick(start, toml, tick, act):
    """act on a supervisor whose processes, all in all, have said tick so often."""
    s = start(toml)
    s.pid()
    held = s.out.wait(lambda: s.out.data.count(b": tick\n") >= tick)
    assert held, s.everything()
    act(s)
    return s


def at_every_tick(start, toml, act):
    """About every 10 ms of the start, side by side."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        work = [pool.submit(at_tick, start, toml, tick, act) for tick in range(3 * TICKS + 1)]
        return [job.result() for job in work]


def events(s, what):
    return [line.split(":")[0] for line in s.results() if line.endswith(f":{what}")]


@pytest.mark.parametrize(
    "place, number", [*(("pid1", number) for number in STOPPING), ("below", signal.SIGTERM)],
    indirect=["place"], **BY_NAME,
)
def test_k06_a_stop_signal_at_any_time_of_the_start_stops_in_reverse(start, number):
    for s in at_every_tick(start, SLOW, lambda s: s.stop(number)):
        assert s.code == 0, s.everything()
        posts = events(s, "post")
        assert posts == list(reversed("abc"[: len(posts)])), s.everything()
        assert set(events(s, "run")) <= set(posts) <= set(events(s, "pre")), s.everything()
        assert s.left() == [], s.everything()
        assert not s.says("ERROR"), s.everything()


def test_k06_other_signals_at_any_time_of_the_start_change_nothing(start):
    def storm(s):
        for _ in range(50):
            for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD):
                s.send(number)
        s.wait_line("all processes are started")
        wait_until(lambda: len(events(s, "run")) == 3, "all to run")
        s.stop()

    for s in at_every_tick(start, SLOW, storm):
        assert s.code == 0, s.everything()
        assert sorted(events(s, "run")) == list("abc"), s.everything()
        assert events(s, "pre") == list("abc") and events(s, "post") == list("cba"), s.everything()
        assert s.left() == [], s.everything()
        assert not s.says("ERROR"), s.everything()


# -- K-07: signals while it stops

REACHED = "echo > reached"
STAGES = {  # each of them would last for ever
    "run": process("p", sh(f'trap "{REACHED}" TERM; echo > up; while :; do sleep 0.02; done')),
    "stop": process("p", sh("echo > up; exec sleep 300"), f"stop = {sh(REACHED + '; exec sleep 300')}"),
    "post": process("p", sh("echo > up; exec sleep 300"), f"post = {sh(REACHED + '; exec sleep 300')}"),
    "pre": process("p", more="pre = " + sh(f'trap "{REACHED}" TERM; echo > up; while :; do sleep 0.02; done')),
    "grandchild": process("p", sh(
        f"""(trap "{REACHED}" TERM; echo > up; while :; do sleep 0.02; done) & trap "" USR1; exec sleep 300""")),
    "stray": process("p", sh(
        f"""setsid sh -c 'trap "{REACHED}" TERM; echo > up; while :; do sleep 0.02; done' & exec sleep 300""")),
}


@pytest.mark.parametrize(
    "stage, second",
    [(stage, signal.SIGTERM) for stage in STAGES] + [("run", signal.SIGINT), ("run", signal.SIGQUIT)], **BY_NAME
)
def test_k07_the_second_signal_forces(start, stage, second):
    s = start(
        'shutdown-timeout = "none"\n'
        + daemon("a", f"post = {append('a-post')}")
        + STAGES[stage].rstrip() + '\nstop-timeout = "none"\n'
    )
    s.wait_file("up")
    s.wait_pid("a")
    s.send(signal.SIGTERM)
    s.wait_file("reached")
    took = Watch()
    assert s.stop(second) == 0, s.everything()
    assert took.s() < SLACK_S, s.everything()
    assert s.says("WARN", "second signal"), s.everything()
    # The sweep comes last: by then all others have been stopped.
    assert ("a-post" in s.results()) == (stage == "stray"), s.everything()
    assert s.left() == []


def test_k07_other_signals_while_it_stops_force_nothing(start):
    s = start(
        daemon("a", f"post = {append('a-post')}")
        + process("b", sh('trap "echo > reached; ./await.sh go; exit" TERM; echo > up; sleep 300 & wait'),
                  f"post = {append('b-post')}")
    )
    s.wait_pid("a")
    s.wait_file("up")
    s.send(signal.SIGTERM)
    s.wait_file("reached")
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCHLD, signal.SIGPIPE, signal.SIGALRM):
        s.send(number)
    (s.folder / "go").touch()
    assert s.wait() == 0, s.everything()
    assert s.results() == ["a:started", "b-post", *story("a")[1:], "a-post"]


def test_k07_many_signals_at_once_end_it(start):
    s = start(process("p", sh("trap '' TERM; echo > up; while :; do sleep 0.05; done")))
    s.wait_file("up")
    pid = s.pid()
    with contextlib.suppress(ProcessLookupError):
        for number in STOPPING * 30:
            os.kill(pid, number)
    assert s.wait() == 0, s.everything()


# -- K-08: nobody reads what it prints

WRITER = f"""
import os, signal, time
worst = 0
for n in range({PIPE_LINES}):
    began = time.monotonic()
    os.write(1, b"%d %s\\n" % (n, b"x" * 90))
    worst = max(worst, time.monotonic() - began)
open("tmp", "w").write(str(worst))
os.rename("tmp", "done")
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
signal.pause()
"""
# Whoever reads late is waited for as long as the stop may last.
TALKER = 'control = "control"\nshutdown-timeout = "1s"\n' + daemon("a") + process("p", python(WRITER))


class Pipe:
    def __init__(self):
        self.reader, self.writer = os.pipe()
        fcntl.fcntl(self.writer, fcntl.F_SETPIPE_SZ, 4096)

    def close(self, *names):
        for name in names or ("reader", "writer"):
            if getattr(self, name) is not None:
                os.close(getattr(self, name))
            setattr(self, name, None)


@pytest.fixture
def pipe():
    made = Pipe()
    yield made
    made.close()


def not_held_up(s):
    assert float(s.wait_file("done").read_text()) < 2
    assert re.search(r"\bup\b", status(s)["p"]), s.everything()


def accounted(text):
    """The numbers of the lines that are there; all others have to be counted as dropped."""
    shown = [int(n) for n in re.findall(r"^\S+ p: (\d+) x{90}$", text, re.M)]
    dropped = sum(int(n) for n in re.findall(r" WARN p: (\d+) lines? dropped", text))
    assert shown == sorted(set(shown))
    assert len(shown) + dropped == PIPE_LINES, (len(shown), dropped)
    return shown


def test_k08_a_full_pipe_holds_nobody_up(start, pipe):
    s = start(TALKER, stdout=pipe.writer)
    not_held_up(s)
    s.wait_pid("a")
    took = Watch()
    assert s.stop() == 0, s.everything()
    assert took.s() < 1 + SLACK_S
    assert s.results() == story("a")


def test_k08_what_a_full_pipe_costs_is_counted(start, pipe):
    s = start(TALKER, stdout=pipe.writer)
    pipe.close("writer")
    not_held_up(s)
    late = supervise.Stream(os.fdopen(os.dup(pipe.reader), "rb"))
    assert s.stop() == 0, s.everything()
    late.finish()
    shown = accounted(late.text())
    # The megabyte of each process was used before anything was dropped.
    assert len(shown) < PIPE_LINES
    assert shown[: len(shown) // 2] == list(range(len(shown) // 2)) and len(shown) * 100 > 512 << 10


@pytest.mark.parametrize("how", ["EPIPE", "no-descriptor"])
def test_k08_a_closed_output_holds_nobody_up(start, pipe, how):
    wrapper = ("sh", "-c", 'exec "$@" >&-', "sh") if how == "no-descriptor" else ()
    s = start(TALKER, wrapper=wrapper, stdout=pipe.writer)
    pipe.close("reader")
    not_held_up(s)
    s.wait_pid("a")
    assert s.stop() == 0, s.everything()
    assert s.results() == story("a")


def test_k08_a_slow_reader_holds_nobody_up(start):
    s = start(TALKER.replace('"1s"', '"15s"'), slow=True)
    not_held_up(s)
    assert s.stop() == 0, s.everything()
    accounted(s.out.text())


# -- K-09: what a process may write


@only_pid1
def test_k09_a_gigabyte_without_a_newline_costs_no_memory(start):
    size = (1 << 30) >> (4 if SANITIZER_KIB else 0)
    with open(os.devnull, "wb") as nowhere:
        s = start(
            process("p", sh(f"./await.sh go; head -c {size} /dev/zero | tr '\\0' x; echo > done; exec sleep 300")),
            stdout=nowhere.fileno(),
        )
        pid = s.pid()
        before = kib(pid, "VmRSS")
        (s.folder / "go").touch()
        wait_until(lambda: (s.folder / "done").exists(), "a gigabyte to pass", 60)
        assert kib(pid, "VmHWM") - before < (2 << 10) + SANITIZER_KIB, (before, status_of(pid))
        assert s.stop() == 0, s.everything()


@only_pid1
def test_k09_a_full_pipe_costs_a_megabyte_for_each_process(start, pipe):
    s = start(TALKER, stdout=pipe.writer)
    pid = s.pid()
    before = kib(pid, "VmRSS")
    not_held_up(s)
    assert kib(pid, "VmHWM") - before < (3 << 10) + SANITIZER_KIB, (before, status_of(pid))
    assert s.stop() == 0, s.everything()


def test_k09_lines_are_cut_and_what_is_no_text_is_escaped(start):
    s = start(process("p", python("""
import os
os.write(1, b"x" * 20000 + b"\\n")
os.write(1, b"nul \\0 half \\xc3 bell \\a red \\x1b[31m c1 \\xc2\\x9b back\\rslash\\n")
os.write(2, bytes(range(256)))
""")))
    assert s.wait() == 0, s.everything()
    assert s.output("p") == [
        "x" * 8192, "x" * 8192, "x" * (20000 - 2 * 8192),
        "nul \\x00 half \\xc3 bell \\x07 red \\x1b[31m c1 \\xc2\\x9b back\\x0dslash",
    ]
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", s.out.data)
    s.out.data.decode()
