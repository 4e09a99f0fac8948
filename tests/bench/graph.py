"""The crates that the benchmarks work with, the same bytes each time: a graph of 300 crates as
resolvers meet it, one crate with ten versions, and plain crates in any number.

A crate becomes an archive and either a publish body (for a registry with an API) or a line of a
static sparse folder (for a plain web server)."""
import gzip
import hashlib
import io
import json
import pathlib
import random
import struct
import tarfile

# How many crates the resolver meets first in each of its waves; 300 together.
WAVES = (79, 137, 55, 21, 7, 1)
LONGEST_CHAIN = 8
EXTRA_EDGES = 330
PAYLOAD = 2048
HOT = "hot-crate"
HOT_VERSIONS = 10
PUBTIME = "2026-01-02T03:04:05Z"
HOT_DEPS = ("serde", "serde_json", "tokio", "tracing", "hyper")


class Crate:
    def __init__(self, name, version, deps=(), payload=PAYLOAD, features=None):
        self.name, self.version, self.deps = name, version, deps  # deps: names, all "^1.0"
        self.payload, self.features = payload, features or {}

    @property
    def index_path(self):
        n = self.name.lower()
        if len(n) < 4:
            return f"{len(n)}/{n}" if len(n) < 3 else f"3/{n[0]}/{n}"
        return f"{n[:2]}/{n[2:4]}/{n}"


def longest_chain(edges, names):
    """Crates on the longest path; None where there is a ring."""
    length, busy = {}, set()

    def walk(name):
        if name in busy:
            return None
        if name not in length:
            busy.add(name)
            below = [walk(d) for d in edges[name]]
            busy.discard(name)
            if None in below:
                return None
            length[name] = 1 + max(below, default=0)
        return length[name]

    all_lengths = [walk(n) for n in names]
    return None if None in all_lengths else max(all_lengths)


def graph():
    """(crates, names of the direct dependencies)."""
    rng = random.Random(300)
    waves, at = [], 0
    for size in WAVES:
        waves.append([f"bench-{i:03}-{rng.choice(HOT_DEPS)}" for i in range(at, at + size)])
        at += size
    names = [n for wave in waves for n in wave]
    wave_of = {n: i for i, wave in enumerate(waves) for n in wave}
    edges = {n: [] for n in names}
    for above, wave in zip(waves, waves[1:]):
        for n in wave:  # met in this wave, so somebody of the wave above needs it
            edges[rng.choice(above)].append(n)
    # The deepest crate's chain starts at a root; two more roots above it make the longest chain.
    chain = [waves[-1][0]]
    while wave_of[chain[0]]:
        chain.insert(0, next(n for n in waves[wave_of[chain[0]] - 1] if chain[0] in edges[n]))
    first, second = [n for n in waves[0] if n != chain[0]][:2]
    edges[first].append(second)
    edges[second].append(chain[0])
    extra = 0
    while extra < EXTRA_EDGES:
        a, b = rng.sample(names, 2)
        if wave_of[b] > wave_of[a] + 1 or b in edges[a]:
            continue
        edges[a].append(b)
        if longest_chain(edges, names) in (None, *range(LONGEST_CHAIN + 1, len(names))):
            edges[a].remove(b)
        else:
            extra += 1
    assert len(names) == 300 and longest_chain(edges, names) == LONGEST_CHAIN
    return [Crate(n, "1.0.0", tuple(sorted(edges[n]))) for n in names], waves[0]


def hot_crate():
    """Ten versions of one crate, whose index file has 6 to 8 KB."""
    features = {"default": ["std"], "std": [], "full": ["std", "derive"], "derive": []}
    roots = [f"bench-{i:03}" for i in range(4)]
    return [Crate(HOT, f"1.{i}.0", tuple(roots), 64, features) for i in range(HOT_VERSIONS)]


def plain_crates(count, versions, deps, payload=64):
    """count crates of that many versions, each naming deps others; all first versions come first."""
    names = [f"plain-{i:04}-crate" for i in range(count)]
    for v in range(versions):
        for i, name in enumerate(names):
            wanted = tuple(sorted(names[(i + 1 + 7 * d) % count] for d in range(deps)))
            yield Crate(name, f"1.{v}.0", wanted, payload)


def upload_crates(count, payload):
    """Crates for a publish load, no two of one name."""
    return (Crate(f"load-{i:05}-crate", "1.0.0", (), payload) for i in range(count))


def manifest(crate, index_url):
    lines = ["[package]", 'edition = "2021"', f'name = "{crate.name}"', f'version = "{crate.version}"',
             'description = "A crate of the benchmark"', 'license = "MIT"']
    for dep in crate.deps:
        lines += [f"[dependencies.{dep}]", 'version = "1.0"', f'registry-index = "{index_url}"']
    if crate.features:
        lines += ["[features]"] + [f"{k} = {json.dumps(v)}" for k, v in crate.features.items()]
    return "\n".join(lines) + "\n"


def noise(crate):
    """Bytes that do not compress, told by the crate's name."""
    return hashlib.shake_128(f"{crate.name} {crate.version}".encode()).digest(crate.payload)


def archive(crate, index_url):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for path, data in (("Cargo.toml", manifest(crate, index_url).encode()),
                           ("src/lib.rs", b""), ("src/data.bin", noise(crate))):
            entry = tarfile.TarInfo(f"{crate.name}-{crate.version}/{path}")
            entry.size, entry.mode, entry.mtime = len(data), 0o644, 1153704088
            tar.addfile(entry, io.BytesIO(data))
    return gzip.compress(packed.getvalue(), 1, mtime=0)


def index_line(crate, packed):
    deps = [{"name": d, "req": "^1.0", "features": [], "optional": False, "default_features": True,
             "target": None, "kind": "normal"} for d in crate.deps]
    line = {"name": crate.name, "vers": crate.version, "deps": deps,
            "cksum": hashlib.sha256(packed).hexdigest(), "features": crate.features,
            "yanked": False, "pubtime": PUBTIME}
    return json.dumps(line, separators=(",", ":")) + "\n"


def publish_body(crate, index_url):
    """What cargo sends to PUT /api/v1/crates/new. No registry in a dependency means this one."""
    deps = [{"optional": False, "default_features": True, "name": d, "features": [],
             "version_req": "^1.0", "target": None, "kind": "normal"} for d in crate.deps]
    meta = json.dumps({
        "name": crate.name, "vers": crate.version, "deps": deps, "features": crate.features,
        "authors": [], "description": "A crate of the benchmark", "documentation": None,
        "homepage": None, "readme": None, "readme_file": None, "keywords": [], "categories": [],
        "license": "MIT", "license_file": None, "repository": None, "badges": {}, "links": None,
        "rust_version": None}, separators=(",", ":")).encode()
    packed = archive(crate, index_url)
    return struct.pack("<I", len(meta)) + meta + struct.pack("<I", len(packed)) + packed


def write_bodies(path, crates, index_url):
    """The file that publish_load reads: u32 length, body, and so on. Returns how many."""
    count = 0
    with open(path, "wb") as out:
        for crate in crates:
            body = publish_body(crate, index_url)
            out.write(struct.pack("<I", len(body)) + body)
            count += 1
    return count


def write_static(folder, url):
    """A sparse registry for a plain web server whose root is the folder, asked as url."""
    folder = pathlib.Path(folder)
    index_url = f"sparse+{url}/index/"
    crates, _ = graph()
    for crate in crates + hot_crate():
        packed = archive(crate, index_url)
        line = folder / "index" / crate.index_path
        line.parent.mkdir(parents=True, exist_ok=True)
        with open(line, "a", encoding="ascii") as out:
            out.write(index_line(crate, packed))
        file = folder / "dl" / crate.name / f"{crate.name}-{crate.version}.crate"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(packed)
    config = {"dl": f"{url}/dl/{{crate}}/{{crate}}-{{version}}.crate", "api": url}
    (folder / "index" / "config.json").write_text(json.dumps(config))


def write_project(folder, index_url):
    """A package that needs the whole graph from the registry at index_url."""
    folder = pathlib.Path(folder)
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "lib.rs").write_text("")
    (folder / ".cargo").mkdir()
    (folder / ".cargo" / "config.toml").write_text(f'[registries.bench]\nindex = "{index_url}"\n')
    lines = ["[package]", 'name = "bench-project"', 'version = "0.1.0"', 'edition = "2021"',
             "[dependencies]"]
    lines += [f'{n} = {{ version = "1", registry = "bench" }}' for n in graph()[1]]
    (folder / "Cargo.toml").write_text("\n".join(lines) + "\n")
