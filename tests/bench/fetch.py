"""cargo fetch of 300 crates and cargo update of the same, over lines of several lengths."""
import os
import shutil
import subprocess
import sys
import time

import common
import graph
import servers

SERVER_IP = "10.99.0.1"
# Without a line the differences are small, and a run is short. A run of nginx over a long line takes
# a minute and hardly differs: three with the first cargo, one with the others.
SHORT_FACTOR = 3


def cargos():
    """(name, path) of the cargo on PATH and of nightly's, if there is one."""
    found = []
    for toolchain in ((), ("--toolchain", "nightly")):
        try:
            path = common.output(["rustup", "which", *toolchain, "cargo"], stderr=subprocess.DEVNULL).strip()
        except (OSError, subprocess.CalledProcessError):
            path = None if toolchain else shutil.which("cargo")
        if path:
            version = common.output([path, "--version"]).split()[1]
            if version not in [v for v, _ in found]:
                found.append((version, path))
    return found


class Line:
    """Two namespaces a round trip apart. At 0 ms the client sits in the server's own namespace."""

    def __init__(self, rtt):
        self.rtt, self.name = rtt, f"sgbench-{os.getpid()}"
        self.pid = None

    def __enter__(self):
        if os.geteuid() != 0:
            self.server = self.client = ()
            return self
        self.pid = common.output([common.ROOT / "tests/bench/wan", "up", self.name, self.rtt],
                                 env={**os.environ, "WANLINE": str(common.TOOLS / "wanline")}).strip()
        self.server = ("ip", "netns", "exec", f"{self.name}-srv")
        self.client = self.server if self.rtt == 0 else ("ip", "netns", "exec", f"{self.name}-cli")
        return self

    def __exit__(self, *_):
        if self.pid:
            common.output([common.ROOT / "tests/bench/wan", "down", self.name, self.pid])

    @property
    def host(self):
        return SERVER_IP if self.pid else "127.0.0.1"


def start_servers(work, data, line):
    url = f"http://{line.host}:18080"
    return [
        servers.ours(work, data, url + "?anonymous=read", line.server, {"SUPERGUPPY_SERVER__URL": url}),
        servers.h2o(work, (line.host, 18083), line.server),
        servers.nginx(work, (line.host, 18081), line.server),
    ]


def timed_cargo(cargo, command, work, line):
    env = {"PATH": f"{os.path.dirname(cargo)}:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(work),
           "CARGO_HOME": str(work / "home"), "LANG": "C.UTF-8"}
    begin = time.perf_counter()
    done = subprocess.run([*line.client, cargo, command, "--quiet"], cwd=work / "project", env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    took = time.perf_counter() - begin
    if done.returncode != 0:
        sys.exit(f"bench: cargo {command}: {done.stdout}")
    return took


def one_round(server, cargo, work, line):
    """(fetch, update) in seconds, cold; checks that cargo got what it should."""
    for folder in ("home", "project"):
        shutil.rmtree(work / folder, ignore_errors=True)
    (work / "home").mkdir()
    graph.write_project(work / "project", f"sparse+{server.url}/index/")
    server.clear_log()
    fetch = timed_cargo(cargo, "fetch", work, line)
    got = len(list((work / "home/registry/cache").glob("*/*.crate")))
    if got != 300:
        sys.exit(f"bench: fetch from {server.name}: {got} archives")
    check_log(server, 200, 601)
    server.clear_log()
    update = timed_cargo(cargo, "update", work, line)
    check_log(server, 304, 300)
    return fetch, update


def check_log(server, status, least):
    """That the run did what it should; the last lines may come when the connections have closed."""
    common.wait_for(f"{least} answers of {server.name} with status {status}",
                    lambda: server.statuses(status)[1] >= least, 5)


def measure(options, samples):
    work = common.memory_folder()
    data = common.disk_folder() / "data"
    crates, _ = graph.graph()
    servers.fill(work, data, crates + graph.hot_crate())
    for rtt in options.rtt:
        with Line(rtt) as line:
            running = start_servers(work, data, line)
            for number, (version, cargo) in enumerate(cargos()):
                # The first run of a cargo pays for the client's own cold start: against one of the others.
                one_round(next(s for s in running if s.name == "h2o"), cargo, work, line)
                for turn in range(options.rounds * (1 if rtt else SHORT_FACTOR)):
                    for i in range(len(running)):
                        server = running[(turn + i) % len(running)]
                        if server.name == "nginx" and rtt and turn >= (1 if number else 3):
                            continue
                        fetch, update = one_round(server, cargo, work, line)
                        samples.setdefault(("fetch", version, rtt, server.name), []).append(fetch)
                        samples.setdefault(("update", version, rtt, server.name), []).append(update)
                        common.say(f"  {version} {rtt} ms {server.name}: {fetch:.3f} {update:.3f}")
            for server in running:
                server.stop()


def judge(result, samples, key):
    command, version, rtt = key
    ours, h2o, nginx = (common.median(samples[*key, s]) for s in ("ours", "h2o", "nginx"))
    where = f"`cargo {command}` {version}, {rtt} ms"
    result.bar(f"{where}, against h2o", "≤ 1.10 ×, or within 20 ms",
               f"{ours / h2o:.2f} × ({(ours - h2o) * 1000:+.0f} ms)", ours <= max(1.1 * h2o, h2o + 0.02))
    if command == "fetch" and rtt >= 40:
        result.bar(f"{where}, against nginx", "≤ 1/6", f"1/{nginx / ours:.1f}", ours <= nginx / 6)


def run(options):
    if os.geteuid() != 0:
        common.say("bench: a long line needs root; measuring 0 ms alone")
        options.rtt = [0]
    samples = {}
    measure(options, samples)
    result = common.Result("Fetch and update over a slow line")
    result.text(
        "`cargo fetch` of 300 crates (79 of them direct dependencies, longest chain 8) into an empty "
        "CARGO_HOME, then `cargo update` of the same, all answers 304. Plain http. Seconds from start to "
        "exit, median (least–most). CARGO_HOME and the project are on tmpfs; the servers run side by side "
        "and take turns; congestion control is cubic, Debian's default, on both ends.")
    rows = []
    for command in ("fetch", "update"):
        for version, _ in cargos():
            for rtt in options.rtt:
                cells = [samples[command, version, rtt, s] for s in ("ours", "h2o", "nginx")]
                rows.append([f"`cargo {command}` {version}", f"{rtt} ms",
                             *[f"{common.spread(c, 2)}, n {len(c)}" for c in cells]])
    result.table(["", "round trip", "ours", "h2o", "nginx"], rows)
    for key in sorted({k[:3] for k in samples}):
        judge(result, samples, key)
    return result
