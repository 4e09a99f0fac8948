"""What most registries get wrong, by its number in the protocol notes. Each of these broke somebody."""

import gzip
import json
import re
import time

import pytest

import raw
from guppy import CLOSED, OPEN


@pytest.fixture(scope="module")
def shut(shared_new_guppy):
    return shared_new_guppy(listen=CLOSED)


def renamed(server, alias="nick", real="real-name"):
    return f'[dependencies.{alias}]\npackage = "{real}"\nversion = "1"\nregistry-index = "{server.index}"\n'


def test_01_name_and_package_of_a_renamed_dependency_are_not_swapped(server, token):
    deps = [raw.dep("real-name", explicit_name_in_toml="nick")]
    assert raw.publish(server.url, token, "m01", "1.0.0", more=renamed(server), deps=deps).status == 200
    (dep,) = raw.entry(server.url, "m01", "1.0.0")["deps"]
    assert (dep["name"], dep["package"]) == ("nick", "real-name")


def test_01_cargo_resolves_the_renamed_dependency(server, new_cargo, toolchain):
    cargo = new_cargo(server.url, server.token(), toolchain)
    t = toolchain or "default"
    cargo.publish_new(f"m01-real-{t}", lib="pub fn real() {}\n")
    cargo.publish_new(f"m01-user-{t}", lib="pub fn f() { nick::real() }\n",
                      more=f'[dependencies]\nnick = {{ version = "0.1", registry = "guppy", package = "m01-real-{t}" }}\n')  # fmt: skip
    app = cargo.app(f'm01-user-{t} = {{ version = "0.1", registry = "guppy" }}\n')
    cargo.run("build", cwd=app)


def test_02_deps_and_features_are_there_and_never_null(server, token):
    assert raw.publish(server.url, token, "m02", "1.0.0").status == 200
    line = raw.entry(server.url, "m02", "1.0.0")
    assert line["deps"] == [] and line["features"] == {}
    dep = raw.dep("other", registry="https://github.com/rust-lang/crates.io-index")
    assert raw.publish(server.url, token, "m02", "1.1.0", more='[dependencies]\nother = "1"\n', deps=[dep]).status == 200
    (dep,) = raw.entry(server.url, "m02", "1.1.0")["deps"]
    assert dep["features"] == [] and dep["optional"] is False and dep["default_features"] is True
    assert None not in line.values()


def test_03_an_unknown_crate_is_404_and_nothing_else(server):
    for name in ("m03-none", "a", "ab", "abc", "m03_none"):
        assert raw.get(server.url, raw.index_path(name)).status == 404


def test_03_a_first_publish_works(server, new_cargo, toolchain):
    cargo = new_cargo(server.url, server.token(), toolchain)
    cargo.publish_new(f"m03-first-{toolchain or 'default'}")


def test_04_an_anonymous_config_json_of_a_closed_registry_is_401_then_says_auth_required(shut):
    answer = raw.get(shut.url, "/index/config.json")
    assert answer.status == 401
    assert answer.header("www-authenticate") == f'Cargo login_url="{shut.url}/me"'
    config = raw.get(shut.url, "/index/config.json", shut.token())
    assert config.status == 200 and config.json()["auth-required"] is True


def test_05_api_has_no_slash_at_the_end_and_comes_from_the_settings(new_guppy):
    guppy = new_guppy(listen=OPEN, settings={"server.url": "https://crates.example", "server.hosts": ["127.0.0.1"]})
    for host in (None, "crates.example"):
        headers = {"Host": host, "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example"} if host else {}
        answer = raw.request(guppy.url, "GET", "/index/config.json", headers)
        assert answer.status == 200, answer
        assert answer.json()["api"] == "https://crates.example"
        assert answer.json()["dl"] == "https://crates.example/dl"


def test_06_one_validator_is_enough_and_etags_outlive_a_restart(new_guppy):
    guppy = new_guppy(listen=OPEN)
    assert raw.publish(guppy.url, guppy.token(), "m06", "1.0.0").status == 200
    plain = raw.get(guppy.url, "/index/3/m/m06").header("etag")
    assert raw.get(guppy.url, "/index/3/m/m06", If_None_Match=plain).status == 304
    guppy.stop()
    guppy.start()
    assert raw.get(guppy.url, "/index/3/m/m06", If_None_Match=plain).status == 304


def test_07_the_index_shows_a_version_before_the_publish_is_answered(server, token):
    """The answer and the next read race on two connections, twenty times."""
    with raw.Raw(server.url) as reader:
        for i in range(20):
            assert raw.publish(server.url, token, "m07", f"1.{i}.0").status == 200
            lines = reader.request("GET", "/index/3/m/m07").body.splitlines()
            assert json.loads(lines[-1])["vers"] == f"1.{i}.0"


def test_07_cargo_does_not_wait_for_the_index(server, new_cargo, toolchain):
    cargo = new_cargo(server.url, server.token(), toolchain)
    package = cargo.package(f"m07-{toolchain or 'default'}")
    start = time.monotonic()
    run = cargo.publish(package)
    assert "Published" in run.stderr and "timed out" not in run.stderr
    assert time.monotonic() - start < 20


def test_08_doubled_slashes_are_taken(server, token):
    assert raw.publish(server.url, token, "m08", "1.0.0").status == 200
    for path in ("//index/config.json", "/index//config.json", "/index//3/m/m08", "/dl//m08/1.0.0/download",
                 "//dl/m08/1.0.0/download", "//api/v1/crates?q=m08", "//api/v1/crates/m08/owners"):  # fmt: skip
        assert raw.get(server.url, path, token).status == 200, path
    answer = raw.request(server.url, "PUT", "//api/v1/crates/new", {"Authorization": token}, raw.body("m08", "1.1.0"))
    assert answer.status == 200


def test_09_a_yank_keeps_every_other_line_whole(server, token):
    for i in range(5):
        assert raw.publish(server.url, token, "m09", f"1.{i}.0").status == 200
    before = raw.get(server.url, "/index/3/m/m09").body.splitlines(keepends=True)
    assert raw.request(server.url, "DELETE", "/api/v1/crates/m09/1.2.0/yank", {"Authorization": token}).status == 200
    after = raw.get(server.url, "/index/3/m/m09").body.splitlines(keepends=True)
    assert [b == a for b, a in zip(before, after)] == [True, True, False, True, True]
    assert len(after) == 5 and all(line.endswith(b"\n") for line in after)


def test_10_the_registry_of_a_dependency_is_translated(server, token):
    more = f'[dependencies]\nfrom-crates-io = "1"\n[dependencies.ours]\nversion = "1"\nregistry-index = "{server.index}"\n'
    deps = [raw.dep("from-crates-io", registry="https://github.com/rust-lang/crates.io-index"), raw.dep("ours")]
    assert raw.publish(server.url, token, "m10", "1.0.0", more=more, deps=deps).status == 200
    by_name = {d["name"]: d for d in raw.entry(server.url, "m10", "1.0.0")["deps"]}
    assert by_name["from-crates-io"]["registry"] == "https://github.com/rust-lang/crates.io-index"
    assert by_name["ours"].get("registry") is None


def test_11_checksums_are_lower_case_and_archives_plain_200(server, token):
    archive = raw.crate("m11", "1.0.0")
    assert raw.publish(server.url, token, "m11", "1.0.0", archive).status == 200
    assert raw.entry(server.url, "m11", "1.0.0")["cksum"] == raw.sha256(archive)
    for accept in ("gzip", "deflate, gzip, br, zstd", "*"):
        answer = raw.get(server.url, "/dl/m11/1.0.0/download", Accept_Encoding=accept)
        assert answer.status == 200 and answer.header("content-encoding") is None and answer.body == archive


def test_12_errors_are_json_on_the_api_and_short_text_elsewhere(server, token):
    for method, path in (("GET", "/api/v1/none"), ("PUT", "/api/v1/crates/new"), ("POST", "/api/v1/crates/new"),
                         ("DELETE", "/api/v1/crates/none/1.0.0/yank"), ("GET", "/api/v1/crates/none/owners"),
                         ("GET", "/api/v1/crates?per_page=0"), ("GET", "/api/v1/crates/none/1.0.0/download"),
                         ("PUT", "/api/v1/crates/none/owners")):  # fmt: skip
        answer = raw.request(server.url, method, path, {"Authorization": token}, b"" if method != "GET" else None)
        assert answer.status >= 400 and answer.header("content-type").startswith("application/json"), (path, answer)
        assert answer.detail() and len(answer.body) <= 4096
    for path in ("/index/no/ne/none", "/dl/none/1.0.0/download", "/none"):
        answer = raw.get(server.url, path)
        assert answer.status == 404 and answer.header("content-type").startswith("text/plain")
        assert len(answer.body) <= 512 and b"<" not in answer.body


def test_pages_and_refusals_tell_browsers_to_make_nothing_of_them(server):
    for path in ("/", "/me", "/healthz", "/none", "/index/no/ne/none", "/api/v1/none", "/api/v1/crates?q=x", "/dl/%00"):
        answer = raw.get(server.url, path)
        assert answer.header("x-content-type-options") == "nosniff", path
        assert answer.header("content-security-policy") == "default-src 'none'; frame-ancestors 'none'", path
        assert answer.header("referrer-policy") == "no-referrer", path


@pytest.mark.parametrize("spelling", ["1.0.0+b.1", "1.0.0%2Bb.1", "1.0.0%2bb.1"])
def test_13_plus_is_plus_in_both_spellings(server, token, spelling):
    archive = raw.crate("m13", "1.0.0+b.1")
    assert raw.publish(server.url, token, "m13", "1.0.0+b.1", archive).status in (200, 409)
    assert raw.get(server.url, f"/dl/m13/{spelling}/download").body == archive
    for method, verb in (("DELETE", "yank"), ("PUT", "unyank")):
        answer = raw.request(server.url, method, f"/api/v1/crates/m13/{spelling}/{verb}", {"Authorization": token}, b"")
        assert answer.status == 200 and answer.json() == {"ok": True}


def test_14_case_is_right_in_the_index_and_free_in_dl(server, token):
    archive = raw.crate("M14-Crate", "1.0.0")
    assert raw.publish(server.url, token, "M14-Crate", "1.0.0", archive).status == 200
    for path in ("/index/m1/4-/m14-crate", "/index/M1/4-/M14-Crate"):
        assert raw.get(server.url, path).json()["name"] == "M14-Crate"
    for name in ("M14-Crate", "m14-crate"):
        assert raw.download(server.url, name, "1.0.0").body == archive


def test_15_cleartext_takes_the_upgrade_and_keeps_the_connection(server, token):
    from h2client import H2

    assert raw.publish(server.url, token, "m15", "1.0.0").status == 200
    with H2(server.url, upgrade=("GET", "/index/config.json", {}, None)) as h2:
        assert h2.upgraded
        for _ in range(1500):
            assert h2.wait(h2.open("GET", "/index/3/m/m15")).status == 200
        assert h2.goaway is None
    with H2(server.url) as h2:
        assert h2.request("GET", "/index/3/m/m15").status == 200


def test_16_nothing_of_a_closed_registry_is_public(shut):
    token = shut.token()
    assert raw.publish(shut.url, token, "m16-secret", "1.0.0").status == 200
    for path in ("/index/config.json", "/index/m1/6-/m16-secret", "/index/m1/6-/m16-none", "/dl/m16-secret/1.0.0/download",
                 "/api/v1/crates?q=m16", "/api/v1/crates/m16-secret/owners", "/api/v1/crates/m16-secret/1.0.0/download"):  # fmt: skip
        answer = raw.get(shut.url, path)
        assert answer.status == 401, (path, answer)
        assert b"m16-secret" not in answer.body
        assert raw.get(shut.url, path, token).status == (404 if "none" in path else 200), path
    for path in ("/", "/me", "/healthz", "/readyz"):
        assert b"m16" not in raw.get(shut.url, path).body, path


def test_16_there_and_not_there_look_the_same_from_outside(shut):
    shut_token = shut.token()
    raw.publish(shut.url, shut_token, "m16-there", "1.0.0")
    for there, missing in (("/index/m1/6-/m16-there", "/index/m1/6-/m16-nowhr"),
                           ("/dl/m16-there/1.0.0/download", "/dl/m16-nowhr/1.0.0/download")):  # fmt: skip
        a, b = raw.get(shut.url, there), raw.get(shut.url, missing)
        assert (a.status, a.body) == (b.status, b.body)


def test_17_identity_comes_from_both_json_and_archive(server, token):
    archive = raw.crate("m17", "1.0.0")
    for name, vers in (("m17x", "1.0.0"), ("M17", "1.0.0"), ("m17", "1.0.1"), ("m17", "1.0.0+x")):
        answer = raw.publish(server.url, token, name, vers, archive)
        assert answer.status == 400 and answer.detail(), (name, vers, answer)
    inner_lie = raw.crate("m17", "1.0.0", manifest_text=raw.manifest("m17-other", "1.0.0"))
    assert raw.publish(server.url, token, "m17", "1.0.0", inner_lie).status == 400
    assert raw.lines(server.url, "m17") == []


def test_17_dependencies_come_from_the_manifest(server, token):
    answer = raw.publish(server.url, token, "m17-deps", "1.0.0", deps=[raw.dep("injected")])
    assert answer.status == 200 and answer.json()["warnings"]["other"]
    assert raw.entry(server.url, "m17-deps", "1.0.0")["deps"] == []


def test_18_owner_changes_have_a_msg_ids_fit_and_ok_is_true(server, token):
    assert raw.publish(server.url, token, "m18", "1.0.0").status == 200
    server.token("m18-other")
    path, headers = "/api/v1/crates/m18/owners", {"Authorization": token}
    for method in ("PUT", "DELETE"):
        answer = raw.request(server.url, method, path, headers, b'{"users":["local:m18-other"]}')
        assert answer.status == 200 and answer.json()["ok"] is True
        assert isinstance(answer.json()["msg"], str) and answer.json()["msg"]
    for user in raw.get(server.url, path, token).json()["users"]:
        assert 0 <= user["id"] < 2**32 and user["login"]
    assert raw.request(server.url, "DELETE", path, headers, b'{"users":["local:m18-other"]}').status == 400


def test_18_yank_is_ok_true_also_twice(server, token):
    assert raw.publish(server.url, token, "m18-yank", "1.0.0").status == 200
    for method, verb in (("DELETE", "yank"), ("DELETE", "yank"), ("PUT", "unyank"), ("PUT", "unyank")):
        answer = raw.request(server.url, method, f"/api/v1/crates/m18-yank/1.0.0/{verb}", {"Authorization": token})
        assert answer.status == 200 and answer.json() == {"ok": True}


@pytest.mark.parametrize("scheme", ["", "Bearer ", "bearer ", "BEARER  "])
@pytest.mark.parametrize("kind", [None, "application/octet-stream", "text/plain", "application/json"])
def test_19_neither_content_type_nor_scheme_is_needed(server, token, scheme, kind):
    vers = f"1.{abs(hash((scheme, kind))) % 10**9}.0"
    headers = {"Content-Type": kind} if kind else {}
    assert raw.put(server.url, scheme + token, raw.body("m19", vers), headers).status == 200


def test_20_pubtime_is_whole_seconds_in_utc_and_stays(server, token):
    before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    assert raw.publish(server.url, token, "m20", "1.0.0").status == 200
    after = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    pubtime = raw.entry(server.url, "m20", "1.0.0")["pubtime"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", pubtime) and before <= pubtime <= after
    raw.request(server.url, "DELETE", "/api/v1/crates/m20/1.0.0/yank", {"Authorization": token})
    assert raw.entry(server.url, "m20", "1.0.0")["pubtime"] == pubtime


def test_21_expect_costs_no_second(server, token):
    """curl waits a second for 100 Continue before it sends all the same."""
    content = raw.body("m21", "1.0.0")
    with raw.Raw(server.url) as connection:
        start = time.monotonic()
        connection.send(connection.head("PUT", "/api/v1/crates/new", {
            "Authorization": token, "Content-Length": str(len(content)), "Expect": "100-continue"}))  # fmt: skip
        while b"\r\n\r\n" not in connection.buffer:
            connection._more()
        assert time.monotonic() - start < 0.5
        assert connection.buffer.startswith(b"HTTP/1.1 100 ")
        connection.send(content)
        assert connection.read_response().status == 200 and connection.interim == [100]


def test_gzip_of_the_index_is_one_member(server, token):
    for i in range(12):
        raw.publish(server.url, token, "mgz", f"1.{i}.0")
    packed = raw.get(server.url, "/index/3/m/mgz", Accept_Encoding="gzip").body
    assert gzip.decompress(packed).count(b"\n") == 12
