"""The system fails under the server: calls that kill or refuse (strace injects them), a full disk,
no descriptors. What was answered 200 is there afterwards, and what was not can be published again.
The release build: a sanitizer would be traced along, call by call."""

import functools
import os
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import raw
from guppy import OPEN, Guppy, wait_for
from test_crash import check_ledger, in_threads

SYNCS = "fsync,fdatasync"
RENAMES = "rename,renameat2"
NONE_FREE = 8  # descriptors below it are taken for good at the start


@functools.cache
def why_no_strace():
    if not shutil.which("strace"):
        return "strace is not installed"
    run = subprocess.run(["strace", "-f", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    return "" if run.returncode == 0 else f"strace may not trace here: {run.stderr.strip()}"


@pytest.fixture
def traced(new_guppy):
    if reason := why_no_strace():
        pytest.skip(reason)
    return functools.partial(new_guppy, kind="release", listen=OPEN)


class Tracer:
    """strace on a running server. calls: those that fail as `how` says."""

    def __init__(self, guppy, calls, how):
        self.log = guppy.folder / "strace"
        self.log.unlink(missing_ok=True)
        self.pid = guppy.process.pid
        self.process = subprocess.Popen(
            ["strace", "-f", "-qq", "-o", self.log, "-e", f"trace={calls}", "-e", f"inject={calls}:{how}", "-p", str(self.pid)],
            stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def is_on(self):
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return all("TracerPid:\t0\n" not in (t / "status").read_text() for t in tasks)

    def __enter__(self):
        wait_for(self.is_on)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(2)
        except subprocess.TimeoutExpired:
            # strace 6.1 may wait for good for a thread of a process that it has killed.
            self.process.kill()
            self.process.wait()

    def injected(self):
        return "INJECTED" in self.log.read_text() or "SIGKILL" in self.log.read_text()


class Publishing:
    """Two publishers, a few versions each. ledger: answered 200; open: without an answer or refused."""

    def __init__(self, guppy, token, versions=4):
        self.guppy, self.token, self.versions = guppy, token, versions
        self.ledger, self.open, self.refused = {}, {}, []
        in_threads([lambda: self.run("one"), lambda: self.run("two")])

    def run(self, name):
        for i in range(self.versions):
            key = (name, f"0.{i}.0")
            self.open[key] = raw.crate(*key, files={"noise": os.urandom(100 if i % 2 else 150_000)}, level=1)
            try:
                answer = raw.publish(self.guppy.url, self.token, *key, self.open[key])
            except (OSError, EOFError):
                return
            if answer.status == 200:
                self.ledger[key] = raw.sha256(self.open.pop(key))
            else:
                assert answer.detail()
                self.refused.append(answer.status)

    def check(self):
        """On a server that is well again."""
        check_ledger(self.guppy, self.ledger)
        for (name, vers), archive in self.open.items():
            found = [line for line in raw.lines(self.guppy.url, name) if line["vers"] == vers]
            if found:
                assert found[0]["cksum"] == raw.sha256(archive)
            else:
                assert raw.publish(self.guppy.url, self.token, name, vers).status == 200, f"{name} {vers} is stuck"
        self.guppy.stop()
        self.guppy.cli("rebuild-index", "--check")
        assert self.guppy.temporaries() == []


@pytest.mark.parametrize("calls", [SYNCS, RENAMES, "sendmsg"])
def test_a_kill_at_any_call_loses_nothing_acknowledged(traced, calls):
    """D-02: the Nth such call of a thread kills the server, for each N until none comes so far."""
    for n in range(1, 40):
        guppy = traced()
        token = guppy.token()
        with Tracer(guppy, calls, f"signal=KILL:when={n}") as tracer:
            work = Publishing(guppy, token)
        reached = tracer.injected()
        if guppy.running() and not reached:
            guppy.stop()
        else:
            guppy.kill9()
        guppy.start()
        work.check()
        if not reached:
            assert n > 1
            return
    raise AssertionError(f"{calls}: reached {n} times a thread")


@pytest.mark.parametrize(
    ("calls", "how", "statuses", "read_only"),
    [
        (SYNCS, "error=EIO:when=1", {500, 503}, None),
        (SYNCS, "error=EIO:when=2+", {500, 503}, True),
        ("fdatasync", "error=EIO:when=1+", {500, 503}, True),
        ("pwrite64", "error=EIO:when=1+", {500, 503}, True),
        ("pwrite64", "error=ENOSPC:when=1+", {507}, False),
        ("openat", "error=EMFILE:when=1+2", {503}, False),
        ("renameat2", "error=ENOSYS:when=1+", set(), False),
        ("pread64", "error=EINTR:when=1+5", set(), False),
        ("recvfrom", "error=EINTR:when=1+3", set(), False),
        ("sendmsg", "error=EINTR:when=1+3", set(), False),
    ],
)
def test_a_call_that_fails_is_answered_and_nothing_is_half_made(traced, calls, how, statuses, read_only):
    """D-05, D-08. read_only: so after the second failure, until a restart; reading goes on."""
    guppy = traced()
    token = guppy.token()
    with Tracer(guppy, calls, how) as tracer:
        work = Publishing(guppy, token, versions=3)
    assert tracer.injected() and guppy.running()
    assert set(work.refused) <= statuses and (not statuses) == (not work.refused), work.refused
    check_ledger(guppy, work.ledger)
    assert raw.get(guppy.url, "/index/config.json").status == 200
    ready = raw.get(guppy.url, "/readyz")
    assert ready.status == 200
    if read_only is not None:
        assert (b"read-only" in ready.body) == read_only, ready
        assert raw.publish(guppy.url, token, "later", "1.0.0").status == (503 if read_only else 200)
    guppy.stop()
    guppy.start()
    work.check()


def test_without_descriptors_it_waits_and_goes_on(new_guppy):
    """D-10: refusals say so, nothing spins, no disk failure is made of it."""
    guppy = new_guppy(kind="release")
    token = guppy.token()
    assert raw.publish(guppy.url, token, "before", "1.0.0").status == 200
    pid = guppy.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    kept = raw.Raw(guppy.url)
    assert kept.request("GET", "/healthz").status == 200
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (NONE_FREE, limits[1]))
    content = raw.body("starved", "1.0.0")
    answer = kept.request("PUT", "/api/v1/crates/new", {"Authorization": token}, content)
    assert answer.status == 503 and "descriptor" in answer.detail() and answer.header("retry-after")
    kept.close()
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    assert raw.put(guppy.url, token, content).status == 200
    assert raw.get(guppy.url, "/readyz").body == b"ready\n"


@pytest.fixture
def small_disk():
    """Mounts a tmpfs: small_disk("size=8m"). Root only."""
    folder = tempfile.mkdtemp(prefix="guppy-disk-")

    def mount(options):
        run = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False)
        if run.returncode:
            pytest.skip(f"no tmpfs may be mounted here: {run.stderr.decode().strip()}")
        return folder

    yield mount
    subprocess.run(["umount", folder], capture_output=True, check=False)
    os.rmdir(folder)


@pytest.mark.parametrize(("small", "large"), [("size=8m", "size=32m"), ("size=64m,nr_inodes=310", "size=64m,nr_inodes=900")])
def test_a_full_disk_is_507_and_over_once_there_is_room(small_disk, small, large):
    """D-06, D-07."""
    folder = small_disk(small)
    guppy = Guppy(folder, listen=OPEN)
    guppy.log_path = Path(tempfile.mkstemp(prefix="guppy-log-")[1])
    guppy.start()
    token = guppy.token()
    ledger, full = {}, None
    for i in range(400):
        archive = raw.crate("filler", f"0.{i}.0", files={"noise": os.urandom(120_000 if "inodes" not in small else 10)}, level=1)
        answer = raw.publish(guppy.url, token, "filler", f"0.{i}.0", archive)
        if answer.status != 200:
            full = answer
            break
        ledger["filler", f"0.{i}.0"] = raw.sha256(archive)
    assert full and full.status == 507 and "space" in full.detail(), full
    assert len(ledger) > 10 and len(guppy.blobs()) == len(ledger)
    check_ledger(guppy, ledger)
    subprocess.run(["mount", "-o", f"remount,{large}", folder], check=True)
    assert raw.publish(guppy.url, token, "filler", "9.0.0").status == 200
    guppy.stop()
    guppy.cli("rebuild-index", "--check")
    assert guppy.temporaries() == []
    guppy.start()
    check_ledger(guppy, ledger)
    guppy.finish()
    guppy.log_path.unlink()


def test_a_second_server_on_a_folder_is_refused_and_the_first_goes_on(new_guppy):
    """D-19."""
    guppy = new_guppy()
    token = guppy.token()
    run = guppy.cli("serve", "--listen", "http://127.0.0.1:0", check=False)
    assert run.returncode != 0 and "is in use by another superguppy" in run.stderr, run
    assert raw.publish(guppy.url, token, "first", "1.0.0").status == 200
