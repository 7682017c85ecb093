#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills a program that appends to a session file, with SIGKILL at random moments.

After each time the next one opens the file: what was reported as kept is there, and whole batches
only. The program is tests/crash/sqlite.cpp, named by AGENT_WEBSOCKET_CRASH_SQLITE.
"""
import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SESSIONS = 20


def lines_of(output):
    """The whole lines: the last one may be cut."""
    return output[: output.rfind(b"\n") + 1].decode().splitlines()


def one_round(command, delay):
    """What the program said until it was killed after <delay> seconds (None: until it ended)."""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as program:
        try:
            output, _ = program.communicate(timeout=60 if delay is None else delay)
        except subprocess.TimeoutExpired:
            program.kill()
            output, _ = program.communicate()
    return lines_of(output)


class Books:
    """How many batches of each session were reported as kept."""

    def __init__(self):
        self.kept = {}
        self.found = 0

    def read(self, lines):
        """Faults, as text."""
        for line in lines:
            words = line.split()
            if words[0] not in ("found", "kept"):
                yield line
                continue
            session, count = words[1], int(words[2])
            before = self.kept.get(session, 0)
            if words[0] == "found":
                self.found += 1
                # One batch at most was on its way when the program was killed.
                if not before <= count <= before + 1:
                    yield f"session {session}: {before} batches were kept, {count} are there"
            elif count != before + 1:
                yield f"session {session}: batch {count} after {before}"
            self.kept[session] = count


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", default=os.environ.get("AGENT_WEBSOCKET_CRASH_SQLITE"))
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20, help="no more rounds after these")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 100_000)
    arguments = parser.parse_args()
    if not arguments.program:
        parser.error("no program: AGENT_WEBSOCKET_CRASH_SQLITE or --program")
    print(f"seed {arguments.seed}")
    moments = random.Random(arguments.seed)
    begun = time.monotonic()
    books, faults, rounds = Books(), [], 0
    with tempfile.TemporaryDirectory() as folder:
        command = [arguments.program, str(Path(folder) / "sessions.db")]
        while rounds < arguments.times and time.monotonic() - begun < arguments.seconds:
            faults += books.read(one_round(command, moments.uniform(0, 0.5)))
            rounds += 1
        found_before = books.found
        faults += books.read(one_round(command + ["1"], None))  # to the end, in good order
    kept = sum(books.kept.values())
    print(f"{rounds} kills, {kept} batches kept, {found_before} sessions found again")
    for each in faults[:20]:
        print(each, file=sys.stderr)
    if kept < rounds or books.found - found_before != SESSIONS:
        print("too little happened to show anything", file=sys.stderr)
        return 1
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
