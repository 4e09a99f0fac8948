"""The image, from nothing to users' crates, and through all that may happen to it.

The tests share few containers and go on where the one before ended; the order is that of the file."""

import hashlib
import os
import re
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest
from image import CAPABILITIES
from tailnet import wait_for

BACK_S = 10
STOP_S = 5
# tailscale's own word comes first.
LOGIN = re.compile(r"join.*[ \t]http://\S+/register/(\S+)")
PATHS = ("healthz", "readyz", "", "me", "index/config.json", "index/ac/me/acme", "admin", "api/v1/crates/acme/owners")
# The shipped policy leads to machines with the registry's tag alone.
OWN_MACHINE = '{"src": ["anna@corp.test"], "dst": ["anna@corp.test"], "ip": ["tcp:80"]},\n'
NET_BIND_SERVICE = 1 << 10


@pytest.fixture(scope="module")
def waiting(new_box):
    """Nobody has let it in yet."""
    return new_box("waiting", {"PRIVATE_REPO_HOSTNAME": "waiting"}).start()


@pytest.fixture(scope="module")
def key(net):
    return net.new_key(tags=["tag:registry"])


@pytest.fixture(scope="module")
def crates(net, new_box, number, key, waiting):
    """In the tailnet by a key, on a volume that was empty. After waiting, which takes a minute."""
    box = new_box("crates", {"PRIVATE_REPO_HOSTNAME": "crates", "TS_AUTHKEY": key, "TS_TAGS": ""})
    start = time.monotonic()
    box.start().wait_ready()
    number(f"ready {time.monotonic() - start:.1f} s after the first start")
    reach(net, box)
    return box


def reach(net, box):
    for name in "anna", "ben", "ci":
        box.wait_reaches(net.named[name])


def is_read(machine, box):
    """What cargo reads first of a crate can be read."""
    with suppress(AssertionError):
        return '"name":"acme"' in machine.curl(f"http://{box.fqdn}/index/ac/me/acme")


def build(machine, box, *crates):
    dependencies = "".join(f'{name} = {{ version = "0.1", registry = "crates" }}\n' for name in crates)
    machine.cargo("build", cwd=machine.project(box, "app", dependencies=dependencies))


def refuses(box, *said, **more):
    assert box.start(**more).wait_end() == 1
    for text in said:
        assert text in box.log(), box.log()


def tree(folder):
    """All that could change below it, but the times."""
    found = []
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found.append((str(path), stat.st_mode, stat.st_uid, stat.st_gid, stat.st_mtime_ns, content))
    return found


# -- in the tailnet


def test_two_users_publish_and_a_ci_job_builds(crates, machine):
    for user, name in ("anna", "acme"), ("ben", "bolt"):
        machine(user).publish(crates, name)
    for reader in "anna", "ben", "ci":
        build(machine(reader), crates, "acme", "bolt")
    said = machine("ci").publish(crates, "of-ci", check=False)
    assert "403" in said and "tag:ci" in said, said


def test_no_process_has_more_rights_than_it_needs(crates):
    processes = crates.processes()
    assert set(processes) == {"groundcontrol", "tailscaled", "serve", "join"}
    expected = {"tailscaled": (10003, "", 0), "join": (10003, "", 0), "serve": (10001, "10002", NET_BIND_SERVICE)}
    for name, (user, groups, capabilities) in expected.items():
        status = processes[name].status
        assert status["Uid"].split() == status["Gid"].split() == [str(user)] * 4, name
        assert set(status["Groups"].split()) <= {str(user), *groups.split()}, (name, status["Groups"])
        assert set(groups.split()) <= set(status["Groups"].split()), name
        for kind in "CapEff", "CapPrm", "CapInh", "CapAmb":
            assert int(status[kind], 16) == capabilities, (name, kind, status[kind])
        assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", name


def test_the_key_is_in_no_other_environment_and_no_command_line(crates, key):
    for name, process in crates.processes().items():
        assert key not in "\0".join(process.argv), name
        # Process 1 hands it on.
        assert (key in process.env.values()) == (name in ("groundcontrol", "join")), name
    assert key not in crates.log()


def test_health_tells_no_more_than_health(crates, waiting):
    wait_for("tailscaled has a login URL", lambda: "/register/" in waiting.log())
    for box, ready in (crates, 200), (waiting, 503):
        assert box.health("healthz")[0] == 200
        assert box.health("readyz")[0] == ready
        assert box.exec(*box.image.config["Healthcheck"]["Test"][1:]).returncode == 0
        for path in PATHS:
            code, text = box.health(path)
            assert (code in (200, 503)) == path.endswith("z"), (path, code, text)
            for word in "acme", "anna", "corp", "rig.test", "100.64.", "/register/", "sparse+":
                assert word not in text, (path, text)


def test_it_fits_into_256_mb(crates, number):
    total = 0
    for name, process in crates.processes().items():
        rss, own = process.kb("Rss"), process.kb("Private_Dirty")
        number(f"memory: {rss / 1e3:4.1f} MB {name}, of which {own / 1e3:.1f} MB nobody else could use")
        total += rss
    memory = crates.stats()["memory"]["usage"]
    number(f"memory: {total / 1e3:4.1f} MB together; the container was charged {memory['max'] / 1e6:.1f} MB at most")
    assert memory["limit"] == 256 << 20 and memory["failcnt"] == 0
    assert total < 256_000


# -- what is killed comes back


@pytest.mark.parametrize("name", ["tailscaled", "serve", "join"])
def test_what_is_killed_comes_back_alone(crates, machine, number, name):
    reader, before = machine("anna"), {n: p.pid for n, p in crates.processes().items()}
    assert is_read(reader, crates)
    start = time.monotonic()
    os.kill(before[name], signal.SIGKILL)
    wait_for(f"{name} is there again", lambda: (p := crates.processes().get(name)) and p.pid != before[name])
    wait_for("crates are read again", lambda: is_read(reader, crates), 30)
    took = time.monotonic() - start
    number(f"kill -9 {name}: crates are read again after {took:.1f} s")
    assert took < BACK_S
    after = {n: p.pid for n, p in crates.processes().items() if n != "tailscale"}
    assert {n for n in before if before[n] != after[n]} == {name}
    assert crates.status()["Self"]["ID"] == crates.stable_id


# -- restarts


def test_a_restart_keeps_crates_and_node(net, crates, machine, number):
    stable_id, took = crates.stable_id, crates.stop()
    number(f"whole stop: {took:.2f} s")
    assert took < STOP_S
    crates.start().wait_ready()
    assert crates.stable_id == stable_id
    reach(net, crates)
    build(machine("ci"), crates, "acme", "bolt")


def test_a_lost_machine_keeps_crates_and_node(net, crates, machine):
    stable_id = crates.stable_id
    os.kill(crates.pid, signal.SIGKILL)
    crates.wait_end()
    crates.start().wait_ready()
    assert crates.stable_id == stable_id
    reach(net, crates)
    build(machine("ben"), crates, "acme", "bolt")


def test_it_starts_with_the_volume_of_yesterday(net, new_box, crates, machine):
    """A copy of it, which belongs to somebody else; and the key is gone, for it was used up."""
    crates.stop()
    box = new_box("yesterday", {"PRIVATE_REPO_HOSTNAME": "crates"})
    shutil.copytree(crates.volume, box.volume, dirs_exist_ok=True, symlinks=True)
    for path in box.volume.rglob("*"):
        os.chown(path, 4711, 4711, follow_symlinks=False)
    box.start().wait_ready()
    assert box.stable_id == crates.stable_id
    assert "/register/" not in box.log()
    reach(net, box)
    build(machine("anna"), box, "acme", "bolt")
    machine("anna").publish(box, "acme", "0.1.1")
    assert box.stop() < STOP_S
    crates.start().wait_ready()


def test_a_key_in_a_file_as_compose_gives_it(net, new_box, crates):
    """And a /run that anybody may write to, as in Kubernetes; and a name that is taken, and no TS_TAGS."""
    secret = net.folder / "ts_authkey"
    secret.write_text(net.new_key(tags=["tag:registry"]))
    secret.chmod(0o444)
    box = new_box("again", {"PRIVATE_REPO_HOSTNAME": "crates", "TS_AUTHKEY": "file:/run/secrets/ts_authkey"})
    box.start(files={"/run/secrets/ts_authkey": secret}, run_options=["mode=1777"]).wait_ready()
    wait_for("it says so", lambda: "the name crates was taken" in box.log(), 10)
    assert box.stable_id != crates.stable_id
    box.stop()


def test_docker_run_without_any_limit(net, new_box, image):
    """And `docker restart`, which keeps what was written to the root file system."""
    key = net.new_key(tags=["tag:registry"])
    box = new_box("plain", {"PRIVATE_REPO_HOSTNAME": "plain", "TS_AUTHKEY": key, "TS_TAGS": ""})
    root = image.new_root()
    for _ in range(2):
        box.start(plain_root=root).wait_ready()
        for name, process in box.processes().items():
            held = {"groundcontrol": None, "serve": NET_BIND_SERVICE}.get(name, 0)
            assert held is None or int(process.status["CapEff"], 16) == held, name
        os.kill(box.pid, signal.SIGKILL)
        box.wait_end()
    assert not [p for p in Path(root).rglob("*") if p.is_file() and not p.is_symlink() and p.stat().st_mode & 0o6000]


# -- what it refuses


def test_it_refuses_to_lose_crates(new_box):
    refuses(new_box("unmounted", {"PRIVATE_REPO_HOSTNAME": "crates"}, volume=False), "nothing is mounted at /data")


def test_it_names_the_variable_that_is_missing(new_box):
    box = new_box("nameless")
    refuses(box, "PRIVATE_REPO_HOSTNAME=crates")
    assert not list(box.volume.iterdir())


def test_it_leaves_a_volume_of_the_first_super_guppy_alone(new_box):
    box = new_box("first", {"PRIVATE_REPO_HOSTNAME": "crates"})
    for path in "ktra/db", "git/index/config.json", "tailscale/tailscaled.state":
        file = box.volume / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
    before = tree(box.volume)
    refuses(box, "first Super Guppy", "has not touched it")
    assert tree(box.volume) == before


@pytest.mark.parametrize("missing", [name for name in CAPABILITIES if name != "KILL"])
def test_it_lacks_each_of_its_rights(new_box, missing):
    """So the list has nothing to spare. Without KILL it starts, and stops when its time is up."""
    box = new_box(f"no-{missing.lower().replace('_', '-')}", {"PRIVATE_REPO_HOSTNAME": "crates"})
    refuses(box, "could not be started", capabilities=[name for name in CAPABILITIES if name != missing])


# -- the way in


def let_in(net, box, user):
    """As somebody who opens the newest link."""
    number = LOGIN.findall(box.log())[-1]
    net.user(user)
    net.headscale("auth", "register", "--auth-id", number, "--user", user.split("@")[0])


def test_the_login_is_asked_for_each_minute_and_ends_the_wait(net, waiting, machine):
    before = waiting.processes()
    wait_for("it asks again", lambda: len(LOGIN.findall(waiting.log())) >= 2, 130)
    assert waiting.health("healthz")[0] == 200 and waiting.health()[0] == 503
    let_in(net, waiting, "anna@corp.test")
    waiting.wait_ready()
    after = waiting.processes()
    assert all(after[name].pid == before[name].pid for name in ("tailscaled", "serve", "join"))
    net.policy(net.policy_path.read_text().replace('"grants": [', '"grants": [\n' + OWN_MACHINE))
    net.named["anna"].wait_reaches(waiting)
    assert "anna@corp.test" in machine("anna").curl(f"http://{waiting.fqdn}/me")


def test_an_expired_key_is_told_and_can_be_renewed(net, waiting):
    stable_id, before, asked = waiting.stable_id, waiting.processes()["serve"].pid, len(LOGIN.findall(waiting.log()))
    waiting.expire()
    wait_for("health says so", lambda: waiting.health()[0] == 503, 30)
    said = waiting.health()
    wait_for("the log says so", lambda: "the key of this node has expired" in waiting.log(), 10)
    wait_for("it asks for a login", lambda: len(LOGIN.findall(waiting.log())) > asked, 130)
    let_in(net, waiting, "anna@corp.test")
    waiting.wait_ready()
    assert waiting.stable_id == stable_id and waiting.processes()["serve"].pid == before
    assert waiting.stop() < STOP_S
    assert "expired" in said[1], said
