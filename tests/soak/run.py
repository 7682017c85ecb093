#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Soak tests: the example server under crowds, slow readers and vanishing clients, on free ports of
the loopback interface. Every case is bounded in count and time and stops by itself. Linux only.

The short form is the CTest and Meson test `soak`:

  ctest --test-dir build -R '^soak$' --output-on-failure

The full form, a few minutes; both programs are made by the build, and so is libsoak_trim.so for
AGENT_WEBSOCKET_SOAK_TRIM, without which growth of some megabytes is not noticed beside hostile peers:

  AGENT_WEBSOCKET_SERVER=build/bin/server AGENT_WEBSOCKET_SOAK_LOAD=build/bin/soak_load \\
      tests/soak/run.py --full

--full       the full counts; without it the short ones
-k TEXT      only the cases whose names hold TEXT
-v           every figure of the load generator
--plant NAME a fault of the clients that the case has to notice: `no-jitter`

How memory is measured. Process: `Anonymous` of /proc/PID/smaps_rollup, which is heap and stacks
without the pages of program and libraries; the least of some readings, so that what is just being
freed does not count. An allocator keeps some of what it is given back (glibc: small pieces between
others), so a level is compared with the level after an equal load before; blocks of 64 KiB and more
are mapped on their own by MALLOC_MMAP_THRESHOLD_ and so leave the level when they are freed. Kernel:
SO_MEMINFO of the server's own sockets by netlink's sock_diag, as `ss -m` shows it (sk_rmem_alloc +
sk_wmem_queued + sk_fwd_alloc), of connections that stand and of those that are closed already.
"""

import argparse
import http.client
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "tools"))
import load_program  # noqa: E402
from load_program import Failure, announced, end, start  # noqa: E402

KIB = 1024
MIB = 1024 * 1024


# ---- what is measured -----------------------------------------------------------------------------

def anonymous_bytes(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return int(re.search(r"^Anonymous:\s+(\d+) kB", file.read(), re.M)[1]) * KIB
    except (PermissionError, FileNotFoundError, TypeError):
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return int(re.search(r"^RssAnon:\s+(\d+) kB", file.read(), re.M)[1]) * KIB


def level(pid, readings=3, pause=0.1):
    least = anonymous_bytes(pid)
    for _ in range(readings - 1):
        time.sleep(pause)
        least = min(least, anonymous_bytes(pid))
    return least


def kernel_bytes(port):
    """What the kernel holds for the connections of the server at that port: bytes, sockets."""
    sock_diag_by_family, dump_request, done, error, skmeminfo = 20, 0x301, 3, 2, 7
    states = 0xFFF & ~(1 << 10) & ~(1 << 6)  # but for LISTEN and TIME_WAIT
    # struct inet_diag_req_v2, with the addresses left empty
    wanted = struct.pack("=BBBxI", socket.AF_INET, socket.IPPROTO_TCP, 1 << (skmeminfo - 1),
                         states) + struct.pack("!HH", port, 0) + bytes(44)
    total = sockets = 0
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as link:
        link.settimeout(5)
        link.send(struct.pack("=IHHII", 16 + len(wanted), sock_diag_by_family, dump_request, 1, 0) +
                  wanted)
        while True:
            data = link.recv(1 << 20)
            while len(data) >= 16:
                length, kind = struct.unpack_from("=IH", data)
                if kind == done:
                    return total, sockets
                if kind == error:
                    raise OSError("sock_diag refuses")
                message, data = data[16:length], data[(length + 3) & ~3:]
                if struct.unpack_from("!H", message, 4)[0] != port:
                    continue  # the other end
                sockets += 1
                at = 72  # behind struct inet_diag_msg
                while at + 4 <= len(message):
                    size, attribute = struct.unpack_from("=HH", message, at)
                    if attribute == skmeminfo:
                        memory = struct.unpack_from("=8I", message, at + 4)
                        total += memory[0] + memory[5] + memory[4]  # rmem_alloc, wmem_queued, fwd
                    at += max(4, (size + 3) & ~3)


# ---- processes ------------------------------------------------------------------------------------

def upstream():
    return load_program.upstream(LOAD)


class Server:
    """The example server. Has to end well at the end of the `with`."""

    def __init__(self, upstream_port, **variables):
        settings = {"LOG_LEVEL": "warning", "HOST": "127.0.0.1", "PORT": 0, "MODEL": "soak",
                    "OPENROUTER_BASE_URL": f"http://127.0.0.1:{upstream_port}/v1",
                    "MALLOC_MMAP_THRESHOLD_": 64 * KIB,
                    # All clients have one address, and none of them waits.
                    "RATE_LIMIT_PER_MINUTE": 0, "USER_RATE_LIMIT_PER_MINUTE": 0,
                    "NEW_CONNECTIONS_PER_SECOND": 0, "MAX_CONNECTIONS_PER_IP": 0,
                    "MAX_SESSIONS_PER_USER": 0, **variables}
        self.log = tempfile.TemporaryFile()
        self.process = start([SERVER], settings, stdout=subprocess.PIPE, stderr=self.log)
        try:
            self.port = announced(self.process, r"listening on http://127\.0\.0\.1:(\d+)/")
        except Failure:
            end(self.process)
            raise
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                if self.process.poll() is not None:
                    raise Failure(f"the server ended with {self.process.returncode}")
                self.process.terminate()
                code = self.process.wait(20)
                if code != 0:
                    raise Failure(f"the server ended with {code} when it was told to stop")
        finally:
            end(self.process)
            self.log.close()

    def count(self, text):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace").count(text)


def run_load(case, server, at_waits, limit, **parameters):
    """Runs a case of the load generator; at_waits(name) is called wherever it waits for us. Gives its
    figures."""
    return load_program.run_load(LOAD, case, server.port, at_waits, limit, **parameters)


# ---- cases ----------------------------------------------------------------------------------------

class Case:
    """What a case has found; check() keeps what is not as it should be."""

    def __init__(self, full):
        self.full = full
        self.wrong = []
        self.words = []
        self.figures = {}

    def either(self, full, short):
        return full if self.full else short

    def check(self, condition, words):
        if not condition:
            self.wrong.append(words)

    def say(self, words):
        self.words.append(words)

    def take(self, figures):
        """What holds in every case: all that was waited for came, and nothing was lost."""
        self.figures.update(figures)
        for name, number in figures.items():
            if name.startswith("reached "):
                self.check(number == 1, f"not in time: {name[8:]}")
        self.check(figures["lost"] == 0, f"{figures['lost']:.0f} lost")
        return figures


def mib(number):
    return f"{number / MIB:.1f} MiB"


def case_herd(case):
    """1 000 clients lose their connections at once and come back."""
    clients = 1000
    rounds = case.either(4, 2)
    levels = {"later rounds": []}

    def measure(name):
        if name == "later round":
            levels["later rounds"].append(level(server.pid))
        else:
            levels[name] = level(server.pid)

    with upstream() as port, Server(port) as server:
        levels["empty"] = level(server.pid)
        found = case.take(run_load("herd", server, measure, 300, clients=clients, rounds=rounds,
                                   jitter=0 if PLANT == "no-jitter" else 1))
    case.check(found["resumes"] == clients * rounds and found["recovered"] == found["resumes"],
               f"{found['recovered']:.0f} recovered of {clients * rounds}")
    case.check(found["answered"] == 2 * clients * rounds, f"{found['answered']:.0f} answers")
    # All fail for the first time: 500 ms and a random part of 500 ms more. Evenly spread that is a
    # fifth in each tenth of a second, plus or minus 1.3 % for 1 000 clients.
    case.check(found["peak share"] <= 0.30, f"{found['peak share']:.0%} came back within 100 ms")
    kept = levels["returned"] - levels["connected"]
    # Each session has one more answer of 0.3 KiB, in its log and its conversation.
    case.check(kept <= clients * 4 * KIB + 2 * MIB, f"{mib(kept)} more after the return")
    grown = max(levels["later rounds"]) - levels["first round"]
    case.check(grown <= 2 * MIB, f"{mib(grown)} more after further rounds")
    spread = " ".join(f"{number:.0f}" for name, number in found.items()
                      if name.startswith("reconnects at"))
    case.say(f"{rounds} x {clients} dropped, {found['recovered']:.0f} recovered, "
             f"{found['answered']:.0f} answers whole; reconnects per 100 ms: {spread} (peak "
             f"{found['peak share']:.0%}, at most 30%), all back after "
             f"{found['ms until all were back']:.0f} ms; memory {mib(levels['empty'])} empty, "
             f"{mib(levels['connected'])} connected, {mib(levels['returned'])} returned, "
             f"{mib(levels['first round'])} after round 1, {mib(levels['later rounds'][-1])} after "
             f"round {rounds}")


def case_slow(case):
    """50 clients that do not read, beside 20 healthy ones."""
    slow, healthy = 50, 20
    tokens, width = case.either((100_000, 8), (20_000, 24))
    slow_timeout = case.either(4000, 2000)
    levels, kernel = {}, {}

    def measure(name):
        levels[name] = level(server.pid, readings=1 if name == "held up" else 3)
        if name in ("slow connected", "held up", "slow closed", "slow gone"):
            kernel[name] = kernel_bytes(server.port)

    with upstream() as port, \
            Server(port, SLOW_TIMEOUT=slow_timeout / 1000, LOG_LEVEL="info") as server:
        found = case.take(run_load("slow", server, measure, 400, slow=slow, healthy=healthy,
                                   tokens=tokens, width=width, slow_timeout_ms=slow_timeout,
                                   quiet_ms=case.either(10_000, 1500)))
        closed = server.count("code 4002")
    per_process = (levels["held up"] - levels["slow connected"]) / slow
    (before, _), (held, sockets) = kernel["slow connected"], kernel["held up"]
    per_kernel = (held - before) / slow
    left, left_sockets = kernel["slow closed"]
    case.check(found["none closed early"] == 1, "a slow one was closed before SLOW_TIMEOUT")
    case.check(closed == slow, f"{closed} closed with 4002 of {slow}")
    case.check(found["told 4002"] == slow // 2, f"{found['told 4002']:.0f} were told 4002")
    # The close handshake has 5 s; 5 s to fill all buffers, before which nobody is slow.
    case.check(found["ms until reset, worst"] <= slow_timeout + 10000,
               f"a slow one was open for {found['ms until reset, worst']:.0f} ms")
    case.check(found["recovered"] == slow, f"{found['recovered']:.0f} recovered of {slow}")
    case.check(found["answered"] == 2 * slow, f"{found['answered']:.0f} answers")
    # Handed to the transport 64 KiB, waiting in the lanes 64 KiB and what came with it, the answer so
    # far (what is in the kernels of both ends), and libcurl's buffers.
    case.check(per_process <= 1 * MIB, f"{mib(per_process)} of the process for a slow one")
    case.check(per_kernel <= 1 * MIB, f"{mib(per_kernel)} of the kernel for a slow one")
    case.check(per_kernel >= 16 * KIB, "nothing waits in the kernel: the clients are not slow")
    case.check(sockets == slow + healthy, f"{sockets} sockets measured")
    case.check(left <= before + 1 * MIB and left_sockets == healthy,
               f"{mib(left)} of the kernel in {left_sockets} sockets after all were closed")
    case.check(found["healthy all well"] == 1, "a healthy one lost something")
    alone, beside = found["ping p99 alone"], found["ping p99 beside slow ones"]
    same = found["ping p99 beside readers"]
    # A machine that does other things too is no place for a narrow bound.
    case.check(beside <= max(20 * alone, 500), f"the healthy ones' p99 went to {beside:.0f} ms")
    case.say(f"{slow} x {tokens} tokens: a slow one holds {per_process / KIB:.0f} KiB of the process "
             f"and {per_kernel / KIB:.0f} KiB of the server's kernel (at most 1 MiB each); {closed} "
             f"closed with 4002, the last reset after {found['ms until reset, worst']:.0f} ms "
             f"(SLOW_TIMEOUT {slow_timeout} + 5000), {found['recovered']:.0f} recovered with their "
             f"whole answers; {healthy} healthy, ping p99 {alone:.1f} ms alone, {same:.1f} beside "
             f"readers, {beside:.1f} beside slow ones (ratio {beside / alone:.1f} and "
             f"{beside / same:.1f}), worst "
             f"{found['ping worst beside slow ones']:.0f} ms; answers {found['answer p99 alone']:.0f}, "
             f"{found['answer p99 beside readers']:.0f}, "
             f"{found['answer p99 beside slow ones']:.0f} ms; memory {mib(levels['alone'])} alone, "
             f"{mib(levels['readers gone'])} after readers, {mib(levels['held up'])} held up, "
             f"{mib(levels['slow answered'])} answered, {mib(levels['slow gone'])} slow ones gone")
    grown = levels["slow gone"] - levels["readers gone"]
    # A whole answer kept for each would be 23 MiB and more.
    case.check(grown <= 16 * MIB, f"{mib(grown)} more after the slow ones than after the readers")


def vanish(case, window, **variables):
    levels = {}
    with upstream() as port, Server(port, **variables) as server:
        found = case.take(run_load(
            "vanish", server, lambda name: levels.__setitem__(name, level(server.pid)), 400,
            warm=case.either(45_000, 5000), cycles=case.either(100_000, 5000), at_once=100,
            window_ms=window))
    case.check(found["failed"] == 0, f"{found['failed']:.0f} failed to connect or be upgraded")
    rate = case.either(100_000, 5000) / found["ms for cycles"] * 1000
    grown = levels["cycles"] - levels["warm"]
    # The most that is alive within a second differs from lot to lot, and with it what an allocator
    # keeps. 80 bytes of each cycle would be 8 MiB of 100 000.
    case.check(grown <= case.either(8, 2) * MIB, f"{mib(grown)} more after the cycles")
    return levels, grown, rate


def case_vanish(case):
    """Clients that connect and vanish, of three kinds, with a window of one second."""
    levels, grown, rate = vanish(case, 1800, RESUME_WINDOW=1)
    case.say(f"{case.either(100_000, 5000)} cycles ({rate:.0f}/s), RESUME_WINDOW 1: memory "
             f"{mib(levels['fresh'])} fresh, {mib(levels['warm'])} warm, {mib(levels['cycles'])} "
             f"after the cycles and the window ({grown / KIB:+.0f} KiB, at most "
             f"{case.either(8, 2)} MiB)")


def case_vanish_waiting(case):
    """The same with the default window: MAX_DETACHED bounds what waits."""
    most = case.either(10_000, 500)  # the default, and less
    levels, grown, rate = vanish(case, 700, MAX_DETACHED=most)
    each = (levels["warm"] - levels["fresh"]) / most
    case.check(each <= 16 * KIB, f"{each / KIB:.1f} KiB for a session that waits")
    case.say(f"{case.either(100_000, 5000)} cycles ({rate:.0f}/s), RESUME_WINDOW 300, MAX_DETACHED "
             f"{most}: memory {mib(levels['fresh'])} fresh, {mib(levels['warm'])} when full "
             f"({each / KIB:.1f} KiB a session), {mib(levels['cycles'])} after the cycles "
             f"({grown / KIB:+.0f} KiB, at most {case.either(8, 2)} MiB)")


def case_storm(case):
    """100 resumes a second beside answers that are streamed to others."""
    seconds, rate, listeners, resumers = case.either(60, 3), 100, 20, case.either(300, 100)
    levels = {}
    with upstream() as port, Server(port) as server:
        found = case.take(run_load(
            "storm", server, lambda name: levels.__setitem__(name, level(server.pid)), 300,
            time_ms=seconds * 1000, rate=rate, listeners=listeners, resumers=resumers))
    begun = found["resumes begun"]
    case.check(begun >= seconds * rate * 0.9, f"only {begun:.0f} resumes begun")
    # A socket that is replaced before its verdict has none: a second's pause of the machine.
    case.check(found["resumes"] >= begun * 0.9, f"{found['resumes']:.0f} verdicts for {begun:.0f} resumes")
    case.check(found["pause between deltas p99"] <= 500,
               f"the others' deltas paused for {found['pause between deltas p99']:.0f} ms")
    case.say(f"{seconds} s, {begun:.0f} resumes by {resumers} clients beside {listeners} listeners: "
             f"{found['recovered']:.0f} recovered of {found['resumes']:.0f}, {found['answered']:.0f} "
             f"answers whole; live again after p99 {found['verdict p99']:.1f} ms; the listeners' "
             f"deltas pause p50 {found['pause between deltas p50']:.1f}, p99 "
             f"{found['pause between deltas p99']:.1f}, worst "
             f"{found['pause between deltas worst']:.1f} ms; memory "
             f"{mib(levels['before the storm'])} before, {mib(levels['after the storm'])} after")


def case_hostile(case):
    """10 000 connections of every hostile kind beside healthy clients."""
    healthy, warm, cycles = 2, case.either(20_000, 5000), case.either(50_000, 10_000)
    levels = {}

    def measure(name):
        # Blocks of so many sizes leave an allocator with holes of megabytes; the growth is looked for
        # in what is in use.
        levels[name] = level(server.pid)
        if TRIM:
            os.kill(server.pid, signal.SIGUSR1)
            time.sleep(0.3)
            levels[name + ", in use"] = level(server.pid)

    with upstream() as port, Server(port, RESUME_WINDOW=1, **({"LD_PRELOAD": TRIM} if TRIM else {})) \
            as server:
        found = case.take(run_load("hostile", server, measure, 400, warm=warm, cycles=cycles,
                                   at_once=100, healthy=healthy, window_ms=2500,
                                   quiet_ms=case.either(5000, 1500)))
        left, sockets = kernel_bytes(server.port)
    case.check(found["failed"] == 0, f"{found['failed']:.0f} failed to connect")
    case.check(found["not ended"] == 0, f"{found['not ended']:.0f} were not told off")
    case.check(found["healthy all well"] == 1, "a healthy one lost something")
    which = ", in use" if TRIM else ""
    grown = levels["cycles" + which] - levels["warm" + which]
    # A healthy one's session may fill its log of 1 MiB meanwhile.
    most = (healthy + 2 if TRIM else 16) * MIB
    case.check(grown <= most, f"{mib(grown)} more after the cycles")
    case.check(sockets == 0, f"{sockets} sockets left that hold {left} bytes of the kernel")
    before, meanwhile = found["ping p99 before"], found["ping p99 meanwhile"]
    after = found["ping p99 afterwards"]
    case.check(meanwhile <= max(50 * before, 500), f"the healthy ones' p99 went to {meanwhile:.0f} ms")
    case.check(after <= max(10 * before, 100), f"the healthy ones' p99 stayed at {after:.0f} ms")
    shown = {name: mib(number) for name, number in levels.items()}
    case.say(f"{cycles} connections of {found['kinds']:.0f} kinds, 100 at once, "
             f"{cycles / found['ms for cycles'] * 1000:.0f}/s: {grown / KIB:+.0f} KiB (at most "
             f"{mib(most)}), memory {shown}; {healthy} healthy ones, ping p99 {before:.1f} ms before, "
             f"{meanwhile:.1f} meanwhile (worst {found['ping worst meanwhile']:.0f}), {after:.1f} "
             f"afterwards")


# Attacks of slowhttptest: heads that do not end, bodies that do not end, answers read by the byte.
SLOW_HTTP = {"heads": ["-H", "-i", "2", "-x", "24"],
             "bodies": ["-B", "-i", "2", "-x", "24", "-s", "8192"],
             "reading": ["-X", "-w", "16", "-y", "64", "-n", "2", "-z", "8", "-k", "3"]}


def case_slow_http(case):
    """slowhttptest (Debian has it) with 1 000 connections, and healthy clients beside it."""
    program = shutil.which("slowhttptest")
    if not program:
        case.say("skipped, there is no slowhttptest")
        return
    seconds, connections = case.either(30, 12), 1000
    for name, options in SLOW_HTTP.items():
        said, probes = [], []

        def probe():
            asking = http.client.HTTPConnection("127.0.0.1", server.port, timeout=3)
            try:
                asking.request("GET", "/healthz")
                return asking.getresponse().status
            except OSError as why:
                return type(why).__name__
            finally:
                asking.close()

        def attack(_):
            with tempfile.TemporaryFile() as output:
                process = start(
                    [program, *options, "-c", connections, "-r", 200, "-l", seconds, "-p", 3,
                     "-u", f"http://127.0.0.1:{server.port}/"], os.environ,
                    stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
                try:
                    deadline = time.monotonic() + seconds + 60
                    while process.poll() is None and time.monotonic() < deadline:
                        probes.append(probe())
                        time.sleep(0.2)
                finally:
                    process.kill()
                    process.wait()
                output.seek(0)
                said.append(re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "",
                                   output.read().decode("utf-8", "replace")))

        with upstream() as port, Server(port) as server:
            before = level(server.pid)
            found = case.take(run_load("beside", server, attack, seconds + 120, healthy=5,
                                       quiet_ms=case.either(5000, 2000)))
            grown = level(server.pid) - before
        available = re.findall(r"service available:\s+(\w+)", said[0])
        connected = [int(number) for number in re.findall(r"connected:\s+(\d+)", said[0])]
        closed = [int(number) for number in re.findall(r"closed:\s+(\d+)", said[0])]
        case.check(available and set(available) == {"YES"},
                   f"{name}: the service was available: {available or said[0][-500:]}")
        other = [each for each in probes if each != 200]
        case.check(len(probes) > seconds and not other,
                   f"{name}: /healthz said {other[:3]} {len(other)} times of {len(probes)}")
        case.check(connected and max(connected) >= connections * 0.5 or closed and max(closed) >=
                   connections * 0.5, f"{name}: at most {connected[-1:]} connected, {closed[-1:]} closed")
        case.check(found["healthy all well"] == 1, f"{name}: a healthy one lost something")
        first, meanwhile = found["ping p99 before"], found["ping p99 meanwhile"]
        case.check(meanwhile <= max(20 * first, 300), f"{name}: the p99 went to {meanwhile:.0f} ms")
        case.check(grown <= 32 * MIB, f"{name}: {mib(grown)} more")
        case.say(f"{name}: {connections} connections in {seconds} s, up to {max(connected or [0])} at "
                 f"once, {max(closed or [0])} closed, available {available.count('YES')} of "
                 f"{len(available)} times, /healthz 200 {probes.count(200)} times; ping p99 "
                 f"{first:.1f} ms before, {meanwhile:.1f} meanwhile "
                 f"(worst {found['ping worst meanwhile']:.0f}), {found['ping p99 afterwards']:.1f} "
                 f"afterwards; {grown / KIB:+.0f} KiB")


CASES = (("herd", case_herd), ("slow", case_slow), ("vanish", case_vanish),
         ("vanish waiting", case_vanish_waiting), ("storm", case_storm),
         ("hostile", case_hostile), ("http", case_slow_http))


def program(variable):
    path = os.environ.get(variable, "")
    if not (path and os.access(path, os.X_OK)):
        sys.exit(f"{variable} must name an executable, not {path!r}")
    return path


def main():
    for name, function in CASES:
        if ARGUMENTS.k not in name:
            continue
        case = Case(ARGUMENTS.full)
        begun = time.monotonic()
        try:
            function(case)
        except (Failure, OSError, KeyError, subprocess.TimeoutExpired) as why:
            case.wrong.append(f"{type(why).__name__}: {why}")
        good = not case.wrong
        failures.extend(case.wrong)
        print(f"{'ok' if good else 'not ok'} {name} ({time.monotonic() - begun:.1f} s): "
              f"{'; '.join(case.wrong + case.words)}")
        if ARGUMENTS.v:
            for figure, number in case.figures.items():
                print(f"    {figure}: {number:g}")
    return 1 if failures else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("-k", metavar="TEXT", default="")
    parser.add_argument("-v", action="store_true")
    parser.add_argument("--plant", metavar="NAME", default="")
    ARGUMENTS = parser.parse_args()
    PLANT = ARGUMENTS.plant
    SERVER, LOAD = program("AGENT_WEBSOCKET_SERVER"), program("AGENT_WEBSOCKET_SOAK_LOAD")
    TRIM = os.environ.get("AGENT_WEBSOCKET_SOAK_TRIM", "")  # trim.cpp as a library, or nothing
    failures = []
    sys.stdout.reconfigure(line_buffering=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
