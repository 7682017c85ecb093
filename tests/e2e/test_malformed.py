# SPDX-License-Identifier: MIT
"""Messages that are wrong: each is answered by one error with the code that the table says, the
socket stays open, and the next good query is answered."""

import asyncio
import json

from harness import Client, Server, check, command, equal, query, test

GOOD = json.dumps(query("count to 1", id="good", stream=True))

# Texts that are not JSON (RFC 8259).
NOT_JSON = [
    "", " ", "\n", "hello", "query", "{", "}", "[", "]", ",", ":", '"', "{]", "[}", "nul", "tru",
    "falsee", "None", "undefined", "NaN", "Infinity", "-", "+1", "01", "1.", ".5", "1e", "1e+",
    "0x10", "'x'", "{'a':1}", "{a:1}", '{"a"}', '{"a":}', '{"a" 1}', '{"a":1,}', '{,"a":1}',
    '{"a":1 "b":2}', '{"a":1}}', '{"a":1}{"b":2}', "[1,]", "[1 2]", "[,1]", '{"a":NaN}',
    '{"a":-Infinity}', '{"a":01}', '{"a":+1}', '{"a":.5}', '{"a":tru}', '{"a":"\\x41"}',
    '{"a":"\\u12"}', '{"a":"\\u12g4"}', '{"a":"\\ud800"}', '{"a":"\\udc00x"}',
    '{"a":"\\ud800\\ud800"}', '{"a":"\n"}', '{"a":"\t"}', '{"a":"\x00"}', '{"a":"\x1f"}', "\x00",
    '{"a":1}\x00', "// comment\n{}", '{"a":/**/1}', "# {}", "<xml/>", "type=query&content=x",
    "\ufeff{}", "\u00a0{}", '{"type":"query","content":"x"} trailing', "[" * 1000, "[" * 30000,
    '{"a":' * 8000, "[" * 100 + "]" * 100, '{"a":' * 100 + "1" + "}" * 100, "9" * 400 + "x",
]

# JSON, but no message, or one with a wrong field.
NOT_A_MESSAGE = [
    "null", "true", "1", "-1.5e3", '"query"', "[]", '["query"]', "[{}]", "{}",
    '{"type":null,"content":""}', '{"type":5}', '{"type":[]}', '{"type":{}}', '{"type":true}',
    '{"type":"query"}', '{"content":""}', '{"content":" \\n\\t"}', '{"content":null}', '{"content":5}',
    '{"content":true}', '{"content":{}}', '{"content":[]}', '{"content":[1]}', '{"content":["x"]}',
    '{"content":[{}]}', '{"content":[{"type":"text"}]}', '{"content":[{"type":"text","text":1}]}',
    '{"content":[{"type":"image_url"}]}', '{"content":[{"type":"image_url","image_url":"x"}]}',
    '{"content":[{"type":"file"}]}', '{"content":[{"type":"input_audio","input_audio":{}}]}',
    '{"content":[{"type":"spell","text":"x"}]}', '{"content":[null]}', '{"content":"x","content":""}',
]

# Fields that do not fit, each in an otherwise good query.
BAD_FIELDS = {
    "id": ["", " ", "a b", "a/b", "ü", "x" * 65, 5, True, [], {}, "a\n", "a\u0000"],
    "stream": ["yes", "true", 1, 0, [], {}],
    "priority": [-1, 10, 5.5, "5", True, [], 1e300, -(2 ** 70)],
    "overlap": ["maybe", "QUEUE", 5, True, []],
    "timeout_ms": [0, -1, 1.5, "1000", 1e300, 2 ** 64, [], {}],
    "model": [5, True, [], {}, "m" * 201],
    "meta": [5, True, "x", [], [{}], {"long": "x" * 5000}],
}

BAD_COMMANDS = [
    {"type": "command"}, {"type": "command", "content": ""}, {"type": "command", "content": "  "},
    {"type": "command", "op": ""}, {"type": "command", "op": 5}, {"type": "command", "op": []},
    command("cancel", ref=""), command("cancel", ref=5), command("cancel", ref="a b"),
    command("ping", id="a b"), command("ping", meta=5), command("hello", caps="delta"),
    command("hello", caps=[1]), command("hello", v="1"), command("hello", session_id=5),
    command("history", limit=0), command("history", limit=1001), command("history", limit="5"),
    command("history", limit=2.5), command("history", before_seq=-1), command("set"),
    command("set", data=5), command("set", data=[]), command("set", data="x"), command("set", data={}),
    command("set", data={"temperature": 3}), command("set", data={"temperature": -0.1}),
    command("set", data={"temperature": "hot"}), command("set", data={"max_tokens": 0}),
    command("set", data={"max_tokens": 1.5}), command("set", data={"max_tokens": 10 ** 12}),
    command("set", data={"model": ""}), command("set", data={"model": 5}),
    command("set", data={"model": "m" * 201}), command("set", data={"system": 5}),
]

BAD_FEEDBACK = [
    {}, {"ref": "r_1"}, {"decision": "perhaps"}, {"decision": 5}, {"rating": "good"}, {"rating": 101},
    {"rating": -101}, {"rating": []}, {"rating": 1, "ref": "a b"}, {"rating": 1, "content": 5},
    {"correction": 5}, {"content": "  "}, {"rating": 1, "meta": "x"}, {"rating": 1, "id": ""},
]

UNKNOWN_TYPES = ["", "Query", "QUERY", " query", "query ", "response", "notification", "status",
                 "error", "hello", "ping", "message", "x" * 1000, "query\u0000", "日本語"]

OTHERS = [
    ("unknown_op", command("fly")), ("unknown_op", command("Ping")),
    ("unknown_op", command("x" * 1000)),
    ("unknown_op", {"type": "command", "content": "fly to the moon"}),
    ("unknown_op", command("constructor")), ("unknown_op", command("help\u0000")),
    ("forbidden", command("set", data={"api_key": "x"})),
    ("forbidden", command("set", data={"temperature": 0.5, "base_url": "http://127.0.0.1/"})),
    ("forbidden", command("set", data={"__proto__": {}})),
    ("not_found", command("cancel")), ("not_found", command("cancel", ref="nobody")),
    ("not_found", command("tool_result", ref="t1", data={"ok": True})),
    ("feedback_unknown", {"type": "human_feedback", "decision": "approve"}),
    ("feedback_unknown", {"type": "human_feedback", "ref": "nobody", "rating": 1}),
    ("feedback_unknown", {"type": "human_feedback", "ref": "nobody", "decision": "reject"}),
]


def truncations():
    """Every proper front of a good message."""
    return [GOOD[:length] for length in range(1, len(GOOD))]


def table():
    """Rows of expected code and text."""
    def as_text(message):
        return message if isinstance(message, str) else json.dumps(message)
    rows = [("bad_json", text) for text in NOT_JSON + truncations()]
    rows += [("bad_message", text) for text in NOT_A_MESSAGE + BAD_COMMANDS]
    rows += [("bad_message", query("x", **{name: value}))
             for name, values in BAD_FIELDS.items() for value in values]
    rows += [("bad_message", {"type": "human_feedback", **fields}) for fields in BAD_FEEDBACK]
    rows += [("unknown_type", {"type": name, "content": "x"}) for name in UNKNOWN_TYPES]
    return [(code, as_text(message)) for code, message in rows + OTHERS]


WITHOUT_RATES = {"RATE_LIMIT_PER_MINUTE": 0, "USER_RATE_LIMIT_PER_MINUTE": 0}


async def walk(server, rows):
    """One socket after the other: every wrong message is followed by a good query."""
    wrong = []
    async with Client.open(server) as client:
        await client.ask("count to 1")  # so that there is an answer to give feedback on
        for number, (code, text) in enumerate(rows):
            shown = text if len(text) < 100 else text[:100] + f"... ({len(text)} characters)"
            await client.send(text)
            error = await client.next()
            if (error["type"], error.get("code")) != ("error", code):
                wrong.append(f"{code} expected for {shown!r}: {error}")
            elif error.get("retryable") is not False or not 0 < len(error["content"]) <= 300:
                wrong.append(f"odd error for {shown!r}: {error}")
            good = f"good{number}"
            answer = await client.ask("count to 1", id=good)
            if answer.get("content") != "1":
                wrong.append(f"after {shown!r} the good query got {answer}")
    return wrong


@test("malformed: each message of the table gets its code, the next good query its answer")
def malformed():
    with Server(**WITHOUT_RATES) as server:
        check_table(server)


@test("malformed: the same over TLS")
def malformed_over_tls():
    from test_tls import served  # here, so that its tests are not those of this group

    with served(**WITHOUT_RATES) as (server, _, context):
        server.client_options = {"ssl": context}
        check_table(server)


def check_table(server):
    rows = table()
    check(len(rows) >= 200, f"only {len(rows)} rows")
    lanes = 12

    async def all_lanes(server):
        found = await asyncio.gather(*(walk(server, rows[i::lanes]) for i in range(lanes)))
        return [line for lane in found for line in lane]

    wrong = asyncio.run(all_lanes(server))
    check(not wrong, lambda: f"{len(wrong)} of {len(rows)} rows:\n  " + "\n  ".join(wrong))


@test("malformed: invalid UTF-8 in a text frame closes with 1007, the server goes on")
def invalid_utf8():
    async def body(server):
        for text in (b"\xff", b'{"content":"\xc3"}', b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80"):
            async with Client.open(server) as client:
                # The package refuses to send such a frame, so its own writer is used below it.
                frame = bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text
                writer = getattr(client.socket, "transport")
                writer.write(frame)
                code, _ = await client.closed()
                equal(code, 1007, f"close code for {text!r}")
        async with Client.open(server) as client:
            equal((await client.ask("count to 1"))["content"], "1", "afterwards")

    with Server() as server:
        asyncio.run(body(server))


@test("malformed: a hundred in a row leave the socket open, the next good query is answered")
def hundred_in_a_row():
    async def body(server):
        async with Client.open(server) as client:
            for _ in range(100):
                await client.send("{")
            await client.ask("count to 1", id="good")
            errors = [m for m in client.seen if m["type"] == "error"]
            equal([m["code"] for m in errors], ["bad_json"] * 100, "errors")

    with Server(MAX_BAD_MESSAGES=0) as server:
        asyncio.run(body(server))


@test("malformed: ten in a row close with 4400, nine and a good one do not")
def ten_in_a_row():
    async def body(server):
        async with Client.open(server) as client:
            for _ in range(3):
                for _ in range(9):
                    await client.send("{")
                await client.ask("count to 1")
            for _ in range(10):
                await client.send("{")
            equal(await client.closed(), (4400, "bad_messages"), "close frame")

    with Server() as server:
        asyncio.run(body(server))
