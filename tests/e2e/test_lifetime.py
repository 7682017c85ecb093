# SPDX-License-Identifier: MIT
"""How sessions and the server end: inactivity, missing heartbeats, drain; and that keys stay inside."""

import asyncio
import base64
import http.server
import json
import os
import re
import signal
import socket
import struct
import threading
import time

from harness import (SOCKET_PATH, Client, DemoUpstream, Failure, Server, check, command, equal,
                     is_terminal, query, test)


@test("timeout: an idle session is told and closed with 1000 Session timeout")
def session_timeout():
    async def body(server):
        begun = time.monotonic()
        async with Client.open(server) as client:
            await client.ask("count to 40")  # takes longer than the timeout: an answer is no idleness
            check(time.monotonic() - begun > 1, "the answer was too quick to prove anything")
            answered = time.monotonic()
            equal(await client.closed(), (1000, "Session timeout"), "close")
            last = client.seen[-1]
            equal((last["type"], last["content"]),
                  ("notification", "Session closed due to inactivity"), "last message")
            idle = time.monotonic() - answered
            check(0.85 <= idle <= 4, f"closed after {idle:.1f} s")

    with Server(SESSION_TIMEOUT="0.015", CLEANUP_INTERVAL=1) as server:
        asyncio.run(body(server))


@test("timeout: messages keep a session alive")
def kept_alive():
    async def body(server):
        async with Client.open(server) as client:
            for _ in range(6):
                await asyncio.sleep(0.5)
                await client.send(command("info"))
                equal((await client.next())["op"], "info", "info")

    with Server(SESSION_TIMEOUT="0.025", CLEANUP_INTERVAL=1) as server:
        asyncio.run(body(server))


class RawSocket:
    """A WebSocket that does nothing by itself: no library answers pings here."""

    def __init__(self, server):
        self.socket = socket.create_connection(("127.0.0.1", server.port), 10)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET {SOCKET_PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Version: 13\r\n\r\n".encode())
        self.bytes = b""
        while b"\r\n\r\n" not in self.bytes:
            self.receive()
        head, _, self.bytes = self.bytes.partition(b"\r\n\r\n")
        check(head.startswith(b"HTTP/1.1 101"), head.decode())

    def receive(self):
        got = self.socket.recv(65536)
        if not got:
            raise Failure("the server closed the TCP connection")
        self.bytes += got

    def frame(self):
        """Opcode and payload of the next frame."""
        def need(count):
            while len(self.bytes) < count:
                self.receive()
        need(2)
        opcode, length, begin = self.bytes[0] & 15, self.bytes[1] & 127, 2
        if length == 126:
            need(4)
            length, begin = struct.unpack(">H", self.bytes[2:4])[0], 4
        need(begin + length)
        payload = self.bytes[begin:begin + length]
        self.bytes = self.bytes[begin + length:]
        return opcode, payload


@test("heartbeat: who does not answer pings is closed with 4001, who does is not")
def heartbeat():
    async def well_behaved(server, seconds):
        async with Client.open(server) as client:
            await asyncio.sleep(seconds)
            equal((await client.ask("count to 1"))["content"], "1", "a client that answers")

    with Server(HEARTBEAT_INTERVAL=1, HEARTBEAT_TIMEOUT=1, CLEANUP_INTERVAL=1) as server:
        begun = time.monotonic()
        raw = RawSocket(server)
        raw.socket.settimeout(8)
        opcodes = []
        while True:
            opcode, payload = raw.frame()
            opcodes.append(opcode)
            if opcode == 8:
                break
        took = time.monotonic() - begun
        check(9 in opcodes, f"no ping came: {opcodes}")
        equal((struct.unpack(">H", payload[:2])[0], payload[2:].decode()),
              (4001, "heartbeat_timeout"), "close frame")
        check(1.8 <= took <= 5, f"closed after {took:.1f} s")
        raw.socket.close()
        asyncio.run(well_behaved(server, 4))


@test("drain: on SIGTERM the running answer ends, the waiting one is told, then 1012 and code 0")
def drain():
    async def body(server):
        async with Client.open(server) as client, Client.open(server) as idle:
            await client.send(query("slow one two three four five", id="running", stream=True))
            await client.until(lambda m: m.get("phase") == "delta")
            await client.send(query("count to 3", id="waiting"))
            await client.until(lambda m: m.get("op") == "queued")
            server.signal(signal.SIGTERM)
            told = await client.until(lambda m: m["type"] == "notification")
            equal((told.get("op"), told["content"]), ("drain", "Server is shutting down"), "notice")
            equal((await idle.closed(3))[0], 1012, "close code of an idle client")
            check(any(m.get("op") == "drain" for m in idle.seen), "the idle client was not told")
            try:
                status = server.get("/readyz")[0]
                equal(status, 503, "/readyz while draining")
            except ConnectionError:
                pass  # it may also have stopped listening
            ends = [await client.until(is_terminal) for _ in range(2)]
            by_ref = {end["ref"]: end for end in ends}
            equal(by_ref["waiting"].get("code"), "draining", "the waiting query")
            equal((by_ref["running"]["status"], by_ref["running"]["content"]),
                  ("completed", "one two three four five"), "the running answer")
            equal((await client.closed())[0], 1012, "close code")

    with Server() as server:
        asyncio.run(body(server))
        equal(server.wait(5), 0, "exit code")


@test("drain: an answer that does not end is given up after DRAIN_TIMEOUT")
def drain_timeout():
    async def body(server):
        async with Client.open(server) as client:
            await client.send(query("stall", id="q"))
            await client.until(lambda m: m.get("op") == "thinking")
            await asyncio.sleep(0.5)
            server.signal(signal.SIGTERM)
            error = await client.until(is_terminal, 5)
            equal(error.get("code"), "draining", "the stalled query")
            equal((await client.closed())[0], 1012, "close code")

    with Server(DRAIN_TIMEOUT=1) as server:
        asyncio.run(body(server))
        equal(server.wait(5), 0, "exit code")


@test("drain: a signal that comes right behind the announcement ends it in order, with code 0")
def early_signal():
    for number in (signal.SIGINT, signal.SIGTERM) * 3:
        with Server() as server:
            server.signal(number)
            equal(server.wait(5), 0, f"exit code after {number.name}")


@test("churn: sockets that vanish in mid-answer leave nothing behind")
def churn():
    async def vanish(server, number):
        async with Client.open(server) as client:
            await client.send(query(("count to 900", "stall", "silent")[number % 3], stream=True))
            if number % 3 < 2:
                await client.until(lambda m: m.get("phase") == "delta")
            client.socket.transport.abort()  # RST or FIN, but no close frame

    async def body(server, upstream):
        for _ in range(5):
            await asyncio.gather(*(vanish(server, number) for number in range(30)))
        await asyncio.to_thread(upstream.wait_for, "abandoned", 100)  # the silent ones may not have begun
        async with Client.open(server) as client:
            equal((await client.ask("count to 2"))["content"], "1 2", "afterwards")

    def descriptors(server):
        return len(os.listdir(f"/proc/{server.popen.pid}/fd"))

    with DemoUpstream() as upstream:
        with Server(OPENROUTER_BASE_URL=upstream.url, RUN_GRACE=0, RESUME_WINDOW=0) as server:
            before = descriptors(server) if os.path.isdir("/proc/self/fd") else None
            asyncio.run(body(server, upstream))
            deadline = time.monotonic() + 5
            while upstream.status()["answering"] > 0 or (before and descriptors(server) > before + 8):
                check(time.monotonic() < deadline, lambda: f"left behind: {upstream.status()}, "
                      f"{descriptors(server)} descriptors after {before} at the start")
                time.sleep(0.05)


@test("secrets: the key reaches the upstream and nobody else")
def secrets():
    seen = []

    class Talkative(http.server.BaseHTTPRequestHandler):
        """An upstream that says in its errors all that it should not."""

        def do_POST(self):
            seen.append(self.headers.get("Authorization"))
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = json.loads(body)["messages"][-1]["content"]
            text = {"message": f"Invalid key {self.headers.get('Authorization')} in /srv/app.py",
                    "code": int(asked), "metadata": {"raw": str(self.headers)}}
            reply = json.dumps({"error": text}).encode()
            self.send_response(int(asked))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(reply)))
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_):
            pass

    async def body(server):
        async with Client.open(server) as client:
            for status in ("401", "400", "500"):
                error = await client.ask(status, timeout=15)
                equal(error["type"], "error", status)
            await client.command("info")
            shown = json.dumps(client.seen)
            check(not re.search(r"sk-or-v1-e|Bearer s|/srv", shown), f"a client was told: {shown}")

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Talkative) as upstream:
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        try:
            url = f"http://127.0.0.1:{upstream.server_port}/v1"
            with Server(OPENROUTER_BASE_URL=url, OPENROUTER_API_KEY=Server.secret,
                        LOG_LEVEL="debug", MAX_RETRIES=0) as server:
                asyncio.run(body(server))
                for path in ("/healthz", "/readyz", "/metrics", "/"):
                    check(Server.secret not in server.get(path)[1], f"{path} shows the key")
        finally:
            upstream.shutdown()
    equal(set(seen), {f"Bearer {Server.secret}"}, "Authorization")


@test("restart: a server on the same port serves at once, an open upstream call dies with it")
def restart():
    async def ask(server):
        async with Client.open(server) as client:
            equal((await client.ask("count to 2"))["content"], "1 2", "answer")

    async def stalled(server, upstream):
        async with Client.open(server) as client:
            await client.send(query("stall"))
            await asyncio.to_thread(upstream.wait_for, "answering", 1)
            server.signal(signal.SIGKILL)
            check((await client.closed())[0] in (1006, None), "close code after SIGKILL")

    with DemoUpstream() as upstream:
        with Server(OPENROUTER_BASE_URL=upstream.url) as first:
            asyncio.run(stalled(first, upstream))
            first.expected_code = first.wait(5)
            equal(first.expected_code, -signal.SIGKILL, "exit code")
            upstream.wait_for("abandoned", 1)
            with Server(port=first.port, OPENROUTER_BASE_URL=upstream.url) as second:
                asyncio.run(ask(second))
