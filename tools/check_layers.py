#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds the rooms of the library apart.

Includes go down only; each room names only the third-party libraries that are its duty; nothing
outside adapters/ and host/ knows threads, locks or clocks; each header is short, says what it is,
and has its test. Prints `file:line: what` per fault and exits 1 when there is any.
"""
import argparse
import re
import sys
from pathlib import Path

from amalgamate import SPDX, UMBRELLA, code_lines, directives, included, is_own

RANKS = {
    "base": 0,
    "json": 1,
    "http": 1,
    "policy": 2,
    "wire": 3,
    "openrouter": 3,
    "limits": 3,
    "auth": 3,
    "session": 4,
    "server": 5,
    "client": 5,
    "host": 6,
}
# Beside the ranks: an edge room sees what is below its own rank and itself, and is seen only by the
# rooms listed here (and by the umbrella).
EDGES = {"adapters": ["host"], "testing": []}
EDGE_RANKS = {"adapters": 3, "testing": 6}

# Library: the rooms that may include it.
THIRD_PARTY = {
    "asio": ["adapters", "host"],
    "websocketpp": ["adapters"],
    "curl": ["adapters"],
    "openssl": ["adapters"],
    "sqlite3": ["adapters"],
    "hiredis": ["adapters"],
    "rapidjson": ["json"],
}
UNCONDITIONAL = ["rapidjson"]  # what the core needs; all others stand inside #if

CONCURRENT = ["adapters", "host"]
THREAD_HEADERS = {"mutex", "shared_mutex", "thread", "atomic", "condition_variable", "future"}
CLOCK = re.compile(r"\b\w+_clock\s*::\s*now\b")

MAX_LINES = 350
CONFIG = "agent_websocket/base/config.hpp"
DEFINITIONS = "#if AGENT_WEBSOCKET_DEFINITIONS"
MIN_COMMENT = 2


def may_see(room, other):
    if room == other:
        return True
    if other in EDGES:
        return room in EDGES[other]
    return RANKS[other] < RANKS.get(room, EDGE_RANKS.get(room, 0))


def library_of(path):
    """The third-party library that <path> belongs to, or None."""
    top = path.split("/")[0]
    top = top[: -len(".hpp")] if top.endswith(".hpp") else top
    top = top[: -len(".h")] if top.endswith(".h") else top
    top = "sqlite3" if top == "sqlite3ext" else top
    return top if top in THIRD_PARTY else None


def include_faults(room, line, depth, path):
    if is_own(path):
        parts = path.split("/")
        if len(parts) != 3:
            yield line, f"<{path}> is no header of a room"
        elif parts[1] not in RANKS and parts[1] not in EDGES:
            yield line, f"<{path}>: unknown room {parts[1]}/"
        elif not may_see(room, parts[1]):
            yield line, f"{room}/ must not include {parts[1]}/: <{path}>"
        return
    if path in THREAD_HEADERS and room not in CONCURRENT:
        yield line, f"<{path}> outside {'/, '.join(CONCURRENT)}/"
    library = library_of(path)
    if library is None:
        return
    if room not in THIRD_PARTY[library]:
        yield line, f"<{path}> outside {'/, '.join(THIRD_PARTY[library])}/"
    elif depth == 0 and library not in UNCONDITIONAL:
        yield line, f"<{path}> must stand inside #if AGENT_WEBSOCKET_WITH_..."


def opening_faults(lines):
    if lines[0] != SPDX:
        yield 1, f"the first line is not `{SPDX}`"
    rest = [line for line in lines[1:] if line.strip() not in ("", "//", "#pragma once")]
    comment = 0
    while comment < len(rest) and rest[comment].startswith("//"):
        comment += 1
    if comment < MIN_COMMENT:
        yield 1, f"opens with {comment} comment lines, at least {MIN_COMMENT} should say what it is"


def header_faults(room, text):
    """(line, message) of each fault of one header."""
    lines = text.rstrip("\n").split("\n")
    yield from opening_faults(lines)
    if len(lines) > MAX_LINES:
        yield MAX_LINES + 1, f"{len(lines)} lines, at most {MAX_LINES}: split it by duty"
    has_config = False
    for line, depth, name, argument in directives(text):
        path = included(argument)
        if name == "include" and path is not None:
            yield from include_faults(room, line, depth, path)
            has_config = has_config or path == CONFIG
        if f"#{name} {argument}" == DEFINITIONS and not has_config:
            yield line, f"needs <{CONFIG}>, else it has no definitions at all"
    for number, line in enumerate(code_lines(text), 1):
        if CLOCK.search(line) and room not in CONCURRENT:
            yield number, f"reads a clock outside {'/, '.join(CONCURRENT)}/: take the time as argument"
        if "rapidjson" in line.lower() and room != "json" and not re.match(r"\s*#\s*include", line):
            yield number, "names RapidJSON outside json/"


def test_places(room, stem):
    places = [f"tests/unit/{room}/{stem}.cpp"]
    if room == "policy":
        places += [f"tests/policy/{stem}.cpp"]
    if room in CONCURRENT:
        places += [f"tests/loopback/{stem}.cpp"]
        places += [f"tests/policy/{stem}.cpp", f"tests/policy/{stem}_real.cpp"]
    return places


def test_fault(root, room, stem):
    """What is wrong with the test of the header, as `file:line: what`, or None."""
    wanted = f"agent_websocket/{room}/{stem}.hpp"
    present = [place for place in test_places(room, stem) if (root / place).is_file()]
    if not present:
        return f"include/{wanted}:1: has no test: " + " or ".join(test_places(room, stem))
    for place in present:
        text = (root / place).read_text(encoding="utf-8")
        for line, _, name, argument in directives(text):
            if name == "include":
                if included(argument) == wanted:
                    return None
                fault = f"{place}:{line}: the first include is not <{wanted}>"
                break
        else:
            fault = f"{place}:1: does not include <{wanted}>"
    return fault


def check(root):
    """All faults of the tree, as `file:line: what`."""
    faults = []
    include = root / "include"
    for path in sorted(include.rglob("*.hpp")):
        name = path.relative_to(include).as_posix()
        text = path.read_text(encoding="utf-8")
        if name == UMBRELLA:
            found = list(opening_faults(text.split("\n")))
        else:
            parts = name.split("/")
            if len(parts) != 3 or (parts[1] not in RANKS and parts[1] not in EDGES):
                faults.append(f"include/{name}:1: belongs to no room: see RANKS in this tool")
                continue
            found = list(header_faults(parts[1], text))
            missing = test_fault(root, parts[1], path.stem)
            faults += [missing] if missing else []
        faults += [f"include/{name}:{line}: {what}" for line, what in found]
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    faults = check(parser.parse_args().root)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
