"""What the parts share: folders, processes that end with us, samples, and results as tables."""
import atexit
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
TOOLS = BUILD / "bench"
SERVER = pathlib.Path(os.environ.get("SUPERGUPPY", BUILD / "superguppy"))
# Durable writes are measured here, so it has to be a real disk; what takes long to make is kept.
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", "/var/tmp")) / "superguppy-bench"
TICKS = os.sysconf("SC_CLK_TCK")

_running = []
_folders = []


@atexit.register
def _clean():
    for process in list(_running):
        stop(process)
    for folder in _folders:
        shutil.rmtree(folder, ignore_errors=True)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def say(text):
    print(text, file=sys.stderr, flush=True)


def memory_folder():
    """A new folder on tmpfs: caches, projects, logs and static files cost no disk there."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="superguppy-bench-", dir="/dev/shm"))
    folder.chmod(0o755)
    _folders.append(folder)
    return folder


def disk_folder():
    CACHE.mkdir(parents=True, exist_ok=True)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=CACHE))
    _folders.append(folder)
    return folder


def start(command, log, **options):
    process = subprocess.Popen(
        [str(c) for c in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, **options)
    _running.append(process)
    return process


def stop(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    if process in _running:
        _running.remove(process)


def output(command, **options):
    return subprocess.run([str(c) for c in command], check=True, stdout=subprocess.PIPE, text=True,
                          **options).stdout


def wait_for(what, test, seconds=20):
    """For programs of others that do not say when they are ready."""
    end = time.monotonic() + seconds
    while not test():
        if time.monotonic() > end:
            sys.exit(f"bench: {what} did not come")
        time.sleep(0.02)


def tree(pid):
    """The process and all below it."""
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = pathlib.Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
    found = [pid]
    for p in found:
        found += parents.get(p, [])
    return found


def cpu_seconds(pids):
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def memory_mib(pid, field="VmRSS"):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(field)


median = statistics.median


def spread(values, digits):
    """Median, least and most."""
    if not values:
        return "–"
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"

# Taken before the first run: the tree may move on while the runs go.
COMMIT = output(["git", "-C", ROOT, "describe", "--always", "--dirty"]).strip()


class Result:
    """One part of docs/benchmarks.md: text, tables, and the bars it holds the server to."""

    def __init__(self, title):
        self.data = {"title": title, "text": [], "tables": [], "bars": [], "commit": COMMIT}

    def text(self, paragraph):
        self.data["text"].append(paragraph)

    def table(self, head, rows):
        self.data["tables"].append({"head": head, "rows": rows})

    def bar(self, what, bar, value, met):
        self.data["bars"].append({"what": what, "bar": bar, "value": value, "met": bool(met)})
        say(f"  {'met   ' if met else 'MISSED'} {what}: {value} (bar: {bar})")

    def save(self, name, command):
        self.data["command"] = command
        self.data["when"] = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
        self.data["load"] = os.getloadavg()[2]
        (TOOLS / f"{name}.json").write_text(json.dumps(self.data, indent=1))
