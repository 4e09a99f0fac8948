"""On a real tailnet: headscale with the policy that we ship, tailscaled in TUN and in userspace mode.

One tailnet serves the whole file; a test that changes its policy puts the shipped one back."""

import itertools
import json
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import cargo as cargo_module
import pytest
import tailnet
from conftest import SERVERS
from guppy import ROOT, Guppy, binary
from machine import Machine
from tailnet import Tailnet, wait_for

POLICY = (ROOT / "deploy/policy.hujson").read_text()
MEMBER = '[{"do": ["publish"], "crates": ["*"]}]'
assert POLICY.count(MEMBER) == 1, "the shipped policy gives rights to members in another way now"


def rights(*roles):
    return [{"do": [role], "crates": ["*"]} for role in roles]


@pytest.fixture(scope="module")
def net():
    if reason := tailnet.why_not():
        pytest.skip(reason)
    assert not tailnet.missing(), f"{tailnet.missing()} could not be built: see {tailnet.programs()}.log"
    with Tailnet(POLICY) as net:
        net.nodes(
            **{
                "crates": {"tags": ["tag:registry"]},
                "crates-userspace": {"tags": ["tag:registry"], "mode": "userspace"},
                "anna": {"user": "anna@corp.test"},
                "ben": {"user": "ben@corp.test", "mode": "userspace"},
                "ci": {"tags": ["tag:ci"], "mode": "userspace"},
                "release": {"tags": ["tag:ci-release"]},
            }
        )
        registries = net.named["crates"], net.named["crates-userspace"]
        for name in "anna", "ben", "ci", "release":
            for registry in registries:
                net.named[name].wait_reaches(registry)
        yield net


@pytest.fixture(params=["tun", "userspace"])
def host(request, net):
    """The registry's machine, in both modes."""
    return net.named["crates" if request.param == "tun" else "crates-userspace"]


@pytest.fixture
def policy(net):
    """policy(TEXT, at=[…], expect={…}): another policy, for this test alone."""
    yield net.policy
    registries = net.named["crates"], net.named["crates-userspace"]
    net.policy(POLICY, at=registries, expect={net.named["ben"]: rights("publish")})


# -- the tailnet itself


@pytest.mark.parametrize(
    ("name", "login", "tags", "may"),
    [
        ("anna", "anna@corp.test", None, rights("publish", "admin")),
        ("ben", "ben@corp.test", None, rights("publish")),
        ("ci", "tagged-devices", ["tag:ci"], rights("read")),
        ("release", "tagged-devices", ["tag:ci-release"], rights("release")),
    ],
)
def test_tailscaled_says_who_each_peer_is_and_what_our_policy_gives(net, host, name, login, tags, may):
    client = net.named[name]
    for address in client.ip4, client.ip6:
        answer = host.whois(address)
        assert answer["Node"]["StableID"] == client.stable_id
        assert answer["UserProfile"]["LoginName"] == login
        assert answer["Node"].get("Tags") == tags
        assert answer["CapMap"] == {tailnet.CAPABILITY: may}


def test_our_policy_is_valid_and_its_tests_hold(net):
    net.headscale("policy", "check", "-f", ROOT / "deploy/policy.hujson")


def test_a_change_of_the_policy_reaches_tailscaled(net, host, policy):
    policy(POLICY.replace(MEMBER, "[]"), at=[host], expect={net.named["ben"]: []})


SOURCES = ["group:rust", "anna@corp.test", "autogroup:member", "autogroup:tagged", "tag:ci", "tag:ci-release", "*"]
TARGETS = ["tag:registry", "tag:ci", "*"]


def policy_of_all_sources():
    """The shipped policy and a grant from each kind of source to each kind of target."""
    grants = []
    for number, (source, target) in enumerate(itertools.product(SOURCES, TARGETS)):
        value = json.dumps([{"do": ["maintain"], "crates": [f"crate{number}", "acme*"]}])
        grants.append(f'{{"src": ["{source}"], "dst": ["{target}"], "app": {{"{tailnet.CAPABILITY}": {value}}}}}, // {number}\n')
    assert POLICY.count('"grants": [') == 1
    return POLICY.replace('"grants": [', '"grants": [\n' + "".join(grants))


def test_policy_check_says_beforehand_what_tailscaled_will_say(net, policy, tmp_path):
    file, crates = tmp_path / "policy.hujson", net.named["crates"]
    file.write_text(policy_of_all_sources())
    expected = {}
    for name, who in {
        "anna": "anna@corp.test", "ben": "ben@corp.test", "ci": "tag:ci", "release": "tag:ci-release"
    }.items():  # fmt: skip
        said = subprocess.run(
            [binary(), "policy", "check", file, "--as", who], capture_output=True, text=True, check=True
        ).stdout  # fmt: skip
        lines = re.findall(r"^  (\S+)  crates (.*?)  \(grant \d+, line \d+, object 1\)$", said, re.M)
        assert len(lines) > 3, said
        expected[net.named[name]] = [{"do": [role], "crates": patterns.split()} for role, patterns in lines]
    policy(file.read_text(), at=[crates], expect=expected)


# -- a registry on it, and its users


class Registry(Guppy):
    """`superguppy serve --tailscale` on a machine of the tailnet. It is told nothing else: where
    tailscaled listens it finds out."""

    def __init__(self, host, folder, settings=None):
        super().__init__(folder, listen=[], settings=settings)
        script = self.folder / "superguppy"
        script.write_text(
            '#!/bin/sh\n[ "$1" != serve ] || set -- "$@" --tailscale\n'
            f'exec {shlex.join(host.inside([self.binary]))} "$@"\n'
        )
        script.chmod(0o755)
        self.binary = str(script)

    def start(self, tailscaled=True):
        """tailscaled: it runs, so wait until the tailnet is served."""
        super().start(wait=False)
        self.listen = ["what --tailscale stands for"]
        self.wait_ready()
        self.listen = []
        return self.wait_serves() if tailscaled else self

    def wait_serves(self):
        wait_for("it serves the tailnet", lambda: "is ready on the tailnet" in self.log())
        return self


@pytest.fixture
def serve(request, host):
    """serve(settings=…): a registry on host, with a fresh data folder."""
    folder, made = Path(tempfile.mkdtemp(prefix="guppy-")), []

    def make(start=True, **settings):
        made.append(Registry(host, folder / f"server-{len(made) + 1}", settings))
        request.node.stash.setdefault(SERVERS, []).append(made[-1])
        return made[-1].start() if start else made[-1]

    yield make
    for registry in made:
        registry.finish()
    shutil.rmtree(folder)


@pytest.fixture
def machine(net, tmp_path):
    """machine(NAME): a bare one, that of this node."""
    if reason := cargo_module.why_not(None):
        pytest.skip(reason)
    numbers = itertools.count(1)
    return lambda name: Machine(net.named[name], tmp_path / f"{name}-{next(numbers)}")


@pytest.mark.parametrize("user", ["anna", "ben"])
def test_a_new_user_on_a_bare_machine_pastes_three_lines_and_publishes(net, host, serve, machine, user):
    registry = serve()
    assert f"http://{host.fqdn}/" in registry.log(), "it says where to send people to"
    publisher = machine(user)
    project = publisher.project(host, "acme")
    assert not (publisher.folder / "cargo-home").exists()
    publisher.cargo("publish", cwd=project)
    assert f"{user}@corp.test" in publisher.cargo("owner", "--list", "acme", "--registry", "crates", cwd=project)
    for other in "ben", "ci":
        reader = machine(other)
        app = reader.project(host, "app", dependencies='acme = { version = "0.1", registry = "crates" }')
        reader.cargo("build", cwd=app)
        lock = (app / "Cargo.lock").read_text()
        assert f'source = "sparse+http://{host.fqdn}/index/"' in lock


def test_ci_reads_and_the_release_job_publishes_new_versions_but_no_new_name(net, host, serve, machine):
    serve()
    machine("anna").publish(host, "acme", "0.1.0")
    ci, release = machine("ci"), machine("release")
    said = ci.publish(host, "acme", "0.2.0", check=False)
    assert "403" in said and "tag:ci" in said and "may not publish" in said, said
    release.publish(host, "acme", "0.2.0")
    said = release.publish(host, "new-name", check=False)
    assert "403" in said and "tag:ci-release" in said and "may not publish the new crate new-name" in said, said
    app = ci.project(host, "app", dependencies='acme = { version = "0.2", registry = "crates" }')
    ci.cargo("build", cwd=app)
    assert 'version = "0.2.0"' in (app / "Cargo.lock").read_text()


GRANT = f'"app": {{"{tailnet.CAPABILITY}": {MEMBER}}},'
assert POLICY.count(GRANT) == 1


@pytest.mark.parametrize(
    ("instead", "left"),
    [
        ("", None),
        (GRANT.replace(MEMBER, "[]"), []),
        (GRANT.replace(MEMBER, "null"), None),
        (GRANT.replace('"crates"', '"crate"'), [{"do": ["publish"], "crate": ["*"]}]),
    ],
    ids=["taken-away", "empty-list", "null", "misspelt-key"],
)
def test_a_lost_grant_stops_the_next_publish(net, host, serve, machine, policy, instead, left):
    serve(**{"access.members": "none", "access.tagged": "none"})
    ben, developer = net.named["ben"], machine("ben")
    developer.publish(host, "acme", "0.1.0")
    next_one = developer.project(host, "acme", "0.2.0")
    policy(POLICY.replace(GRANT, instead), at=[host], expect={ben: left})
    said = developer.cargo("publish", "--no-verify", cwd=next_one, check=False)
    assert "403" in said, said
    assert re.search(r"ben@corp\.test \(node ben.*, 100\.64\.0\.\d+\) may not .*: no rights here", said), said
    page = developer.curl(f"http://{host.fqdn}/me")
    may = page.split("You may:\n")[1].split("\n\n")[0]
    assert ("object 1 counts for nothing: unknown key" if left else "nothing") in may and "publish" not in may, page
    policy(POLICY, at=[host], expect={ben: rights("publish")})
    developer.cargo("publish", "--no-verify", cwd=next_one)


def test_a_person_who_becomes_a_tag_is_a_person_no_longer(net, host, serve, machine):
    serve()
    name = f"late-{host.mode}"
    late = net.node(name, user="ben@corp.test", mode="userspace")
    late.wait_reaches(host)
    developer = machine(name)
    developer.publish(host, "acme", "0.1.0")
    next_one = developer.project(host, "acme", "0.2.0")
    late.retag(["tag:ci"])
    # tailscaled may learn of the tag before it learns of the rights.
    wait_for("it has the tag", lambda: (host.whois(late.ip4) or {"Node": {}})["Node"].get("Tags"))
    wait_for("and its rights", lambda: host.rights_of(late) == rights("read"))
    said = developer.cargo("publish", "--no-verify", cwd=next_one, check=False)
    assert "403" in said and "tag:ci" in said and "may not publish" in said, said


def test_tailscaled_may_restart_under_it(net, host, serve, machine):
    serve()
    developer, anna = machine("anna"), net.named["anna"]
    developer.publish(host, "acme", "0.1.0")
    host.restart_daemon()
    host.wait_reaches(anna)
    developer.publish(host, "acme", "0.2.0")


def test_it_may_start_before_tailscaled(net, host, serve, machine):
    host.kill_daemon()
    try:
        registry = serve(start=False)
        registry.start(tailscaled=False)
        assert host.run(["curl", "-sS", "http://127.0.0.1/healthz"]).stdout
        said = host.run(["curl", "-sS", "-w", "%{http_code}", "http://127.0.0.1/index/config.json"]).stdout
        assert "waits for its tailnet" in said and said.endswith("503"), said
    finally:
        host.start_daemon()
    registry.wait_serves()
    host.wait_reaches(net.named["anna"])
    machine("anna").publish(host, "acme")


def test_it_is_reached_over_the_tailnet_alone(net, host, serve):
    serve()
    [address] = json.loads(host.sh("ip -j -4 addr show dev eth0"))[0]["addr_info"]
    lan = net.hub.run(["curl", "-sS", "--max-time", "20", f"http://{address['local']}/healthz"], check=False)
    assert "Connection refused" in lan.stderr or "Couldn't connect" in lan.stderr, lan.stderr


def test_a_program_on_its_own_machine_is_nobody(net, host, serve):
    serve()
    address = host.ip4 if host.mode == "tun" else "127.0.0.1"
    ask = ["curl", "-sS", "--max-time", "20", "-w", "%{http_code}", "-H", f"Host: {host.fqdn}"]
    said = host.run([*ask, f"http://{address}/index/config.json"]).stdout
    assert said.endswith("403"), said
