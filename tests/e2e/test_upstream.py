# SPDX-License-Identifier: MIT
"""The upstream side: the demo upstream by itself, under the official SDK, and a third party's mock
behind the server."""

import asyncio
import contextlib
import http.client
import json
import socket
import time

from harness import (Client, DemoUpstream, Process, Server, check, clean_environment, equal, fetch,
                     modules, node, run_script, temporary_folder, test)

COMPLETIONS = "/api/v1/chat/completions"


def chat(content, **fields):
    return json.dumps({"model": "demo/echo", "messages": [{"role": "user", "content": content}],
                       **fields})


def events(body):
    """The data of the events of a stream, which has to end with [DONE]."""
    data = [line[6:] for line in body.split("\n\n") if line.startswith("data: ")]
    check(data and data[-1] == "[DONE]", f"the stream does not end with [DONE]: {body[-200:]!r}")
    return [json.loads(text) for text in data[:-1]]


@test("demo upstream: streams in OpenRouter's shape, with comments first and usage last")
def demo_stream():
    with DemoUpstream() as upstream:
        status, body, headers = fetch(upstream.port, COMPLETIONS, "POST",
                                      chat("count to 3", stream=True))
        equal((status, headers["Content-Type"]), (200, "text/event-stream"), "head")
        check(body.startswith(": OPENROUTER PROCESSING\n\n"), "no comment at the beginning")
        chunks = events(body)
        equal([c["choices"][0]["delta"]["content"] for c in chunks], ["1", " 2", " 3", "", ""], "text")
        equal([c["choices"][0]["finish_reason"] for c in chunks], [None] * 3 + ["stop"] * 2, "reasons")
        equal(chunks[-1]["usage"]["completion_tokens"], 3, "usage")
        check(chunks[-1]["usage"]["cost"] > 0, "no cost")
        equal(len({c["id"] for c in chunks}), 1, "ids")
        status, body, _ = fetch(upstream.port, COMPLETIONS, "POST", chat("count to 9", max_tokens=2))
        answer = json.loads(body)
        equal(answer["choices"][0]["message"]["content"], "1 2", "max_tokens")
        equal(answer["choices"][0]["finish_reason"], "length", "max_tokens")


@test("demo upstream: errors have their status, model lists and wrong requests their answers")
def demo_errors():
    with DemoUpstream() as upstream:
        for code in (400, 401, 402, 403, 404, 408, 429, 500, 502, 503):
            status, body, headers = fetch(upstream.port, COMPLETIONS, "POST", chat(f"error {code}"))
            equal((status, json.loads(body)["error"]["code"]), (code, code), "status and code")
            check("Retry-After" not in headers, f"Retry-After with {code}")
        headers = fetch(upstream.port, COMPLETIONS, "POST", chat("error 429 retry"))[2]
        equal(headers["Retry-After"], "1", "Retry-After")
        equal(fetch(upstream.port, COMPLETIONS, "POST", chat("fail"))[0], 500, "fail")
        for body in ("", "{", "[]", "{}", '{"messages":[]}', '{"messages":[{"role":"system"}]}'):
            equal(fetch(upstream.port, COMPLETIONS, "POST", body)[0], 400, f"body {body!r}")
        equal(fetch(upstream.port, COMPLETIONS)[0], 405, "GET")
        equal(fetch(upstream.port, "/nowhere")[0], 404, "/nowhere")
        models = json.loads(fetch(upstream.port, "/api/v1/models")[1])
        equal(models["data"][0]["id"], "demo/echo", "model")


@test("demo upstream: keeps connections, takes chunked and pipelined requests, refuses garbage")
def demo_http():
    with DemoUpstream() as upstream:
        connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=10)
        for _ in range(3):
            connection.request("POST", COMPLETIONS, chat("count to 2"))
            equal(connection.getresponse().read().count(b'"1 2"'), 1, "kept connection")
        body = chat("count to 4").encode()
        connection.request("POST", COMPLETIONS, iter([body[:10], body[10:11], body[11:]]),
                           encode_chunked=True, headers={"Transfer-Encoding": "chunked"})
        check(b'"1 2 3 4"' in connection.getresponse().read(), "chunked request")
        equal(upstream.status()["connections"], 2, "connections")  # with the one that asks
        connection.close()

        request = f"POST {COMPLETIONS} HTTP/1.1\r\nHost: x\r\nContent-Length: {{}}\r\n\r\n{{}}"
        both = "".join(request.format(len(b), b) for b in (chat("count to 1"), chat("count to 2")))
        with socket.create_connection(("127.0.0.1", upstream.port), 10) as raw:
            for byte in both.encode():
                raw.sendall(bytes([byte]))
            got = b""
            while b'"1 2"' not in got:
                part = raw.recv(65536)
                check(part, "closed before both answers came")
                got += part
            check(got.index(b'"1"') < got.index(b'"1 2"'), "order of pipelined requests")
        refused = {
            "GET / HTTP/1.0\r\n\r\n": "505", "GARBAGE\r\n\r\n": "400", "GET x HTTP/1.1\r\n\r\n": "400",
            "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n": "400",
            "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n": "400",
            "POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n": "413",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n": "400",
            "GET / HTTP/1.1\r\nX: " + "y" * 70000: "431"}
        for text, status in refused.items():
            with socket.create_connection(("127.0.0.1", upstream.port), 10) as raw:
                raw.sendall(text.encode())
                answer = raw.recv(65536).decode()
                check(answer.startswith(f"HTTP/1.1 {status} "), f"{text[:60]!r}: {answer[:60]!r}")


@test("demo upstream: cuts, stalls and falls silent as asked; stops when the client leaves")
def demo_faults():
    def ask(upstream, content):
        body = chat(content, stream=True).encode()
        raw = socket.create_connection(("127.0.0.1", upstream.port), 10)
        raw.sendall(f"POST {COMPLETIONS} HTTP/1.1\r\n".encode() +
                    f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        return raw

    def read_for(raw, seconds):
        got, deadline = b"", time.monotonic() + seconds
        while time.monotonic() < deadline:
            raw.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                part = raw.recv(65536)
            except socket.timeout:
                return got, False
            if not part:
                return got, True
            got += part
        return got, False

    with DemoUpstream() as upstream:
        got, closed = read_for(ask(upstream, "cut"), 5)
        check(closed and b"cut off" not in got and b'" off"' in got and b"DONE" not in got, got)
        with ask(upstream, "silent") as raw:
            equal(read_for(raw, 0.5), (b"", False), "silent")
        with ask(upstream, "stall before") as raw:
            got, closed = read_for(raw, 1.3)
            check(not closed and got.count(b"PROCESSING") >= 4 and b"data:" not in got, got)
        with ask(upstream, "stall") as raw:
            got, closed = read_for(raw, 1)
            check(not closed and b'" more:"' in got and b"finish_reason\":\"" not in got, got)
        with ask(upstream, "count to 1000") as raw:
            read_for(raw, 0.2)
        upstream.wait_for("abandoned", 4)
        equal(upstream.status()["answering"], 0, "answers under way")
        got = fetch(upstream.port, COMPLETIONS, "POST", chat("error midstream", stream=True))[1]
        check('"finish_reason":"error"' in got and '"code":502' in got and "DONE" not in got, got)
        got = fetch(upstream.port, COMPLETIONS, "POST", chat("empty", stream=True))[1]
        equal(events(got), [], "events of an empty answer")


@test("demo upstream: calls of tools have the official shape; what does not belong together is refused")
def demo_tools():
    tool = {"type": "function", "function": {"name": "clock", "description": "Tells the time"}}
    call = {"id": "c1", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
    asked = {"role": "user", "content": "use the tools clock with {\"a\":\"日本語\"} and clock"}
    called = {"role": "assistant", "content": None, "tool_calls": [call]}
    told = {"role": "tool", "tool_call_id": "c1", "content": "noon"}

    def send(upstream, *messages, **fields):
        body = json.dumps({"messages": messages, "tools": [tool], **fields})
        return fetch(upstream.port, COMPLETIONS, "POST", body)[:2]

    with DemoUpstream() as upstream:
        deltas = [c["choices"][0] for c in events(send(upstream, asked, stream=True)[1])]
        parts = [d["delta"]["tool_calls"][0] for d in deltas if "tool_calls" in d["delta"]]
        equal([d["finish_reason"] for d in deltas[-3:]], [None, "tool_calls", "tool_calls"], "ends")
        for index, first in enumerate(parts[:2]):
            equal((first["index"], first["type"], first["function"]),
                  (index, "function", {"name": "clock", "arguments": ""}), "first delta of a call")
        check(all(set(part) == {"index", "function"} and set(part["function"]) == {"arguments"}
                  for part in parts[2:]), lambda: f"the fragments: {parts[2:]}")
        for index, wanted in enumerate(('{"a":"日本語"}', "{}")):
            found = "".join(p["function"]["arguments"] for p in parts if p["index"] == index)
            equal(found, wanted, "arguments")
        equal(send(upstream, asked, called, told)[0], 200, "a result")
        wrong = ([asked, called], [asked, told], [asked, called, told, told],
                 [asked, called, {**told, "tool_call_id": "c2"}], [asked, called, asked],
                 [asked, {**called, "tool_calls": [call, call]}, told])
        for messages in wrong:
            equal(send(upstream, *messages)[0], 400, f"status of {messages}")
        for tools in ([tool, tool], [{"type": "function", "function": {"name": "a b"}}]):
            equal(send(upstream, asked, tools=tools)[0], 400, f"status with {tools}")
        thought = {"role": "user", "content": "think about the tool clock: use the tool clock"}
        details = json.loads(send(upstream, thought)[1])["choices"][0]["message"]["reasoning_details"]
        equal(send(upstream, thought, {**called, "reasoning_details": details}, told)[0], 200,
              "with the reasoning")
        equal(send(upstream, thought, called, told)[0], 400, "without the reasoning")


@test("sdk: the official OpenRouter client gets its answers from the demo upstream")
def sdk():
    with DemoUpstream() as upstream:
        print_out = run_script("sdk_client.mjs", upstream.url, least=20)
        check("all well" in print_out, print_out)


@test("aimock: a third party's mock as upstream, an answer and a failure")
def aimock():
    fixtures = {"fixtures": [
        {"match": {"userMessage": "greet"}, "response": {"content": "Good day from the mock. " * 5}},
        {"match": {"userMessage": "boom"}, "response": {
            "error": {"message": "trace of /srv/worker.py", "type": "server_error"}, "status": 500}},
        {"match": {"userMessage": "limit"}, "response": {
            "error": {"message": "slow down", "type": "rate_limit_error"}, "status": 429}}]}

    async def body(server):
        async with Client.open(server) as client:
            end = await client.ask("greet", stream=True)
            equal((end["status"], end["content"]),
                  ("completed", "Good day from the mock. " * 5), "answer")
            deltas = [m["content"] for m in client.seen if m.get("phase") == "delta"]
            equal("".join(deltas), end["content"], "deltas")
            equal((await client.ask("greet"))["content"], end["content"], "plain answer")
            error = await client.ask("boom", timeout=20)
            equal((error["type"], error.get("code")), ("error", "provider_error"), "500")
            check("srv" not in error["content"] and "trace" not in error["content"], error)
            error = await client.ask("limit", timeout=20)
            equal((error["type"], error.get("code")), ("error", "provider_rate_limited"), "429")

    with aimock_upstream(fixtures) as url:
        with Server(OPENROUTER_BASE_URL=url, OPENROUTER_API_KEY="test", MAX_RETRIES=1) as server:
            asyncio.run(body(server))


@contextlib.contextmanager
def aimock_upstream(fixtures, *options):
    """The base URL of a mock that answers by these fixtures."""
    cli = modules() / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
    with temporary_folder() as folder:
        (folder / "fixtures.json").write_text(json.dumps(fixtures))
        command = [node(20), cli, "--port", "0", "--fixtures", folder / "fixtures.json", *options]
        with Process(command, clean_environment()) as mock:
            port = mock.wait_for_line(r"listening on http://127\.0\.0\.1:(\d+)", 20)[1]
            yield f"http://127.0.0.1:{port}/api/v1"


ANSWER = "Good day from the mock. " * 5
GREETING = {"fixtures": [{"match": {"userMessage": "greet"}, "response": {"content": ANSWER}}]}


@test("aimock: each of its kinds of chaos has its error, and none of its words")
def aimock_chaos():
    kinds = {("--chaos-drop", "1"): "provider_error",
             ("--chaos-malformed", "1"): "provider_error",
             ("--chaos-disconnect", "1"): "provider_error",
             ("--chaos-ratelimit", "1"): "provider_rate_limited",
             ("--chaos-latency", "300"): None}

    async def body(server, code):
        async with Client.open(server) as client:
            for stream in (True, False):
                end = await client.ask("greet", stream=stream, timeout=20)
                if code is None:
                    equal((end.get("status"), end["content"]), ("completed", ANSWER), "answer")
                    continue
                why = end["error"] if stream else end
                equal(why.get("code"), code, f"{code}, stream {stream}")
                for word in ("chaos", "aimock", "127.0.0.1", "{"):
                    check(word not in why["content"].lower(), end)

    for options, code in kinds.items():
        with aimock_upstream(GREETING, *options) as url:
            with Server(OPENROUTER_BASE_URL=url, OPENROUTER_API_KEY="test", MAX_RETRIES=0) as server:
                asyncio.run(body(server, code))


@test("aimock: under mixed chaos every query has its one end, and retries find most answers")
def aimock_mixed_chaos():
    async def body(server):
        async with Client.open(server) as client:
            whole = 0
            for i in range(40):
                end = await client.ask("greet", stream=i % 2 == 0, timeout=30)
                why = end.get("error") or (end if end["type"] == "error" else None)
                if why is None:
                    equal((end["status"], end["content"]), ("completed", ANSWER), "answer")
                    whole += 1
                else:
                    check(why["code"] in ("provider_error", "provider_rate_limited", "truncated",
                                          "empty_response"), end)
            terminals = [m["ref"] for m in client.seen if m.get("phase") in ("end", "full")
                         or m.get("terminal")]
            equal(len(terminals), len(set(terminals)), "one end each")
            equal(len(terminals), 40, "ends")
            check(whole >= 20, f"only {whole} of 40 answers were whole")

    chaos = [word for kind in ("drop", "malformed", "disconnect") for word in (f"--chaos-{kind}", "0.12")]
    with aimock_upstream(GREETING, *chaos) as url:
        with Server(OPENROUTER_BASE_URL=url, OPENROUTER_API_KEY="test", MAX_RETRIES=3) as server:
            asyncio.run(body(server))
