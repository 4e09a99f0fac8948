"""A machine of the tailnet with cargo on it: what a user or a CI job has, and what it pastes."""

import re
from pathlib import Path

import cargo as cargo_module


class Machine:
    """A user's or CI's machine with nothing on it but cargo."""

    def __init__(self, node, folder):
        self.node, self.folder = node, Path(folder)
        self.folder.mkdir()
        self.env = {**cargo_module.environment(self.folder / "cargo-home", None), **node.env}

    def curl(self, url, check=True):
        return self.node.run(["curl", "-sS", "--max-time", "20", url], env=self.env, check=check).stdout

    def guide(self, host):
        """What the registry itself tells to paste into a project."""
        page = self.curl(f"http://{host.fqdn}/me")
        lines = re.search(r"^.*>> \.cargo/config\.toml <<'EOF'\n(.*?)^EOF$", page, re.M | re.S)
        assert lines, page
        return lines[1]

    def project(self, host, name, vers="0.1.0", dependencies=""):
        """A new project with the pasted lines; from then on they are part of it."""
        path = self.folder / f"{name}-{vers}"
        (path / "src").mkdir(parents=True)
        (path / "src/lib.rs").write_text("pub fn f() {}\n")
        (path / "Cargo.toml").write_text(
            f'[package]\nname = "{name}"\nversion = "{vers}"\nedition = "2021"\nlicense = "MIT"\n'
            f'description = "for tests"\npublish = ["crates"]\n[dependencies]\n{dependencies}\n'
        )
        (path / ".cargo").mkdir()
        lines = self.guide(host)
        assert len(lines.splitlines()) == 3, lines
        (path / ".cargo/config.toml").write_text(lines)
        return path

    def cargo(self, *arguments, cwd, check=True):
        """Its stdout and stderr. check: it must succeed, False: must fail."""
        run = self.node.run(["cargo", *arguments], env=self.env, cwd=cwd, check=check)
        return run.stdout + run.stderr

    def publish(self, host, name, vers="0.1.0", check=True):
        return self.cargo("publish", "--no-verify", cwd=self.project(host, name, vers), check=check)
