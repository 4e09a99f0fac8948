"""What a reload, a pause or a restart by hand must not do to anybody else."""

import signal

import pytest

import supervise
from supervise import wait_until


@pytest.fixture
def start(tmp_path):
    yield from supervise.factory(tmp_path)


def test_a_reload_leaves_a_checked_process_alone(start):
    s = start(
        """
[[processes]]
name = "web"
run = "sleep 1000"
live = { exec = ["sh", "-c", "echo looked >> results.txt"], every = "50ms", failures = 1 }
"""
    )
    s.wait_line("all processes are started")
    for n in range(1, 4):
        s.send(signal.SIGHUP)
        wait_until(lambda n=n: s.everything().count("groundcontrol: reloaded") >= n, "the reload")
        looked = len(s.results())
        wait_until(lambda looked=looked: len(s.results()) > looked + 3, "further looks")
    assert s.stop() == 0
    assert "not alive" not in s.everything()


def test_a_failed_restart_by_hand_aborts_the_start(start):
    s = start(
        """
control = "control"

[[processes]]
name = "a"
pre = "mkdir been"
run = "sleep 1000"

[[processes]]
name = "b"
pre = ["sh", "-c", "touch waits; exec sleep 1000"]
"""
    )
    s.wait_file("waits")
    result = s.control("restart", "a")
    assert result.returncode == 1
    assert s.wait() == 1
    assert s.says("start aborted", '"a"')
