#!/usr/bin/env python3
"""Holds src/ to tools/layers.txt: a folder includes itself and the folders listed for it, no other.

Includes are written from src/ ("base/str.h"); of the two programs
beside the folders, main.c may include cli alone and groundcontrol.c supervisor and base."""
import re
import sys

from c_source import ROOT, files, report

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)

PROGRAMS = {"main.c": {"cli"}, "groundcontrol.c": {"supervisor", "base"}}


def read_layers():
    layers = {}
    for line in (ROOT / "tools/layers.txt").read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            folder, allowed = line.split(":")
            layers[folder.strip()] = set(allowed.split())
    return layers


def problems_of(path, layers):
    name = path.relative_to(ROOT)
    folder = path.relative_to(ROOT / "src").parts[0] if path.parent != ROOT / "src" else ""
    allowed = layers.get(folder) if folder else PROGRAMS.get(path.name, set())
    if allowed is None:
        yield f"{name}: folder {folder} is not in tools/layers.txt"
        return
    is_test = path.stem.endswith(("_test", "_fuzz"))
    for include in INCLUDE.findall(path.read_text()):
        target = include.split("/")[0] if "/" in include else ""
        if is_test and ("tests/support/" in include or include.startswith("support/")):
            continue
        if include.endswith(".sql.h") or target == folder != "" or target in allowed or include in allowed:
            continue
        if not target:
            yield f'{name}: "{include}" names no folder: write includes from src/'
        else:
            yield f"{name}: {folder or 'main'} must not include {target} ({include})"


def main():
    layers = read_layers()
    order = list(layers)
    wrong = [
        f"tools/layers.txt: {folder} may include {other}, which is not left of it"
        for folder, allowed in layers.items()
        for other in sorted(name.split("/")[0] for name in allowed)
        if other not in order or order.index(other) >= order.index(folder)
    ]
    for path in files("*.[ch]", "*.def"):
        wrong.extend(problems_of(path, layers))
    return report(wrong)


if __name__ == "__main__":
    sys.exit(main())
