"""Who may do what: open and closed registries, scopes, patterns, expiry, revocation, ownership."""

import re
import sqlite3
import subprocess
import sys
import time
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

import cargo as cargo_module
import raw
import tailnet
from guppy import CLOSED, OPEN, binary, wait_for

READS = ["/index/config.json", "/index/3/h/has", "/dl/has/1.0.0/download", "/api/v1/crates?q=has", "/api/v1/crates/has/owners"]


def stock(server):
    token = server.token("owner")
    for vers in ("1.0.0", "1.1.0"):
        assert raw.publish(server.url, token, "has", vers).status == 200
    return token


@pytest.fixture(scope="module")
def opened(shared_new_guppy):
    server = shared_new_guppy(listen=OPEN)
    stock(server)
    return server


@pytest.fixture(scope="module")
def shut(shared_new_guppy):
    server = shared_new_guppy(listen=CLOSED)
    stock(server)
    return server


def yank(server, token, name, vers="1.0.0", undo=False):
    method, verb = ("PUT", "unyank") if undo else ("DELETE", "yank")
    headers = {"Authorization": token} if token else {}
    return raw.request(server.url, method, f"/api/v1/crates/{name}/{vers}/{verb}", headers, b"")


def owners(server, token, name, user, method="PUT"):
    headers = {"Authorization": token} if token else {}
    return raw.request(server.url, method, f"/api/v1/crates/{name}/owners", headers, b'{"users":["%s"]}' % user.encode())


# -- reading


@pytest.mark.parametrize("path", READS)
def test_an_open_registry_is_read_by_anyone(opened, path):
    assert raw.get(opened.url, path).status == 200
    assert raw.get(opened.url, path, opened.token("reader", scopes=["read"])).status == 200


@pytest.mark.parametrize("path", READS)
def test_a_closed_registry_asks_for_a_token_and_says_where_to_get_one(shut, path):
    answer = raw.get(shut.url, path)
    assert answer.status == 401
    assert answer.header("www-authenticate") == f'Cargo login_url="{shut.url}/me"'
    assert raw.get(shut.url, path, shut.token("reader", scopes=["read"])).status == 200


def test_auth_required_is_told_exactly_where_it_holds(opened, shut):
    for token in (None, opened.token()):
        assert "auth-required" not in raw.get(opened.url, "/index/config.json", token).json()
    assert raw.get(shut.url, "/index/config.json", shut.token()).json()["auth-required"] is True


def test_the_login_url_is_a_page_that_a_stranger_may_read(shut):
    answer = raw.get(shut.url, "/me")
    assert answer.status == 200 and answer.header("content-type").startswith("text/plain")
    assert "superguppy token new" in answer.body.decode()


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("word", ["sgp_wrong", "x", "Bearer nothing", "Basic dXNlcjpwYXNz", "tailscale", "network"])
def test_a_token_that_is_none_is_refused_also_where_none_is_needed(opened, path, word):
    answer = raw.get(opened.url, path, word)
    assert answer.status in (401, 403), answer
    text = answer.detail() if path.startswith("/api/") else answer.body.decode()
    assert len(text) <= 512 and text.count("\n") <= 1 and word.split()[-1] not in text.replace("tailscale", "").replace("network", "")


def test_what_is_no_token_is_told_which_schemes_are_taken(shut):
    """cargo 1.96 and later guess that a scheme is missing when a token is refused."""
    for word in ("sgp_wrong", "Basic dXNlcjpwYXNz", "Token x"):
        answer = raw.get(shut.url, "/index/config.json", word)
        assert answer.status == 401 and b"with or without `Bearer `" in answer.body, answer


def test_the_word_for_the_network_is_answered_with_a_sentence(opened):
    answer = raw.get(opened.url, "/api/v1/crates?q=x", "tailscale")
    assert "identity" in answer.detail() or "network" in answer.detail()


def test_the_placeholder_of_dependabot_counts_as_no_token(opened, shut):
    assert raw.get(opened.url, "/index/config.json", "placeholder_token").status == 200
    assert raw.get(shut.url, "/index/config.json", "placeholder_token").status == 401


def test_two_listeners_of_one_registry_differ(new_guppy):
    server = new_guppy(listen=[CLOSED, OPEN, "http://127.0.0.1:0?only=health"])
    shut_url, open_url, health_url = (u.rstrip("/") for u in server.urls)
    assert raw.get(shut_url, "/index/config.json").status == 401
    assert raw.get(open_url, "/index/config.json").status == 200
    assert raw.get(health_url, "/healthz").status == 200 and raw.get(health_url, "/readyz").status == 200
    for path in ("/index/config.json", "/", "/me", "/api/v1/crates"):
        assert raw.get(health_url, path).status == 404, path
    # Probes come for ever: they are no lines of the log.
    server.stop()
    assert "target=/readyz" not in server.log()
    assert "target=/index/config.json" in server.log()


# -- changing


CHANGES = [
    ("publish-new", lambda s, t, n: raw.publish(s.url, t, n + "-new", "1.0.0")),
    ("publish-update", lambda s, t, n: raw.publish(s.url, t, n, "2.0.0")),
    ("yank", lambda s, t, n: yank(s, t, n)),
    ("change-owners", lambda s, t, n: owners(s, t, n, "local:friend")),
]


@pytest.mark.parametrize("right, change", CHANGES, ids=[c[0] for c in CHANGES])
def test_no_change_without_a_token_on_an_open_registry(opened, right, change):
    answer = change(opened, None, "has")
    assert answer.status == 401 and answer.detail(), answer


@pytest.mark.parametrize("scope", ["read", "publish-new", "publish-update", "yank", "change-owners"])
@pytest.mark.parametrize("right, change", CHANGES, ids=[c[0] for c in CHANGES])
def test_a_token_does_what_its_scopes_say(opened, scope, right, change):
    account = f"{scope}-{right}"
    name = f"own-{scope}-{right}"
    opened.token("friend")
    assert raw.publish(opened.url, opened.token(account), name, "1.0.0").status == 200
    answer = change(opened, opened.token(account, scopes=[scope]), name)
    if scope == right:
        assert answer.status == 200, answer
    else:
        assert answer.status == 403, answer
        # What it may not, and what to do.
        assert right in answer.detail() or "scope" in answer.detail(), answer


@pytest.mark.parametrize("right, change", CHANGES[1:], ids=[c[0] for c in CHANGES[1:]])
def test_an_account_does_not_change_what_another_owns(opened, right, change):
    answer = change(opened, opened.token("stranger"), "has")
    assert answer.status == 403 and "has" in answer.detail()


def test_a_refusal_calls_the_crate_as_its_owner_does(opened):
    owner, stranger = opened.token("speller"), opened.token("stranger")
    assert raw.publish(opened.url, owner, "Spelled-So", "1.0.0").status == 200
    for answer in (raw.publish(opened.url, stranger, "Spelled-So", "1.1.0"), owners(opened, stranger, "spelled_so", "local:stranger"),
                   raw.request(opened.url, "DELETE", "/api/v1/crates/spelled_so/1.0.0/yank", {"Authorization": stranger})):  # fmt: skip
        assert answer.status == 403 and "cargo owner --add local:stranger Spelled-So " in answer.detail(), answer


def test_me_says_so_when_one_may_nothing(shut):
    assert "\nYou may:\nnothing\n" in raw.get(shut.url, "/me").body.decode()


@pytest.mark.parametrize("pattern, name, may", [
    ("acme-*", "acme-one", True), ("acme-*", "acme_two", True), ("acme-*", "ACME-three", True), ("acme-*", "acme", False),
    ("acme-*", "other", False), ("acme-*", "acmes", False), ("exact", "exact", True), ("exact", "exactly", False), ("*", "anything", True),
])  # fmt: skip
def test_a_token_changes_only_what_its_patterns_match(opened, pattern, name, may):
    name = f"{name}"
    token = opened.token("patterned", crates=[pattern])
    answer = raw.publish(opened.url, token, name, "1.0.0")
    assert answer.status == (200 if may else 403), answer
    if not may:
        assert "pattern" in answer.detail() or pattern in answer.detail() or name in answer.detail()
    assert raw.get(opened.url, "/index/3/h/has", token).status == 200


def test_an_account_publishes_again_once_it_is_an_owner(opened):
    owner, other = opened.token("first"), opened.token("second")
    assert raw.publish(opened.url, owner, "handed", "1.0.0").status == 200
    assert raw.publish(opened.url, other, "handed", "1.1.0").status == 403
    assert owners(opened, owner, "handed", "local:second").status == 200
    assert raw.publish(opened.url, other, "handed", "1.1.0").status == 200
    assert owners(opened, other, "handed", "local:first", "DELETE").status == 200
    assert raw.publish(opened.url, owner, "handed", "1.2.0").status == 403
    assert owners(opened, other, "handed", "local:second", "DELETE").status == 400


def test_a_refusal_tells_nothing_of_whether_the_json_was_good(shut):
    """Right before shape: without a token nothing of the body is looked at."""
    for content in (b"", b"\0" * 8, raw.body("x", "1.0.0")):
        assert raw.put(shut.url, None, content).status == 401


# -- grants in the file


def test_grants_and_defaults_of_the_file(new_guppy):
    grants = """
[[access.grant]]
who = ["local:release"]
do = ["release"]
crates = ["lib-*"]

[[access.grant]]
who = ["local:keeper"]
do = ["maintain"]
crates = ["*"]
"""
    server = new_guppy(listen=OPEN, settings={"access.accounts": "read", "access.admins": ["local:boss"]}, extra_toml=grants)
    boss, keeper, release, plain = (server.token(n) for n in ("boss", "keeper", "release", "plain"))
    admin = server.token("boss", scopes=["read", "publish-new", "publish-update", "yank", "change-owners", "admin"])
    assert raw.publish(server.url, plain, "lib-a", "1.0.0").status == 403
    assert raw.publish(server.url, release, "lib-a", "1.0.0").status == 403
    assert raw.publish(server.url, keeper, "lib-a", "1.0.0").status == 200
    assert raw.publish(server.url, release, "lib-a", "1.1.0").status == 200
    assert raw.publish(server.url, keeper, "other", "1.0.0").status == 200
    assert raw.publish(server.url, release, "other", "1.1.0").status == 403
    assert yank(server, release, "lib-a").status == 403
    assert yank(server, keeper, "lib-a").status == 200
    for token in (boss, admin):
        assert owners(server, token, "lib-a", "local:plain").status == 200 or owners(server, token, "lib-a", "local:plain").status == 400


def test_a_void_grant_gives_nothing_and_is_told(new_guppy):
    grants = '[[access.grant]]\nwho = ["local:x"]\ndo = ["maintain", "fly"]\ncrates = ["*"]\n'
    server = new_guppy(listen=OPEN, settings={"access.accounts": "read"}, extra_toml=grants)
    assert raw.publish(server.url, server.token("x"), "a", "1.0.0").status == 403
    assert "fly" in server.log()


# -- the life of a token


def test_a_token_ends_on_its_day(new_guppy):
    server = new_guppy(listen=CLOSED)
    token, other = server.token("short", expires=1), server.token("long", expires=365)
    assert raw.get(server.url, "/index/config.json", token).status == 200
    listed = server.cli("token", "list").stdout
    tomorrow = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400))
    assert re.search(rf"local:short.*{tomorrow}", listed), listed
    server.stop()
    # A day later, as the clock of the database sees it.
    with sqlite3.connect(server.data / "superguppy.db") as db:
        db.execute("UPDATE token SET expires = strftime('%s', 'now') - 1 WHERE expires < strftime('%s', 'now') + 2 * 86400")
    db.close()
    server.start()
    answer = raw.get(server.url, "/index/config.json", token)
    assert answer.status == 401 and "expired" in answer.body.decode()
    answer = raw.publish(server.url, token, "late", "1.0.0")
    assert answer.status == 403 and "expired" in answer.detail()
    assert raw.get(server.url, "/index/config.json", other).status == 200


def test_a_revoked_token_is_refused_within_a_second(new_guppy):
    server = new_guppy(listen=CLOSED)
    token = server.token("gone")
    found = re.search(r"^\s*(\d+)\s+local:gone", server.cli("token", "list").stdout, re.MULTILINE)
    with raw.Raw(server.url) as connection:
        headers = {"Authorization": token}
        assert connection.request("GET", "/index/config.json", headers).status == 200
        server.cli("token", "revoke", found[1])
        end = time.monotonic() + 1
        while connection.request("GET", "/index/config.json", headers).status == 200:
            assert time.monotonic() < end
    assert raw.publish(server.url, token, "gone", "1.0.0").status == 403
    server.stop()
    server.start()
    assert raw.get(server.url, "/index/config.json", token).status == 401
    again = server.cli("token", "revoke", "999", check=False)
    assert again.returncode == 1 and "999" in again.stderr


def test_a_token_made_or_ended_while_no_server_runs_counts_at_the_next_start(new_guppy):
    server = new_guppy(listen=CLOSED)
    server.stop()
    token, gone = server.token("offline"), server.token("gone")
    found = re.search(r"^\s*(\d+)\s+local:gone", server.cli("token", "list").stdout, re.MULTILINE)
    server.cli("token", "revoke", found[1])
    server.start()
    assert raw.get(server.url, "/index/config.json", token).status == 200
    assert raw.get(server.url, "/index/config.json", gone).status == 401


def test_tokens_can_be_made_after_a_kill(new_guppy):
    """The admin socket of the dead server is still in the folder."""
    server = new_guppy(listen=CLOSED)
    server.kill9()
    token = server.token("after")
    server.start()
    assert raw.get(server.url, "/index/config.json", token).status == 200


def test_secrets_are_not_in_the_folder(new_guppy):
    server = new_guppy(listen=CLOSED)
    token = server.token("hidden")
    assert raw.publish(server.url, token, "hidden", "1.0.0").status == 200
    server.stop()
    for path in server.data.rglob("*"):
        if path.is_file():
            assert token.encode() not in path.read_bytes(), path
    assert token not in server.log() and token[4:24] not in server.log()


def test_last_use_is_kept(new_guppy):
    server = new_guppy(listen=CLOSED)
    token = server.token("used")
    raw.get(server.url, "/index/config.json", token)
    server.stop()
    listed = [line for line in server.cli("token", "list").stdout.splitlines() if "local:used" in line]
    assert listed[0].count(time.strftime("%Y-%m-%d")) == 1, listed
    assert token not in listed[0]


def token_ids(server):
    """Without the times of their last use, which reach the list when the server has leisure."""
    return re.findall(r"^\d+", server.cli("token", "list").stdout, re.MULTILINE)


@pytest.mark.parametrize("arguments, words", [
    (["--expires", "366"], "365"), (["--expires", "0"], "365"), (["--expires", "-1"], "365"), (["--expires", "soon"], "365"),
    (["--scope", "fly"], "fly"), (["--scope", ""], "scope"), (["--crate", "a*b"], "a*b"), (["--crate", "../x"], "../x"), (["--crate", ""], "pattern"),
])  # fmt: skip
def test_a_token_asked_for_wrongly_is_not_made(opened, arguments, words):
    before = token_ids(opened)
    run = opened.cli("token", "new", "wrong", *arguments, check=False)
    assert run.returncode == 2 and run.stdout == ""
    assert run.stderr.count("\n") == 1 and words in run.stderr, run.stderr
    assert before and token_ids(opened) == before


@pytest.mark.parametrize("name", ["", "a b", "a/b", "-x", "x" * 65, "a\nb", "é"])
def test_an_account_name_that_is_none_is_refused(opened, name):
    run = opened.cli("token", "new", "--", name, check=False) if name == "-x" else opened.cli("token", "new", name, check=False)
    assert run.returncode == 2 and run.stdout == "" and run.stderr.count("\n") == 1, run


# -- web pages and their browsers


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}])
def test_a_page_elsewhere_changes_nothing(opened, headers):
    token = opened.token("browser")
    assert raw.put(opened.url, token, raw.body("from-a-page", "1.0.0"), headers).status == 403
    assert raw.lines(opened.url, "from-a-page") == []


def test_no_preflight_is_granted(opened):
    answer = raw.request(opened.url, "OPTIONS", "/api/v1/crates/new", {
        "Origin": "https://evil.example", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"})  # fmt: skip
    assert answer.status in (403, 404, 405) and not [h for h in answer.headers if h[0].startswith("access-control-")]


def test_another_host_is_421_before_anything_else(opened):
    for path in ("/", "/me", "/index/config.json", "/api/v1/crates/new"):
        answer = raw.request(opened.url, "GET", path, {"Host": "rebound.example", "Authorization": "sgp_wrong"})
        assert answer.status in (421, 405), (path, answer)
        if answer.status == 421:
            assert "rebound.example" in answer.body.decode() and "server.hosts" in answer.body.decode()


# -- what the start-up text says


def steps(server):
    """The three blocks to paste, as the server prints them."""
    text = server.log()
    text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("time="))
    blocks = re.split(r"^\d\. .*:\n\n", text[text.index("1. Tell cargo") :], flags=re.MULTILINE)[1:]
    assert len(blocks) == 3, text
    return [block.split("\n\n")[0] for block in blocks]


@pytest.mark.parametrize("listen", [OPEN, CLOSED], ids=["open", "closed"])
def test_the_printed_steps_work_as_pasted(new_guppy, tmp_path, toolchain, listen):
    server = new_guppy(listen=listen)
    token = server.token("newcomer")
    login, publish, use = steps(server)
    env = cargo_module.environment(tmp_path / ".cargo", toolchain)
    env["HOME"] = str(tmp_path)
    del env["CARGO_HOME"]

    def paste(block, stdin=""):
        run = subprocess.run(["bash", "-ec", block], input=stdin, cwd=tmp_path, env=env, capture_output=True, text=True,
                             timeout=cargo_module.TIMEOUT_S, check=False)  # fmt: skip
        assert run.returncode == 0, f"{block}\n{run.stdout}{run.stderr}"

    paste(login, f"{token}\n")
    paste(publish)
    assert raw.entry(server.url, "hello-guppy", "0.1.0", token)
    paste(use)
    assert (tmp_path / "my-app/target/debug/my-app").exists()


def test_the_built_in_listener_is_closed_where_tailscaled_may_be_hidden(tmp_path):
    """A folder into which the server's user may not look can hold the socket of a tailscaled that
    carries the tailnet to loopback."""
    if reason := tailnet.why_not():
        pytest.skip(reason)
    read = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/index/config.json').status)"
    not_root = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all"]
    with ExitStack() as cleanup:
        machine = tailnet.Namespace(SimpleNamespace(cleanup=cleanup))
        machine.sh("mount -t tmpfs tmpfs /run")

        def answer(folder):
            server = machine.popen([*not_root, binary(), "serve", "--data", tmp_path / folder], stdout=subprocess.DEVNULL)
            try:
                wait_for(lambda: machine.run([binary(), "health"], check=None).returncode == 0)
                said = machine.run([sys.executable, "-c", read], check=None)
                return said.stdout.strip() or said.stderr.splitlines()[-1]
            finally:
                server.terminate()
                server.wait()

        assert answer("none") == "200"
        machine.sh("mkdir -m 0 /run/tailscale")
        assert "401" in answer("hidden")
