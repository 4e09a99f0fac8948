"""docs/benchmarks.md out of what the parts measured last. No number in it is typed."""
import json
import os
import platform
import subprocess

import common

ORDER = ("fetch", "hot", "identity", "publish", "start", "supervisor")


def first_line(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout.strip().splitlines()[0].strip() if done.stdout.strip() else ""


def machine():
    def field(path, name):
        with open(path, encoding="utf-8") as lines:
            return next((l.split(":", 1)[1].strip() for l in lines if l.startswith(name)), "unknown")

    common.CACHE.mkdir(parents=True, exist_ok=True)
    memory = int(field("/proc/meminfo", "MemTotal").split()[0]) / 2**20
    rows = [
        ["system", f"{platform.system()} {platform.release()} {platform.machine()}, "
                   f"{platform.freedesktop_os_release()['PRETTY_NAME']}"],
        ["processor", f"{field('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores"],
        ["memory", f"{memory:.0f} GiB"],
        ["disk of the data folder", common.output(["df", "--output=fstype", common.CACHE]).split()[-1]],
        ["superguppy", first_line([str(common.SERVER), "--version"])],
    ]
    for name, command in (("h2o", ["h2o", "--version"]), ("nginx", ["nginx", "-v"]), ("wrk", ["wrk", "-v"]),
                          ("h2load", ["h2load", "--version"]), ("tini", ["tini", "--version"]),
                          ("supervisord", ["supervisord", "--version"]),
                          ("s6", ["dpkg-query", "-W", "-f", "${Version}", "s6"]), ("compiler", ["cc", "--version"])):
        rows.append([name, first_line(command)])
    return rows


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return lines + ["| " + " | ".join(r) + " |" for r in rows]


def write():
    parts = []
    for name in ORDER:
        path = common.TOOLS / f"{name}.json"
        if path.exists():
            parts.append(json.loads(path.read_text()))
    lines = ["# Benchmarks", "",
             "Written by `./dev bench`; each part can be run alone (`./dev bench fetch`, `hot`, `identity`, "
             "`publish`, `start`, `supervisor`) and replaces its own section. Every number is a measurement of one run "
             "on one machine: compare within a row. nginx and h2o are Debian's, with Debian's settings but one "
             "worker, and serve the same crates from a static folder.", "", "## The machine", "",
             *table(["", ""], machine()), "", "## What we hold ourselves to", ""]
    bars = [[b["what"], b["bar"], b["value"], "yes" if b["met"] else "**no**"] for p in parts for b in p["bars"]]
    lines += table(["", "bar", "measured", "met"], bars)
    for part in parts:
        lines += ["", f"## {part['title']}", ""]
        for text in part["text"]:
            lines += [text, ""]
        for t in part["tables"]:
            lines += [*table(t["head"], t["rows"]), ""]
        lines.append(f"`{part['command']}`, {part['when']}, commit {part['commit']}, "
                     f"load average of the machine {part['load']:.1f}.")
    (common.ROOT / "docs" / "benchmarks.md").write_text("\n".join(lines) + "\n")
