# SPDX-License-Identifier: MIT
"""A client that speaks the whole protocol and never stays for long: it asks, judges, chooses, cuts
its own connections, comes back with what it knows, and sends again what was not acknowledged. Its
decisions are those of its seed; what it is told goes into its books."""

import asyncio
import collections
import json
import random

import websockets

from books import Books, dump
from upstream import question

PATH = "/functions/v1/agent_websocket"
CONNECTION = {"compression": None, "max_size": None, "ping_interval": None, "open_timeout": 3,
              "close_timeout": 0.5}
SILENCE = 4  # seconds without a message, while one has to come: the server may stand still
GONE = (OSError, asyncio.TimeoutError, websockets.WebSocketException)


class Talker:
    def __init__(self, name, seed, nodes, think=0.12, cuts=0.02, longest_delay_ms=15):
        self.name = name
        self.random = random.Random(f"{seed}/{name}")
        self.nodes = nodes  # gives the ports that there are
        self.think, self.cuts, self.longest_delay_ms = think, cuts, longest_delay_ms
        self.books = Books(name)
        self.session_id = self.token = None
        self.outbox = {}  # id: message, until it is known to have arrived
        self.retry_at = {}  # id: when what was refused for now is sent again
        self.open = {}  # id of a query that has not ended: its Query
        self.made = 0
        self.unacked = 0
        self.finishing = asyncio.Event()
        self.closes = collections.Counter()  # by code
        self.waits = []  # seconds from a lost connection to the next verdict
        self.lost_at = None
        self.tries = []  # since then: when, at which port, and what came of it
        self.longest = (0, [])  # the longest wait, and its tries
        self.answers = {}  # id of a command: its answer
        self.on_told = lambda kind: None  # "ack" or "end": it has just come

    @property
    def quiet(self):
        return not self.outbox and not self.open

    def make_id(self, kind):
        self.made += 1
        return f"{self.name}.{kind}{self.made}"

    # ---- connections

    async def run(self):
        """Until it was told to finish and everything that it asked for has ended."""
        attempt = 0
        while not (self.finishing.is_set() and self.quiet):
            try:
                port = self.random.choice(self.nodes())
                async with websockets.connect(f"ws://127.0.0.1:{port}{PATH}", **CONNECTION) as socket:
                    try:
                        await self.greet(socket, self.books.last)
                        attempt = 0
                        await self.converse(socket)
                    finally:
                        self.closes[socket.close_code] += 1
            except GONE as why:
                self.tries.append((asyncio.get_running_loop().time(), port, repr(why)[:100]))
            if self.lost_at is None:
                self.lost_at = asyncio.get_running_loop().time()
            attempt += 1
            await asyncio.sleep(self.random.uniform(0.01, min(0.5, 0.03 * 2 ** attempt)))

    async def receive(self, socket, timeout=25):
        text = await asyncio.wait_for(socket.recv(), timeout)
        return json.loads(text), text

    async def greet(self, socket, last_seq):
        """Says hello, and takes the verdict."""
        first, _ = await self.receive(socket)
        if first.get("op") != "welcome":
            self.books.fault(f"the first message is {first}")
        hello = {"type": "command", "op": "hello", "v": 1, "caps": ["delta", "feedback"]}
        if self.session_id:
            hello["session_id"] = self.session_id
            hello["resume"] = {"token": self.token, "epoch": self.books.epoch, "last_seq": last_seq}
            hello["outbox"] = list(self.outbox)
        await socket.send(dump(hello))
        while True:
            welcome, text = await self.receive(socket)
            if welcome.get("op") == "welcome":
                break
            if welcome["type"] == "error" and welcome.get("retryable"):
                continue  # refused for now; a close follows
            self.books.fault(f"before the verdict came {text[:300]}")
        self.books.new_connection()
        reason = welcome["reason"]
        self.books.verdicts[reason] = self.books.verdicts.get(reason, 0) + 1
        if self.session_id is None:
            self.session_id, self.books.epoch = welcome["session_id"], welcome["epoch"]
            self.books.last = welcome["seq"]
        elif welcome["reason"] == "expired" and not self.books.is_owed:
            # Nothing but a hello was ever said: such a session is not kept.
            self.session_id, self.books.epoch = welcome["session_id"], welcome["epoch"]
        elif not welcome["recovered"] or welcome["epoch"] != self.books.epoch or \
                welcome["session_id"] != self.session_id:
            self.books.fault(f"not recovered ({reason}) by {socket.remote_address[1]}, last {self.books.last}, {len(self.books.queries)} queries: {text[:400]}")
            raise SessionLost(self.name)
        self.token = welcome["resume_token"]
        if self.lost_at is not None:
            self.waits.append(asyncio.get_running_loop().time() - self.lost_at)
            self.longest = max(self.longest, (self.waits[-1], self.tries))
            self.tries = []
            self.lost_at = None
        for each in welcome.get("accepted", ()):
            self.arrived(each)
        return welcome

    async def converse(self, socket):
        for message in list(self.outbox.values()):
            await socket.send(dump(message))
        if self.random.random() < 0.7:
            await self.acknowledge(socket)
        talking = asyncio.ensure_future(self.talk(socket))
        loop = asyncio.get_running_loop()
        heard = loop.time()
        try:
            while not (self.finishing.is_set() and self.quiet):
                reading = asyncio.ensure_future(socket.recv())
                await asyncio.wait((reading, talking), return_when=asyncio.FIRST_COMPLETED, timeout=1)
                if talking.done() and talking.exception():
                    reading.cancel()
                    raise talking.exception()
                if not reading.done():
                    reading.cancel()
                    if not self.quiet and loop.time() - heard > SILENCE:
                        socket.transport.abort()
                        raise ConnectionResetError
                    continue
                text = reading.result()
                heard = loop.time()
                self.take(json.loads(text), text)
        finally:
            talking.cancel()

    # ---- what it says

    async def acknowledge(self, socket):
        self.unacked = 0
        await socket.send(dump({"type": "command", "op": "ack", "seq": self.books.last}))

    async def say(self, socket, message):
        self.outbox[message["id"]] = message
        await socket.send(dump(message))

    async def talk(self, socket):
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(self.random.uniform(0, 2 * self.think))
            for each, at in list(self.retry_at.items()):
                if at <= loop.time():
                    del self.retry_at[each]
                    if each in self.outbox:
                        await socket.send(dump(self.outbox[each]))
            if self.unacked > 5:
                await self.acknowledge(socket)
            if self.finishing.is_set():
                continue
            if self.random.random() < self.cuts:
                socket.transport.abort()
                raise ConnectionResetError
            await self.act(socket, self.random.random())

    async def act(self, socket, chance):
        if chance < 0.6:
            if len(self.open) < 3:
                await self.ask(socket)
        elif chance < 0.75 and self.books.by_stream:
            stream = self.random.choice(sorted(self.books.by_stream))
            name = self.make_id("f")
            self.books.feedback[name] = False
            await self.say(socket, {"type": "human_feedback", "id": name, "ref": stream, "rating": 1,
                                    "content": name})
        elif chance < 0.85:
            if not any(each.get("op") == "set" for each in self.outbox.values()):
                value = self.random.randrange(0, 2000) / 1000
                self.books.temperature.append(value)
                await self.say(socket, {"type": "command", "op": "set", "id": self.make_id("s"),
                                        "data": {"temperature": value}})
        elif chance < 0.9 and self.open:
            query = self.random.choice(list(self.open.values()))
            query.cancelled = True
            await self.say(socket, {"type": "command", "op": "cancel", "id": self.make_id("c"),
                                    "ref": query.id})
        elif chance < 0.93:
            await socket.send(dump({"type": "command", "op": "ping", "id": self.make_id("p")}))
        else:
            await self.acknowledge(socket)

    async def ask(self, socket):
        name = self.make_id("q")
        words = self.random.randint(1, 40)
        self.open[name] = self.books.query(name, words)
        message = {"type": "query", "id": name,
                   "content": question(name, words, self.random.randint(0, self.longest_delay_ms))}
        if self.random.random() < 0.25:
            message["stream"] = False
        await self.say(socket, message)

    # ---- what it hears

    def arrived(self, name):
        message = self.outbox.pop(name, None)
        self.books.is_owed = True
        self.retry_at.pop(name, None)
        if name in self.books.queries:
            self.books.queries[name].acked = True
            self.books.queries[name].refused = None
        elif name in self.books.feedback:
            self.books.feedback[name] = True
        elif message is not None and message.get("op") == "set":
            # One at a time: all before it are over.
            self.books.temperature = [message["data"]["temperature"]]

    def take(self, message, text):
        books = self.books
        kind, op, ref = message["type"], message.get("op"), message.get("ref")
        if kind == "response" and message.get("phase") in ("delta", "snapshot"):
            return books.take_delta(message)
        if "seq" in message and op not in ("live", "welcome"):
            if books.take_numbered(message, text):
                self.unacked += 1
            if ref in books.queries and books.queries[ref].ends:
                self.open.pop(ref, None)
                self.arrived(ref)
                self.on_told("end")
            return
        if kind == "status" and ref is not None:
            self.answers[ref] = message
            if op in ("ack", "set", "cancel"):
                self.arrived(ref)
                self.on_told("ack")
        elif kind == "error":
            self.take_refusal(message, text)

    def take_refusal(self, message, text):
        ref = message.get("ref")
        said = self.outbox.get(ref)
        if said is None:
            if message["code"] != "internal" or ref in self.books.queries:
                self.books.fault(f"a refusal of what is not open: {text[:300]}")
            return
        if ref in self.books.queries and self.books.queries[ref].acked:
            self.books.fault(f"{ref} was acknowledged, and is refused: {text[:300]}")
        if message.get("retryable"):
            if ref in self.books.queries:
                self.books.queries[ref].refused = message["code"]
            self.retry_at[ref] = asyncio.get_running_loop().time() + self.random.uniform(0.2, 0.6)
        elif said.get("op") == "cancel" and message["code"] == "not_found":
            self.arrived(ref)
        else:
            self.books.fault(f"refused: {text[:300]} of {dump(said)[:300]}")
            del self.outbox[ref]
            self.open.pop(ref, None)

    # ---- at the end

    async def look_back(self, upstream, told):
        """Resumes from the very beginning, at any node, and compares all with the books."""
        for attempt in range(60):
            try:
                port = self.random.choice(self.nodes())
                async with websockets.connect(f"ws://127.0.0.1:{port}{PATH}", **CONNECTION) as socket:
                    top = self.books.last
                    welcome = await self.greet(socket, 0)
                    if welcome["active"]:
                        self.books.fault(f"still running: {welcome['active']}")
                    seen = 0
                    while True:
                        message, text = await self.receive(socket)
                        if message.get("op") == "live":
                            break
                        seen += 1
                        if message.get("seq") != seen:
                            self.books.fault(f"replay: {seen} expected: {text[:300]}")
                        self.take(message, text)
                    if seen != self.books.last or seen < top:
                        self.books.fault(f"replay ended at {seen}, {top} was known")
                    await self.acknowledge(socket)
                    info = await self.command(socket, "info")
                    self.books.check_temperature(info["data"]["temperature"])
                    self.books.check_history(await self.history(socket))
                    self.books.check_queries(upstream)
                    self.books.check_notices(told)
                return
            except GONE:
                await asyncio.sleep(0.3)
            except SessionLost:
                return
        self.books.fault("could not come back at the end")

    async def command(self, socket, op, **fields):
        name = self.make_id("i")
        await socket.send(dump({"type": "command", "op": op, "id": name, **fields}))
        while name not in self.answers:
            message, text = await self.receive(socket)
            self.take(message, text)
        return self.answers.pop(name)

    async def history(self, socket):
        messages, before = [], {}
        while True:
            data = (await self.command(socket, "history", limit=50, **before))["data"]
            messages = data["messages"] + messages
            if not data["more"]:
                return messages
            before = {"before_seq": data["messages"][0]["seq"]}


class SessionLost(Exception):
    """The server does not know what it has acknowledged: nothing after it would mean anything."""
