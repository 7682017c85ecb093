#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Groups test sources into translation units: what those of one share is compiled once.

    group_tests.py --plan SIZE SOURCE...   prints the groups: a line each, sources separated by |
    group_tests.py OUTPUT SOURCE...        writes the translation unit of one group

A group has at most SIZE sources, of one folder, or of any in tests/unit: the helpers of other folders
have names in common with them.

In a translation unit first come all their includes, then the sources, each in a namespace of its own, so that the names
of one file cannot meet those of another. Each header is guarded, so the #include lines inside these
namespaces do nothing. A source that opens a namespace of the library, or declares a function of C,
cannot stand in another namespace; such sources come last, as they are.
"""
import re
import sys
from pathlib import Path

from amalgamate import directives, included

TESTS = Path(__file__).resolve().parent.parent / "tests"
GLOBAL = re.compile(r'^(?:extern "C"|namespace (?:agent_websocket|std)\b)', re.MULTILINE)
UNGUARDED = {"cassert", "assert.h"}


class Fault(Exception):
    """Why a source cannot be grouped; the message begins with file:line."""


def plan(sources, size, tests=TESTS):
    """The sources, in their order, as lists of those that go together."""
    groups, last = [], None
    for source in sources:
        folder = source.relative_to(tests).parent.as_posix()
        folder = "unit" if folder.startswith("unit/") else folder
        if folder != last or len(groups[-1]) == size:
            groups.append([])
        groups[-1].append(source)
        last = folder
    return groups


def from_tests(source, argument, tests):
    """The argument of an #include of `source` as it is spelt from tests/."""
    path = included(argument)
    beside = source.parent / path
    if argument.startswith('"') and beside.is_file():
        return f'"{beside.resolve().relative_to(tests).as_posix()}"'
    return argument[: len(path) + 2]


def group(sources, tests=TESTS):
    """The text of the translation unit."""
    includes, wrapped, bare = {}, [], []
    for source in sources:
        name = source.relative_to(tests).as_posix()
        text = source.read_text(encoding="utf-8")
        if GLOBAL.search(text):
            bare.append(f'#include "{name}"\n')
            continue
        for line, depth, directive, argument in directives(text):
            if directive == "define":
                raise Fault(f"{name}:{line}: a macro would reach the sources after this one")
            if directive != "include":
                continue
            if depth > 0:
                raise Fault(f"{name}:{line}: an include inside #if would land in a namespace")
            if included(argument) in UNGUARDED:
                raise Fault(f"{name}:{line}: {argument} has no guard: use doctest's macros")
            includes[from_tests(source, argument, tests)] = True
        space = re.sub(r"\W", "_", name[: -len(".cpp")])
        wrapped.append(f'namespace {space} {{\n#include "{name}"\n}}\n')
    return "".join([f"#include {each}\n" for each in includes] + wrapped + bare)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    if sys.argv[1] == "--plan":
        sources = [Path(source).resolve() for source in sys.argv[3:]]
        for each in plan(sources, int(sys.argv[2])):
            print("|".join(map(str, each)))
        return
    output = Path(sys.argv[1])
    try:
        text = group([Path(source).resolve() for source in sys.argv[2:]])
    except Fault as fault:
        sys.exit(f"tests/{fault}")
    # An unchanged file keeps its time, and so its object.
    if not output.exists() or output.read_text(encoding="utf-8") != text:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
