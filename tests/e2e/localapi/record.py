#!/usr/bin/env python3
"""Records what a real tailscaled answers into this folder, for the fake one to repeat.

Run as root after ./dev test has built the tailnet's programs: tests/e2e/localapi/record.py
NAME.json is the body of an answer byte for byte (but the machine's name and kernel); answers.json names for
each the request, the node that was asked, status and headers, and holds bodies that are no JSON."""

import http.client
import json
import re
import socket
import sys
import urllib.parse
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import tailnet  # noqa: E402

POLICY = HERE.parents[2] / "deploy/policy.hujson"
# Listens on a port of the node, writes the address of each peer and keeps its connection.
LISTENER = """
import socket, sys
server = socket.create_server((sys.argv[1], 80))
print("ready", flush=True)
kept = []
while True:
    kept.append(server.accept())
    print(kept[-1][1][1], flush=True)
"""
SERVE = {
    "TCP": {"443": {"HTTPS": True}, "8080": {"HTTP": True}},
    "Web": {
        "crates.rig.test:443": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:80"}}},
        "crates.rig.test:8080": {"Handlers": {"/": {"Proxy": "http://127.0.0.1:80"}}},
    },
}
answers = {}


def ask(name, node, path, method="GET"):
    connection = http.client.HTTPConnection("local-tailscaled.sock")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(10)
    connection.sock.connect(node.socket)
    connection.request(method, f"/localapi/v0/{path}")
    answer = connection.getresponse()
    text = answer.read().decode()
    text = re.sub(r'("OSVersion": ?)"[^"]*"', r'\1"6.1.0"', text)
    text = text.replace(json.dumps(socket.gethostname()), '"machine"')
    entry = {"request": f"{method} /localapi/v0/{path}", "node": node.name, "status": answer.status}
    entry["headers"] = {k: v for k, v in answer.getheaders() if k != "Date"}
    connection.close()
    if answer.getheader("Content-Type", "").startswith("application/json"):
        json.loads(text)
        (HERE / f"{name}.json").write_text(text)
    else:
        entry["body"] = text
    assert name not in answers
    answers[name] = entry


def states(net):
    """A node before it is logged in and after it was taken down."""
    node = tailnet.Node(net, "idle", 99, None, "userspace")
    node.start_daemon(wait=False)
    tailnet.wait_for("it listens", lambda: Path(node.socket).exists())
    tailnet.wait_for("it is not logged in", lambda: node.status()["BackendState"] == "NeedsLogin")
    ask("status-needs-login", node, "status?peers=false")


def forwarded(server, client):
    """whois of a connection that tailscaled forwards to loopback, and after its end."""
    listener = server.popen([sys.executable, "-c", LISTENER, "127.0.0.1"], stdout=-1, text=True)
    assert listener.stdout.readline() == "ready\n"
    knock = f"exec 3<>/dev/tcp/{server.ip4}/80; cat <&3"
    caller = client.popen(["bash", "-c", knock])
    port = listener.stdout.readline().strip()
    address = f"127.0.0.1:{port}"
    ask(f"whois-userspace-{client.name}", server, f"whois?addr={address}&proto=tcp")
    for process in (caller, listener):
        process.kill()
        process.wait()
    tailnet.wait_for("it is forgotten", lambda: server.whois(address, proto="tcp") is None)
    ask(f"whois-userspace-{client.name}-gone", server, f"whois?addr={address}&proto=tcp")


def record(net):
    crates, forwarding, anna, ben, ci, release = net.nodes(
        **{
            "crates": {"tags": ["tag:registry"]},
            "crates-userspace": {"tags": ["tag:registry"], "mode": "userspace"},
            "anna": {"user": "anna@corp.test"},
            "ben": {"user": "ben@corp.test", "mode": "userspace"},
            "ci": {"tags": ["tag:ci"], "ephemeral": True},
            "ci-release": {"tags": ["tag:ci-release", "tag:ci"], "ephemeral": True},
        }
    )
    for client in (anna, ben, ci, release):
        for server in (crates, forwarding):
            client.wait_reaches(server)
    for mode, server in (("tun", crates), ("userspace", forwarding)):
        ask(f"status-{mode}", server, "status?peers=false")
        ask(f"status-{mode}-peers", server, "status")
        ask(f"prefs-{mode}", server, "prefs")
        ask(f"serve-config-none-{mode}", server, "serve-config")
        ask(f"whois-unknown-{mode}", server, "whois?addr=100.64.99.99")
    ask("whois-no-such-loopback-port", forwarding, "whois?addr=127.0.0.1:9&proto=tcp")
    ask("whois-bad-address", crates, "whois?addr=nobody")
    ask("whois-without-address", crates, "whois")
    ask("no-such-call", crates, "nothing")
    ask("cert-domains", crates, "cert-domains")
    for client in (anna, ben, ci, release):
        ask(f"whois-{client.name}", crates, f"whois?addr={client.ip4}")
    ask("whois-anna-by-ipv6", crates, f"whois?addr={urllib.parse.quote(anna.ip6)}")
    ask("whois-self", crates, f"whois?addr={crates.ip4}")
    ask("status-of-a-person", anna, "status?peers=false")
    forwarded(forwarding, anna)
    forwarded(forwarding, ci)
    policies(net, crates, ben)
    assert crates.local_api("POST", "serve-config", json.dumps(SERVE))[0] == 200
    ask("serve-config-http", crates, "serve-config")
    funnel = {**SERVE, "AllowFunnel": {"crates.rig.test:443": True}}
    assert crates.local_api("POST", "serve-config", json.dumps(funnel))[0] == 200
    ask("serve-config-funnel", crates, "serve-config")
    states(net)
    ben.expire()
    tailnet.wait_for("expired", lambda: crates.whois(ben.ip4)["Node"].get("Expired"))
    ask("whois-ben-expired", crates, f"whois?addr={ben.ip4}")
    anna.retag(["tag:ci"])
    # The tags may arrive before the rights change.
    tailnet.wait_for("retagged", lambda: (crates.whois(anna.ip4) or {}).get("Node", {}).get("Tags"))
    read = [{"do": ["read"], "crates": ["*"]}]
    tailnet.wait_for("with its rights", lambda: crates.rights_of(anna) == read)
    ask("whois-anna-retagged", crates, f"whois?addr={anna.ip4}")
    code, _ = crates.local_api("PATCH", "prefs", json.dumps({"WantRunning": False, "WantRunningSet": True}))
    assert code == 200
    tailnet.wait_for("stopped", lambda: crates.status()["BackendState"] == "Stopped")
    ask("status-stopped", crates, "status?peers=false")
    ask("whois-while-stopped", crates, "whois?addr=100.64.0.3")


def policies(net, crates, ben):
    """ben's rights, written in the ways that give none."""
    text = POLICY.read_text()
    publish = '[{"do": ["publish"], "crates": ["*"]}]'
    assert text.count(publish) == 1
    for name, instead, expect in (
        ("empty-list", "[]", []),
        ("misspelt-key", '[{"do": ["publish"], "crate": ["*"]}]', [{"do": ["publish"], "crate": ["*"]}]),
        ("null", "null", None),
    ):
        net.policy(text.replace(publish, instead), at=[crates], expect={ben: expect})
        ask(f"whois-ben-{name}", crates, f"whois?addr={ben.ip4}")
    app = f'"app": {{"{tailnet.CAPABILITY}": {publish}}},'
    assert text.count(app) == 1
    net.policy(text.replace(app, ""), at=[crates])
    tailnet.wait_for("no capability", lambda: crates.whois(ben.ip4)["CapMap"] is None)
    ask("whois-ben-no-grant", crates, f"whois?addr={ben.ip4}")
    net.policy(text, at=[crates], expect={ben: json.loads(publish)})


if __name__ == "__main__":
    if reason := tailnet.why_not():
        sys.exit(reason)
    for old in HERE.glob("*.json"):
        old.unlink()
    with tailnet.Tailnet(POLICY.read_text()) as made:
        record(made)
    (HERE / "answers.json").write_text(json.dumps(answers, indent=2) + "\n")
