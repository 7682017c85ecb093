#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compiles the programs of this folder, each of which must fail, and for the right reason.

The first line of a case is `// expect: REGEX`; a line of the compiler's output that says `error`
has to match it, with `// expect first: REGEX` the first of these lines. A case that compiles, or
fails with other words only, is a failure.
"""
import argparse
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

EXPECT = re.compile(r"// expect( first)?: (.+)")
JOBS = 2


def verdict(case, command):
    """What is wrong with the case, or None."""
    expected = EXPECT.fullmatch(case.read_text(encoding="utf-8").split("\n")[0].rstrip())
    if not expected:
        return "the first line is not `// expect: REGEX`"
    run = subprocess.run(
        command + [str(case)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "LC_ALL": "C"},
    )
    output = run.stdout.decode("utf-8", "replace")
    if run.returncode == 0:
        return "compiles, and should not"
    errors = [line for line in output.split("\n") if "error" in line]
    if expected.group(1):
        errors = errors[:1]
    if not any(re.search(expected.group(2), line) for line in errors):
        return f"no error (or not the first) matches `{expected.group(2)}`:\n{output}"
    return None


def main():
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=Path, default=here)
    parser.add_argument("--include", type=Path, default=here.parent.parent / "include")
    parser.add_argument("--system", action="append", default=[], help="an include directory")
    parser.add_argument("--compiler", default="c++")
    parser.add_argument("--standard", default="c++17")
    arguments = parser.parse_args()
    command = [arguments.compiler, f"-std={arguments.standard}", "-fsyntax-only"]
    command += ["-fno-diagnostics-color", "-DAGENT_WEBSOCKET_WITH_ADAPTERS=0"]
    command += ["-I", str(arguments.include)]
    for path in arguments.system:
        command += [] if path == "/usr/include" else ["-isystem", path]
    cases = sorted(arguments.cases.glob("*.cpp"))
    if not cases:
        print("no cases", file=sys.stderr)
        return 1
    failed = 0
    with ThreadPoolExecutor(JOBS) as pool:
        for case, wrong in zip(cases, pool.map(lambda case: verdict(case, command), cases)):
            if wrong:
                failed += 1
                print(f"{case.name}:1: {wrong}", file=sys.stderr)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
