#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes examples/web/chat_page.hpp, with which the example server carries its page, from chat.html.

    tools/embed_page.py           write the header
    tools/embed_page.py --check   compare, print the difference, exit 1 when there is one
"""
import argparse
import difflib
import sys
from pathlib import Path

WEB = Path(__file__).resolve().parent.parent / "examples" / "web"
PIECE_BYTES = 16000  # MSVC takes 16380 bytes in one literal,
PAGE_BYTES = 65535  # and as many as this in literals that stand side by side

HEAD = """\
// SPDX-License-Identifier: MIT
//
// The chat page of the example server, made by tools/embed_page.py from chat.html: change that one.
#pragma once

#include <string_view>

"""
TAIL = """
/// HTML in UTF-8, for as long as the program runs.
inline constexpr std::string_view chat_page() {
  return {chat_page_text, sizeof(chat_page_text) - 1};
}
"""


class Fault(Exception):
    """The page cannot be embedded."""


def pieces(page):
    """Whole lines, so that the header reads like the page."""
    piece = ""
    for line in page.splitlines(keepends=True):
        if len(line) > PIECE_BYTES:
            raise Fault(f"a line of chat.html is longer than {PIECE_BYTES} bytes")
        if len(piece) + len(line) > PIECE_BYTES:
            yield piece
            piece = ""
        piece += line
    yield piece


def delimiter(page):
    mark = "page"
    while f'){mark}"' in page:
        mark += "_"
    return mark


def embed(page):
    # A compiler may read the file in another encoding than UTF-8, so the page uses escapes.
    for number, line in enumerate(page.splitlines(), 1):
        if not line.isascii():
            raise Fault(f"chat.html:{number}: not ASCII; write \\uXXXX in script, &name; in HTML")
    if len(page) > PAGE_BYTES:
        raise Fault(f"chat.html has {len(page)} bytes, more than {PAGE_BYTES}")
    mark = delimiter(page)
    literals = "\n".join(f'    R"{mark}({piece}){mark}"' for piece in pieces(page))
    return f"{HEAD}inline constexpr char chat_page_text[] =\n{literals};\n{TAIL}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args().check
    header = WEB / "chat_page.hpp"
    try:
        wanted = embed((WEB / "chat.html").read_bytes().decode("utf-8"))
    except Fault as fault:
        sys.exit(f"embed_page.py: {fault}")
    if not check:
        header.write_bytes(wanted.encode("ascii"))
        return
    found = header.read_bytes().decode("utf-8", "replace") if header.exists() else ""
    if found != wanted:
        difference = difflib.unified_diff(found.splitlines(), wanted.splitlines(), "chat_page.hpp",
                                          "made from chat.html", lineterm="", n=1)
        for line, _ in zip(difference, range(40)):
            print(line[:200])
        sys.exit("embed_page.py: chat_page.hpp is stale; run tools/embed_page.py")


if __name__ == "__main__":
    main()
