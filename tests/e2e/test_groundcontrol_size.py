"""The release build of the supervisor as an image gets it: one static file, small, that needs nothing
beside it. GROUNDCONTROL_RELEASE names it; else it is build/groundcontrol."""

import os
import shutil
import signal
import struct
import subprocess
from pathlib import Path

import pytest

from guppy import ROOT, clean_environment
from supervise import DEADLINE_S, Stream, children, own_signals, shell, status_of

PROGRAM = Path(os.environ.get("GROUNDCONTROL_RELEASE") or ROOT / "build" / "groundcontrol")
PT_DYNAMIC, PT_INTERP, DT_NULL, DT_NEEDED = 2, 3, 0, 1
PROCESSES = 10
USER, UID, GID = "astronaut", 54321, 54322

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="there is no release build of groundcontrol")


class Running:
    """The command, with what it prints kept."""

    def __init__(self, *command):
        self.process = subprocess.Popen(
            [str(c) for c in command], env=clean_environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=own_signals,
        )
        self.out = Stream(self.process.stdout)

    def wait_lines(self, text, count=1):
        assert self.out.wait(lambda: self.out.text().count(text) >= count), self.out.text()

    def wait(self):
        code = self.process.wait(DEADLINE_S)
        self.out.finish()
        return code

    def finish(self):
        """After a failure: asked kindly, it takes its processes along."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.wait()


@pytest.fixture
def run():
    started = []

    def start(*command):
        started.append(Running(*command))
        return started[-1]

    yield start
    for running in started:
        running.finish()


def segments(elf):
    """(type, content, byte order for struct) of each program header of a 64-bit ELF file."""
    assert elf[:5] == b"\x7fELF\x02"
    order = "<" if elf[5] == 1 else ">"
    (at,) = struct.unpack_from(order + "Q", elf, 32)
    size, count = struct.unpack_from(order + "HH", elf, 54)
    for i in range(count):
        kind, _flags, offset, _, _, length = struct.unpack_from(order + "IIQQQQ", elf, at + i * size)
        yield kind, elf[offset : offset + length], order


def test_it_is_static():
    kinds = {kind: (data, order) for kind, data, order in segments(PROGRAM.read_bytes())}
    assert PT_INTERP not in kinds
    data, order = kinds.get(PT_DYNAMIC, (b"", "<"))  # a static PIE has one, to relocate itself
    tags = [tag for tag, _ in struct.iter_unpack(order + "QQ", data)]
    assert DT_NEEDED not in tags


def test_it_is_small():
    assert PROGRAM.stat().st_size <= 2_500_000


def test_it_needs_little_memory(run, tmp_path):
    config = tmp_path / "groundcontrol.toml"
    config.write_text("".join(
        f'[[processes]]\nname = "p{i}"\nrun = {shell("echo is here; exec sleep 300")}\n' for i in range(PROCESSES)))
    s = run(PROGRAM, config)
    s.wait_lines("is here", PROCESSES)
    kib = int(status_of(s.process.pid)["RssAnon"].split()[0])
    assert kib <= 2048, f"{kib} KiB"
    s.process.terminate()
    assert s.wait() == 0, s.out.text()


@pytest.fixture
def image(tmp_path):
    """A root with the program, a user and nothing else: no /proc, no /dev, no shell."""
    if os.geteuid() != 0:
        pytest.skip("only root changes its root")
    root = tmp_path / "image"
    (root / "etc").mkdir(parents=True)
    for folder in (tmp_path, root, root / "etc"):
        folder.chmod(0o755)
    shutil.copy(PROGRAM, root / "groundcontrol")
    (root / "groundcontrol").chmod(0o755)
    (root / "etc" / "passwd").write_text(f"root:x:0:0::/:\n{USER}:x:{UID}:{GID}::/:\n")
    return root


def test_it_runs_in_an_image_with_nothing_else_in_it(run, image):
    # The program is its own helper: it prints its version, and with BREAK_GLASS waits for a signal.
    (image / "groundcontrol.toml").write_text(f"""
[[processes]]
name = "before"
pre = "/groundcontrol --version"

[[processes]]
name = "daemon"
run = {{ command = "/groundcontrol /groundcontrol.toml", user = "{USER}", only-env = ["BREAK_GLASS"] }}
env = {{ BREAK_GLASS = "1" }}
""")
    s = run("unshare", "--pid", "--fork", "--kill-child", f"--root={image}", "/groundcontrol", "/groundcontrol.toml")
    s.wait_lines("before[pre]: groundcontrol ")
    s.wait_lines("BREAK_GLASS is set")
    (supervisor,) = children(s.process.pid)
    (daemon,) = children(supervisor)
    assert status_of(daemon)["Uid"].split() == [str(UID)] * 4
    assert status_of(daemon)["Gid"].split() == [str(GID)] * 4
    os.kill(supervisor, signal.SIGTERM)
    assert s.wait() == 0, s.out.text()
