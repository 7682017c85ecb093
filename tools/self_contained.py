#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles every header alone, as the first line of a translation unit.

A header that lives on what others included before it breaks for the user who includes it first.
The core is compiled alone, the adapters and host/ with the adapters on; both in the form with
separate compilation too, which leaves the definitions out. With ccache in the path a
second run costs little.
"""
import argparse
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Werror"]
WITH_THIRD_PARTY = ("agent_websocket/adapters/", "agent_websocket/host/", "agent_websocket.hpp")
JOBS = 2


def runs(compiler):
    """(label, command, with adapters) of each pass over the headers."""
    yield "C++17", [compiler, "-std=c++17"], False
    yield "C++17, adapters", [compiler, "-std=c++17"], True
    separate = [compiler, "-std=c++17", "-DAGENT_WEBSOCKET_SEPARATE_COMPILATION=1",
                "-DAGENT_WEBSOCKET_SEPARATE_MOCK_SERVER=1"]
    yield "declarations", separate, False
    yield "declarations, adapters", separate, True


def compile_alone(label, command, include, work, name, adapters):
    """The compiler's output when <name> does not compile alone, else None."""
    source = work / (name.replace("/", "_").replace(".hpp", "") + ".cpp")
    text = f"#include <{name}>\n#include <{name}>\n"
    if not source.exists() or source.read_text(encoding="utf-8") != text:
        source.write_text(text, encoding="utf-8")
    full = command + WARNINGS + [f"-DAGENT_WEBSOCKET_WITH_ADAPTERS={int(adapters)}"]
    if adapters:
        full += ["-DASIO_STANDALONE", "-DASIO_NO_DEPRECATED", "-DAGENT_WEBSOCKET_WITH_SQLITE=1"]
        full += ["-DAGENT_WEBSOCKET_WITH_REDIS=1", "-DAGENT_WEBSOCKET_WITH_CURL=1"]
    full += ["-I", str(include)]
    ccache = shutil.which("ccache")
    if ccache:  # it keeps objects, not verdicts
        full = [ccache] + full + ["-O0", "-c", "-o", str(source) + f".{label}.o"]
    else:
        full += ["-fsyntax-only"]
    run = subprocess.run(full + [str(source)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return run.stdout.decode("utf-8", "replace") if run.returncode else None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("--compiler", default="c++")
    parser.add_argument("--system", action="append", default=[], help="an include directory")
    parser.add_argument("--work", type=Path, required=True, help="a directory for generated files")
    arguments = parser.parse_args()
    include = arguments.root / "include"
    # A compiler's own directory must not be moved to another place in its order.
    elsewhere = [path for path in arguments.system if path != "/usr/include"]
    system = [flag for path in elsewhere for flag in ("-isystem", path)]
    arguments.work.mkdir(parents=True, exist_ok=True)
    headers = sorted(path.relative_to(include).as_posix() for path in include.rglob("*.hpp"))
    if not headers:
        print("no headers", file=sys.stderr)
        return 1
    work = []
    for label, command, adapters in runs(arguments.compiler):
        for name in headers:
            if not adapters or name.startswith(WITH_THIRD_PARTY):
                work.append((label, command + system, name, adapters))

    def one(item):
        label, command, name, adapters = item
        return label, name, compile_alone(label, command, include, arguments.work, name, adapters)

    failed = 0
    with ThreadPoolExecutor(JOBS) as pool:
        for label, name, output in pool.map(one, work):
            if output is not None:
                failed += 1
                print(f"include/{name}:1: does not compile alone ({label})\n{output}", file=sys.stderr)
    print(f"{len(headers)} headers, {len(work)} compiled alone, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
