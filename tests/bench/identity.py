"""What it costs to know who asks: a whois for each connection, and nothing for the requests after it.
Two of our servers take turns, one open to all, one that asks tailscaled. The tailscaled is a stand-in
that answers at once, so its own time is not in the figures."""
import json
import pathlib
import re
import socket
import subprocess
import sys
import threading

import common
import graph
import hot
import servers

CASES = ("kept-alive 200", "kept-alive 304", "a connection each")
BAR = 1.05  # a kept-alive index request with identity, of one without
SECONDS = 2

STATUS = {"BackendState": "Running", "TUN": False, "Version": "1.102.3", "HaveNodeKey": True,
          "TailscaleIPs": ["100.64.0.1", "fd7a:115c:a1e0::1"], "Health": [],
          "CurrentTailnet": {"Name": "rig.test", "MagicDNSSuffix": "rig.test", "MagicDNSEnabled": True},
          "Self": {"ID": "nRegistry11CNTRL", "DNSName": "crates.rig.test.", "Tags": ["tag:registry"],
                   "TailscaleIPs": ["100.64.0.1", "fd7a:115c:a1e0::1"]}}
WHOIS = {"Node": {"ID": 7, "StableID": "nAnna11CNTRL", "Name": "anna-laptop.rig.test.", "User": 5,
                  "Key": "nodekey:" + "0" * 64, "Addresses": ["100.64.0.7/32", "fd7a:115c:a1e0::7/128"],
                  "AllowedIPs": ["100.64.0.7/32", "fd7a:115c:a1e0::7/128"],
                  "Hostinfo": {"OS": "linux", "Hostname": "anna-laptop", "Services": ["x" * 40] * 30},
                  "Created": "2026-04-10T17:23:30Z", "Cap": 131, "Online": True, "ComputedName": "anna-laptop"},
         "UserProfile": {"ID": 5, "LoginName": "anna@corp.test", "DisplayName": "Anna"},
         "CapMap": {"superguppy.internal/cap/registry": [{"do": ["publish"], "crates": ["*"]}]}}
ANSWERS = {"status": STATUS, "whois": WHOIS, "prefs": {"ControlURL": "http://127.0.0.1:1"}}


class Tailscaled:
    """Answers each question at once; whois names one person, whoever asks."""

    def __init__(self, path):
        self.asked = 0
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen(1024)
        self.replies = {}
        for name, answer in ANSWERS.items():
            body = json.dumps(answer, indent="\t").encode()
            head = b"HTTP/1.0 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            self.replies[name.encode()] = head + body
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            peer, _ = self.socket.accept()
            with peer:
                question = peer.recv(4096).split(b" ", 2)[1].rpartition(b"/")[2].partition(b"?")[0]
                self.asked += question == b"whois"
                peer.sendall(self.replies.get(question, b"HTTP/1.0 404 Not Found\r\n\r\n"))


def wrk(url, headers, connections):
    command = ["taskset", "-c", hot.LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{SECONDS}s", url + hot.PATH]
    for h in headers:
        command += ["-H", h]
    text = common.output(command)
    if "Non-2xx" in text:
        sys.exit(f"bench: wrk: {text}")
    return int(re.search(r"(\d+) requests in", text)[1])


def one(server, case, tag):
    """CPU of the server in µs a request."""
    headers = [hot.ENCODINGS]
    if case.endswith("304"):
        headers.append(f"if-none-match: {tag}")
    each = case == "a connection each"
    if each:
        headers.append("connection: close")
    pids = server.pids()
    before = common.cpu_seconds(pids)
    done = wrk(server.url, headers, 8 if each else 64)
    spent = common.cpu_seconds(pids) - before
    server.clear_log()
    return spent / done * 1e6


def start(work, data, name, **options):
    folder = work / name
    folder.mkdir()
    return servers.ours(folder, data, prefix=("taskset", "-c", str(hot.SERVER_CORE)), **options)


def run(options):
    work = common.memory_folder()
    socket_path = pathlib.Path(work) / "s"
    tailscaled = Tailscaled(socket_path)
    base = common.disk_folder()
    crates, _ = graph.graph()
    for name in ("open", "known"):
        servers.fill(work, base / name, crates + graph.hot_crate())
    running = {
        "open": start(work, base / "open", "open"),
        "known": start(work, base / "known", "known", listen="http://127.0.0.1:0?identity=tailscale",
                       settings={"SUPERGUPPY_TAILSCALE__SOCKET": str(socket_path)}),
    }
    common.wait_for("the tailnet", lambda: subprocess.run(
        ["curl", "-fso", "/dev/null", running["known"].url + "/readyz"], check=False).returncode == 0)
    tags = {name: hot.check(server)[0] for name, server in running.items()}
    samples = {}
    asked = tailscaled.asked
    for turn in range(options.rounds):
        for case in CASES:
            for name in list(running)[:: 1 if turn % 2 else -1]:
                samples.setdefault((case, name), []).append(one(running[name], case, tags[name]))
            common.say(f"  {case}: " + ", ".join(f"{n} {samples[case, n][-1]:.2f}" for n in running))
    for server in running.values():
        server.stop()
    return report(samples, tailscaled.asked - asked)


def report(samples, asked):
    result = common.Result("Knowing who asks")
    result.text(
        f"The hot index file again, µs of the server's CPU a request, median (least–most): a listener open to all "
        f"against one with identity=tailscale, which asked its tailscaled {asked:,} times in this run (a stand-in "
        "that answers at once with 2 KB, as the real one does in 0.3 ms). wrk -c64 on kept connections, -c8 with a "
        "connection for each request; the servers take turns, each pinned to one core and the load to the other.")
    rows = []
    for case in CASES:
        cells = {n: samples[case, n] for n in ("open", "known")}
        ratio = common.median([b / a for a, b in zip(cells["open"], cells["known"])])
        more = common.median([b - a for a, b in zip(cells["open"], cells["known"])])
        rows.append([case, common.spread(cells["open"], 2), common.spread(cells["known"], 2), f"{ratio:.2f}", f"{more:.1f}"])
        if case.startswith("kept-alive"):
            result.bar(f"{case} with identity, CPU of one without", f"≤ {BAR} ×", f"{ratio:.3f} ×", ratio <= BAR)
    result.table(["", "open to all", "identity=tailscale", "ratio", "µs more"], rows)
    return result
