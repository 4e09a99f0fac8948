"""superguppy doctor, as somebody at a terminal has it."""

import json
import os
import socket
import time

import pytest

from fake_tailscaled import (
    DROP,
    GARBAGE,
    HANG,
    NOT_JSON,
    Answer,
    FakeTailscaled,
    chunked,
    go_json,
    merged,
    person,
    recorded,
    slow,
    status,
    tagged,
    truncated,
)

PORT = 8765
FLAGS = ["--listen", f"http://tailnet:{PORT}?identity=tailscale"]


class Findings:
    """What doctor said. only(check, level): the texts of these, with what to do."""

    def __init__(self, run):
        self.run, self.status = run, run.returncode
        said = json.loads(run.stdout)
        self.all = said["findings"]
        for level in ("ok", "warn", "fail"):
            assert said[level] == sum(f["level"] == level for f in self.all)
        assert self.status == (1 if said["fail"] else 0)
        assert all((f["cure"] is None) == (f["level"] == "ok") for f in self.all), self.all

    def only(self, check, level):
        return [f"{f['text']} / {f['cure']}" for f in self.all if (f["check"], f["level"]) == (check, level)]

    def troubles(self):
        return sorted({(f["check"], f["level"]) for f in self.all if f["level"] != "ok"})


def doctor(server, *arguments, env=None):
    return Findings(server.cli("doctor", "--json", *arguments, check=False, env=env))


class Daemon(FakeTailscaled):
    """With peers, and settings of its own. In TUN mode, as no one listens there."""

    hostname, peers = "crates", None

    def _status(self):
        return merged(super()._status(), {"Peer": self.peers} if self.peers else {})

    def _other(self, path):
        if path == "/localapi/v0/prefs":
            return Answer(go_json(merged(recorded("prefs-tun"), {"Hostname": self.hostname})))
        return super()._other(path)


@pytest.fixture
def new_daemon(tmp_path_factory, new_guppy):
    """A daemon, and a folder that no server runs on, which asks it."""
    daemons = []

    def make(**more):
        daemon = Daemon(tmp_path_factory.mktemp("ts"), **more)
        daemons.append(daemon.start())
        return daemon, new_guppy(start=False, tailscale=daemon)

    yield make
    for daemon in daemons:
        daemon.stop()
        assert not daemon.complaints


def test_a_set_up_in_order(new_registry):
    server = new_registry(settings={"access.admins": ["anna@corp.test"]})
    port = server.address[1]
    listen = f"http://tailnet:{port}?identity=tailscale"
    found = doctor(server, "--config", server.config, "--listen", listen)
    assert found.troubles() == [], found.all
    text = server.cli("doctor", "--config", server.config, "--listen", listen).stdout
    assert f"ok    listeners      127.0.0.1:{port} answers\n" in text
    assert text.endswith(" ok, 0 to look at, 0 wrong\n")


def test_without_any_tailscaled_the_rest_is_checked(guppy, tmp_path):
    missing = {"SUPERGUPPY_TAILSCALE__SOCKET": str(tmp_path / "none")}
    found = doctor(guppy, "--listen", guppy.url, env=missing)
    assert found.troubles() == [("tailscaled", "warn")]
    assert "there is no tailscaled at" in found.only("tailscaled", "warn")[0]
    assert found.only("server", "ok") and "answers" in found.only("listeners", "ok")[0]
    found = doctor(guppy, "--tailscale", "--listen", guppy.url, env=missing)
    assert ("tailscaled", "fail") in found.troubles()


def test_all_that_can_be_wrong_with_a_node_at_once(new_daemon):
    daemon, server = new_daemon(tun=True, name="crates-1", user=("anna@corp.test", 7))
    daemon.key_expiry = "2026-01-01T00:00:00Z"
    daemon.health = ["it is\nnot \x1b[31mwell"]
    daemon.serve_config = recorded("serve-config-funnel")
    daemon.peers = recorded("status-tun-peers")["Peer"]
    publish, misspelt = {"do": ["publish"], "crates": ["*"]}, {"do": ["read"], "crate": ["\x1b[2J"]}
    daemon.set("100.64.0.3", person("anna@corp.test", 7, [publish, misspelt]))
    daemon.set("100.64.0.4", person("guest@elsewhere.test", 8, publish, shared=True))
    daemon.set("100.64.0.5", chunked(tagged(["tag:ci"], publish)))
    found = doctor(server, "--listen", "http://tailnet:80?identity=tailscale")
    assert "has expired" in found.only("key", "fail")[0]
    assert "crates-1, because another has the name crates:" in found.only("name", "warn")[0]
    assert "not  [31mwell" in found.only("health", "warn")[0]
    assert "crates.rig.test:443/ to the internet" in found.only("serve", "fail")[0]
    assert "crates.rig.test:8080/" in found.only("serve", "warn")[0]
    void, not_clear = found.only("policy", "warn")
    assert void.startswith('object 2 of what the policy grants anna-laptop.rig.test is void: unknown key "crate"')
    assert "who 1 of the nodes" in not_clear
    assert "of 4 nodes online now, 2 were asked about and 2 have a grant" in found.only("policy", "ok")[0]
    assert found.only("defaults", "warn") and found.only("admin", "warn")
    text = server.cli("doctor", *FLAGS, check=False).stdout
    assert "\x1b" not in text and "\nfail  key " in text


def test_old_versions_and_states(new_daemon):
    daemon, server = new_daemon()
    daemon.state, daemon.auth_url = "NeedsLogin", "https://login.test/a/b"
    found = doctor(server, *FLAGS)
    assert "tailscale up" in found.only("tailnet", "fail")[0] and "https://login.test/a/b" in found.only("tailnet", "fail")[0]
    daemon.state = "Running"
    for version, level in ("1.68.1", "fail"), ("1.98.0-t12", "warn"), ("1.104.0", None):
        daemon.status_answer = Answer(go_json(merged(daemon._status(), {"Version": version})))
        levels = [level for check, level in doctor(server, *FLAGS).troubles() if check == "version"]
        assert levels == ([level] if level else []), version


@pytest.mark.parametrize(
    "answer, said",
    [
        (HANG, "does not answer at"),
        (DROP, "does not answer at"),
        (GARBAGE, "is of no use"),
        (NOT_JSON, "is of no use"),
        (status(403), "status 403"),
        (status(500), "status 500"),
        (Answer("{}"), "is of no use"),
        (Answer("[]"), "is of no use"),
    ],
)
def test_a_tailscaled_that_is_no_good(new_daemon, answer, said):
    daemon, server = new_daemon()
    daemon.status_answer = answer
    found = doctor(server, *FLAGS)
    assert said in found.only("tailscaled", "fail")[0]
    assert found.only("listeners", "ok") == [f"127.0.0.1:{PORT} is free / None"]


def test_a_status_that_is_cut_off(new_daemon):
    daemon, server = new_daemon()
    daemon.status_answer = truncated(Answer(go_json(daemon._status())))
    assert "does not answer at" in doctor(server, *FLAGS).only("tailscaled", "fail")[0]


def test_a_socket_that_others_could_have_put_there(new_daemon):
    daemon, server = new_daemon()
    os.chmod(daemon.folder, 0o777)
    assert "others can replace tailscaled's socket" in doctor(server, *FLAGS).only("tailscaled", "fail")[0]


def test_peers_have_two_seconds_between_them(new_daemon):
    daemon, server = new_daemon(tun=True)
    one = next(iter(recorded("status-tun-peers")["Peer"].values()))
    daemon.peers = {f"nodekey:{i}": {**one, "TailscaleIPs": [f"100.64.3.{i}"]} for i in range(150)}
    daemon.default = slow(0.5, tagged(["tag:ci"], {"do": ["read"], "crates": ["*"]}))
    begin = time.monotonic()
    found = doctor(server, "--listen", "http://127.0.0.1:0?identity=tailscale")
    assert time.monotonic() - begin < 15
    assert 0 < daemon.asked() <= 100 and daemon.most_in_flight <= 8
    assert "of 150 nodes online now" in found.only("policy", "ok")[0]
    assert "did not say clearly" in found.only("policy", "warn")[0]


def test_a_port_that_somebody_else_has(new_guppy):
    server = new_guppy(start=False)
    with socket.socket() as other:  # has the port and takes nobody
        other.bind(("127.0.0.1", 0))
        found = doctor(server, "--listen", f"http://127.0.0.1:{other.getsockname()[1]}")
    assert "is taken by another program" in found.only("listeners", "fail")[0]


def test_a_configuration_that_is_wrong_does_not_end_the_checks(new_daemon, tmp_path):
    _, server = new_daemon()
    config = tmp_path / "wrong.toml"
    config.write_text("[server]\nlisten = 7\n")
    found = doctor(server, "--config", config)
    assert "server.listen" in found.only("configuration", "fail")[0]
    assert found.only("tailnet", "ok")
    config.write_text('[[access.grant]]\nwho = ["tag:ci"]\ndo = ["reed"]\ncrates = ["*"]\n')
    assert "line 1 is void" in doctor(server, "--config", config).only("grants", "fail")[0]


def test_a_server_that_waits_for_the_tailnet(new_registry, tmp_path_factory):
    daemon = FakeTailscaled(tmp_path_factory.mktemp("ts"), state="Stopped").start()
    server = new_registry(daemon)
    found = doctor(server, "--listen", f"http://tailnet:{server.address[1]}?identity=tailscale")
    assert "waiting for the tailnet" in found.only("server", "fail")[0]
    assert "tailscale up" in found.only("tailnet", "fail")[0]
