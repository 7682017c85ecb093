# SPDX-License-Identifier: MIT
"""Cancelling: queued, before the first token, in mid-stream; and that the upstream feels it."""

import asyncio

from harness import Client, DemoUpstream, Server, check, command, equal, is_terminal, query, test


def cancelling(name, **variables):
    """A coroutine with a server and an upstream whose counters can be read."""
    def register(body):
        @test(name)
        def run():
            with DemoUpstream() as upstream:
                with Server(OPENROUTER_BASE_URL=upstream.url, OPENROUTER_API_KEY=Server.secret,
                            **variables) as server:
                    asyncio.run(body(server, upstream))
        return body
    return register


@cancelling("cancel: a query that waits is never sent")
async def queued(server, upstream):
    async with Client.open(server) as client:
        await client.send(query("count to 30", id="q1"))
        await client.send(query("count to 1", id="q2"))
        await client.until(lambda m: m.get("op") == "queued" and m.get("ref") == "q2")
        await client.send(command("cancel", id="c", ref="q2"))
        await client.until(lambda m: m.get("op") == "ack" and m.get("ref") == "c")
        end = await client.until(is_terminal)
        equal((end["ref"], end["status"]), ("q2", "cancelled"), "the waiting one")
        end = await client.until(is_terminal)
        equal((end["ref"], end["status"]), ("q1", "completed"), "the running one")
        equal(upstream.status()["completed"], 1, "requests that went upstream")


@cancelling("cancel: before the first token, plain and streamed")
async def before_first_token(server, upstream):
    async with Client.open(server) as client:
        for number, content in enumerate(("stall before", "silent")):
            for streamed in (False, True):
                id = f"q{number}{streamed}"
                abandoned = upstream.status()["abandoned"]
                await client.send(query(content, id=id, stream=streamed))
                await client.until(lambda m: m.get("op") == "thinking")
                await asyncio.to_thread(upstream.wait_for, "answering", 1)
                await client.send(command("cancel", ref=id))
                end = await client.until(is_terminal, 3)
                equal((end["ref"], end["status"], end["content"]), (id, "cancelled", ""), content)
                await asyncio.to_thread(upstream.wait_for, "abandoned", abandoned + 1)
        equal((await client.ask("count to 3"))["content"], "1 2 3", "afterwards")


@cancelling("cancel: in mid-stream keeps the text and closes the upstream's connection")
async def midstream(server, upstream):
    async with Client.open(server) as client:
        for content in ("count to 500", "stall"):
            abandoned = upstream.status()["abandoned"]
            await client.send(query(content, id=content[:5], stream=True))
            for _ in range(3):
                await client.until(lambda m: m.get("phase") == "delta")
            await client.send(command("cancel", id="c"))
            end = await client.until(is_terminal, 3)
            equal((end["ref"], end["status"]), (content[:5], "cancelled"), "end")
            check(end["content"].startswith(("1 2 3", "This answer")), f"no partial text: {end}")
            await asyncio.to_thread(upstream.wait_for, "abandoned", abandoned + 1)
        equal(upstream.status()["answering"], 0, "answers that still run")
        error = await client.command("cancel", ref="count")
        equal(error.get("code"), "not_found", "cancelled twice")


@cancelling("cancel: `interrupt` puts the new query in the place of the running one")
async def interrupt(server, upstream):
    async with Client.open(server) as client:
        await client.send(query("count to 500", id="old", stream=True))
        await client.until(lambda m: m.get("phase") == "delta")
        await client.send(query("count to 3", id="new", overlap="interrupt"))
        end = await client.until(is_terminal)
        equal((end["ref"], end["status"]), ("old", "cancelled"), "the old one")
        end = await client.until(is_terminal)
        equal((end["ref"], end["content"]), ("new", "1 2 3"), "the new one")
        await asyncio.to_thread(upstream.wait_for, "abandoned", 1)


@cancelling("cancel: a client that goes away stops its answer, RUN_GRACE=0", RUN_GRACE=0)
async def gone(server, upstream):
    async with Client.open(server) as client:
        await client.send(query("count to 900", stream=True))
        await client.until(lambda m: m.get("phase") == "delta")
    await asyncio.to_thread(upstream.wait_for, "abandoned", 1)


@cancelling("cancel: timeout_ms ends an answer that takes too long")
async def timeout(server, upstream):
    async with Client.open(server) as client:
        error = await client.ask("stall", id="t", timeout_ms=700)
        equal((error["type"], error.get("code")), ("error", "timeout_total"), "plain")
        end = await client.ask("count to 900", id="s", stream=True, timeout_ms=700)
        equal((end["status"], end["error"]["code"]), ("failed", "timeout_total"), "streamed")
        await asyncio.to_thread(upstream.wait_for, "abandoned", 2)


@cancelling("stall: the clocks of the first token and of silence", FIRST_TOKEN_TIMEOUT=1,
            IDLE_TIMEOUT=1, MAX_RETRIES=0)
async def clocks(server, upstream):
    async with Client.open(server) as client:
        error = await client.ask("stall before")
        equal(error.get("code"), "timeout_first_token", "comments only")
        error = await client.ask("silent")
        check(error.get("code") in ("timeout_first_token", "timeout_idle"), f"silence: {error}")
        error = await client.ask("stall")
        equal(error.get("code"), "timeout_idle", "silence in mid-answer")
