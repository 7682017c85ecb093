# SPDX-License-Identifier: MIT
"""The HTTP API and the metrics of the example server, with real clients and a real parser."""

import asyncio
import json
import subprocess

from harness import (Client, Failure, Server, check, clean_environment, command, equal, fetch,
                     program, test)

TOKEN = "e2e-admin-token-0123456789"
ALLOWED = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}


def call(server, method, path, body=None, **headers):
    """Status, JSON, headers."""
    text = None if body is None else body if isinstance(body, str) else json.dumps(body)
    status, answer, fields = fetch(server.port, path, method, text, {**ALLOWED, **headers})
    equal(fields["Content-Type"], "application/json", f"{method} {path}")
    equal(fields["Cache-Control"], "no-store", f"{method} {path}")
    return status, json.loads(answer), fields


def families(server, **headers):
    """The metrics, by Prometheus' own parser."""
    try:
        from prometheus_client.parser import text_string_to_metric_families
    except ImportError:
        raise Failure("Python's prometheus_client is missing (Debian: python3-prometheus-client)") \
            from None
    status, text, fields = fetch(server.port, "/metrics", headers=headers)
    equal(status, 200, "/metrics")
    equal(fields["Content-Type"], "text/plain; version=0.0.4; charset=utf-8", "/metrics")
    return {family.name: family for family in text_string_to_metric_families(text)}


@test("api: notify, by the original's call and by its own")
def notify():
    async def body(server):
        async with Client.open(server) as first, Client.open(server) as second:
            session = first.welcome["session_id"]
            status, told, _ = call(server, "POST", "/functions/v1/notify_websocket",
                                   {"sessionId": session, "message": "Your report is ready"})
            equal(status, 200, "notify_websocket")
            equal((told["success"], told["sockets"]), (True, 1), "notify_websocket")
            message = await first.next()
            equal((message["type"], message["content"], message["seq"]),
                  ("notification", "Your report is ready", 1), "the notification")
            call(server, "POST", f"/v1/sessions/{session}/notify",
                 {"content": "Build failed", "topic": "build", "data": {"build": 812}})
            message = await first.next()
            equal((message["topic"], message["data"]), ("build", {"build": 812}), "with data")
            equal(call(server, "POST", "/v1/broadcast", {"content": "news"})[1]["sockets"], 2,
                  "broadcast")
            equal((await first.next())["content"], "news", "broadcast to the first")
            equal((await second.next())["content"], "news", "broadcast to the second")

    with Server(ADMIN_TOKEN=TOKEN) as server:
        asyncio.run(body(server))


@test("api: list, show, end")
def sessions():
    async def body(server):
        async with Client.open(server) as client, Client.open(server):
            session = client.welcome["session_id"]
            seen, cursor = [], ""
            while cursor is not None:
                _, page, _ = call(server, "GET", f"/v1/sessions?limit=1&cursor={cursor}")
                seen += [each["id"] for each in page["sessions"]]
                cursor = page["next_cursor"]
            equal(len(set(seen)), 2, "sessions in the pages")
            check(session in seen, "the session is in no page")
            await client.ask("hello")
            shown = call(server, "GET", f"/v1/sessions/{session}")[1]
            equal((shown["sockets"], shown["messages"], shown["running"]), (1, 2, False), "shown")
            await client.send({"type": "query", "id": "q1", "content": "count to 40"})
            await client.until(lambda m: m.get("op") == "thinking")
            equal(call(server, "DELETE", f"/v1/sessions/{session}")[0], 200, "DELETE")
            end = await client.until(lambda m: m.get("ref") == "q1" and m["type"] == "error")
            equal(end["code"], "interrupted", "how the answer ended")
            equal(await client.closed(), (4499, "closed_by_operator"), "close")
            equal(call(server, "GET", f"/v1/sessions/{session}")[0], 404, "after the end")

    with Server(ADMIN_TOKEN=TOKEN) as server:
        asyncio.run(body(server))


@test("api: refusals, as JSON")
def refusals():
    with Server(ADMIN_TOKEN=TOKEN) as server:
        def refused(wanted, code, *arguments, **headers):
            status, answer, fields = call(server, *arguments, **headers)
            equal((status, answer["error"]["code"]), (wanted, code), str(arguments))
            check(len(answer["error"]["message"]) > 10, f"no words: {arguments}")
            check(fields["Access-Control-Allow-Origin"] is None, "a CORS header")
            return fields

        for wrong in ("", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x"):
            fields = refused(401, "unauthorized", "GET", "/v1/sessions", Authorization=wrong)
            check(fields["WWW-Authenticate"].startswith("Bearer"), "no challenge")
        equal(refused(405, "method_not_allowed", "PUT", "/v1/sessions")["Allow"], "GET, HEAD",
              "Allow")
        # What a browser asks before a page of another site may send the header.
        refused(401, "unauthorized", "OPTIONS", "/v1/broadcast", Authorization="",
                Origin="https://elsewhere.example",
                **{"Access-Control-Request-Headers": "authorization"})
        refused(415, "unsupported_media_type", "POST", "/v1/broadcast", {"content": "x"},
                **{"Content-Type": "text/plain"})
        refused(400, "bad_json", "POST", "/v1/broadcast", "{")
        refused(400, "bad_message", "POST", "/v1/broadcast", {"content": 7})
        refused(404, "session_not_found", "GET", "/v1/sessions/nobody")
        refused(404, "not_found", "GET", "/v1/nothing")
        refused(413, "too_large", "POST", "/v1/broadcast", {"content": "x" * 200_000})
        status, _, _ = fetch(server.port, "/v1/broadcast", "POST",
                             headers={**ALLOWED, "Content-Length": "2000000"})
        equal(status, 413, "a body that is not even read")


@test("api: a repeat with the same key is done once")
def idempotency():
    async def body(server):
        async with Client.open(server) as client:
            key = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
            said = {"content": "once"}
            first = call(server, "POST", "/v1/broadcast", said, **key)
            again = call(server, "POST", "/v1/broadcast", said, **key)
            equal((again[0], again[1]), (first[0], first[1]), "the repeat")
            equal(call(server, "POST", "/v1/broadcast", {"content": "other"}, **key)[0], 422,
                  "another body")
            equal((await client.next())["content"], "once", "the notification")
            await client.send(command("info", id="i"))
            equal((await client.next())["ref"], "i", "what comes next")

    with Server(ADMIN_TOKEN=TOKEN) as server:
        asyncio.run(body(server))


@test("api: a token that can be guessed ends the start, and is not printed")
def short_token():
    for name, value_, words in (("ADMIN_TOKEN", "hunter2", "16"),
                                ("METRICS", "admin", "ADMIN_TOKEN is not set")):
        ended = subprocess.run([program("AGENT_WEBSOCKET_SERVER")], timeout=10, text=True,
                               env=clean_environment(HOST="127.0.0.1", PORT=0, **{name: value_}),
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT)
        equal(ended.returncode, 2, f"exit code with {name}")
        check(name in ended.stdout and words in ended.stdout, f"does not say why: {ended.stdout!r}")
        check("hunter2" not in ended.stdout, "prints the token")


@test("metrics: Prometheus' own parser reads them, and they count")
def metrics():
    async def body(server):
        before = families(server)
        check(len(before) > 25, f"only {len(before)} families")
        for name, family in before.items():
            check(name.startswith("agent_websocket_"), name)
            check(family.documentation, f"{name} has no help")
            check(family.type in ("counter", "gauge", "histogram"), f"{name} is {family.type}")
        async with Client.open(server) as client:
            await client.ask("hello")
            found = families(server)

            def value(name, **labels):
                return next(each.value for family in found.values() for each in family.samples
                            if each.name == "agent_websocket_" + name and each.labels == labels)

            equal(value("sockets"), 1, "sockets")
            equal(value("answers_total", status="completed"), 1, "answers")
            equal(value("messages_received_total", type="query"), 1, "messages")
            for name in ("time_to_first_token_seconds", "answer_duration_seconds"):
                family = found["agent_websocket_" + name]
                buckets = [each.value for each in family.samples if each.name.endswith("_bucket")]
                equal(buckets, sorted(buckets), f"buckets of {name}")
                equal((buckets[-1], value(name + "_count")), (1, 1), f"count of {name}")
            check(value("tokens_total", kind="completion") > 0, "no tokens")
            check(value("start_time_seconds") > 1_600_000_000, "no time of the start")
            check(value("sent_bytes_total") > 100, "no bytes")
        series = {(each.name, tuple(sorted(each.labels.items())))
                  for family in found.values() for each in family.samples}
        known = {(each.name, tuple(sorted(each.labels.items())))
                 for family in before.values() for each in family.samples}
        equal(series, known, "series after an answer")

    with Server() as server:
        asyncio.run(body(server))


@test("metrics: for nobody, or for who has the token")
def hidden_metrics():
    with Server(METRICS="off", ADMIN_TOKEN=TOKEN) as server:
        equal(server.get("/metrics", headers=ALLOWED)[0], 404, "off")
    with Server(METRICS="admin", ADMIN_TOKEN=TOKEN) as server:
        equal(server.get("/metrics")[0], 401, "without the token")
        families(server, Authorization=f"Bearer {TOKEN}")
