"""A real tailnet on one machine: headscale, and one tailscaled a node, each in namespaces of its own.

A hub namespace holds a bridge and headscale (10.99.0.1); every node is a network and mount
namespace joined to it by a veth pair. Nothing routes further, so no packet leaves the machine. The
namespaces have no names: each lives as long as its processes do, and those die with the test run
(even a killed one), so there is nothing to clean up in `ip netns`, /etc/netns or the mount table.

A node in TUN mode resolves MagicDNS names by its own resolv.conf, as a user's machine does: cargo
needs no proxy there. A node in userspace mode reaches the tailnet through its SOCKS proxy (`.env`).

Nothing here waits by the clock: what another process does is asked for again until it holds."""

import functools
import http.client
import ipaddress
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import quote

HUB = "10.99.0.1"
DOMAIN = "rig.test"
CAPABILITY = "superguppy.internal/cap/registry"
SOCKS = "127.0.0.1:1055"
UP_TIMEOUT_S = 60
PROGRAMS = ("headscale", "tailscaled", "tailscale")
# No log upload, no port mapper, a panic instead of a word to the real control server; DERP is plain
# HTTP. See tailscale/envknob.
DAEMON_ENV = {
    "TS_NO_LOGS_NO_SUPPORT": "true",
    "TS_DISABLE_PORTMAPPER": "1",
    "TS_PANIC_IF_HIT_MAIN_CONTROL": "1",
    "TS_ASSUME_NETWORK_UP_FOR_TEST": "1",
    "TS_DEBUG_USE_DERP_HTTP": "1",
}
# An empty DERP map is a start-up error, and without a DERP no node leaves the state Starting.
CONFIG = """
server_url: http://{hub}:18080
listen_addr: {hub}:18080
metrics_listen_addr: ""
unix_socket: {folder}/hs.sock
unix_socket_permission: "0700"
noise: {{private_key_path: {folder}/noise.key}}
prefixes: {{v4: 100.64.0.0/10, v6: "fd7a:115c:a1e0::/48", allocation: sequential}}
database: {{type: sqlite, sqlite: {{path: {folder}/hs.db}}}}
derp:
  server: {{enabled: true, region_id: 999, region_code: rig, region_name: rig, stun_listen_addr: "{hub}:3478",
    private_key_path: {folder}/derp.key, ipv4: {hub}, verify_clients: false}}
  urls: []
  paths: []
  auto_update_enabled: false
dns: {{magic_dns: true, base_domain: {domain}, override_local_dns: false, nameservers: {{global: []}}}}
policy: {{mode: file, path: {folder}/policy.hujson}}
disable_check_updates: true
logtail: {{enabled: false}}
node: {{ephemeral: {{inactivity_timeout: 70s}}}}
"""
# The node's view of /etc and /run: names come from its own tailscaled alone, and no daemon of the
# machine (resolved, a tailscaled) answers by its socket. What these files link to may lie in /run.
NODE_MOUNTS = """
mount -t tmpfs tmpfs /run
mkdir /run/tailscale
ln -s "$1/s" /run/tailscale/tailscaled.sock
for file in hosts resolv.conf nsswitch.conf; do
    target=$(readlink -m "/etc/$file")
    mkdir -p "${target%/*}"
    [ -e "$target" ] || : >"$target"
    mount --bind "$1/$file" "$target"
done
"""


def wait_for(what, condition, timeout_s=30):
    """The first truth that condition gives; asked again and again until then."""
    end = time.monotonic() + timeout_s
    while not (value := condition()):
        assert time.monotonic() < end, f"after {timeout_s} s still not so: {what}"
        time.sleep(0.02)
    return value


@functools.lru_cache(maxsize=None)
def programs():
    """The folder that ./dev test puts the three programs into."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    built = sorted(cache.glob("superguppy/tailnet-*/tailscale"))
    return Path(os.environ.get("SUPERGUPPY_TAILNET") or (built[-1].parent if built else cache / "superguppy/tailnet"))


def missing():
    return [name for name in PROGRAMS if not os.access(programs() / name, os.X_OK)]


@functools.lru_cache(maxsize=None)
def why_not():
    """A reason why there can be no tailnet here, or None."""
    if reason := os.environ.get("SUPERGUPPY_NO_TAILNET"):
        return reason
    if missing() and "SUPERGUPPY_TAILNET" not in os.environ:
        return f"no tailnet here: {', '.join(missing())} not found; ./dev test builds them"
    if os.geteuid() != 0:
        return "no tailnet here: network namespaces need root"
    if not os.path.exists("/dev/net/tun"):
        return "no tailnet here: there is no /dev/net/tun"
    for tool in ("ip", "unshare", "nsenter", "setpriv"):
        if not shutil.which(tool):
            return f"no tailnet here: the program {tool} is missing"
    attempt = "ip link add t0 type veth peer name t1 && ip link add t2 type bridge && ip tuntap add t3 mode tun"
    run = subprocess.run(["unshare", "-n", "-m", "sh", "-c", attempt], capture_output=True, text=True, check=False)
    return f"no tailnet here: namespaces cannot be made: {run.stderr.strip()}" if run.returncode else None


def address(number):
    """Of that node, on the hub's bridge."""
    return f"{HUB.rsplit('.', 1)[0]}.{number + 10}"


class Namespace:
    """A network and mount namespace, held by a process that ends with us."""

    def __init__(self, net):
        self.net = net
        # cat ends when our end of its pipe does.
        self.holder = subprocess.Popen(
            ["unshare", "-n", "-m", "cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
        )
        net.cleanup.callback(self.end)
        own = os.readlink("/proc/self/ns/mnt")
        wait_for("unshare has run", lambda: self._ns("mnt") != own and self._comm() == "cat", 10)
        self.sh("ip link set lo up")

    def _ns(self, kind):
        return os.readlink(f"/proc/{self.holder.pid}/ns/{kind}")

    def _comm(self):
        return Path(f"/proc/{self.holder.pid}/comm").read_text().strip()

    def inside(self, argv, cwd=None):
        """The command line that runs argv in here; it takes its process over, so pids and signals are its own."""
        pid = self.holder.pid
        return [
            "setpriv", "--pdeathsig", "KILL", "nsenter", f"--net=/proc/{pid}/ns/net", f"--mount=/proc/{pid}/ns/mnt",
            "env", "-C", str(cwd or "/"), "--", *map(str, argv),
        ]  # fmt: skip

    def popen(self, argv, env=None, cwd=None, **more):
        return subprocess.Popen(self.inside(argv, cwd), env=env, **more)

    def run(self, argv, env=None, cwd=None, check=True, timeout=240, **more):
        """check: it must succeed, False: must fail, None: either way."""
        more = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, **more}
        run = subprocess.run(self.inside(argv, cwd), env=env, timeout=timeout, check=False, **more)
        if check is not None:
            said = f"{shlex.join(map(str, argv))}: {run.returncode}\n{run.stdout}\n{run.stderr}"
            assert (run.returncode == 0) == check, said
        return run

    def sh(self, script, *arguments):
        return self.run(["sh", "-euc", script, "sh", *arguments]).stdout

    def end(self):
        self.holder.stdin.close()
        self.holder.wait(10)


class Node(Namespace):
    """A machine of the tailnet."""

    def __init__(self, net, name, number, key, mode):
        self.daemon = None
        super().__init__(net)
        self.name, self.mode, self.key = name, mode, key
        self.folder = net.folder / name
        self.folder.mkdir()
        self.socket = str(self.folder / "s")
        self.ip4 = self.ip6 = self.fqdn = self.stable_id = None
        self._network(number)

    def _network(self, number):
        self.net.hub.sh(
            'ip link add "$1" type veth peer name eth0 netns "$2"; ip link set "$1" master br0 up',
            f"n{number}", str(self.holder.pid),
        )  # fmt: skip
        self.sh(
            'ip addr add "$1" dev eth0; ip link set eth0 up; ip route add default via "$2"',
            f"{address(number)}/24", HUB,
        )  # fmt: skip
        resolver = f"nameserver 100.100.100.100\nsearch {DOMAIN}\n" if self.mode == "tun" else ""
        (self.folder / "resolv.conf").write_text(resolver)
        (self.folder / "hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")
        (self.folder / "nsswitch.conf").write_text("passwd: files\ngroup: files\nhosts: files dns\n")
        self.sh(NODE_MOUNTS, str(self.folder))

    # -- its tailscaled

    def start_daemon(self, wait=True):
        tun = "tailscale0" if self.mode == "tun" else "userspace-networking"
        arguments = [programs() / "tailscaled", f"--tun={tun}", f"--statedir={self.folder}", f"--socket={self.socket}",
                     "--port=41641", "--no-logs-no-support", "--verbose=0"]  # fmt: skip
        if self.mode == "userspace":
            arguments.append(f"--socks5-server={SOCKS}")
        with open(self.folder / "log", "ab") as log:
            self.daemon = self.popen(
                arguments, env={**os.environ, **DAEMON_ENV, "TS_LOGS_DIR": str(self.folder)}, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
            )  # fmt: skip
        if wait:
            self.wait_running()

    def begin_up(self):
        """Logs in; whoever starts several nodes waits for all of them afterwards."""
        self.start_daemon(wait=False)
        wait_for(f"{self.name}: tailscaled listens", lambda: os.path.exists(self.socket))
        return self.popen(
            [programs() / "tailscale", f"--socket={self.socket}", "up", f"--login-server=http://{HUB}:18080",
             f"--auth-key={self.key}", f"--hostname={self.name}", "--accept-dns=false",
             f"--timeout={UP_TIMEOUT_S}s"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def end_up(self, process):
        said, _ = process.communicate(timeout=UP_TIMEOUT_S + 10)
        assert process.returncode == 0, f"{self.name}: tailscale up: {said}\n{self.log()[-4000:]}"
        own = self.wait_running()["Self"]
        addresses = [ipaddress.ip_address(a) for a in own["TailscaleIPs"]]
        self.ip4 = next(str(a) for a in addresses if a.version == 4)
        self.ip6 = next(str(a) for a in addresses if a.version == 6)
        self.fqdn, self.stable_id = own["DNSName"].rstrip("."), own["ID"]

    def wait_running(self):
        def status():
            with suppress(OSError, http.client.HTTPException, AssertionError):
                answer = self.status()
                return answer if answer["BackendState"] == "Running" else None

        return wait_for(f"{self.name} runs", status)

    def kill_daemon(self, how=signal.SIGKILL):
        if self.daemon:
            self.daemon.send_signal(how)
            self.daemon.wait(20)
            self.daemon = None

    def restart_daemon(self):
        self.kill_daemon(signal.SIGTERM)
        self.start_daemon()

    def log(self):
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    # -- LocalAPI

    def local_api(self, method, path, body=None, timeout_s=5):
        """(status, parsed JSON or text) of one call to this node's tailscaled."""
        connection = http.client.HTTPConnection("local-tailscaled.sock")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(timeout_s)
        try:
            connection.sock.connect(self.socket)
            connection.request(method, f"/localapi/v0/{path}", body=body)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text

    def status(self):
        code, answer = self.local_api("GET", "status?peers=false")
        assert code == 200, f"status: {code} {answer}"
        return answer

    def whois(self, address, **query):
        """What tailscaled says of the peer at that address; None when it knows nobody there."""
        more = "".join(f"&{key}={quote(str(value))}" for key, value in query.items())
        code, answer = self.local_api("GET", f"whois?addr={quote(address)}{more}")
        assert code in (200, 404), f"whois {address}: {code} {answer}"
        return answer if code == 200 else None

    def rights_of(self, other):
        """The capability's value for that node, None when there is none."""
        return ((self.whois(other.ip4) or {}).get("CapMap") or {}).get(CAPABILITY)

    def wait_reaches(self, other):
        """Until a packet went there and back. A first handshake sent before the other side is ready is
        lost, and WireGuard tries again only after 5 s: so first either must know where the other is. To
        be asked of the one that restarted: the other sticks to its old session for a while."""

        def knows(one, two):
            return ((one.whois(two.ip4) or {}).get("Node") or {}).get("HomeDERP")

        wait_for(f"{self.name} knows {other.name}", lambda: knows(self, other))
        wait_for(f"{other.name} knows {self.name}", lambda: knows(other, self))

        def ping(kind):
            # A ping that is lost is not sent again, and its call has no end.
            with suppress(TimeoutError):
                code, answer = self.local_api("POST", f"ping?ip={other.ip4}&type={kind}", timeout_s=1)
                return code == 200 and not answer.get("Err")

        wait_for(f"{self.name} finds {other.name}", lambda: ping("disco"))
        wait_for(f"{self.name} reaches {other.name}", lambda: ping("TSMP"))

    # -- what the control server can do to it

    @property
    def env(self):
        """What a program here needs in order to reach the tailnet: nothing in TUN mode."""
        if self.mode == "tun":
            return {}
        proxy = f"socks5h://{SOCKS}"
        return {"http_proxy": proxy, "CARGO_HTTP_PROXY": proxy, "no_proxy": ""}

    @property
    def id(self):
        """headscale's number for it."""
        return next(str(n["id"]) for n in self.net.headscale_json("nodes", "list") if n["given_name"] == self.name)

    def expire(self):
        self.net.headscale("nodes", "expire", "-i", self.id)

    def retag(self, tags):
        self.net.headscale("nodes", "tag", "-i", self.id, "-t", ",".join(tags))

    def delete(self):
        self.net.headscale("nodes", "delete", "-i", self.id, "--force")

    def end(self):
        self.kill_daemon()
        super().end()


class Tailnet:
    """with Tailnet(POLICY) as net: …"""

    def __init__(self, policy):
        # Not below pytest's tmp_path: a socket's path has at most 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="tailnet-"))
        self.users, self.named = {}, {}
        self.hub = self.server = None
        self.cleanup = ExitStack()
        self.cleanup.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.policy_path.write_text(policy)

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.cleanup.close()
            raise
        return self

    def __exit__(self, *_):
        self.cleanup.close()

    def _start(self):
        self.hub = Namespace(self)
        self.hub.sh('ip link add br0 type bridge; ip addr add "$1"/24 dev br0; ip link set br0 up', HUB)
        (self.folder / "hs.yaml").write_text(CONFIG.format(folder=self.folder, hub=HUB, domain=DOMAIN))
        with open(self.folder / "hs.log", "ab") as log:
            self.server = self.hub.popen(
                [programs() / "headscale", "-c", self.folder / "hs.yaml", "serve"], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log,
            )  # fmt: skip
        self.cleanup.callback(lambda: (self.server.kill(), self.server.wait()))

        def healthy():
            assert self.server.poll() is None, f"headscale ended\n{self.log()[-4000:]}"
            return self.headscale("health", check=None).returncode == 0

        wait_for("headscale is healthy", healthy)

    def log(self):
        path = self.folder / "hs.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def headscale(self, *arguments, check=True):
        return self.hub.run([programs() / "headscale", "-c", self.folder / "hs.yaml", *arguments], check=check)

    def headscale_json(self, *arguments):
        return json.loads(self.headscale(*arguments, "-o", "json").stdout)

    # -- who is in it

    def user(self, login):
        """The id of that user, who is made when new."""
        if login not in self.users:
            made = self.headscale_json("users", "create", login.split("@")[0], "--email", login)
            self.users[login] = str(made["id"])
        return self.users[login]

    def new_key(self, user=None, tags=None, ephemeral=False):
        owner = ["--tags", ",".join(tags)] if tags else ["--user", self.user(user)]
        more = ["--ephemeral"] if ephemeral else []
        return self.headscale("preauthkeys", "create", *owner, *more, "-e", "2h").stdout.split()[-1]

    def nodes(self, **wanted):
        """Several at once, which takes no longer than one: nodes(anna={"user": "anna@corp.test"}, …)."""
        starting = []
        for name, options in wanted.items():
            options = dict(options)
            mode = options.pop("mode", "tun")
            key = self.new_key(options.pop("user", None), options.pop("tags", None), options.pop("ephemeral", False))
            assert not options, f"unknown: {options}"
            node = self.named[name] = Node(self, name, len(self.named) + 1, key, mode)
            starting.append((node, node.begin_up()))
        for node, process in starting:
            node.end_up(process)
        return [node for node, _ in starting]

    def node(self, name, **options):
        return self.nodes(**{name: options})[0]

    # -- the policy

    @property
    def policy_path(self):
        return self.folder / "policy.hujson"

    def policy(self, text, at=(), expect=None):
        """Puts it in force. expect {node: rights}: waits until whois at each of the nodes `at` gives
        these. What headscale refuses (it keeps the old policy then) fails here with its reason."""
        if text != self.policy_path.read_text():
            before = len(self.log())
            self.policy_path.write_text(text)
            self.server.send_signal(signal.SIGHUP)
            wait_for(
                "headscale took the policy or refused it",
                lambda: re.search("Policy reload completed|reloading policy error", self.log()[before:]),
            )
            assert "reloading policy error" not in self.log()[before:], self.log()[before:]
        for server in at:
            for node, rights in (expect or {}).items():
                try:
                    wait_for(f"{node.name} may {rights}", lambda: server.rights_of(node) == rights, 15)
                except AssertionError as error:
                    raise AssertionError(f"{error}, but {server.rights_of(node)}\n{self.log()[-2000:]}") from None
