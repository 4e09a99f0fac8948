#!/usr/bin/env python3
"""Runs the parts that are asked for, and writes docs/benchmarks.md."""
import argparse
import os
import sys

import common
import fetch
import hot
import identity
import publish
import report
import startup
import supervisor

PARTS = {"fetch": fetch, "hot": hot, "identity": identity, "publish": publish, "start": startup,
         "supervisor": supervisor}
# Bars that a busy machine does not shift: to miss one is always an error.
STRICT = {"supervisor"}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; none: all")
    parser.add_argument("--rounds", type=int, default=5, help="repetitions (5)")
    parser.add_argument("--rtt", type=lambda t: [int(n) for n in t.split(",")], default=[0, 40, 100],
                        help="round trips of fetch in ms (0,40,100)")
    parser.add_argument("--check", action="store_true", help="exit 1 when a bar is missed (supervisor always does)")
    options = parser.parse_args()
    unknown = [p for p in options.parts if p not in PARTS]
    if unknown:
        parser.error(f"'{unknown[0]}' is not a part; there are: {', '.join(PARTS)}")
    missed = False
    command = " ".join(["./dev bench", *sys.argv[1:]])
    if os.environ.keys() & {"SUPERGUPPY", "GROUNDCONTROL"}:
        command += " with another build"
    for name in options.parts or PARTS:
        common.say(f"== bench {name}")
        result = PARTS[name].run(options)
        result.save(name, command)
        if options.check or name in STRICT:
            missed |= not all(b["met"] for b in result.data["bars"])
    report.write()
    common.say("== docs/benchmarks.md is written")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
