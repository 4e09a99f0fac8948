#!/usr/bin/python3
"""Holds the files of deploy/ to what they promise: fly.toml has keys that Fly knows and opens nothing
to the internet; all of them run the same image with the same capabilities and a health check.

Fly publishes no schema, and its own tool takes unknown keys without a word; so the keys stand here.
The YAML files need PyYAML; without it a line says that they were left out."""

import pathlib
import re
import sys
import tomllib

try:
    import yaml
except ImportError:
    yaml = None

# Key, and what it takes. A dict is a table, a list of one dict an array of tables; "*" stands for any
# name.
CHECK = {
    "type": ("http", "tcp"), "port": int, "path": str, "interval": str, "timeout": str, "grace_period": str,
    "headers": {"*": str}, "method": str,
}
FLY = {
    "app": str,
    "primary_region": str,
    "kill_signal": ("SIGINT", "SIGTERM", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGKILL", "SIGSTOP"),
    "kill_timeout": range(1, 301),
    "swap_size_mb": int,
    "build": {"image": str, "dockerfile": str},
    "env": {"*": str},
    "mounts": {
        "source": str, "destination": str, "processes": list, "initial_size": str,
        "snapshot_retention": range(1, 61), "scheduled_snapshots": bool,
        "auto_extend_size_threshold": range(1, 100), "auto_extend_size_increment": str,
        "auto_extend_size_limit": str,
    },
    "deploy": {"strategy": ("rolling",), "wait_timeout": str},  # with a volume: rolling, and no command
    "restart": [{"policy": ("never", "always", "on-failure"), "retries": int, "processes": list}],
    "checks": {"*": CHECK},
    "metrics": {"port": int, "path": str},
    "files": [{"guest_path": str, "local_path": str, "secret_name": str, "raw_value": str}],
    "vm": [{
        "size": str, "memory": str, "cpus": int, "cpu_kind": str, "persist_rootfs": ("never", "restart", "always"),
        "processes": list,
    }],
}
CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "KILL", "NET_BIND_SERVICE", "SETGID", "SETPCAP", "SETUID"]
HEALTH = 8081
STOPS_IN_S = 5


def table(found, shape, where):
    """What in a table is not of that shape."""
    if not isinstance(found, dict):
        return [f"{where or 'the file'} is not a table"]
    bad = []
    for key, value in found.items():
        name = f"{where}.{key}" if where else key
        want = shape.get(key, shape.get("*"))
        bad += [f"{name} is no key that Fly knows"] if want is None else of_shape(value, want, name)
    return bad


def of_shape(value, want, name):
    if isinstance(want, dict):
        return table(value, want, name)
    if isinstance(want, list):
        if not isinstance(value, list):
            return [f"{name} is written with two brackets: [[{name}]]"]
        return [line for one in value for line in table(one, want[0], name)]
    if isinstance(want, (tuple, range)):
        return [] if value in want and not isinstance(value, bool) else [f"{name} takes one of {want}, not {value!r}"]
    good = isinstance(value, want) and (want is not int or not isinstance(value, bool))
    return [] if good else [f"{name} takes a {want.__name__}, not {value!r}"]


def check_fly(text):
    """The lines of what is wrong with a fly.toml."""
    fly = tomllib.loads(text)
    opened = [f"{key} opens the registry to the internet: take it out" for key in ("services", "http_service") if key in fly]
    if opened:
        return opened
    bad = table(fly, FLY, "")
    if bad:
        return bad
    mounts, checks = fly.get("mounts", {}), fly.get("checks", {}).values()
    extend = [key for key in mounts if key.startswith("auto_extend_size_")]
    promises = [
        (mounts.get("destination") == "/data", "mounts.destination is /data"),
        (len(extend) in (0, 3), "mounts.auto_extend_size_… act only all three together"),
        ([r.get("policy") for r in fly.get("restart", [])] == ["always"], "[[restart]] says policy = \"always\""),
        (fly.get("kill_signal") == "SIGTERM", "kill_signal is SIGTERM"),
        (fly.get("kill_timeout", 5) > STOPS_IN_S, f"kill_timeout is more than {STOPS_IN_S}"),
        ([(c.get("port"), c.get("path")) for c in checks] == [(HEALTH, "/healthz")],
            f"[checks.…] is one, of port {HEALTH} and /healthz: a deploy waits for it, also before the login"),
        ("PRIVATE_REPO_HOSTNAME" in fly.get("env", {}), "env has PRIVATE_REPO_HOSTNAME"),
        (not any(key.startswith("FLY_") for key in fly.get("env", {})), "no env begins with FLY_"),
    ]
    return [f"it has to be that {text}" for holds, text in promises if not holds]


def fly_image(text):
    return tomllib.loads(text).get("build", {}).get("image")


def check_compose(text):
    service = yaml.safe_load(text)["services"]["superguppy"]
    tmpfs = [mount.split(":")[0] for mount in service.get("tmpfs", [])]
    promises = [
        (service.get("read_only") is True, "read_only is true"),
        (service.get("cap_drop") == ["ALL"], "cap_drop is ALL"),
        (sorted(service.get("cap_add", [])) == CAPABILITIES, f"cap_add is {CAPABILITIES}"),
        (service.get("security_opt") == ["no-new-privileges:true"], "security_opt is no-new-privileges"),
        (tmpfs == ["/run", "/tmp"], "tmpfs is /run and /tmp"),
        ("data:/data" in service.get("volumes", []), "a volume is at /data"),
        ("ports" not in service, "no port is published: it lies open beside the tailnet"),
        (service.get("restart") == "unless-stopped", "restart is unless-stopped"),
        (str(HEALTH) in " ".join(service.get("healthcheck", {}).get("test", [])), f"the healthcheck asks port {HEALTH}"),
    ]
    return [f"it has to be that {text}" for holds, text in promises if not holds], service.get("image")


def check_kubernetes(text):
    parts = {part["kind"]: part for part in yaml.safe_load_all(text)}
    spec = parts["StatefulSet"]["spec"]
    pod = spec["template"]["spec"]
    container = pod["containers"][0]
    security = container.get("securityContext", {})
    capabilities = security.get("capabilities", {})
    probes = {name: container.get(f"{name}Probe", {}).get("httpGet", {}).get("path")
              for name in ("startup", "liveness", "readiness")}
    mounts = sorted(mount["mountPath"] for mount in container.get("volumeMounts", []))
    promises = [
        (spec.get("replicas") == 1, "replicas is 1"),
        (capabilities.get("drop") == ["ALL"], "capabilities.drop is ALL"),
        (sorted(capabilities.get("add", [])) == CAPABILITIES, f"capabilities.add is {CAPABILITIES}"),
        (security.get("readOnlyRootFilesystem") is True, "readOnlyRootFilesystem is true"),
        (security.get("allowPrivilegeEscalation") is False, "allowPrivilegeEscalation is false"),
        (pod.get("securityContext", {}).get("seccompProfile") == {"type": "RuntimeDefault"}, "seccomp is RuntimeDefault"),
        (pod.get("automountServiceAccountToken") is False, "the pod gets no token of the cluster"),
        (mounts == ["/data", "/run", "/tmp"], "/data, /run and /tmp are mounted"),
        (probes == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}, "the probes ask for life, life, readiness"),
        ([port["containerPort"] for port in container.get("ports", [])] == [HEALTH], f"the only port is {HEALTH}"),
        ("Service" not in parts, "no Service stands before the registry: it would hide the callers"),
    ]
    return [f"it has to be that {text}" for holds, text in promises if not holds], container.get("image")


def version(root):
    return re.search(r"version: '([^']+)'", (root / "meson.build").read_text())[1]


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    text = {name: (root / "deploy" / name).read_text() for name in ("fly.toml", "compose.yaml", "kubernetes.yaml")}
    bad = {"fly.toml": check_fly(text["fly.toml"])}
    images = {"fly.toml": fly_image(text["fly.toml"])}
    if yaml is None:
        print("deploy: PyYAML is not installed, compose.yaml and kubernetes.yaml are left out")
    else:
        bad["compose.yaml"], images["compose.yaml"] = check_compose(text["compose.yaml"])
        bad["kubernetes.yaml"], images["kubernetes.yaml"] = check_kubernetes(text["kubernetes.yaml"])
    want = f"ghcr.io/example/superguppy:{version(root)}"
    for name, image in images.items():
        if image != want:
            bad[name].append(f"the image is {image}, not {want}")
    for name, lines in bad.items():
        for line in lines:
            print(f"deploy/{name}: {line}")
    return any(bad.values())


if __name__ == "__main__":
    sys.exit(main())
