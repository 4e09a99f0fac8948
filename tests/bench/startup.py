"""Time from exec to ready, and memory, of a big registry and of a small one."""
import hashlib
import shutil
import sys
import time

import common
import graph
import servers

# name, crates, versions of each, dependencies of each
FOLDERS = {"big": (1000, 50, 12), "small": (1000, 1, 3)}


def folder_of(name, work):
    """The data folder, made once for a layout of the database: 50,000 publishes take a while."""
    shape = FOLDERS[name]
    steps = sorted((common.ROOT / "src/store/sql").glob("*.sql"))
    mark = hashlib.sha256(b"".join(s.read_bytes() for s in steps) + repr(shape).encode()).hexdigest()[:12]
    folder = common.CACHE / f"{name}-{mark}"
    if not folder.exists():
        common.say(f"  publishing {shape[0] * shape[1]:,} versions into {folder}, kept for the next time")
        for old in common.CACHE.glob(f"{name}-*"):
            shutil.rmtree(old)
        made = common.disk_folder() / "data"
        servers.fill(work, made, graph.plain_crates(*shape))
        made.rename(folder)
    return folder


def one(work, data, versions):
    """(seconds to ready, MiB when ready, MiB at the peak)"""
    begin = time.perf_counter()
    server = servers.ours(work, data)
    took = time.perf_counter() - begin
    lines = common.output(["curl", "-fs", server.url + "/index/pl/ai/plain-0000-crate"]).count("\n")
    if lines != versions:
        sys.exit(f"bench: {lines} versions in an index file, not {versions}")
    pid = server.process.pid
    memory = common.memory_mib(pid), common.memory_mib(pid, "VmHWM")
    server.stop()
    return took, *memory


def run(options):
    work = common.memory_folder()
    samples = {}
    for name in FOLDERS:
        data = folder_of(name, work)
        versions = FOLDERS[name][1]
        one(work, data, versions)  # fills the page cache
        samples[name] = [one(work, data, versions) for _ in range(options.rounds)]
        common.say(f"  {name}: " + ", ".join(f"{t * 1000:.0f} ms {r:.1f} MiB" for t, r, _ in samples[name]))
    result = common.Result("Start and memory")
    result.text(
        "From exec until `serve --ready-fd` says ready, then one index request; resident memory after it and at "
        "its peak. Median (least–most); the folder's files are in the page cache.")
    rows, middle = [], {}
    for name, runs in samples.items():
        crates, versions, deps = FOLDERS[name]
        rows.append([f"{crates:,} crates × {versions}, {deps} dependencies each",
                     common.spread([t * 1000 for t, _, _ in runs], 0), common.spread([r for _, r, _ in runs], 1),
                     common.spread([p for _, _, p in runs], 1)])
        middle[name] = common.median([t for t, _, _ in runs]), common.median([r for _, r, _ in runs])
    result.table(["registry", "ready, ms", "memory, MiB", "peak, MiB"], rows)
    took, memory = middle["big"]
    result.bar("50,000 versions: ready", "≤ 1 s", f"{took:.2f} s", took <= 1)
    result.bar("50,000 versions: memory", "≤ 64 MiB", f"{memory:.1f} MiB", memory <= 64)
    result.bar("1,000 small crates: memory", "≤ 24 MiB", f"{middle['small'][1]:.1f} MiB", middle["small"][1] <= 24)
    return result
