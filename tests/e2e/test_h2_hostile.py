"""HTTP/2 floods and frames that no library would send: each ends by GOAWAY or reset, others are
served meanwhile, and memory stays. h2spec runs too where it is installed."""

import os
import shutil
import socket
import struct
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import raw

pytest.importorskip("hpack", reason="python3-h2 is not installed")
from hpack import Decoder, Encoder  # noqa: E402

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS, PADDED = 1, 4, 8
NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, ENHANCE_YOUR_CALM = 0, 1, 7, 11
UNITS = 30_000


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + struct.pack(">I", stream) + payload


class Frames:
    """A connection by prior knowledge that sends any frame and counts what comes."""

    def __init__(self, url, settings=b""):
        parts = urlsplit(url)
        self.host = parts.netloc
        self.socket = socket.create_connection((parts.hostname, parts.port), timeout=raw.TIMEOUT_S)
        self.encoder, self.decoder = Encoder(), Decoder()
        self.input, self.closed = b"", False
        self.goaway, self.resets, self.statuses, self.bodies, self.ended = None, {}, {}, {}, set()
        self.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0, settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def head(self, stream, method="GET", path="/healthz", end=True, more=()):
        fields = [(":method", method), (":scheme", "http"), (":authority", self.host), (":path", path), *more]
        return frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream, self.encoder.encode(fields))

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError:
            self.closed = True
        return not self.closed

    def take(self):
        """One read's frames."""
        try:
            chunk = self.socket.recv(262144)
        except ConnectionResetError:
            chunk = b""
        self.closed = self.closed or not chunk
        self.input += chunk
        while len(self.input) >= 9 and len(self.input) >= 9 + int.from_bytes(self.input[:3], "big"):
            n = int.from_bytes(self.input[:3], "big")
            kind, flags, stream = self.input[3], self.input[4], int.from_bytes(self.input[5:9], "big")
            self.frame(kind, flags, stream, self.input[9 : 9 + n])
            self.input = self.input[9 + n :]

    def frame(self, kind, flags, stream, payload):
        if kind == GOAWAY:
            self.goaway = int.from_bytes(payload[4:8], "big")
        elif kind == RST_STREAM:
            self.resets[stream] = int.from_bytes(payload, "big")
        elif kind == HEADERS:
            self.statuses[stream] = int(dict(self.decoder.decode(payload))[":status"])
        elif kind == DATA:
            self.bodies[stream] = self.bodies.get(stream, 0) + len(payload)
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self.ended.add(stream)

    def until(self, condition):
        while not self.closed and not condition():
            self.take()
        return condition()

    def flood(self, unit, units=UNITS, at_once=50):
        """Sends unit(i) for every i until the server hangs up; how many were sent."""
        self.socket.setblocking(True)
        for i in range(0, units, at_once):
            if not self.send(b"".join(unit(k) for k in range(i, i + at_once))):
                break
            self.socket.settimeout(0)
            try:
                self.take()
            except BlockingIOError:
                pass
            self.socket.settimeout(raw.TIMEOUT_S)
            if self.closed or self.goaway is not None:
                break
        sent = i + at_once
        self.until(lambda: False)
        return sent


CANCEL = struct.pack(">I", 8)


def upload(c, stream, **more):
    return c.head(stream, "PUT", "/api/v1/crates/new", end=False, **more)


def first(c, i, unit):
    """A stream to flood on, then the unit."""
    return (upload(c, 1) if i == 0 else b"") + unit


FLOODS = {
    "F-01 rapid reset": lambda c, i: c.head(2 * i + 1) + frame(RST_STREAM, 0, 2 * i + 1, CANCEL),
    "F-01 rapid reset of searches": lambda c, i: c.head(2 * i + 1, path="/api/v1/crates?q=a")
    + frame(RST_STREAM, 0, 2 * i + 1, CANCEL),
    "F-01 rapid reset of uploads": lambda c, i: upload(c, 2 * i + 1) + frame(RST_STREAM, 0, 2 * i + 1, CANCEL),
    "F-02 empty window update": lambda c, i: upload(c, 2 * i + 1) + frame(WINDOW_UPDATE, 0, 2 * i + 1, bytes(4)),
    "F-02 window beyond its size": lambda c, i: upload(c, 2 * i + 1)
    + frame(WINDOW_UPDATE, 0, 2 * i + 1, b"\x7f\xff\xff\xff"),
    "F-02 data after the end": lambda c, i: c.head(2 * i + 1) + frame(DATA, 0, 2 * i + 1, b"x"),
    "F-02 short priority": lambda c, i: upload(c, 2 * i + 1) + frame(PRIORITY, 0, 2 * i + 1, bytes(4)),
    "F-02 malformed name": lambda c, i: c.head(2 * i + 1, more=[("x y", "1")]),
    "F-02 more data than said": lambda c, i: upload(c, 2 * i + 1, more=[("content-length", "1")])
    + frame(DATA, END_STREAM, 2 * i + 1, b"xx"),
    "F-03 continuations": lambda c, i: frame(CONTINUATION if i else HEADERS, 0, 1, b"\x82"),
    "F-03 empty continuations": lambda c, i: frame(CONTINUATION if i else HEADERS, 0, 1),
    "F-05 ping": lambda c, i: frame(PING, 0, 0, b"12345678"),
    "F-05 ping answers": lambda c, i: frame(PING, 1, 0, b"12345678"),
    "F-05 settings": lambda c, i: frame(SETTINGS, 0, 0, struct.pack(">HI", 4, i)),
    "F-05 priority": lambda c, i: frame(PRIORITY, 0, 2 * i + 1, struct.pack(">IB", 0, 5)),
    "F-05 empty data": lambda c, i: first(c, i, frame(DATA, 0, 1)),
    "F-05 padding alone": lambda c, i: first(c, i, frame(DATA, PADDED, 1, b"\x20" + bytes(32))),
    "F-05 window updates": lambda c, i: frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)),
    "F-05 unknown frames": lambda c, i: frame(0x77, 0, 0, b"abc"),
}


@pytest.mark.parametrize("flood", FLOODS)
def test_a_flood_is_cut_and_others_are_served(server, flood):
    with raw.Raw(server.url) as other, Frames(server.url) as c:
        assert other.request("GET", "/healthz").status == 200
        sent = c.flood(lambda i: FLOODS[flood](c, i))
        assert c.closed and sent < UNITS, f"not cut after {sent}"
        assert sum(s == 200 for s in c.statuses.values()) <= 1000
        if flood.startswith(("F-01", "F-05")):
            assert c.goaway in (ENHANCE_YOUR_CALM, None), c.goaway
        assert other.request("GET", "/healthz").status == 200


def test_a_header_bomb_is_refused(server):
    """F-04: an entry of 4,000 bytes in the table, then a reference of one byte to it, and again."""
    with Frames(server.url) as c:
        block = c.encoder.encode([(":method", "GET"), (":scheme", "http"), (":authority", c.host), (":path", "/")])
        block += c.encoder.encode([("x", "a" * 4000)])
        c.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, block))
        c.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, block[:1] + b"\xbe" * 10_000))
        c.until(lambda: 3 in c.statuses or 3 in c.resets or c.goaway is not None)
        assert c.statuses.get(3) == 431 or 3 in c.resets or c.goaway is not None
    with Frames(server.url) as c:  # a table of 2^32-1 bytes, padding of a Huffman code with zeros
        c.send(frame(SETTINGS, 0, 0, struct.pack(">HI", 1, 0xFFFFFFFF)))
        c.send(c.head(1))
        assert c.until(lambda: c.statuses.get(1) == 200)
        c.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, b"\x82\x86\x84\x41\x81\x00"))
        c.until(lambda: c.goaway is not None)
        assert c.goaway not in (None, NO_ERROR)


def test_streams_beyond_the_limit_are_refused(server):
    """F-09."""
    with Frames(server.url) as c:
        c.send(b"".join(upload(c, 2 * i + 1) for i in range(140)))
        assert c.until(lambda: len(c.resets) >= 12)
        assert set(c.resets.values()) == {REFUSED_STREAM} and min(c.resets) == 2 * 128 + 1


def test_a_length_that_is_not_kept_publishes_nothing(server, token):
    """F-08."""
    content = raw.body("short-stream", "1.0.0")
    for wrong in (len(content) - 1, len(content) + 1):
        with Frames(server.url) as c:
            c.send(upload(c, 1, more=[("authorization", token), ("content-length", str(wrong))]))
            c.send(frame(DATA, END_STREAM, 1, content))
            assert c.until(lambda: 1 in c.resets) and c.resets[1] == PROTOCOL_ERROR
    assert raw.lines(server.url, "short-stream") == []


def resident_kib(guppy):
    status = Path(f"/proc/{guppy.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])


def test_windows_that_stay_shut_hold_no_copies(new_guppy):
    """F-06: 256 streams of an archive and of an index file, none of them read; then all are cut."""
    guppy = new_guppy(kind="release", settings={"http.stall_window": 2, "http.stall_rate": 1024})
    token = guppy.token()
    dependencies = [raw.dep(f"some-dependency-{i}") for i in range(400)]
    lines = "[dependencies]\n" + "".join(f'some-dependency-{i} = "1"\n' for i in range(400))
    for i in range(20):
        assert raw.put(guppy.url, token, raw.body("wide", f"1.{i}.0", more=lines, deps=dependencies)).status == 200
    big = raw.crate("long", "1.0.0", files={"noise": os.urandom(8 << 20)}, level=0)
    assert raw.publish(guppy.url, token, "long", "1.0.0", big).status == 200
    plain = len(raw.get(guppy.url, "/index/wi/de/wide").body)
    assert plain > 500_000
    before = resident_kib(guppy)
    clients = [Frames(guppy.url, settings=struct.pack(">HI", 4, 0)) for _ in range(4)]
    for number, c in enumerate(clients):
        path = "/index/wi/de/wide" if number % 2 else "/dl/long/1.0.0/download"
        c.send(b"".join(c.head(2 * i + 1, path=path) for i in range(64)))
        assert c.until(lambda: len(c.statuses) == 64)
    held = resident_kib(guppy) - before
    assert held < 256 * 64, f"{held} KiB for 256 streams, an index file of {plain} bytes among them"
    for c in clients:
        c.until(lambda: False)  # cut: nothing was read for two seconds
        assert c.closed
        c.socket.close()


def test_h2spec(server):
    program = shutil.which("h2spec")
    if not program:
        pytest.skip("there is no h2spec here; ./dev test brings it where Go is installed")
    host, port = server.address
    run = subprocess.run(
        [program, "--strict", "-h", host, "-p", str(port), "-P", "/index/config.json"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0 and " 0 failed" in run.stdout, run.stdout[-4000:]
