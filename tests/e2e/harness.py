# SPDX-License-Identifier: MIT
"""What the end-to-end tests share: the programs under test as processes on free ports, a protocol
client on top of the `websockets` package, and the list of tests. Standard Python otherwise."""

import asyncio
import contextlib
import ctypes
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOCKET_PATH = "/functions/v1/agent_websocket"

tests = []  # (name, function) in the order of their definition
processes = []  # of the test that runs


class Failure(AssertionError):
    """What was promised did not happen."""


class Skip(Exception):
    """The test needs a tool that this system cannot have."""


def test(name):
    def register(function):
        tests.append((name, function))
        return function
    return register


def check(condition, words):
    if not condition:
        raise Failure(words() if callable(words) else str(words))


def equal(found, wanted, what):
    check(found == wanted, lambda: f"{what}: {wanted!r} expected, {found!r} found")


# ---- processes ------------------------------------------------------------------------------------

def die_with_parent():
    """Linux: the child is killed when this program is, however that ends."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)


def clean_environment(**variables):
    """What a program needs of our own environment, and nothing that would configure the server."""
    kept = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS",
            "TSAN_OPTIONS")
    environment = {name: os.environ[name] for name in kept if name in os.environ}
    environment.update({name: str(value) for name, value in variables.items()})
    return environment


class Process:
    """A program whose output is kept. Leaves nothing behind: used in a `with`."""

    def __init__(self, command, environment=None, stdin=subprocess.DEVNULL):
        self.command = [str(word) for word in command]
        self.lines = []
        self.change = threading.Condition()
        self.ended = False
        self.popen = subprocess.Popen(
            self.command, env=environment or clean_environment(), stdin=stdin,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            preexec_fn=die_with_parent)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        processes.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def read(self):
        for line in self.popen.stdout:
            with self.change:
                self.lines.append(line.decode("utf-8", "replace").rstrip("\r\n"))
                self.change.notify_all()
        with self.change:
            self.ended = True
            self.change.notify_all()

    @property
    def output(self):
        return "\n".join(self.lines)

    def wait_for_line(self, pattern, timeout=15):
        """The match of the first line, past or future, that has the pattern."""
        deadline = time.monotonic() + timeout
        seen = 0
        with self.change:
            while True:
                while seen < len(self.lines):
                    found = re.search(pattern, self.lines[seen])
                    seen += 1
                    if found:
                        return found
                if self.ended:
                    raise Failure(f"{self.command[0]} ended before it printed {pattern!r}")
                if not self.change.wait(max(0, deadline - time.monotonic())):
                    raise Failure(f"{self.command[0]} did not print {pattern!r} in {timeout} s")

    def wait(self, timeout=15):
        try:
            code = self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.command[0]} did not end in {timeout} s") from None
        self.reader.join(2)
        return code

    def write(self, text):
        self.popen.stdin.write(text.encode())
        self.popen.stdin.flush()

    def kill(self):
        """The whole process group, which may outlive its leader."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        self.reader.join(2)
        for stream in (self.popen.stdin, self.popen.stdout):
            with contextlib.suppress(Exception):
                stream.close()


def program(variable):
    path = os.environ.get(variable, "")
    check(path and os.access(path, os.X_OK), f"{variable} must name an executable, not {path!r}")
    return path


class ServerProgram(Process):
    """The example server. On leaving the `with` it is stopped, and has to end well."""

    secret = "sk-or-v1-e2e0123456789abcdef0123456789abcdef"
    expected_code = 0

    variable = "AGENT_WEBSOCKET_SERVER"
    prefix = ()  # a program, with its arguments, that becomes the server, such as prlimit

    def __init__(self, arguments, environment, announcement):
        super().__init__([*self.prefix, program(self.variable), *arguments], environment)
        try:
            self.announced = self.wait_for_line(announcement)
        except BaseException:
            self.kill()
            raise
        self.port = int(self.announced["port"])

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                if self.popen.poll() is None:
                    self.signal(signal.SIGTERM)
                equal(self.wait(15), self.expected_code, "exit code of the server")
                self.check_output()
        finally:
            self.kill()

    def check_output(self):
        reports = r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|Assertion"
        check(not re.search(reports, self.output), "the server's output has a report of a fault")
        check(self.secret not in self.output, "the server's output has the key")

    def signal(self, number):
        self.popen.send_signal(number)

    def get(self, path, method="GET", headers=None):
        return fetch(self.port, path, method, headers=headers)


# The tests of everything else come from one address and do not wait.
WITHOUT_LIMITS = {name: 0 for name in (
    "RATE_LIMIT_PER_MINUTE", "USER_RATE_LIMIT_PER_MINUTE", "NEW_CONNECTIONS_PER_SECOND",
    "MAX_CONNECTIONS_PER_IP", "MAX_SESSIONS_PER_USER")}


class Server(ServerProgram):
    """A server with these variables. Without a base URL it brings its own demo upstream."""

    def __init__(self, *arguments, port=0, **variables):
        settings = {"HOST": "127.0.0.1", "PORT": port, **WITHOUT_LIMITS, **variables}
        super().__init__(arguments, clean_environment(**settings),
                         r"listening on http://127\.0\.0\.1:(?P<port>\d+)/")

    def socket_url(self, path=SOCKET_PATH):
        return f"ws://127.0.0.1:{self.port}{path}"


class DemoUpstream(ServerProgram):
    """The demo upstream alone, so that its counters can be read."""

    def __init__(self):
        super().__init__(["--demo-upstream", "0"], clean_environment(),
                         r"demo upstream on (?P<url>http://127\.0\.0\.1:(?P<port>\d+)/api/v1)")
        self.url = self.announced["url"]

    def status(self):
        return json.loads(self.get("/demo/status")[1])

    def wait_for(self, name, number, timeout=3):
        """Waits until a counter has at least that value."""
        deadline = time.monotonic() + timeout
        while self.status()[name] < number:
            check(time.monotonic() < deadline,
                  lambda: f"the upstream's {name!r} did not come to {number}: {self.status()}")
            time.sleep(0.02)


def fetch(port, path, method="GET", body=None, headers=None):
    """Status, body as text, headers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), answer.headers
    finally:
        connection.close()


# ---- node and browser -----------------------------------------------------------------------------

def node(least=18):
    path = shutil.which("node")
    if not path:
        raise Skip("there is no node")
    version = subprocess.run([path, "--version"], capture_output=True, text=True).stdout.strip()
    if int(re.match(r"v(\d+)", version)[1]) < least:
        raise Skip(f"needs node {least} or newer, {version} is here")
    return path


def modules():
    """The folder that has node_modules."""
    for folder in (os.environ.get("AGENT_WEBSOCKET_E2E_MODULES"), HERE):
        if not folder:
            continue
        folder = Path(folder)
        if folder.name == "node_modules":
            folder = folder.parent
        if (folder / "node_modules").is_dir():
            return folder
    if not shutil.which("npm"):
        raise Skip("there is no npm")
    raise Failure("the node modules are missing: npm ci --prefix tests/e2e")


def script(name, *arguments, least=18, stdin=subprocess.DEVNULL, **variables):
    """One of the .mjs files here, as a process."""
    environment = clean_environment(E2E_MODULES=modules(), **variables)
    return Process([node(least), HERE / name, *arguments], environment, stdin)


def run_script(name, *arguments, timeout=40, **options):
    """Runs one of the .mjs files here to its end; it has to end well. Gives its output."""
    with script(name, *arguments, **options) as process:
        code = process.wait(timeout)
        check(code == 0, lambda: f"{name} ended with {code}: {last_line(process)}")
        return process.output


def last_line(process):
    return next((line for line in reversed(process.lines) if line.strip()), "(no output)")


def browser():
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        path = shutil.which(name)
        if path and "snap" not in os.path.realpath(path):
            return path
    raise Skip("there is no Chromium (Ubuntu has it as a snap only)")


# ---- a client of the protocol ---------------------------------------------------------------------

def query(content, **fields):
    return {"type": "query", "content": content, **fields}


def command(op, **fields):
    return {"type": "command", "op": op, **fields}


class Client:
    """One WebSocket, by the `websockets` package."""

    def __init__(self, socket):
        self.socket = socket
        self.seen = []  # all messages, in order
        self.welcome = None

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, server, path=SOCKET_PATH, **options):
        import websockets
        options = {"compression": None, "max_size": None, "ping_interval": None,
                   "open_timeout": 10, "close_timeout": 2,
                   **getattr(server, "client_options", {}), **options}
        async with websockets.connect(server.socket_url(path), **options) as socket:
            client = cls(socket)
            client.welcome = await client.next()
            yield client

    async def send(self, message):
        await self.socket.send(message if isinstance(message, str) else json.dumps(message))

    async def next(self, timeout=10):
        try:
            text = await asyncio.wait_for(self.socket.recv(), timeout)
        except asyncio.TimeoutError:
            raise Failure(f"no message in {timeout} s; the last one was "
                          f"{self.seen[-1] if self.seen else None}") from None
        check(isinstance(text, str), "the server sent a binary frame")
        message = json.loads(text)
        self.seen.append(message)
        return message

    async def until(self, wanted, timeout=10):
        """The next message that `wanted` accepts."""
        deadline = time.monotonic() + timeout
        while True:
            message = await self.next(max(0.01, deadline - time.monotonic()))
            if wanted(message):
                return message

    async def ask(self, content, timeout=10, **fields):
        """Sends a query and gives its terminal message."""
        await self.send(query(content, **fields))
        return await self.until(lambda m: is_terminal(m, fields.get("id")), timeout)

    async def command(self, op, timeout=10, **fields):
        """Sends a command with an id and gives the status or error that answers it."""
        fields.setdefault("id", f"{op}-{len(self.seen)}")
        await self.send(command(op, **fields))
        return await self.until(lambda m: m.get("ref") == fields["id"] and
                                m["type"] in ("status", "error"), timeout)

    async def closed(self, timeout=10):
        """Waits for the end of the connection and gives code and reason."""
        import websockets
        deadline = time.monotonic() + timeout
        while True:
            try:
                await self.next(max(0.01, deadline - time.monotonic()))
            except websockets.ConnectionClosed:
                return self.socket.close_code, self.socket.close_reason


def is_terminal(message, ref=None):
    """True for a message after which no other answers the query (of that id)."""
    if ref is not None and message.get("ref") != ref:
        return False
    if message["type"] == "response":
        return message.get("phase", "full") in ("full", "end")
    return message["type"] == "error"


class Transcript:
    """A streamed answer put together by the rule for deltas of the protocol."""

    def __init__(self):
        self.have = 0
        self.text = ""
        self.deltas = 0

    def add(self, message):
        idx, n = message["idx"], message["n"]
        self.deltas += 1
        if idx + n <= self.have:
            return
        if idx == 0 and n >= self.have:
            self.text = message["content"]
        elif idx == self.have:
            self.text += message["content"]
        else:
            raise Failure(f"a hole in the stream: have {self.have}, got {idx} + {n}")
        self.have = idx + n


@contextlib.contextmanager
def temporary_folder():
    folder = tempfile.mkdtemp(prefix="agent-websocket-e2e-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
