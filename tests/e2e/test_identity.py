"""Who is it? The registry asks a tailscaled (a fake one) about each connection, and nothing else says
who somebody is."""

import os
import random
import socket
import time

import pytest

import fake_tailscaled as fakes
from fake_tailscaled import FakeTailscaled, person, slow, tagged
from guppy import TAILNET, wait_for
from peers import ANNA, BEN, CI, GUEST, READ, Peer, bound, full_host, name_in, sentence

DEADLINE_S = 2  # of a question to tailscaled


# -- each connection is asked about, and only what it is


def test_ten_thousand_connections_of_two_people_are_never_mixed_up(new_registry):
    """A-30: both come from 127.0.0.1, by a few ports that are used again and again, now by the one and
    now by the other; some go away while they are asked about."""
    server = new_registry(settings={"log.access": False})
    people = [(ANNA, "anna@corp.test"), (CI, "tag:ci")]
    first = [bound(server, None) for _ in range(24)]
    ports = [s.getsockname()[1] for s in first]
    for s in first:
        s.close()
    choose = random.Random(30)
    wrong, done, left = [], 0, 10_000
    while left > 0:
        batch = []
        for port in choose.sample(ports, 16):
            who, name = choose.choice(people)
            batch.append((Peer(server, who, port=port), name))
        left -= len(batch)
        for peer, _ in batch:
            peer.send(peer.head("GET", "/me"))
        for peer, name in batch:
            if choose.random() < 0.1:
                peer.reset()  # the next to have its port must not get what is being asked now
                continue
            done += 1
            if (answer := name_in(peer.read_response())) != name:
                wrong.append((name, answer))
            peer.reset()
    assert not wrong and done > 8_000, (done, wrong[:5])


def test_a_port_that_changed_hands_while_it_was_asked_about_is_the_new_persons(registry):
    fake = registry.tailscale
    anna = Peer(registry, slow(0.3, ANNA))
    anna.send(anna.head("GET", "/me"))
    wait_for(lambda: fake.in_flight == 1)
    anna.reset()
    ben = Peer(registry, BEN, port=anna.port)
    assert ben.me() == "ben@corp.test"
    wait_for(lambda: fake.in_flight == 0)
    assert ben.me() == "ben@corp.test"
    assert ben.get(READ).status == 200


def test_a_connection_is_asked_about_once(registry):
    anna = Peer(registry, ANNA)
    for path in (READ, "/index/3/n/non", "/api/v1/crates?q=x", READ):
        assert anna.get(path).status in (200, 404)
    assert anna.asked == 1
    other = Peer(registry, ANNA)
    assert other.get(READ).status == 200
    assert (anna.asked, other.asked) == (1, 1)


def test_requests_at_once_on_one_connection_share_one_question(registry):
    h2client = pytest.importorskip("h2client")
    s = bound(registry, slow(0.1, ANNA))
    s.connect(registry.address)
    with h2client.H2(registry.url, connected=s) as h2:
        h2.host = full_host(registry)
        streams = [h2.open("GET", READ) for _ in range(50)]
        assert {h2.wait(stream).status for stream in streams} == {200}
    assert registry.tailscale.asked() == 1


def test_every_change_asks_afresh(registry):
    anna = Peer(registry, ANNA)
    assert anna.get(READ).status == 200
    assert anna.publish("first").status == 200
    assert anna.publish("first", "1.0.1").status == 200
    assert anna.yank("first").status == 200
    assert anna.asked == 4


def test_a_right_taken_away_counts_for_the_next_change(new_registry):
    """The policy decides alone; each way of taking the grant away leaves nothing."""
    server = new_registry(settings={"access.members": "none", "access.tagged": "none"})
    grant = {"do": ["publish"], "crates": ["*"]}
    taken = [None, [], {fakes.CAPABILITY: None}, {"do": ["publish"], "crate": ["*"]}, {"do": ["publisher"], "crates": ["*"]}]
    anna = Peer(server, person("anna@corp.test", 7, caps=grant))
    for i, caps in enumerate(taken):
        anna.become(person("anna@corp.test", 7, caps=grant))
        assert anna.publish("kept", f"1.0.{i}").status == 200
        anna.become(person("anna@corp.test", 7, caps=caps))
        answer = anna.publish("kept", f"2.0.{i}")
        assert answer.status == 403, (caps, answer)
        assert "anna@corp.test" in sentence(answer)


def test_reading_asks_again_after_ten_seconds(registry):
    """The one wait of this file that is as long as what it is about."""
    anna = Peer(registry, ANNA)
    begin = time.monotonic()
    assert anna.get(READ).status == 200
    anna.become(fakes.NOBODY)
    wait_for(lambda: anna.get(READ).status != 200, timeout_s=20)
    assert 9.5 < time.monotonic() - begin < 13
    assert anna.asked == 2
    assert anna.get(READ).status == 403


def test_at_most_eight_questions_are_asked_at_a_time(registry):
    fake = registry.tailscale
    fake.default = slow(0.02, ANNA)
    peers = [Peer(registry, None) for _ in range(200)]
    for peer in peers:
        peer.send(peer.head("GET", READ))
    assert {peer.read_response().status for peer in peers} == {200}
    assert fake.asked() == 200
    assert fake.most_in_flight == 8


def test_health_asks_nothing(registry):
    stranger = Peer(registry, fakes.HANG)
    for path in ("/healthz", "/readyz"):
        assert stranger.get(path).status == 200
        assert stranger.get(path, Authorization="tailscale").status == 200
    assert stranger.asked == 0


def test_health_answers_under_any_name(registry):
    with Peer(registry, fakes.HANG, host="10.1.2.3") as probe:
        assert probe.get("/healthz").status == 200


# -- anything but a clear answer denies


def test_no_answer_in_time_is_503(registry):
    anna = Peer(registry, fakes.HANG)
    begin = time.monotonic()
    answer = anna.get(READ)
    assert answer.status == 503 and answer.header("retry-after"), answer
    assert DEADLINE_S - 0.1 < time.monotonic() - begin < DEADLINE_S + 1.5
    sentence(answer)
    anna.become(ANNA)
    assert anna.get(READ).status == 200  # what was no answer is not kept


def test_a_slow_answer_within_the_time_is_taken(registry):
    assert Peer(registry, slow(1, ANNA)).me() == "anna@corp.test"


def test_an_unknown_peer_gets_403_and_a_sentence(registry):
    for path in (READ, "/index/3/n/non", "/api/v1/crates?q=x", "/", "/me"):
        stranger = Peer(registry, fakes.NOBODY)
        answer = stranger.get(path)
        assert answer.status == 403, (path, answer)
        assert f"127.0.0.1:{stranger.port}" in sentence(answer)
        assert stranger.asked == 1


BROKEN = {
    "forbidden": fakes.status(403),
    "bad request": fakes.status(400),
    "server error": fakes.status(500),
    "redirect": fakes.status(302),
    "no content": fakes.status(204, ""),
    "not HTTP": fakes.GARBAGE,
    "not JSON": fakes.NOT_JSON,
    "empty object": fakes.EMPTY,
    "nothing": fakes.Answer(""),
    "dropped": fakes.DROP,
    "cut short": fakes.truncated(ANNA),
    "cut short, length not announced": fakes.truncated(ANNA, announced=False),
    "cut by one byte": fakes.truncated(ANNA, left_out=1),
    "too large": fakes.huge(6 << 20),
    "array": fakes.Answer("[]"),
    "two answers": ANNA.changed(body=ANNA.body + BEN.body),
    "no user": person("anna@corp.test", 7, UserProfile=...),
    "no node": person("anna@corp.test", 7, Node=...),
    "no login": person("anna@corp.test", 7, UserProfile={"LoginName": ""}),
    "no id": person("anna@corp.test", 7, UserProfile={"ID": 0}),
    "id is no number": person("anna@corp.test", 7, UserProfile={"ID": "7"}),
    "id is no whole number": person("anna@corp.test", 7, UserProfile={"ID": 7.5}),
    "login twice": ANNA.changed(body=ANNA.body.replace(b'"LoginName"', b'"LoginName": "root@corp.test", "LoginName"')),
    "tags are a string": tagged(["tag:ci"], Node={"Tags": "tag:ci"}),
    "tags are no tags": tagged(["ci", 5]),
    "pseudo-user without tags": person("tagged-devices", fakes.TAGGED_USER),
}


@pytest.mark.parametrize("how", BROKEN)
def test_an_answer_that_is_not_clear_is_nobody(registry, how):
    peer = Peer(registry, BROKEN[how])
    for answer in (peer.get(READ), Peer(registry, BROKEN[how]).publish("theirs")):
        assert answer.status in (403, 503), answer
        sentence(answer)
    token = registry.token("bob")
    assert Peer(registry, BROKEN[how]).get(READ, Authorization=token).status in (401, 403, 503)
    assert Peer(registry, ANNA).me() == "anna@corp.test"  # the next one is not worse off


def test_an_answer_in_chunks_is_taken(registry):
    assert Peer(registry, fakes.chunked(ANNA)).me() == "anna@corp.test"


def test_unknown_keys_and_large_ids_are_taken(registry):
    who = person("anna@corp.test", 2**53 + 1, Later={"a": [1]}, Node={"Later": None}, UserProfile={"Groups": ["x"]})
    assert Peer(registry, who).me() == "anna@corp.test"


def test_connections_that_end_while_they_are_asked_about_leave_nothing(registry):
    fake = registry.tailscale
    for kind in ("reset", "close"):
        peers = [Peer(registry, slow(0.2, ANNA)) for _ in range(40)]
        for i, peer in enumerate(peers):
            peer.send(peer.head("GET", READ if i % 2 else "/me"))
        wait_for(lambda: fake.in_flight > 0)
        for peer in peers:
            getattr(peer, kind)()
    assert Peer(registry, ANNA).me() == "anna@corp.test"
    assert "status=500" not in registry.log()


def test_a_half_closed_connection_is_nobody(registry):
    """Its port may be another's in a moment."""
    anna = Peer(registry, slow(0.1, ANNA))
    anna.send(anna.head("GET", READ))
    anna.socket.shutdown(socket.SHUT_WR)
    assert anna.read_response().status == 403


def test_another_node_behind_the_same_connection_ends_it(registry):
    anna = Peer(registry, ANNA)
    assert anna.get(READ).status == 200
    anna.become(BEN)
    answer = anna.publish("mine")
    assert answer.status == 403 and answer.header("connection") == "close", answer
    assert anna.read_to_end() == b""


def test_in_tun_mode_loopback_is_nobody_and_not_asked_about(new_registry, tmp_path):
    server = new_registry(FakeTailscaled(tmp_path / "tun", tun=True).start())
    local = Peer(server, ANNA)
    answer = local.get(READ)
    assert answer.status == 403 and full_host(server) in sentence(answer), answer
    assert server.tailscale.asked() == 0


# -- who is who


def test_tags_come_before_users(registry):
    who = tagged(["tag:ci"], UserProfile={"ID": 7, "LoginName": "anna@corp.test"})
    assert Peer(registry, who).me() == "tag:ci"


def test_the_pseudo_user_of_tagged_nodes_owns_nothing(new_registry):
    """A-34: else every tagged machine would own what any of them published."""
    server = new_registry(settings={"access.tagged": "publish"})
    one = Peer(server, tagged(["tag:one"], node="one-1"))
    assert one.publish("ones").status == 200
    assert one.get("/api/v1/crates/ones/owners").json()["users"][0]["login"] == "tag:one"
    other = Peer(server, tagged(["tag:two"], node="two-1"))
    answer = other.publish("ones", "1.1.0")
    assert answer.status == 403 and "tag:two" in sentence(answer), answer
    assert Peer(server, tagged(["tag:one"], node="one-2")).publish("ones", "1.1.0").status == 200


SPECIAL = {
    "shared": (GUEST, "shared:guest@elsewhere.test", True),
    "own node": (person("anna@corp.test", 7, stable_id="nRegistryCNTRL"), "self", True),
    "own node, tagged": (tagged(["tag:registry"], stable_id="nRegistryCNTRL"), "self", True),
    "expired": (person("anna@corp.test", 7, expired=True), "anna@corp.test", False),
    "expired, tagged": (tagged(["tag:ci"], Node={"Expired": True}), "tag:ci", False),
}


@pytest.mark.parametrize("kind", SPECIAL)
def test_some_get_nothing_unless_they_are_named(new_registry, kind):
    who, name, may_be_named = SPECIAL[kind]
    grant = {fakes.CAPABILITY: [{"do": ["admin"], "crates": ["*"]}]}
    server = new_registry()
    granted = fakes.Answer(who.body.replace(b'"CapMap": null', b'"CapMap": ' + fakes.go_json(grant)))
    for peer in (Peer(server, who), Peer(server, granted)):
        assert peer.get(READ).status == 403
        answer = peer.publish("theirs")
        assert answer.status == 403, answer
        sentence(answer)
    named = new_registry(settings={"access.admins": [name]})
    answer = Peer(named, who).publish("theirs")
    assert answer.status == (200 if may_be_named else 403), answer


def test_what_comes_by_funnel_gets_nothing(new_registry):
    server = new_registry(settings={"access.admins": ["anna@corp.test"]})
    anna = Peer(server, ANNA)
    answer = anna.get(READ, Tailscale_Funnel_Request="?1")
    assert answer.status == 403 and "Funnel" in sentence(answer)
    token = server.token("bob")
    assert anna.get(READ, Tailscale_Funnel_Request="?1", Authorization=token).status == 403
    assert anna.get(READ).status == 200


def test_headers_say_nothing_of_who_it_is(registry):
    forged = {
        "X-Forwarded-User": "ben@corp.test",
        "X-Forwarded-For": "100.64.1.9",
        "Forwarded": "for=100.64.1.9",
        "Tailscale-User-Login": "ben@corp.test",
        "Tailscale-User-Name": "Ben",
        "Tailscale-App-Capabilities": '{"superguppy.internal/cap/registry":[{"do":["admin"],"crates":["*"]}]}',
        "Remote-User": "ben@corp.test",
    }
    anna = Peer(registry, ANNA)
    assert name_in(anna.request("GET", "/me", forged)) == "anna@corp.test"
    assert Peer(registry, fakes.NOBODY).request("GET", READ, forged).status == 403
    plain = registry.tailscale.asked()
    assert anna.request("GET", READ, forged).status == 200
    assert registry.tailscale.asked() == plain


def test_a_line_of_the_proxy_protocol_is_no_request(registry):
    anna = Peer(registry, ANNA)
    anna.send(b"PROXY TCP4 100.64.1.9 100.64.0.1 5000 80\r\n" + anna.head("GET", READ))
    assert not anna.read_to_end().startswith(b"HTTP/1.1 200")


# -- tailscaled comes and goes


def test_a_registry_waits_for_tailscaled(new_registry, tmp_path):
    fake = FakeTailscaled(tmp_path / "late")
    fake.state, fake.auth_url = "NeedsLogin", "https://login.tailscale.com/a/1234"
    server = new_registry(fake)
    anna = Peer(server, ANNA)

    def says():
        assert anna.get("/healthz").status == 200
        answer = anna.get(READ)
        assert answer.status == 503 and answer.header("retry-after"), answer
        return sentence(answer)

    assert "waits for its tailnet" in says() and "doctor" in says()  # it is not there at all
    assert fake.socket in server.log()
    fake.start()
    wait_for(lambda: fake.auth_url in server.log())
    assert fake.auth_url not in says()  # or whoever reads it could take the node to a tailnet of theirs
    fake.state, fake.auth_url = "Starting", ""
    wait_for(lambda: "Tailscale is starting" in server.log())
    says()
    fake.state = "Running"
    wait_for(lambda: anna.get(READ).status == 200)
    assert anna.me() == "anna@corp.test"
    assert fake.full_name in server.log()


def test_tailscaled_may_restart_under_it(registry):
    fake = registry.tailscale
    anna = Peer(registry, ANNA)
    assert anna.publish("before").status == 200
    fake.stop()
    answer = anna.publish("during")
    assert answer.status == 503, answer
    sentence(answer)
    wait_for(lambda: anna.get(READ).status == 503)  # nor is what was known kept for long
    assert anna.get("/healthz").status == 200
    fake.start()
    wait_for(lambda: anna.get(READ).status == 200)
    assert anna.publish("during").status == 200


def test_a_socket_that_others_may_replace_is_not_asked(new_registry, tmp_path):
    """A-40: who may write to the folder could put a tailscaled of their own there."""
    folder = tmp_path / "open"
    fake = FakeTailscaled(folder).start()
    folder.chmod(0o777)
    server = new_registry(fake)
    anna = Peer(server, ANNA)
    wait_for(lambda: server.tailscale.asked() == 0 and anna.get(READ).status == 503)
    wait_for(lambda: str(folder) in server.log())
    folder.chmod(0o700)
    wait_for(lambda: anna.get(READ).status == 200)


def test_publishers_are_warned_when_the_registrys_key_is_about_to_end(new_registry, tmp_path):
    def warnings(name, **facts):
        fake = FakeTailscaled(tmp_path / name, user=("anna@corp.test", 7))
        fake.key_expiry = facts["ends"]
        answer = Peer(new_registry(fake.start()), ANNA).publish("theirs")
        assert answer.status == 200, answer
        return answer.json()["warnings"]["other"]

    def date(days):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + days * 86400))

    assert warnings("never", ends=None) == []
    assert warnings("far", ends=date(20)) == []
    assert date(10)[:10] in "".join(warnings("near", ends=date(10)))


# -- names


def test_it_is_known_by_its_names_and_always_says_the_full_one(registry):
    fake, port = registry.tailscale, registry.address[1]
    full = f"http://{fake.full_name}:{port}"
    for name in (fake.full_name, fake.full_name.upper(), fake.name, "100.64.0.1", "[fd7a:115c:a1e0::1]"):
        anna = Peer(registry, ANNA, host=f"{name}:{port}")
        answer = anna.get(READ)
        assert answer.status == 200, (name, answer)
        assert answer.json() == {"dl": f"{full}/dl", "api": full}
        assert f"sparse+{full}/index/" in anna.get("/me").body.decode()
    for name in ("evil.test", "crates.evil.test", "127.0.0.1", "localhost", "100.64.0.2"):
        assert Peer(registry, ANNA, host=f"{name}:{port}").get(READ).status == 421


def test_a_node_that_is_renamed_is_known_by_its_new_name(registry):
    fake = registry.tailscale
    assert Peer(registry, ANNA).get(READ).status == 200
    fake.name = "crates-1"
    wait_for(lambda: Peer(registry, ANNA).get(READ).status == 200, timeout_s=20)
    assert Peer(registry, ANNA).get(READ).json()["api"] == f"http://{full_host(registry)}"


def test_a_listener_for_all_needs_to_know_who_comes_or_its_own_url(new_guppy):
    for listen in ("http://0.0.0.0:0", "http://[::]:0?anonymous=read"):
        server = new_guppy(start=False, listen=listen).start(wait=False)
        assert server.process.wait(30) != 0
        server.process = None
        os.close(server.ready_fd)
        assert "server.url" in server.log() and "identity" in server.log(), server.log()
    server = new_guppy(listen="http://0.0.0.0:0", settings={"server.url": "http://crates.corp.test"})
    assert server.running()


def test_a_busy_port_is_one_line_with_the_cure(new_guppy, tmp_path):
    fake = FakeTailscaled(tmp_path / "ts").start()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = new_guppy(start=False, tailscale=fake, listen=TAILNET.replace(":0", f":{port}")).start(wait=False)
        assert server.process.wait(30) != 0
        server.process = None
        os.close(server.ready_fd)
    fake.stop()
    lines = [line for line in server.log().splitlines() if line]
    assert len(lines) == 1 and f"{port}" in lines[0] and "--listen" in lines[0], lines


def test_the_short_form_is_a_listener_on_port_80(new_guppy, tmp_path):
    fake = FakeTailscaled(tmp_path / "ts").start()
    cure = "--listen 'http://tailnet:8000?identity=tailscale'"
    try:
        taken = socket.create_server(("127.0.0.1", 80))
    except OSError:  # not for us, or somebody else's: the registry fails as well
        taken = None
    server = new_guppy(start=False, tailscale=fake, listen=[], arguments=["--tailscale"]).start(wait=False)
    assert server.process.wait(30) != 0
    server.process = None
    os.close(server.ready_fd)
    fake.stop()
    if taken:
        taken.close()
    lines = [line for line in server.log().splitlines() if line]
    assert len(lines) == 1 and "port 80" in lines[0] and cure in lines[0], lines
