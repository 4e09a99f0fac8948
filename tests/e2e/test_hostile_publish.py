"""Publishes that nobody means well with: framing, JSON, names, versions, dependencies, archives.

Whatever is refused leaves nothing behind, and the server serves on. Rows by their ID in the notes on
reliability; where design decides otherwise (409, `*`, features) it wins."""

import json
import os
import re
import struct

import pytest

import forge
import raw
from guppy import wait_for

KIB, MIB = 1 << 10, 1 << 20
U32_MAX = 0xFFFFFFFF


@pytest.fixture
def unharmed(server, token):
    """What every refusal owes: no blob, no temporary file, no entry, and the next request is fine."""
    before = server.blobs()
    yield
    assert server.blobs() == before
    # The answer does not wait for the clean-up, but it comes.
    wait_for(lambda: server.temporaries() == [])
    assert raw.get(server.url, "/healthz").status == 200
    assert server.running()


def memory_kib(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def refused(server, token, content, status=400):
    answer = raw.put(server.url, token, content)
    assert answer.status == status, answer
    detail = answer.detail()
    assert detail and len(answer.body) <= 4 * KIB
    assert "/tmp" not in detail and "SQL" not in detail and not re.search(r"\bsrc/\w+/\w+\.[ch]\b", detail)
    return detail


GOOD_JSON = json.dumps(raw.meta("hostile", "1.0.0")).encode()
GOOD_CRATE = raw.crate("hostile", "1.0.0")


def u32(n):
    return struct.pack("<I", n)


FRAMES = [
    ("P-01 empty", b"", 400),
    ("P-01 one byte", b"\1", 400),
    ("P-01 three bytes", b"\1\0\0", 400),
    ("P-01 JSON longer than the rest", u32(50) + b"{}", 400),
    ("P-01 JSON of no length", u32(0) + u32(len(GOOD_CRATE)) + GOOD_CRATE, 400),
    ("P-01 JSON of 4 GiB", u32(U32_MAX) + b"{}", 413),
    ("P-01 JSON of the limit and one", u32(MIB + 1) + b" " * (MIB + 1) + u32(1) + b"x", 413),
    ("P-02 no crate length", u32(len(GOOD_JSON)) + GOOD_JSON, 400),
    ("P-02 one byte of crate length", u32(len(GOOD_JSON)) + GOOD_JSON + b"\1", 400),
    ("P-02 three bytes of crate length", u32(len(GOOD_JSON)) + GOOD_JSON + b"\1\0\0", 400),
    ("P-02 crate longer than the rest", raw.frame(GOOD_JSON, GOOD_CRATE)[:-1], 400),
    ("P-02 crate of no length", u32(len(GOOD_JSON)) + GOOD_JSON + u32(0), 400),
    ("P-02 crate of no length and bytes", u32(len(GOOD_JSON)) + GOOD_JSON + u32(0) + GOOD_CRATE, 400),
    ("P-02 crate of 4 GiB", u32(len(GOOD_JSON)) + GOOD_JSON + u32(U32_MAX) + GOOD_CRATE, 413),
    ("P-02 bytes after the crate", raw.frame(GOOD_JSON, GOOD_CRATE) + b"x", 400),
    ("P-03 lengths whose sum wraps at 32 bits", u32(len(GOOD_JSON)) + GOOD_JSON + u32(U32_MAX - 7 - len(GOOD_JSON)), 413),
    ("P-03 both of 2 GiB", u32(1 << 31) + u32(1 << 31), 413),
]


@pytest.mark.parametrize("content, status", [f[1:] for f in FRAMES], ids=[f[0] for f in FRAMES])
def test_a_bad_frame_is_refused(server, token, unharmed, content, status):
    refused(server, token, content, status)


def test_p01_nothing_is_allocated_from_a_claim(server, token, unharmed):
    refused(server, token, b"")
    before = memory_kib(server)
    for _ in range(20):
        refused(server, token, u32(U32_MAX) + b"{}", 413)
        refused(server, token, u32(len(GOOD_JSON)) + GOOD_JSON + u32(U32_MAX) + GOOD_CRATE, 413)
    assert memory_kib(server) - before < 32 * KIB


@pytest.mark.parametrize("length", ["+5", "-1", "0x10", "1_0", "", "5, 5", "5, 6", str(2**63), str(2**64 + 5)])
def test_p03_a_bad_content_length_closes(server, token, unharmed, length):
    with raw.Raw(server.url) as connection:
        connection.send(connection.head("PUT", "/api/v1/crates/new", {"Authorization": token, "Content-Length": length}) + b"12345")
        assert connection.read_response().status == 400
        assert connection.read_to_end() == b""


def test_p03_half_a_body_publishes_nothing(server, token, unharmed):
    content = raw.frame(GOOD_JSON, GOOD_CRATE)
    for n in (4, 40, len(GOOD_JSON) + 6, len(content) - 1):
        with raw.Raw(server.url) as connection:
            connection.send(connection.head("PUT", "/api/v1/crates/new", {"Authorization": token, "Content-Length": str(len(content))}))
            connection.send(content[:n])
    with raw.Raw(server.url) as connection:
        connection.send(connection.head("PUT", "/api/v1/crates/new", {"Authorization": token, "Content-Length": str(len(content))}))
        connection.send(content[:-1])
        connection.socket.shutdown(1)
        try:
            assert connection.read_response().status in (400, 408)
        except EOFError:
            pass
    assert raw.lines(server.url, "hostile") == []


def crate_of(size, name, vers="1.0.0"):
    """A good archive of exactly that many bytes: noise that does not pack, the rest in gzip's file name."""
    root = f"{name}-{vers}/"
    head = forge.file(root + "Cargo.toml", raw.manifest(name, vers)) + forge.file(root + "src/lib.rs", "")
    noise = os.urandom(size)

    def pack(n, label):
        return forge.pack(head + forge.file(root + "noise", noise[:n]) + forge.END, name=label, level=0)

    # Uncompressed, so what n lacks of a size that tar can have is at most two blocks.
    n = size - (len(pack(size, "x")) - size) - 1024
    archive = pack(n, "x" * (1 + size - len(pack(n, "x"))))
    assert len(archive) == size
    return archive


def test_p04_ten_mebibytes_exactly_is_taken(server, token):
    archive = crate_of(10 * MIB, "exactly")
    assert raw.publish(server.url, token, "exactly", "1.0.0", archive).status == 200
    assert raw.download(server.url, "exactly", "1.0.0").body == archive


def test_p04_one_byte_more_is_413(server, token, unharmed):
    answer = raw.publish(server.url, token, "exactly-not", "1.0.0", crate_of(10 * MIB + 1, "exactly-not"))
    assert answer.status == 413 and "10485760" in answer.detail()


def with_json(text):
    return raw.frame(text if isinstance(text, bytes) else text.encode(), GOOD_CRATE)


def json_with(key, literal):
    """The good JSON with one value replaced by text as it stands."""
    text = json.dumps({**raw.meta("hostile", "1.0.0"), key: "@@"})
    return with_json(text.replace('"@@"', literal))


P05 = [
    ("depth of 10,000", json_with("badges", "[" * 10000 + "]" * 10000)),
    ("depth of 65", json_with("badges", "[" * 65 + "]" * 65)),
    ("depth in an unknown key", with_json(json.dumps(raw.meta("hostile", "1.0.0"))[:-1] + ',"zz":' + '{"a":' * 90 + "1" + "}" * 91)),
    ("name is 1e400", json_with("name", "1e400")),
    ("name is -0", json_with("name", "-0")),
    ("name is 2^64", json_with("name", str(2**64))),
    ("name is a number of 400 digits", json_with("name", "9" * 400)),
    ("501 dependencies", json_with("deps", json.dumps([raw.dep(f"d{i}") for i in range(501)]))),
    ("1,001 features", json_with("features", json.dumps({f"f{i}": [] for i in range(1001)}))),
    ("features is a list", json_with("features", "[]")),
    ("deps is null", json_with("deps", '{"a":1}')),
    ("deps holds a string", json_with("deps", '["a"]')),
    ("JSON is a list", with_json("[]")),
    ("JSON is a string", with_json('"name"')),
    ("JSON is null", with_json("null")),
    ("no name", with_json(json.dumps({k: v for k, v in raw.meta("x", "1.0.0").items() if k != "name"}))),
    ("no version", with_json(json.dumps({k: v for k, v in raw.meta("hostile", "1").items() if k != "vers"}))),
]


@pytest.mark.parametrize("content", [p[1] for p in P05], ids=["P-05 " + p[0] for p in P05])
def test_json_beyond_the_limits_is_400(server, token, unharmed, content):
    refused(server, token, content)


@pytest.mark.parametrize("literal", ["1e400", "-0", str(2**64), "9" * 400, "1E+2", "0.1", "1e-400"])
def test_p05_odd_numbers_in_keys_nobody_reads_do_no_harm(server, token, unharmed, literal):
    text = json.dumps(raw.meta("hostile", "1.0.0"))[:-1] + f',"zz":{literal}}}'
    # The archive is no archive, so this is 400 whether the number was taken or not.
    answer = raw.put(server.url, token, raw.frame(text.encode(), b"no archive"))
    assert answer.status == 400 and answer.detail()


def test_p05_a_hundred_thousand_keys_do_no_harm(server, token, unharmed):
    text = json.dumps(raw.meta("hostile", "1.0.0"))[:-1] + "".join(f',"k{i}":0' for i in range(95000)) + "}"
    answer = raw.put(server.url, token, raw.frame(text.encode(), b"no archive"))
    assert answer.status == 400 and answer.detail()


P06 = [
    ("name twice", with_json(GOOD_JSON[:-1] + b',"name":"hostile"}')),
    ("a dependency's key twice", json_with("deps", '[{"name":"a","name":"b","version_req":"1","kind":"normal"}]')),
    ("invalid UTF-8", with_json(GOOD_JSON.replace(b'"hostile"', b'"hostile\xff"'))),
    ("overlong UTF-8", with_json(GOOD_JSON.replace(b'"description": null', b'"description": "\xc0\xaf"'))),
    ("lone surrogate", json_with("description", r'"\ud800"')),
    ("NUL in the name", json_with("name", r'"hos\u0000tile"')),
    ("NUL in the description", json_with("description", r'"a\u0000b"')),
    ("byte order mark", with_json(b"\xef\xbb\xbf" + GOOD_JSON)),
    ("NaN", json_with("description", "NaN")),
    ("Infinity", json_with("badges", "-Infinity")),
    ("trailing comma", with_json(GOOD_JSON[:-1] + b",}")),
    ("trailing bytes", with_json(GOOD_JSON + b"x")),
    ("two documents", with_json(GOOD_JSON + GOOD_JSON)),
    ("single quotes", with_json(GOOD_JSON.replace(b'"', b"'"))),
    ("a comment", with_json(b"/**/" + GOOD_JSON)),
    ("cut short", with_json(GOOD_JSON[:-1])),
    ("UTF-16", with_json(GOOD_JSON.decode().encode("utf-16"))),
    ("blanks alone", with_json(b"   ")),
]


@pytest.mark.parametrize("content", [p[1] for p in P06], ids=["P-06 " + p[0] for p in P06])
def test_json_that_is_not_strict_is_400(server, token, unharmed, content):
    refused(server, token, content)


NAMES = ["x" * 65, "", "1abc", "-abc", "_abc", "..", ".", "a/b", "a%2fb", "a\\b", "../x", "fооbar", "cafe\u0301", "\uff46oo",
         "nul", "con", "NUL", "com1", "aux", "a\0b", "a b", " a", "a\n", "std", "core", "rust-installer", "a.b", "a:b", "a+b", "а"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_p07_a_bad_name_is_400(server, token, unharmed, name):
    folder = name if name.isascii() and "/" not in name and "\0" not in name and name else "x"
    refused(server, token, raw.frame(raw.meta(name, "1.0.0"), raw.crate(folder, "1.0.0")))


def test_p07_a_name_of_64_is_taken(server, token):
    assert raw.publish(server.url, token, "n" * 64, "1.0.0").status == 200


def test_p07_another_spelling_is_409(server, token):
    assert raw.publish(server.url, token, "Foo_bar-baz", "1.0.0").status == 200
    for other in ("foo-bar-baz", "foo_bar_baz", "FOO_BAR-BAZ", "Foo-bar_baz"):
        answer = raw.publish(server.url, token, other, "2.0.0")
        assert answer.status == 409 and "Foo_bar-baz" in answer.detail()
        assert raw.publish(server.url, token, other, "1.0.0").status == 409
    assert [line["vers"] for line in raw.lines(server.url, "Foo_bar-baz")] == ["1.0.0"]


VERSIONS = ["1.0.0-" + "a" * 146, "1.0", "1", "", "01.0.0", "1.00.0", "1.0.0-01", f"{2**64}.0.0", "1.0.18446744073709551616", "v1.0.0",
            " 1.0.0", "1.0.0 ", "1.0.0\n", "1.0.0+", "1.0.0-", "1.0.0-a..b", "1.0.0+a/b", "1.0.0+a_b", "-1.0.0", "1.0.0-é", "1.*.0"]  # fmt: skip


@pytest.mark.parametrize("vers", VERSIONS, ids=ascii)
def test_p08_a_bad_version_is_400(server, token, unharmed, vers):
    refused(server, token, raw.frame(raw.meta("versioned", vers), raw.crate("versioned", "1.0.0")))


def test_p08_build_metadata_makes_no_other_version(server, token):
    assert raw.publish(server.url, token, "built", "1.0.0+b").status == 200
    for vers in ("1.0.0+a", "1.0.0", "1.0.0+b"):
        answer = raw.publish(server.url, token, "built", vers)
        assert answer.status == 409 and "is already uploaded" in answer.detail()
    assert raw.publish(server.url, token, "built", "1.0.1+b").status == 200


@pytest.mark.parametrize("registry", [
    "https://evil.example/index", "sparse+https://evil.example/index/", "file:///etc", "file:///srv/index.git", "", "javascript:1",
    "sparse+http://evil.example@127.0.0.1/index/", "../index", "https://github.com/rust-lang/crates.io-index-twin", "SELF.git/", "SELF/../x/",
    "HOST.evil.example/index/",
])  # fmt: skip
def test_p09_a_dependency_on_an_unlisted_registry_is_400(server, token, unharmed, registry):
    registry = registry.replace("SELF", f"sparse+{server.url}/index").replace("HOST", f"sparse+{server.url}")
    more = f'[dependencies.d]\nversion = "1"\nregistry-index = {json.dumps(registry)}\n'
    content = raw.body("depends", "1.0.0", more=more, deps=[raw.dep("d", registry=registry)])
    detail = refused(server, token, content)
    if "evil" in registry:
        assert "server.registries" in detail or "registry" in detail


@pytest.mark.parametrize("req", ["not a requirement", "", ">>1", "1.2.3.4", "^", "1 || 2", "=1.0.0.0", ">1,", "1.x.y", "\u0661"])
def test_p09_a_bad_requirement_is_400(server, token, unharmed, req):
    more = f'[dependencies.d]\nversion = {json.dumps(req)}\nregistry-index = "{server.index}"\n'
    refused(server, token, raw.body("depends", "1.0.0", more=more, deps=[raw.dep("d", req)]))


def test_p09_a_star_is_taken_with_a_warning(server, token):
    more = f'[dependencies.d]\nversion = "*"\nregistry-index = "{server.index}"\n'
    answer = raw.publish(server.url, token, "starry", "1.0.0", more=more, deps=[raw.dep("d", "*")])
    assert answer.status == 200 and any("*" in w for w in answer.json()["warnings"]["other"])


URLS = ["javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "https://a.example/\r\nX: y", "https://" + "a" * 100 * KIB,
        "ftp://a.example", "//a.example", "/path", "not a url", "https://", "vbscript:x", " https://a.example", "https://a b"]  # fmt: skip


@pytest.mark.parametrize("field", ["homepage", "documentation", "repository"])
@pytest.mark.parametrize("url", URLS, ids=lambda u: ascii(u)[:30])
def test_p11_a_url_that_is_none_is_400(server, token, unharmed, field, url):
    more = f"{field} = {json.dumps(url)}\n"
    refused(server, token, raw.body("linked", "1.0.0", more=more, **{field: url}))
    refused(server, token, raw.body("linked", "1.0.0", more=more))


def row_id(row):
    return f"{row.id} {row.description}"


@pytest.mark.parametrize("row", forge.T_ROWS, ids=row_id)
def test_a_bad_archive_is_400(server, token, unharmed, row):
    refused(server, token, raw.frame({**raw.meta("acme", "1.2.3"), **forge.JSON_ACME}, row.data))


def test_after_all_that_the_good_ones_are_taken(server, token):
    assert raw.lines(server.url, "acme") == [] and raw.lines(server.url, "hostile") == []
    assert raw.publish(server.url, token, "acme", "1.2.3", forge.crate()).status == 200
    assert raw.put(server.url, token, raw.frame(GOOD_JSON, GOOD_CRATE)).status == 200


def test_odd_archives_that_every_tar_reads_alike_are_taken(server, token):
    for i, (description, root, data) in enumerate(forge.accepted()):
        name, vers = root.rstrip("/").rsplit("-", 1)
        answer = raw.publish(server.url, token, name, vers, data)
        assert answer.status in (200, 409), (description, answer)


def test_a_stranger_sends_a_gigabyte_and_is_not_read(server, unharmed):
    """S-07: 401 after at most what the socket buffers hold."""
    with raw.Raw(server.url) as connection:
        connection.send(connection.head("PUT", "/api/v1/crates/new", {"Content-Length": str(1 << 30)}))
        assert connection.read_response().status == 401
        sent = 0
        try:
            while sent < 1 << 30:
                sent += connection.socket.send(bytes(MIB))
        except OSError:
            pass
        assert sent < 64 * MIB


def test_64_big_uploads_side_by_side_stay_out_of_memory(server, token):
    """S-06: spooled to disk, at most 256 KiB each in memory."""
    before = memory_kib(server)
    connections = []
    archive = os.urandom(10 * MIB - KIB)
    for i in range(64):
        connection = raw.Raw(server.url)
        content = raw.frame(raw.meta(f"big{i}", "1.0.0"), archive)
        connection.send(connection.head("PUT", "/api/v1/crates/new", {"Authorization": token, "Content-Length": str(len(content))}))
        connection.send(content[:-MIB])
        connections.append(connection)
    assert memory_kib(server) - before < 64 * 256 + 64 * KIB
    for connection in connections:
        connection.close()
    assert raw.publish(server.url, token, "after-64", "1.0.0").status == 200
