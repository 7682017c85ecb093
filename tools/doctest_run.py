#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the cases of one test source folder of a doctest binary.

    doctest_run.py BINARY FOLDER      e.g. build/core_tests unit/json

doctest is content when a filter matches nothing; here that is a failure, so that a misspelt or
emptied folder cannot pass. Prints doctest's output when something failed, else its last lines.
"""
import re
import subprocess
import sys

SUMMARY = re.compile(r"^\[doctest\] test cases:\s*(\d+) \|", re.MULTILINE)


def main():
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    binary, folder = sys.argv[1:]
    run = subprocess.run(
        [binary, f"--source-file=*tests/{folder}/*",
         f"--source-file-exclude=*tests/{folder}/*/*",  # folders below are tests of their own
         "--no-skip", "--no-colors"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    output = run.stdout.decode("utf-8", "replace")
    summary = SUMMARY.search(output)
    if run.returncode != 0 or not summary:
        print(output)
        print(f"{binary}: exit code {run.returncode}", file=sys.stderr)
        return 1
    if int(summary.group(1)) == 0:
        print(f"{binary}: no test case in tests/{folder}/", file=sys.stderr)
        return 1
    print(output[summary.start():].rstrip())
    return 0


if __name__ == "__main__":
    sys.exit(main())
