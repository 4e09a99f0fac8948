"""On a real tailnet: headscale with the policy that we ship, tailscaled in TUN and in userspace mode.

One tailnet serves the whole file; a test that changes its policy puts the shipped one back."""

import json
import urllib.request

import pytest
import tailnet
from guppy import ROOT
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
