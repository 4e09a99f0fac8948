"""tools/check_deploy.py takes deploy/ as it is, and refuses what would open or break it."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
spec = importlib.util.spec_from_file_location("check_deploy", ROOT / "tools/check_deploy.py")
check_deploy = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check_deploy)

FLY = (ROOT / "deploy/fly.toml").read_text()

# What is changed in fly.toml, into what, and the words that the complaint has.
FLY_MISTAKES = [
    ("\n[build]", "\n[http_service]\ninternal_port = 80\n[build]", "opens the registry to the internet"),
    ("\n[build]", "\n[[services]]\n[build]", "opens the registry to the internet"),
    ("snapshot_retention = 14", "snapshot_retention = 61", "snapshot_retention"),
    ("snapshot_retention", "snapshots_retention", "mounts.snapshots_retention is no key"),
    ("kill_timeout = 15", "kill_timeout = 301", "kill_timeout"),
    ("kill_timeout = 15", "kill_timeout = true", "kill_timeout"),
    ("kill_timeout = 15", "kill_timeout = 5", "kill_timeout is more than 5"),
    ('"SIGTERM"', '"SIGHUP"', "kill_signal"),
    ('"rolling"', '"bluegreen"', "deploy.strategy"),
    ('"always"', '"on-failure"', "restart"),
    ("[[restart]]", "[restart]", "two brackets"),
    ('auto_extend_size_limit = "10GB"', "", "all three together"),
    ('"/healthz"', '"/readyz"', "before the login"),
    ("port = 8081", "port = 80", "port 8081"),
    ("port = 8081", 'port = "8081"', "checks.live.port takes a int"),
    ('"/data"', '"/var"', "mounts.destination"),
    ("PRIVATE_REPO_HOSTNAME =", "FLY_NAME =", "FLY_"),
]


def test_the_fly_file_in_deploy_is_taken():
    assert check_deploy.check_fly(FLY) == []


@pytest.mark.parametrize(("old", "new", "says"), FLY_MISTAKES, ids=[says for _, _, says in FLY_MISTAKES])
def test_a_mistake_in_the_fly_file_is_named(old, new, says):
    assert old in FLY
    assert any(says in line for line in check_deploy.check_fly(FLY.replace(old, new, 1)))


@pytest.mark.skipif(check_deploy.yaml is None, reason="PyYAML is not installed")
@pytest.mark.parametrize(("name", "old", "new", "says"), [
    ("compose", "read_only: true", "read_only: false", "read_only"),
    ("compose", "      - KILL\n", "      - SYS_ADMIN\n", "cap_add"),
    ("compose", "    read_only: true", '    read_only: true\n    ports: ["80:80"]', "no port"),
    ("kubernetes", "replicas: 1", "replicas: 2", "replicas"),
    ("kubernetes", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true", "allowPrivilege"),
    ("kubernetes", "                - KILL\n", "", "capabilities.add"),
    ("kubernetes", "path: /readyz", "path: /healthz", "probes"),
])
def test_a_mistake_in_a_yaml_file_is_named(name, old, new, says):
    check = getattr(check_deploy, f"check_{name}")
    text = (ROOT / f"deploy/{name}.yaml").read_text()
    assert old in text
    assert check(text)[0] == []
    assert any(says in line for line in check(text.replace(old, new, 1))[0])


def test_compose_without_its_key_lines_is_a_compose_file_that_logs_in_by_a_link():
    text = (ROOT / "deploy/compose.yaml").read_text()
    kept = [line for line in text.splitlines() if "(key)" not in line or line.startswith("#")]
    assert len(kept) == len(text.splitlines()) - 6
    assert not re.search("secrets|AUTHKEY", re.sub("#.*", "", "\n".join(kept)))


def test_the_unit_lets_the_registry_have_port_80_and_nothing_more():
    unit = (ROOT / "deploy/superguppy.service").read_text()
    settings = dict(re.findall(r"^(\w+)=(.*)$", unit, re.M))
    assert settings["CapabilityBoundingSet"] == settings["AmbientCapabilities"] == "CAP_NET_BIND_SERVICE"
    # In a user namespace of its own it would have the capability and not the port.
    assert "PrivateUsers" not in settings
    assert settings["DynamicUser"] == settings["NoNewPrivileges"] == settings["MemoryDenyWriteExecute"] == "yes"
