#!/usr/bin/env python3
"""Prints the tables of docs/access.md between their marks.

    build-asan/tests/access_table | tools/access_doc.py [--check]

Routes come from the program, roles and answers from tests/access_matrix.toml; that the program
answers so is what tests/e2e/test_access_matrix.py is for. --check changes nothing and says whether
the page is old."""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from access_matrix import SUBJECTS, Matrix, Route, routes_of  # noqa: E402

PAGE = ROOT / "docs" / "access.md"
PART = re.compile(r"(<!-- (\w+): printed by tools/access_doc\.py -->\n).*?(<!-- end -->\n)", re.DOTALL)
NEEDS = {
    "nothing": "nothing",
    "read": "`read`",
    "publish": "`publish-new` or `publish-update`",
    "yank": "`yank`",
    "change-owners": "`change-owners`",
    "own-form": "being named by the network, and our own form",
    "admin-door": "the admin socket",
}


def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join(lines + ["".join(f"| {c} " if c else "| " for c in row) + "|" for row in rows]) + "\n"


def roles(matrix, routes, code):
    rights = code["rights"]
    return table(["role", *rights], [[f"`{name}`", *(given.get(r, "") for r in rights)] for name, given in matrix.roles.items()])


def plain(path):
    """A pattern as people write it."""
    names = iter(["NAME", "VERSION"] if path.count("{}") == 2 else ["ID" if "token" in path else "NAME"])
    return re.sub(r"\{\}", lambda _: next(names), path).replace("**", "…")


def needs(matrix, routes, code):
    rows = []
    for need, text in NEEDS.items():
        here = [f"`{r.method} {plain(r.path)}`" for r in routes if r.need == need]
        assert here, f"no route needs {need}"
        rows.append([text, "<br>".join(here)])
    return table(["needs", "routes"], rows)


def pair(own, other):
    if own == other:
        return "yes" if own == 200 else str(own)
    assert (own, other) == (200, 403), (own, other)
    return "own"


def read(text, json_):
    assert (text == 200) == (json_ == 200), (text, json_)
    return "yes" if text == 200 else str(text) if text == json_ else f"{text}, {json_}"


def cells(matrix, kind):
    def ask(need, subject="-", shape="json", path="/x"):
        return matrix.answer(Route("X", path, need, shape), subject, kind)

    new, revoke = ask("own-form", shape="text", path="/me/tokens"), ask("own-form", shape="text", path="/me/tokens/1/revoke")
    return [
        pair(*[ask("nothing", shape="text")] * 2),
        read(ask("read", shape="text"), ask("read")),
        pair(*[ask("publish", "new")] * 2),
        *(pair(ask(need, "own"), ask(need, "other")) for need in ("publish", "yank", "change-owners")),
        {(200, 303): "yes", (403, 303): "revoke"}.get((new, revoke)) or str(new),
    ]


def matrix_part(matrix, routes, code):
    parts = []
    for title, kinds in matrix.groups:
        rows = [[k.says, *cells(matrix, k)] for k in kinds if not k.quiet]
        if not rows:
            continue
        parts.append(f"### {title}\n\n" + table(["who asks", "pages", "read", "publish-new", "publish-update", "yank", "change-owners", "own tokens"], rows))
    return "\n".join(parts)


PARTS = {"roles": roles, "needs": needs, "matrix": matrix_part}


def printed(page, code):
    matrix, routes = Matrix(), routes_of(code)
    assert set(NEEDS) == set(SUBJECTS)
    found = [name for _, name, _ in PART.findall(page)]
    assert sorted(found) == sorted(PARTS), f"docs/access.md has the marks {found}, wanted {sorted(PARTS)}"
    return PART.sub(lambda m: f"{m[1]}\n{PARTS[m[2]](matrix, routes, code)}\n{m[3]}", page)


def main():
    code = json.load(sys.stdin)
    page = PAGE.read_text()
    new = printed(page, code)
    if "--check" in sys.argv[1:]:
        if new != page:
            sys.exit("docs/access.md is old: build-asan/tests/access_table | tools/access_doc.py")
    else:
        PAGE.write_text(new)


if __name__ == "__main__":
    main()
