"""The sparse index and the archives, as bytes on the wire (protocol: cargo's registry-index reference,
and what crates.io writes)."""

import gzip
import json
import re
import time

import pytest

import raw

# More than one KB of plain text, so that the file is kept packed.
MANY = 12


@pytest.fixture(scope="module", autouse=True)
def crates(server, token):
    """small (1 version) and big (12 versions); returns {(name, vers): archive}."""
    archives = {("small", "1.0.0+build.5"): raw.crate("small", "1.0.0+build.5")}
    for i in range(MANY):
        archives["big", f"0.{i}.0"] = raw.crate("big", f"0.{i}.0", files={"a.txt": b"%d" % i})
    for (name, vers), archive in archives.items():
        answer = raw.publish(server.url, token, name, vers, archive)
        assert answer.status == 200, answer
    return archives


def small(server, **headers):
    return raw.get(server.url, "/index/sm/al/small", **headers)


def big(server, **headers):
    return raw.get(server.url, "/index/3/b/big", **headers)


def test_config_json_names_download_and_api_without_a_slash_at_the_end(server):
    answer = raw.get(server.url, "/index/config.json")
    assert answer.status == 200
    assert answer.json() == {"dl": f"{server.url}/dl", "api": server.url}
    assert not answer.body.startswith(b"\xef\xbb\xbf")


def test_config_json_is_never_answered_304(server):
    first = raw.get(server.url, "/index/config.json")
    for validator in ("*", first.header("etag") or '"x"'):
        assert raw.get(server.url, "/index/config.json", If_None_Match=validator).status == 200


def test_config_json_names_the_configured_url_and_never_the_host_asked(server):
    answer = raw.request(server.url, "GET", "/index/config.json", {"Host": "evil.example"})
    assert answer.status == 421
    assert b"server.hosts" in answer.body


def test_a_line_has_the_bytes_of_crates_io(server, crates):
    answer = small(server)
    sum_ = raw.sha256(crates["small", "1.0.0+build.5"])
    assert re.fullmatch(
        r'\{"name":"small","vers":"1\.0\.0\+build\.5","deps":\[\],"cksum":"' + sum_ + r'","features":\{\},'
        r'"yanked":false,"pubtime":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"\}\n',
        answer.body.decode(),
    ), answer


def test_lines_stand_in_the_order_of_publication(server):
    assert [json.loads(line)["vers"] for line in big(server).body.splitlines()] == [f"0.{i}.0" for i in range(MANY)]


def test_a_small_file_is_sent_plain_and_a_big_one_packed(server):
    assert small(server, Accept_Encoding="gzip").header("content-encoding") is None
    packed = big(server, Accept_Encoding="deflate, gzip")
    assert packed.header("content-encoding") == "gzip"
    assert gzip.decompress(packed.body) == big(server).body


@pytest.mark.parametrize(
    "accept, coded",
    [
        ("gzip", True),
        ("deflate, gzip, br, zstd", True),
        ("gzip,identity", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("gzip;q=0.5", True),
        ("*", True),
        ("gzip;q=0", False),
        ("gzip;q=0, *", False),
        ("identity", False),
        ("br", False),
        ("", False),
    ],
)
def test_the_coding_follows_accept_encoding(server, accept, coded):
    answer = big(server, Accept_Encoding=accept)
    assert answer.status == 200
    assert (answer.header("content-encoding") == "gzip") == coded, answer.headers
    text = gzip.decompress(answer.body) if coded else answer.body
    assert text.startswith(b'{"name":"big"')


def test_each_coding_has_one_strong_etag_of_its_own(server):
    plain, packed = big(server), big(server, Accept_Encoding="gzip")
    assert plain.header("etag") != packed.header("etag")
    for etag in (plain.header("etag"), packed.header("etag")):
        assert re.fullmatch(r'"[\x21\x23-\x7e]+"', etag)
    assert big(server).header("etag") == plain.header("etag")
    assert plain.header("last-modified") is None


def test_both_codings_say_that_they_vary(server):
    for answer in (big(server), big(server, Accept_Encoding="gzip")):
        assert "accept-encoding" in answer.header("vary").lower()


@pytest.mark.parametrize("coding", ["identity", "gzip"])
def test_an_etag_that_still_holds_gets_an_empty_304(server, coding):
    etag = big(server, Accept_Encoding=coding).header("etag")
    for validator in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = big(server, Accept_Encoding=coding, If_None_Match=validator)
        assert answer.status == 304, validator
        assert answer.body == b"" and answer.header("etag") == etag
        assert "accept-encoding" in answer.header("vary").lower()


def test_another_etag_gets_the_file(server):
    for validator in ('"other"', 'W/"other", "more"', "Unknown"):
        assert big(server, If_None_Match=validator).status == 200


def test_a_date_alone_never_gets_a_304(server):
    assert big(server, If_Modified_Since="Fri, 01 Jan 2100 00:00:00 GMT").status == 200


def test_a_304_leaves_the_connection_in_step(server):
    etag = big(server).header("etag")
    with raw.Raw(server.url) as connection:
        for _ in range(3):
            assert connection.request("GET", "/index/3/b/big", {"If-None-Match": etag}).status == 304
            assert connection.request("GET", "/index/sm/al/small").status == 200


def test_head_is_get_without_its_body(server):
    for path in ("/index/3/b/big", "/index/sm/al/small", "/index/config.json", "/index/no/ne/none", "/healthz", "/me",
                 "/dl/big/0.1.0/download"):  # fmt: skip
        with raw.Raw(server.url) as connection:
            get = connection.request("GET", path, {"Accept-Encoding": "gzip"})
            head = connection.request("HEAD", path, {"Accept-Encoding": "gzip"})
            changing = {"x-amz-request-id", "date"}
            assert head.status == get.status and head.body == b""
            assert [h for h in head.headers if h[0] not in changing] == [
                h for h in get.headers if h[0] not in changing
            ], path
            # In step: the next answer is whole.
            assert connection.request("GET", "/healthz").status == 200


@pytest.mark.parametrize("path", [
    "/index/3/B/BIG", "/index/3/bi/big", "/index/3/b/Big", "/index/xx/yy/big", "/index/big", "/index//3/b/big",
    "//index/3/b/big", "/index/3//b//big",
])  # fmt: skip
def test_case_folders_and_double_slashes_do_not_matter(server, path):
    answer = raw.get(server.url, path)
    assert answer.status == 200 and answer.body == big(server).body


@pytest.mark.parametrize("path", [
    "/index/no/ne/nonesuch", "/index/1/x", "/index/3/b/big/", "/index/3/b/big/more", "/index/", "/index", "/index/bi/g-/big-",
    "/index/config.jso", "/index/3/b", "/index/sm/al/small.json", "/index/sm/al/sm%61llx",
])  # fmt: skip
def test_what_is_missing_is_404_with_a_line_of_text(server, path):
    answer = raw.get(server.url, path)
    assert answer.status == 404, answer
    assert answer.header("content-type").startswith("text/plain")
    assert 0 < len(answer.body) <= 512 and answer.body.count(b"\n") == 1


def test_spellings_with_other_separators_are_other_crates(server, token):
    assert raw.publish(server.url, token, "Sep_Crate", "1.0.0").status == 200
    assert raw.get(server.url, "/index/se/p_/sep_crate").status == 200
    assert raw.get(server.url, "/index/se/p-/sep-crate").status == 404
    assert raw.entry(server.url, "Sep_Crate", "1.0.0")["name"] == "Sep_Crate"


def test_git_and_unknown_urls_are_404_and_point_to_the_index(server):
    answer = raw.get(server.url, "/info/refs?service=git-upload-pack")
    assert answer.status == 404 and b"/index/" in answer.body
    assert raw.get(server.url, "/api/v1/nothing").detail()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_the_index_takes_no_other_method(server, token, method):
    answer = raw.request(server.url, method, "/index/3/b/big", {"Authorization": token}, b"")
    assert answer.status == 405


def test_the_index_of_a_yank_changes_yanked_alone(server, token):
    assert raw.publish(server.url, token, "yankee", "1.0.0", more='[features]\na = []\n').status == 200
    before = raw.get(server.url, "/index/ya/nk/yankee")
    assert raw.request(server.url, "DELETE", "/api/v1/crates/yankee/1.0.0/yank", {"Authorization": token}).status == 200
    after = raw.get(server.url, "/index/ya/nk/yankee")
    assert after.body == before.body.replace(b'"yanked":false', b'"yanked":true')
    assert after.header("etag") != before.header("etag")


def test_after_a_publish_the_next_read_sees_it_under_a_new_etag(server, token):
    assert raw.publish(server.url, token, "fresh", "1.0.0").status == 200
    with raw.Raw(server.url) as connection:
        etag = connection.request("GET", "/index/fr/es/fresh").header("etag")
        for i in range(1, 8):
            assert raw.publish(server.url, token, "fresh", f"1.{i}.0").status == 200
            answer = connection.request("GET", "/index/fr/es/fresh", {"If-None-Match": etag})
            assert answer.status == 200 and len(answer.body.splitlines()) == i + 1
            assert answer.header("etag") != etag
            etag = answer.header("etag")


# -- archives


def test_an_archive_is_its_bytes_and_may_be_kept_for_ever(server, crates):
    answer = raw.download(server.url, "big", "0.3.0")
    assert answer.status == 200 and answer.body == crates["big", "0.3.0"]
    assert answer.header("content-encoding") is None
    assert answer.header("content-type") in ("application/gzip", "application/octet-stream")
    assert "immutable" in answer.header("cache-control") and "max-age=31536000" in answer.header("cache-control")
    assert re.fullmatch(r'"[^"]+"', answer.header("etag"))
    assert answer.header("content-length") == str(len(answer.body))


def test_an_archive_is_not_packed_again_for_who_takes_gzip(server, crates):
    answer = raw.get(server.url, "/dl/big/0.3.0/download", Accept_Encoding="gzip")
    assert answer.header("content-encoding") is None and answer.body == crates["big", "0.3.0"]


@pytest.mark.parametrize("path", [
    "/dl/small/1.0.0+build.5/download", "/dl/small/1.0.0%2Bbuild.5/download", "/dl//small/1.0.0+build.5/download",
    "/dl/SMALL/1.0.0+build.5/download", "/api/v1/crates/small/1.0.0+build.5/download",
])  # fmt: skip
def test_plus_signs_slashes_and_case_do_not_hide_an_archive(server, crates, path):
    answer = raw.get(server.url, path)
    assert answer.status == 200 and answer.body == crates["small", "1.0.0+build.5"]


@pytest.mark.parametrize("path", ["/dl/big/9.9.9/download", "/dl/none/0.1.0/download", "/dl/big/notaversion/download",
                                  "/dl/big/0.1.0", "/dl/big/0.1.0/download/more", "/dl/small/1.0.0 build.5/download"])  # fmt: skip
def test_an_archive_that_is_not_there_is_not_200(server, path):
    assert raw.get(server.url, path.replace(" ", "%20")).status in (400, 404)


@pytest.mark.parametrize("ranges, part", [
    ("bytes=0-0", (0, 1)), ("bytes=0-9", (0, 10)), ("bytes=10-", (10, None)), ("bytes=-7", (-7, None)), ("bytes=5-999999", (5, None)),
])  # fmt: skip
def test_one_range_is_obeyed(server, crates, ranges, part):
    whole = crates["big", "0.3.0"]
    answer = raw.get(server.url, "/dl/big/0.3.0/download", Range=ranges)
    want = whole[part[0] : part[1]]
    first = len(whole) - len(want) if part[1] is None else part[0]
    assert answer.status == 206 and answer.body == want
    assert answer.header("content-range") == f"bytes {first}-{first + len(want) - 1}/{len(whole)}"


def test_a_range_past_the_end_is_416(server, crates):
    answer = raw.get(server.url, "/dl/big/0.3.0/download", Range="bytes=999999-")
    assert answer.status == 416
    assert answer.header("content-range") == f"bytes */{len(crates['big', '0.3.0'])}"


@pytest.mark.parametrize("ranges", ["bytes=0-1,3-4", "lines=1-2", "bytes=5-2", "bytes=", "bytes=-", "bytes=a-b",
                                    "bytes=" + ",".join(f"{i}-{i}" for i in range(500))], ids=lambda r: r[:20])  # fmt: skip
def test_other_ranges_get_the_whole(server, crates, ranges):
    answer = raw.get(server.url, "/dl/big/0.3.0/download", Range=ranges)
    assert answer.status == 200 and answer.body == crates["big", "0.3.0"]


def test_if_range_with_an_old_etag_gets_the_whole(server, crates):
    etag = raw.download(server.url, "big", "0.3.0").header("etag")
    path = "/dl/big/0.3.0/download"
    assert raw.get(server.url, path, Range="bytes=0-3", If_Range=etag).status == 206
    stale = raw.get(server.url, path, Range="bytes=0-3", If_Range='"stale"')
    assert stale.status == 200 and stale.body == crates["big", "0.3.0"]


def test_an_archive_that_did_not_change_is_304(server):
    etag = raw.download(server.url, "big", "0.3.0").header("etag")
    answer = raw.get(server.url, "/dl/big/0.3.0/download", If_None_Match=etag)
    assert answer.status == 304 and answer.body == b""


# -- connections


def test_a_hundred_pipelined_requests_are_answered_in_order(server):
    paths = ["/index/3/b/big", "/index/sm/al/small", "/dl/big/0.1.0/download", "/index/no/ne/none", "/healthz"] * 20
    alone = {path: raw.get(server.url, path) for path in set(paths)}
    with raw.Raw(server.url) as connection:
        connection.send(b"".join(connection.head("GET", path) for path in paths))
        for path in paths:
            answer = connection.read_response()
            assert (answer.status, answer.body) == (alone[path].status, alone[path].body), path


@pytest.mark.parametrize("fields", [{}, {"Range": "bytes=1-9"}, {"Range": "bytes=999999999-"}], ids=["whole", "range", "no-such-range"])
def test_asked_for_the_head_of_an_archive_it_sends_the_head_alone(server, crates, fields):
    """What comes behind it must not be taken for its body, nor anything be sent as one."""
    from h2client import H2

    length = str(len(crates["big", "0.1.0"]))
    with raw.Raw(server.url) as connection, H2(server.url) as h2:
        for _ in range(3):
            for client, more in ((connection, fields), (h2, {k.lower(): v for k, v in fields.items()})):
                head = client.request("HEAD", "/dl/big/0.1.0/download", more)
                assert head.status == 200 and head.header("content-length") == length and head.body == b""
                assert client.request("GET", "/healthz").body == b"ok\n"


def test_what_is_pipelined_behind_an_archive_does_not_wait(server):
    with raw.Raw(server.url) as connection:
        start = time.monotonic()
        connection.send((connection.head("GET", "/dl/big/0.1.0/download") + connection.head("GET", "/healthz")) * 10)
        assert [connection.read_response().status for _ in range(20)] == [200] * 20
        assert time.monotonic() - start < 5


def test_health_is_told_under_any_host(server):
    for path in ("/healthz", "/readyz"):
        answer = raw.request(server.url, "GET", path, {"Host": "10.1.2.3:99"})
        assert answer.status == 200, answer


def test_the_same_answers_come_over_http2(server, crates):
    from h2client import H2

    with H2(server.url) as h2:
        packed = h2.request("GET", "/index/3/b/big", {"accept-encoding": "gzip"})
        assert packed.status == 200 and gzip.decompress(packed.body) == big(server).body
        assert packed.header("etag") == big(server, Accept_Encoding="gzip").header("etag")
        again = h2.request("GET", "/index/3/b/big", {"accept-encoding": "gzip", "if-none-match": packed.header("etag")})
        assert again.status == 304 and again.body == b""
        assert h2.request("HEAD", "/index/3/b/big").body == b""
        assert h2.request("GET", "/dl/big/0.4.0/download").body == crates["big", "0.4.0"]
        assert h2.request("GET", "/index/no/ne/none").status == 404


def test_the_upgrade_that_cargo_offers_is_taken_and_answered_on_stream_1(server):
    from h2client import H2

    with H2(server.url, upgrade=("GET", "/index/config.json", {}, None)) as h2:
        assert h2.upgraded
        assert h2.first.status == 200 and h2.first.json()["api"] == server.url
        streams = [h2.open("GET", f"/dl/big/0.{i}.0/download") for i in range(MANY)]
        assert [h2.wait(s).status for s in streams] == [200] * MANY
