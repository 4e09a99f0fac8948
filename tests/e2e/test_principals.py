"""Whom the registry knows: principal list, show, link, block, rebind and remove, and the audit log of what
they did; asked of a running server and of a folder alone."""

import errno
import json
import re
import socket
import sqlite3
import subprocess
from contextlib import closing

import pytest

import raw
from fake_tailscaled import FakeTailscaled, person
from guppy import OPEN, binary, clean_environment, wait_for
from peers import ANNA, BEN, READ, Peer

VERBS = ["list", "show", "link", "block", "unblock", "rebind", "remove"]
ROW = {"name", "id", "person", "blocked", "linked_to", "removed", "created", "last_seen", "crates", "tokens"}
RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def superguppy(*arguments):
    command = [binary(), *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, env=clean_environment(), timeout=60, check=False, stdin=subprocess.DEVNULL
    )


def asked(server, *arguments, **more):
    return json.loads(server.cli(*arguments, "--json", **more).stdout)


def refused(run, *words, status=1):
    """One line on standard error, nothing on standard output."""
    assert run.returncode == status and run.stdout == "", run
    assert re.fullmatch(r"superguppy: [^\n]+\n", run.stderr), run.stderr
    for word in words:
        assert word in run.stderr, run.stderr
    return run.stderr


def rows(server):
    return {row["name"]: row for row in asked(server, "principal", "list")}


def yank(server, token, name, vers="1.0.0"):
    return raw.request(server.url, "DELETE", f"/api/v1/crates/{name}/{vers}/yank", {"Authorization": token})


def events(server, *arguments):
    return [json.loads(line) for line in server.cli("audit", "--json", *arguments).stdout.splitlines()]


@pytest.fixture(params=["running", "stopped"])
def where(request):
    """Runs a case against a server and, the same, on its folder alone."""

    def ready(server):
        if request.param == "stopped" and server.running():
            server.stop()
        return server

    return ready


@pytest.fixture
def populated(guppy):
    """ann owns two crates, bob none; each has a token."""
    guppy.ann, guppy.bob = guppy.token("ann"), guppy.token("bob")
    for name in ("alpha", "beta"):
        assert raw.publish(guppy.url, guppy.ann, name, "1.0.0").status == 200
    return guppy


def again(server):
    """Running, whatever the case made of it."""
    return server if server.running() else server.start()


# -- list, show


def test_all_are_listed(populated, where):
    where(populated)
    known = rows(populated)
    assert {"local:ann", "local:bob"} <= set(known) and all(set(row) >= ROW for row in known.values()), known
    ann, bob = known["local:ann"], known["local:bob"]
    assert (ann["crates"], ann["tokens"], bob["crates"], bob["tokens"]) == (2, 1, 0, 1)
    assert not (ann["person"] or ann["blocked"] or ann["linked_to"] or ann["removed"])
    assert RFC3339.fullmatch(ann["created"]) and ann["id"] != bob["id"]
    text = populated.cli("principal", "list").stdout.splitlines()
    assert text[0].startswith("NAME") and len(text) == 1 + len(known)
    assert [line.split()[0] for line in text[1:]] == [row["name"] for row in asked(populated, "principal", "list")]


def test_one_is_shown_with_what_it_owns(populated, where):
    where(populated)
    ann = asked(populated, "principal", "show", "local:ann")
    assert set(ann) >= ROW | {"owns"} and ann["owns"] == ["alpha", "beta"], ann
    text = populated.cli("principal", "show", "local:ann").stdout
    assert text.startswith("local:ann\n") and "owns: alpha beta\n" in text
    assert "owns: nothing\n" in populated.cli("principal", "show", "local:bob").stdout


# -- link


def test_a_link_makes_one_of_two(populated, where):
    where(populated)
    said = populated.cli("principal", "link", "local:ann", "local:bob").stdout
    assert said == "local:ann is from now on local:bob\n"
    known = rows(populated)
    assert known["local:ann"]["linked_to"] == "local:bob" and known["local:ann"]["crates"] == 0
    assert known["local:bob"]["crates"] == 2
    assert "is local:bob" in populated.cli("principal", "show", "local:ann").stdout
    again(populated)
    for token, vers in ((populated.ann, "1.1.0"), (populated.bob, "1.2.0")):
        assert raw.publish(populated.url, token, "alpha", vers).status == 200
    assert [e["principal"] for e in events(populated, "--crate", "alpha")][-2:] == ["local:bob"] * 2


def test_a_link_that_leads_nowhere_is_refused(populated):
    for pair in (("local:ann", "local:nobody"), ("local:nobody", "local:ann"), ("local:ann", "local:ann")):
        refused(populated.cli("principal", "link", *pair, check=False))
    populated.cli("principal", "link", "local:ann", "local:bob")
    refused(populated.cli("principal", "link", "local:bob", "local:ann", check=False))
    assert not rows(populated)["local:bob"]["linked_to"]


# -- block


def test_a_block_denies_everything_until_it_ends(populated, where):
    where(populated)
    assert "local:ann" in populated.cli("principal", "block", "local:ann").stdout
    assert rows(populated)["local:ann"]["blocked"] is True
    assert re.search(r"^local:ann .* blocked$", populated.cli("principal", "list").stdout, re.MULTILINE)
    again(populated)
    answer = raw.publish(populated.url, populated.ann, "alpha", "1.1.0")
    assert answer.status in (401, 403), answer
    assert raw.get(populated.url, READ, populated.ann).status in (401, 403)
    assert raw.publish(populated.url, populated.bob, "gamma", "1.0.0").status == 200
    where(populated)
    populated.cli("principal", "unblock", "local:ann")
    again(populated)
    assert raw.publish(populated.url, populated.ann, "alpha", "1.1.0").status == 200
    assert rows(populated)["local:ann"]["blocked"] is False


# -- remove


def test_what_one_owned_goes_to_another_and_nobody_acts_as_them(populated, where):
    where(populated)
    said = populated.cli("principal", "remove", "local:ann", "--to", "local:bob").stdout
    assert said == "local:ann is removed; what it owned belongs to local:bob\n"
    assert asked(populated, "principal", "show", "local:bob")["owns"] == ["alpha", "beta"]
    ann = asked(populated, "principal", "show", "local:ann")
    assert ann["removed"] and ann["tokens"] == 0 and ann["owns"] == [], ann
    again(populated)
    assert raw.publish(populated.url, populated.ann, "alpha", "1.1.0").status in (401, 403)
    assert raw.publish(populated.url, populated.bob, "alpha", "1.1.0").status == 200
    refused(populated.cli("token", "new", "ann", check=False), "removed")


def test_removing_needs_an_heir(populated):
    refused(populated.cli("principal", "remove", "local:ann", check=False), "--to OTHER", status=2)
    for heir in ("local:nobody", "local:ann"):
        refused(populated.cli("principal", "remove", "local:ann", "--to", heir, check=False))
    assert not rows(populated)["local:ann"]["removed"]


# -- people


@pytest.fixture
def people(new_guppy, tmp_path):
    fake = FakeTailscaled(tmp_path / "ts").start()
    server = new_guppy(tailscale=fake)
    server.tailscale = fake
    wait_for(lambda: Peer(server, None).get(READ).status != 503)
    yield server
    fake.stop()


def test_people_are_listed_from_their_first_sight(people, where):
    assert Peer(people, ANNA).publish("annas").status == 200
    where(people)
    anna = rows(people)["anna@corp.test"]
    assert anna["person"] is True and anna["crates"] == 1 and RFC3339.fullmatch(anna["last_seen"]), anna
    assert "ben@corp.test" not in rows(people)
    assert "a person of the tailnet" in people.cli("principal", "show", "anna@corp.test").stdout


def test_a_new_login_of_the_same_person_is_told_by_rebind(people):
    assert Peer(people, ANNA).publish("annas").status == 200
    renamed = person("anna.b@corp.test", 7)
    assert Peer(people, renamed).get(READ).status == 403
    said = people.cli("principal", "rebind", "anna@corp.test", "anna.b@corp.test").stdout
    assert "anna@corp.test has from now on the login anna.b@corp.test\n" == said
    assert Peer(people, renamed).publish("annas", "1.1.0").status == 200
    known = rows(people)
    assert known["anna.b@corp.test"]["crates"] == 1 and "anna@corp.test" not in known


def test_a_new_person_by_the_same_login_is_told_by_rebind(people):
    assert Peer(people, ANNA).publish("annas").status == 200
    assert Peer(people, person("anna@corp.test", 70)).get(READ).status == 403
    said = people.cli("principal", "rebind", "anna@corp.test").stdout
    assert "anna@corp.test" in said and "next" in said
    assert Peer(people, person("anna@corp.test", 70)).publish("annas", "1.1.0").status == 200


def test_only_people_are_rebound(populated):
    refused(populated.cli("principal", "rebind", "local:ann", check=False))
    refused(populated.cli("principal", "rebind", "nobody@corp.test", check=False))


# -- tokens


def test_a_token_says_from_where_it_works(people):
    assert Peer(people, ANNA).get(READ).status == 200
    for name, place in (("bob", None), ("anna@corp.test", None), ("anna@corp.test", "any"), ("tag:ci", "tag:ci-release"),
                        ("local:carl", "tag:ci"), ("header:dora", "own")):  # fmt: skip
        people.token(name, *(["--from", place] if place else []))
    listed = [(t["account"], t["from"]) for t in asked(people, "token", "list")]
    assert listed == [
        ("local:bob", "any"), ("anna@corp.test", "own"), ("anna@corp.test", "any"), ("tag:ci", "tag:ci-release"),
        ("local:carl", "tag:ci"), ("header:dora", "own"),
    ]  # fmt: skip
    text = people.cli("token", "list").stdout.splitlines()
    assert text[0].split()[:3] == ["ID", "PRINCIPAL", "FROM"] and "tag:ci-release" in text[4]
    made = asked(people, "token", "new", "bob")
    assert made["principal"] == "local:bob" and made["token"].startswith("sgp_")


@pytest.mark.parametrize("place", ["", "here", "tag:", "tag", "TAG:ci", "local:ann", "own,any"])
def test_a_token_from_elsewhere_is_refused(populated, place):
    refused(populated.cli("token", "new", "ann", "--from", place, check=False), status=2)
    assert len(asked(populated, "token", "list")) == 2


# -- the audit log


def test_the_log_says_who_did_what(populated, where):
    assert yank(populated, populated.ann, "alpha").status == 200
    where(populated)
    log = events(populated)
    assert [e["number"] for e in log] == list(range(1, len(log) + 1))
    assert [(e["principal"], e["crate"]) for e in log if e["what"] == "publish"] == [("local:ann", "alpha"), ("local:ann", "beta")]
    text = populated.cli("audit").stdout.splitlines()
    assert len(text) == len(log)
    assert re.search(r"local:ann\b.*\byank\b.*alpha.*1\.0\.0", text[-1]), text[-1]
    assert RFC3339.search(text[-1])


def test_the_log_is_cut_by_who_what_and_when(populated, where):
    assert raw.publish(populated.url, populated.bob, "gamma", "1.0.0").status == 200
    where(populated)
    assert {e["crate"] for e in events(populated, "--by", "local:bob")} == {"gamma"}
    assert {e["principal"] for e in events(populated, "--crate", "ALPHA")} == {"local:ann"}
    assert events(populated, "--by", "local:bob", "--crate", "alpha") == []
    everything = events(populated)
    for since in ("1h", "1970-01-01", "2020-02-29T00:00:00Z"):
        assert events(populated, "--since", since) == everything
    assert events(populated, "--since", "9999-12-31") == [] == populated.cli("audit", "--since", "9999-12-31").stdout.splitlines()


def test_the_log_is_printed_as_it_is_stored(populated):
    more = 'description = "a \\u001b[31m \\u0007 \\"quoted\\" \\u00e9\\u202e </x> \\\\"\n'
    assert raw.publish(populated.url, populated.ann, "delta", "1.0.0", more=more).status == 200
    populated.cli("principal", "block", "local:bob")
    printed = populated.cli("audit", "--json").stdout
    populated.stop()
    with closing(sqlite3.connect(populated.data / "superguppy.db")) as db:
        stored = [row[0] for row in db.execute("SELECT body FROM event ORDER BY number")]
    stored = [b.decode() if isinstance(b, bytes) else b for b in stored]
    assert printed.splitlines() == stored
    assert populated.cli("audit", "--json").stdout == printed


def test_a_long_log_comes_whole(populated, where):
    headers = {"Authorization": populated.ann}
    with raw.Raw(populated.url) as connection:
        for i in range(1100):
            method, act = (("DELETE", "yank"), ("PUT", "unyank"))[i % 2]
            assert connection.request(method, f"/api/v1/crates/alpha/1.0.0/{act}", headers).status == 200
    where(populated)
    log = events(populated)
    assert [e["number"] for e in log] == list(range(1, len(log) + 1)) and len(log) > 1100
    assert len(events(populated, "--crate", "alpha")) == 1101
    assert len(populated.cli("audit", "--crate", "alpha").stdout.splitlines()) == 1101


def test_changes_to_principals_are_in_the_log(populated, where):
    where(populated)
    before = len(events(populated))
    populated.cli("principal", "block", "local:bob")
    populated.cli("principal", "unblock", "local:bob")
    populated.cli("principal", "link", "local:bob", "local:ann")
    populated.token("carl")
    populated.cli("principal", "remove", "local:carl", "--to", "local:ann")
    acts = [e["what"] for e in events(populated)[before:]]
    for verb in ("block", "unblock", "link", "remove"):
        assert f"principal-{verb}" in acts, acts


def test_the_log_of_the_tailnet_names_nodes(people):
    assert Peer(people, ANNA).publish("annas").status == 200
    assert Peer(people, BEN).publish("bens").status == 200
    [mine] = [e for e in events(people, "--by", "anna-laptop.rig.test") if e["what"] == "publish"]
    assert mine["principal"] == "anna@corp.test" and mine["crate"] == "annas", mine
    assert "anna-laptop.rig.test" in people.cli("audit", "--by", "anna@corp.test", "--crate", "annas").stdout


# -- asked wrongly


def test_the_verbs_are_listed():
    refused(superguppy("principal"), *VERBS, status=2)
    refused(superguppy("principal", "rename", "a"), *VERBS, status=2)


@pytest.mark.parametrize("arguments", [
    ["principal", "list", "x"], ["principal", "show"], ["principal", "show", "a", "b"], ["principal", "link", "a"],
    ["principal", "link", "a", "b", "c"], ["principal", "block"], ["principal", "unblock"], ["principal", "rebind"],
    ["principal", "rebind", "a", "b", "c"], ["principal", "remove"], ["audit", "x"],
])  # fmt: skip
def test_too_few_and_too_many_words_are_told_how_it_goes(arguments):
    run = superguppy(*arguments)
    refused(run, "use it so: superguppy " + " ".join(arguments[: 2 if arguments[0] == "principal" else 1]), status=2)


@pytest.mark.parametrize("since", ["", "yesterday", "7", "7w", "-7d", "0d", "2026-02-30", "2026-3-1", "2026-01-01T00:00"])
def test_a_time_that_is_none_is_refused_with_examples(populated, since):
    refused(populated.cli("audit", "--since", since, check=False), "2026-03-01", "7d", "24h", status=2)


@pytest.mark.parametrize("verb", ["show", "block", "unblock", "rebind", "remove"])
def test_somebody_unknown_is_refused(populated, where, verb):
    where(populated)
    more = ["--to", "local:bob"] if verb == "remove" else []
    refused(populated.cli("principal", verb, "local:nobody", *more, check=False), "nobody")
    refused(populated.cli("principal", verb, "", *more, check=False), status=2)
    refused(populated.cli("principal", verb, "x" * 20000, *more, check=False), status=2)


@pytest.mark.parametrize("command", [["principal", verb] for verb in VERBS] + [["audit"], ["serve"], ["token", "new"]], ids=" ".join)
def test_help_says_how(command):
    run = superguppy(*command, "--help")
    assert run.returncode == 0 and run.stderr == "", run
    assert run.stdout.startswith(f"superguppy {' '.join(command)} ") and "--data DIR" in run.stdout
    assert f"superguppy {' '.join(command)} " in superguppy("--help").stdout


# -- serve --tailscale


def test_tailscale_stands_for_the_listener_of_the_tailnet(tmp_path):
    """Port 80, which is not to be had: it is taken, or this user may not have it."""
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 80))
            taken.listen()
        except OSError as error:
            assert error.errno in (errno.EACCES, errno.EADDRINUSE)
        run = superguppy("serve", "--tailscale", "--listen", OPEN, "--data", tmp_path / "data")
    assert run.returncode == 1, run
    refused(run, "port 80", "http://tailnet:8000?identity=tailscale")
