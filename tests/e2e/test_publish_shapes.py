"""The three shapes in which cargo publishes: HTTP/1.1 with Expect (1.95), HTTP/1.1 with the body and an
upgrade offer in one request (1.97 on a fresh connection), a stream of an upgraded connection (1.97).
And refusals that are decided while the body is still on its way: the sentence arrives, never a reset."""

import os
import re

import pytest

import raw
from guppy import OPEN, wait_for
from h2client import H2

BIG = 9 << 20
SHAPES = ["expect", "plain", "upgrade", "h2", "h2-upgraded"]


@pytest.fixture(scope="module")
def noise():
    """Bytes that do not pack: an archive of them is as big as they are."""
    return os.urandom(BIG)


def send(url, shape, token, content, read_late=False):
    """PUT content in that shape. read_late: all of the body first, then the answer, as cargo's curl
    may do when it is quick."""
    headers = {"Authorization": token} if token else {}
    path = "/api/v1/crates/new"
    if shape in ("expect", "plain"):
        with raw.Raw(url) as connection:
            expect = {"Expect": "100-continue"} if shape == "expect" else {}
            connection.send(connection.head("PUT", path, {**headers, **expect, "Content-Length": str(len(content))}))
            if shape == "expect" and not read_late:
                answer = connection.read_response() if not starts_with_100(connection) else None
                if answer:
                    return answer
            try:
                connection.send(content)
            except ConnectionError as error:
                raise AssertionError(f"reset while the body was being sent: {error}") from error
            return connection.read_response()
    if shape == "upgrade":
        with H2(url, upgrade=("PUT", path, headers, content)) as h2:
            return h2.first
    offer = ("GET", "/index/config.json", {}, None) if shape == "h2-upgraded" else None
    with H2(url, upgrade=offer) as h2:
        return h2.request("PUT", path, headers, content)


def starts_with_100(connection):
    """Whether the next thing on the wire is 100 Continue; takes it off if so."""
    while b"\r\n\r\n" not in connection.buffer:
        connection._more()
    if not connection.buffer.startswith(b"HTTP/1.1 100 "):
        return False
    connection.buffer = connection.buffer.split(b"\r\n\r\n", 1)[1]
    return True


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [0, 100, 70_000, 2_500_000])
def test_each_shape_publishes(server, token, shape, size):
    name, archive = f"shape-{shape}-{size}", None
    archive = raw.crate(name, "1.0.0", files={"noise": os.urandom(size)}, level=1)
    answer = send(server.url, shape, token, raw.body(name, "1.0.0", archive))
    assert answer.status == 200, answer
    assert answer.json()["warnings"]["invalid_badges"] == []
    assert raw.entry(server.url, name, "1.0.0")["cksum"] == raw.sha256(archive)
    assert raw.download(server.url, name, "1.0.0").body == archive


def test_expect_is_answered_at_once_with_100(server, token):
    with raw.Raw(server.url) as connection:
        content = raw.body("expecting", "1.0.0")
        connection.send(connection.head("PUT", "/api/v1/crates/new", {
            "Authorization": token, "Content-Length": str(len(content)), "Expect": "100-continue"}))  # fmt: skip
        assert starts_with_100(connection)
        connection.send(content)
        assert connection.read_response().status == 200


def test_expect_of_a_body_that_is_refused_gets_the_refusal_and_no_100(server):
    with raw.Raw(server.url) as connection:
        connection.send(connection.head("PUT", "/api/v1/crates/new", {
            "Content-Length": "5000000", "Expect": "100-continue"}))  # fmt: skip
        answer = connection.read_response()
        assert answer.status == 401 and connection.interim == [] and answer.detail()


def test_an_unknown_expectation_is_417(server, token):
    answer = raw.put(server.url, token, b"", {"Expect": "200-ok"})
    assert answer.status == 417


@pytest.mark.parametrize("method, path", [("PUT", "/api/v1/crates/owned/owners"), ("DELETE", "/api/v1/crates/owned/owners")])
def test_a_small_body_with_expect_is_answered_too(server, token, method, path):
    raw.publish(server.url, token, "owned", "1.0.0")
    server.token("expectee")
    with raw.Raw(server.url) as connection:
        content = b'{"users":["local:expectee"]}'
        connection.send(connection.head(method, path, {
            "Authorization": token, "Content-Length": str(len(content)), "Expect": "100-continue"}))  # fmt: skip
        assert starts_with_100(connection)
        connection.send(content)
        answer = connection.read_response()
        assert answer.status == 200 and answer.json()["ok"] is True and answer.json()["msg"], answer


def test_a_body_of_many_little_pieces_publishes(server, token):
    content = raw.body("pieces", "1.0.0")
    with raw.Raw(server.url) as connection:
        connection.send(connection.head("PUT", "/api/v1/crates/new", {
            "Authorization": token, "Content-Length": str(len(content))}))  # fmt: skip
        for i in range(len(content)):
            connection.send(content[i : i + 1])
        assert connection.read_response().status == 200


def test_after_a_publish_the_connection_serves_on(server, token):
    with raw.Raw(server.url) as connection:
        for i in range(5):
            answer = connection.request("PUT", "/api/v1/crates/new", {"Authorization": token}, raw.body("serves-on", f"1.{i}.0"))
            assert answer.status == 200
            assert len(connection.request("GET", "/index/se/rv/serves-on").body.splitlines()) == i + 1


def test_publishes_side_by_side_on_one_http2_connection(server, token):
    with H2(server.url) as h2:
        bodies = [raw.body(f"side-{i}", "1.0.0", files={"n": os.urandom(40_000)}) for i in range(20)]
        headers = {"Authorization": token}
        streams = [h2.open("PUT", "/api/v1/crates/new", {**headers, "content-length": str(len(b))}, end=False) for b in bodies]
        for stream, content in zip(streams, bodies):
            h2.send_body(stream, content)
        assert [h2.wait(s).status for s in streams] == [200] * 20


def test_a_content_length_that_is_not_the_sum_of_data_publishes_nothing(server, token):
    content = raw.body("wrong-sum", "1.0.0")
    for wrong in (len(content) - 1, len(content) + 1):
        with H2(server.url) as h2:
            stream = h2.open("PUT", "/api/v1/crates/new", {"Authorization": token, "content-length": str(wrong)}, end=False)
            try:
                h2.send_body(stream, content)
                answer = h2.wait(stream)
                assert answer.status in (400, 413), answer
            except (AssertionError, EOFError):
                pass  # a reset of the stream is the other right answer
    assert raw.lines(server.url, "wrong-sum") == []


def test_a_chunked_publish_is_411(server, token):
    content = raw.body("chunky", "1.0.0")
    with raw.Raw(server.url) as connection:
        connection.send(connection.head("PUT", "/api/v1/crates/new", {"Authorization": token, "Transfer-Encoding": "chunked"}))
        connection.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(content), content))
        assert connection.read_response().status == 411
    assert raw.lines(server.url, "chunky") == []


# -- refusals


def refused(server, why, noise):
    """(token, body, status, words) of a publish that is refused before its body is there."""
    if why == "no token":
        return None, raw.body("refused", "1.0.0", noise), 401, "token"
    if why == "bad token":
        return "sgp_nonsense", raw.body("refused", "1.0.0", noise), 403, "token"
    if why == "no right":
        return server.token("reader", scopes=["read"]), raw.body("refused", "1.0.0", noise), 403, "publish"
    if why == "spelling":
        raw.publish(server.url, server.token(), "spelled_so", "1.0.0")
        return server.token(), raw.body("spelled-so", "1.0.0", noise), 409, "spelled_so"
    if why == "exists":
        raw.publish(server.url, server.token(), "is-there", "1.0.0")
        return server.token(), raw.body("is-there", "1.0.0", noise), 409, "is already uploaded"
    return server.token(), raw.body("refused", "1.0.0", noise + noise[: 2 << 20]), 413, "max upload size"


REASONS = ["no token", "bad token", "no right", "spelling", "exists", "too big"]


@pytest.mark.parametrize("why", REASONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_a_refusal_arrives_as_its_sentence(server, noise, shape, why):
    token, content, status, words = refused(server, why, noise)
    answer = send(server.url, shape, token, content)
    assert answer.status == status, answer
    assert words in answer.detail(), answer


@pytest.mark.parametrize("why", REASONS)
def test_a_refusal_survives_a_client_that_sends_all_before_it_reads(server, noise, why):
    token, content, status, words = refused(server, why, noise)
    answer = send(server.url, "plain", token, content, read_late=True)
    assert answer.status == status and words in answer.detail(), answer


def test_a_refusal_does_not_wait_for_the_body(server, noise):
    """The client stops after the JSON; the answer is there all the same."""
    for why in REASONS:
        token, content, status, _ = refused(server, why, noise)
        with raw.Raw(server.url, timeout=10) as connection:
            headers = {"Content-Length": str(len(content))}
            connection.send(connection.head("PUT", "/api/v1/crates/new", {**headers, **({"Authorization": token} if token else {})}))
            connection.send(content[:65536])
            assert connection.read_response().status == status, why


def test_nothing_of_a_refusal_stays_behind(server):
    assert raw.lines(server.url, "refused") == [] and raw.lines(server.url, "spelled-so") == []
    wait_for(lambda: server.temporaries() == [])


# -- the same with cargo: what the person at the terminal reads


def said(run):
    """What cargo printed, with its line breaks made blanks."""
    return re.sub(r"\s+", " ", run.stderr)


def sentence(server, token, content):
    return raw.put(server.url, token, content).detail()


def big_package(cargo, name, noise):
    return cargo.package(name, files={"noise.bin": noise})


@pytest.mark.parametrize("case", ["bad token", "no right", "spelling", "too big"])
def test_cargo_shows_the_sentence_of_a_refusal(server, noise, new_cargo, toolchain, case):
    token, content, status, words = refused(server, case, noise[: 1 << 20])
    if case == "too big":
        noise = noise + os.urandom(3 << 20)
        content = raw.body("refused", "1.0.0", noise)
    cargo = new_cargo(server.url, token, toolchain)
    name = "spelled-so" if case == "spelling" else "refused"
    run = cargo.publish(big_package(cargo, name, noise), check=False)
    assert f"status {status}" in said(run), run.stderr
    text = sentence(server, token, content)
    assert words in text and text in said(run), run.stderr


def test_cargo_shows_a_refusal_over_a_fresh_connection_with_body_and_offer(new_guppy, noise, new_cargo, toolchain):
    """The connection of the index idles out during the verify build, so 1.97 sends the PUT with body
    and upgrade offer in one request."""
    server = new_guppy(listen=OPEN, settings={"http.h2_idle_timeout": 1, "http.idle_timeout": 1})
    token = server.token("reader", scopes=["read"])
    cargo = new_cargo(server.url, token, toolchain)
    slow_build = "fn main() { std::thread::sleep(std::time::Duration::from_secs(3)); }\n"
    package = cargo.package("idled", files={"build.rs": slow_build, "noise.bin": noise})
    run = cargo.publish(package, check=False, verify=True)
    assert "status 403" in said(run), run.stderr
    assert sentence(server, token, raw.body("idled", "0.1.0")) in said(run), run.stderr
    cargo.set_token(server.token())
    assert "Published idled" in cargo.publish(package, verify=True).stderr


def test_cargo_publishes_nine_megabytes(server, noise, new_cargo, toolchain):
    cargo = new_cargo(server.url, server.token(), toolchain)
    name = f"nine-{toolchain or 'default'}"
    cargo.publish(big_package(cargo, name, noise))
    archive = raw.download(server.url, name, "0.1.0").body
    assert len(archive) > BIG and raw.entry(server.url, name, "0.1.0")["cksum"] == raw.sha256(archive)
