"""What somebody whom the network names can do with that: trusted proxies, tokens, owners, blocking, and
what a refusal looks like to them."""

import os
import re
import socket
import time

import pytest

import raw
from fake_tailscaled import person, tagged
from peers import ANNA, BEN, CI, READ, WORD, Peer, full_host, name_in, sentence

URL = "http://crates.corp.test"


# -- a trusted proxy


@pytest.fixture
def proxied(new_guppy, tmp_path):
    """proxied(more): a registry behind a unix socket on which a proxy names the users."""

    def make(more="", peer=None):
        path = tmp_path / "x.sock"
        listen = f"unix:{path}?identity=header&peer={os.getuid() if peer is None else peer}{more}"
        grant = '[[access.grant]]\nwho = ["header:anna"]\ndo = ["publish"]\ncrates = ["*"]\n'
        return new_guppy(listen=listen, settings={"server.url": URL}, extra_toml=grant), path

    return make


def over_unix(path):
    s = socket.socket(socket.AF_UNIX)
    s.connect(str(path))
    return raw.Raw(URL, connected=s)


def test_a_proxy_names_the_user(proxied):
    _, path = proxied()
    proxy = over_unix(path)
    for user in ("anna", "ben@corp.test"):  # one connection serves many
        assert name_in(proxy.request("GET", "/me", {"X-Forwarded-User": user})) == f"header:{user}"
    fields = {"X-Forwarded-User": "anna", **WORD}
    assert proxy.request("PUT", "/api/v1/crates/new", fields, raw.body("annas", "1.0.0")).status == 200
    owners = proxy.request("GET", "/api/v1/crates/annas/owners", fields).json()["users"]
    assert [user["login"] for user in owners] == ["header:anna"]


def test_a_proxy_that_names_nobody_or_two_names_nobody(proxied):
    _, path = proxied()
    proxy = over_unix(path)
    answer = proxy.request("GET", READ)
    assert answer.status == 403 and "X-Forwarded-User" in sentence(answer) or "x-forwarded-user" in sentence(answer)
    assert proxy.request("GET", READ, {"X-Forwarded-User": ""}).status == 403
    assert proxy.request("GET", READ, {"X_Forwarded_User": "anna"}).status == 403
    for second in ("ben", "anna"):
        twice = proxy.head("GET", READ, {"X-Forwarded-User": "anna"})[:-2] + f"x-forwarded-user: {second}\r\n\r\n".encode()
        proxy.send(twice)
        assert proxy.read_response().status == 403
    for odd in ("anna ben", "anna,ben", "local:bob", "tag:ci", "header:anna", "a" * 201, "\xe4nna"):
        answer = proxy.request("GET", "/me", {"X-Forwarded-User": odd})
        assert answer.status == 403 or name_in(answer).startswith("header:"), (odd, answer)
    assert proxy.request("GET", READ, {"X-Forwarded-User": "anna"}).status == 200


def test_the_field_may_have_another_name(proxied):
    _, path = proxied("&header=X-Auth-Request-User&mode=0600")
    assert path.stat().st_mode & 0o777 == 0o600
    proxy = over_unix(path)
    assert name_in(proxy.request("GET", "/me", {"X-Auth-Request-User": "anna"})) == "header:anna"
    assert proxy.request("GET", READ, {"X-Forwarded-User": "anna"}).status == 403


def test_another_program_on_the_socket_names_nobody(proxied):
    _, path = proxied(peer=os.getuid() + 1)
    answer = over_unix(path).request("GET", READ, {"X-Forwarded-User": "anna"})
    assert answer.status == 403 and "peer" in sentence(answer), answer


def test_several_programs_may_be_believed(proxied):
    _, path = proxied(f"&peer={os.getuid()}", peer=os.getuid() + 1)
    assert over_unix(path).request("GET", READ, {"X-Forwarded-User": "anna"}).status == 200


def test_a_proxied_listener_without_peer_is_refused(new_guppy, tmp_path):
    server = new_guppy(start=False, listen=f"unix:{tmp_path}/x.sock?identity=header").start(wait=False)
    assert server.process.wait(30) != 0
    server.process = None
    os.close(server.ready_fd)
    assert "peer" in server.log()


def test_the_named_field_counts_on_its_listener_alone(new_registry, tmp_path):
    listen = ["http://tailnet:0?identity=tailscale", f"unix:{tmp_path}/x.sock?identity=header&peer={os.getuid()}"]
    server = new_registry(listen=listen)
    assert name_in(Peer(server, ANNA).get("/me", X_Forwarded_User="ben")) == "anna@corp.test"
    proxy = over_unix(tmp_path / "x.sock")
    proxy.host = full_host(server)
    assert name_in(proxy.request("GET", "/me", {"X-Forwarded-User": "ben"})) == "header:ben"


# -- the word, and tokens


def test_every_change_needs_an_authorization_field_be_it_the_word(registry):
    anna = Peer(registry, ANNA)
    for fields in ({}, {"Authorization": "placeholder_token"}):
        answer = anna.publish("bare", headers=fields)
        assert answer.status in (401, 403), answer
        assert "token = \"tailscale\"" in sentence(answer) or "tailscale" in sentence(answer)
    for word in ("tailscale", "network", "Bearer tailscale"):
        assert anna.publish("worded", f"1.0.{len(word)}", {"Authorization": word}).status == 200
    for path in (READ, "/api/v1/crates?q=x"):
        assert anna.get(path).status == anna.get(path, Authorization="tailscale").status == 200


def test_what_is_no_live_token_never_falls_back_to_the_peer(registry):
    anna = Peer(registry, ANNA)
    dead = registry.token("bob")
    registry.cli("token", "revoke", "1")
    for token in (dead, "sgp_" + "a" * 49, "secret", "Basic YTpi", "tailscale2"):
        assert anna.get(READ, Authorization=token).status in (401, 403), token
        assert anna.publish("theirs", headers={"Authorization": token}).status in (401, 403), token
    assert anna.get(READ).status == 200


def test_a_token_replaces_the_peer(registry):
    token = registry.token("bob", scopes=["read", "publish-new"])
    anna = Peer(registry, ANNA)
    assert anna.me(Authorization=token) == "local:bob"
    assert anna.publish("bobs", headers={"Authorization": token}).status == 200
    assert anna.publish("bobs", "1.1.0").status == 403  # it is not anna's


FROM = {  # --from: where anna's token works
    "own": {"anna", "anna elsewhere"},
    "any": {"anna", "anna elsewhere", "ben", "ci", "release"},
    "tag:ci": {"ci"},
}
PLACES = {
    "anna": ANNA,
    "anna elsewhere": person("anna@corp.test", 7, node="anna-desktop"),
    "ben": BEN,
    "ci": CI,
    "release": tagged(["tag:ci-release"], node="release-1"),
}


@pytest.mark.parametrize("place", FROM)
def test_a_persons_token_works_from_where_it_was_made_for(registry, place):
    assert Peer(registry, ANNA).me() == "anna@corp.test"
    token = registry.token("anna@corp.test", "--from", place, scopes=["read", "publish-new"])
    for name, who in PLACES.items():
        peer = Peer(registry, who)
        answer = peer.get("/me", Authorization=token)
        if name in FROM[place]:
            assert name_in(answer) == "anna@corp.test", (name, answer)
            assert peer.publish(f"from-{name}".replace(" ", "-"), headers={"Authorization": token}).status == 200
        else:
            assert answer.status in (401, 403), (name, answer)
            sentence(answer)
            assert peer.publish(f"from-{name}".replace(" ", "-"), headers={"Authorization": token}).status in (401, 403)


def test_a_token_of_somebody_never_seen_is_not_made(registry):
    run = registry.cli("token", "new", "carl@corp.test", check=False)
    assert run.returncode == 1 and "/me" in run.stderr, run


def test_changes_may_need_the_identity_and_a_token_of_the_same_person(new_registry):
    server = new_registry(settings={"access.changes_need_token": True})
    anna, ben = Peer(server, ANNA), Peer(server, BEN)
    assert (anna.me(), ben.me()) == ("anna@corp.test", "ben@corp.test")
    annas = {"Authorization": server.token("anna@corp.test", "--from", "any")}
    answer = anna.publish("careful")
    assert answer.status in (401, 403) and "token" in sentence(answer), answer
    assert ben.publish("careful", headers=annas).status in (401, 403)
    assert anna.publish("careful", headers=annas).status == 200
    assert anna.get(READ).status == 200


def test_a_person_makes_and_revokes_tokens_on_their_page(registry):
    anna = Peer(registry, ANNA)
    page = anna.get("/me", Accept="text/html").body.decode()
    key = re.search(r'action="/me/tokens".*?name="key" value="([^"]+)"', page, re.S)[1]
    form = f"key={key}&name=laptop&scope=publish-new&crates=*&from=any&days=30".encode()
    fields = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{full_host(registry)}"}

    def post(who, fields, body=form, path="/me/tokens"):
        return who.request("POST", path, {**fields, "Accept": "text/html"}, body)

    foreign = {**fields, "Origin": "http://evil.test"}
    none = {k: v for k, v in fields.items() if k != "Origin"}
    ben = Peer(registry, BEN)
    assert [post(anna, foreign).status, post(anna, none).status, post(ben, fields).status] == [403, 403, 403]
    assert post(anna, {**fields, "Origin": "null"}).status == 403
    assert post(anna, fields, b"name=x&days=30").status == 403
    made = post(anna, fields)
    assert made.status == 200, made
    token = re.search(rb"sgp_[0-9A-Za-z]{49}", made.body)[0].decode()
    assert Peer(registry, BEN).me(Authorization=token) == "anna@corp.test"
    page = anna.get("/me", Accept="text/html")
    assert token not in page.body.decode() and page.header("referrer-policy") == "same-origin"
    path, key = re.search(r'action="(/me/tokens/\d+/revoke)".*?name="key" value="([^"]+)"', page.body.decode(), re.S).groups()
    assert post(ben, fields, f"key={key}".encode(), path).status == 403
    assert post(anna, fields, f"key={key}".encode(), path).status == 303
    assert Peer(registry, BEN).get(READ, Authorization=token).status in (401, 403)


# -- people


def test_a_block_counts_at_once_on_open_connections(registry):
    anna, other = Peer(registry, ANNA), Peer(registry, person("anna@corp.test", 7, node="anna-desktop"))
    assert anna.publish("mine").status == other.get(READ).status == 200
    token = registry.token("anna@corp.test", "--from", "any")
    assert Peer(registry, BEN).get(READ, Authorization=token).status == 200
    registry.cli("principal", "block", "anna@corp.test")
    begin = time.monotonic()
    assert anna.get(READ).status == other.get(READ).status == 403
    assert "block" in sentence(anna.publish("mine", "1.1.0"))
    assert Peer(registry, BEN).get(READ, Authorization=token).status in (401, 403)
    assert time.monotonic() - begin < 1
    assert Peer(registry, BEN).get(READ).status == 200
    registry.cli("principal", "unblock", "anna@corp.test")
    assert anna.get(READ).status == 200


def test_an_owner_must_have_been_seen(registry):
    anna = Peer(registry, ANNA)
    assert anna.publish("shared").status == 200
    answer = anna.owners("shared", ["carl@corp.test"])
    assert answer.status >= 400 and "open /me once" in sentence(answer), answer
    assert Peer(registry, person("carl@corp.test", 9)).me() == "carl@corp.test"
    answer = anna.owners("shared", ["carl@corp.test"])
    assert answer.status == 200, answer
    assert Peer(registry, person("carl@corp.test", 9)).publish("shared", "1.1.0").status == 200


def test_a_login_that_comes_with_another_id_is_nobody_until_rebound(registry):
    """Somebody left, and the login went to somebody else; or the other way round."""
    assert Peer(registry, ANNA).publish("annas").status == 200
    taken = Peer(registry, person("anna@corp.test", 70))
    answer = taken.get(READ)
    assert answer.status == 403 and "rebind" in sentence(answer), answer
    renamed = Peer(registry, person("anna.b@corp.test", 7))
    answer = renamed.get(READ)
    assert answer.status == 403 and "rebind" in sentence(answer), answer
    registry.cli("principal", "rebind", "anna@corp.test")
    assert Peer(registry, person("anna@corp.test", 70)).publish("annas", "1.1.0").status == 200
    assert Peer(registry, ANNA).get(READ).status == 403


def test_a_login_in_the_configuration_is_admin_at_first_sight(new_registry):
    server = new_registry(settings={"access.admins": ["anna@corp.test"], "access.members": "read"})
    assert Peer(server, ANNA).publish("hers").status == 200
    assert Peer(server, BEN).publish("his").status == 403


def test_the_welcome_says_who_is_let_in_and_where_to_send_people(registry):
    assert Peer(registry, ANNA).get(READ).status == 200
    said = registry.log()
    for part in (f"http://{full_host(registry)}", "access.members", "access.admins", "nobody yet", 'token = "tailscale"'):
        assert part in said, part


def test_me_says_who_from_where_and_what(registry):
    text = Peer(registry, person("anna@corp.test", 7, caps={"do": ["maintain"], "crates": ["acme-*"]})).get("/me").body.decode()
    for part in ("anna@corp.test", "anna-laptop.rig.test", "n7annaCNTRL", "100.64.1.8", "access.members", "maintain",
                 "acme_*", "HTTP/1.1", f"sparse+http://{full_host(registry)}/index/"):
        assert part in text, (part, text)
    assert "tag:ci" in Peer(registry, CI).get("/me").body.decode()


def test_the_log_names_person_and_node(registry):
    Peer(registry, ANNA).get(READ)
    Peer(registry, CI).get(READ)
    log = registry.log()
    assert re.search(r"anna@corp\.test.*anna-laptop\.rig\.test|anna-laptop\.rig\.test.*anna@corp\.test", log), log
    assert re.search(r"tag:ci\b.*ci-1\.rig\.test|ci-1\.rig\.test.*tag:ci\b", log), log


# -- on cargo's terminal


def cargo_on_the_tailnet(new_cargo, server, token="tailscale", toolchain=None):
    """MagicDNS names resolve nowhere here; so cargo asks the registry itself as if it were a proxy."""
    user = new_cargo(f"http://{full_host(server)}", token, toolchain, name="crates",
        more_config=f'[http]\nproxy = "http://127.0.0.1:{server.address[1]}"\n')  # fmt: skip
    run = user.run
    user.run = lambda *a, **k: run(*a, **{**k, "env": {"no_proxy": "", **(k.get("env") or {})}})
    return user


def test_cargo_publishes_and_uses_a_crate_with_the_word_alone(registry, new_cargo, toolchain):
    registry.tailscale.default = ANNA
    user = cargo_on_the_tailnet(new_cargo, registry, toolchain=toolchain)
    user.publish_new("wordy", lib="pub fn f() -> u8 { 7 }\n")
    app = user.app('wordy = { version = "0.1", registry = "crates" }', main="fn main() { assert_eq!(wordy::f(), 7); }\n")
    user.run("run", cwd=app)
    assert f"sparse+http://{full_host(registry)}/index/" in (app / "Cargo.lock").read_text()


def test_cargo_shows_who_it_is_taken_for_and_what_to_do(new_registry, new_cargo, toolchain):
    server = new_registry(settings={"access.members": "read"})
    server.tailscale.default = BEN
    user = cargo_on_the_tailnet(new_cargo, server, toolchain=toolchain)
    run = user.publish(user.package("refused"), check=False)
    assert run.returncode != 0 and "ben@corp.test" in run.stderr, run.stderr


def test_cargo_shows_why_a_stranger_is_refused(registry, new_cargo, toolchain):
    user = cargo_on_the_tailnet(new_cargo, registry, toolchain=toolchain)
    run = user.publish(user.package("refused"), check=False)
    assert run.returncode != 0 and "the tailnet does not know who is at 127.0.0.1" in run.stderr, run.stderr
