#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Fills README.md with what is written elsewhere: code between `// [name]` lines of the examples and tests,
and the table of settings from server/option_variables.hpp and access_variables.hpp. `--check`
compares and exits 1 when the README is not what it would be."""
import argparse
import difflib
import re
import sys
from pathlib import Path

EXAMPLE = re.compile(r"(<!-- (\S+) \[(\w+)\] -->\n```cpp\n)(.*?)(```\n<!-- end -->)", re.S)
SETTINGS = re.compile(r"(<!-- settings -->\n)(.*?)(<!-- end -->)", re.S)
# {"NAME", "default", "meaning", ... as option_variables() lists them
VARIABLE = re.compile(r'\{"([A-Z][A-Z0-9_]*)",\s*"([^"]*)",\s*((?:"[^"]*"\s*)+),')


def marked(path, name):
    """The lines between the two `// [name]` lines of a file."""
    pieces = re.split(rf"^// \[{name}\]\n", path.read_text(encoding="utf-8"), flags=re.M)
    if len(pieces) != 3:
        sys.exit(f"{path}: expected two lines `// [{name}]`, found {len(pieces) - 1}")
    return pieces[1]


def settings_table(headers):
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    text = "".join(header.read_text(encoding="utf-8") for header in headers)
    for name, default, meaning in VARIABLE.findall(text):
        words = "".join(re.findall(r'"([^"]*)"', meaning)).replace("|", "\\|")
        rows.append(f"| `{name}` | {'`' + default + '`' if default else ''} | {words} |")
    if len(rows) < 12:
        sys.exit(f"{headers[0]}: found only {len(rows) - 2} variables")
    return "\n".join(rows) + "\n"


def filled(root):
    text = (root / "README.md").read_text(encoding="utf-8")
    text = EXAMPLE.sub(lambda m: m[1] + marked(root / m[2], m[3]) + m[5], text)
    rooms = root / "include/agent_websocket/server"
    table = settings_table([rooms / "option_variables.hpp", rooms / "access_variables.hpp"])
    return SETTINGS.sub(lambda m: m[1] + table + m[3], text)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 when different")
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    arguments = parser.parse_args()
    readme = arguments.root / "README.md"
    before, after = readme.read_text(encoding="utf-8"), filled(arguments.root)
    if not arguments.check:
        readme.write_text(after, encoding="utf-8")
        return 0
    sys.stdout.writelines(
        difflib.unified_diff(before.splitlines(True), after.splitlines(True), "README.md", "README.md as it should be"))
    if before != after:
        print("README.md is stale: run tools/readme.py", file=sys.stderr)
    return before != after


if __name__ == "__main__":
    sys.exit(main())
