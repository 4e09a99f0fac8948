"""The real cargo, each time with a home of its own: no network but the registry under test.

crates.io is replaced by a folder (with one stand-in crate), so a dependency on it resolves anywhere."""

import functools
import hashlib
import json
import os
import pty
import re
import shutil
import subprocess
from pathlib import Path

TIMEOUT_S = 240
OLDEST = (1, 90)
NEWEST = (1, 97)
STAND_IN = ("stand-in", "1.2.3")


@functools.lru_cache(maxsize=None)
def version(toolchain):
    """(major, minor) of that cargo, None when there is none."""
    command = ["cargo"] + ([f"+{toolchain}"] if toolchain else []) + ["--version"]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except OSError:
        return None
    found = re.match(r"cargo (\d+)\.(\d+)", run.stdout)
    return (int(found[1]), int(found[2])) if run.returncode == 0 and found else None


def why_not(toolchain):
    """A reason to skip, or None: the default cargo must be 1.90 or later, nightly 1.97 or later."""
    need, name = (NEWEST, f"cargo +{toolchain}") if toolchain else (OLDEST, "cargo")
    have = version(toolchain)
    if have is None:
        return f"there is no `{name}` here"
    if have < need:
        return f"`{name}` is {have[0]}.{have[1]}, these cases need {need[0]}.{need[1]}"
    return None


def environment(home, toolchain):
    keep = ("PATH", "HOME", "RUSTUP_HOME", "TMPDIR", "LANG", "USER")
    env = {k: v for k, v in os.environ.items() if k in keep}
    env.update(CARGO_HOME=str(home), CARGO_TERM_COLOR="never", TERM="dumb", CARGO_INCREMENTAL="0", no_proxy="*")
    env["RUSTUP_HOME"] = os.environ.get("RUSTUP_HOME", os.path.expanduser("~/.rustup"))
    if toolchain:
        env["RUSTUP_TOOLCHAIN"] = toolchain
    return env


def write_stand_in(folder):
    """A directory source with one crate: what the tests call crates.io."""
    name, vers = STAND_IN
    package = folder / f"{name}-{vers}"
    (package / "src").mkdir(parents=True)
    (package / "Cargo.toml").write_text(
        f'[package]\nname = "{name}"\nversion = "{vers}"\nedition = "2021"\n[features]\nextra = []\n'
    )
    (package / "src/lib.rs").write_text("pub fn stand_in() {}\n")
    digest = hashlib.sha256(b"no archive").hexdigest()
    (package / ".cargo-checksum.json").write_text(json.dumps({"files": {}, "package": digest}))


class Cargo:
    """A user with a home folder, a registry called NAME and, perhaps, a token for it."""

    def __init__(self, folder, url, token=None, toolchain=None, name="guppy", more_config=""):
        self.folder = Path(folder)
        self.home = self.folder / "cargo-home"
        self.home.mkdir(parents=True)
        self.name, self.toolchain, self.url = name, toolchain, url
        write_stand_in(self.folder / "crates-io")
        (self.home / "config.toml").write_text(
            f'[registries.{name}]\nindex = "sparse+{url}/index/"\ncredential-provider = "cargo:token"\n'
            f'[source.crates-io]\nreplace-with = "folder"\n[source.folder]\ndirectory = "{self.folder}/crates-io"\n'
            f"{more_config}"
        )
        self.set_token(token)

    def set_token(self, token):
        path = self.home / "credentials.toml"
        if token is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(f'[registries.{self.name}]\ntoken = "{token}"\n')

    def token_in_file(self):
        path = self.home / "credentials.toml"
        found = re.search(r'token = "(.*)"', path.read_text()) if path.exists() else None
        return found[1] if found else None

    def forget(self):
        """As a machine that never asked this registry: the caches go."""
        shutil.rmtree(self.home / "registry", ignore_errors=True)

    def command(self, *arguments):
        return ["cargo", *([f"+{self.toolchain}"] if self.toolchain else []), *map(str, arguments)]

    def start(self, *arguments, cwd):
        return subprocess.Popen(
            self.command(*arguments), cwd=cwd, env=environment(self.home, self.toolchain), text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip

    def run(self, *arguments, cwd=None, check=True, stdin=None, env=None):
        """check: it must succeed; None: either way."""
        run = subprocess.run(
            self.command(*arguments), cwd=cwd or self.folder, capture_output=True, text=True, check=False,
            env={**environment(self.home, self.toolchain), **(env or {})}, timeout=TIMEOUT_S,
            **({"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}),
        )  # fmt: skip
        if check is not None:
            said = f"{' '.join(run.args)}: {run.returncode}\n{run.stdout}\n{run.stderr}"
            assert (run.returncode == 0) == check, said
        return run

    def login_at_terminal(self, token):
        """cargo says where to find a token only to a terminal. Returns what it said."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            self.command("login", "--registry", self.name), cwd=self.folder, stdin=theirs, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env=environment(self.home, self.toolchain), text=True,
        )  # fmt: skip
        os.close(theirs)
        os.write(ours, token.encode() + b"\n")
        said, _ = process.communicate(timeout=TIMEOUT_S)
        os.close(ours)
        assert process.returncode == 0, said
        return said

    # -- projects

    def package(self, name, vers="0.1.0", more="", package_more="", lib="pub fn f() {}\n", files=None, folder=None):
        """A package to publish. more: TOML sections after [package]; package_more: lines inside it."""
        path = self.folder / (folder or f"{name}-{vers}")
        (path / "src").mkdir(parents=True)
        (path / "Cargo.toml").write_text(
            f'[package]\nname = "{name}"\nversion = "{vers}"\nedition = "2021"\ndescription = "{name} for tests"\n'
            f'license = "MIT"\n{package_more}\n{more}\n'
        )
        if lib is not None:
            (path / "src/lib.rs").write_text(lib)
        for file, data in (files or {}).items():
            (path / file).parent.mkdir(parents=True, exist_ok=True)
            (path / file).write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    def app(self, dependencies="", name="app", main="fn main() {}\n"):
        """A project that uses crates. dependencies: lines of [dependencies]."""
        return self.package(
            name, more=f"[dependencies]\n{dependencies}\n", lib=None, files={"src/main.rs": main}, folder=name
        )

    def publish(self, path, *arguments, check=True, verify=False):
        quick = [] if verify else ["--no-verify"]
        return self.run("publish", "--registry", self.name, *quick, *arguments, cwd=path, check=check)

    def publish_new(self, name, vers="0.1.0", **package):
        return self.publish(self.package(name, vers, **package))

    def metadata(self, path):
        return json.loads(self.run("metadata", "--format-version=1", cwd=path).stdout)

    def packages(self, path):
        """{(name, version)} that a project resolves to, itself left out."""
        return {(p["name"], p["version"]) for p in self.metadata(path)["packages"] if p["source"]}
