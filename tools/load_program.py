# SPDX-License-Identifier: MIT
"""Programs that the soak tests and the benchmark start, and what their load programs say.

A load program is asked for a case by its name, the port of a server and words NAME=VALUE. It prints
`wait NAME` where its driver is to look at the server, and goes on after a line on its standard input;
`figure NAME NUMBER` is what it has measured.
"""
import contextlib
import ctypes
import os
import re
import select
import signal
import subprocess
import tempfile
import time


class Failure(Exception):
    """There are no figures."""


def environment(variables):
    """Nothing of our own environment configures what is started."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
    made = {name: os.environ[name] for name in kept if name in os.environ}
    made.update({name: str(value) for name, value in variables.items()})
    return made


def start(command, variables=None, **streams):
    """It ends when we do."""
    def die_with_parent():
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    return subprocess.Popen([str(word) for word in command], env=environment(variables or {}),
                            preexec_fn=die_with_parent, **streams)


def end(process):
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()


@contextlib.contextmanager
def ended(process):
    try:
        yield process
    finally:
        end(process)


def announced(process, pattern):
    """The number in the first line of what it prints."""
    words = process.stdout.readline().decode()
    found = re.match(pattern, words)
    if not found:
        raise Failure(f"{process.args[0]} says {words!r}")
    return int(found[1])


@contextlib.contextmanager
def upstream(program, **parameters):
    """Its model as a process of its own; gives the port."""
    words = [f"{name}={value}" for name, value in parameters.items()]
    with ended(start([program, "upstream", *words], stdout=subprocess.PIPE)) as process:
        yield announced(process, r"upstream on (\d+)")


def run_load(program, case, port, at_waits, limit, until=None, **parameters):
    """Runs a case, to its end or to the wait of that name; at_waits(name) is called wherever it waits for
    us. Gives its figures."""
    words = [f"{name}={value}" for name, value in parameters.items()]
    figures, rest = {}, b""
    deadline = time.monotonic() + limit
    with tempfile.TemporaryFile() as complaints, \
            ended(start([program, case, port, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                        stderr=complaints)) as process:
        while True:
            if not select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))[0]:
                raise Failure(f"the load took longer than {limit} s")
            read = os.read(process.stdout.fileno(), 65536)
            if not read:
                break
            *lines, rest = (rest + read).split(b"\n")
            for line in lines:
                verb, _, what = line.decode().partition(" ")
                if verb == "wait":
                    at_waits(what)
                    if what == until:
                        return figures
                    with contextlib.suppress(BrokenPipeError):  # how it ended is told below
                        process.stdin.write(b"\n")
                        process.stdin.flush()
                elif verb == "figure":
                    name, _, number = what.rpartition(" ")
                    figures[name] = float(number)
        code = process.wait(10)
        if code != 0:
            complaints.seek(0)
            said = complaints.read(1000).decode("utf-8", "replace").strip()
            raise Failure(f"the load ended with {code}: {said}")
    return figures
