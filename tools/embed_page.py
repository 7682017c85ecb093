#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the headers with which the example server carries its page, from the files in examples/web.

    tools/embed_page.py           write the headers
    tools/embed_page.py --check   compare, print the difference, exit 1 when there is one
"""
import argparse
import difflib
import sys
from pathlib import Path

WEB = Path(__file__).resolve().parent.parent / "examples" / "web"
PIECE_BYTES = 16000  # MSVC takes 16380 bytes in one literal,
PAGE_BYTES = 65535  # and as many as this in literals that stand side by side

# (file, header, function, what it is)
EMBEDDED = (
    ("chat.html", "chat_page.hpp", "chat_page", "The chat page of the example server"),
    ("answer-text.js", "text_module.hpp", "text_module", "The part of the chat page that draws answers"),
    ("agent-websocket.js", "client_module.hpp", "client_module", "The client's ES module, for the chat page"),
)

HEAD = """\
// SPDX-License-Identifier: MIT
//
// {what}, made by tools/embed_page.py from {file}: change that one.
#pragma once

#include <string_view>

"""
TAIL = """
/// Text in UTF-8, for as long as the program runs.
inline constexpr std::string_view {function}() {{
  return {{{function}_text, sizeof({function}_text) - 1}};
}}
"""


class Fault(Exception):
    """The page cannot be embedded."""


def pieces(text, file):
    """Whole lines, so that the header reads like the file."""
    piece = ""
    for line in text.splitlines(keepends=True):
        if len(line) > PIECE_BYTES:
            raise Fault(f"a line of {file} is longer than {PIECE_BYTES} bytes")
        if len(piece) + len(line) > PIECE_BYTES:
            yield piece
            piece = ""
        piece += line
    yield piece


def delimiter(text):
    mark = "page"
    while f'){mark}"' in text:
        mark += "_"
    return mark


def embed(text, file, function, what):
    # A compiler may read the file in another encoding than UTF-8, so the page uses escapes.
    for number, line in enumerate(text.splitlines(), 1):
        if not line.isascii():
            raise Fault(f"{file}:{number}: not ASCII; write \\uXXXX in script, &name; in HTML")
    if len(text) > PAGE_BYTES:
        raise Fault(f"{file} has {len(text)} bytes, more than {PAGE_BYTES}")
    mark = delimiter(text)
    literals = "\n".join(f'    R"{mark}({piece}){mark}"' for piece in pieces(text, file))
    head = HEAD.format(what=what, file=file)
    return f"{head}inline constexpr char {function}_text[] =\n{literals};\n{TAIL.format(function=function)}"


def is_stale(header, wanted, file):
    found = header.read_bytes().decode("utf-8", "replace") if header.exists() else ""
    difference = difflib.unified_diff(found.splitlines(), wanted.splitlines(), header.name,
                                      f"made from {file}", lineterm="", n=1)
    for line, _ in zip(difference, range(40)):
        print(line[:200])
    return found != wanted


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    stale = []
    for file, header, function, what in EMBEDDED:
        try:
            wanted = embed((WEB / file).read_bytes().decode("utf-8"), file, function, what)
        except Fault as fault:
            sys.exit(f"embed_page.py: {fault}")
        if not check:
            (WEB / header).write_bytes(wanted.encode("ascii"))
        elif is_stale(WEB / header, wanted, file):
            stale.append(header)
    if stale:
        sys.exit(f"embed_page.py: stale: {', '.join(stale)}; run tools/embed_page.py")


if __name__ == "__main__":
    main()
