"""The index line made from a manifest against the line crates.io made from it, byte for byte."""

import json
import os
import shutil
import subprocess
import tomllib

import pytest

# Between them: 393 features, renames, targets, features2, weak features, old normalised forms.
CRATES = {"winapi": "0.3.9", "regex": "1.10.4", "errno": "0.3.15", "ahash": "0.8.11",
          "rusqlite": "0.31.0", "hashbrown": "0.14.5"}


def fetch(folder):
    """Sources and index lines of CRATES and all they need, by cargo itself."""
    (folder / "src").mkdir()
    (folder / "src" / "lib.rs").write_text("")
    deps = "".join(f'{name} = "={version}"\n' for name, version in CRATES.items())
    (folder / "Cargo.toml").write_text(
        '[package]\nname = "t"\nversion = "0.0.0"\n[dependencies]\n' + deps)
    home = folder / "home"
    got = subprocess.run(["cargo", "fetch"], cwd=folder, env=dict(os.environ, CARGO_HOME=str(home)),
                         capture_output=True, text=True)
    if got.returncode != 0:
        pytest.skip("crates.io cannot be had: " + got.stderr.strip()[-200:])
    lines = {}
    for file in (home / "registry" / "index").glob("*/.cache/*/**/*"):
        for part in file.read_bytes().split(b"\0") if file.is_file() else []:
            if part.startswith(b'{"name"'):
                entry = json.loads(part)
                lines[entry["name"], entry["vers"]] = entry
    return list((home / "registry" / "src").glob("*/*/Cargo.toml")), lines


def test_lines_have_the_bytes_of_crates_io(tmp_path):
    tool = os.environ.get("INDEX_LINE")
    if not tool:
        pytest.skip("INDEX_LINE does not name the index_line tool")
    if not shutil.which("cargo"):
        pytest.skip("there is no cargo")
    manifests, lines = fetch(tmp_path)
    assert len(manifests) >= len(CRATES)
    for manifest in manifests:
        package = tomllib.loads(manifest.read_text())["package"]
        entry = lines[package["name"], package["version"]]
        # A mirror may space its JSON differently; order and values are what crates.io wrote.
        want = json.dumps(entry, separators=(",", ":"), ensure_ascii=False) + "\n"
        args = [entry["cksum"], entry.get("pubtime") or "", str(entry["yanked"]).lower()]
        got = subprocess.run([tool, *args], stdin=manifest.open(), capture_output=True, text=True)
        assert got.returncode == 0, (package["name"], got.stderr)
        assert got.stdout == want, package["name"]
