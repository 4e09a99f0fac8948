"""Every route, by every method, for every kind of caller: the answers of tests/access_matrix.toml.

One registry a set of settings, with all kinds of listeners; each caller has two crates that are
there, one that they own and one that is another's, so that no walk is in the way of another. What
was refused has changed nothing, and what was granted has changed what it says."""

import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
import zlib
from pathlib import Path

import pytest

import raw
from access_matrix import HEALTH, SUBJECTS, Matrix, Route, routes_of
from fake_tailscaled import FakeTailscaled, person, tagged
from guppy import ROOT, binary, wait_for
from h2client import H2

MATRIX = Matrix()
UNKNOWN = "sgp_" + 43 * "0"  # its check characters are added below
FRIEND = "local:friend"
SENTENCE_MAX = 512
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@pytest.fixture(scope="module")
def code():
    program = Path(binary()).parent / "tests/access_table"
    return json.loads(subprocess.run([program], capture_output=True, check=True).stdout)


# -- a caller's connection


class Client(raw.Raw):
    """Like Raw, over TCP or a unix socket; fields may repeat, and it connects anew when it has to."""

    def __init__(self, where, host, connected=lambda port: None):
        self.where, self.host, self.connected = where, host, connected
        self.socket = None

    def _connect(self):
        if isinstance(self.where, tuple):
            self.socket = socket.create_connection(self.where, timeout=raw.TIMEOUT_S)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connected(self.socket.getsockname()[1])
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(raw.TIMEOUT_S)
            self.socket.connect(str(self.where))
        self.buffer, self.interim = b"", []

    def ask(self, method, path, fields=(), body=None):
        if self.socket is None:
            self._connect()
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.host}", *(f"{n}: {v}" for n, v in fields)]
        if body is not None:
            lines.append(f"Content-Length: {len(body)}")
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode() + (body or b""))
        answer = self.read_response(method == "HEAD")
        if (answer.header("connection") or "").lower() == "close":
            self.close()
        return answer

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None


class Client2(Client):
    """The same over HTTP/2, by prior knowledge."""

    def ask(self, method, path, fields=(), body=None):
        if self.socket is None:
            self._connect()
            self.h2 = H2(f"http://{self.host}", connected=self.socket)
        return self.h2.request(method, path, {name.lower(): value for name, value in fields}, body)


# -- a registry and its callers


class Rig:
    def __init__(self, name, new_guppy, folder):
        self.name, self.kinds = name, [k for k in MATRIX.kinds if k.server == name]
        self.fake = FakeTailscaled(folder / "tailscaled").start()
        self.users = {}
        self.peers = {peer: self._answer(peer, given) for peer, given in MATRIX.data["peers"].items()}
        sockets = {"PROXY": str(folder / "proxy"), "OTHER": str(folder / "other")}
        self.where = {}
        urls = {n: l.url for n, l in MATRIX.listeners.items() if l.url}
        for n, url in urls.items():
            if url.startswith("unix:"):
                path, query = url.removeprefix("unix:").split("?")
                self.where[n] = sockets[path]
                urls[n] = f"unix:{sockets[path]}?" + query.replace("UID", str(os.getuid())).replace("=OTHER", f"={os.getuid() + 1}")
        given = MATRIX.data["servers"][name]
        self.server = new_guppy(
            start=False, listen=list(urls.values()), settings=given["settings"], extra_toml="".join(map(grant_toml, given["grants"])),
            tailscale=self.fake,
        )  # fmt: skip
        self.names = list(urls)
        self._start()
        self.tokens = {}
        self.stock()

    def _start(self):
        self.server.start()
        for name, url in zip(self.names, self.server.urls):
            if url.startswith("http:"):
                self.where[name] = ("127.0.0.1", int(url.rstrip("/").rsplit(":", 1)[1]))
        self.host = "{}:{}".format(*self.where["closed"])
        self.where["admin-socket"] = self.server.data / "run" / "admin.sock"
        self.admin = Client(self.where["admin-socket"], self.host)
        with raw.Raw(self.server.urls[0]) as health:
            wait_for(lambda: health.request("GET", "/readyz").status == 200)

    def _answer(self, name, given):
        if given.get("self"):
            return tagged(given["tags"], given.get("cap"), node="crates", stable_id=self.fake.stable_id)
        if "tags" in given:
            return tagged(given["tags"], given.get("cap"), node=name)
        number = given.get("user_id") or self.users.setdefault(given["login"], len(self.users) + 1)
        return person(given["login"], number, given.get("cap"), shared=given.get("shared", False), expired=given.get("expired", False))

    def client(self, listener, peer=None, kind=Client):
        def connected(port):
            if peer:
                self.fake.set_port(port, self.peers[peer])
            else:
                self.fake.forget(f"127.0.0.1:{port}")

        where = self.where[listener]
        name = self.fake.full_name if MATRIX.listeners[listener].identity == "tailscale" else "127.0.0.1"
        return kind(where, f"{name}:{where[1]}" if isinstance(where, tuple) else self.host, connected)

    def run(self, **request):
        answer = self.admin.ask("POST", "/admin", [], json.dumps(request).encode())
        assert answer.status == 200, (request, answer)
        return answer.json()

    # -- what is there before anybody walks

    def stock(self):
        peers = {k.peer for k in self.kinds if k.peer} | {"boss", "met", "unseen", "anna"}
        for peer in sorted(peers - {"ann-unmet", "anna-expired"}):
            self.see(self.client("tailnet", peer))
        for value in sorted({v for k in self.kinds for v in k.forwarded}):
            self.see(self.client("proxy"), [("X-Forwarded-User", value)])
        for name in ("friend", "account", "blocked"):
            self.run(do="token-new", name=name)
        self.make_tokens()
        self.boss = self.client("tailnet", "boss")
        self.boss_fields = [("Authorization", self.run(do="token-new", name="boss@corp.test")["token"])]
        for kind in self.kinds:
            self.put_crates(kind)
        if any(k.peer == "blocked" for k in self.kinds):
            self.run(do="principal-block", name="blocked@corp.test")
        if self.name == "default":
            self.let_time_pass()

    def see(self, client, fields=()):
        assert client.ask("GET", "/me", fields).status == 200
        client.close()

    def make_tokens(self):
        for name in sorted({k.token for k in self.kinds if k.token}):
            given = MATRIX.data["tokens"][name]
            if given.get("on") == "/me":
                self.tokens[name] = self.make_on_me(given["of"])
                continue
            wanted = {k: given[k] for k in ("scopes", "crates", "from") if k in given}
            made = self.run(do="token-new", name=given["of"], **wanted)
            self.tokens[name] = made["token"]
            if given.get("then") == "revoke":
                self.run(do="token-revoke", id=made["id"])
            if given.get("then") == "block":
                self.run(do="principal-block", name=given["of"])

    def make_on_me(self, login):
        client = self.client("tailnet", login.split("@")[0])
        scopes = "&".join(f"scope={s}" for s in ("publish-new", "publish-update", "yank", "change-owners"))
        body = form_body(client, "token-new", [], f"days=30&from=own&crates=*&{scopes}")
        answer = client.ask("POST", "/me/tokens", [*form_fields(client), ("Accept", "text/html")], body)
        client.close()
        assert answer.status == 200, answer
        return re.search(rb"sgp_[0-9A-Za-z]{49}", answer.body)[0].decode()

    def put_crates(self, kind):
        for subject in ("own", "other"):
            name = crate(kind, subject)
            assert self.boss.ask("PUT", "/api/v1/crates/new", self.boss_fields, raw.body(name, "1.0.0")).status == 200
        if kind.key and kind.key != "boss@corp.test":
            self.own(crate(kind, "own"), kind.key)

    def own(self, name, owner):
        answer = self.boss.ask("PUT", f"/api/v1/crates/{name}/owners", self.boss_fields, json.dumps({"users": [owner]}).encode())
        assert answer.status == 200, answer

    def let_time_pass(self):
        """Ends a token, and lets a person be away for a month, as the clock of the database has it."""
        self.boss.close()
        self.admin.close()
        self.server.stop()
        expired = raw.sha256(self.tokens["expired"].encode())
        month_ago = int(time.time()) - 30 * 86400 - 60
        with sqlite3.connect(self.server.data / "superguppy.db") as db:
            changed = db.execute("UPDATE token SET expires = ? WHERE hash = ?", (int(time.time()) - 1, bytes.fromhex(expired))).rowcount
            assert changed == 1
            changed = db.execute("UPDATE principal SET last_seen = ? WHERE key = 'unseen@corp.test'", (month_ago,)).rowcount
            assert changed == 1
        db.close()
        self._start()
        self.boss = self.client("tailnet", "boss")

    # -- what a caller sends

    def fields(self, kind):
        fields = [("X-Forwarded-User", value) for value in kind.forwarded]
        if kind.funnel:
            fields.append(("Tailscale-Funnel-Request", "?1"))
        if kind.token:
            fields.append(("Authorization", self.tokens[kind.token]))
        elif kind.authorization:
            fields.append(("Authorization", with_check(UNKNOWN) if kind.authorization == "UNKNOWN" else kind.authorization))
        return fields

    def token_to_revoke(self, kind, route):
        """One of the caller's own; one of another, where they have no business to."""
        mine = MATRIX.answer(route, "-", kind) == 303
        return str(self.run(do="token-new", name=kind.key if mine else "somebody")["id"])

    def state(self, kind):
        """What the kind's crates are like now: {subject: (owners, {version: yanked})}."""
        state = {}
        for subject in ("new", "own", "other"):
            answer = self.admin.ask("POST", "/admin", [], json.dumps({"do": "crate-show", "name": crate(kind, subject)}).encode())
            shown = answer.json() if answer.status == 200 else {"owners": [], "versions": []}
            state[subject] = sorted(shown["owners"]), {v["version"]: v["yanked"] for v in shown["versions"]}
        return state


def grant_toml(grant):
    return "\n[[access.grant]]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in grant.items())


def crate(kind, subject):
    return f"{kind.name}-{subject}"


def with_check(text):
    """sgp_ and 43 characters with the six of its CRC-32 behind: of the right form, and unknown."""
    n, check = zlib.crc32(text.encode()), ""
    for _ in range(6):
        n, digit = divmod(n, 62)
        check = BASE62[digit] + check
    return text + check


def form_fields(client):
    return [("Origin", f"http://{client.host}"), ("Content-Type", "application/x-www-form-urlencoded")]


def form_body(client, action, fields, more=""):
    """The key comes from the page that this caller is shown; who gets no form sends a made-up one."""
    page = client.ask("GET", "/me", [*fields, ("Accept", "text/html")]).body.decode()
    form = r'action="/me/tokens"' if action == "token-new" else r'action="/me/tokens/\d+/revoke"'
    keys = re.findall(form + r'>\s*<input type="hidden" name="key" value="([^"]*)"', page)
    return f"key={keys[-1] if keys else '9999999999-' + 64 * '0'}&{more}".encode()


# -- the walk


def target(route, kind, subject, client, rig):
    """Path, further fields and body of a request that has nothing against it but who sends it."""
    name = crate(kind, "own" if subject == "-" else subject)
    more, body, path = [], None, route.path.replace("**", raw.index_path(name).removeprefix("/index/"))
    if route.need == "own-form":
        revoke = path.endswith("/revoke")
        more = form_fields(client)
        path = path.replace("{}", rig.token_to_revoke(kind, route))
        body = form_body(client, "token-revoke" if revoke else "token-new", rig.fields(kind), "days=1")
    elif route.need == "publish":
        body = raw.body(name, "1.0.0" if subject == "new" else "1.1.0")
    elif route.need == "change-owners":
        body = json.dumps({"users": [FRIEND]}).encode()
    elif route.need == "admin-door":
        body = b'{"do":"token-list"}'
    return path.replace("{}", name, 1).replace("{}", "1.0.0"), more, body


def refusal_flaw(answer, route, method):
    """What is wrong with the form of a refusal, None when it is good."""
    challenge = answer.header("www-authenticate")
    if (answer.status == 401) != (challenge is not None and challenge.startswith("Cargo login_url=")):
        return f"a {answer.status} with the challenge {challenge}"
    if answer.status < 400 or method == "HEAD":
        return None
    if route and route.shape == "json" and answer.status in (401, 403):
        sentence = answer.detail()
    else:
        sentence = answer.body.decode()
    return None if 0 < len(sentence.encode()) <= SENTENCE_MAX else f"a sentence of {len(sentence)} characters"


def walk(rig, kind, code):
    """Every path of the table by every method; what differs from the matrix, a line each."""
    routes, wrong, n = routes_of(code), [], 0
    client, fields = rig.client(kind.listener, kind.peer, Client2 if kind.http2 else Client), rig.fields(kind)
    for path in dict.fromkeys(route.path for route in routes):
        here = {route.method: route for route in routes if route.path == path}
        for method in code["methods"]:
            route = here.get("GET" if method == "HEAD" else method)
            for subject in SUBJECTS[route.need] if route else ["-"]:
                want = MATRIX.answer_to_method(routes, path, method, subject, kind)
                some = route or Route(method, path, "", "text")
                filled, more, body = target(some, kind, subject, client, rig)
                answer = client.ask(method, filled, fields + more, body)
                n += 1
                if answer.status != want:
                    wrong.append(f"{method} {path} ({subject}): {want} expected, {answer.status} came: {answer.body[:300]!r}")
                elif flaw := refusal_flaw(answer, route, method):
                    wrong.append(f"{method} {path} ({subject}): {flaw}")
    client.close()
    assert n > len(code["methods"]) * len(here)
    return wrong


def state_after(kind, before):
    """before, with what the matrix grants."""
    may = {s: MATRIX.answer(Route("PUT", "", "publish", "json"), s, kind) == 200 for s in SUBJECTS["publish"]}
    after = {}
    for subject, (owners, versions) in before.items():
        if may[subject]:
            owners, versions = owners or [kind.key], {**versions, "1.0.0" if subject == "new" else "1.1.0": False}
        after[subject] = owners, versions
    return after


@pytest.fixture(scope="module")
def rigs(shared_new_guppy, tmp_path_factory):
    made = {}

    def rig(name):
        if name not in made:
            made[name] = None  # not tried again for each caller
            made[name] = Rig(name, shared_new_guppy, tmp_path_factory.mktemp(f"rig-{name}"))
        assert made[name], f"the registry {name} could not be made"
        return made[name]

    yield rig
    for each in filter(None, made.values()):
        each.fake.stop()


@pytest.mark.parametrize("kind", sorted(MATRIX.kinds, key=lambda k: k.server), ids=lambda k: k.name)
def test_a_caller_gets_at_each_route_what_the_matrix_says(rigs, code, kind):
    rig = rigs(kind.server)
    before = rig.state(kind)
    assert before["own"][1] == before["other"][1] == {"1.0.0": False} and before["new"] == ([], {})
    wrong = walk(rig, kind, code)
    assert not wrong, f"{kind.says} ({kind.group}):\n" + "\n".join(wrong)
    assert rig.state(kind) == state_after(kind, before)
    assert not rig.fake.complaints


# -- the tables agree


def test_the_roles_of_the_program_are_those_of_the_matrix(code):
    ours = {role: {right: given.get(right, "none") for right in code["rights"]} for role, given in MATRIX.roles.items()}
    assert ours == code["roles"]
    assert set().union(*MATRIX.roles.values()) <= set(code["rights"])


def test_no_route_and_no_need_is_unknown_to_the_matrix(code):
    routes = routes_of(code)
    assert {r.need for r in routes} == set(SUBJECTS)
    # What needs nothing is listed here by hand: a new one has to be meant so.
    assert {r.path for r in routes if r.need == "nothing"} == {"/", "/me", *HEALTH}
    assert {r.path for r in routes if r.need == "own-form"} == {"/me/tokens", "/me/tokens/{}/revoke"}
    assert all(r.method == "GET" for r in routes if r.need in ("nothing", "read"))
    assert all(r.method != "GET" for r in routes if r.need not in ("nothing", "read"))


def test_every_listener_peer_and_token_of_the_matrix_is_walked():
    for table, field in (("listeners", "listener"), ("tokens", "token"), ("servers", "server")):
        assert {getattr(k, field) for k in MATRIX.kinds} - {None} == set(MATRIX.data[table]), table
    assert set(MATRIX.data["peers"]) - {k.peer for k in MATRIX.kinds} == {"met", "unseen"}


def test_the_page_is_printed_from_the_tables(code):
    run = subprocess.run(
        [sys.executable, ROOT / "tools/access_doc.py", "--check"], input=json.dumps(code), capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
