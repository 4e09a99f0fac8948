"""./dev run: a token at the first start, the way to another one later, and signals that reach the server."""

import os
import re
import signal
import subprocess

import pytest

import raw
from guppy import OPEN, ROOT, binary, clean_environment

READY = re.compile(r"^  listens on  (\S+)", re.MULTILINE)
TOKEN = re.compile(r"^    (sgp_\w{49})$", re.MULTILINE)
LATER = re.compile(r"^A new token: (build/superguppy token new NAME.*)$", re.MULTILINE)


def heed_sigint():
    """A suite that a shell started in the background ignores SIGINT, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.fixture
def dev_run(tmp_path):
    """dev_run(until): starts it and reads until a pattern shows."""
    if not os.access(binary("release"), os.X_OK) or not (ROOT / "build/build.ninja").exists():
        pytest.skip("there is no release build in build/")
    started = []

    def start(until):
        process = subprocess.Popen([ROOT / "dev", "run", "--data", tmp_path / "data", "--listen", OPEN], env=clean_environment(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   preexec_fn=heed_sigint)  # fmt: skip
        started.append(process)
        said = ""
        for line in process.stdout:
            said += line
            if until.search(said):
                return process, said
        raise AssertionError(f"./dev run ended with {process.wait()}\n{said}")

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_prints_a_token_that_publishes_and_stops_on_a_signal(dev_run, number):
    process, said = dev_run(TOKEN)
    url, token = READY.search(said)[1], TOKEN.search(said)[1]
    assert raw.publish(url, token, "from-dev-run", "1.0.0").status == 200
    process.send_signal(number)
    assert process.wait(60) == 0
    with pytest.raises(ConnectionError):
        raw.Raw(url)


def test_a_later_start_names_the_command(dev_run):
    process, _ = dev_run(TOKEN)
    process.terminate()
    assert process.wait(60) == 0
    process, said = dev_run(LATER)
    assert not TOKEN.search(said)
    command = LATER.search(said)[1].replace("NAME", "later")
    made = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True, check=True, env=clean_environment())
    assert raw.publish(READY.search(said)[1], made.stdout.strip(), "later", "1.0.0").status == 200


def test_a_start_that_fails_ends_with_its_status(tmp_path):
    if not (ROOT / "build/build.ninja").exists():
        pytest.skip("there is no release build in build/")
    run = subprocess.run([ROOT / "dev", "run", "--data", tmp_path / "a/b"], capture_output=True, text=True, check=False,
                         env=clean_environment(), stdin=subprocess.DEVNULL, timeout=300)  # fmt: skip
    assert run.returncode == 2 and "superguppy: " in run.stderr
