"""superguppy policy check: what the policy that we ship gives, and what is said of others."""

import json

import pytest

from guppy import ROOT

POLICY = ROOT / "deploy" / "policy.hujson"
PUBLISH, READ, RELEASE, ADMIN = ["publish"], ["read"], ["release"], ["admin"]


@pytest.fixture
def check(new_guppy, tmp_path):
    """check(text or file, who, …): exit status, and what it printed as JSON."""
    server = new_guppy(start=False)

    def run(policy, who, *arguments, env=None):
        if isinstance(policy, str):
            file = tmp_path / "policy.hujson"
            file.write_text(policy)
            policy = file
        done = server.cli("policy", "check", policy, "--as", who, "--json", *arguments, data=False, check=False, env=env)
        return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

    yield run


@pytest.mark.parametrize(
    "who, roles",
    [
        ("anna@corp.test", [PUBLISH, ADMIN]),
        ("ben@corp.test", [PUBLISH]),
        ("carla@corp.test", [PUBLISH]),
        ("tag:ci", [READ]),
        ("tag:ci-release", [RELEASE]),
        ("tag:web", []),
    ],
)
def test_the_policy_that_we_ship(check, who, roles):
    status, said = check(POLICY, who)
    assert status == 0
    assert [rule["do"] for rule in said["rights"]] == roles
    assert said["reaches_port"] == bool(roles) and said["notes"] == []
    lines = POLICY.read_text().splitlines()
    assert all(lines[rule["line"] - 1].strip().startswith("{") for rule in said["rights"])


def test_a_void_object_ends_with_1_whoever_asks(check):
    text = POLICY.read_text().replace('"do": ["release"]', '"do": ["releese"]')
    for who in "tag:ci-release", "ben@corp.test":
        status, said = check(text, who)
        assert status == 1
        (void,) = [rule for rule in said["rights"] if rule["void"]]
        assert '"releese" is no role' in void["void"] and void["for_them"] == (who == "tag:ci-release")


def test_the_port_is_the_registrys(check):
    listen = {"SUPERGUPPY_SERVER__LISTEN": "http://tailnet:8000?identity=tailscale"}
    assert check(POLICY, "tag:ci", env=listen)[1]["reaches_port"] is False
    assert check(POLICY, "tag:ci")[1]["reaches_port"] is True


def test_the_name_of_the_capability_is_the_registrys(check):
    other = {"SUPERGUPPY_ACCESS__CAPABILITY": "corp.test/cap/cargo"}
    assert check(POLICY, "tag:ci", env=other)[1]["rights"] == []


@pytest.mark.parametrize(
    "text, said",
    [
        ("", "is empty"),
        ("{\n  // one\n  a}", "line 3, column 3"),
        ("{} /*", "comment that begins in line 1 has no end"),
        ("[]", "a policy is an object"),
        ('{"groups": {"group:a": ["tag:ci"]}}', "which is no login"),
        ('{"grants": [{}], "grants": []}', "duplicate"),
        ("[" * 100, "nested deeper"),
    ],
)
def test_what_is_no_policy(check, text, said):
    status, error = check(text, "tag:ci")
    assert status == 1 and said in error and error.startswith("superguppy: ") and error.count("\n") == 1


def test_what_is_asked_wrongly(check, tmp_path):
    for who in "anna", "local:anna", "tag:", "100.64.0.1", "":
        assert check(POLICY, who)[0] == 2
    assert check(POLICY, "tag:ci", "--dst", "crates")[0] == 2
    status, error = check(tmp_path / "none", "tag:ci")
    assert status == 1 and "cannot open" in error and "No such file" in error
    assert check(tmp_path, "tag:ci")[0] == 1
