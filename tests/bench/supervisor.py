"""groundcontrol beside Debian's tini, supervisor and s6, each as PID 1 of a namespace of its own, with
the same small program below it: how fast they stop, whether they reap, what they do when idle."""
import atexit
import os
import pathlib
import select
import signal
import sys
import time

import common

PROGRAM = pathlib.Path(os.environ.get("GROUNDCONTROL", common.BUILD / "groundcontrol"))
HELPER = common.TOOLS / "supervised"

STOPS = 21  # at least, however few rounds
STOP_BAR_MS = 20  # more than tini
ORPHANS = 20_000
GRACE_S = 0.2  # from the last fork to the count of zombies
SETTLE_S = 2  # supervisord calls a program running after one second
IDLE_S = 10
PROCESSES = 10
LINES = 2_000_000  # of 100 bytes
MB = LINES * 100 / 1e6
SIZE_BAR_MB = 2.5
MEMORY_BAR_MIB = 2
LIMIT_S = 120

_inits = set()


@atexit.register
def _clean():
    for pid in list(_inits):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Says:
    """A FIFO on which the helpers say their lines; held open, so that it never ends."""

    def __init__(self, path):
        self.path, self.go = path, f"{path}.go"
        os.mkfifo(path)
        os.mkfifo(self.go)
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.data = b""

    def line(self, init):
        """The two numbers of a line: how many, how long."""
        poll = select.poll()
        poll.register(self.fd, select.POLLIN)
        poll.register(init.pidfd, select.POLLIN)
        while b"\n" not in self.data:
            ready = poll.poll(LIMIT_S * 1000)
            if not ready:
                sys.exit(f"bench: {init.name}: nothing in {LIMIT_S} s:\n{init.log()}")
            if ready[0][0] == init.pidfd:
                sys.exit(f"bench: {init.name} ended:\n{init.log()}")
            self.data += os.read(self.fd, 4096)
        line, _, self.data = self.data.partition(b"\n")
        return [int(n) for n in line.split()]


# ---------------------------------------------------------------------- how each is told what to run


def _groundcontrol(folder, commands):
    text = "".join(f'[[processes]]\nname = "child-{i}"\nrun = {[str(w) for w in c]}\n\n'
                   for i, c in enumerate(commands))
    (folder / "groundcontrol.toml").write_text(text)
    return [PROGRAM, folder / "groundcontrol.toml"]


def _tini(_folder, commands):
    # It has one child alone; more of them are no more work for it.
    return ["tini", "--", *commands[0]]


def _supervisord(folder, commands):
    # What images do: no log of its own, the program's output on that of the supervisor.
    text = (f"[supervisord]\nnodaemon=true\nuser=root\nlogfile=/dev/null\nlogfile_maxbytes=0\n"
            f"pidfile={folder}/supervisord.pid\n")
    for i, command in enumerate(commands):
        text += (f"\n[program:child-{i}]\ncommand={' '.join(str(w) for w in command)}\nautorestart=false\n"
                 f"redirect_stderr=true\nstdout_logfile=/dev/fd/1\nstdout_logfile_maxbytes=0\n")
    (folder / "supervisord.conf").write_text(text)
    return ["supervisord", "-c", folder / "supervisord.conf"]


def _s6(folder, commands):
    for i, command in enumerate(commands):
        service = folder / "scan" / f"child-{i}"
        service.mkdir(parents=True)
        (service / "run").write_text("#!/bin/sh\nexec " + " ".join(str(w) for w in command) + "\n")
        (service / "run").chmod(0o755)
    return ["s6-svscan", folder / "scan"]


PROGRAMS = {"ours": _groundcontrol, "tini": _tini, "supervisord": _supervisord, "s6": _s6}
NAMES = tuple(PROGRAMS)
PIPING = ("ours", "supervisord")  # the others hand their own output on to the child


# ------------------------------------------------------------------------------- one of them, running


class Init:
    """PID 1 of a namespace, with all of its children running. out: where its output goes."""

    def __init__(self, work, name, mode, *args, count=1, out=None):
        self.name = name
        self.folder = work / f"{name}-{time.monotonic_ns()}"
        self.folder.mkdir()
        self.says = Says(self.folder / "says")
        command = PROGRAMS[name](self.folder, [[HELPER, mode, self.says.path, *args]] * count)
        with open(self.folder / "log", "ab") as log:
            self.outer = common.start(["unshare", "-pf", "--mount-proc", *command], out or log, cwd=self.folder)
        self.pid = self._inner()
        _inits.add(self.pid)
        self.pidfd = os.pidfd_open(self.pid)
        for _ in range(1 if name == "tini" else count):
            self.says.line(self)
        self.pids = self._own()

    def _inner(self):
        children = pathlib.Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children")

        def there():
            if self.outer.poll() is not None:
                sys.exit(f"bench: {self.name} did not start:\n{self.log()}")
            return children.read_text()

        common.wait_for(f"PID 1 of {self.name}", there)
        return int(children.read_text())

    def log(self):
        return (self.folder / "log").read_text(errors="replace")[-2000:]

    def go(self):
        os.close(os.open(self.says.go, os.O_WRONLY))

    def _own(self):
        """The supervisor itself; s6 has a process for each service, the others have but one."""
        return [p for p in common.tree(self.pid)
                if p == self.pid or pathlib.Path(f"/proc/{p}/comm").read_text() == "s6-supervise\n"]

    def cpu(self):
        """Seconds so far; /proc/PID/stat would count them in hundredths."""
        return sum(int(pathlib.Path(f"/proc/{p}/schedstat").read_text().split()[0]) for p in self.pids) / 1e9

    def wakeups(self):
        total = 0
        for pid in self.pids:
            for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
                text = status.read_text()
                total += int(text.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
        return total

    def zombies(self):
        found = 0
        for stat in pathlib.Path(f"/proc/{self.pid}/root/proc").glob("[0-9]*/stat"):
            try:
                found += stat.read_text().rpartition(")")[2].split()[0] == "Z"
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    def stop(self):
        """Seconds from SIGTERM to the end of PID 1, which is that of all in the namespace."""
        poll = select.poll()
        poll.register(self.pidfd, select.POLLIN)
        begin = time.perf_counter()
        signal.pidfd_send_signal(self.pidfd, signal.SIGTERM)
        if not poll.poll(LIMIT_S * 1000):
            sys.exit(f"bench: {self.name} did not stop in {LIMIT_S} s:\n{self.log()}")
        took = time.perf_counter() - begin
        _inits.discard(self.pid)
        common.stop(self.outer)
        os.close(self.pidfd)
        os.close(self.says.fd)
        return took


# ------------------------------------------------------------------------------------------ the parts


def turns(names, rounds):
    """Who goes first changes from round to round."""
    for i in range(rounds):
        yield from names[i % len(names):] + names[:i % len(names)]


def stops(result, work, rounds):
    took = {}
    for name in turns(NAMES, rounds):
        took.setdefault((name, 1), []).append(Init(work, name, "wait").stop() * 1000)
    many = tuple(n for n in NAMES if n != "tini")
    for name in turns(many, max(3, rounds // 7)):
        took.setdefault((name, PROCESSES), []).append(Init(work, name, "wait", count=PROCESSES).stop() * 1000)
    for (name, count), values in took.items():
        common.say(f"  stop, {count} below: {name} {common.spread(values, 2)} ms, n {len(values)}")
    more = common.median(took["ours", 1]) - common.median(took["tini", 1])
    result.bar("supervisor: stop, against tini", f"≤ +{STOP_BAR_MS} ms", f"{more:+.1f} ms", more <= STOP_BAR_MS)
    return [[f"stop with {count} below, ms",
             *[common.spread(took.get((name, count), []), 2) for name in NAMES]] for count in (1, PROCESSES)]


def orphans(result, work):
    rows = [[f"zombies of {ORPHANS:,} orphans"], ["CPU an orphan, µs"], ["seconds to make them"]]
    left = {}
    for name in NAMES:
        init = Init(work, name, "orphans", ORPHANS)
        before = init.cpu()
        init.go()
        _, took = init.says.line(init)
        time.sleep(GRACE_S)
        left[name] = init.zombies()
        cpu = (init.cpu() - before) / ORPHANS * 1e6
        init.stop()
        common.say(f"  orphans: {name} leaves {left[name]} zombies, {cpu:.2f} µs each, {took / 1e9:.2f} s")
        for row, cell in zip(rows, (str(left[name]), f"{cpu:.2f}", f"{took / 1e9:.2f}")):
            row.append(cell)
    result.bar(f"supervisor: zombies after {ORPHANS:,} orphans", "0", str(left["ours"]), left["ours"] == 0)
    return rows


def idle(result, work):
    """All at once: who sleeps is in nobody's way."""
    inits = [Init(work, name, "wait", count=PROCESSES) for name in NAMES]
    time.sleep(SETTLE_S)
    before = [(i.wakeups(), i.cpu()) for i in inits]
    time.sleep(IDLE_S)
    after = [(i.wakeups(), i.cpu()) for i in inits]
    memory = [[sum(common.memory_mib(p, field) for p in i.pids) for field in ("VmRSS", "RssAnon")] for i in inits]
    counts = [len(i.pids) for i in inits]
    for init in inits:
        init.stop()
    woken = [a[0] - b[0] for a, b in zip(after, before)]
    cpu = [(a[1] - b[1]) * 1000 for a, b in zip(after, before)]
    for name, w, c, (rss, anon) in zip(NAMES, woken, cpu, memory):
        common.say(f"  idle: {name} woke up {w} times, {c:.2f} ms of CPU, {rss:.2f} MiB resident, {anon:.2f} anonymous")
    ours = NAMES.index("ours")
    result.bar(f"supervisor: wake-ups in {IDLE_S} idle seconds", "0", str(woken[ours]), woken[ours] == 0)
    result.bar(f"supervisor: memory with {PROCESSES} processes", f"≤ {MEMORY_BAR_MIB} MiB",
               f"{memory[ours][0]:.2f} MiB", memory[ours][0] <= MEMORY_BAR_MIB)
    return [[f"wake-ups in {IDLE_S} idle seconds", *map(str, woken)], ["CPU of them, ms", *[f"{c:.2f}" for c in cpu]],
            ["processes of its own", *map(str, counts)],
            ["resident, MiB", *[f"{rss:.2f}" for rss, _ in memory]],
            ["of it anonymous, MiB", *[f"{anon:.2f}" for _, anon in memory]]]


def piped(work, name):
    """(MB a second, µs of CPU a MB, lines lost) of what a child writes through it."""
    says = Says(work / f"drained-{time.monotonic_ns()}")
    readable, writable = os.pipe()
    drain = common.start([HELPER, "drain", says.path], None, preexec_fn=lambda: os.dup2(readable, 0))
    os.close(readable)
    init = Init(work, name, "lines", LINES, out=writable)
    os.close(writable)
    before = init.cpu()
    init.go()
    init.says.line(init)
    seen, took = says.line(init)
    cpu = init.cpu() - before
    init.stop()
    common.stop(drain)
    os.close(says.fd)
    return seen * 100 / 1e6 / (took / 1e9), cpu / MB * 1e6, LINES - seen


def output(work, rounds):
    samples = {}
    for name in turns(PIPING, rounds):
        samples.setdefault(name, []).append(piped(work, name))
        speed, cpu, lost = samples[name][-1]
        common.say(f"  output: {name} {speed:.0f} MB/s, {cpu:.0f} µs of CPU a MB, {lost} lines lost")

    def row(title, i, digits):
        return [title, *[common.spread([s[i] for s in samples.get(name, [])], digits) for name in NAMES]]

    return [row("output, MB/s", 0, 0), row("CPU a MB of output, µs", 1, 0), row("lines lost", 2, 0)]


def size(result):
    mb = PROGRAM.stat().st_size / 1e6
    result.bar("supervisor: size of the program", f"≤ {SIZE_BAR_MB} MB", f"{mb:.2f} MB", mb <= SIZE_BAR_MB)


def run(options):
    if os.geteuid() != 0:
        sys.exit("bench: supervisor: only root makes PID namespaces; run it as root")
    work = common.memory_folder()
    rounds = max(STOPS, options.rounds)
    result = common.Result("Supervisor")
    result.text(
        "Each is PID 1 of `unshare -pf --mount-proc`, and below it is the same small program, which SIGTERM ends at "
        "once; tini, which has one child only, has one in every row. Stop: from SIGTERM to the end of PID 1, "
        f"median (least–most) of {rounds} (with {PROCESSES} below: {max(3, rounds // 7)}); they take turns. Orphans: "
        f"a child forks twice, {ORPHANS:,} times; zombies are counted {GRACE_S * 1000:.0f} ms after the last, and CPU "
        "up to then. Idle: with "
        f"{PROCESSES} below (all of them at once), voluntary context switches; it, CPU and memory are summed over a "
        "supervisor's own processes (s6 has one for each service), so that pages which they share count for each. "
        f"Output: {LINES:,} lines of 100 bytes that a child writes as fast as it can, to a reader that only "
        "counts them; ours puts time and name before each, supervisord copies bytes; tini and s6 hand their own "
        "output on.")
    rows = stops(result, work, rounds) + orphans(result, work) + idle(result, work) + output(work, 3)
    size(result)
    result.table(["", *NAMES], rows)
    return result
