"""Forges .crate archives for tests, well-formed or not. The twin of tests/support/forge.c.

crate(name, version, ...) makes what cargo makes. T_ROWS is the corpus of archives that a registry
must refuse: (id, description, bytes), each one thing away from a good acme 1.2.3. Rows T-51 are well-formed
and wrong only beside the JSON of JSON_ACME; bytes of the big ones are made on first use (Row.data).
"""

import functools
import gzip
import io
import struct
import zlib

BLOCK = 512
CARGO_MTIME = 1153704088  # 2006-07-24T01:21:28Z, in every archive of cargo
GNU = b"ustar  \0"
USTAR = b"ustar\x0000"

NAME, VERSION = "acme", "1.2.3"
ROOT = f"{NAME}-{VERSION}/"


def manifest(name=NAME, version=VERSION, extra=""):
    return f'[package]\nname = "{name}"\nversion = "{version}"\nedition = "2021"\n{extra}'


def _bytes(s):
    return s.encode() if isinstance(s, str) else s


def _octal(value, width):
    return b"%0*o\0" % (width - 1, value)


def seal(header):
    """The header with its checksum made right."""
    header = header[:148] + b" " * 8 + header[156:]
    return header[:148] + b"%06o\0 " % sum(header) + header[156:]


def pad(data):
    return data + bytes(-len(data) % BLOCK)


def header(name, size=0, type=b"0", mode=0o644, magic=GNU, link=b"", prefix=b"", **patches):
    """One 512-byte header. size may be 12 bytes as they shall stand; patches: at_OFFSET=bytes."""
    raw = size if isinstance(size, bytes) else _octal(size, 12)
    h = b"".join([
        _bytes(name)[:100].ljust(100, b"\0"), _octal(mode, 8), _octal(0, 8), _octal(0, 8), raw,
        _octal(CARGO_MTIME, 12), b" " * 8, type, _bytes(link).ljust(100, b"\0"), magic, bytes(32),
        bytes(32), bytes(16), _bytes(prefix).ljust(155, b"\0"), bytes(12),
    ])
    for key, value in patches.items():
        at = int(key.removeprefix("at_"))
        h = h[:at] + value + h[at + len(value):]
    return seal(h)


def entry(name, data=b"", **fields):
    data = _bytes(data)
    fields.setdefault("size", len(data))
    return header(name, **fields) + pad(data)


def long_name(body):
    """A GNU 'L' entry with this body, NUL and all."""
    return entry("././@LongLink", body, type=b"L")


def file(name, data=b"", **fields):
    """A file as cargo packs it: a long name in front where 100 bytes do not do."""
    name = _bytes(name)
    front = long_name(name + b"\0") if len(name) > 100 else b""
    return front + entry(name, data, **fields)


def pax_record(key, value):
    rest = b" " + _bytes(key) + b"=" + _bytes(value) + b"\n"
    n = len(rest)
    while len(str(n)) + len(rest) != n:
        n = len(str(n)) + len(rest)
    return b"%d" % n + rest


def pax(body, type=b"x"):
    return entry("PaxHeader", body, type=type)


END = bytes(2 * BLOCK)


def pack(tar, name="acme-1.2.3.crate", level=6, crc_xor=0, len_add=0, flags=0):
    """One gzip member, header as cargo's."""
    z = zlib.compressobj(level, zlib.DEFLATED, -15)
    flags |= 8 if name else 0
    out = struct.pack("<3sBIBB", b"\x1f\x8b\x08", flags, 0, 2, 255)
    out += name.encode() + b"\0" if name else b""
    out += z.compress(tar) + z.flush()
    return out + struct.pack("<II", zlib.crc32(tar) ^ crc_xor, (len(tar) + len_add) & 0xFFFFFFFF)


def crate(name=NAME, version=VERSION, manifest_text=None, files=None):
    """A valid .crate. files: {path below the root: text or bytes}; src/lib.rs when there are none."""
    root = f"{name}-{version}/"
    contents = {"Cargo.toml": manifest_text if manifest_text is not None else manifest(name, version)}
    contents.update(files if files is not None else {"src/lib.rs": "pub fn f() {}\n"})
    tar = b"".join(file(root + path, data) for path, data in contents.items())
    return pack(tar + END, name=f"{name}-{version}.crate")


# --- the corpus ---

GOOD = file(ROOT + "Cargo.toml", manifest()) + file(ROOT + "src/lib.rs", "pub fn f() {}\n")
JSON_ACME = {"name": NAME, "vers": VERSION, "deps": [], "features": {}}


class Row:
    """Unpacks as (id, description, bytes)."""

    def __init__(self, id, description, make):
        self.id, self.description, self._make = id, description, make

    @functools.cached_property
    def data(self):
        return self._make()

    def __iter__(self):
        return iter((self.id, self.description, self.data))

    def __getitem__(self, i):
        return tuple(self)[i]

    def __repr__(self):
        return f"{self.id} {self.description}"


T_ROWS = []


def _row(id, description, make):
    T_ROWS.append(Row(id, description, make))


def _bad(id, description, *parts):
    """A good crate with these entries behind it."""
    _row(id, description, lambda: pack(GOOD + b"".join(parts) + END))


def _name(id, description, name, **fields):
    _bad(id, description, file(name, b"x", **fields))


def _bomb(head, mib):
    """A gzip of head and then zeros, without making them: full-flushed pieces repeat."""
    z = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = bytes(1 << 20)
    front = z.compress(head) + z.flush(zlib.Z_FULL_FLUSH)
    piece = z.compress(zeros) + z.flush(zlib.Z_FULL_FLUSH)
    crc = zlib.crc32(head)
    for _ in range(min(mib, 600)):  # past the cut nobody looks at the sum
        crc = zlib.crc32(zeros, crc)
    end = zlib.compressobj(9, zlib.DEFLATED, -15).flush()
    return (b"\x1f\x8b\x08\0\0\0\0\0\x02\xff" + front + piece * mib + end +
            struct.pack("<II", crc, (len(head) + (mib << 20)) & 0xFFFFFFFF))


def _swarm(n):
    """n empty files in n/1000 folders."""
    z = zlib.compressobj(1, zlib.DEFLATED, -15)
    out, crc = [b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"], 0
    base = header(ROOT + "f" + "0" * 7)
    at, plain = len(ROOT) + 1, sum(base) - sum(base[148:156]) - 7 * 48 + 8 * 32
    for i in range(n):
        digits = b"%07d" % i
        total = plain + sum(digits)
        h = base[:at] + digits + base[at + 7:148] + b"%06o\0 " % total + base[156:]
        crc = zlib.crc32(h, crc)
        out.append(z.compress(h))
    tail = GOOD + END
    out.append(z.compress(tail) + z.flush())
    return b"".join(out) + struct.pack("<II", zlib.crc32(tail, crc), n * BLOCK + len(tail))


def _solo(id, description, *parts):
    """Without the good crate in front."""
    _row(id, description, lambda: pack(b"".join(parts) + END))


def _build_rows():
    x = ROOT + "x"
    _name("T-01", "path outside NAME-VERSION/", "other-1.0.0/x")
    _name("T-01", "path that only begins like NAME-VERSION", "acme-1.2.3x/y")
    _name("T-02", ".. component", ROOT + "../../etc/passwd")
    _name("T-02", ".. component in a long name", ROOT + "a" * 60 + "/" + "b" * 60 + "/../../../x")
    _name("T-03", "absolute path", "/" + ROOT + "x")
    _name("T-04", "./ in front", "./" + ROOT + "x")
    _name("T-04", "// inside", ROOT + "/x")
    _name("T-04", "./ inside", ROOT + "./x")
    kinds = [("T-05", "symbolic link", b"2"), ("T-06", "hard link", b"1"),
             ("T-07", "character device", b"3"), ("T-08", "block device", b"4"),
             ("T-09", "fifo", b"6"), ("T-10", "contiguous file", b"7"),
             ("T-11", "unknown type Z", b"Z"), ("T-12", "GNU sparse file", b"S")]
    for id, what, type in kinds:
        link = ROOT + "Cargo.toml" if type in b"12" else b""
        _bad(id, what, entry(x, type=type, link=link))
    sparse = b"".join(pax_record(f"GNU.sparse.{k}", v)
                      for k, v in [("major", "1"), ("minor", "0"), ("name", x), ("realsize", "1")])
    _bad("T-13", "PAX sparse keys", pax(sparse), entry(x))
    _bad("T-14", "symlink, then folder of that name", entry(x, type=b"2", link="/tmp"),
         entry(x + "/", type=b"5", mode=0o755), file(x + "/evil", "evil"))
    _name("T-15", ".cargo-ok as a file", ROOT + ".cargo-ok")
    _bad("T-15", ".cargo-ok as a link", entry(ROOT + ".cargo-ok", type=b"2", link="src/lib.rs"))
    _solo("T-16", "Cargo.toml as a folder", entry(ROOT + "Cargo.toml/", type=b"5", mode=0o755))

    sized = lambda pax_size, real: (pax(pax_record("size", pax_size)), entry(x, real))
    _bad("T-17", "PAX size above the header's", *sized("600", b"abc"), bytes(BLOCK))
    _bad("T-18", "PAX size below the header's", *sized("0", file(ROOT + "smuggled", "evil")))
    _bad("T-19", "header size 0 with a PAX size", *sized("1024", b""), file(ROOT + "seen", "by some"))
    _bad("T-20", "PAX size that is no number", *sized("0x3", b"abc"))
    _bad("T-21", "PAX size that overflows", *sized(str(2 ** 64 + 3), b"abc"))
    _bad("T-22", "PAX path that escapes", pax(pax_record("path", ROOT + "../evil")), entry(x))
    _bad("T-23", "PAX linkpath", pax(pax_record("linkpath", "/etc/passwd")), entry(x))
    _solo("T-24", "global header that changes names", pax(pax_record("path", x), b"g"), GOOD)
    _bad("T-25", "PAX record length past the body", pax(b"99 path=" + x.encode() + b"\n"), entry(x))
    _bad("T-25", "PAX record length too short", pax(b"7 path=" + x.encode() + b"\n"), entry(x))
    _bad("T-26", "long name with a NUL inside", long_name(x.encode() + b"\0/../../evil\0"), entry(x))
    _bad("T-27", "long name above 4 KiB", long_name((ROOT + "a/" * 2500).encode() + b"x\0"), entry(x))
    _bad("T-28", "long name that no entry follows", long_name(x.encode() + b"\0"))

    broken = bytearray(entry(x))
    broken[20] ^= 1
    _bad("T-29", "bad header checksum", bytes(broken))
    _bad("T-30", "base-256 size below zero", entry(x, size=b"\xff" * 11 + b"\0"))
    _bad("T-31", "size past the end", entry(x, size=_octal(1 << 20, 12)))
    _row("T-32", "cut inside a file", lambda: pack(GOOD[:-700]))
    _row("T-32", "no zero blocks", lambda: pack(GOOD))
    _row("T-32", "one zero block", lambda: pack(GOOD + bytes(BLOCK)))
    _row("T-33", "bytes behind the end blocks", lambda: pack(GOOD + END + bytes(100) + b"x" + bytes(411)))
    _row("T-34", "second tar behind the end", lambda: pack(GOOD + END + file(x, "evil") + END))
    _row("T-35", "second gzip member", lambda: pack(GOOD + END) + pack(file(x, "evil") + END))
    _row("T-35", "tar split over two gzip members", lambda: pack(GOOD) + pack(END))
    _row("T-36", "junk behind the gzip stream", lambda: pack(GOOD + END) + b"junk")
    _row("T-37", "wrong gzip CRC", lambda: pack(GOOD + END, crc_xor=1))
    _row("T-37", "wrong gzip length", lambda: pack(GOOD + END, len_add=1))
    _row("T-38", "plain tar", lambda: GOOD + END)
    _row("T-38", "zip", _zip)
    _row("T-38", "xz", _xz)
    _build_limits(x)
    _build_names(x)
    _build_manifests()


def _zip():
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr(ROOT + "Cargo.toml", manifest())
    return out.getvalue()


def _xz():
    import lzma

    return lzma.compress(GOOD + END)


def _build_limits(x):
    ten_gib = b"\x80" + (10 << 30).to_bytes(11, "big")
    _row("T-39", "10 GiB claimed, 10,000 MiB there, in under 10 MiB", lambda: _bomb(GOOD + header(x, size=ten_gib), 10_000))
    _row("T-40", "unpacks past 512 MiB", lambda: _bomb(GOOD + header(x, size=_octal(520 << 20, 12)), 521))
    _row("T-40", "zeros behind the end past 512 MiB", lambda: _bomb(GOOD + END, 513))
    _row("T-41", "a million empty entries", lambda: _swarm(1_000_000))
    deep = (ROOT + "a/" * 4096 + "x").encode()
    _bad("T-42", "folders 4,096 deep", pax(pax_record("path", deep)), entry(x))
    _name("T-42", "folders 80 deep", ROOT + "a/" * 80 + "x")
    _name("T-43", "component above 255 bytes", ROOT + "a" * 256)
    _name("T-44", "path above 1 KiB", ROOT + ("a" * 200 + "/") * 6 + "x")


def _build_names(x):
    _name("T-45", "path that is not UTF-8", ROOT.encode() + b"caf\xe9.txt")
    _name("T-46", "control character", ROOT + "x\x1b[2J")
    _name("T-46", "backslash", ROOT + "..\\..\\x")
    _name("T-46", "colon", ROOT + "C:x")
    _name("T-47", "aux", ROOT + "src/aux")
    _name("T-47", "con. with an extension", ROOT + "con.tar.gz")
    _name("T-47", "trailing dot", ROOT + "x.")
    _name("T-48", "setuid", x, mode=0o4755)
    _name("T-48", "world-writable", x, mode=0o666)
    _name("T-49", "duplicate path", ROOT + "src/lib.rs")
    _name("T-49", "duplicate by case", ROOT + "SRC/LIB.rs")
    _bad("T-49", "duplicate by normal form", file(ROOT + "caf\u00e9"), file(ROOT + "cafe\u0301"))
    _bad("T-49", "file and folder of one name", file(x), file(x + "/y"))


def _build_manifests():
    _name("T-50", "two manifests by case", ROOT + "cargo.toml")
    _solo("T-50", "manifest in other case", file(ROOT + "CARGO.TOML", manifest()))
    for what, text in [("name", manifest(name="other")), ("version", manifest(version="1.2.4"))]:
        _row("T-51", f"{what} other than in the JSON", functools.partial(crate, manifest_text=text))
    _solo("T-52", "no manifest", file(ROOT + "src/lib.rs", ""))
    _solo("T-52", "manifest above 1 MiB", file(ROOT + "Cargo.toml", manifest() + "#" * (1 << 20)))
    _solo("T-52", "manifest that is not UTF-8", file(ROOT + "Cargo.toml", manifest().encode() + b"# \xe9\n"))


_build_rows()


# --- odd, and yet the same to every reader: must be accepted ---


def accepted():
    """(description, root folder, bytes) of archives whose listing all tar programs agree on."""
    long = "d" * 50
    git = pax(pax_record("comment", "0123456789abcdef0123456789abcdef01234567"), b"g")
    folder = entry(ROOT, type=b"5", mode=0o755)
    yield "as cargo packs", ROOT, crate()
    yield "long names", ROOT, crate(files={f"{long}/{long}.rs": "x", "/".join([long] * 10): "y"})
    yield "names of exactly 100 and 101 bytes", ROOT, crate(
        files={"n" * (100 - len(ROOT)): "x", "m" * (101 - len(ROOT)): "y"})
    yield "names beyond ASCII", ROOT, crate(files={"caf\u00e9/\u4e2d\u6587 \U0001f980.txt": "x"})
    yield "folders, a global comment", ROOT, pack(git + folder + GOOD + END)
    yield "padding to a record", ROOT, pack(GOOD + END + bytes(16 * BLOCK))
    yield "ustar with a prefix", ROOT, pack(
        GOOD + entry("x", "y", magic=USTAR, prefix=ROOT + "deep") + END)
    body = pax_record("path", ROOT + "p/\u00fc.txt") + pax_record("size", "3") + pax_record("mtime", "1.5")
    yield "PAX path and size", ROOT, pack(GOOD + pax(body) + entry("p", "abc", magic=USTAR) + END)
    yield "old file type", ROOT, pack(GOOD + entry(ROOT + "old", "x", type=b"\0") + END)
    yield "base-256 size", ROOT, pack(
        GOOD + entry(ROOT + "b", "xyz", size=b"\x80" + (3).to_bytes(11, "big")) + END)
    yield "sizes around a block", ROOT, crate(
        files={f"s{n}": "x" * n for n in (0, 1, 511, 512, 513, 1024, 65535, 65536, 65537, 200000)})


if __name__ == "__main__":
    for row in T_ROWS:
        print(f"{row.id} {len(row.data):>9} {row.description}")
    assert {r.id for r in T_ROWS} == {f"T-{n:02}" for n in range(1, 53)}
    assert gzip.decompress(crate())
