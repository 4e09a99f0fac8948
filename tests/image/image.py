"""Our image, started as users' Docker starts it but without Docker: by runc, which Docker starts it with too.

What to start, and with what, is read from the image itself. Around it is what deploy/compose.yaml
asks for: a root file system that is read-only, few capabilities, no new privileges; and Docker's own
list of system calls; in 256 MB. Or all as `docker run` has it when it is asked for nothing. A
container's network is a node's of tailnet.py: a veth pair to the hub. When this process ends, even
killed, its containers end too."""

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import tailnet
from guppy import ROOT
from tailnet import Node, wait_for

IMAGE = os.environ.get("SUPERGUPPY_IMAGE", "localhost/superguppy")
CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "SETUID", "SETGID", "KILL", "NET_BIND_SERVICE")
MEMORY = 256 << 20
# What Docker leaves to root unless it is told otherwise.
DOCKER_CAPABILITIES = (
    *CAPABILITIES, "SETPCAP", "FOWNER", "FSETID", "MKNOD", "NET_RAW", "SETFCAP", "SYS_CHROOT", "AUDIT_WRITE"
)  # fmt: skip
SECCOMP = Path("/usr/share/containers/seccomp.json")
# Docker's: https://github.com/opencontainers/runtime-spec has the form.
MOUNTS = [
    ("/proc", "proc", "proc", []),
    ("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    ("/dev/pts", "devpts", "devpts", ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    ("/dev/shm", "tmpfs", "shm", ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
    ("/dev/mqueue", "mqueue", "mqueue", ["nosuid", "noexec", "nodev"]),
    ("/sys", "sysfs", "sysfs", ["nosuid", "noexec", "nodev", "ro"]),
]
MASKED = ["/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi", "/sys/firmware"]
READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]


def why_not():
    """A reason why nothing can be started here, or None."""
    for tool in ("runc", "buildah"):
        if not shutil.which(tool):
            return f"the program {tool} is missing"
    return tailnet.why_not()


def buildah(*arguments):
    command = [ROOT / "tools/image/buildah", *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def seccomp():
    """Docker's default profile for this architecture, in the form that runc takes; None where it is not
    installed."""
    if not SECCOMP.exists():
        return None
    profile = json.loads(SECCOMP.read_text())
    arch = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    held = {f"CAP_{name}" for name in CAPABILITIES}

    def applies(rule):
        yes, no = rule.get("includes", {}), rule.get("excludes", {})
        return (
            (not yes.get("arches") or arch in yes["arches"]) and set(yes.get("caps") or []) <= held
            and arch not in (no.get("arches") or []) and not held & set(no.get("caps") or [])
        )  # fmt: skip

    def rule_of(rule):
        return {key: rule[key] for key in ("names", "action", "args", "errnoRet") if rule.get(key) is not None}

    [subs] = [m for m in profile["archMap"] if m["architecture"] == f"SCMP_ARCH_{platform.machine().upper()}"]
    return {
        "defaultAction": profile["defaultAction"],
        "defaultErrnoRet": profile.get("defaultErrnoRet", 1),
        "architectures": [subs["architecture"], *(subs["subArchitectures"] or [])],
        "syscalls": [rule_of(rule) for rule in profile["syscalls"] if applies(rule)],
    }


class Image:
    """with Image() as image: … its root file system is mounted meanwhile."""

    def __enter__(self):
        self.config = json.loads(buildah("inspect", "--type", "image", IMAGE))["Docker"]["config"]
        self._remove_lost()
        self.containers = []
        self.root = self.new_root()
        return self

    @staticmethod
    def _remove_lost():
        """Those of a process that was killed."""
        for name in buildah("containers", "--format", "{{.ContainerName}}").split():
            lost = re.fullmatch(r"superguppy-boot-(\d+)-\d+", name)
            if lost and not os.path.exists(f"/proc/{lost[1]}"):
                buildah("rm", name)

    def __exit__(self, *_):
        buildah("rm", *self.containers)

    def new_root(self):
        """One more, to be written to."""
        name = f"superguppy-boot-{os.getpid()}-{len(self.containers)}"
        self.containers.append(buildah("from", "--name", name, IMAGE))
        return buildah("mount", self.containers[-1])

    def bundle(self, folder, ns, volume, env, capabilities=CAPABILITIES, files=None, run_options=(), plain_root=None):
        """Writes what runc is to start into that folder. files: {path inside: path here}, read-only.
        plain_root: the container's own root, and no limit but Docker's."""
        mounts = [{"destination": d, "type": t, "source": s, "options": o} for d, t, s, o in MOUNTS]
        for path, more in () if plain_root else (("/run", list(run_options)), ("/tmp", [])):
            options = ["nosuid", "nodev", "noexec", *more]
            mounts.append({"destination": path, "type": "tmpfs", "source": "tmpfs", "options": options})
        for path, source, how in [
            *([("/data", volume, "rw")] if volume else []), *((p, s, "ro") for p, s in (files or {}).items())
        ]:  # fmt: skip
            mounts.append({"destination": path, "type": "bind", "source": str(source), "options": ["rbind", how]})
        held = [f"CAP_{name}" for name in (DOCKER_CAPABILITIES if plain_root else capabilities)]
        process = {
            "user": {"uid": 0, "gid": 0},
            "args": (self.config["Entrypoint"] or []) + (self.config["Cmd"] or []),
            "env": self.config["Env"] + [f"{name}={value}" for name, value in env.items()],
            "cwd": self.config["WorkingDir"] or "/",
            "capabilities": {kind: held for kind in ("bounding", "effective", "permitted")},
            "noNewPrivileges": not plain_root,
        }
        assert self.config["User"] == ""
        limit = {"memory": {"limit": MEMORY, "swap": MEMORY}, "devices": [{"allow": False, "access": "rwm"}]}
        namespaces = [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")] + [{"type": "network", "path": ns}]
        spec = {
            "ociVersion": "1.0.2",
            "process": process,
            "root": {"path": plain_root or self.root, "readonly": not plain_root},
            "hostname": "container",
            "mounts": mounts,
            "linux": {
                "resources": limit, "namespaces": namespaces, "maskedPaths": MASKED, "readonlyPaths": READ_ONLY,
                "cgroupsPath": f"/superguppy-{os.getpid()}/{folder.name}", "seccomp": seccomp(),
            },
        }  # fmt: skip
        folder.mkdir(exist_ok=True)
        (folder / "config.json").write_text(json.dumps(spec, indent=1))


class Process:
    """One in a container, as this machine sees it."""

    def __init__(self, pid):
        self.pid = pid
        self.argv = self._read("cmdline").split("\0")[:-1]

    def _read(self, name):
        return Path(f"/proc/{self.pid}/{name}").read_bytes().decode(errors="replace")

    @property
    def name(self):
        """superguppy is many: serve, join."""
        name = os.path.basename(self.argv[0])
        return self.argv[1] if name == "superguppy" else name

    @property
    def env(self):
        return dict(line.split("=", 1) for line in self._read("environ").split("\0") if "=" in line)

    @property
    def status(self):
        return dict(re.findall(r"^(\w+):[ \t]*(.*)$", self._read("status"), re.M))

    def kb(self, what):
        return int(re.search(rf"^{what}:\s*(\d+) kB", self._read("smaps_rollup"), re.M)[1])


class Box(Node):
    """A container and the place where it is started again and again: a network, a volume, an
    environment. A node of the tailnet once it has joined."""

    def __init__(self, net, image, name, env=None, volume=True):
        number = len(net.named) + 1
        super().__init__(net, name, number, None, "userspace")
        self.address = tailnet.address(number)
        net.named[name] = self
        self.image, self.process, self.guard, self.run_id, self.starts = image, None, None, None, 0
        self.env_of_container = dict(env or {})
        self.volume = self.folder / "volume" if volume else None
        if volume:
            self.volume.mkdir()

    # -- start and stop

    def runc(self, *arguments):
        return ["runc", "--root", str(self.folder / "runc"), *map(str, arguments)]

    def start(self, **more):
        """more: as of Image.bundle."""
        self.starts += 1
        self.run_id = f"{self.name}-{self.starts}"
        bundle = self.folder / self.run_id
        self.image.bundle(bundle, f"/proc/{self.holder.pid}/ns/net", self.volume, self.env_of_container, **more)
        # Its standard input ends when we do.
        self.guard = subprocess.Popen(
            ["sh", "-c", 'cat; exec "$@" 2>/dev/null', "sh", *self.runc("delete", "--force", self.run_id)],
            stdin=subprocess.PIPE,
        )  # fmt: skip
        with open(bundle / "log", "wb") as log:
            self.process = subprocess.Popen(
                self.runc("run", "--bundle", bundle, "--pid-file", bundle / "pid", self.run_id),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
        wait_for("runc has started it", lambda: self.pid or self.process.poll() is not None)
        self.socket = f"/proc/{self.pid}/root/run/tailscale/tailscaled.sock"
        return self

    @property
    def pid(self):
        """That of its process 1; None until there is one."""
        with suppress(OSError, ValueError):
            return int((self.folder / self.run_id / "pid").read_text())

    def stop(self, timeout_s=20):
        """As Docker stops it. Returns the seconds it took."""
        start = time.monotonic()
        os.kill(self.pid, getattr(signal, self.image.config["StopSignal"]))
        self.wait_end(timeout_s)
        return time.monotonic() - start

    def wait_end(self, timeout_s=20):
        """Until it ended; returns its exit status."""
        try:
            code = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.run_id} still runs after {timeout_s} s\n{self.log()}") from None
        self.process = None
        self._end_guard()
        return code

    def _end_guard(self):
        self.guard.stdin.close()
        self.guard.wait(20)

    def end(self):
        if self.process:
            self._end_guard()
            self.process.wait(20)
            self.process = None
        for folder in Path("/sys/fs/cgroup").glob(f"**/superguppy-{os.getpid()}"):
            with suppress(OSError):
                folder.rmdir()
        super().end()

    # -- what goes on in it

    def log(self):
        """Of this start."""
        path = self.folder / (self.run_id or "") / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def processes(self):
        """{name: Process} of all in it: groundcontrol, tailscaled, serve, join; and tailscale while it joins."""
        found, ns = {}, os.readlink(f"/proc/{self.pid}/ns/pid")
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError, IndexError):
                if os.readlink(folder / "ns/pid") == ns:
                    process = Process(int(folder.name))
                    assert process.name not in found, f"two {process.name}"
                    found[process.name] = process
        return found

    def exec(self, *argv):
        """As `docker exec` does."""
        command = self.runc("exec", self.run_id, *argv)
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    def stats(self):
        """runc's figures, whichever version the machine's cgroups have."""
        return json.loads(subprocess.check_output(self.runc("events", "--stats", self.run_id)))["data"]

    def health(self, path="readyz"):
        """(status, text) of its health listener, asked from outside as an orchestrator does; status 0
        while nothing listens."""
        run = self.net.hub.run(
            ["curl", "-sS", "--max-time", "5", "-w", "\n%{http_code}", f"http://{self.address}:8081/{path}"], check=None
        )  # fmt: skip
        text, _, code = run.stdout.rpartition("\n")
        return int(code or 0), text

    def wait_ready(self, timeout_s=60):
        """Until it is in the tailnet and serves it."""

        def ready():
            assert self.process.poll() is None, f"{self.run_id} ended\n{self.log()}"
            time.sleep(0.1)
            return self.health()[0] == 200

        try:
            wait_for(f"{self.run_id} is ready", ready, timeout_s)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from None
        own = self.wait_running()["Self"]
        self.ip4 = next(a for a in own["TailscaleIPs"] if ":" not in a)
        self.fqdn, self.stable_id = own["DNSName"].rstrip("."), own["ID"]
        return self
