#!/usr/bin/env python3
"""Sizes: a function has at most 80 lines and 6 parameters (its `struct err *`, which every action
has, is not counted), a file at most 700 lines.

It relies on the format that lint holds: a function's braces stand alone at the left edge. Tables
(.def) and tests' tables are data; a function inside them is still a function. A signature that a
library dictates carries NOLINT(readability-function-size), with the reason, as for clang-tidy."""
import re
import sys

from c_source import ROOT, code_only, files, report

FUNCTION_LINES = 80
FILE_LINES = 700
PARAMETERS = 6
EXCUSE = "(readability-function-size)"


def parameters(signature):
    """How many parameters the last bracket at depth 0 of a definition's head holds."""
    signature = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", signature)
    start = signature.find("(")
    if start < 0:
        return 0
    depth, count, text = 0, 1, ""
    for c in signature[start:]:
        depth += (c in "([") - (c in ")]")
        if depth == 0:
            break
        count += c == "," and depth == 1
        text += c
    if text[1:].strip() in ("", "void"):
        return 0
    return count - bool(re.search(r"\bstruct err \*\w*$", text.strip()))


def functions(lines):
    """(line number, head, length) of each function: from its head to its closing brace."""
    for i, line in enumerate(lines):
        if line.rstrip() != "{":
            continue
        first = i
        while first > 0 and re.match(r"\S|    ", lines[first - 1]) and lines[first - 1].strip():
            if lines[first - 1].rstrip().endswith((";", "}")) or lines[first - 1].startswith("#"):
                break
            first -= 1
        last = next((j for j in range(i, len(lines)) if lines[j].startswith("}")), len(lines) - 1)
        yield first + 1, " ".join(lines[first:i]), last - first + 1


def main():
    wrong = []
    for path in files("*.[ch]"):
        name = path.relative_to(ROOT)
        raw = path.read_text().split("\n")
        lines = code_only("\n".join(raw)).split("\n")
        if len(lines) - 1 > FILE_LINES:
            wrong.append(f"{name}: {len(lines) - 1} lines, the stop is {FILE_LINES}")
        for number, head, length in functions(lines):
            if any(EXCUSE in line for line in raw[max(0, number - 2) : number + 1]):
                continue
            if length > FUNCTION_LINES:
                wrong.append(f"{name}:{number}: function of {length} lines, the stop is {FUNCTION_LINES}")
            if parameters(head) > PARAMETERS:
                wrong.append(f"{name}:{number}: {parameters(head)} parameters, the stop is {PARAMETERS}")
    return report(wrong)


if __name__ == "__main__":
    sys.exit(main())
