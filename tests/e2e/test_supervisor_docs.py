"""docs/supervisor.md does what it says: each of its configurations is run by the real program.

A ```toml block is a file groundcontrol.toml. It is checked, then started in a fresh folder; the
```text and ```console blocks up to the next one are what comes of it. A text block holds lines of
groundcontrol's output without their time, in this order; `…` is for anything, and others may come
between. A line `groundcontrol: got SIGTERM, …` has the test send that signal first. A console block
is typed at another terminal, in the folder, with $PID for groundcontrol's; what stands below a
command is all that it prints. What has not ended by then is stopped. An exit status other than 0 is
shown by `echo $?`."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tomllib
from pathlib import Path

import pytest

import supervise
from guppy import ROOT, binary
from supervise import CONFIG, STAMP

PAGE = ROOT / "docs/supervisor.md"
STATES = ROOT / "docs/internals/supervisor.md"
SOURCES = ROOT / "src/supervisor"
FENCE = re.compile(r"^```(toml|text|console)\n(.*?)^```$", re.M | re.S)
HEADING = re.compile(r"^#+ (.*)$", re.M)
COMMAND_S = 20

# Which of conf's tables of keys stands in which file.
LEVELS = {"top": "conf.c", "process": "conf_process.c", "command": "conf_command.c", "probe": "conf_probe.c"}
COMMANDS = ("pre", "run", "stop", "post")


class Scenario:
    """A configuration, and what the page says will come of it."""

    def __init__(self, title, line, toml):
        self.title, self.line, self.toml = title, line, toml
        self.steps = []

    def needs_root(self):
        return re.search(r"\b(user|groups|capabilities) = ", self.toml) is not None


def scenarios():
    page = PAGE.read_text()
    found = []
    for fence in FENCE.finditer(page):
        kind, text = fence.groups()
        if kind == "toml":
            title = HEADING.findall(page, 0, fence.start())[-1].strip("`")
            found.append(Scenario(title, page.count("\n", 0, fence.start()) + 1, text))
        else:
            found[-1].steps.append((kind, text.splitlines()))
    return found


SCENARIOS = scenarios()


@pytest.fixture
def start(tmp_path):
    yield from supervise.factory(tmp_path)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


def pattern(line):
    return re.compile(".*".join(re.escape(part) for part in line.split("…")))


class Play:
    """One scenario, acted out."""

    def __init__(self, start, tmp_path, scenario):
        self.swaps = {"8080": free_port(), "/run/": f"{tmp_path}/run/", "/srv/app": f"{tmp_path}/srv"}
        (tmp_path / "run").mkdir()
        (tmp_path / "srv").mkdir()
        (tmp_path / "run/db-password").write_text("hunter2\n")
        self.bin = tmp_path / "bin"
        self.bin.mkdir()
        (self.bin / "groundcontrol").symlink_to(supervise.binary())
        self.scenario = scenario
        self.toml = self.local(scenario.toml)
        self.path = {"PATH": f"{self.bin}:{os.environ['PATH']}"}
        self.start = start
        self.seen = 0
        self.status = 0

    def local(self, text):
        for shown, real in self.swaps.items():
            text = text.replace(shown, real)
        return text

    def check(self, folder):
        (folder / CONFIG).write_text(self.toml)
        for options in ([], ["--strict"]):
            done = subprocess.run(
                [supervise.binary(), "--check", *options, CONFIG], cwd=folder, capture_output=True, text=True
            )
            assert done.returncode == 0 and not done.stderr, done.stderr

    def find(self, wanted):
        for at in range(self.seen, len(self.s.raw_lines())):
            raw = self.s.raw_lines()[at]
            if wanted.fullmatch(raw) or wanted.fullmatch(STAMP.sub("", raw, count=1)):
                return at
        return None

    def expect(self, line):
        wanted = pattern(self.local(line))
        held = self.s.out.wait(lambda: self.find(wanted) is not None)
        assert held, f"line {self.scenario.line}: nowhere behind line {self.seen}: {line}\n{self.s.everything()}"
        self.seen = self.find(wanted) + 1

    def text(self, lines):
        for line in lines:
            if line == "…":
                continue
            got = re.search(r"groundcontrol: got (SIG\w+),", line)
            if got:
                self.s.send(getattr(signal, got[1]))
            self.expect(line)

    def command(self, command, wanted):
        if command == "echo $?" and self.status is None:
            self.status = self.s.wait()
        environment = {**os.environ, **self.path, "PID": str(self.s.process.pid)}
        done = subprocess.run(
            ["sh", "-c", f"(exit {self.status or 0}); {self.local(command)}"], cwd=self.s.folder, env=environment,
            capture_output=True, text=True, timeout=COMMAND_S,
        )
        self.status = done.returncode
        got = (done.stdout + done.stderr).splitlines()
        same = len(got) == len(wanted) and all(pattern(self.local(w)).fullmatch(g) for w, g in zip(wanted, got))
        assert same, f"{command} prints {got}, not {wanted}\n{self.s.everything()}"

    def console(self, lines):
        assert lines[0].startswith("$ ")
        commands = []
        for line in lines:
            if line.startswith("$ "):
                commands.append((line[2:], []))
            else:
                commands[-1][1].append(line)
        for command, wanted in commands:
            self.command(command, wanted)

    def run(self):
        self.s = self.start(self.toml, env=self.path)
        self.status = None
        for kind, lines in self.scenario.steps:
            (self.text if kind == "text" else self.console)(lines)
        if self.s.code is None:
            if not self.ends_by_itself():
                self.s.send(signal.SIGTERM)
            assert self.s.wait() == 0, f"the page shows no exit status\n{self.s.everything()}"

    def ends_by_itself(self):
        """The last line of all was seen, or it is on its way out."""
        return any("shutting down" in line or "start aborted" in line for line in self.s.lines())


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[f"{s.line}-{s.title}" for s in SCENARIOS])
def test_an_example_does_what_the_page_says(start, tmp_path, scenario):
    assert any(kind == "text" for kind, _ in scenario.steps), f"line {scenario.line}: says not what it does"
    play = Play(start, tmp_path, scenario)
    if scenario.needs_root() and os.geteuid() != 0:
        pytest.skip("only root changes users, groups and capabilities")
    play.check(tmp_path)
    play.run()


# -- every key


def known(level):
    """As the loader's own table has them."""
    text = (SOURCES / LEVELS[level]).read_text()
    table = re.search(r"conf_key keys\[\] = \{(.*?)^\};", text, re.M | re.S)
    return set(re.findall(r'\{ "([\w-]+)", set_\w+ \}', table[1]))


def shown():
    found = {level: set() for level in LEVELS}

    def command(value):
        if isinstance(value, dict):
            found["command"] |= set(value)

    for scenario in SCENARIOS:
        top = tomllib.loads(scenario.toml)
        found["top"] |= set(top)
        for process in top["processes"]:
            found["process"] |= set(process)
            for key in COMMANDS:
                command(process.get(key))
            for key in ("ready", "live"):
                probe = process.get(key, {})
                found["probe"] |= set(probe)
                command(probe.get("exec"))
    return found


@pytest.mark.parametrize("level", LEVELS)
def test_every_key_has_an_example(level):
    assert len(known(level)) >= 3
    assert shown()[level] >= known(level), known(level) - shown()[level]


@pytest.mark.parametrize("level", LEVELS)
def test_every_key_is_told_of(level):
    page = PAGE.read_text()
    told = set(re.findall(r"^(?:### |\| )`([\w-]+)`", page, re.M))
    assert told >= known(level), known(level) - told


def test_links_within_the_page_lead_somewhere():
    page = PAGE.read_text()
    outside = re.sub(r"^```.*?^```$", "", page, flags=re.M | re.S)
    anchors = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in HEADING.findall(outside)}
    wanted = set(re.findall(r"\]\(#([^)]*)\)", outside))
    assert wanted <= anchors, wanted - anchors


# -- the states


def test_the_page_of_states_is_printed_from_the_table():
    program = os.environ.get("STATE_TABLE") or Path(binary()).parent / "tests/state_table"
    assert shutil.which(program), f"{program} is not built; name it in STATE_TABLE"
    printed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    assert STATES.read_text() == printed, f"the page is old: {program} > docs/internals/supervisor.md"
