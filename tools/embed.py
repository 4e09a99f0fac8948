#!/usr/bin/env python3
"""Turns a text file into a C header with one string constant, named after the file: 001.sql -> sql_001."""
import pathlib
import sys

source, target = map(pathlib.Path, sys.argv[1:3])
name = f"{source.suffix[1:]}_{source.stem}"
lines = [f"/* Made from {source.name} by tools/embed.py. */", "#pragma once", f"static const char {name}[] ="]
for line in source.read_text().splitlines():
    escaped = line.replace("\\", "\\\\").replace('"', '\\"')
    lines.append(f'    "{escaped}\\n"')
target.write_text("\n".join(lines) + ";\n")
