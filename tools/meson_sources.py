#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lists source files for meson.build, which has no globs: one path per line, from the root.

    meson_sources.py core | adapters | examples | version
    meson_sources.py forwarding FOLDER

The second fills FOLDER with a header for each of include/ that includes the single header.
"""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def needs_adapters(path):
    return path.startswith(("tests/unit/adapters/", "tests/unit/host/", "tests/loopback/")) or (
        path.startswith("tests/policy/") and path.endswith("_real.cpp")
    )


def sources(what):
    if what == "version":
        text = (ROOT / "include/agent_websocket/base/version.hpp").read_text(encoding="utf-8")
        return [".".join(re.findall(r"^#define \w+_(?:MAJOR|MINOR|PATCH) (\d+)", text, re.M))]
    if what == "examples":
        return sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("examples/*.cpp"))
    folders = ("unit", "flow", "policy", "conformance", "loopback")
    found = [path for folder in folders for path in ROOT.glob(f"tests/{folder}/**/*.cpp")]
    names = sorted(path.relative_to(ROOT).as_posix() for path in found)
    return [name for name in names if needs_adapters(name) == (what == "adapters")]


def forward(folder):
    for header in (ROOT / "include").glob("*/**/*.hpp"):
        path = folder / header.relative_to(ROOT / "include")
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.write_text("#include <agent_websocket.hpp>\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] == "forwarding":
        forward(Path(sys.argv[2]))
        sys.exit()
    if len(sys.argv) != 2 or sys.argv[1] not in ("core", "adapters", "examples", "version"):
        sys.exit(__doc__)
    print("\n".join(sources(sys.argv[1])))
