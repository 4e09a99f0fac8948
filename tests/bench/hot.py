"""CPU of the server for one answer of a hot index file, three servers taking turns."""
import re
import subprocess
import sys

import common
import graph
import servers

ENCODINGS = "accept-encoding: deflate, gzip"
PATH = f"/index/ho/t-/{graph.HOT}"
SECONDS = 2
SERVER_CORE, LOAD_CORE = 0, 1
CASES = ("HTTP/1.1 200", "HTTP/1.1 304", "h2c 200", "h2c 304")
# Of h2o's CPU; h2c 304 is shown without one.
BARS = {"HTTP/1.1 200": 1.0, "HTTP/1.1 304": 1.0, "h2c 200": 0.7}


def ask(url, *headers):
    """(status, ETag, bytes of body) of the file, as cargo asks for it."""
    command = ["curl", "-s", "-D", "-", "-o", "/dev/null", "-w", "%{size_download}", url + PATH]
    for h in (ENCODINGS, *headers):
        command += ["-H", h]
    text = common.output(command)
    tag = re.search(r"(?im)^etag: *(\S+)", text)
    return int(text.split()[1]), tag[1] if tag else None, int(text.split()[-1])


def check(server):
    status, tag, size = ask(server.url)
    again, _, _ = ask(server.url, f"if-none-match: {tag}")
    if (status, again) != (200, 304):
        sys.exit(f"bench: {server.name} answers {status} and, asked again, {again}")
    return tag, size


def wrk(url, headers):
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", "-c64", f"-d{SECONDS}s", url + PATH]
    for h in headers:
        command += ["-H", h]
    text = common.output(command)
    if "Non-2xx" in text or "Socket errors" in text:
        sys.exit(f"bench: wrk: {text}")
    return int(re.search(r"(\d+) requests in", text)[1])


def h2load(url, headers, count):
    """(requests, seconds)"""
    command = ["taskset", "-c", LOAD_CORE, "h2load", "-t1", "-c16", "-m32", f"-n{count}", url + PATH]
    for h in headers:
        command += ["-H", h]
    text = common.output(command, stderr=subprocess.DEVNULL)
    done, failed = re.search(r"requests: .* (\d+) succeeded, (\d+) failed", text).groups()
    if int(failed) or int(done) != count:
        sys.exit(f"bench: h2load: {text}")
    took = re.search(r"finished in ([\d.]+)(m?s|us)", text)
    return count, float(took[1]) * {"s": 1, "ms": 1e-3, "us": 1e-6}[took[2]]


def one(server, case, tag, counts):
    """CPU in µs a request."""
    headers = [ENCODINGS] + ([f"if-none-match: {tag}"] if case.endswith("304") else [])
    if case.startswith("h2c") and (server.name, case) not in counts:
        count, took = h2load(server.h2_url, headers, 40000)
        counts[server.name, case] = max(16, int(count / took * SECONDS))
    pids = server.pids()
    before = common.cpu_seconds(pids)
    if case.startswith("h2c"):
        done, _ = h2load(server.h2_url, headers, counts[server.name, case])
    else:
        done = wrk(server.url, headers)
    spent = common.cpu_seconds(pids) - before
    if server.log.stat().st_size < 20 * done:
        sys.exit(f"bench: {server.name} did not log its requests")
    server.clear_log()
    return spent / done * 1e6


def run(options):
    work = common.memory_folder()
    data = common.disk_folder() / "data"
    crates, _ = graph.graph()
    servers.fill(work, data, crates + graph.hot_crate())
    pin = ("taskset", "-c", str(SERVER_CORE))
    running = [servers.ours(work, data, prefix=pin), servers.h2o(work, prefix=pin),
               servers.nginx(work, prefix=pin)]
    facts = {s.name: check(s) for s in running}
    samples, counts = {}, {}
    for turn in range(options.rounds):
        for case in CASES:
            for i in range(len(running)):
                server = running[(turn + i) % len(running)]
                us = one(server, case, facts[server.name][0], counts)
                samples.setdefault((case, server.name), []).append(us)
            common.say(f"  {case}: " + ", ".join(f"{s.name} {samples[case, s.name][-1]:.2f}" for s in running))
    for server in running:
        server.stop()
    return report(samples, {name: size for name, (_, size) in facts.items()})


def report(samples, sizes):
    result = common.Result("A hot index file: CPU per request")
    told = ", ".join(f"{name} {size:,} bytes" for name, size in sizes.items())
    result.text(
        f"One index file of {graph.HOT_VERSIONS} versions, asked with cargo's Accept-Encoding; body as sent: "
        f"{told} (ours keeps it gzipped; the others' defaults do not compress it). "
        f"µs of CPU (user and system, all processes of the server) a request, median (least–most). The server "
        f"is pinned to core {SERVER_CORE}, the load (wrk -c64, h2load -c16 -m32) to core {LOAD_CORE}; the "
        "servers take turns; each logs every request to tmpfs, ours decides access and counts as shipped. "
        "Ratios are medians of the ratios within a round.")
    rows = []
    for case in CASES:
        cells = {s: samples[case, s] for s in sizes}
        ratios = {s: common.median([a / b for a, b in zip(cells["ours"], cells[s])]) for s in ("h2o", "nginx")}
        rows.append([case, *[common.spread(cells[s], 2) for s in ("ours", "h2o", "nginx")],
                     f"{ratios['h2o']:.2f}", f"{ratios['nginx']:.2f}"])
        if case in BARS:
            result.bar(f"index {case}, CPU of h2o's", f"≤ {BARS[case]:.1f} ×", f"{ratios['h2o']:.2f} ×",
                       ratios["h2o"] <= BARS[case])
    result.table(["", "ours", "h2o", "nginx", "ours / h2o", "ours / nginx"], rows)
    return result
