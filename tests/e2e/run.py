#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""End-to-end tests: the example server with real clients, on free ports of the loopback interface.

  AGENT_WEBSOCKET_SERVER=build/bin/server AGENT_WEBSOCKET_CHAT=build/bin/chat \\
      tests/e2e/run.py [-k TEXT] [-l] [GROUP...]

GROUP     only the tests of test_GROUP.py
-k TEXT   only the tests whose names hold TEXT
-l        lists the tests

AGENT_WEBSOCKET_E2E_MODULES names the folder that has node_modules (default: this one; npm ci makes
it). Needs Python's websockets, and for the metrics its prometheus_client; node 20 and Chromium are
used where they are there. Screenshots go to AGENT_WEBSOCKET_E2E_SHOTS, if that names a folder.
"""

import argparse
import os
import signal
import sys
import time
import traceback

SYSTEM_PYTHON = "/usr/bin/python3"  # the one that the distribution's websockets belongs to
TEST_SECONDS = 60

try:
    import websockets  # noqa: F401
except ImportError:
    if os.path.realpath(sys.executable) != os.path.realpath(SYSTEM_PYTHON) and \
            os.path.exists(SYSTEM_PYTHON):
        os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON, *sys.argv])
    sys.exit("not ok: Python's websockets is missing (Debian: python3-websockets)")

import harness  # noqa: E402

GROUPS = ("http", "api", "conversation", "malformed", "limits", "hostile", "cancel", "lifetime", "upstream",
          "tools", "tls", "node", "browser", "resume", "chat", "auth", "workers", "balance",
          "stores")


def too_long(*_):
    raise harness.Failure(f"took longer than {TEST_SECONDS} s")


def run_one(name, function):
    """Runs one test, prints its line, and gives "passed", "failed" or "skipped"."""
    harness.processes.clear()
    begun = time.monotonic()
    signal.alarm(TEST_SECONDS)
    try:
        function()
    except harness.Skip as why:
        print(f"skip {name}: {why}")
        return "skipped"
    except Exception as why:  # whatever it is, the other tests are to run
        signal.alarm(0)
        print(f"not ok {name}: {type(why).__name__ + ': ' if not str(why) else ''}{why}")
        if not isinstance(why, harness.Failure):
            traceback.print_exc(file=sys.stdout)
        for process in harness.processes:
            print(f"  output of {' '.join(process.command)}:")
            for line in process.lines[-60:]:
                print(f"    {line[:500]}")
        return "failed"
    finally:
        signal.alarm(0)
        for process in harness.processes:
            process.kill()
    print(f"ok {name} ({time.monotonic() - begun:.1f} s)")
    return "passed"


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-k", metavar="TEXT", default="", help="only tests whose names hold TEXT")
    parser.add_argument("-l", action="store_true", help="list the tests")
    # (argparse checks an empty list against `choices` and finds that it is none of them.)
    parser.add_argument("groups", metavar="GROUP", nargs="*", help="one of " + ", ".join(GROUPS))
    arguments = parser.parse_args()
    unknown = [each for each in arguments.groups if each not in GROUPS]
    if unknown:
        parser.error(f"no group {unknown[0]}; there are {', '.join(GROUPS)}")
    for group in arguments.groups or GROUPS:
        __import__("test_" + group)
    chosen = [each for each in harness.tests if arguments.k in each[0]]
    if arguments.l:
        print("\n".join(name for name, _ in chosen))
        return 0
    if not chosen:
        sys.exit(f"no test has {arguments.k!r} in its name")
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGALRM, too_long)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the processes are ended
    results = [run_one(name, function) for name, function in chosen]
    counts = {each: results.count(each) for each in ("passed", "failed", "skipped")}
    print(", ".join(f"{number} {result}" for result, number in counts.items()))
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
