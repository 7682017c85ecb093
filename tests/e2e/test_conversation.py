# SPDX-License-Identifier: MIT
"""Conversations by Python's websockets: the plain client of the protocol and the streaming one."""

import asyncio
import json
import re

from harness import (Client, Server, Transcript, check, command, equal, is_terminal, query, test)

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")


def conversation(name, **variables):
    """A test that is a coroutine with a server of its own."""
    def register(body):
        @test(name)
        def run():
            with Server(**variables) as server:
                asyncio.run(body(server))
        return body
    return register


@conversation("plain: the five lines of a plain client, and nothing else")
async def plain(server):
    async with Client.open(server) as client:
        equal(client.welcome["type"], "notification", "type of the welcome")
        session = client.welcome["session_id"]
        check(UUID.match(session), f"the session id {session!r} is no UUID")
        equal(client.welcome["content"],
              f"Connected to Agent WebSocket. Session ID: {session}", "welcome")
        await client.send('{"type":"query","content":"What is Asio?",'
                          '"timestamp":"2026-01-01T00:00:00.000Z"}')
        status, answer = await client.next(), await client.next()
        equal((status["type"], status["content"]), ("status", "Thinking..."), "first reply")
        equal(answer["type"], "response", "second reply")
        check(answer["content"].startswith('You said: "What is Asio?".'), answer["content"])
        await client.send('{"content":"type may be missing"}')
        equal((await client.next())["content"], "Thinking...", "without type")
        check("type may be missing" in (await client.next())["content"], "without type")
        await client.send('{"type":"query","content":"  "}')
        error = await client.next()
        equal((error["type"], error.get("code"), error["content"]),
              ("error", "bad_message", "Message content is required"), "blank content")
        for message in client.seen:
            check(TIMESTAMP.match(message["timestamp"]), f"timestamp of {message}")
        await client.send("")  # proof that nothing else was on its way
        equal((await client.next())["code"], "bad_json", "an empty frame")


@conversation("plain: a failure is one error that names the kind and hides the rest", MAX_RETRIES=0)
async def plain_failure(server):
    async with Client.open(server) as client:
        wanted = {"error 400": None, "error 402": "payment_required", "cut": "truncated",
                  "error 429": "provider_rate_limited", "error 503": "provider_overloaded",
                  "error midstream": None, "empty": "empty_response"}
        for content, code in wanted.items():
            answer = await client.ask(content, timeout=20)
            equal(answer["type"], "error", content)
            check(answer["content"].startswith("Failed to generate response: "), answer)
            check(code in (None, answer.get("code")), f"{content}: code {code} expected: {answer}")
            check(not re.search(r"/srv|10\.0\.0\.7|raw|sk-or|\{", json.dumps(answer["content"])),
                  f"{content}: internals in {answer}")
            check(answer.get("terminal") is True and "ref" in answer, f"not terminal: {answer}")
        check("settle" in (await client.ask("and now settle"))["content"], "after the failures")


async def stream(client, content, **fields):
    """Asks for a stream and gives its transcript, its end and its messages."""
    begun = len(client.seen)
    end = await client.ask(content, stream=True, timeout=30, **fields)
    messages = [m for m in client.seen[begun:] if m["type"] == "response"]
    transcript = Transcript()
    for message in messages:
        if message["phase"] in ("delta", "snapshot"):
            transcript.add(message)
    return transcript, end, messages


@conversation("stream: start, deltas by the rule, end with the whole text")
async def streaming(server):
    async with Client.open(server) as client:
        transcript, end, messages = await stream(client, "count to 30", id="q1")
        equal([m["phase"] for m in messages if m["phase"] != "delta"], ["start", "end"], "phases")
        equal((messages[0]["phase"], messages[-1]["phase"]), ("start", "end"), "first and last")
        equal(end["content"], " ".join(map(str, range(1, 31))), "the whole text")
        equal(transcript.text, end["content"], "the deltas together")
        equal(transcript.have, end["n"], "chunks")
        equal((end["status"], end["finish_reason"], end["ref"]), ("completed", "stop", "q1"), "end")
        equal(end["usage"]["completion_tokens"], 30, "tokens")
        check(transcript.deltas > 5, f"only {transcript.deltas} deltas: was it streamed?")
        ack = next(m for m in client.seen if m.get("op") == "ack")
        equal((ack["ref"], ack["stream"]), ("q1", messages[0]["stream"]), "ack")
        numbered = [m["seq"] for m in client.seen[1:] if "seq" in m]
        equal(numbered, sorted(set(numbered)), "seq rises")
        check(all("seq" not in m for m in messages[1:-1]), "a delta is numbered")


@conversation("stream: hello with the cap `delta` makes it the default")
async def hello(server):
    async with Client.open(server) as client:
        await client.send(command("hello", v=1, client="e2e", caps=["delta"]))
        await client.until(lambda m: m.get("op") == "live")
        await client.send(query("count to 5", id="a"))
        end = await client.until(lambda m: is_terminal(m, "a"))
        equal(end["phase"], "end", "streamed by default")
        full = await client.ask("count to 5", id="b", stream=False)
        equal(full["phase"], "full", "stream: false")
        check(not any(m.get("phase") == "delta" and m.get("stream") == full.get("stream")
                      for m in client.seen), "deltas of an answer that was not to be streamed")


@conversation("stream: Unicode, markup and JSON replies come through unchanged")
async def unicode(server):
    async with Client.open(server) as client:
        transcript, end, _ = await stream(client, "unicode")
        equal(transcript.text, end["content"], "joined text")
        for piece in ("Привет", "日本語の文章", "שלום עולם", "👩‍👩‍👧‍👦", "🏳️‍🌈", "e\u0301"):
            check(piece in end["content"], f"{piece!r} is missing in {end['content']!r}")
        transcript, end, _ = await stream(client, "html")
        check("<script>alert('run')</script>" in end["content"], end["content"])
        transcript, end, _ = await stream(client, "json reply")
        equal(transcript.text, end["content"], "a JSON body in place of a stream")
        echoed = "\u0000 \u001f \u2028 \ufeff \U0010ffff \" \\ / </script>"
        answer = await client.ask("x " + echoed)
        check(echoed in answer["content"], f"echo of odd characters: {answer['content']!r}")


@conversation("stream: a failure ends it with status failed and keeps the text")
async def stream_failure(server):
    async with Client.open(server) as client:
        for content, code in (("error midstream", None), ("cut", "truncated")):
            transcript, end, _ = await stream(client, content)
            equal(end["status"], "failed", content)
            check(code in (None, end["error"]["code"]), f"{content}: {end}")
            equal(transcript.text, end["content"], f"partial text of {content}")
            check(end["content"].startswith("This answer"), end)
        _, end, messages = await stream(client, "error 402")
        equal((end["status"], end["error"]["code"]), ("failed", "payment_required"), "error 402")
        check(not any(m["type"] == "error" for m in client.seen), "an error beside the end")


@conversation("stream: max_tokens gives the status incomplete", MAX_TOKENS=7)
async def limited(server):
    async with Client.open(server) as client:
        _, end, _ = await stream(client, "count to 50")
        equal((end["status"], end["finish_reason"]), ("incomplete", "length"), "end")
        equal(end["content"], "1 2 3 4 5 6 7", "content")


@conversation("retry: an upstream that fails once is asked again, Retry-After is kept to")
async def retry(server):
    async with Client.open(server) as client:
        answer = await client.ask("flaky", timeout=15)
        equal(answer["type"], "response", "after a 503")
        loop = asyncio.get_running_loop()
        begun = loop.time()
        answer = await client.ask("error 429 retry", timeout=20)
        equal((answer["type"], answer.get("code")), ("error", "provider_rate_limited"), "429 for ever")
        check(loop.time() - begun >= 0.95, "Retry-After: 1 was not waited for")


@conversation("frames: fragments with pings between them are one message")
async def fragments(server):
    async with Client.open(server) as client:
        text = json.dumps(query("count to 3 – żółć", id="f"), ensure_ascii=False)
        pongs = []

        async def pieces():
            for i in range(0, len(text), 5):
                pongs.append(await client.socket.ping())
                yield text[i:i + 5]

        await client.socket.send(pieces())
        answer = await client.until(lambda m: is_terminal(m, "f"))
        equal(answer["content"], "1 2 3", "answer")
        await asyncio.wait_for(asyncio.gather(*pongs), 5)


@conversation("frames: pings are answered while an answer is streamed")
async def pings(server):
    async with Client.open(server) as client:
        await client.send(query("count to 40", stream=True))
        for _ in range(5):
            await asyncio.wait_for(await client.socket.ping(), 2)
            await asyncio.sleep(0.1)
        await client.until(is_terminal)


@conversation("frames: an offer of permessage-deflate is declined")
async def deflate(server):
    async with Client.open(server, compression="deflate") as client:
        response = getattr(client.socket, "response", None)
        headers = response.headers if response else client.socket.response_headers
        check("Sec-WebSocket-Extensions" not in headers, "an extension was agreed on")
        equal((await client.ask("count to 3"))["content"], "1 2 3", "answer")


@conversation("frames: a binary one is an error and the socket stays")
async def binary(server):
    async with Client.open(server) as client:
        await client.socket.send(b'{"type":"query","content":"count to 3"}')
        error = await client.next()
        equal((error["type"], error.get("code")), ("error", "unsupported_data"), "binary frame")
        equal((await client.ask("count to 3"))["content"], "1 2 3", "afterwards")


@conversation("frames: a message above the limit is an error and the socket stays")
async def too_large(server):
    async with Client.open(server) as client:
        limit = client.welcome["limits"]["max_message_bytes"]
        equal(limit, 65536, "limit in the welcome")
        frame = json.dumps(query("x", id="big"))
        largest = json.dumps(query("x" * (limit - len(frame) + 1), id="big"))
        equal(len(largest), limit, "size of the largest message")
        await client.send(largest)
        await client.until(lambda m: is_terminal(m, "big"))
        for size in (limit + 1, 3_000_000):
            await client.send(largest + " " * (size - limit))
            error = await client.next()
            equal((error["type"], error.get("code")), ("error", "too_large"), f"{size} bytes")
            equal((await client.ask("count to 3"))["content"], "1 2 3", "afterwards")
        await client.socket.send(["y" * 30_000] * 5)  # too large only when put together
        equal((await client.next())["code"], "too_large", "fragments")
        equal((await client.ask("count to 3"))["content"], "1 2 3", "afterwards")


@conversation("order: many queries on one socket are answered in their order", MAX_QUEUE=100,
              RATE_LIMIT_PER_MINUTE=100000, RATE_LIMIT_BURST=1000)
async def in_order(server):
    async with Client.open(server) as client:
        count = 40
        for i in range(count):
            await client.send(query(f"count to {i % 6 + 1}", id=f"q{i}", stream=i % 2 == 0))
        for i in range(count):
            end = await client.until(is_terminal, 30)
            equal(end["ref"], f"q{i}", "next answer")
            equal(end["content"], " ".join(map(str, range(1, i % 6 + 2))), f"answer {i}")
        acks = [m["ref"] for m in client.seen if m.get("op") == "ack"]
        equal(acks, [f"q{i}" for i in range(count)], "acks")


@conversation("order: `reject` and a full queue are told", MAX_QUEUE=2)
async def refusals(server):
    async with Client.open(server) as client:
        await client.send(query("count to 30", id="running"))
        for name in ("one", "two"):
            await client.send(query("count to 1", id=name))
        error = await client.ask("count to 1", id="now", overlap="reject")
        equal((error["type"], error.get("code")), ("error", "busy"), "overlap reject")
        error = await client.ask("count to 1", id="third")
        equal((error["type"], error.get("code")), ("error", "queue_full"), "third in the queue")
        ends = [(await client.until(is_terminal, 20))["ref"] for _ in range(3)]
        equal(ends, ["running", "one", "two"], "order of the answers")


@conversation("order: priority goes first")
async def priorities(server):
    async with Client.open(server) as client:
        await client.send(query("count to 20", id="running"))
        for name, priority in (("low", 1), ("first", 5), ("second", 5), ("high", 9)):
            await client.send(query("count to 1", id=name, priority=priority))
        ends = [(await client.until(is_terminal, 20))["ref"] for _ in range(5)]
        equal(ends, ["running", "high", "first", "second", "low"], "order of the answers")


@conversation("duplicates: a repeated id is acknowledged and not run again")
async def duplicates(server):
    async with Client.open(server) as client:
        first = await client.ask("count to 3", id="once")
        again = await client.ask("count to 3", id="once")
        equal(again["content"], first["content"], "answer to the repetition")
        acks = [m["duplicate"] for m in client.seen if m.get("op") == "ack"]
        equal(acks, [False, True], "duplicate flags")
        history = await client.command("history")
        equal(len(history["data"]["messages"]), 2, "messages in the history")


@conversation("meta: comes back with the answer")
async def meta(server):
    async with Client.open(server) as client:
        sent = {"tab": 2, "deep": {"list": [1, "ü", None]}}
        equal((await client.ask("count to 1", id="m", meta=sent)).get("meta"), sent, "meta")


@conversation("memory: the model is given what was said before, MAX_HISTORY messages of it",
              MAX_HISTORY=4)
async def memory(server):
    async with Client.open(server) as client:
        for word in ("alpha", "beta", "gamma"):
            await client.ask(f"remember {word}")
        answer = await client.ask("what did I say before?")
        check("remember gamma" in answer["content"], answer["content"])
        check("alpha" not in answer["content"], f"longer than it may be: {answer['content']}")
        await client.command("clear")
        answer = await client.ask("history")
        equal(answer["content"], "This is the first message that I got from you.", "after clear")


@conversation("commands: help, info, ping, set, history, regenerate, close")
async def commands(server):
    async with Client.open(server) as client:
        listed = await client.command("help")
        for op in ("help", "info", "ping", "cancel", "clear", "history", "set", "regenerate",
                   "close"):
            check(op in listed["content"], f"help does not list {op}")
        info = await client.command("info")
        equal(info["data"]["session_id"], client.welcome["session_id"], "session id in info")
        pong = await client.command("ping")
        equal(pong["op"], "pong", "ping")
        changed = await client.command("set", data={"model": "some/model", "temperature": 0.25,
                                                    "max_tokens": 99, "system": "Be brief."})
        equal(changed["type"], "status", "set")
        told = (await client.ask("what are your settings?"))["content"]
        equal(told, "Model: some/model\nTemperature: 0.25\nMax tokens: 99\nSystem prompt: Be brief.",
              "what went upstream")
        one = await client.ask("settings", model="another/model")
        check("Model: another/model" in one["content"], f"model of one query: {one['content']}")
        history = await client.command("history", limit=50)
        roles = [m["role"] for m in history["data"]["messages"]]
        equal(roles, ["user", "assistant"] * 2, "roles in the history")
        again = "again"
        await client.send(command("regenerate", id=again))
        answer = await client.until(lambda m: is_terminal(m, again))
        check("Model: some/model" in answer["content"], f"regenerated: {answer}")
        history = await client.command("history")
        equal(len(history["data"]["messages"]), 4, "messages after regenerate")
        await client.send(command("close", id="bye"))
        equal((await client.closed())[0], 1000, "close code")


@conversation("commands: a bare command works by its content")
async def bare_commands(server):
    async with Client.open(server) as client:
        await client.send({"type": "command", "content": "help"})
        check("regenerate" in (await client.next())["content"], "help")
        await client.send({"type": "command", "content": " ping "})
        equal((await client.next())["op"], "pong", "ping")
        await client.send({"type": "command", "content": "cancel"})
        equal((await client.next())["code"], "not_found", "nothing to cancel")
        await client.send(query("slow one two three four five six"))
        await client.until(lambda m: m.get("op") == "thinking")
        await client.send({"type": "command", "content": "cancel"})
        equal((await client.until(is_terminal))["status"], "cancelled", "status")


@conversation("feedback: a rating, a comment and a correction are acknowledged")
async def feedback(server):
    async with Client.open(server) as client:
        answer = await client.ask("count to 3", id="q")
        await client.send({"type": "human_feedback", "id": "f1", "ref": answer["stream"], "rating": 1,
                           "content": "clear answer"})
        ack = await client.next()
        equal((ack["type"], ack.get("op"), ack.get("ref")), ("status", "ack", "f1"), "by stream")
        await client.send({"type": "human_feedback", "id": "f2", "ref": "q", "rating": -1,
                           "correction": "It is 1, 2, 3."})
        equal((await client.next()).get("ref"), "f2", "by query id")
        await client.send({"type": "human_feedback", "rating": 1})
        equal((await client.next())["type"], "status", "of the last answer, without id")
        told = await client.ask("what did I say before?")
        check("It is 1, 2, 3." in told["content"], "the correction did not reach the model")
        await client.send({"type": "human_feedback", "id": "f3", "decision": "approve"})
        error = await client.next()
        equal((error.get("code"), error["ref"]), ("feedback_unknown", "f3"), "no open request")


@conversation("sessions: two sockets do not share a conversation")
async def apart(server):
    async with Client.open(server) as one, Client.open(server, "/ws") as two:
        check(one.welcome["session_id"] != two.welcome["session_id"], "one session for both")
        await one.ask("my word is alpha")
        await two.ask("my word is beta")
        told_one, told_two = await asyncio.gather(one.ask("history"), two.ask("history"))
        check("alpha" in told_one["content"] and "beta" not in told_one["content"], told_one)
        check("beta" in told_two["content"] and "alpha" not in told_two["content"], told_two)
