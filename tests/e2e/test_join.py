"""superguppy join, preflight and supervise as a user or an image runs them. `tailscale` is a script here that
keeps its words; tailscaled is the fake one. The real ones run in the image's own test."""

import os
import signal
import subprocess
import threading

import pytest

from fake_tailscaled import FakeTailscaled
from guppy import binary, clean_environment, wait_for

URL = "https://login.example.com/a/0123456789"

TAILSCALE = """#!/bin/sh
printf '%s\\n' "$*" >> "$FOLDER/words"
for word; do
    case $word in *=file:/proc/self/fd/*) cat "${word#*=file:}" >> "$FOLDER/secret" ;; esac
done
while [ -e "$FOLDER/wait" ]; do sleep 0.01; done
exit "$(cat "$FOLDER/code" 2>/dev/null || echo 0)"
"""


class Join:
    def __init__(self, tmp_path, env=None, arguments=()):
        self.folder = tmp_path
        programs = tmp_path / "bin"
        programs.mkdir(exist_ok=True)
        script = programs / "tailscale"
        script.write_text(TAILSCALE)
        script.chmod(0o755)
        more = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "FOLDER": str(tmp_path),
            "PRIVATE_REPO_HOSTNAME": "crates",
            "SUPERGUPPY_TAILSCALE__SOCKET": str(tmp_path / "ts/s"),
            **(env or {}),
        }
        command = [binary(), "join", "--every", "1", *arguments]
        self.process = subprocess.Popen(
            command, env=clean_environment(more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self.lines = []
        self.reader = threading.Thread(target=lambda: self.lines.extend(iter(self.process.stdout.readline, "")))
        self.reader.daemon = True
        self.reader.start()

    def said(self, text):
        return sum(text in line for line in self.lines)

    def wait_said(self, text, times=1):
        wait_for(lambda: self.said(text) >= times)

    def runs(self):
        words = self.folder / "words"
        return words.read_text().splitlines() if words.exists() else []

    def wait_runs(self, n):
        wait_for(lambda: len(self.runs()) >= n)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        self.reader.join(20)
        assert "Sanitizer" not in "".join(self.lines), "".join(self.lines)


@pytest.fixture
def node(tmp_path):
    fake = FakeTailscaled(tmp_path / "ts", state="NeedsLogin")
    fake.auth_url = URL
    fake.start()
    yield fake
    fake.stop()


@pytest.fixture
def join(tmp_path):
    joins = []

    def start(**options):
        joins.append(Join(tmp_path, **options))
        return joins[-1]

    yield start
    for one in joins:
        one.end()


def test_one_tailscale_up_and_then_it_stays(node, join, tmp_path):
    node.state = "Running"
    j = join(env={"TS_AUTHKEY": "tskey-auth-secret", "TS_EXTRA_ARGS": "--login-server=http://hs:8080"})
    j.wait_said("in the tailnet as http://crates.rig.test/")
    assert len(j.runs()) == 1
    words = j.runs()[0]
    assert words.startswith(f"--socket={tmp_path}/ts/s up --reset --accept-dns=false --hostname=crates --auth-key=file:/proc/")
    assert words.endswith(" --advertise-tags=tag:registry --login-server=http://hs:8080")
    assert (tmp_path / "secret").read_text() == "tskey-auth-secret"
    assert j.process.poll() is None


def test_the_login_url_is_said_again_and_again(node, join, tmp_path):
    (tmp_path / "wait").touch()
    j = join()
    j.wait_said(URL, times=2)
    assert j.said("waits for you to let it into your tailnet; open") >= 2
    node.state = "Running"
    (tmp_path / "wait").unlink()
    j.wait_said("in the tailnet as")


def test_an_expired_node_is_brought_back(node, join):
    node.state = "Running"
    j = join()
    j.wait_said("in the tailnet as")
    node.state = "NeedsLogin"
    j.wait_runs(2)
    node.state = "Running"
    j.wait_said("in the tailnet as", times=2)


def test_a_tailscaled_that_restarts_changes_nothing(node, join):
    node.state = "Running"
    j = join()
    j.wait_said("in the tailnet as")
    asked = node.paths["/localapi/v0/status"]
    node.restart()
    wait_for(lambda: node.paths["/localapi/v0/status"] > asked)
    assert len(j.runs()) == 1


def test_a_failed_up_is_tried_again(node, join, tmp_path):
    (tmp_path / "code").write_text("1")
    j = join()
    j.wait_said("`tailscale up` failed, trying again in")
    (tmp_path / "code").unlink()
    node.state = "Running"
    j.wait_said("in the tailnet as")
    assert len(j.runs()) >= 2


def test_a_name_that_was_taken_is_told_of(node, join):
    node.state, node.name = "Running", "crates-1"
    j = join()
    j.wait_said("the name crates was taken, so the tailnet made it crates-1")


def run(*words, env=None):
    return subprocess.run(
        [binary(), *words], env=clean_environment(env), capture_output=True, text=True, timeout=60, check=False
    )


def test_a_missing_name_names_itself(tmp_path):
    for command in ("join", "preflight"):
        result = run(command)
        assert result.returncode == 2
        assert "PRIVATE_REPO_HOSTNAME=crates" in result.stderr


def test_preflight_wants_a_mount_or_a_word(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "data").mkdir()
    words = ["preflight", "--volume", str(tmp_path / "data"), "--run", str(tmp_path / "run")]
    words += ["--registry", str(os.getuid()), "--tailscaled", str(os.getuid())]
    env = {"PRIVATE_REPO_HOSTNAME": "crates"}
    result = run(*words, env=env)
    assert result.returncode == 2
    assert f"nothing is mounted at {tmp_path}/data" in result.stderr
    assert list((tmp_path / "data").iterdir()) == []
    assert run(*words, env={**env, "SUPERGUPPY_EPHEMERAL": "1"}).returncode == 0
    assert sorted(p.name for p in (tmp_path / "data").iterdir()) == ["superguppy", "tailscale"]


def test_supervise_becomes_groundcontrol(tmp_path):
    file = tmp_path / "groundcontrol.toml"
    file.write_text('[[processes]]\nname = "p"\nrun = ["sh", "-c", "exit 5"]\n')
    assert run("supervise", str(file)).returncode == 5
    assert run("supervise", "--check", str(file)).returncode == 0
    file.write_text("[[processes]]\n")
    result = run("supervise", "--check", str(file))
    assert result.returncode == 1
    assert 'key "name"' in result.stderr
