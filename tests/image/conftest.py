"""Fixtures of the image's tests: one tailnet and one image for all of them, and the containers' logs on failure."""

import itertools
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))

import cargo as cargo_module  # noqa: E402
import tailnet  # noqa: E402
from guppy import ROOT  # noqa: E402
from image import Box, Image, why_not  # noqa: E402
from machine import Machine  # noqa: E402

LOG_SHOWN = 20000
BOXES, NUMBERS = pytest.StashKey(), pytest.StashKey()
# Ours, and what a node needs that is to talk to nobody else.
TEST_ENV = {**tailnet.DAEMON_ENV, "TS_EXTRA_ARGS": f"--login-server=http://{tailnet.HUB}:18080"}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        boxes = item.session.stash.get(BOXES, [])
        for box in boxes:
            if box.process or box is boxes[-1]:
                report.sections.append((f"log of {box.run_id}", box.log()[-LOG_SHOWN:]))


def pytest_terminal_summary(terminalreporter, config):
    for line in config.stash.get(NUMBERS, []):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def number(request):
    """number("what: 5 MB"): shown at the end."""
    return request.config.stash.setdefault(NUMBERS, []).append


@pytest.fixture(scope="session")
def net():
    if reason := os.environ.get("SUPERGUPPY_NO_TAILNET"):
        pytest.skip(reason)
    if reason := why_not() or cargo_module.why_not(None):
        pytest.fail(f"the image cannot be started here: {reason}", pytrace=False)
    with tailnet.Tailnet((ROOT / "deploy/policy.hujson").read_text()) as net:
        net.nodes(
            anna={"user": "anna@corp.test"},
            ben={"user": "ben@corp.test", "mode": "userspace"},
            ci={"tags": ["tag:ci"], "mode": "userspace"},
            release={"tags": ["tag:ci-release"], "mode": "userspace"},  # the policy's tests ask for one
        )
        yield net


@pytest.fixture(scope="session")
def image():
    with Image() as image:
        yield image


@pytest.fixture(scope="session")
def new_box(request, net, image):
    """new_box(name, env=…): a container that is not started, with an empty volume."""
    boxes = request.session.stash.setdefault(BOXES, [])

    def make(name, env=None, **more):
        boxes.append(Box(net, image, name, {**TEST_ENV, **(env or {})}, **more))
        return boxes[-1]

    yield make
    for box in boxes:
        box.end()


@pytest.fixture
def machine(net, tmp_path):
    """machine(NAME): a bare one, that of this node."""
    numbers = itertools.count(1)
    return lambda name: Machine(net.named[name], tmp_path / f"{name}-{next(numbers)}")
