"""What must not be left behind, or come about, by what happens in between: a link, a change that
takes long to arrive, tokens without end."""

import re
import time

import pytest

import raw
from fake_tailscaled import HANG, NOBODY, person, slow
from guppy import wait_for
from peers import ANNA, BEN, CI, READ, WORD, Peer, full_host, sentence

# -- links


def test_no_link_gives_life_to_the_tokens_of_somebody_blocked(guppy):
    bobs, anns = guppy.token("bob"), guppy.token("ann")
    assert raw.publish(guppy.url, anns, "alpha", "1.0.0").status == 200
    guppy.cli("principal", "block", "local:bob")
    guppy.cli("principal", "link", "local:bob", "local:ann", check=False)
    assert raw.publish(guppy.url, bobs, "alpha", "1.1.0").status in (401, 403)
    guppy.cli("principal", "unblock", "local:bob")
    assert raw.publish(guppy.url, bobs, "alpha", "1.2.0").status in (401, 403)
    assert raw.publish(guppy.url, anns, "alpha", "1.3.0").status == 200


def begin_publish(peer, name, vers="1.0.0"):
    """Sends all but the last bytes, which are returned, to a server that has judged the head."""
    content = raw.body(name, vers)
    fields = {**WORD, "Content-Length": str(len(content)), "Expect": "100-continue"}
    peer.send(peer.head("PUT", "/api/v1/crates/new", fields))
    assert peer.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    peer.send(content[:-5])
    return content[-5:]


def test_what_is_published_during_a_link_belongs_to_who_is_acted_as(registry):
    anna, ben = Peer(registry, ANNA), Peer(registry, BEN)
    assert anna.get(READ).status == ben.get(READ).status == 200
    rest = begin_publish(anna, "alpha")
    registry.cli("principal", "link", "anna@corp.test", "ben@corp.test")
    anna.send(rest)
    assert anna.read_response().status == 200
    owners = ben.get("/api/v1/crates/alpha/owners").json()["users"]
    assert [o["login"] for o in owners] == ["ben@corp.test"]
    assert Peer(registry, ANNA).publish("alpha", "1.1.0").status == 200


# -- a change that takes long


@pytest.mark.parametrize("end", ["nobody", "other tags", "no answer", "left"])
def test_a_change_that_took_long_counts_only_for_who_is_still_there(registry, end):
    """Whoever loses a grant must not go on with what they began to send while they had it."""
    anna, ben, carl = Peer(registry, ANNA), Peer(registry, BEN), Peer(registry, ANNA)
    assert anna.publish("annas").status == 200
    rest, bens, bad = begin_publish(anna, "alpha"), begin_publish(ben, "beta"), begin_publish(carl, "gamma")
    users = b'{"users":["tag:ci"]}'
    owner = Peer(registry, ANNA)
    fields = {**WORD, "Content-Length": str(len(users))}
    owner.send(owner.head("PUT", "/api/v1/crates/annas/owners", fields) + users[:-1])
    time.sleep(10.5)
    for peer in (anna, owner, carl):
        peer.become({"nobody": NOBODY, "other tags": CI, "no answer": HANG, "left": slow(0.5, ANNA)}[end])
    if end == "left":
        anna.send(rest)
        anna.reset()
        wait_for(lambda: anna.asked > 1)
    else:
        anna.send(rest)
        owner.send(users[-1:])
        carl.send(b"x" * len(bad))  # which is no archive
        wanted = 503 if end == "no answer" else 403
        for peer in (anna, owner, carl):
            answer = peer.read_response()
            assert answer.status in ((wanted, 400) if peer is carl else (wanted,)), answer
            assert sentence(answer)
    ben.send(bens)
    assert ben.read_response().status == 200
    reader = Peer(registry, BEN)
    assert reader.get(raw.index_path("alpha")).status == 404
    assert [o["login"] for o in reader.get("/api/v1/crates/annas/owners").json()["users"]] == ["anna@corp.test"]
    wait_for(lambda: not registry.temporaries())


# -- tokens


def own_token(peer, server, name="x"):
    page = peer.get("/me", Accept="text/html").body.decode()
    key = re.search(r'action="/me/tokens".*?name="key" value="([^"]+)"', page, re.S)[1]
    fields = {"Content-Type": "application/x-www-form-urlencoded", "Origin": f"http://{full_host(server)}"}
    form = f"key={key}&name={name}&scope=publish-new&crates=*&from=any&days=30".encode()
    return lambda: peer.request("POST", "/me/tokens", fields, form)


def test_nobody_makes_tokens_without_end(registry):
    make = own_token(Peer(registry, ANNA), registry)
    made = [make() for _ in range(101)]
    assert [m.status for m in made[:100]] == [200] * 100
    assert made[100].status == 409 and b"100" in made[100].body
    ben = own_token(Peer(registry, BEN), registry)
    assert ben().status == 200


def test_a_token_has_a_name_that_a_terminal_can_show(registry):
    anna = Peer(registry, ANNA)
    for name in ("a%1b%5b2J", "a%0ab", "%c2%9b2J", "%7f"):
        assert own_token(anna, registry, name)().status == 400, name


# -- stopping


def test_a_stop_while_people_are_seen_for_the_first_time_leaves_nothing(registry):
    """Their rows are on the way to the disk when connections end; the sanitizer sees what is lost."""
    for group in range(1, 4):
        for i in range(100):
            who = Peer(registry, person(f"p{group}.{i}@corp.test", 1000 * group + i))
            content = raw.body(f"c{i}", "1.0.0")
            fields = {**WORD, "Content-Length": str(len(content))}
            who.send(who.head("PUT", "/api/v1/crates/new", fields) + content)
        while registry.running():  # the second time at once
            registry.terminate()
            time.sleep(0.002)
        registry.stop()
        registry.start()
