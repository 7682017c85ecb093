# SPDX-License-Identifier: MIT
"""What workloads share: the programs, built and started, and what /proc says of a process."""
import contextlib
import ctypes
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build" / "bench"
TICK = os.sysconf("SC_CLK_TCK")


class Failure(Exception):
    """There are no figures."""


# ---- what /proc says ------------------------------------------------------------------------------

def cpu_seconds(pid):
    """User and system time of the process, all of its threads. Nanoseconds where the kernel counts
    them: a tick of /proc/PID/stat is 10 ms."""
    with contextlib.suppress(OSError, IndexError):
        total = 0
        for thread in os.listdir(f"/proc/{pid}/task"):
            total += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text("ascii").split()[0])
        if total:
            return total / 1e9
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_bytes(pid):
    found = re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text("ascii"), re.M)
    return int(found[1]) * 1024


def disk_bytes(pid):
    """What the process has sent to the disk."""
    return int(re.search(r"^write_bytes: (\d+)", Path(f"/proc/{pid}/io").read_text("ascii"), re.M)[1])


# ---- processes ------------------------------------------------------------------------------------

def start(command, variables=None, **streams):
    """Nothing of our own environment configures it, and it ends when we do."""
    def die_with_parent():
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment.update({name: str(value) for name, value in (variables or {}).items()})
    return subprocess.Popen([str(word) for word in command], env=environment, preexec_fn=die_with_parent,
                            **streams)


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
    words = process.stdout.readline().decode()
    found = re.match(pattern, words)
    if not found:
        raise Failure(f"{process.args[0]} says {words!r}")
    return int(found[1])


class Bench:
    """The programs that are measured and that measure."""

    def __init__(self):
        self.load = BUILD / "load"
        self.server = Path(os.environ.get("AGENT_WEBSOCKET_SERVER") or BUILD / "bin" / "server")
        launcher = ["ccache"] if shutil.which("ccache") else []
        build([*launcher, "g++", "-std=c++17", "-O2", f"-I{ROOT / 'tests'}",
               ROOT / "tools" / "bench" / "load.cpp", "-o", self.load], self.load,
              [ROOT / "tools" / "bench" / "load.cpp", *(ROOT / "tests" / "soak").glob("*.hpp")])
        if "AGENT_WEBSOCKET_SERVER" in os.environ:
            return
        run_quietly(["cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                     "-DAGENT_WEBSOCKET_BUILD_TESTS=OFF", "-DAGENT_WEBSOCKET_WERROR=OFF",
                     "-DAGENT_WEBSOCKET_INSTALL=OFF",
                     *(f"-DCMAKE_CXX_COMPILER_LAUNCHER={each}" for each in launcher)])
        run_quietly(["cmake", "--build", BUILD, "--target", "example_server"])

    def accepts(self, **variables):
        """Whether the server can be started with these variables; else it says why not."""
        with ended(start([self.server, "--check-config"], variables, stdout=subprocess.DEVNULL)) as process:
            return process.wait(10) == 0

    @contextlib.contextmanager
    def upstream(self):
        with ended(start([self.load, "upstream"], stdout=subprocess.PIPE)) as process:
            yield announced(process, r"upstream on (\d+)")

    @contextlib.contextmanager
    def serving(self, upstream_port, **variables):
        """The example server without any limit of rates; gives the process, with its port."""
        settings = {"LOG_LEVEL": "warning", "HOST": "127.0.0.1", "PORT": 0, "MODEL": "bench",
                    "OPENROUTER_BASE_URL": f"http://127.0.0.1:{upstream_port}/v1", "MAX_UPSTREAM": 0,
                    "RATE_LIMIT_PER_MINUTE": 0, "USER_RATE_LIMIT_PER_MINUTE": 0,
                    "NEW_CONNECTIONS_PER_SECOND": 0, "MAX_CONNECTIONS_PER_IP": 0,
                    "MAX_SESSIONS_PER_USER": 0, **variables}
        with ended(start([self.server], settings, stdout=subprocess.PIPE)) as process:
            process.port = announced(process, r"listening on http://127\.0\.0\.1:(\d+)/")
            yield process
            if process.poll() is not None:
                raise Failure(f"the server ended with {process.returncode}")

    def run_load(self, case, port, at_waits, limit=60, **parameters):
        """Runs a case of load.cpp; at_waits(name) is called wherever it waits. Gives its figures."""
        words = [f"{name}={number}" for name, number in parameters.items()]
        figures, rest = {}, b""
        deadline = time.monotonic() + limit
        with ended(start([self.load, case, port, *words], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE)) as process:
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
                        process.stdin.write(b"\n")
                        process.stdin.flush()
                    elif verb == "figure":
                        name, _, number = what.rpartition(" ")
                        figures[name] = float(number)
            if process.wait(10) != 0:
                raise Failure(f"the load ended with {process.returncode}")
        return figures


class Redis:
    """A redis-server that appends to a file, as the README asks for."""

    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = start(["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--dir", folder,
                              "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
                              "--auto-aof-rewrite-percentage", "0"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        for _ in range(200):
            with contextlib.suppress(OSError):
                self.ask("PING")
                return
            time.sleep(0.02)
        end(self.process)
        raise Failure("redis-server does not answer")

    def ask(self, words):
        with socket.create_connection(("127.0.0.1", self.port), 5) as link:
            link.sendall(f"{words}\r\nQUIT\r\n".encode())
            answer = b""
            while piece := link.recv(65536):
                answer += piece
        return answer.decode()

    def number(self, section, name):
        return int(re.search(rf"^{name}:(\d+)", self.ask(f"INFO {section}"), re.M)[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process)


@contextlib.contextmanager
def folder_on_disk():
    """In the build folder: what is for temporary files may be in memory."""
    BUILD.mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="work-", dir=BUILD)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# ---- building -------------------------------------------------------------------------------------

def run_quietly(command):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}\n{done.stdout}")


def build(command, product, sources):
    newest = max(each.stat().st_mtime for each in sources)
    product.parent.mkdir(parents=True, exist_ok=True)
    if not product.exists() or product.stat().st_mtime < newest:
        run_quietly(command)
