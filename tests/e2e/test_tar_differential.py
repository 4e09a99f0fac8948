"""Each archive that the registry's walk accepts reads the same to GNU tar, bsdtar and Python, and
none of the corpus T-01 to T-52 is accepted. TAR_LIST is the program built from
tests/support/tar_list.c."""

import io
import os
import re
import shutil
import subprocess
import tarfile

import pytest

import forge

TAR_LIST = os.environ.get("TAR_LIST")
ENV = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
pytestmark = pytest.mark.skipif(not TAR_LIST, reason="TAR_LIST is not set")

LONG = "l" * 60


def walk(root, data):
    """[(path, size)] in order, or None and the reason."""
    done = subprocess.run([TAR_LIST, root.rstrip("/")], input=data, capture_output=True, timeout=60)
    assert done.returncode in (0, 1), done.stderr.decode(errors="replace")
    if done.returncode == 1:
        return None, done.stderr.decode().strip()
    lines = done.stdout.decode().splitlines()
    return [(path, int(size)) for size, path in (line.split(" ", 1) for line in lines)], None


def gnu_tar(data):
    out = subprocess.run(["tar", "-tvzf", "-", "--quoting-style=literal", "--numeric-owner"],
                         input=data, capture_output=True, env=ENV, check=True)
    assert out.stderr == b""
    line = re.compile(r"[-dhlrwxstST]{10} \d+/\d+ +(\d+) [-\d]+ [:\d]+ (.*)")
    found = [line.fullmatch(text) for text in out.stdout.decode().splitlines()]
    return [(m[2], int(m[1])) for m in found]


def bsdtar(data):
    out = subprocess.run([os.environ.get("BSDTAR", "bsdtar"), "-tvzf", "-"], input=data,
                         capture_output=True, env=ENV, check=True)
    assert out.stderr == b""
    line = re.compile(r"\S{10} +\d+ +\S+ +\S+ +(\d+) \w{3} +\d+ +[:\d]+ (.*)")
    found = [line.fullmatch(text) for text in out.stdout.decode().splitlines()]
    return [(m[2], int(m[1])) for m in found]


def python_tar(data):
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz", errorlevel=2) as tar:
        return [(m.name + ("/" if m.isdir() else ""), m.size) for m in tar.getmembers()]


READERS = [gnu_tar, python_tar]
if shutil.which(os.environ.get("BSDTAR", "bsdtar")):
    READERS.append(bsdtar)


def same_everywhere(root, data):
    ours, why = walk(root, data)
    assert ours is not None, why
    for reader in READERS:
        assert reader(data) == ours, reader.__name__
    return ours


@pytest.mark.parametrize("root,data", [pytest.param(root, data, id=what)
                                       for what, root, data in forge.accepted()])
def test_an_accepted_archive_reads_the_same_everywhere(root, data):
    assert same_everywhere(root, data)


@pytest.mark.parametrize("row", forge.T_ROWS, ids=repr)
def test_no_row_of_the_corpus_is_accepted(row):
    ours, why = walk(forge.ROOT, row.data)
    if row.id == "T-51":  # well-formed; wrong beside the JSON alone
        assert ours
    else:
        assert ours is None and why


def mutations(seed):
    """The tar of a good crate with a header byte or two changed, checksums right again."""
    import random

    dice = random.Random(seed)
    tar = bytearray(forge.GOOD + forge.long_name(forge.ROOT.encode() + b"z" * 120 + b"\0") +
                    forge.pax(forge.pax_record("path", forge.ROOT + "pax")) +
                    forge.entry("x", "abc") + forge.entry(forge.ROOT + "y", "abc", magic=forge.USTAR))
    # An 'L' and an 'x' for one entry are refused: keep one of the two.
    headers = [i for i in range(0, len(tar), 512) if tar[i + 257:i + 262] == b"ustar"]
    drop = dice.choice(headers[2:4])
    del tar[drop:drop + 1024]
    headers = [i for i in range(0, len(tar), 512) if tar[i + 257:i + 262] == b"ustar"]
    for _ in range(dice.randint(1, 3)):
        at = dice.choice(headers)
        where = dice.choice([0, 11, 100, 124, 135, 136, 156, 157, 257, 263, 345, 500]) + dice.randint(0, 11)
        tar[at + min(where, 511)] = dice.choice(b"\0 /.0127a\x80\xff-L5xg")
        tar[at:at + 512] = forge.seal(bytes(tar[at:at + 512]))
    return forge.pack(bytes(tar) + forge.END)


def test_mutated_headers_are_refused_or_read_the_same_everywhere():
    accepted = 0
    for seed in range(int(os.environ.get("TAR_SEEDS", "400"))):
        data = mutations(seed)
        ours, _ = walk(forge.ROOT, data)
        if ours is None:
            continue
        accepted += 1
        for reader in READERS:
            assert reader(data) == ours, f"{reader.__name__}, seed {seed}"
    assert accepted > 10


@pytest.mark.skipif(not shutil.which("cargo"), reason="no cargo")
def test_what_cargo_packs_is_accepted(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src/lib.rs").write_text("pub fn f() {}\n")
    (tmp_path / "Cargo.toml").write_text(forge.manifest(extra='description = "x"\nlicense = "MIT"\n'))
    deep = tmp_path / "/".join([LONG] * 5)
    deep.mkdir(parents=True)
    (deep / "\u00fc.txt").write_text("deep")
    (tmp_path / LONG / (LONG + ".txt")).write_text("long")
    script = tmp_path / "run.sh"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o777)
    cargo = os.environ.get("CARGO", "cargo")
    subprocess.run([cargo, "package", "--no-verify", "--offline", "--allow-dirty", "-q"],
                   cwd=tmp_path, check=True, env={**ENV, "CARGO_TARGET_DIR": str(tmp_path / "target")})
    data = (tmp_path / "target/package/acme-1.2.3.crate").read_bytes()
    names = [path for path, _ in same_everywhere(forge.ROOT, data)]
    assert forge.ROOT + "Cargo.toml" in names
    assert forge.ROOT + "/".join([LONG] * 5) + "/\u00fc.txt" in names
