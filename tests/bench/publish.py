"""Publishing 100 KB crates, alone and 16 at once, while an index file is read."""
import json
import os
import time

import common
import graph
import servers

PAYLOAD = 100_000
ALONE, CROWD, FLOOR_WRITES = 400, 3000, 100
PUBLISHERS = 16
INDEX_URL = "sparse+http://registry.invalid/index/"  # the bodies serve every round, the port changes


def disk_floor(folder):
    """ms for what any durable store of 100 KB has to do: write, fsync, rename, fsync the folder."""
    data, took = os.urandom(PAYLOAD), []
    handle = os.open(folder, os.O_RDONLY)
    for i in range(FLOOR_WRITES):
        begin = time.perf_counter()
        with open(folder / "new", "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.rename(folder / "new", folder / f"{i}")
        os.fsync(handle)
        took.append((time.perf_counter() - begin) * 1000)
    os.close(handle)
    return common.median(took)


def one_round(work):
    folder = common.disk_folder()
    server = servers.ours(work, folder / "data", settings={"SUPERGUPPY_SERVER__ALIASES": INDEX_URL})
    secret = servers.token(folder / "data")
    parts = work / "hot", work / "alone", work / "crowd"
    load = list(graph.upload_crates(ALONE + CROWD, PAYLOAD))
    for path, crates in zip(parts, (graph.hot_crate(), load[:ALONE], load[ALONE:])):
        if not path.exists():
            graph.write_bodies(path, crates, INDEX_URL)
    servers.publish(server, secret, parts[0], 1)
    floor = disk_floor(folder)
    alone = json.loads(servers.publish(server, secret, parts[1], 1, 30))
    before = common.cpu_seconds(server.pids())
    crowd = json.loads(servers.publish(server, secret, parts[2], PUBLISHERS, 30, f"/index/ho/t-/{graph.HOT}"))
    crowd["cpu_ms"] = (common.cpu_seconds(server.pids()) - before) * 1000 / crowd["publish"]["n"]
    crowd["rss"] = common.memory_mib(server.process.pid)
    server.stop()
    alone["floor_ms"] = floor
    return alone, crowd


def run(options):
    work = common.memory_folder()
    rounds = []
    for _ in range(options.rounds):
        rounds.append(one_round(work))
        a, c = rounds[-1]
        common.say(f"  alone p50 {a['publish']['p50_ms']:.2f} ms (disk {a['floor_ms']:.2f}); {PUBLISHERS} at once "
                   f"{c['publish']['n'] / c['seconds']:.0f}/s; index p99 {c['index']['p99_ms']:.2f} ms")
    return report(rounds)


def report(rounds):
    result = common.Result("Publishing")
    result.text(
        f"Crates of {PAYLOAD // 1000} KB that do not compress, each of a new name, over kept connections; each "
        f"is on the disk before its 200. The row of the disk is what it takes to write such a file, sync it, rename "
        f"it and sync its folder, measured just before. One publisher sends {ALONE}, then {PUBLISHERS} send "
        f"{CROWD} between them while one index file is read again and again. Median (least–most) over the rounds; "
        "load generator and server share the machine.")

    def cell(get, digits=2):
        return common.spread([get(a, c) for a, c in rounds], digits)

    def middle(get):
        return common.median([get(a, c) for a, c in rounds])

    def rate(_, c):
        return c["publish"]["n"] / c["seconds"]

    result.table(["", "alone", f"{PUBLISHERS} at once"], [
        ["publishes a second", cell(lambda a, _: a["publish"]["n"] / a["seconds"], 0), cell(rate, 0)],
        *[[f"{name}, ms", cell(lambda a, _, k=key: a["publish"][k]), cell(lambda _, c, k=key: c["publish"][k])]
          for name, key in (("p50", "p50_ms"), ("p99", "p99_ms"), ("longest", "max_ms"))],
        ["the disk alone: p50, ms", cell(lambda a, _: a["floor_ms"]), ""],
        ["CPU of the server a publish, ms", "", cell(lambda _, c: c["cpu_ms"])],
        *[[f"index read meanwhile: {name}, ms", "", cell(lambda _, c, k=key: c["index"][k])]
          for name, key in (("p50", "p50_ms"), ("p99", "p99_ms"), ("longest", "max_ms"))],
        ["memory afterwards, MiB", "", cell(lambda _, c: c["rss"], 1)],
    ])
    p50, p99 = middle(lambda a, _: a["publish"]["p50_ms"]), middle(lambda _, c: c["index"]["p99_ms"])
    result.bar("publish alone, p50", "≤ 5 ms", f"{p50:.2f} ms", p50 <= 5)
    result.bar(f"publish, {PUBLISHERS} at once", "≥ 600/s", f"{middle(rate):.0f}/s", middle(rate) >= 600)
    result.bar("index read meanwhile, p99", "≤ 20 ms", f"{p99:.2f} ms", p99 <= 20)
    return result
