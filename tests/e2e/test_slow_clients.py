"""Clients that are slow, many or big (S-01 to S-07). What is measured in memory runs the release
build; time limits are set to a second or two, and what is awaited is the server's own act."""

import os
import re
import socket
import threading
from pathlib import Path

import pytest

import raw
from guppy import OPEN, wait_for

MANY = 300
QUICK = {"http.header_timeout": 1, "http.stall_window": 1, "http.stall_rate": 1024, "http.write_timeout": 2}


def resident_kib(guppy, field="VmRSS"):
    return int(re.search(rf"{field}:\s+(\d+)", Path(f"/proc/{guppy.process.pid}/status").read_text())[1])


def descriptors(guppy):
    return len(os.listdir(f"/proc/{guppy.process.pid}/fd"))


def connect(guppy, text=b"", receive_buffer=None):
    connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(raw.TIMEOUT_S)
    connection.connect(guppy.address)
    if text:
        connection.sendall(text)
    return connection


def to_the_end(connection):
    data = b""
    try:
        while chunk := connection.recv(65536):
            data += chunk
    except ConnectionResetError:
        pass
    connection.close()
    return data


def head(guppy, method, path, fields=""):
    host, port = guppy.address
    return f"{method} {path} HTTP/1.1\r\nHost: {host}:{port}\r\n{fields}\r\n".encode()


def test_heads_that_do_not_end_get_408_and_others_are_served(new_guppy):
    """S-01."""
    guppy = new_guppy(settings=QUICK)
    clients = [connect(guppy, b"GET /healthz HTTP/1.1\r\nX") for _ in range(MANY)]
    silent = [connect(guppy) for _ in range(20)]
    assert raw.get(guppy.url, "/healthz").status == 200
    for client in clients:
        try:
            client.sendall(b"y")  # a byte more buys no time
        except OSError:
            pass
    assert all(to_the_end(c).startswith(b"HTTP/1.1 408 ") for c in clients)
    assert all(to_the_end(c) == b"" for c in silent)
    assert raw.get(guppy.url, "/healthz").status == 200


def test_uploads_that_hardly_move_get_408_and_leave_nothing(new_guppy):
    """S-02, bodies."""
    guppy = new_guppy(settings=QUICK)
    token = guppy.token()
    content = raw.body("slow", "1.0.0", files={"noise": os.urandom(400_000)})
    fields = f"Authorization: {token}\r\nContent-Length: {len(content)}\r\n"
    clients = [connect(guppy, head(guppy, "PUT", "/api/v1/crates/new", fields) + content[:100]) for _ in range(MANY)]
    clients[0].sendall(content[100:200_000])  # has a temp file by then
    assert raw.publish(guppy.url, token, "quick", "1.0.0").status == 200
    assert all(to_the_end(c).startswith(b"HTTP/1.1 408 ") for c in clients)
    guppy.stop()  # waits for the workers that unlink
    guppy.start()
    assert guppy.temporaries() == [] and raw.lines(guppy.url, "slow") == []


def test_downloads_that_nobody_reads_are_cut(new_guppy):
    """S-02, reading."""
    guppy = new_guppy(settings=QUICK)
    token = guppy.token()
    archive = raw.crate("large", "1.0.0", files={"noise": os.urandom(8 << 20)}, level=0)
    assert raw.publish(guppy.url, token, "large", "1.0.0", archive).status == 200
    request = head(guppy, "GET", "/dl/large/1.0.0/download")
    before = descriptors(guppy)
    clients = [connect(guppy, request, receive_buffer=4096) for _ in range(100)]
    assert raw.download(guppy.url, "large", "1.0.0").body == archive
    assert descriptors(guppy) >= before + 2 * len(clients)  # a socket and a file each
    wait_for(lambda: descriptors(guppy) < before + 10)
    for client in clients:
        client.close()


def test_idle_connections_cost_little_and_the_rest_is_served(new_guppy):
    """S-03, S-05: loopback is not counted per address, so one client may open them all."""
    guppy = new_guppy(kind="release")
    number = 5000
    request = head(guppy, "GET", "/healthz")
    before = resident_kib(guppy)
    clients = [connect(guppy, request) for _ in range(number)]
    assert all(c.recv(4096).startswith(b"HTTP/1.1 200") for c in clients)
    held = resident_kib(guppy) - before
    assert held <= 2 * number, f"{held / number:.2f} KiB a connection"
    assert raw.get(guppy.url, "/index/config.json").status == 200
    for client in clients:
        client.close()


def test_64_of_the_largest_uploads_at_once_stay_out_of_memory(new_guppy):
    """S-06."""
    guppy = new_guppy(kind="release", settings={"publish.crate_max": "4M"})
    token = guppy.token()
    noise = os.urandom((4 << 20) - 100_000)

    def content(name):
        return raw.body(name, "1.0.0", raw.crate(name, "1.0.0", files={"noise": noise}, level=0))

    for i in range(4):
        assert raw.put(guppy.url, token, content(f"warm-{i}")).status == 200
    before, statuses = resident_kib(guppy), [None] * 64
    together = threading.Barrier(64)

    def upload(i):
        data = content(f"big-{i}")
        with raw.Raw(guppy.url, timeout=120) as connection:
            connection.send(connection.head("PUT", "/api/v1/crates/new", {"Authorization": token, "Content-Length": str(len(data))}))
            connection.send(data[:-1])
            together.wait()
            connection.send(data[-1:])
            statuses[i] = connection.read_response().status

    threads = [threading.Thread(target=upload, args=(i,)) for i in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 64
    peak = resident_kib(guppy, "VmHWM")
    assert peak - before <= 64 * 256, f"{(peak - before) / 64:.0f} KiB an upload"


@pytest.mark.parametrize(("sent", "status"), [("", 401), ("Authorization: sgp_none\r\n", 403)])
def test_a_gigabyte_without_a_right_is_refused_before_it_is_read(new_guppy, sent, status):
    """S-07: the answer is there before the first byte of the body is sent."""
    guppy = new_guppy(listen=OPEN)
    client = connect(guppy, head(guppy, "PUT", "/api/v1/crates/new", f"{sent}Content-Length: {1 << 30}\r\n"))
    assert client.recv(65536).startswith(f"HTTP/1.1 {status} ".encode())
    swallowed = 0
    try:
        while swallowed < 1 << 30:
            swallowed += client.send(bytes(65536))
    except OSError:
        pass
    assert swallowed < 64 << 20, f"{swallowed} bytes were taken after the refusal"
    client.close()
    assert guppy.temporaries() == []
