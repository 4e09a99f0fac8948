"""Fixtures: registries in fresh folders, cargos with fresh homes, and the server's log on failure."""

import itertools
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import cargo as cargo_module  # noqa: E402
from fake_tailscaled import FakeTailscaled  # noqa: E402
from guppy import CLOSED, OPEN, Guppy  # noqa: E402

LOG_SHOWN = 20000
SERVERS = pytest.StashKey()


def pytest_collection_modifyitems(items):
    # The long ones first, so that two workers end together.
    items.sort(key=lambda item: "test_crash" not in item.nodeid)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        module = item.getparent(pytest.Module)
        for server in item.stash.get(SERVERS, []) + module.stash.get(SERVERS, []):
            report.sections.append((f"log of {server.folder.name}", server.log()[-LOG_SHOWN:]))


def server_factory(node):
    # Not below tmp_path: a socket's path has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="guppy-"))
    numbers = itertools.count(1)
    servers = node.stash.setdefault(SERVERS, [])

    def make(start=True, **settings):
        server = Guppy(folder / f"server-{next(numbers)}", **settings)
        servers.append(server)
        return server.start() if start else server

    yield make
    errors = []
    for server in servers:
        try:
            server.finish()
        except AssertionError as error:
            errors.append(str(error))
    assert not errors, "\n".join(errors)
    shutil.rmtree(folder)


@pytest.fixture
def new_guppy(request):
    """new_guppy(listen=…, settings=…): a registry of this test's own."""
    yield from server_factory(request.node)


@pytest.fixture(scope="module")
def shared_new_guppy(request):
    """The same for a whole module; its tests must not get in each other's way."""
    yield from server_factory(request.node)


@pytest.fixture
def guppy(new_guppy):
    """A registry that anyone may read."""
    return new_guppy(listen=OPEN)


@pytest.fixture
def closed(new_guppy):
    """A registry that nobody reads without a token."""
    return new_guppy(listen=CLOSED)


@pytest.fixture
def new_registry(new_guppy, tmp_path_factory):
    """new_registry(settings=…): on a tailnet of its own, with a fake tailscaled (server.tailscale).
    What it asked that a real one would not answer is a failure."""
    daemons = []

    def make(fake=None, **more):
        daemons.append(fake or FakeTailscaled(tmp_path_factory.mktemp("ts")).start())
        return new_guppy(tailscale=daemons[-1], **more)

    yield make
    for fake in daemons:
        fake.stop()
    complaints = [c for fake in daemons for c in fake.complaints]
    assert not complaints, complaints


@pytest.fixture
def registry(new_registry):
    """One where every person of the tailnet publishes and every tagged node reads."""
    return new_registry()


@pytest.fixture
def new_cargo(tmp_path):
    """new_cargo(url, token=…): a user. Skips when the machine has no fit cargo."""
    numbers = itertools.count(1)

    def make(url, token=None, toolchain=None, **more):
        if reason := cargo_module.why_not(toolchain):
            pytest.skip(reason)
        return cargo_module.Cargo(tmp_path / f"user-{next(numbers)}", url, token, toolchain, **more)

    return make


@pytest.fixture(params=[None, "nightly"], ids=["cargo", "nightly"])
def toolchain(request):
    """Runs a case with the machine's cargo and with its newest."""
    if reason := cargo_module.why_not(request.param):
        pytest.skip(reason)
    return request.param


@pytest.fixture(scope="module")
def server(shared_new_guppy):
    """An open registry for a whole module, for tests that leave it as they found it."""
    return shared_new_guppy(listen=OPEN)


@pytest.fixture(scope="module")
def token(server):
    return server.token()
