"""What the checks share: the project's C files, and their text without comments and literals."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parent.parent
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def files(*patterns):
    for pattern in patterns:
        yield from sorted((ROOT / "src").rglob(pattern))


def code_only(text):
    """The text with comments and the insides of literals blanked; lines keep their numbers."""

    def blank(match):
        token = match[0]
        inner = re.sub(r"[^\n]", " ", token[1:-1])
        return token[0] + inner + token[-1] if token[0] in "\"'" else re.sub(r"[^\n]", " ", token)

    return TOKEN.sub(blank, text)


def report(problems):
    for problem in problems:
        print(problem)
    return 1 if problems else 0
