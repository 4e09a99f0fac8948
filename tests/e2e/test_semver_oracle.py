"""crate/semver.c against Rust's semver crate: 10,000 generated cases, every field equal."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ORACLE = Path(__file__).resolve().parent.parent / "semver-oracle"
CASES = 10_000


def build_oracle(folder):
    source = folder / "semver-oracle"
    shutil.copytree(ORACLE, source, ignore=shutil.ignore_patterns("target"))
    env = dict(os.environ, CARGO_TARGET_DIR=str(folder / "target"))
    fetch = subprocess.run(["cargo", "fetch"], cwd=source, env=env, capture_output=True, text=True)
    if fetch.returncode != 0:
        pytest.skip("crates.io cannot be had: " + fetch.stderr.strip()[-200:])
    subprocess.run(["cargo", "build", "--offline", "--quiet"], cwd=source, env=env, check=True)
    return folder / "target" / "debug" / "semver-oracle"


def test_semver_agrees_with_the_rust_crate_on_every_case(tmp_path):
    dump = os.environ.get("SEMVER_DUMP")
    if not dump:
        pytest.skip("SEMVER_DUMP does not name the semver_dump tool")
    if not shutil.which("cargo"):
        pytest.skip("there is no cargo")
    theirs = subprocess.run([build_oracle(tmp_path)], capture_output=True, check=True).stdout
    ours = subprocess.run([dump], input=theirs, capture_output=True, check=True).stdout
    pairs = list(zip(theirs.splitlines(), ours.splitlines(), strict=True))
    assert len(pairs) == CASES
    wrong = [f"semver: {t.decode()}\n ours:  {o.decode()}" for t, o in pairs if t != o]
    assert not wrong, f"{len(wrong)} of {CASES} differ:\n" + "\n".join(wrong[:10])
    # The cases are worth something only if they go every way.
    fields = [line.decode().split("\t") for line in theirs.splitlines()]
    for column, value in [(1, "ok"), (1, "err"), (4, "ok"), (4, "err"), (6, "yes"), (6, "no"),
                          (10, "<"), (10, "="), (10, ">"), (11, "=")]:
        assert sum(f[column] == value for f in fields) > 100, (column, value)
