# SPDX-License-Identifier: MIT
"""The programs that are measured and that measure, built here when they are not new enough."""
import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools"))
from load_program import Failure, end, start  # noqa: E402

HERE = ROOT / "tools" / "bench"
BUILD = ROOT / "build" / "bench"


def run_quietly(command):
    done = subprocess.run([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"{' '.join(map(str, command))}\n{done.stdout}")


def compiler():
    return os.environ.get("CXX") or "g++"


def launcher():
    return ["ccache"] if shutil.which("ccache") else []


def built(name, *options):
    """The path of NAME.cpp of this folder as a program."""
    source, product = HERE / f"{name}.cpp", BUILD / name
    if not source.exists():
        raise Failure(f"there is no {source}")
    headers = [source, *HERE.rglob("*.hpp"), *(ROOT / "tests" / "soak").glob("*.hpp")]
    newest = max(each.stat().st_mtime for each in headers)
    if not product.exists() or product.stat().st_mtime < newest:
        product.parent.mkdir(parents=True, exist_ok=True)
        run_quietly([*launcher(), compiler(), "-std=c++17", "-O2", f"-I{ROOT / 'tests'}", f"-I{HERE}", source,
                     "-o", product, *options])
    return product


def example_server():
    """Release; or what AGENT_WEBSOCKET_SERVER names, which is not built."""
    named = os.environ.get("AGENT_WEBSOCKET_SERVER")
    if named:
        return Path(named)
    run_quietly(["cmake", "-S", ROOT, "-B", BUILD, "-G", "Ninja", "-DCMAKE_BUILD_TYPE=Release",
                 "-DAGENT_WEBSOCKET_BUILD_TESTS=OFF", "-DAGENT_WEBSOCKET_WERROR=OFF",
                 "-DAGENT_WEBSOCKET_INSTALL=OFF",
                 *(f"-DCMAKE_CXX_COMPILER_LAUNCHER={each}" for each in launcher())])
    run_quietly(["cmake", "--build", BUILD, "--target", "example_server"])
    return BUILD / "bin" / "server"


@contextlib.contextmanager
def folder_on_disk():
    """In the build folder: what is for temporary files may be in memory."""
    BUILD.mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="work-", dir=BUILD)
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def certificate(folder):
    """Of localhost, signed by itself: the files of certificate and key."""
    if not shutil.which("openssl"):
        raise Failure("there is no openssl program (Debian: openssl)")
    files = folder / "certificate.pem", folder / "key.pem"
    run_quietly(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                 "-out", files[0], "-keyout", files[1], "-days", "2", "-subj", "/CN=localhost",
                 "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
    return files


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
