"""HTTP/1.1 input that two programs might read in two ways. The numbers are those of the case list of
72; behind each input comes a second request, which must not be answered where the connection is to
close. test_slow_clients.py has what takes time, src/http the rest of the list."""

import re
import socket
from urllib.parse import urlsplit

import pytest

import raw

ASK = b"GET /healthz HTTP/1.1\r\n"
PUBLISH = b"PUT /api/v1/crates/new HTTP/1.1\r\n"


def get(fields, rest=b""):
    return ASK + b"HOST" + fields + b"\r\n" + rest


def put(fields, rest=b""):
    return PUBLISH + b"HOSTAUTH" + fields + b"\r\n" + rest


def chunked(rest):
    # The route takes no chunked body; what is asked for is whether its framing is looked at.
    return b"DELETE /api/v1/crates/none/owners HTTP/1.1\r\nHOSTAUTHTransfer-Encoding: chunked\r\n\r\n" + rest


def length(value):
    return put(b"Content-Length: " + value + b"\r\n", b"hello")


def coding(value):
    return put(b"Transfer-Encoding: " + value + b"\r\n", b"0\r\n\r\n")


# (number, what, statuses that are right; 0: closed without a word)
CLOSED = [
    ("2", b"\r\n\r\n", {400}),
    ("3", bytes.fromhex("16030100c8010000c40303") + b"a" * 200, {0}),
    ("4", b" /healthz HTTP/1.1\r\nHOST\r\n", {400}),
    ("5", b"GET  /healthz HTTP/1.1\r\nHOST\r\n", {400}),
    ("5", b"GET /healthz  HTTP/1.1\r\nHOST\r\n", {400}),
    ("6", b"GET\t/healthz\tHTTP/1.1\r\nHOST\r\n", {400}),
    ("7", b"GET HTTP/1.1\r\nHOST\r\n", {400}),
    ("7", b"GET /a b HTTP/1.1\r\nHOST\r\n", {400}),
    ("8", b" GET /healthz HTTP/1.1\r\nHOST\r\n", {400}),
    ("9", b"get /healthz HTTP/1.1\r\nHOST\r\n", {405}),
    ("11", b"GET /healthz HTTP/2.0\r\nHOST\r\n", {400, 505}),
    ("12", b"GET /healthz HTTP/0.9\r\nHOST\r\n", {400, 505}),
    ("13", b"GET /healthz HTTP/11.1\r\nHOST\r\n", {400}),
    ("14", b"GET /healthz HTTP/4294967295.255\r\nHOST\r\n", {400}),
    ("14", b"GET /healthz\r\n\r\n", {400}),
    ("15", b"GET /" + b"a" * 8193 + b" HTTP/1.1\r\nHOST\r\n", {414}),
    ("16", b"GET /" + b"a" * (1 << 20), {414}),
    ("17", b"GET /healthz HTTP/1.1\nHOST\r\n", {400}),
    ("18", ASK + b"\r\n", {400}),
    ("19", ASK + b"HOSTHOST\r\n", {400}),
    ("20", ASK + b"Host: a,b\r\n\r\n", {400}),
    ("20", ASK + b"Host: a b\r\n\r\n", {400}),
    ("20", ASK + b"Host: a/b\r\n\r\n", {400}),
    ("20", ASK + b"Host: u@a\r\n\r\n", {400}),
    ("20", ASK + b"Host: \r\n\r\n", {400}),
    ("22", b"GET http://a@127.0.0.1/healthz HTTP/1.1\r\nHOST\r\n", {400}),
    ("22", b"GET ftp://127.0.0.1/healthz HTTP/1.1\r\nHOST\r\n", {400}),
    ("22", b"GET healthz HTTP/1.1\r\nHOST\r\n", {400}),
    ("23", get(b": x\r\n"), {400}),
    ("24", get(b"X : x\r\n"), {400}),
    ("24", put(b"Content-Length : 5\r\n", b"hello"), {400}),
    ("25", ASK + b" X: y\r\nHOST\r\n", {400}),
    ("26", get(b"X: a\r\n b\r\n"), {400}),
    ("26", put(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"), {400}),
    ("27", get(b"Xabc\r\n"), {400}),
    ("28", get(b"X\0: a\r\n"), {400}),
    ("28", get(b"X: a\0b\r\n"), {400}),
    ("29", get(b"X: a\rb\r\n"), {400}),
    ("29", b"GET /healthz HTTP/1.1\r\r\nHOST\r\n", {400}),
    ("30", get(b"X: a\nY: b\r\n"), {400}),
    ("31", coding(b"\x85chunked"), {400}),
    ("31", coding(b"chunked\xa0"), {400}),
    ("31", coding(b"\x0bchunked"), {400}),
    ("32", get(b"X\xc3\xa9: a\r\n"), {400}),
    ("33", get(b"X: a\x01b\r\n"), {400}),
    ("33", b"GET /\x01 HTTP/1.1\r\nHOST\r\n", {400}),
    ("34", get(b"".join(b"X%d: a\r\n" % i for i in range(101))), {431}),
    ("35", get(b"X: " + b"a" * 16384 + b"\r\n"), {431}),
    ("36", get(b"".join(b"X%d: %s\r\n" % (i, b"a" * 1000) for i in range(64))), {431}),
    ("37", get(b"X" * 1024 + b": a\r\n"), {431}),
    ("38", length(b"+5"), {400}),
    ("39", length(b"-1"), {400}),
    ("40", length(b"0x10"), {400}),
    ("41", length(b"1_0"), {400}),
    ("42", length(b"1Z"), {400}),
    ("43", length(b""), {400}),
    ("44", length(b"5, 5"), {400}),
    ("45", length(b"5, 6"), {400}),
    ("46", put(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello"), {400}),
    ("47", length(b"9223372036854775808"), {400}),
    ("47", length(b"18446744073709551621"), {400}),
    ("48", put(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), {400}),
    ("48", put(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"), {400}),
    ("49", coding(b"chunked").replace(b"HTTP/1.1", b"HTTP/1.0"), {400}),
    ("50", put(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"), {400}),
    ("51", coding(b"xchunked"), {400, 501}),
    ("52", coding(b"chunked, gzip"), {400, 501}),
    ("53", coding(b"gzip, chunked"), {400, 501}),
    ("54", coding(b",chunked"), {400, 501}),
    ("55", coding(b"chunked;q=1"), {400, 501}),
    ("56", chunked(b"\r\nhello\r\n0\r\n\r\n"), {400}),
    ("57", chunked(b"0x5\r\nhello\r\n0\r\n\r\n"), {400}),
    ("58", chunked(b"-1\r\nhello\r\n0\r\n\r\n"), {400}),
    ("59", chunked(b"5 \r\nhello\r\n0\r\n\r\n"), {400}),
    ("60", chunked(b"00000000000000005\r\nhello\r\n0\r\n\r\n"), {400}),
    ("61", chunked(b"g\r\nhello\r\n0\r\n\r\n"), {400}),
    ("62", chunked(b"5\nhello\r\n0\r\n\r\n"), {400}),
    ("62", chunked(b"5\rXhello\r\n0\r\n\r\n"), {400}),
    ("63", chunked(b"5\r\nhelloXX0\r\n\r\n"), {400}),
    ("64", chunked(b"0\r\nGET / HTTP/1.1\r\n\r\n"), {400}),
    ("65", chunked(b"0\r\nContent-Length: 5\r\n\r\n"), {400}),
    ("65", chunked(b"0\r\nHost: a\r\n\r\n"), {400}),
    ("66", chunked(b"1\r\na\r\n" * 100_000 + b"0\r\n\r\n"), {400, 413}),
    ("67", chunked((b"1;" + b"x" * 1024 + b"\r\na\r\n") * 100 + b"0\r\n\r\n"), {400}),
    ("68", put(b"Expect: x\r\nContent-Length: 5\r\n", b"hello"), {417}),
    ("68", put(b"Expect: 100-continue\r\nContent-Length: 99999999999\r\n"), {413}),
    ("69", ASK + b"HOST\r\n" + ASK + b"HOST\r\n" + b"GET  / HTTP/1.1\r\n\r\n", {200}),
    ("70", b"BREW /healthz HTTP/1.1\r\nHOST\r\n", {405, 501}),
    ("70", b"CONNECT a:80 HTTP/1.1\r\nHOST\r\n", {400, 405, 501}),
    ("70", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", {400, 405, 505}),
]  # fmt: skip

OPEN = [
    ("10", b"GET /healthz HTTP/1.2\r\nHOST\r\n", {200}),
    ("14", b"\r\n" + get(b""), {200}),
    ("21", b"GET /me HTTP/1.1\r\nHost: evil.example\r\n\r\n", {421}),
    ("22", b"GET http://evil.example/me HTTP/1.1\r\nHOST\r\n", {421}),
    ("70", b"POST /healthz HTTP/1.1\r\nHOST\r\n", {405}),
    ("70", get(b"X-HTTP-Method-Override: DELETE\r\n"), {200}),
    ("71", get(b"Upgrade: websocket\r\nConnection: Upgrade\r\n"), {200}),
    ("71", get(b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: !\r\n"), {200}),
    ("72", get(b"Content-Length: 0\r\n"), {200}),
]  # fmt: skip


def statuses_of(server, token, text):
    """Sends the input and one request more that asks to close; the statuses until the end."""
    parts = urlsplit(server.url)
    host = b"Host: " + parts.netloc.encode() + b"\r\n"
    authorization = b"Authorization: " + token.encode() + b"\r\n"
    with socket.create_connection((parts.hostname, parts.port), timeout=raw.TIMEOUT_S) as connection:
        data = b""
        try:
            connection.sendall(text.replace(b"HOST", host).replace(b"AUTH", authorization))
            connection.sendall(b"GET /readyz HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n")
            connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it was refused before all was sent: what was answered is still there
        try:
            while chunk := connection.recv(65536):
                data += chunk
        except ConnectionResetError:
            pass
    return [int(s) for s in re.findall(rb"HTTP/1\.1 (\d\d\d) ", data) if s != b"100"], data


@pytest.mark.parametrize(("number", "text", "right"), CLOSED, ids=[f"{i}-case-{n}" for i, (n, _, _) in enumerate(CLOSED)])
def test_what_can_be_read_in_two_ways_is_refused_and_closes(server, token, number, text, right):
    statuses, data = statuses_of(server, token, text)
    if number == "69":
        assert statuses == [200, 200, 400], data
        return
    assert (statuses or [0])[0] in right, data[:500]
    assert len(statuses) <= 1 and b"ready\n" not in data, f"the next request was answered: {data[:2000]}"
    assert len(data) < 4096


@pytest.mark.parametrize(("number", "text", "right"), OPEN, ids=[f"{i}-case-{n}" for i, (n, _, _) in enumerate(OPEN)])
def test_what_is_unusual_and_plain_is_answered_and_stays_open(server, token, number, text, right):
    statuses, data = statuses_of(server, token, text)
    assert len(statuses) == 2 and statuses[0] in right and statuses[1] == 200, data
    assert data.endswith(b"ready\n")


def test_a_body_cut_short_stores_nothing(server, token):
    content = raw.body("cut-body", "1.0.0")
    with raw.Raw(server.url) as connection:
        connection.send(connection.head("PUT", "/api/v1/crates/new", {"Authorization": token, "Content-Length": str(len(content))}))
        connection.send(content[:-1])
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.read_response().status == 400  # case 72
    assert raw.lines(server.url, "cut-body") == []


def test_a_hundred_pipelined_requests_are_answered_in_order(server):
    with raw.Raw(server.url) as connection:
        paths = ["/healthz", "/readyz", "/index/config.json"]
        connection.send(b"".join(connection.head("GET", paths[i % 3]) for i in range(100)))  # case 69
        for i in range(100):
            answer = connection.read_response()
            assert answer.status == 200 and answer.body[:2] == (b"ok", b"re", b"{\"")[i % 3], (i, answer)
