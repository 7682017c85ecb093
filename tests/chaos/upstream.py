# SPDX-License-Identifier: MIT
"""A chat completions API that counts: what it was asked, and how often. It is no part of any server
that is killed, so its count is what really happened. A question reads "<id> <words> <milliseconds>":
so many words are the answer, so far apart."""

import asyncio
import collections
import contextlib
import json


def words_of(query, number):
    """The whole answer to the query of that id."""
    return " ".join(f"{query}/{i}" for i in range(number))


def question(query, number, delay_ms):
    return f"{query} {number} {delay_ms}"


def text_of(content):
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


class Upstream:
    def __init__(self):
        self.asked = collections.Counter()  # by the id of the query
        self.completed = collections.Counter()
        self.answering = 0
        self.server = None
        self.url = ""
        self.faults = []

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        port = self.server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/v1"

    async def stop(self):
        self.server.close()

    async def serve(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                request, _, rest = head.decode("latin-1").partition("\r\n")
                headers = {}
                for line in rest.split("\r\n"):
                    name, _, value = line.partition(":")
                    headers[name.strip().lower()] = value.strip()
                if headers.get("expect"):
                    writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if "/chat/completions" not in request:
                    writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                    continue
                await self.answer(json.loads(body), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the server was killed, or has cancelled
        finally:
            with contextlib.suppress(Exception):
                writer.close()

    async def answer(self, asked, writer):
        last = asked["messages"][-1]
        query, number, delay_ms = text_of(last["content"]).split()
        self.asked[query] += 1
        self.answering += 1
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                         b"Transfer-Encoding: chunked\r\n\r\n")

            async def event(data):
                text = f"data: {data}\n\n".encode()
                writer.write(f"{len(text):x}\r\n".encode() + text + b"\r\n")
                await writer.drain()

            async def chunk(delta, reason=None, **more):
                await event(json.dumps({
                    "id": "gen-" + query, "object": "chat.completion.chunk", "created": 0,
                    "model": asked.get("model", "m"),
                    "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more}))

            for i in range(int(number)):
                await asyncio.sleep(int(delay_ms) / 1000)
                if writer.is_closing():
                    raise ConnectionResetError
                await chunk({"role": "assistant", "content": ("" if i == 0 else " ") + f"{query}/{i}"})
            await chunk({}, "stop", usage={"prompt_tokens": 1, "completion_tokens": int(number),
                                           "total_tokens": 1 + int(number)})
            await event("[DONE]")
            writer.write(b"0\r\n\r\n")
            await writer.drain()
            self.completed[query] += 1
        finally:
            self.answering -= 1
