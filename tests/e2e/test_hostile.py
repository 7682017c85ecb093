# SPDX-License-Identifier: MIT
"""Peers that mean harm: what they may cost, and what they cannot make the server print."""

import asyncio
import base64
import contextlib
import http.server
import json
import os
import re
import select
import shutil
import socket
import struct
import threading
import time

import websockets

from harness import (SOCKET_PATH, Client, Server, Skip, check, command, equal, fetch, program,
                     test)

MIB = 1024 * 1024
# The package has changed the name of this argument.
HEADERS = "extra_headers" if int(websockets.__version__.split(".")[0]) < 14 else "additional_headers"


# ---- bare sockets ---------------------------------------------------------------------------------

def connect(server, seconds=10):
    return socket.create_connection(("127.0.0.1", server.port), seconds)


def upgrade(path=SOCKET_PATH, *fields):
    key = base64.b64encode(os.urandom(16)).decode()
    return ("\r\n".join([f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Upgrade: websocket",
                         "Connection: Upgrade", f"Sec-WebSocket-Key: {key}",
                         "Sec-WebSocket-Version: 13", *fields, "", ""])).encode()


def open_socket(server):
    """A WebSocket of bare bytes, behind its handshake; what the server says is left in it."""
    raw = connect(server)
    raw.sendall(upgrade())
    head = b""
    while b"\r\n\r\n" not in head:
        part = raw.recv(1)
        check(part, "closed instead of upgraded")
        head += part
    check(head.startswith(b"HTTP/1.1 101"), head)
    return raw


def frame(first, payload, announced=None):
    """A frame whose key is zero; `announced` bytes instead of the payload's own."""
    size = len(payload) if announced is None else announced
    head = bytes([first])
    if size <= 125:
        head += bytes([0x80 | size])
    elif size <= 0xFFFF:
        head += b"\xFE" + struct.pack(">H", size)
    else:
        head += b"\xFF" + struct.pack(">Q", size)
    return head + bytes(4) + payload


def read_all(raw, seconds=10):
    """What comes until the server closes its end."""
    got, deadline = b"", time.monotonic() + seconds
    while True:
        raw.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            part = raw.recv(65536)
        except (socket.timeout, TimeoutError):
            check(False, f"not closed in {seconds} s: {got[-200:]!r}")
        except ConnectionResetError:
            return got
        if not part:
            return got
        got += part


def close_code(got):
    """The code of the close frame at the end of these bytes, whose reason has no such byte."""
    at = got.rfind(b"\x88")
    return struct.unpack(">H", got[at + 2:at + 4])[0] if at >= 0 and len(got) >= at + 4 else None


def is_sanitized():
    """A sanitizer keeps freed memory, and takes pointers for wrong when it gets no descriptor."""
    with open(program("AGENT_WEBSOCKET_SERVER"), "rb") as file:
        return b"AddressSanitizer" in file.read()


def memory(server):
    """Heap and stacks, without the pages of the program."""
    if is_sanitized():
        return 0
    with open(f"/proc/{server.popen.pid}/smaps_rollup", encoding="ascii") as file:
        return int(re.search(r"^Anonymous:\s+(\d+) kB", file.read(), re.M)[1]) * 1024


def cpu_seconds(server):
    with open(f"/proc/{server.popen.pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def is_well(server):
    async def ask():
        async with Client.open(server) as client:
            equal((await client.ask("count to 1"))["content"], "1", "an answer to everybody else")
    asyncio.run(ask())


# ---- limits ---------------------------------------------------------------------------------------

@test("hostile: a request that drips is cut 5 s after the connection, however it drips")
def slow_handshake():
    heads = {"silent": b"", "a byte of the head at a time": upgrade(),
             "a field at a time": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100,
             "a body": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500}
    with Server() as server:
        begun = time.monotonic()
        sockets = {name: connect(server) for name in heads}
        sockets["a body"].sendall(heads["a body"][:56])
        open_ones, sent, ended = dict(sockets), 0, {}
        while open_ones:
            check(time.monotonic() - begun < 9, f"still open: {list(open_ones)}")
            sent += 1
            for name, raw in list(open_ones.items()):
                size = 6 if "field" in name else 1
                with contextlib.suppress(OSError):
                    raw.sendall(heads[name][56 + sent:57 + sent] if name == "a body"
                                else heads[name][sent * size:(sent + 1) * size])
                if select.select([raw], [], [], 0)[0]:
                    ended[name] = time.monotonic() - begun
                    del open_ones[name]
            time.sleep(0.2)
        for name, seconds in ended.items():
            check(4.5 <= seconds <= 7, f"{name}: cut after {seconds:.1f} s")
        is_well(server)


@test("hostile: a head without end is refused with 431 at 16 000 bytes, a body with 413 unread")
def endless_headers():
    with Server() as server:
        before = memory(server)
        for _ in range(50):
            for begin in (b"GET / HTTP/1.1\r\nX: ", b"GET /"):
                with connect(server) as raw, contextlib.suppress(OSError):
                    raw.sendall(begin)
                    for _ in range(64):
                        raw.sendall(b"x" * 16384)
                    check(read_all(raw).startswith(b"HTTP/1.1 431"), "no 431")
        for length in (1024 * 1024 + 1, 10 ** 12, 2 ** 64, 10 ** 400):
            with connect(server) as raw:
                raw.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % length)
                check(read_all(raw).startswith(b"HTTP/1.1 413"), f"no 413 for {length}")
        check(memory(server) - before <= 4 * MIB, f"{memory(server) - before} bytes more")
        is_well(server)


@test("hostile: bodies of requests take 64 MiB of all connections together, whoever sends them")
def bodies_at_once():
    head = b"POST /functions/v1/notify_websocket HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n"
    with Server(NEW_CONNECTIONS_PER_SECOND=0, MAX_CONNECTIONS_PER_IP=0) as server:
        before = memory(server)
        sockets = []
        for _ in range(120):  # within the 5 s that a request has
            sockets.append(connect(server))
            with contextlib.suppress(OSError):
                sockets[-1].sendall(head + b"b" * 1000_000)
        grown = memory(server) - before
        check(grown <= 90 * MIB, f"{grown / MIB:.0f} MiB for 120 MB of bodies")
        is_well(server)  # an upgrade has no body
        # One or the other got in beside them, where a refused one made room, and waits for its end.
        statuses = [read_all(raw)[9:12] for raw in sockets[-20:]]
        check(statuses.count(b"503") >= 5, f"statuses of those that came last: {statuses}")
        for raw in sockets:
            raw.close()
        time.sleep(0.3)
        status, _, _ = fetch(server.port, "/nowhere", "POST", b"b" * 1000_000)
        equal(status, 404, "afterwards")


@test("hostile: what is announced takes no memory; passed over, or closed with 1009")
def announced():
    with Server() as server:
        for raw in [open_socket(server) for _ in range(20)]:
            raw.close()
        before = memory(server)
        for size in (2 ** 63 - 1, 2 ** 62, 2 ** 40, 64 * MIB + 1):
            for first in (0x81, 0x82, 0x01):
                with open_socket(server) as raw:
                    raw.sendall(frame(first, b"{}", announced=size))
                    equal(close_code(read_all(raw)), 1009, f"code for {size}")
        with open_socket(server) as raw:
            raw.sendall(frame(0x81, b"{}", announced=2 ** 63))
            equal(close_code(read_all(raw)), 1002, "code for the highest bit")
        # 60 MiB really sent, to ten at once, whole and in fragments: read, and not kept.
        sockets = [open_socket(server) for _ in range(10)]
        begun = time.monotonic()
        for number, raw in enumerate(sockets):
            raw.setblocking(True)
            if number % 2 == 0:
                raw.sendall(frame(0x81, b"", announced=60 * MIB))
                for _ in range(60):
                    raw.sendall(b"x" * MIB)
            else:
                piece = frame(0x00, b"y" * 65535)
                raw.sendall(frame(0x01, b"y"))
                for _ in range(900):
                    raw.sendall(piece)
        grown = memory(server) - before
        check(grown <= 8 * MIB, f"{grown / MIB:.1f} MiB for 600 MiB that were passed over")
        took = time.monotonic() - begun
        check(took < 30, f"passing over 600 MiB took {took:.1f} s")
        for raw in sockets:
            raw.close()
        is_well(server)


@test("hostile: fragments without end: empty ones are closed with 1008, full ones with 1009")
def endless_fragments():
    with Server() as server:
        before = memory(server)
        with open_socket(server) as raw, contextlib.suppress(OSError):
            raw.sendall(frame(0x01, b""))
            raw.sendall(frame(0x00, b"") * 10_001)
            equal(close_code(read_all(raw)), 1008, "empty fragments")
        with open_socket(server) as raw:
            piece = frame(0x00, b"z" * MIB)
            with contextlib.suppress(OSError):
                raw.sendall(frame(0x01, b""))
                for _ in range(70):
                    raw.sendall(piece)
            equal(close_code(read_all(raw)), 1009, "full fragments")
        check(memory(server) - before <= 8 * MIB, "memory")
        is_well(server)


@test("hostile: a flood of pings that reads nothing gets no memory, and nobody waits for it")
def ping_flood():
    async def beside(server, seconds):
        worst, end = 0, time.monotonic() + seconds
        async with Client.open(server) as client:
            while time.monotonic() < end:
                begun = time.monotonic()
                await client.send(command("ping", id="p"))
                await client.next()
                worst = max(worst, time.monotonic() - begun)
                await asyncio.sleep(0.01)
        return worst

    def flood(raw, stop):
        pings, sent = frame(0x89, b"p" * 125) * 500, 0
        raw.setblocking(False)
        while not stop.is_set():
            try:
                sent = (sent + raw.send(pings[sent:])) % len(pings)
            except BlockingIOError:
                time.sleep(0.001)
            except OSError:
                return

    with Server() as server:
        before = memory(server)
        sockets, stop = [open_socket(server) for _ in range(8)], threading.Event()
        floods = [threading.Thread(target=flood, args=(raw, stop)) for raw in sockets]
        for thread in floods:
            thread.start()
        try:
            worst = asyncio.run(beside(server, 3))
        finally:
            stop.set()
            for thread in floods:
                thread.join()
        grown = memory(server) - before
        for raw in sockets:
            raw.close()
        check(grown <= 8 * MIB, f"{grown / MIB:.1f} MiB for 8 floods")
        check(worst < 2, f"another client waited {worst:.2f} s")
        is_well(server)


@test("hostile: a peer that is gone without a word is noticed by the heartbeat")
def half_open():
    with Server(HEARTBEAT_INTERVAL=0.4, HEARTBEAT_TIMEOUT=0.4, LOG_LEVEL="info") as server:
        sockets = [open_socket(server) for _ in range(20)]  # which answer no ping
        begun = time.monotonic()
        server.wait_for_line("code 4001", 12)
        for raw in sockets:
            equal(close_code(read_all(raw, 8)), 4001, "close code")
            raw.close()
        # The interval, the timeout, and 5 s for the peer's part of the end.
        took = time.monotonic() - begun
        check(5.6 <= took <= 8, f"after {took:.1f} s")
        is_well(server)


@test("hostile: a message that drips for ever is no activity: SESSION_TIMEOUT ends its socket")
def dripping_message():
    with Server(SESSION_TIMEOUT="0.02", CLEANUP_INTERVAL=0.2) as server:
        with open_socket(server) as raw:
            begun = time.monotonic()
            raw.sendall(frame(0x81, b"{", announced=60_000))
            while not select.select([raw], [], [], 0)[0] or b"\x88" not in raw.recv(65536):
                check(time.monotonic() - begun < 10, "still open")
                raw.sendall(b" ")
                time.sleep(0.1)
            took = time.monotonic() - begun
            check(1 <= took <= 5, f"closed after {took:.1f} s")


@test("hostile: out of descriptors: those who are here are served, others as soon as there is room")
def out_of_descriptors():
    if not shutil.which("prlimit"):
        raise Skip("there is no prlimit")
    if is_sanitized():
        raise Skip("a sanitizer needs descriptors itself")

    class Poor(Server):
        prefix = ("prlimit", "--nofile=64:64")

    async def among(server):
        async with Client.open(server) as client:
            equal((await client.ask("count to 1"))["content"], "1", "before")
            crowd = []
            for _ in range(150):
                with contextlib.suppress(OSError):
                    crowd.append(connect(server))
            await asyncio.sleep(0.5)
            turned_away = 0
            for raw in crowd:
                raw.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    with contextlib.suppress(OSError):
                        turned_away += raw.recv(1) == b""
            check(turned_away >= 50, f"only {turned_away} of {len(crowd)} were turned away")
            used = cpu_seconds(server)
            await client.command("info")
            await asyncio.sleep(1)
            used = cpu_seconds(server) - used
            check(used < 0.3, f"{used:.2f} s of processor time in a second of waiting")
            # The upstream needs a descriptor too: whatever becomes of the query, it ends.
            end = await client.ask("count to 2", timeout=30)
            check(end["type"] in ("response", "error"), end)
            for raw in crowd:
                raw.close()
            await asyncio.sleep(0.3)
            equal((await client.ask("count to 3", timeout=30))["content"], "1 2 3", "afterwards")

    with Poor(MAX_RETRIES=0) as server:
        asyncio.run(among(server))
        is_well(server)
        equal(server.get("/readyz")[0], 200, "/readyz")


@test("hostile: odd JSON that is JSON is taken as it is, odd bytes are refused")
def odd_json():
    taken = {
        "NUL in the content": '{"content":"count to 1\\u0000","id":"ID"}',
        "three hundred digits": '{"content":"count to 1","id":"ID","meta":{"n":' + "9" * 300 + "}}",
        "a number with much precision": '{"content":"count to 1","id":"ID","x":0.' + "1" * 5000 + "}",
        "an exponent of many digits": '{"content":"count to 1","id":"ID","x":1e' + "0" * 5000 + "1}",
        "a long unknown key": '{"content":"count to 1","id":"ID","' + "k" * 30000 + '":1}',
        "many unknown keys": '{"content":"count to 1","id":"ID"' + "".join(
            f',"k{i}":0' for i in range(5000)) + "}",
        "a key of NUL": '{"content":"count to 1","id":"ID","\\u0000":1}',
        "__proto__": '{"content":"count to 1","id":"ID","__proto__":{"x":1},"constructor":[]}',
        "escaped slashes and pairs": '{"content":"count to 1 \\/\\ud83d\\ude00","id":"ID"}',
        "direction marks": '{"content":"count to 1 \u202e\u2066","id":"ID"}',
        "depth of sixty": '{"content":"count to 1","id":"ID","x":' + "[" * 60 + "]" * 60 + "}",
    }

    async def body(server):
        async with Client.open(server) as client:
            for number, (name, text) in enumerate(taken.items()):
                ref = f"t{number}"
                await client.send(text.replace("ID", ref))
                answer = await client.until(lambda m: m.get("ref") == ref and
                                            m["type"] in ("response", "error"))
                equal(answer["type"], "response", name)
            # A key that comes twice means the same wherever it is looked at.
            await client.send('{"content":"count to 1","id":"d1","id":"d2","content":"count to 2"}')
            answer = await client.until(lambda m: m["type"] in ("response", "error"))
            check((answer["ref"], answer["content"]) in (("d1", "1"), ("d2", "1 2")), answer)
            for text in ('\ufeff{"content":"x"}', '{"content":"\\ud800"}', '{"content":"\\udfff\\ud83d"}',
                         '{"content":"x","n":1e400}', '{"content":"x","n":-' + "9" * 400 + "}",
                         '{"content":"x","n":' + "[" * 65 + "]" * 65 + "}"):
                await client.send(text)
                equal((await client.next())["code"], "bad_json", text)

    with Server(RATE_LIMIT_PER_MINUTE=0) as server:
        asyncio.run(body(server))
        for bad in (b'{"content":"\xed\xa0\x80"}', b'{"content":"\xf8\x88\x80\x80\x80"}',
                    b"\xff\xfe{\x00}\x00"):
            with open_socket(server) as raw:
                raw.sendall(frame(0x81, bad))
                equal(close_code(read_all(raw)), 1007, repr(bad))
        is_well(server)


@test("hostile: compression is declined whatever is offered, and compressed frames end the socket")
def compression():
    with Server() as server:
        for offer in ("permessage-deflate", "permessage-deflate; server_max_window_bits=8",
                      "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame",
                      ", ".join(["permessage-deflate"] * 300)):
            with connect(server) as raw:
                raw.sendall(upgrade(SOCKET_PATH, f"Sec-WebSocket-Extensions: {offer}"))
                raw.sendall(frame(0xC1, b"\xf2\x48\xcd\xc9\xc9\x07\x00"))
                got = read_all(raw)
                head = got[:got.index(b"\r\n\r\n")]
                check(head.startswith(b"HTTP/1.1 101") and b"xtensions" not in head, head)
                equal(close_code(got), 1002, "code for a compressed frame")


# ---- what is printed ------------------------------------------------------------------------------

PLANTED = "sk-or-v1-" + "5ec2e7" * 8
TOKEN = "tok-5ec2e7-good-0123456789abcdef"
ADMIN = "adm-5ec2e7-0123456789abcdef"
WRONG = "tok-5ec2e7-wrong-0123456789abcdef"
CLIENT_WORDS = "zanzibar-words-of-a-client"


class Loud(http.server.BaseHTTPRequestHandler):
    """An upstream that gives back in its errors everything that it was told."""

    quotes = False  # the client's words too, and not as JSON, which would escape them

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        asked = body["messages"][-1]["content"]
        status = int(re.search(r"status (\d+)", asked)[1])
        if status == 200:
            reply = {"id": "gen-1", "model": "m", "choices": [
                {"index": 0, "message": {"role": "assistant", "content": "fine"},
                 "finish_reason": "stop"}]}
        else:
            reply = {"error": {
                "code": status, "message": f"Wrong key {self.headers.get('Authorization')}",
                "metadata": {"reasons": ["violence"], "flagged_input": asked,
                             "raw": str(self.headers)}}}
        text = json.dumps(reply).encode()
        if self.quotes and status != 200:
            text = asked.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def loud_upstream(quotes=False):
    Loud.quotes = quotes
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Loud) as upstream:
        threading.Thread(target=upstream.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{upstream.server_port}/v1"
        finally:
            upstream.shutdown()


async def use_in_every_way(server, words):
    """Good, bad and failing requests, with tokens wherever they might be shown. Gives all that the
    server said."""
    said = []
    async with Client.open(server, **{HEADERS: {"Authorization": f"Bearer {TOKEN}"}}) as client:
        for status in (200, 401, 403, 400, 500):
            await client.ask(f"{words} status {status}", timeout=15)
        await client.send(command("auth", auth={"token": TOKEN}))
        for message in (command(words[:60], data={"token": TOKEN}), {"type": words}, "{" + words,
                        {"type": "human_feedback", "rating": 1, "content": words, "ref": "r_1"},
                        command("set", data={"model": words[:100]}),
                        command("set", data={"system": words}), command("info"), command("help"),
                        command("hello", session_id="s1", client=words, resume={
                            "token": WRONG, "epoch": "e", "last_seq": 0})):
            await client.send(message)
            with contextlib.suppress(Exception):
                await client.next(2)
        said += [json.dumps(message) for message in client.seen]
    # In the first message: the right token, a wrong one, and words of a client in its place.
    for token in (TOKEN, WRONG, words):
        for first in (command("hello", v=1, client=words, auth={"token": token}),
                      command("auth", auth={"token": token})):
            with open_socket(server) as raw:
                raw.sendall(frame(0x81, json.dumps(first).encode()))
                time.sleep(0.1)
                raw.sendall(frame(0x88, b"\x03\xe8"))
                said.append(read_all(raw).decode("utf-8", "replace"))
    for path, fields in ((SOCKET_PATH, (f"Authorization: Bearer {WRONG}",)),
                         (SOCKET_PATH, (f"Sec-WebSocket-Protocol: agent-websocket.v1, bearer.{WRONG}",)),
                         (SOCKET_PATH, (f"Sec-WebSocket-Protocol: bearer.{TOKEN}",)),
                         (SOCKET_PATH + f"?token={WRONG}", ()), ("/ws?access_token=" + TOKEN, ()),
                         ("/nowhere/" + WRONG, ())):
        with connect(server) as raw:
            raw.sendall(upgrade(path, *fields) + frame(0x88, b""))
            said.append(read_all(raw).decode("utf-8", "replace"))
    for path in ("/", "/healthz", "/readyz", "/metrics", "/v1/sessions", "/nowhere"):
        for token in (None, ADMIN, WRONG):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            said.append(str(server.get(path, headers=headers)))
            said.append(str(server.get(path, "POST", headers=headers)))
    return said


def secrets_in(text):
    return [secret for secret in (PLANTED, TOKEN, ADMIN, WRONG) if secret in text]


def settings(url, **others):
    return {"OPENROUTER_BASE_URL": url, "OPENROUTER_API_KEY": PLANTED, "MAX_RETRIES": 1,
            "AUTH_TOKENS": f"ann:{TOKEN}", "ADMIN_TOKEN": ADMIN,
            "MAX_BAD_MESSAGES": 0, "RATE_LIMIT_PER_MINUTE": 0, **others}


@test("secrets: keys and tokens are in no line of the log, no answer and no page")
def no_secret_anywhere():
    with loud_upstream() as url:
        for form in ("text", "json"):
            with Server(**settings(url, LOG_LEVEL="debug", LOG_FORMAT=form)) as server:
                said = asyncio.run(use_in_every_way(server, CLIENT_WORDS))
            for text in said:
                check(not secrets_in(text), f"{secrets_in(text)} in {text[:500]}")
            check(not secrets_in(server.output), lambda: f"{secrets_in(server.output)} in the log")
            check(len(server.lines) > 10, "the log says too little to prove anything")


@test("log: words of clients are in it at level debug only")
def no_client_words():
    with loud_upstream() as url:
        with Server(**settings(url, LOG_LEVEL="info")) as server:
            asyncio.run(use_in_every_way(server, CLIENT_WORDS))
        found = [line for line in server.lines if CLIENT_WORDS in line]
        check(not found, lambda: f"the log holds {found[:3]}")


@test("log: no client can begin a line, move the cursor or fill the disk by one message")
def no_injection():
    forged = "2026-01-01T00:00:00.000Z error forged_line"
    words = f"zanzibar\r\n{forged}\n\x1b[2J\x1b]0;title\x07\x00\x7f\x85\u009b2J\u2028{forged}\u2029\u202e\u2066{'long ' * 9000}"
    with loud_upstream(quotes=True) as url:
        for form in ("text", "json"):
            with Server(**settings(url, LOG_LEVEL="debug", LOG_FORMAT=form)) as server:
                asyncio.run(use_in_every_way(server, words))
                with connect(server) as raw:
                    raw.sendall(b"GET /\x1b[2J\r\nforged: x\r\n\r\n")
                    read_all(raw)
            began = False
            for line in server.lines:
                began = began or "listening" not in line and " info " in line or line[:1] == "{"
                check(not line.startswith(forged), f"a forged line: {line[:200]!r}")
                check(len(line.encode()) <= 4096, f"a line of {len(line.encode())} bytes")
                bad = [c for c in line if ord(c) < 0x20 or 0x7F <= ord(c) <= 0x9F or
                       c in "\u2028\u2029\u202e\u2066"]
                check(not bad, lambda: f"{bad} in {line[:200]!r}")
                if form == "json" and line[:1] == "{":
                    json.loads(line)
            check(began, "the log says nothing")
            check("zanzibar" in server.output, "the words of the client did not come that far")
