#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Adds up JUnit files of CTest and Meson and prints `N passed, N failed`.

A test that prints doctest's summary or a line `N passed, N failed` of its own counts as so many, any
other as one. A test that did not run, or failed without counting a failure, is one failure more.
"""
import re
import sys
import xml.etree.ElementTree as ElementTree

COUNTS = re.compile(r"^(?:\[doctest\] test cases: .*?)?\s*(\d+) passed(?: \||,)\s*(\d+) failed", re.M)


def count(path):
    """(passed, failed) of one file."""
    passed = failed = 0
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        good = all(case.find(tag) is None for tag in ("failure", "error", "skipped"))
        inner = COUNTS.findall(case.findtext("system-out") or "")
        if inner:
            passed += sum(int(p) for p, _ in inner)
            failures = sum(int(f) for _, f in inner)
        else:
            passed += int(good)
            failures = 0
        failed += failures if good or failures else 1
    return passed, failed


def main():
    totals = [count(path) for path in sys.argv[1:]]
    print(f"{sum(p for p, _ in totals)} passed, {sum(f for _, f in totals)} failed")


if __name__ == "__main__":
    main()
