"""Connections of people and machines of a tailnet, as a registry behind a FakeTailscaled gets them: in
userspace mode each comes from 127.0.0.1 and a port, and only tailscaled knows whose it is."""

import json
import re
import socket
import struct

from fake_tailscaled import person, tagged
from raw import TIMEOUT_S, Raw, body

ANNA = person("anna@corp.test", 7)
BEN = person("ben@corp.test", 8)
CI = tagged(["tag:ci"])
GUEST = person("guest@elsewhere.test", 77, shared=True)
WORD = {"Authorization": "tailscale"}
READ = "/index/config.json"
HARD = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset, and the port is free at once


def bound(server, who, port=0):
    """A socket that is who once it connects."""
    s = socket.socket()
    s.settimeout(TIMEOUT_S)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", port))
    if who is not None:
        server.tailscale.set_port(s.getsockname()[1], who)
    return s


def full_host(server):
    return f"{server.tailscale.full_name}:{server.address[1]}"


class Peer(Raw):
    """An HTTP/1.1 connection of somebody. who: an Answer of the fake, None for what is set already."""

    def __init__(self, server, who, port=0, host=None):
        self.server, self.who = server, who
        self._connect(port)
        self.host = host or full_host(server)
        self.closing = False

    def _connect(self, port=0):
        s = bound(self.server, self.who, port)
        self.port = s.getsockname()[1]
        s.connect(self.server.address)
        super().__init__(self.server.url, connected=s)

    def read_response(self, head=False):
        answer = super().read_response(head)
        self.closing = answer.header("connection") == "close"
        return answer

    def request(self, *arguments):
        """Over another connection of the same one, when the server has ended the last."""
        if self.closing:
            host = self.host
            self.socket.close()
            self._connect()
            self.host, self.closing = host, False
        return super().request(*arguments)

    @property
    def asked(self):
        return self.server.tailscale.asked(f"127.0.0.1:{self.port}")

    def become(self, who):
        self.who = who
        self.server.tailscale.set_port(self.port, who)

    def get(self, path=READ, **headers):
        return self.request("GET", path, {k.replace("_", "-"): v for k, v in headers.items()})

    def publish(self, name, vers="1.0.0", headers=None):
        return self.request("PUT", "/api/v1/crates/new", WORD if headers is None else headers, body(name, vers))

    def owners(self, name, users, method="PUT", headers=None):
        fields = WORD if headers is None else headers
        return self.request(method, f"/api/v1/crates/{name}/owners", fields, json.dumps({"users": users}).encode())

    def yank(self, name, vers="1.0.0", headers=None):
        return self.request("DELETE", f"/api/v1/crates/{name}/{vers}/yank", WORD if headers is None else headers)

    def me(self, **headers):
        return name_in(self.get("/me", **headers))

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, HARD)
        self.socket.close()


def name_in(answer):
    """Whom /me says they are."""
    assert answer.status == 200, answer
    found = re.match(rb"You are (\S+) to this registry\.\n", answer.body)
    assert found, answer
    return found[1].decode()


def sentence(answer):
    """What a refusal says to a person: one line of at most 512 bytes, which cargo prints whole."""
    kind = answer.header("content-type")
    text = answer.detail() if kind.startswith("application/json") else answer.body.decode()
    assert 20 < len(text.encode()) <= 513 and "\n" not in text.strip(), answer
    return text.strip()
