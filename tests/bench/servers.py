"""The servers that are compared: ours, and two plain web servers over a static registry folder.
nginx and h2o keep Debian's defaults but for one worker or thread, and log each request, as ours does;
nginx also does not close a connection after its 1,000 requests, since h2load opens no second one."""
import os
import pathlib
import subprocess
import sys

import common
import graph

H2O_CONF = """
num-threads: 1
user: root
pid-file: {work}/h2o.pid
access-log: {log}
error-log: {work}/h2o.err
listen:
  host: {host}
  port: {port}
hosts:
  default:
    paths:
      /:
        file.dir: {root}
"""

NGINX_CONF = """
user root;
worker_processes 1;
daemon off;
pid {work}/nginx.pid;
error_log {work}/nginx.err;
events {{ worker_connections 768; }}
http {{
    sendfile on;
    tcp_nopush on;
    types_hash_max_size 2048;
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    gzip on;
    keepalive_requests 100000000;
    access_log {log};
    client_body_temp_path {work}/nginx.body;
    proxy_temp_path {work}/nginx.proxy;
    fastcgi_temp_path {work}/nginx.fastcgi;
    uwsgi_temp_path {work}/nginx.uwsgi;
    scgi_temp_path {work}/nginx.scgi;
    server {{
        listen {host}:{port};
        listen {host}:{h2_port} http2;
        root {root};
    }}
}}
"""


class Server:
    def __init__(self, name, process, url, log):
        self.name, self.process, self.url, self.log = name, process, url, log
        self.h2_url = url

    def pids(self):
        return common.tree(self.process.pid)

    def clear_log(self):
        os.truncate(self.log, 0)

    def statuses(self, status):
        """Requests in the log, and those of them that have the status."""
        lines = [l for l in self.log.read_text().splitlines() if "HTTP/" in l or " target=" in l]
        marks = (f'" {status} ', f" status={status} ")
        return len(lines), sum(any(m in l for m in marks) for l in lines)

    def stop(self):
        common.stop(self.process)


def ours(work, data, listen="http://127.0.0.1:0?anonymous=read", prefix=(), settings=None):
    """Ready when it returns."""
    log = work / "superguppy.log"
    readable, writable = os.pipe()
    env = {k: v for k, v in os.environ.items() if not k.startswith("SUPERGUPPY_")}
    env.update(settings or {})
    with open(log, "ab") as out:
        process = common.start([*prefix, common.SERVER, "serve", "--data", data, "--listen", listen,
                                "--ready-fd", writable], out, pass_fds=[writable], env=env)
    os.close(writable)
    with os.fdopen(readable) as ready:
        url = ready.readline().strip()
    if not url:
        sys.exit(f"bench: the server did not start:\n{log.read_text()[-2000:]}")
    return Server("ours", process, url.partition("?")[0].rstrip("/"), log)


def token(data):
    return common.output([common.SERVER, "token", "new", "bench", "--data", data]).strip()


def publish(server, secret, bodies, publishers=16, seconds=600, index_path=None):
    """Runs the load generator; what it printed."""
    host, port = server.url.removeprefix("http://").split(":")
    command = [common.TOOLS / "publish_load", host, port, bodies, publishers, seconds]
    return common.output(command + ([index_path] if index_path else []),
                         env={**os.environ, "PUBLISH_TOKEN": secret})


def fill(work, data, crates):
    """A data folder with the crates in it, published as anybody publishes them."""
    server = ours(work, data)
    bodies = work / "bodies"
    graph.write_bodies(bodies, crates, f"sparse+{server.url}/index/")
    publish(server, token(data), bodies)
    bodies.unlink()
    server.stop()


def _static(name, conf, command, work, address, prefix):
    host, port = address
    folder = work / name
    url = f"http://{host}:{port}"
    log = work / f"{name}.log"
    graph.write_static(folder, url)
    conf_file = work / f"{name}.conf"
    conf_file.write_text(conf.format(work=work, log=log, host=host, port=port, h2_port=port + 1, root=folder))
    with open(work / f"{name}.out", "ab") as out:
        process = common.start([*prefix, *command, conf_file], out)

    def answers():
        if process.poll() is not None:
            sys.exit(f"bench: {name} ended:\n{pathlib.Path(out.name).read_text()}")
        return subprocess.run([*prefix, "curl", "-fso", "/dev/null", url + "/index/config.json"],
                              check=False).returncode == 0

    common.wait_for(name, answers)
    return Server(name, process, url, log)


def nginx(work, address=("127.0.0.1", 18081), prefix=()):
    server = _static("nginx", NGINX_CONF, ("nginx", "-c"), work, address, prefix)
    # 1.22 speaks cleartext HTTP/2 on a port of its own alone.
    server.h2_url = f"http://{address[0]}:{address[1] + 1}"
    return server


def h2o(work, address=("127.0.0.1", 18083), prefix=()):
    return _static("h2o", H2O_CONF, ("h2o", "-c"), work, address, prefix)
