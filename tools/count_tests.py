#!/usr/bin/env python3
"""Counts what ran: every TAP line of meson's testlog.json, every case of a JUnit file.

Prints skips and failures by name, and as its last line "N passed, N failed". Exit status 1 when
something failed, when nothing ran, or with --failed (a suite failed without a failing case)."""
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ET

TAP = re.compile(r"^(not )?ok\b\s*\d*\s*-?\s*([^#]*)(#\s*(skip|todo)\b.*)?", re.IGNORECASE)


def from_meson(path):
    """(outcome, name) of each TAP line; a program that ended badly without one is a failure itself."""
    for line in path.read_text().splitlines():
        test = json.loads(line)
        outcomes = []
        for match in filter(None, map(TAP.match, test.get("stdout", "").splitlines())):
            outcome = "skipped" if match[4] else "failed" if match[1] else "passed"
            outcomes.append((outcome, f"{test['name']}: {match[2].strip()}"))
        bad = test["result"] not in ("OK", "SKIP", "EXPECTEDFAIL")
        if bad and not any(o == "failed" for o, _ in outcomes):
            outcomes.append(("failed", f"{test['name']}: {test['result']}"))
        if not outcomes and test["result"] == "OK":
            outcomes.append(("failed", f"{test['name']}: it reported no test"))
        yield from outcomes


def from_junit(path):
    for case in ET.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        if case.find("failure") is not None or case.find("error") is not None:
            yield "failed", name
        elif case.find("skipped") is not None:
            yield "skipped", f"{name} ({case.find('skipped').get('message')})"
        else:
            yield "passed", name


def main():
    arguments = sys.argv[1:]
    suite_failed = "--failed" in arguments
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for path in map(pathlib.Path, (a for a in arguments if not a.startswith("--"))):
        if not path.exists():
            print(f"failed: {path} was not written")
            counts["failed"] += 1
            continue
        for outcome, name in from_meson(path) if path.suffix == ".json" else from_junit(path):
            counts[outcome] += 1
            if outcome != "passed":
                print(f"{outcome}: {name}")
    if suite_failed and counts["failed"] == 0:
        print("failed: a suite ended with an error that no test explains")
        counts["failed"] += 1
    if counts["passed"] + counts["failed"] == 0:
        print("failed: no test ran")
        counts["failed"] += 1
    print(f"{counts['passed']} passed, {counts['failed']} failed")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
