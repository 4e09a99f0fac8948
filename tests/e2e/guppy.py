"""A registry under test: the real program in a fresh folder, on a free port, with its log kept.

The program is the one built with sanitizers (SUPERGUPPY_ASAN); what needs real speed asks for the
release build (SUPERGUPPY_RELEASE). Nothing here waits by the clock: serve writes its URLs to a
descriptor when it is ready."""

import os
import re
import select
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parents[2]
OPEN = "http://127.0.0.1:0?anonymous=read"
CLOSED = "http://127.0.0.1:0"
TAILNET = "http://tailnet:0?identity=tailscale"
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 60
SANITIZER = re.compile(r"ERROR: \w+Sanitizer|runtime error:|SUMMARY: \w+Sanitizer|Assertion .* failed")


def wait_for(condition, timeout_s=30):
    """Until it holds; what another process does can only be asked for again and again."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.005)


def binary(kind="asan"):
    path = os.environ.get(f"SUPERGUPPY_{kind.upper()}")
    return path or str(ROOT / ("build-asan" if kind == "asan" else "build") / "superguppy")


def clean_environment(more=None):
    """The caller's environment without what would steer the program, and loud sanitizers."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("SUPERGUPPY_")}
    env["ASAN_OPTIONS"] = "detect_leaks=1:detect_stack_use_after_return=1:allocator_may_return_null=0"
    env["UBSAN_OPTIONS"] = "print_stacktrace=1"
    env.update(more or {})
    return env


def toml_value(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(toml_value, value)) + "]"
    return str(value) if isinstance(value, int) else '"' + str(value) + '"'


def toml_settings(settings):
    """{"publish.crate_max": 5} as a configuration file."""
    sections = {}
    for key, value in settings.items():
        section, name = key.rsplit(".", 1)
        sections.setdefault(section, []).append(f"{name} = {toml_value(value)}")
    return "\n".join(f"[{s}]\n" + "\n".join(lines) + "\n" for s, lines in sections.items())


class Guppy:
    """One data folder and the server that may run on it. After a kill or a stop, start() goes on in
    the same folder; keep_port makes it come back under the same URL."""

    def __init__(
        self, folder, listen=None, settings=None, env=None, kind="asan", extra_toml="", tailscale=None, arguments=()
    ):
        """tailscale: the FakeTailscaled to ask; then the one listener is that of the tailnet, unless
        listen says otherwise. arguments: more of them for serve."""
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data = self.folder / "data"
        self.log_path = self.folder / "server.log"
        if listen is None:
            listen = TAILNET if tailscale else OPEN
        self.listen = [listen] if isinstance(listen, str) else list(listen)
        self.arguments, self.tailscale = list(arguments), tailscale
        self.env = clean_environment(env)
        if tailscale:
            self.env.setdefault("SUPERGUPPY_TAILSCALE__SOCKET", tailscale.socket)
        self.binary = binary(kind)
        self.process = None
        self.urls = []
        self.config = None
        if settings or extra_toml:
            self.config = self.folder / "superguppy.toml"
            self.config.write_text(toml_settings(settings or {}) + extra_toml)

    # -- the server

    def start(self, wait=True, keep_port=False):
        if keep_port and self.urls:
            self.listen = [
                re.sub(r"^(http://[^/?]*):\d+", rf"\1:{urlsplit(url).port}", listen)
                for listen, url in zip(self.listen, self.urls)
            ]
        read_end, write_end = os.pipe()
        arguments = [self.binary, "serve", "--data", str(self.data), "--ready-fd", str(write_end)]
        for listen in self.listen:
            arguments += ["--listen", listen]
        if self.config:
            arguments += ["--config", str(self.config)]
        arguments += self.arguments
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env, pass_fds=[write_end]
            )
        os.close(write_end)
        self.ready_fd = read_end
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        """Reads the URLs that serve writes when it is ready, a line each; then it closes the pipe."""
        text, deadline = b"", time.monotonic() + START_TIMEOUT_S
        while True:
            ready, _, _ = select.select([self.ready_fd], [], [], max(0, deadline - time.monotonic()))
            assert ready, f"not ready after {START_TIMEOUT_S} s\n{self.log()}"
            chunk = os.read(self.ready_fd, 4096)
            if not chunk:
                break
            text += chunk
        os.close(self.ready_fd)
        self.urls = text.decode().split()
        if not self.urls:  # it could not start; its log says why
            self.process.wait(STOP_TIMEOUT_S)
            self.process = None
        assert len(self.urls) == len(self.listen), f"serve wrote {text!r}\n{self.log()}"

    @property
    def url(self):
        return self.urls[0].rstrip("/")

    @property
    def index(self):
        return f"sparse+{self.url}/index/"

    @property
    def address(self):
        parts = urlsplit(self.url)
        return parts.hostname, parts.port

    def running(self):
        return self.process is not None and self.process.poll() is None

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def stop(self):
        """SIGTERM, and the exit status 0 that it owes."""
        if self.process is None:
            return
        if self.running():
            self.terminate()
        try:
            status = self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"still running {STOP_TIMEOUT_S} s after SIGTERM") from None
        finally:
            self.process = None
        assert status == 0, f"serve ended with status {status}\n{self.log()[-4000:]}"

    def kill9(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def finish(self):
        """For teardown: stops, and holds the program to having raised no sanitizer."""
        try:
            self.stop()
        finally:
            found = SANITIZER.search(self.log())
            assert not found, self.log()[max(0, found.start() - 2000) : found.start() + 8000]

    # -- the command line

    def cli(self, *arguments, data=True, check=True, timeout=60, env=None):
        """Runs a command on this folder. check: it must succeed."""
        command = [self.binary, *map(str, arguments)]
        if data:
            command += ["--data", str(self.data)]
        run = subprocess.run(
            command, capture_output=True, text=True, env={**self.env, **(env or {})}, timeout=timeout, check=False,
            stdin=subprocess.DEVNULL,
        )
        assert not SANITIZER.search(run.stderr), run.stderr
        if check:
            assert run.returncode == 0, f"{' '.join(command)}: {run.returncode}\n{run.stdout}{run.stderr}"
        return run

    def token(self, name="ann", *arguments, scopes=(), crates=(), expires=None):
        arguments = list(arguments)
        for scope in scopes:
            arguments += ["--scope", scope]
        for pattern in crates:
            arguments += ["--crate", pattern]
        if expires is not None:
            arguments += ["--expires", expires]
        out = self.cli("token", "new", name, *arguments).stdout
        assert re.fullmatch(r"sgp_[0-9A-Za-z]{49}\n", out), f"token new printed {out!r}"
        return out.strip()

    # -- what lies in the folder

    def blobs(self):
        return sorted(p.name for p in (self.data / "blobs").glob("*/*"))

    def temporaries(self):
        return sorted(p.name for p in (self.data / "tmp").iterdir())
