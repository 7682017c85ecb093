# SPDX-License-Identifier: MIT
"""The processes that are killed, paused and started again: servers on ports that stay theirs, and
a Redis. Waiting for them does not stand in the way of the clients."""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))
import harness  # noqa: E402

ADMIN = "chaos-admin-token-0123456789"


def free_port():
    """Below the ports that the system gives to outgoing connections: it could give one of those to
    a client while the server that has it is down."""
    while True:
        port = random.SystemRandom().randrange(12_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass


class Node:
    """One example server, in all of its lives."""

    def __init__(self, store, upstream_url, **variables):
        self.port = free_port()
        self.settings = {
            "HOST": "127.0.0.1", "PORT": self.port, "STORE": store, "OPENROUTER_BASE_URL": upstream_url,
            "OPENROUTER_API_KEY": "sk-chaos", "TEMPERATURE": 0.7,
            "ADMIN_TOKEN": ADMIN, "MAX_HISTORY": 10_000,
            **harness.WITHOUT_LIMITS, **variables}
        self.process = None
        self.paused = False
        self.starts = []  # seconds each
        self.output = []  # of former lives

    async def start(self):
        begun = time.monotonic()
        self.process = harness.Process([harness.program("AGENT_WEBSOCKET_SERVER")],
                                       harness.clean_environment(**self.settings))
        await asyncio.to_thread(self.process.wait_for_line, "listening on")
        self.starts.append(time.monotonic() - begun)

    def strike(self):
        """Kills it this instant; kill() has still to be called."""
        self.process.popen.send_signal(signal.SIGKILL)

    async def kill(self):
        await asyncio.to_thread(self.process.kill)
        self.output += self.process.lines
        harness.processes.remove(self.process)

    async def stop(self):
        """In good order: the exit code."""
        self.process.popen.send_signal(signal.SIGTERM)
        code = await asyncio.to_thread(self.process.wait, 20)
        await self.kill()
        return code

    def pause(self):
        self.paused = True
        self.process.popen.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.paused = False
        self.process.popen.send_signal(signal.SIGCONT)

    def lines_of(self, word):
        lines = self.output + (self.process.lines if self.process else [])
        return [f"{self.port} {line}" for line in lines if word in line]

    async def ask(self, method, path, body=""):
        """Status and text of the answer; OSError or TimeoutError when there is none."""
        async def call():
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            try:
                writer.write(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
                             f"Authorization: Bearer {ADMIN}\r\nContent-Type: application/json\r\n"
                             f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
                head, _, rest = (await reader.read(-1)).partition(b"\r\n\r\n")
                if not head:
                    raise ConnectionResetError
                return int(head.split()[1]), rest.decode()
            finally:
                writer.close()
        return await asyncio.wait_for(call(), 25)  # a server gives up after 20


class Redis:
    """One redis-server whose log of appends is on the disk."""

    def __init__(self, folder):
        if not shutil.which("redis-server"):
            raise harness.Skip("there is no redis-server")
        self.folder, self.port, self.popen = folder, free_port(), None

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    async def start(self):
        self.popen = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder),
             "--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--daemonize", "no"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=harness.die_with_parent)
        for _ in range(200):
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(b"PING\r\n")
                answer = await reader.readline()
                writer.close()
                if answer.startswith(b"+PONG"):
                    return
            await asyncio.sleep(0.05)
        raise harness.Failure("redis-server does not answer")

    def strike(self):
        self.popen.send_signal(signal.SIGKILL)

    async def kill(self):
        self.strike()
        await asyncio.to_thread(self.popen.wait)

    def end(self):
        with contextlib.suppress(ProcessLookupError):
            self.popen.kill()
        self.popen.wait()
