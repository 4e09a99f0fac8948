"""Every other command of cargo that speaks to a registry (rows 1 to 11 of what cargo sends)."""

import json
import re
import shutil

import pytest

import raw
from guppy import CLOSED, OPEN


@pytest.fixture
def stocked(guppy, new_cargo):
    """A registry with lib-one 0.1.0 and 0.1.1, and its publisher."""
    cargo = new_cargo(guppy.url, guppy.token())
    for vers in ("0.1.0", "0.1.1"):
        cargo.publish_new("lib-one", vers, more="[features]\nextra = []\n")
    return cargo


def lock_version(path, name):
    return re.search(rf'name = "{name}"\nversion = "([^"]*)"', (path / "Cargo.lock").read_text())[1]


def test_add_finds_the_newest_version_and_its_features(guppy, stocked, new_cargo, toolchain):
    user = new_cargo(guppy.url, None, toolchain)
    app = user.app()
    run = user.run("add", "lib-one", "--registry", "guppy", "--features", "extra", cwd=app)
    assert "extra" in run.stderr
    assert 'lib-one = { version = "0.1.1", registry = "guppy", features = ["extra"] }' in (app / "Cargo.toml").read_text()


def test_add_of_what_is_not_there_says_so(guppy, stocked, new_cargo, toolchain):
    user = new_cargo(guppy.url, None, toolchain)
    run = user.run("add", "lib-none", "--registry", "guppy", cwd=user.app(), check=False)
    assert "could not be found in registry" in run.stderr, run.stderr


def test_fetch_and_an_offline_build_afterwards(guppy, stocked, new_cargo, toolchain):
    user = new_cargo(guppy.url, None, toolchain)
    app = user.app('lib-one = { version = "0.1", registry = "guppy" }\n')
    user.run("fetch", cwd=app)
    user.run("build", "--offline", cwd=app)


def test_a_locked_fetch_into_an_empty_home(guppy, stocked, new_cargo, toolchain):
    user = new_cargo(guppy.url, None, toolchain)
    app = user.app('lib-one = { version = "=0.1.0", registry = "guppy" }\n')
    user.run("fetch", cwd=app)
    user.forget()
    user.run("fetch", "--locked", cwd=app)
    assert lock_version(app, "lib-one") == "0.1.0"


def test_update_sees_what_was_published_since(guppy, stocked, new_cargo, toolchain):
    user = new_cargo(guppy.url, None, toolchain)
    app = user.app('lib-one = { version = "0.1", registry = "guppy" }\n')
    user.run("fetch", cwd=app)
    assert lock_version(app, "lib-one") == "0.1.1"
    user.run("update", cwd=app)
    assert lock_version(app, "lib-one") == "0.1.1"
    stocked.publish_new("lib-one", "0.1.2")
    user.run("update", cwd=app)
    assert lock_version(app, "lib-one") == "0.1.2"
    user.run("build", cwd=app)


def test_update_of_what_did_not_change_is_304(guppy, stocked, new_cargo, toolchain):
    user = new_cargo(guppy.url, None, toolchain)
    app = user.app('lib-one = { version = "0.1", registry = "guppy" }\n')
    user.run("fetch", cwd=app)
    before = len(guppy.log())
    user.run("update", cwd=app)
    lines = [line for line in guppy.log()[before:].splitlines() if "/index/li/b-/lib-one" in line]
    assert len(lines) == 1 and re.search(r"\b304\b", lines[0]), lines


def test_install_builds_a_program(guppy, stocked, new_cargo):
    stocked.publish_new("tool-one", more='[dependencies]\nlib-one = { version = "0.1", registry = "guppy" }\n',
                        lib=None, files={"src/main.rs": 'fn main() { println!("installed"); }\n'})  # fmt: skip
    user = new_cargo(guppy.url)
    user.run("install", "tool-one", "--registry", "guppy", "--debug", "--root", user.folder / "tools")
    assert (user.folder / "tools/bin/tool-one").exists()


def test_info_shows_a_crate(guppy, stocked, new_cargo):
    user = new_cargo(guppy.url)
    run = user.run("info", "lib-one", "--registry", "guppy")
    assert "lib-one for tests" in run.stdout and "0.1.1" in run.stdout
    assert "extra" in run.stdout
    assert "0.1.0" in user.run("info", "lib-one@0.1.0", "--registry", "guppy").stdout


def test_search_ranks_exact_then_prefix_then_contains(guppy, stocked, new_cargo):
    for name in ("zz-lib-one", "lib-one-more", "unrelated"):
        stocked.publish_new(name)
    stocked.publish_new("by-text", package_more="")
    user = new_cargo(guppy.url)
    run = user.run("search", "lib-one", "--registry", "guppy")
    names = re.findall(r'^([\w-]+) = "', run.stdout, re.MULTILINE)
    assert names == ["lib-one", "lib-one-more", "zz-lib-one"]
    assert 'lib-one = "0.1.1"' in run.stdout and "# lib-one for tests" in run.stdout
    run = user.run("search", "for", "tests", "--registry", "guppy", "--limit", "2")
    assert len(re.findall(r'^[\w-]+ = "', run.stdout, re.MULTILINE)) == 2
    assert "... and 3 crates more" in run.stdout
    assert user.run("search", "nothing-like-it", "--registry", "guppy").stdout.strip() == ""


def test_search_takes_wild_cards_and_quotes_as_they_stand(guppy, stocked):
    for q in ("%25", "%5C", "%27%22%3B--", "lib%25", "*", "%00", "a" * 900, "%F0%9F%90%9F"):
        answer = raw.get(guppy.url, f"/api/v1/crates?q={q}")
        assert answer.status in (200, 400), (q, answer)
        if answer.status == 200:
            assert answer.json()["meta"]["total"] == 0, (q, answer)
    for q in ("lib-one", "LIB_ONE", "lib%2Done", "lib+one", "one%2Blib"):
        assert raw.get(guppy.url, f"/api/v1/crates?q={q}").json()["meta"]["total"] == 1, q
    for query in ("q=x&per_page=0", "q=x&per_page=101", "q=x&per_page=-1", "q=x&per_page=99999999999999999999", "q=x&page=0"):
        assert raw.get(guppy.url, f"/api/v1/crates?{query}").status == 400, query


def test_yank_and_undo(guppy, stocked, new_cargo, toolchain):
    publisher = new_cargo(guppy.url, guppy.token(), toolchain)
    user = new_cargo(guppy.url, None, toolchain)
    locked = user.app('lib-one = { version = "0.1", registry = "guppy" }\n', name="locked")
    user.run("fetch", cwd=locked)
    assert "Yank lib-one@0.1.1" in publisher.run("yank", "lib-one@0.1.1", "--registry", "guppy").stderr
    assert raw.entry(guppy.url, "lib-one", "0.1.1")["yanked"] is True
    app = user.app('lib-one = { version = "0.1", registry = "guppy" }\n')
    user.run("fetch", cwd=app)
    assert lock_version(app, "lib-one") == "0.1.0"
    # Who has it locked still gets it.
    user.forget()
    user.run("fetch", "--locked", cwd=locked)
    assert lock_version(locked, "lib-one") == "0.1.1"
    publisher.run("yank", "lib-one@0.1.1", "--undo", "--registry", "guppy")
    assert raw.entry(guppy.url, "lib-one", "0.1.1")["yanked"] is False
    # Again, of the same: no error.
    publisher.run("yank", "lib-one@0.1.1", "--undo", "--registry", "guppy")


def test_yank_of_what_is_not_there_names_it(guppy, stocked):
    run = stocked.run("yank", "lib-one@7.7.7", "--registry", "guppy", check=False)
    assert "status 404" in run.stderr and "7.7.7" in run.stderr
    run = stocked.run("yank", "no-crate@1.0.0", "--registry", "guppy", check=False)
    assert "status 404" in run.stderr and "no-crate" in run.stderr


def test_owners(guppy, stocked, new_cargo, toolchain):
    ann = new_cargo(guppy.url, guppy.token("ann"), toolchain)
    bob = new_cargo(guppy.url, guppy.token("bob"), toolchain)
    listed = ann.run("owner", "--list", "lib-one", "--registry", "guppy").stdout
    assert "local:ann" in listed and "local:bob" not in listed
    refused = bob.publish(bob.package("lib-one", "0.2.0"), check=False)
    assert "status 403" in refused.stderr and "lib-one" in refused.stderr, refused.stderr
    added = ann.run("owner", "--add", "local:bob", "lib-one", "--registry", "guppy")
    assert "local:bob" in added.stderr
    assert "local:bob" in ann.run("owner", "--list", "lib-one", "--registry", "guppy").stdout
    bob.publish(bob.package("lib-one", "0.2.0", folder="again"))
    ann.run("owner", "--remove", "local:bob", "lib-one", "--registry", "guppy")
    assert "local:bob" not in ann.run("owner", "--list", "lib-one", "--registry", "guppy").stdout
    refused = bob.publish(bob.package("lib-one", "0.3.0"), check=False)
    assert "status 403" in refused.stderr


def test_the_last_owner_stays_and_the_unknown_is_not_added(guppy, stocked):
    run = stocked.run("owner", "--remove", "local:ann", "lib-one", "--registry", "guppy", check=False)
    assert "status 400" in run.stderr and "without an owner" in run.stderr, run.stderr
    run = stocked.run("owner", "--add", "local:nobody-at-all", "lib-one", "--registry", "guppy", check=False)
    assert "status 400" in run.stderr and "nobody-at-all" in run.stderr, run.stderr
    run = stocked.run("owner", "--list", "no-crate", "--registry", "guppy", check=False)
    assert "status 404" in run.stderr


def test_login_and_logout(guppy, stocked, new_cargo, toolchain):
    token = guppy.token("carol")
    user = new_cargo(guppy.url, None, toolchain)
    assert f"{guppy.url}/me" in user.login_at_terminal(token)
    assert user.token_in_file() == token
    user.publish_new("carols")
    # A whole pasted line works too.
    user.run("login", "--registry", "guppy", stdin=f"cargo login {token}\n")
    assert user.token_in_file() == token
    user.run("logout", "--registry", "guppy")
    assert user.token_in_file() is None
    run = user.publish(user.package("carols", "0.2.0"), check=False)
    assert "no token found" in run.stderr


def test_login_on_a_closed_registry_shows_where_a_token_is_found(new_guppy, new_cargo, toolchain):
    guppy = new_guppy(listen=CLOSED)
    token = guppy.token()
    user = new_cargo(guppy.url, None, toolchain)
    app = user.app('inner = { version = "0.1", registry = "guppy" }\n')
    refused = user.run("fetch", cwd=app, check=False)
    assert "no token found" in refused.stderr and "guppy" in refused.stderr, refused.stderr
    assert f"{guppy.url}/me" in user.login_at_terminal(token)
    user.publish_new("inner")
    user.run("build", cwd=app)
    assert "inner" in user.run("search", "inner", "--registry", "guppy").stdout
    assert "inner" in user.run("info", "inner", "--registry", "guppy", cwd=user.folder).stdout
    user.set_token("sgp_wrong")
    user.forget()
    refused = user.run("fetch", cwd=app, check=False)
    assert "token rejected for `guppy`" in refused.stderr, refused.stderr


def test_me_pasted_into_a_browser_is_text_and_names_the_caller(guppy):
    answer = raw.get(guppy.url, "/me")
    assert answer.status == 200 and answer.header("content-type").startswith("text/plain")
    assert "anonymous" in answer.body.decode()
    token = guppy.token("dora", scopes=["read", "yank"], crates=["acme-*"])
    text = raw.get(guppy.url, "/me", token).body.decode()
    assert "local:dora" in text and re.search(r"acme[-_]\*", text) and "yank" in text
    assert token not in text and 'publish = ["' in text


def test_downloads_are_counted(guppy, stocked):
    def count():
        return raw.get(guppy.url, "/api/v1/crates?q=lib-one").json()["crates"][0]["downloads"]

    for _ in range(3):
        assert raw.download(guppy.url, "lib-one", "0.1.0").status == 200
    guppy.stop()
    guppy.start()
    assert count() == 3


def test_one_log_line_a_request_without_secrets(guppy, stocked, new_cargo):
    token = guppy.token("eve")
    before = len(guppy.log())
    assert raw.get(guppy.url, "/index/li/b-/lib-one", token).status == 200
    assert raw.publish(guppy.url, token, "logged", "1.0.0").status == 200
    assert raw.publish(guppy.url, token + "x", "logged", "1.1.0").status in (401, 403)
    for path in (f"/index/config.json?token={token}", f"/{token}", f"/index/sg/p_/sgp_tools?{token}&{token[:30]}"):
        raw.get(guppy.url, path)
    guppy.stop()
    log = guppy.log()[before:]
    requests = [line for line in log.splitlines() if "/index/li/b-/lib-one" in line or "/api/v1/crates/new" in line]
    assert len(requests) == 3, log
    assert "local:eve" in requests[0] and "local:eve" in requests[1] and "200" in requests[0]
    assert token not in guppy.log() and token[4:20] not in guppy.log()
    assert "/index/sg/p_/sgp_tools?sgp_***" in log
    guppy.start()


def test_log_lines_may_be_json(new_guppy):
    guppy = new_guppy(listen=OPEN, settings={"log.format": "json"})
    assert raw.get(guppy.url, "/index/config.json").status == 200
    guppy.stop()
    lines = [line for line in guppy.log().splitlines() if line.startswith("{")]
    assert any("/index/config.json" in line for line in lines)
    for line in lines:
        json.loads(line)


def test_a_registry_under_another_path_name_still_serves(guppy, stocked, new_cargo):
    """A copy of the folder of a stopped server is a back-up."""
    guppy.stop()
    shutil.copytree(guppy.data, guppy.folder / "copy")
    guppy.data = guppy.folder / "copy"
    guppy.start()
    assert raw.entry(guppy.url, "lib-one", "0.1.1")
