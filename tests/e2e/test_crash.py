"""A 200 is a promise: publishers that race, a server that is killed, a server that is restarted."""

import os
import random
import re
import threading
import time

import pytest

import raw
from guppy import OPEN, wait_for
from test_publish import workspace

KILLS = 50
RACERS = 64
SEED = int(os.environ.get("GUPPY_SEED", "0")) or random.randrange(1, 2**32)

REFUSED = re.compile(r"\[7\] Could(?:n't| not) connect to server")


def in_threads(jobs):
    """Runs them side by side; the first exception is raised here."""
    errors = []

    def guarded(job):
        try:
            job()
        except BaseException as error:  # pylint: disable=broad-except
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_p10_64_publishers_of_one_version_one_wins(guppy):
    token = guppy.token()
    archives = [raw.crate("raced", "1.0.0", files={"who": b"%d" % i + os.urandom(2000)}) for i in range(RACERS)]
    answers = [None] * RACERS
    line = threading.Barrier(RACERS)

    def racer(i):
        content = raw.body("raced", "1.0.0", archives[i])
        with raw.Raw(guppy.url, timeout=120) as connection:
            connection.send(connection.head("PUT", "/api/v1/crates/new", {"Authorization": token, "Content-Length": str(len(content))}))
            connection.send(content[:-1])
            line.wait()
            connection.send(content[-1:])
            answers[i] = connection.read_response()

    in_threads([lambda i=i: racer(i) for i in range(RACERS)])
    statuses = sorted(a.status for a in answers)
    assert statuses == [200] + [409] * (RACERS - 1), statuses
    assert all("is already uploaded" in a.detail() for a in answers if a.status == 409)
    winner = archives[next(i for i, a in enumerate(answers) if a.status == 200)]
    assert raw.entry(guppy.url, "raced", "1.0.0")["cksum"] == raw.sha256(winner)
    assert raw.download(guppy.url, "raced", "1.0.0").body == winner
    guppy.stop()
    guppy.start()
    assert raw.download(guppy.url, "raced", "1.0.0").body == winner
    assert guppy.temporaries() == []


class Publishers:
    """Publish until the server dies. ledger: what was answered 200; in_flight: what was not answered."""

    def __init__(self, server, token, rng, number, round_):
        self.server, self.token, self.round = server, token, round_
        self.seeds = [rng.randrange(2**32) for _ in range(number)]
        self.ledger, self.in_flight = {}, {}
        self.changed = threading.Condition()

    def publish(self, i):
        rng = random.Random(self.seeds[i])
        name, n = f"kill-{self.round}-{i}", 0
        while True:
            vers = f"0.{n}.0"
            archive = raw.crate(name, vers, files={"noise": rng.randbytes(rng.choice((10, 3000, 60000, 400000)))}, level=1)
            key = (name, vers)
            self.in_flight[key] = archive
            try:
                answer = raw.publish(self.server.url, self.token, name, vers, archive)
            except (OSError, EOFError):
                return
            assert answer.status == 200, answer
            with self.changed:
                self.ledger[key] = raw.sha256(archive)
                del self.in_flight[key]
                self.changed.notify_all()
            n += 1

    def kill_after(self, acknowledged, spin_s):
        def kill():
            with self.changed:
                assert self.changed.wait_for(lambda: len(self.ledger) >= acknowledged, timeout=120)
            # Into the middle of whatever the others do then.
            end = time.monotonic() + spin_s
            while time.monotonic() < end:
                pass
            self.server.kill9()

        in_threads([kill] + [lambda i=i: self.publish(i) for i in range(len(self.seeds))])


def check_ledger(server, ledger):
    lines = {}
    for name in {n for n, _ in ledger}:
        for line in raw.lines(server.url, name):
            assert (name, line["vers"]) not in lines, "a version has two lines"
            lines[name, line["vers"]] = line["cksum"]
    for key, cksum in ledger.items():
        assert lines.get(key) == cksum, f"{key} was acknowledged and is lost (seed {SEED})"
        assert raw.sha256(raw.download(server.url, *key).body) == cksum, key


def settle_in_flight(server, token, key, archive, other_bytes):
    """What was not answered is wholly there, or can be published again, with the same or other bytes."""
    name, vers = key
    found = [line for line in raw.lines(server.url, name) if line["vers"] == vers]
    if found:
        assert found[0]["cksum"] == raw.sha256(archive)
        assert raw.download(server.url, name, vers).body == archive
        answer = raw.publish(server.url, token, name, vers, archive)
        assert answer.status == 409 and "is already uploaded" in answer.detail()
        return raw.sha256(archive)
    assert raw.download(server.url, name, vers).status == 404
    if other_bytes:
        archive = raw.crate(name, vers, files={"other": os.urandom(5000)})
    answer = raw.publish(server.url, token, name, vers, archive)
    assert answer.status == 200, f"{key} is stuck (seed {SEED}): {answer}"
    assert raw.download(server.url, name, vers).body == archive
    return raw.sha256(archive)


def test_kill_9_during_publishes_loses_nothing_acknowledged(new_guppy):
    server = new_guppy(listen=OPEN)
    token, rng, whole = server.token(), random.Random(SEED), {}
    in_flight = settled = 0
    for round_ in range(KILLS):
        publishers = Publishers(server, token, rng, 4, round_)
        publishers.kill_after(rng.randrange(1, 13), rng.random() * 0.01)
        server.start()
        assert server.temporaries() == []
        check_ledger(server, publishers.ledger)
        in_flight += len(publishers.in_flight)
        for key, archive in publishers.in_flight.items():
            before = raw.lines(server.url, key[0])
            publishers.ledger[key] = settle_in_flight(server, token, key, archive, other_bytes=rng.random() < 0.5)
            settled += any(line["vers"] == key[1] for line in before)
        whole.update(publishers.ledger)
    print(f"seed {SEED}: {len(whole)} versions, {in_flight} in flight at a kill, {settled} of them were stored")
    check_ledger(server, whole)
    server.stop()
    run = server.cli("rebuild-index", "--check")
    assert f"{len(whole)} versions" in run.stdout, run.stdout
    server.start()


def test_a_server_killed_in_the_middle_of_a_workspace_of_30(new_guppy, new_cargo, toolchain):
    server = new_guppy(listen=OPEN)
    cargo = new_cargo(server.url, server.token(), toolchain)
    root = workspace(cargo, layers=6, width=5, name="k")
    names = sorted(p.name for p in root.iterdir() if p.is_dir() and p.name != "target")
    assert len(names) == 30
    process = cargo.start("publish", "--workspace", "--no-verify", "--registry", "guppy", cwd=root)
    uploaded, output = set(), []
    for text in process.stdout:
        output.append(text)
        if found := re.search(r"Uploaded (\S+) v", text):
            uploaded.add(found[1])
            if len(uploaded) == 12:
                server.kill9()
    assert process.wait() != 0 and len(uploaded) >= 12, "".join(output)
    server.start(keep_port=True)
    there = [n for n in names if raw.lines(server.url, n)]
    assert uploaded <= set(there), f"lost: {uploaded - set(there)}"
    assert len(there) < 30
    excluded = [word for n in there for word in ("--exclude", n)]
    cargo.run("publish", "--workspace", "--no-verify", "--registry", "guppy", *excluded, cwd=root)
    user = new_cargo(server.url, None, toolchain)
    app = user.app("".join(f'k5-{i} = {{ version = "1", registry = "guppy" }}\n' for i in range(5)))
    assert {n for n, _ in user.packages(app)} == set(names)


def test_restart_under_load_fails_no_read_and_loses_no_publish(new_guppy, new_cargo):
    server = new_guppy(listen=OPEN)
    token = server.token()
    for i in range(30):
        assert raw.publish(server.url, token, f"load-{i}", "1.0.0").status == 200
    dependencies = "".join(f'load-{i} = {{ version = "1", registry = "guppy" }}\n' for i in range(30))
    over = threading.Event()
    fetches, ledger = [], {}

    def read(user, command, app):
        run = user.run(command, cwd=app, check=None)
        # Between stop and start connections are refused. cargo repeats those, but for Debian's 1.96,
        # which gives up at once without a word of trying again: then its user repeats.
        last = False
        while REFUSED.search(run.stderr) and "spurious" not in run.stderr and not last:
            last = over.is_set()
            run = user.run(command, cwd=app, check=None)
        assert run.returncode == 0, f"cargo {command}: {run.returncode}\n{run.stderr}"

    def reader(user, app):
        while not over.is_set():
            user.forget()
            read(user, "update", app)
            read(user, "fetch", app)
            fetches.append(1)

    def publisher():
        n = 0
        while not over.is_set():
            archive = raw.crate("steady", f"0.{n}.0", files={"noise": os.urandom(20000)}, level=1)
            try:
                answer = raw.publish(server.url, token, "steady", f"0.{n}.0", archive)
            except (OSError, EOFError):
                # cargo does not repeat a publish; the person looks first.
                continue
            if answer.status == 200:
                ledger["steady", f"0.{n}.0"] = raw.sha256(archive)
            else:
                assert answer.status in (409, 503), answer
            if answer.status != 503:
                n += 1

    def restarts():
        for k in range(4):
            target = len(fetches) + 1
            while len(fetches) < target and not over.is_set():
                time.sleep(0.01)  # polls for progress of another process
            server.stop()
            server.start(keep_port=True)

    def until_over(job, *arguments):
        try:
            job(*arguments)
        finally:
            over.set()  # one that fails ends the others

    users = [new_cargo(server.url) for _ in range(2)]
    apps = [user.app(dependencies) for user in users]
    jobs = [(restarts,), (publisher,)] + [(reader, u, a) for u, a in zip(users, apps)]
    in_threads([lambda job=job: until_over(*job) for job in jobs])
    assert fetches and ledger
    check_ledger(server, ledger)


def wait_until_refused(server):
    """Until a new connection is refused: the listener is closed."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            raw.Raw(server.url).close()
        except ConnectionError:
            return
    raise AssertionError("it still accepts 30 s after SIGTERM")


def test_a_publish_in_flight_is_finished_before_the_stop(new_guppy):
    server = new_guppy(listen=OPEN)
    token = server.token()
    content = raw.body("last-one", "1.0.0", files={"noise": os.urandom(300_000)})
    connection = raw.Raw(server.url)
    connection.send(connection.head("PUT", "/api/v1/crates/new", {"Authorization": token, "Content-Length": str(len(content))}))
    connection.send(content[: len(content) // 2])
    # Another connection's answer: the first half has been taken up.
    assert raw.get(server.url, "/healthz").status == 200
    server.terminate()
    wait_until_refused(server)
    connection.send(content[len(content) // 2 :])
    answer = connection.read_response()
    assert answer.status == 200 and answer.header("connection") == "close", answer
    connection.close()
    server.stop()
    server.start()
    assert raw.entry(server.url, "last-one", "1.0.0")


def test_http2_gets_goaway_and_its_streams_finish(new_guppy):
    from h2client import H2

    server = new_guppy(listen=OPEN)
    token = server.token()
    content = raw.body("last-stream", "1.0.0", files={"noise": os.urandom(300_000)})
    with H2(server.url) as h2:
        stream = h2.open("PUT", "/api/v1/crates/new", {"Authorization": token, "content-length": str(len(content))}, end=False)
        h2.h2.send_data(stream, content[:1000])
        h2._flush()
        assert h2.request("GET", "/healthz").status == 200
        server.terminate()
        while h2.goaway is None:
            h2.pump()
        # h2 calls the connection over at a GOAWAY; on the wire the stream goes on.
        assert h2.goaway.error_code == 0 and h2.goaway.last_stream_id >= stream
    server.stop()
    server.start()


def test_a_client_that_hangs_does_not_hold_up_the_stop(new_guppy):
    server = new_guppy(listen=OPEN, settings={"server.stop_timeout": 2})
    token = server.token()
    hanging = raw.Raw(server.url)
    hanging.send(hanging.head("PUT", "/api/v1/crates/new", {"Authorization": token, "Content-Length": "100000"}) + b"x")
    idle = raw.Raw(server.url)
    assert idle.request("GET", "/healthz").status == 200
    start = time.monotonic()
    server.stop()
    assert time.monotonic() - start < 15
    hanging.close()
    idle.close()
    server.start()
    assert server.temporaries() == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_blobs_without_a_row_do_no_harm(new_guppy, when):
    """A crash between the archive's rename and the transaction leaves a blob that nobody names."""
    server = new_guppy(listen=OPEN)
    token = server.token()
    archive = raw.crate("orphan", "1.0.0")
    digest = raw.sha256(archive)
    server.stop()
    blob = server.data / "blobs" / digest[:2] / digest
    blob.write_bytes(archive if when == "before" else archive[:100])
    server.start()
    answer = raw.publish(server.url, token, "orphan", "1.0.0", archive)
    if when == "before":
        assert answer.status == 200 and raw.download(server.url, "orphan", "1.0.0").body == archive
    else:
        # Torn bytes under a name that promises others: never acknowledged as they are.
        assert answer.status >= 500 or raw.download(server.url, "orphan", "1.0.0").body == archive, answer


def test_a_second_sigterm_cuts_uploads_and_leaves_nothing_behind(new_guppy):
    server = new_guppy(listen=OPEN)
    token = server.token()
    uploads = [raw.Raw(server.url) for _ in range(4)]
    for upload in uploads:
        content = raw.body("cut-short", "1.0.0", files={"noise": os.urandom(300_000)})
        upload.send(upload.head("PUT", "/api/v1/crates/new", {"Authorization": token, "Content-Length": str(len(content))}))
        upload.send(content[:200_000])
    # Each upload has its temp file before the stop.
    wait_for(lambda: len(list((server.data / "tmp").iterdir())) == len(uploads))
    server.terminate()
    wait_until_refused(server)
    server.stop()  # the second one
    assert not list((server.data / "tmp").iterdir())
    for upload in uploads:
        upload.close()
