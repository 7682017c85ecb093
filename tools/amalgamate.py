#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes single_include/agent_websocket.hpp from include/agent_websocket.hpp.

Walks the includes depth first and writes each header once, in that order, with its comments. The
output depends on nothing but include/ and LICENSE. Fails on whatever would make the one header
differ in meaning from the folders: a cycle, a missing header, an own include inside #if, a header
without #pragma once or SPDX line, a header that the umbrella does not reach, a leaked macro.

    tools/amalgamate.py           write the header
    tools/amalgamate.py --check   compare, print the difference, exit 1 when there is one
"""
import argparse
import difflib
import re
import sys
from pathlib import Path

UMBRELLA = "agent_websocket.hpp"
SPDX = "// SPDX-License-Identifier: MIT"
GUARD = "AGENT_WEBSOCKET_SINGLE_HEADER_INCLUDED"
TOO_LATE = """\
#elif defined(AGENT_WEBSOCKET_IMPLEMENTATION) && !AGENT_WEBSOCKET_DEFINITIONS
#error "AGENT_WEBSOCKET_IMPLEMENTATION must be defined before agent_websocket.hpp is included for the first time: \
here another header, a precompiled one or another source of a unity build has included it without"
"""

# Macros that stay defined on purpose: they choose how a third-party library is seen by the whole
# program, so undefining them behind the include would split that program in two.
LASTING_MACROS = {"ASIO_STANDALONE"}

# What can hide a `#` or a `//`: comments, strings, characters. Names and numbers are tokens of
# their own so that the quote in 1'000 opens no character and the R of fooR"x" no raw string.
TOKEN = re.compile(
    r"""(?P<raw>\b(?:u8|u|U|L)?R"(?P<mark>[^ ()\\\t\n]*)\((?s:.*?)\)(?P=mark)")
      | (?P<comment>//(?:\\\n|[^\n])*|/\*(?s:.*?)\*/)
      | (?P<string>"(?:\\(?s:.)|[^"\\\n])*"|'(?:\\(?s:.)|[^'\\\n])*')
      | (?P<word>\d(?:'?[\w.])*|[A-Za-z_]\w*)""",
    re.VERBOSE,
)
DIRECTIVE = re.compile(r"^[ \t]*#[ \t]*(\w+)[ \t]*(.*?)[ \t]*$")


class Fault(Exception):
    """A broken rule; the message begins with file:line."""


def code_lines(text):
    """The lines of `text` with comments and raw strings blanked; columns and line count stay."""

    def blank(match):
        if match.group("comment") or match.group("raw"):
            return re.sub(r"[^\n]", " ", match.group(0))
        return match.group(0)

    return TOKEN.sub(blank, text).split("\n")


def directives(text):
    """Yields (line number, #if depth, name, argument) of each preprocessor directive.

    Depth is the number of enclosing conditionals; #if and #endif themselves count as outside,
    #else and #elif as inside."""
    depth = 0
    for number, line in enumerate(code_lines(text), 1):
        match = DIRECTIVE.match(line)
        if not match:
            continue
        name, argument = match.groups()
        if name == "endif":
            depth -= 1
        yield number, depth, name, argument
        if name in ("if", "ifdef", "ifndef"):
            depth += 1


def included(argument):
    """The path inside <> or \"\" of an #include's argument, or None for #include MACRO."""
    match = re.match(r'[<"]([^>"]+)[>"]', argument)
    return match.group(1) if match else None


def is_own(path):
    return path is not None and (path == UMBRELLA or path.startswith("agent_websocket/"))


def check_header(name, text):
    """The rules that one header can break by itself."""
    if not text.startswith(SPDX + "\n"):
        raise Fault(f"include/{name}:1: the first line is not `{SPDX}`")
    found = list(directives(text))
    if not any(d == 0 and (n, a) == ("pragma", "once") for _, d, n, a in found):
        raise Fault(f"include/{name}:1: no #pragma once")
    defined = {}
    for line, depth, directive, argument in found:
        if directive == "include":
            path = included(argument)
            if is_own(path) and not argument.startswith("<"):
                raise Fault(f"include/{name}:{line}: own header in quotes: write <{path}>")
            if is_own(path) and depth > 0:
                raise Fault(f"include/{name}:{line}: own include <{path}> inside #if")
        elif directive == "define":
            defined.setdefault(re.match(r"\w*", argument).group(0), line)
        elif directive == "undef":
            defined.pop(argument, None)
    for macro, line in defined.items():
        if not macro.startswith("AGENT_WEBSOCKET_") and macro not in LASTING_MACROS:
            raise Fault(f"include/{name}:{line}: leaked macro {macro}: #undef it in this header")


class Amalgamation:
    def __init__(self, root):
        self.include = root / "include"
        self.done = []  # names, in the order of the output
        self.open = []  # the chain of headers being walked, to name a cycle
        self.seen_system = set()
        self.out = []

    def add(self, name, wanted_by):
        if name in self.open:
            chain = self.open[self.open.index(name):] + [name]
            raise Fault(f"{wanted_by}: include cycle: " + " -> ".join(chain))
        if name in self.done:
            return
        try:
            text = (self.include / name).read_text(encoding="utf-8")
        except FileNotFoundError:
            raise Fault(f"{wanted_by}: missing header <{name}>") from None
        check_header(name, text)
        self.open.append(name)
        body = self.body(name, text)  # adds what the header includes, before itself
        self.open.pop()
        self.done.append(name)
        if body:
            self.out += ["", f"// --- {name}", ""] + body

    def body(self, name, text):
        """The header's own lines: no SPDX line, pragma, own include or repeated system include.

        Unconditional system includes stay in the header that wants them and are dropped only where
        they come a second time. Hoisting them to the top would put them in front of the macros and
        warning pragmas that some headers set for the sake of an include."""
        skip = {1}
        for line, depth, directive, argument in directives(text):
            if (directive, argument) == ("pragma", "once"):
                skip.add(line)
            elif directive == "include" and depth == 0:
                path = included(argument)
                if is_own(path):
                    self.add(path, f"include/{name}:{line}")
                    skip.add(line)
                elif argument in self.seen_system:
                    skip.add(line)
                else:
                    self.seen_system.add(argument)
        kept = []
        cut = False  # what was cut leaves no empty comment and no second blank line behind
        for number, line in enumerate(text.rstrip("\n").split("\n"), 1):
            if number in skip:
                cut = True
            elif not (line in ("", "//") and not kept) and not (line == "" and cut and not kept[-1]):
                kept.append(line)
                cut = False
        return kept


def version_of(root):
    text = (root / "include/agent_websocket/base/version.hpp").read_text(encoding="utf-8")
    parts = re.findall(r"#define AGENT_WEBSOCKET_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", text)
    if len(parts) != 3:
        raise Fault("include/agent_websocket/base/version.hpp:1: MAJOR, MINOR or PATCH is missing")
    return ".".join(parts)


def amalgamate(root):
    """The text of the single header."""
    result = Amalgamation(root)
    result.add(UMBRELLA, "include/")
    for path in sorted(result.include.rglob("*")):
        name = path.relative_to(result.include).as_posix()
        if path.is_file() and name not in result.done:
            raise Fault(f"include/{name}:1: not reached from {UMBRELLA}")
    licence = (root / "LICENSE").read_text(encoding="utf-8").rstrip("\n").split("\n")
    head = [
        SPDX,
        "//",
        f"// Agent WebSocket {version_of(root)}, the single header.",
        "// Made from include/ by tools/amalgamate.py: change it there, not here.",
        "//",
    ]
    head += [("// " + line).rstrip() for line in licence]
    # Not #pragma once: two copies of this file in one program are two files to it, and an include
    # that comes too late for its macro could not be told.
    head += [f"#ifndef {GUARD}", f"#define {GUARD}"]
    return "\n".join(head + result.out + ["", TOO_LATE, f"#endif  // {GUARD}", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 if different")
    arguments = parser.parse_args()
    target = arguments.root / "single_include" / UMBRELLA
    try:
        wanted = amalgamate(arguments.root)
    except Fault as fault:
        print(fault, file=sys.stderr)
        return 1
    present = target.read_text(encoding="utf-8") if target.exists() else ""
    if present == wanted:
        return 0
    if arguments.check:
        sys.stdout.writelines(
            difflib.unified_diff(
                present.splitlines(True),
                wanted.splitlines(True),
                f"single_include/{UMBRELLA}",
                "made from include/",
            )
        )
        print(f"single_include/{UMBRELLA} is not fresh: run tools/amalgamate.py", file=sys.stderr)
        return 1
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(wanted.encode("utf-8"))  # the same on every system
    return 0


if __name__ == "__main__":
    sys.exit(main())
