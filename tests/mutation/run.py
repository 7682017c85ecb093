#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Switches off one rule of the protocol after the other and sees that the random schedules of
tests/flow/lossless.cpp notice, each by what breaks. With all rules on, twenty times as many
schedules must pass. Prints a table of which rule was caught by what.

A rule is switched off in a copy of its header: `old` becomes `new`. When the code no longer has
`old`, the entry has to follow it.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

JOBS = 2

LANES = "session/lanes.hpp"
ATTACHING = "session/attaching.hpp"

# name, what the rule says, header, old, new
MUTATIONS = [
    ("R1", "an end flushes its own stream's pending deltas first", LANES,
     "if (snapshot_run_ == answer.run ||", "if (answer.run != 0 || snapshot_run_ == answer.run ||"),
    ("R2", "nothing ever changes the order of numbered messages", LANES,
     "log.at(++position_);",
     "log.at(((position_ ^ 1) + 1 <= log.top() ? (position_ ^ 1) + 1 : position_ + 1)); ++position_;"),
    ("R3", "live frames for a resuming socket are held until `live`", LANES,
     "if (position_ < log.released()) {\n"
     "    if (!log.holds_after(position_)) return false;  // see too_slow()\n"
     "    const std::string& next = log.at(++position_);\n"
     "    position_ <= replay_until_ ? (frame = wire::as_replay(next)) : frame.assign(next);\n"
     "    return true;\n"
     "  }\n"
     "  if (answer != nullptr && text_due && position_ >= log.top()) {",
     "if (position_ < log.released() && (position_ >= replay_until_ || answer == nullptr || "
     "unsent(*answer).n == 0)) {\n"
     "    if (!log.holds_after(position_)) return false;\n"
     "    const std::string& next = log.at(++position_);\n"
     "    position_ <= replay_until_ ? (frame = wire::as_replay(next)) : frame.assign(next);\n"
     "    return true;\n"
     "  }\n"
     "  if (answer != nullptr && text_due) {"),
    ("R4", "verdict and replay list are cut in one step", ATTACHING,
     "socket->catch_up(position, log.top(),",
     "socket->catch_up(position + (position + 1 < log.top() ? 1 : 0), log.top(),"),
    ("R5", "queueing a snapshot discards that socket's pending deltas of the stream", LANES,
     "         timestamp);\n  mark_sent(answer);\n  return true;", "         timestamp);\n  return true;"),
    ("R6", "`last_seq: 0` with the right epoch is a normal resume", ATTACHING,
     "const bool whole = same_epoch &&",
     "const bool whole = hello.resume->last_seq != 0 && same_epoch &&"),
    ("claims", "an id is claimed before anything is asked upstream", "session/answering.hpp",
     "if (with_id) claims_.take(accepted.query.id, accepted.stream, at.now);", ""),
    ("gap", "a resume is all or nothing", ATTACHING,
     "const bool whole = same_epoch && log.holds_after(hello.resume->last_seq);",
     "const bool whole = same_epoch && hello.resume->last_seq <= log.top();"),
    ("token", "the former token is good until the first ack", "session/resume_tokens.hpp",
     "  if (entries_.size() >= max_tokens) drop_one();", "  if (former) entries_.clear();"),
    ("again", "a repeated query is answered again", "session/answering.hpp",
     "if (open == nullptr) repeat_end(from, query, *claimed, at);", ""),
    ("interrupt", "what runs without a client ends when the grace is over", "server/registry.hpp",
     "[](session_core& core, moment at) { core.interrupt(at); }", "[](session_core&, moment) {}"),
]


class Bench:
    def __init__(self, arguments):
        self.root = Path(__file__).resolve().parent.parent.parent
        self.work = arguments.work
        self.schedules = arguments.schedules
        self.compiler = ([shutil.which("ccache")] if shutil.which("ccache") else []) + \
            [arguments.compiler]
        self.flags = [f"-std={arguments.standard}", "-DAGENT_WEBSOCKET_WITH_ADAPTERS=0",
                      "-DAGENT_WEBSOCKET_TESTS_ALONE"]
        self.paths = ["-I", str(self.root / "include"), "-I", str(self.root / "tests")]
        for path in arguments.system:
            self.paths += [] if path == "/usr/include" else ["-isystem", path]

        self.work.mkdir(parents=True, exist_ok=True)
        self.main = self.compile("main.cpp", self.work / "main.o", [])

    def compile(self, source, target, flags):
        command = self.compiler + self.flags + flags + self.paths + [
            "-c", str(self.root / "tests" / source), "-o", str(target)]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise RuntimeError(f"{target} does not compile:\n" + done.stdout.decode()[:4000])
        return target

    def build(self, name, overlay, *flags):
        """The program of the schedules, with the headers of `overlay` before all others."""
        schedules = self.compile("flow/lossless.cpp", self.work / name / "lossless.o",
                                 [*flags, "-I", str(overlay)])
        program = self.work / name / "schedules"
        subprocess.run([self.compiler[-1], "-o", str(program), str(schedules), str(self.main)],
                       check=True)
        return program

    def run(self, program, schedules):
        return subprocess.run([str(program)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={**os.environ, "AGENT_WEBSOCKET_SCHEDULES": str(schedules)},
                              timeout=600)

    def baseline(self):
        overlay = self.work / "none" / "include"
        overlay.mkdir(parents=True, exist_ok=True)
        done = self.run(self.build("none", overlay, "-O1"), self.schedules * 20)
        output = done.stdout.decode("utf-8", "replace")
        said = re.search(r"MESSAGE: (.*)", output)
        return done.returncode == 0, said.group(1) if said else output[-2000:]

    def mutant(self, mutation):
        """(caught, by what)"""
        name, _, header, old, new = mutation
        source = self.root / "include/agent_websocket" / header
        text = source.read_text(encoding="utf-8")
        if text.count(old) != 1:
            return False, f"{header} has the code to be changed {text.count(old)} times, not once"
        overlay = self.work / name / "include"
        target = overlay / "agent_websocket" / header
        for former in overlay.rglob("*.hpp"):  # the rule was in another file then
            if former != target:
                former.unlink()
        target.parent.mkdir(parents=True, exist_ok=True)
        changed = text.replace(old, new)
        if not target.exists() or target.read_text(encoding="utf-8") != changed:
            target.write_text(changed, encoding="utf-8")
        try:
            done = self.run(self.build(name, overlay), self.schedules)
        except subprocess.TimeoutExpired:
            return True, "it never ends"
        output = done.stdout.decode("utf-8", "replace")
        if done.returncode == 0:
            return False, "nothing noticed"
        broken = re.search(r"ERROR: (.*)", output)
        seed = re.search(r"seed := (\d+)", output)
        what = broken.group(1).split(": {")[0] if broken else f"exit code {done.returncode}"
        return True, what + (f" (schedule {seed.group(1)})" if seed else "")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--system", action="append", default=[], help="an include directory")
    parser.add_argument("--compiler", default="c++")
    parser.add_argument("--standard", default="c++17")
    parser.add_argument("--work", type=Path, required=True, help="a folder for what is built")
    parser.add_argument("--schedules", type=int, default=1000, help="for each rule")
    parser.add_argument("-k", default="", help="only this one")
    arguments = parser.parse_args()
    bench = Bench(arguments)
    wanted = [each for each in MUTATIONS if arguments.k in ("", each[0])]
    failed = 0
    with ThreadPoolExecutor(JOBS) as pool:
        whole = None if arguments.k else pool.submit(bench.baseline)
        print("| switched off | rule | caught by |\n|---|---|---|")
        for mutation, (caught, what) in zip(wanted, pool.map(bench.mutant, wanted)):
            failed += 0 if caught else 1
            print(f"| {mutation[0]} | {mutation[1]} | {'' if caught else 'NOT CAUGHT: '}{what} |")
        if whole:
            passed, what = whole.result()
            failed += 0 if passed else 1
            print(f"| nothing | {'passes' if passed else 'FAILS'} | {what} |")
    total = len(wanted) + (1 if whole else 0)
    print(f"{total - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
