"""A client that sends exactly the bytes it is told to, and what it takes to publish by hand."""

import gzip
import hashlib
import io
import json
import socket
import struct
import tarfile
from urllib.parse import urlsplit

TIMEOUT_S = 30
# cargo's archives carry this time (2006-07-24), so equal files make equal archives.
MTIME = 1153704088


class Response:
    def __init__(self, status, reason, headers, body):
        self.status, self.reason, self.headers, self.body = status, reason, headers, body

    def header(self, name):
        """The value of a field, None when absent; a field that came twice is a failure."""
        values = [v for n, v in self.headers if n == name.lower()]
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else None

    def json(self):
        return json.loads(self.body)

    def detail(self):
        """The sentence of cargo's error shape, which has exactly this form."""
        answer = self.json()
        assert set(answer) == {"errors"} and answer["errors"], answer
        assert all(set(e) == {"detail"} for e in answer["errors"]), answer
        return ", ".join(e["detail"] for e in answer["errors"])

    def __repr__(self):
        return f"<{self.status} {self.reason} {self.headers} {self.body[:600]!r}>"


class Raw:
    """One HTTP/1.1 connection; over a given socket, if it is connected already."""

    def __init__(self, url, timeout=TIMEOUT_S, connected=None):
        parts = urlsplit(url)
        self.host = parts.netloc
        self.socket = connected or socket.create_connection((parts.hostname, parts.port), timeout=timeout)
        self.socket.settimeout(timeout)
        if self.socket.family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.interim = []  # status codes of 1xx answers

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def head(self, method, path, headers=None):
        lines = [f"{method} {path} HTTP/1.1"]
        fields = {"Host": self.host, **(headers or {})}
        lines += [f"{k}: {v}" for k, v in fields.items() if v is not None]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def request(self, method, path, headers=None, body=None):
        headers = dict(headers or {})
        if body is not None and "Content-Length" not in headers and "Transfer-Encoding" not in headers:
            headers["Content-Length"] = str(len(body))
        self.send(self.head(method, path, headers) + (body or b""))
        return self.read_response(method == "HEAD")

    def _more(self):
        chunk = self.socket.recv(262144)
        if not chunk:
            raise EOFError(f"closed in the middle of an answer, after {self.buffer[:200]!r}")
        self.buffer += chunk

    def _line(self):
        while b"\r\n" not in self.buffer:
            self._more()
        line, self.buffer = self.buffer.split(b"\r\n", 1)
        return line

    def _take(self, n):
        while len(self.buffer) < n:
            self._more()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def _head(self):
        version, status, reason = (self._line().decode("latin-1").split(" ", 2) + [""])[:3]
        assert version == "HTTP/1.1", version
        headers = []
        while line := self._line():
            name, value = line.decode("latin-1").split(":", 1)
            headers.append((name.lower(), value.strip()))
        return int(status), reason, headers

    def read_response(self, head=False):
        status, reason, headers = self._head()
        while 100 <= status < 200 and status != 101:
            self.interim.append(status)
            status, reason, headers = self._head()
        fields = dict(headers)
        if head or status in (101, 204, 304):
            body = b""
        elif fields.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int(self._line().split(b";")[0], 16):
                body += self._take(size)
                assert self._take(2) == b"\r\n"
            while self._line():
                pass
        elif "content-length" in fields:
            body = self._take(int(fields["content-length"]))
        else:
            body = self._rest()
        return Response(status, reason, headers, body)

    def _rest(self):
        data, self.buffer = self.buffer, b""
        while chunk := self.socket.recv(262144):
            data += chunk
        return data

    def read_to_end(self):
        """Whatever comes until the peer closes; a reset is an error."""
        return self._rest()


def request(url, method, path, headers=None, body=None):
    with Raw(url) as connection:
        return connection.request(method, path, headers, body)


def get(url, path, token=None, **headers):
    fields = {k.replace("_", "-"): v for k, v in headers.items()}
    if token:
        fields["Authorization"] = token
    return request(url, "GET", path, fields)


# -- publishing


def manifest(name, vers, more=""):
    return f'[package]\nname = "{name}"\nversion = "{vers}"\nedition = "2021"\n{more}'


def crate(name, vers, more="", files=None, level=9, manifest_text=None):
    """A .crate as cargo makes it. files: {path below the folder: bytes}. more: TOML after [package]."""
    contents = {"Cargo.toml": (manifest_text or manifest(name, vers, more)).encode(), "src/lib.rs": b""}
    contents.update(files or {})
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for path, data in sorted(contents.items()):
            info = tarfile.TarInfo(f"{name}-{vers}/{path}")
            info.size, info.mtime, info.mode = len(data), MTIME, 0o644
            tar.addfile(info, io.BytesIO(data))
    return gzip.compress(plain.getvalue(), level, mtime=0)


def meta(name, vers, **over):
    """The JSON that cargo 1.95 sends for a crate with nothing in it."""
    return {
        "name": name, "vers": vers, "deps": [], "features": {}, "authors": [], "description": None,
        "documentation": None, "homepage": None, "readme": None, "readme_file": None, "keywords": [],
        "categories": [], "license": None, "license_file": None, "repository": None, "badges": {},
        "links": None, "rust_version": None, **over,
    }  # fmt: skip


def dep(name, req="^1", **over):
    return {
        "optional": False, "default_features": True, "name": name, "features": [], "version_req": req,
        "target": None, "kind": "normal", **over,
    }  # fmt: skip


def frame(json_part, archive):
    """u32le, JSON, u32le, archive. json_part: what to encode, or bytes as they stand."""
    if not isinstance(json_part, bytes):
        json_part = json.dumps(json_part).encode()
    return struct.pack("<I", len(json_part)) + json_part + struct.pack("<I", len(archive)) + archive


def body(name, vers, archive=None, more="", files=None, **over):
    return frame(meta(name, vers, **over), archive if archive is not None else crate(name, vers, more, files))


def put(url, token, content, headers=None):
    fields = dict(headers or {})
    if token:
        fields["Authorization"] = token
    return request(url, "PUT", "/api/v1/crates/new", fields, content)


def publish(url, token, name, vers, archive=None, more="", files=None, **over):
    return put(url, token, body(name, vers, archive, more, files, **over))


def index_path(name):
    n = name.lower()
    prefix = {1: "1", 2: "2", 3: f"3/{n[:1]}"}.get(len(n), f"{n[:2]}/{n[2:4]}")
    return f"/index/{prefix}/{n}"


def lines(url, name, token=None):
    """The entries of an index file, [] for a 404."""
    answer = get(url, index_path(name), token)
    if answer.status == 404:
        return []
    assert answer.status == 200, answer
    assert answer.body.endswith(b"\n"), answer
    return [json.loads(line) for line in answer.body.decode().splitlines()]


def entry(url, name, vers, token=None):
    found = [line for line in lines(url, name, token) if line["vers"] == vers]
    assert len(found) == 1, f"{name} {vers}: {len(found)} lines"
    return found[0]


def download(url, name, vers, token=None):
    return get(url, f"/dl/{name}/{vers}/download", token)


def sha256(data):
    return hashlib.sha256(data).hexdigest()
