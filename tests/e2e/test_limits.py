# SPDX-License-Identifier: MIT
"""What holds clients off that take too much, and pages that are not meant to come."""

import asyncio
import contextlib
import time

from harness import Client, Server, check, equal, is_terminal, query, run_script, test


async def refused(server, **options):
    """Status, body and headers of a handshake that has to fail."""
    import websockets
    try:
        async with Client.open(server, **options):
            pass
    except websockets.InvalidHandshake as why:
        response = getattr(why, "response", None)
        if response is not None:  # websockets 13 and newer
            return response.status_code, (response.body or b"").decode(), response.headers
        return why.status_code, "", why.headers
    check(False, "the server let it in")


@test("limits: a page of another origin gets no socket, unless it is listed")
def origins():
    async def try_all(server, good, bad):
        for origin in good:
            async with Client.open(server, origin=origin) as client:
                equal(client.welcome["op"], "welcome", f"of {origin}")
        for origin in bad:
            status, body, _ = await refused(server, origin=origin)
            equal(status, 403, f"of {origin}")
            check(origin not in body, f"the refusal repeats the origin: {body!r}")

    with Server() as server:
        here = f"http://127.0.0.1:{server.port}"
        asyncio.run(try_all(server, [None, here, "http://localhost:5173"],
                            ["https://evil.example", "null", "https://127.0.0.1.evil.example"]))
        status, body, _ = server.get("/ws", headers={
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": "https://evil.example"})
        equal(status, 403, "status")
        check("ALLOWED_ORIGINS" in body and "evil" not in body, f"the refusal says {body!r}")
    with Server(ALLOWED_ORIGINS="https://app.example, https://*.example.net") as server:
        asyncio.run(try_all(server, ["https://app.example", "https://a.example.net"],
                            ["http://app.example", "https://example.net"]))


@test("limits: a name that leads to the loopback address is no name of this server")
def rebinding():
    with Server() as server:
        headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
                   "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                   "Host": f"evil.example:{server.port}",
                   "Origin": f"http://evil.example:{server.port}"}
        equal(server.get("/ws", headers=headers)[0], 403, "status")


@test("limits: the package ws sends its origin, and is held to it")
def ws_origin():
    with Server() as server:
        output = run_script("ws_client.mjs", server.socket_url(), "plain",
                            E2E_ORIGIN=f"http://127.0.0.1:{server.port}")
        check("all well" in output, output)
        output = run_script("ws_client.mjs", server.socket_url(), "refused", "403",
                            E2E_ORIGIN="https://evil.example")
        check("all well" in output, output)


@test("limits: connections of one address, given back when they end")
def per_address():
    async def crowd(server):
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(3):
                await stack.enter_async_context(Client.open(server))
            status, _, headers = await refused(server)
            equal(status, 429, "status of the fourth")
            equal(headers["Retry-After"], "5", "Retry-After")
        deadline = time.monotonic() + 5
        while True:
            try:
                async with Client.open(server):
                    return
            except Exception:
                check(time.monotonic() < deadline, "no place is given back")
                await asyncio.sleep(0.05)

    with Server(MAX_CONNECTIONS_PER_IP=3) as server:
        asyncio.run(crowd(server))
    check("MAX_CONNECTIONS_PER_IP" in server.output, "the log does not name the variable")


def forwarded_for(value):
    """The option of `websockets` for that header, which has another name since 14."""
    import websockets
    newer = int(websockets.__version__.split(".")[0]) >= 14
    return {"additional_headers" if newer else "extra_headers": {"X-Forwarded-For": value}}


@test("limits: behind a proxy that is trusted each client counts for itself")
def behind_proxy():
    async def come(server, then):
        async with Client.open(server, **forwarded_for("192.0.2.1")):
            for value, status in then:
                if status == 101:
                    async with Client.open(server, **forwarded_for(value)):
                        continue
                equal((await refused(server, **forwarded_for(value)))[0], status, value)

    with Server(MAX_CONNECTIONS_PER_IP=1, TRUST_PROXY="loopback") as server:
        asyncio.run(come(server, [("192.0.2.2", 101), ("8.8.8.8, 192.0.2.1, 127.0.0.1", 429)]))
    check("from 192.0.2.1" in server.output, "the log does not show the client's address")
    with Server(MAX_CONNECTIONS_PER_IP=1) as server:
        asyncio.run(come(server, [("192.0.2.2", 429)]))
    check("TRUST_PROXY" in server.output, "the log does not say what to do")


@test("limits: new connections in a second")
def per_second():
    async def crowd(server):
        statuses = []
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(6):
                try:
                    await stack.enter_async_context(Client.open(server))
                    statuses.append(101)
                except Exception:
                    statuses.append(0)
            equal(statuses[:2], [101, 101], "the first two")
            check(0 in statuses, "all came in")
            await asyncio.sleep(1.1)
            await stack.enter_async_context(Client.open(server))

    with Server(NEW_CONNECTIONS_PER_SECOND=4) as server:  # of which one address gets one
        asyncio.run(crowd(server))


@test("limits: messages beyond the rate are refused, and taken when it is time")
def rate():
    async def talk(server):
        async with Client.open(server) as client:
            limits = client.welcome["limits"]
            equal((limits["messages_per_minute"], limits["message_burst"]), (120, 3), "limits")
            for i in range(3):
                check((await client.ask("count to 2", id=f"q{i}"))["type"] == "response", "an answer")
            refusal = await client.ask("count to 2", id="q3")
            equal(refusal["code"], "rate_limited", "code")
            equal((refusal["ref"], refusal["retryable"]), ("q3", True), "ref, retryable")
            wait = refusal["retry_after_ms"]
            check(0 < wait <= 500, f"retry_after_ms is {wait}")
            await client.send({"type": "command", "op": "ping", "id": "p"})
            equal((await client.next())["op"], "pong", "a ping")
            again = await client.ask("count to 2", id="q0")  # has arrived before
            equal(again["ref"], "q0", "the answer once more")
            await asyncio.sleep(wait / 1000)
            check((await client.ask("count to 2", id="q3"))["type"] == "response", "an answer")

    with Server(RATE_LIMIT_PER_MINUTE=120, RATE_LIMIT_BURST=3) as server:
        asyncio.run(talk(server))


@test("limits: who sends without end is sent away with 4005")
def flood():
    async def talk(server):
        import websockets
        async with Client.open(server) as client:
            with contextlib.suppress(websockets.ConnectionClosed):
                for _ in range(2000):
                    await client.send('{"type":"command","op":"ping"}')
            equal(await client.closed(), (4005, "rate_exceeded"), "close")
        async with Client.open(server) as client:  # others go on
            check(is_terminal(await client.ask("count to 2")), "an answer")

    with Server(RATE_LIMIT_PER_MINUTE=10, RATE_LIMIT_BURST=5) as server:
        asyncio.run(talk(server))


@test("limits: a day's tokens")
def budget():
    async def talk(server):
        async with Client.open(server) as client:
            check((await client.ask("count to 3"))["type"] == "response", "an answer")
            refusal = await client.ask("count to 3")
            equal(refusal["code"], "quota_exceeded", "code")
            check(0 < refusal["retry_after_ms"] <= 86_400_000, "retry_after_ms")

    with Server(DAILY_TOKENS_PER_USER=1) as server:
        asyncio.run(talk(server))


@test("limits: sessions of one user")
def sessions():
    async def talk(server):
        async with Client.open(server) as first:
            check((await first.ask("count to 2"))["type"] == "response", "an answer")
            async with Client.open(server) as second:
                await second.send(query("count to 2", id="q1"))
                refusal = await second.next()
                equal((refusal["code"], refusal["ref"]), ("too_many_connections", "q1"), "refusal")
                equal(await second.closed(), (4429, "connection_limit"), "close")

    with Server(MAX_SESSIONS_PER_USER=1) as server:
        asyncio.run(talk(server))


@test("limits: the text of a query")
def content():
    async def talk(server):
        async with Client.open(server) as client:
            equal(client.welcome["limits"]["max_content_bytes"], 100, "told")
            refusal = await client.ask("x" * 101, id="q1")
            equal(refusal["code"], "too_large", "code")
            check("101" in refusal["content"] and "100" in refusal["content"], refusal["content"])
            check((await client.ask("x" * 100))["type"] == "response", "an answer")

    with Server(MAX_CONTENT_BYTES=100) as server:
        asyncio.run(talk(server))
