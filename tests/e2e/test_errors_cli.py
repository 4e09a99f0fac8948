"""What goes wrong at the command line: one line that says what and what to do, exit 1 or 2, nothing changed."""

import os
import re
import socket
import subprocess

import pytest

import raw
from guppy import OPEN, ROOT, SANITIZER, Guppy, binary, clean_environment, wait_for


def superguppy(*arguments, env=None, cwd=None, timeout=60):
    run = subprocess.run([binary(), *map(str, arguments)], capture_output=True, text=True, timeout=timeout, check=False,
                         env=clean_environment(env), cwd=cwd, stdin=subprocess.DEVNULL)  # fmt: skip
    assert not SANITIZER.search(run.stderr), run.stderr
    return run


def fails(run, *words, status=(1, 2)):
    """One line on standard error, nothing on standard output."""
    assert run.returncode in status, run
    assert run.stdout == "", run
    assert run.stderr.count("\n") == 1 and run.stderr.endswith("\n"), run.stderr
    assert run.stderr.startswith("superguppy: "), run.stderr
    for word in words:
        assert str(word) in run.stderr, run.stderr
    return run.stderr


def tree(folder):
    """Names, sizes and contents below a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


@pytest.fixture
def stopped(new_guppy):
    """A folder with one crate, its server stopped."""
    server = new_guppy(listen=OPEN)
    assert raw.publish(server.url, server.token(), "kept", "1.0.0").status == 200
    server.stop()
    return server


# -- flags, commands, settings


@pytest.mark.parametrize("arguments, word", [
    (["serve", "--nope"], "--nope"), (["serve", "--data"], "--data"), (["serve", "-x"], "-x"), (["serve", "more"], "serve"),
    (["serve", "--ready-fd", "x"], "--ready-fd"), (["serve", "--ready-fd", "99"], "--ready-fd"), (["serve", "--listen", "nonsense"], "nonsense"),
    (["serve", "--listen", "http://127.0.0.1:99999"], "99999"), (["serve", "--listen", "http://127.0.0.1:0?anonymous=write"], "anonymous"),
    (["serve", "--listen", "http://127.0.0.1:0?color=red"], "color"), (["serve", "--listen", "https://127.0.0.1:0"], "https"),
    (["serve", "--config", "/nonexistent.toml"], "/nonexistent.toml"), (["token"], "superguppy"), (["token", "new"], "NAME"),
    (["token", "list", "extra"], "token list"), (["token", "revoke", "x"], "number"), (["crate", "show"], "NAME"), (["fly"], "fly"),
    (["config"], "config show"), (["health", "--url", "ftp://x"], "--url"), (["rebuild-index", "--data=a", "--data=b"], "--data"),
])  # fmt: skip
def test_a_bad_command_line_is_one_line_and_2(tmp_path, arguments, word):
    fails(superguppy(*arguments, cwd=tmp_path), word, status=(2,))
    assert list(tmp_path.iterdir()) == []


def test_help_and_version_are_0():
    for arguments in (["--help"], ["help"], ["serve", "--help"], ["token", "new", "--help"], ["token", "list", "--help"],
                      ["token", "revoke", "--help"], ["crate", "list", "--help"], ["crate", "show", "--help"], ["config", "show", "--help"],
                      ["config", "check", "--help"], ["health", "--help"], ["rebuild-index", "--help"],
                      ["principal", "--help"], ["policy", "--help"]):  # fmt: skip
        run = superguppy(*arguments)
        assert run.returncode == 0 and run.stdout and run.stderr == "", (arguments, run)
    assert re.fullmatch(r"superguppy \d+\.\d+\.\d+\n", superguppy("--version").stdout)
    assert superguppy().returncode == 2


@pytest.mark.parametrize("text, words", [
    ("[server]\nlissten = []\n", ["lissten", "2"]), ("[nope]\nx = 1\n", ["nope"]), ("server.url = 5\n", ["server.url"]),
    ("[publish]\ncrate_max = 'big'\n", ["crate_max"]), ("[publish]\ncrate_max = 1\n", ["crate_max", "1K"]),
    ("[server\n", ["1"]), ("[log]\nlevel = 'loud'\n", ["loud", "debug"]), ("a = 1\na = 2\n", ["2"]),
    ("[server]\nlisten = ['tcp://x']\n", ["tcp://x"]), ("[server]\nurl = 'http://x/'\n", ["server.url"]),
    ("\ufeff[server]\n[server]\n", ["2"]),
])  # fmt: skip
def test_a_bad_configuration_names_the_place(tmp_path, text, words):
    config = tmp_path / "superguppy.toml"
    config.write_text(text)
    for command in (["serve", "--data", tmp_path / "data"], ["config", "check"], ["config", "show"]):
        fails(superguppy(*command, "--config", config), *words, status=(2,))
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name, value, words", [
    ("SUPERGUPPY_SERVER__NOPE", "1", ["SUPERGUPPY_SERVER__NOPE"]), ("SUPERGUPPY_NOPE__DATA", "1", ["SUPERGUPPY_NOPE__DATA"]),
    ("SUPERGUPPY_LOG__LEVEL", "loud", ["SUPERGUPPY_LOG__LEVEL", "debug"]), ("SUPERGUPPY_LOG__ACCESS", "maybe", ["SUPERGUPPY_LOG__ACCESS"]),
    ("SUPERGUPPY_CONFIG", "/nonexistent.toml", ["/nonexistent.toml"]),
])  # fmt: skip
def test_an_unknown_or_bad_variable_is_named(tmp_path, name, value, words):
    fails(superguppy("serve", "--data", tmp_path / "data", env={name: value}), *words, status=(2,))
    fails(superguppy("config", "check", env={name: value}), *words, status=(2,))
    assert not (tmp_path / "data").exists()


def test_other_variables_are_not_ours(new_guppy):
    server = new_guppy(listen=OPEN, env={"SUPERGUPPY_VERSION": "9", "SUPERGUPPY_": "", "SUPERGUPPY_X_Y": "z", "SUPERGUPPY_LOG__FORMAT": "json"})
    assert raw.get(server.url, "/healthz").status == 200


def test_flags_win_over_variables_and_they_over_the_file(tmp_path):
    config = tmp_path / "c.toml"
    config.write_text('[server]\ndata = "from-file"\nhosts = ["one", "two"]\n[log]\nlevel = "warn"\n')
    env = {"SUPERGUPPY_SERVER__DATA": "from-env", "SUPERGUPPY_SERVER__HOSTS": "three  four\tfive"}
    shown = superguppy("config", "show", "--config", config, env=env).stdout
    assert re.search(r"server\.data.*from-env", shown) and "five" in shown and re.search(r"log\.level.*warn", shown)
    shown = superguppy("config", "show", "--config", config, "--data", "from-flag", env=env).stdout
    assert re.search(r"server\.data.*from-flag", shown)


def test_the_sample_is_good_and_the_page_about_settings_is_current(tmp_path):
    sample = superguppy("config", "--sample").stdout
    (tmp_path / "sample.toml").write_text(sample)
    assert superguppy("config", "check", "--config", tmp_path / "sample.toml").returncode == 0
    # And with every line in force.
    bare = re.sub(r"^#\s?(?=[a-z_]+ = |\[)", "", sample, flags=re.MULTILINE)
    (tmp_path / "bare.toml").write_text(bare)
    assert superguppy("config", "check", "--config", tmp_path / "bare.toml").returncode == 0, bare
    assert superguppy("config", "--markdown").stdout == (ROOT / "docs/configuration.md").read_text()


def test_a_wildcard_listener_needs_a_url(tmp_path):
    run = superguppy("serve", "--data", tmp_path / "data", "--listen", "http://0.0.0.0:0")
    fails(run, "server.url")
    assert not (tmp_path / "data").exists()


# -- ports


def test_a_busy_port_is_named_and_the_folder_is_as_before(stopped):
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        before = tree(stopped.data)
        run = superguppy("serve", "--data", stopped.data, "--listen", f"http://127.0.0.1:{port}")
        fails(run, port, "taken")
    changed = {n for n in before if tree(stopped.data).get(n) != before[n]} - {"lock"}
    assert not {n for n in changed if not n.startswith("superguppy.db")}, changed
    stopped.start()
    assert raw.entry(stopped.url, "kept", "1.0.0")


def test_a_busy_port_at_the_first_start_makes_no_folder(tmp_path):
    """Else the next start is no first one, and `./dev run` makes no token."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        fails(superguppy("serve", "--data", tmp_path / "data", "--listen", f"http://127.0.0.1:{port}"), port)
    assert list(tmp_path.iterdir()) == []


def test_a_port_is_taken_again_at_once_after_a_kill(new_guppy):
    server = new_guppy(listen=OPEN)
    connection = raw.Raw(server.url)
    assert connection.request("GET", "/healthz").status == 200
    server.kill9()
    server.start(keep_port=True)
    assert raw.get(server.url, "/healthz").status == 200
    connection.close()


# -- the data folder


def test_a_folder_in_use_is_refused_and_the_first_server_is_unharmed(guppy):
    assert raw.publish(guppy.url, guppy.token(), "held", "1.0.0").status == 200
    run = superguppy("serve", "--data", guppy.data, "--listen", OPEN, timeout=20)
    fails(run, guppy.data, "in use")
    fails(guppy.cli("rebuild-index", check=False), "in use")
    assert raw.publish(guppy.url, guppy.token(), "held", "1.1.0").status == 200


def test_a_folder_of_a_newer_format_is_left_alone(stopped):
    (stopped.data / "format").write_text("999\n")
    before = tree(stopped.data)
    for arguments in (["serve", "--listen", OPEN], ["token", "new", "x"], ["rebuild-index"], ["crate", "list"]):
        fails(superguppy(*arguments, "--data", stopped.data), stopped.data, "newer")
    assert tree(stopped.data) == before


def test_a_database_of_a_newer_format_is_left_alone(stopped):
    import sqlite3

    db = sqlite3.connect(stopped.data / "superguppy.db")
    db.execute("PRAGMA user_version = 999")
    db.commit()
    db.close()
    before = (stopped.data / "superguppy.db").read_bytes()
    fails(superguppy("serve", "--data", stopped.data, "--listen", OPEN), "newer")
    assert (stopped.data / "superguppy.db").read_bytes() == before


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    before = tree(tmp_path)
    fails(superguppy("serve", "--data", tmp_path, "--listen", OPEN), tmp_path, "thesis.txt")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("arguments", [["token", "new", "x"], ["token", "list"], ["token", "revoke", "1"], ["crate", "list"],
                                       ["crate", "show", "x"], ["rebuild-index"]])  # fmt: skip
def test_only_serve_makes_the_folder(tmp_path, arguments):
    fails(superguppy(*arguments, "--data", tmp_path / "data"), tmp_path / "data", "superguppy serve")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_below_what_is_not_there_or_no_folder(tmp_path):
    fails(superguppy("serve", "--data", tmp_path / "a/b/c", "--listen", OPEN), tmp_path / "a/b/c")
    (tmp_path / "file").write_text("")
    fails(superguppy("serve", "--data", tmp_path / "file", "--listen", OPEN), tmp_path / "file")
    fails(superguppy("serve", "--data", tmp_path / "file/data", "--listen", OPEN), tmp_path / "file/data")
    assert tree(tmp_path) == {"file": b""}


@pytest.fixture
def mounted(tmp_path):
    """mounted(OPTIONS): a tmpfs of this test's own."""
    if os.geteuid() != 0:
        pytest.skip("only root mounts a small disk")
    points = []

    def mount(options):
        point = tmp_path / f"disk{len(points)}"
        point.mkdir()
        run = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "guppy-test", point], capture_output=True, text=True, check=False)
        if run.returncode != 0:
            pytest.skip(f"cannot mount: {run.stderr}")
        points.append(point)
        return point

    yield mount
    for point in points:
        subprocess.run(["umount", "-l", point], check=True)


def test_an_unwritable_folder_is_named(mounted):
    disk = mounted("size=1m,ro")
    fails(superguppy("serve", "--data", disk / "data", "--listen", OPEN), disk / "data")


def test_a_folder_on_a_disk_that_became_read_only_is_named(mounted):
    disk = mounted("size=16m")
    server = Guppy(disk, listen=OPEN)
    server.start()
    server.finish()
    before = tree(server.data)
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    fails(superguppy("serve", "--data", server.data, "--listen", OPEN), server.data)
    assert tree(server.data) == before


def test_a_full_disk_at_the_first_start_is_one_line(mounted):
    disk = mounted("size=64k")
    (disk / "filler").write_bytes(bytes(60 << 10))
    run = superguppy("serve", "--data", disk / "data", "--listen", OPEN)
    assert run.returncode == 1 or run.returncode == 2
    fails(run, "space")


def test_a_disk_out_of_inodes_is_one_line(mounted):
    disk = mounted("size=8m,nr_inodes=100")
    fails(superguppy("serve", "--data", disk / "data", "--listen", OPEN), "space")


def test_a_disk_that_fills_up_refuses_and_recovers(mounted):
    """D-06: what was promised stays, what does not fit is refused whole, space helps at once."""
    disk = mounted("size=24m")
    server = Guppy(disk, listen=OPEN)
    server.log_path = disk.parent / "server.log"
    server.start()
    try:
        token, ledger, refusals = server.token(), {}, []
        for i in range(40):
            archive = raw.crate("filler", f"1.{i}.0", files={"noise": os.urandom(1 << 20)}, level=1)
            answer = raw.publish(server.url, token, "filler", f"1.{i}.0", archive)
            if answer.status == 200:
                ledger[f"1.{i}.0"] = raw.sha256(archive)
            else:
                assert answer.status in (503, 507), answer
                assert "space" in answer.detail() or "full" in answer.detail(), answer
                refusals.append(f"1.{i}.0")
        assert ledger and refusals
        lines = {line["vers"]: line["cksum"] for line in raw.lines(server.url, "filler")}
        assert lines == ledger
        wait_for(lambda: server.temporaries() == [])
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        for vers in refusals[:3]:
            assert raw.publish(server.url, token, "filler", vers).status == 200
        server.stop()
        assert server.cli("rebuild-index", "--check").returncode == 0
        server.start()
        for vers, cksum in ledger.items():
            assert raw.sha256(raw.download(server.url, "filler", vers).body) == cksum
    finally:
        server.finish()


# -- the rest


def test_a_long_path_is_no_trouble(new_guppy):
    """A unix socket's own limit is 107 bytes."""
    server = new_guppy(start=False, listen=OPEN)
    server.data = server.folder / ("deep-" * 20) / ("down-" * 20) / "data"
    server.data.parent.mkdir(parents=True)
    server.start()
    assert raw.publish(server.url, server.token(), "deep", "1.0.0").status == 200


def test_health(new_guppy):
    server = new_guppy(listen=OPEN)
    for more in ([], ["--ready"]):
        run = superguppy("health", "--url", server.url, *more)
        assert run.returncode == 0 and run.stdout.strip(), run
    server.stop()
    for more in ([], ["--ready"]):
        assert superguppy("health", "--url", server.url, *more).returncode == 1
    server.start()


def test_crate_list_and_show(guppy):
    token = guppy.token()
    for name in ("one-crate", "two-crate"):
        assert raw.publish(guppy.url, token, name, "1.0.0").status == 200
    listed = guppy.cli("crate", "list").stdout
    assert "one-crate" in listed and "two-crate" in listed
    shown = guppy.cli("crate", "show", "one-crate").stdout
    assert "1.0.0" in shown and "local:ann" in shown
    for more in (["crate", "list"], ["crate", "show", "one-crate"], ["token", "list"]):
        import json

        json.loads(guppy.cli(*more, "--json").stdout)
    fails(guppy.cli("crate", "show", "none", check=False), "none", status=(1,))
    guppy.stop()
    assert guppy.cli("crate", "list").stdout == listed
    guppy.start()


def test_rebuild_index_finds_and_mends_a_line_that_differs(stopped):
    import sqlite3

    assert stopped.cli("rebuild-index", "--check").returncode == 0
    before = sqlite3.connect(stopped.data / "superguppy.db").execute("SELECT line FROM version_line").fetchone()[0]
    db = sqlite3.connect(stopped.data / "superguppy.db")
    db.execute("UPDATE version_line SET line = replace(line, 'kept', 'kepd')")
    db.commit()
    db.close()
    run = stopped.cli("rebuild-index", "--check", check=False)
    assert run.returncode == 1 and re.search(r"kept.*1\.0\.0", run.stdout), run
    assert stopped.cli("rebuild-index").returncode == 0
    assert stopped.cli("rebuild-index", "--check").returncode == 0
    assert sqlite3.connect(stopped.data / "superguppy.db").execute("SELECT line FROM version_line").fetchone()[0] == before


def test_rebuild_index_finds_a_line_that_is_gone(stopped):
    import sqlite3

    db = sqlite3.connect(stopped.data / "superguppy.db")
    lines = db.execute("SELECT * FROM version_line").fetchall()
    # A trigger keeps them: what takes one away is damage.
    db.executescript("DROP TRIGGER version_line_stays; DELETE FROM version_line WHERE version = 1")
    db.close()
    run = stopped.cli("rebuild-index", "--check", check=False)
    assert run.returncode == 1 and "1.0.0: its index line differs" in run.stdout, run
    assert stopped.cli("rebuild-index").returncode == 0
    assert sqlite3.connect(stopped.data / "superguppy.db").execute("SELECT * FROM version_line").fetchall() == lines


def test_the_start_text_names_the_real_port(new_guppy):
    server = new_guppy(listen=["http://127.0.0.1:0?anonymous=read", "http://127.0.0.1:0"])
    for url in server.urls:
        assert url.rstrip("/") in server.log()
    assert len(set(server.urls)) == 2


def test_a_unix_socket_serves_too(new_guppy, tmp_path):
    server = new_guppy(start=False, listen=[OPEN])
    path = server.folder / "x.sock"
    server.listen.append(f"unix:{path}?mode=0600&anonymous=read")
    server.start()
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert s.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert path.stat().st_mode & 0o777 == 0o600
    # The socket of a dead server does not keep the next one from starting.
    server.kill9()
    server.start()
