"""A tailscaled that says what a test tells it to, on top of what a real one said (localapi/*.json).

    fake = FakeTailscaled(folder).start()
    fake.set("127.0.0.1:50123", person("anna@corp.test", 7))     # or NOBODY, HANG, slow(1, ...), ...

What nobody was set for is NOBODY, as tailscaled answers 404. Everything may be changed while it
runs; the asks are kept (`asks`, `most_in_flight`). A request that a real tailscaled would refuse (another
Host, an Origin) is refused here too, and kept in `complaints`."""

import asyncio
import copy
import functools
import json
import threading
from collections import Counter
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

RECORDED = Path(__file__).resolve().parent / "localapi"
CAPABILITY = "superguppy.internal/cap/registry"
TAGGED_USER = 2147455555
VERSION = "1.102.3-t0123456789"


# -- what it answers


class Answer:
    """status and body as they are sent; the rest is how they are sent."""

    def __init__(self, body, status=200, seconds=0.0, cut=None, hang=False, drop=False, length=None, raw=None):
        self.body = body if isinstance(body, bytes) else body.encode()
        self.status, self.seconds, self.cut = status, seconds, cut
        self.hang, self.drop, self.length, self.raw = hang, drop, length, raw

    def changed(self, **fields):
        answer = copy.copy(self)
        for name, value in fields.items():
            setattr(answer, name, value)
        return answer

    def bytes(self):
        if self.raw is not None:
            return self.raw
        reason = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found"}.get(self.status, "Said")
        kind = "application/json" if self.status == 200 else "text/plain; charset=utf-8"
        head = f"HTTP/1.0 {self.status} {reason}\r\nContent-Type: {kind}\r\nTailscale-Cap: 145\r\n"
        head += f"Tailscale-Version: {VERSION}\r\n"
        # Go announces what is small and done at once, and lets the rest end with the connection.
        if self.length if self.length is not None else len(self.body) < 2048:
            head += f"Content-Length: {len(self.body)}\r\n"
        return head.encode() + b"\r\n" + self.body


def go_json(value):
    """As Go writes it: tabs, and <, > and & escaped."""
    text = json.dumps(value, indent="\t", ensure_ascii=False)
    return (text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e") + "\n").encode()


def merged(base, over):
    """over on top of base, objects key by key; a value of ... takes the key away."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    result = dict(base)
    for key, value in over.items():
        if value is ...:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


@functools.cache
def recorded(name):
    """What a real tailscaled said (localapi/record.py)."""
    return json.loads((RECORDED / f"{name}.json").read_text())


def capabilities(caps):
    """caps: None (no grant applies), the value of our capability, or a whole CapMap."""
    if caps is None or (isinstance(caps, dict) and "do" not in caps):
        return caps
    return {CAPABILITY: caps if isinstance(caps, list) else [caps]}


def whois(base, node, name, addresses, profile, caps, more):
    answer = recorded(base)
    short = name.split(".")[0]
    networks = [f"{a}/{128 if ':' in a else 32}" for a in addresses]
    facts = {
        "Name": f"{name}." if name else "",
        "User": profile["ID"],
        "Addresses": networks,
        "AllowedIPs": networks,
        "Hostinfo": {"Hostname": short},
        "ComputedName": short,
        "ComputedNameWithHost": short,
    }
    answer = merged(answer, {"Node": merged(facts, node), "UserProfile": profile, "CapMap": ...})
    answer["CapMap"] = capabilities(caps)
    return Answer(go_json(merged(answer, more)))


def person(login, user_id, caps=None, node=None, stable_id=None, addresses=None, shared=False, expired=False, **more):
    """A person at one of their nodes. more: whole keys of the answer to change."""
    short = login.split("@")[0]
    name = "" if shared else (node or f"{short}-laptop") + ".rig.test"
    facts = {"StableID": stable_id or f"n{user_id}{node or short}CNTRL", "KeyExpiry": "2027-05-01T09:00:00Z"}
    if expired:
        facts.update(KeyExpiry="2026-01-01T00:00:00Z", Expired=True)
    if shared:
        facts["Hostinfo"] = {"ShareeNode": True, "Hostname": ""}
    addresses = addresses or [f"100.64.1.{user_id % 250 + 1}", f"fd7a:115c:a1e0::{user_id % 250 + 1:x}"]
    profile = {"ID": user_id, "LoginName": login, "DisplayName": short.title()}
    return whois("whois-userspace-anna", facts, name, addresses, profile, caps, more)


def tagged(tags, caps=None, node="ci-1", stable_id=None, addresses=None, **more):
    """A tagged node: its user is the pseudo-user of all of them."""
    facts = {"StableID": stable_id or f"n{node}CNTRL", "Tags": list(tags)}
    profile = {"ID": TAGGED_USER, "LoginName": "tagged-devices", "DisplayName": "Tagged Devices"}
    return whois("whois-userspace-ci", facts, f"{node}.rig.test", addresses or ["100.64.2.1"], profile, caps, more)


def status(code, text="said so"):
    return Answer(text, status=code)


def slow(seconds, answer):
    return answer.changed(seconds=seconds)


def truncated(answer, left_out=40, announced=True):
    """Ends in the middle of its body; announced: with the length of the whole in its head."""
    return answer.changed(cut=left_out, length=announced)


def chunked(answer, piece=100):
    body = b"".join(
        f"{len(answer.body[i : i + piece]):x}\r\n".encode() + answer.body[i : i + piece] + b"\r\n"
        for i in range(0, len(answer.body), piece)
    )
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    return answer.changed(raw=head + body + b"0\r\n\r\n")


def huge(n=64 << 20):
    """A body beyond all measure, well-formed as far as it goes."""
    return Answer(b'{"Node":{"Name":"' + b"a" * n + b'"}}')


NOBODY = Answer("no match for IP:port\n", status=404)
HANG = Answer("", hang=True)
DROP = Answer("", drop=True)
GARBAGE = Answer("", raw=b"\x00\x01\x02 this is no HTTP \xff\xfe\r\n\r\n{")
NOT_JSON = Answer('{"Node": {"StableID": "n1", ')
EMPTY = Answer("{}")


# -- the daemon


class FakeTailscaled:
    def __init__(self, folder, tun=False, name="crates", state="Running", stable_id="nRegistryCNTRL", user=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.socket = str(self.folder / "s")
        self.tun, self.state, self.name, self.stable_id = tun, state, name, stable_id
        self.suffix = "rig.test"
        self.addresses = ["100.64.0.1", "fd7a:115c:a1e0::1"]
        self.tags = ["tag:registry"]
        self.user = user  # (login, id): then it is a person's and carries no tag
        self.key_expiry = None  # "2027-01-01T00:00:00Z"
        self.control_url = "http://10.99.0.1:18080"
        self.auth_url = ""
        self.health = []
        self.serve_config = {}
        self.default = NOBODY
        self.status_answer = None  # an Answer in place of the status
        self.table = {}
        self.asks = []  # addresses, in order
        self.complaints = []
        self.in_flight = self.most_in_flight = 0
        self.paths = Counter()
        self.loop = None

    # -- what a test says

    def set(self, address, answer):
        self.table[address] = answer

    def set_port(self, port, answer):
        """Userspace mode: who is behind this port of loopback."""
        self.table[f"127.0.0.1:{port}"] = answer

    def forget(self, address):
        self.table.pop(address, None)

    def asked(self, address=None):
        return len(self.asks) if address is None else self.asks.count(address)

    @property
    def full_name(self):
        return f"{self.name}.{self.suffix}"

    # -- life

    def start(self):
        started = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self.thread.start()
        assert started.wait(10), "the fake tailscaled does not start"
        return self

    def _run(self, started):
        self.loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self.loop)
        self.writers = set()
        server = self.loop.run_until_complete(asyncio.start_unix_server(self._serve, self.socket, backlog=1024))
        self.loop.call_soon(started.set)
        self.loop.run_forever()
        server.close()
        for writer in list(self.writers):
            writer.transport.abort()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()

    def stop(self, leave_socket=True):
        """As if it were killed: its connections end, its socket's file stays."""
        if not self.loop:
            return
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop = None
        self.in_flight = 0
        if not leave_socket:
            Path(self.socket).unlink(missing_ok=True)

    def restart(self):
        self.stop()
        return self.start()

    # -- what it says

    async def _serve(self, reader, writer):
        self.writers.add(writer)
        try:
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                head = await reader.readuntil(b"\r\n\r\n")
                await self._answer(head.decode("latin-1"), reader, writer)
        finally:
            self.writers.discard(writer)
            writer.close()

    async def _answer(self, head, reader, writer):
        request, *lines = head.rstrip("\r\n").split("\r\n")
        method, target, _ = request.split(" ")
        fields = {n.lower(): v.strip() for n, v in (line.split(":", 1) for line in lines)}
        path = urlsplit(target).path
        self.paths[path] += 1
        if wrong := self._what_is_wrong(method, path, fields):
            self.complaints.append((request, wrong))
            await self._send(reader, writer, status(403, wrong))
        elif path == "/localapi/v0/whois":
            await self._whois(parse_qs(urlsplit(target).query), reader, writer)
        else:
            await self._send(reader, writer, self._other(path))

    @staticmethod
    def _what_is_wrong(method, path, fields):
        if fields.get("host", "") not in ("", "local-tailscaled.sock"):
            return "invalid localapi request: Host"
        if "origin" in fields or "referer" in fields:
            return "invalid localapi request: Origin"
        if method != "GET" or not path.startswith("/localapi/v0/"):
            return f"unexpected {method} {path}"
        return None

    async def _whois(self, query, reader, writer):
        address = query.get("addr", [""])[0]
        if not address or query.get("proto") != ["tcp"] or self.tun == address.startswith("127."):
            self.complaints.append((address, f"no good question: {query}"))
        self.asks.append(address)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await self._send(reader, writer, self.table.get(address, self.default))
        finally:
            self.in_flight -= 1

    async def _send(self, reader, writer, answer):
        if answer.hang or answer.seconds:  # or until who asks has had enough
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(reader.read(1), None if answer.hang else answer.seconds)
                return
        if answer.drop:
            writer.transport.abort()
            return
        data = answer.bytes()
        writer.write(data[: -answer.cut] if answer.cut else data)
        await writer.drain()

    def _other(self, path):
        if path == "/localapi/v0/status":
            return self.status_answer or Answer(go_json(self._status()))
        if path == "/localapi/v0/prefs":
            return Answer(go_json(merged(recorded("prefs-userspace"), {"ControlURL": self.control_url, "WantRunning": True})))
        if path == "/localapi/v0/serve-config":
            return Answer(go_json(self.serve_config))
        return Answer("404 not found\n", status=404)

    def _status(self):
        if self.state != "Running":
            changes = {"BackendState": self.state, "AuthURL": self.auth_url, "TUN": self.tun}
            return merged(recorded("status-needs-login"), changes)
        login, user_id = self.user or ("tagged-devices", TAGGED_USER)
        base = merged(recorded("status-tun" if self.tun else "status-userspace"), {"User": ..., "Self": {"Tags": ...}})
        node = {
            "ID": self.stable_id,
            "HostName": self.name,
            "DNSName": f"{self.full_name}.",
            "UserID": user_id,
            "TailscaleIPs": self.addresses,
            **({} if self.user else {"Tags": self.tags}),
            **({"KeyExpiry": self.key_expiry} if self.key_expiry else {}),
        }
        changes = {
            "Self": node,
            "TailscaleIPs": self.addresses,
            "Health": self.health,
            "MagicDNSSuffix": self.suffix,
            "CurrentTailnet": {"MagicDNSSuffix": self.suffix},
            "User": {str(user_id): {"ID": user_id, "LoginName": login, "DisplayName": login}},
        }
        return merged(base, changes)
