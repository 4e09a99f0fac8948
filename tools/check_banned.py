#!/usr/bin/env python3
"""Calls that have a safer form in base/, and constructs the house rules leave out."""
import re
import sys

from c_source import ROOT, code_only, files, report

INSTEAD = {
    "strcpy": "struct str or struct buf",
    "strncpy": "struct str or struct buf",
    "stpcpy": "struct str or struct buf",
    "strcat": "struct buf",
    "strncat": "struct buf",
    "sprintf": "buf_printf or snprintf",
    "vsprintf": "vsnprintf",
    "strtok": "str_split",
    "strtok_r": "str_split",
    "atoi": "base/num.h",
    "atol": "base/num.h",
    "atoll": "base/num.h",
    "atof": "base/num.h",
    "strtol": "base/num.h",
    "strtoll": "base/num.h",
    "strtoul": "base/num.h",
    "strtoull": "base/num.h",
    "sscanf": "base/num.h and base/str.h",
    "gets": "read",
    "alloca": "the arena",
    "gethostbyname": "getaddrinfo",
    "inet_ntoa": "inet_ntop",
    "inet_addr": "inet_pton",
    "mktemp": "a name of ours with O_EXCL",
    "tmpnam": "a name of ours with O_EXCL",
    "tempnam": "a name of ours with O_EXCL",
    "gmtime": "base/clock.h",
    "localtime": "base/clock.h",
    "ctime": "base/clock.h",
    "asctime": "base/clock.h",
    "rand": "base/digest.h",
    "srand": "base/digest.h",
    "random": "base/digest.h",
    "system": "posix_spawn",
    "popen": "posix_spawn",
    "sleep": "wait for the event",
    "usleep": "wait for the event",
    "setjmp": "return an error",
    "longjmp": "return an error",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(INSTEAD) + r")\s*\(")
TYPEDEF_STRUCT = re.compile(r"\btypedef\s+(struct|union|enum)\b")
IFDEF_INSIDE = re.compile(r"^#\s*if")
# base/ is where such a call may stand, with a reason beside it: "banned-ok: why" on its line.
EXCUSE = re.compile(r"banned-ok: \S")


def problems_of(path):
    name = path.relative_to(ROOT)
    text = path.read_text()
    raw = text.split("\n")
    inside = False
    for number, line in enumerate(code_only(text).split("\n"), 1):
        if EXCUSE.search(raw[number - 1]):
            continue
        for call in CALL.findall(line):
            yield f"{name}:{number}: {call}: use {INSTEAD[call]}"
        if TYPEDEF_STRUCT.search(line):
            yield f"{name}:{number}: typedef of a struct, union or enum"
        if path.suffix == ".c" and line.rstrip() == "{":
            inside = True
        elif line.startswith("}"):
            inside = False
        elif inside and IFDEF_INSIDE.match(line):
            yield f"{name}:{number}: #if inside a function"


def main():
    wrong = []
    for path in files("*.[ch]"):
        if path.stem.endswith("_test"): # a test takes no bytes from outside
            continue
        wrong.extend(problems_of(path))
    return report(wrong)


if __name__ == "__main__":
    sys.exit(main())
