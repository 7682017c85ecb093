# SPDX-License-Identifier: MIT
"""The tools of the example server, called by its demo model: results, failures, decisions."""

import asyncio
import re

from harness import (Client, Server, ServerProgram, check, clean_environment, command, equal,
                     query, temporary_folder, test)


class ToolsExample(ServerProgram):
    """The example tools.cpp."""

    variable = "AGENT_WEBSOCKET_TOOLS"

    def __init__(self, *arguments):
        super().__init__(arguments, clean_environment(HOST="127.0.0.1", PORT=0),
                         r"listening on port (?P<port>\d+)")

    socket_url = Server.socket_url


async def greet(client, *caps):
    await client.send(command("hello", v=1, caps=["delta", *caps]))
    await client.until(lambda m: m.get("op") == "live")


def progress(client):
    return [m["tool"] for m in client.seen if m.get("op") == "tool"]


@test("tools: the clock and the calculator are called, seen, and paid for")
def clock_and_calculator():
    async def body(server):
        async with Client.open(server) as client:
            await greet(client)
            end = await client.ask("What time is it in UTC+5.5, and what is 2^10 - 24?", id="q1")
            pattern = (r"The tool clock says: 2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\+05:30\n"
                       r"The tool calculate says: 1000")
            check(re.fullmatch(pattern, end["content"]), end)
            seen = progress(client)
            equal([(t["name"], t["state"]) for t in seen if t["name"] == "clock"],
                  [("clock", "calling"), ("clock", "done")], "progress of the clock")
            equal(seen[0]["arguments"], {"utc_offset_hours": 5.5}, "arguments")
            server.wait_for_line(r"completion_ended .*-demo2 ")
            logged = re.findall(r"completion_ended .* prompt=(\d+) completion=(\d+) cost=(\S+)",
                                server.output)
            for at, name in enumerate(("prompt_tokens", "completion_tokens", "cost")):
                total = sum(float(line[at]) for line in logged)
                check(len(logged) == 2 and abs(end["usage"][name] - total) < 1e-9,
                      lambda: f"{name} of both rounds: {end['usage']}, the log says {logged}")
            for question, answer in (
                    ("2 * (3 + 4)", "says: 14"), ("-2^2 % 3", "says: -1"), ("2^3^2", "says: 512"),
                    ("1/0", "failed: Division by zero, at character 4."),
                    ("(1", "failed: A closing parenthesis is missing, at character 3."),
                    ("(" * 60, "failed: The expression is nested too deeply, at character 51."),
                    ("9^9^9", "failed: The result is too large, or no real number, at character 6."),
                    ("two", "failed: A number is missing, at character 1.")):
                end = await client.ask(f'use the tool calculate with {{"expression":"{question}"}}')
                equal(end["content"], "The tool calculate " + answer, question)
            end = await client.ask('use the tool calculate with {"expression":7}')
            check("failed: `expression` must be a string" in end["content"], end)
            end = await client.ask("use the tool calculate with {broken")
            check("calculate failed" in end["content"], end)
            end = await client.ask("use the tool nosuch")
            check("nosuch failed" in end["content"], end)

    with Server("--demo-tools") as server:
        asyncio.run(body(server))


@test("tools: a model that never stops calling ends at the round limit")
def loop():
    async def body(server):
        async with Client.open(server) as client:
            await greet(client)
            end = await client.ask("loop on clock", id="q1")
            equal((end["status"], end["error"]["code"]), ("failed", "tool_loop"), "end")
            check(end["usage"]["cost"] > 0, lambda: f"usage: {end}")
            equal(len([t for t in progress(client) if t["state"] == "done"]), 3, "calls")
            equal((await client.ask("count to 2"))["content"], "1 2", "the next answer")

    with Server("--demo-tools", MAX_TOOL_ROUNDS=3) as server:
        asyncio.run(body(server))


@test("tools: without them the demo says so, and so does a server that has none")
def none():
    async def body(server):
        async with Client.open(server) as client:
            equal((await client.ask("use the tool clock"))["content"], "I was given no tools.", "it")

    with Server() as server:
        asyncio.run(body(server))


@test("tools: reasoning comes before the call, and goes back with its result")
def reasoning():
    async def body(server):
        async with Client.open(server) as client:
            await greet(client, "reasoning")
            end = await client.ask("think about the time: use the tool clock", id="q1")
            check(end["content"].startswith("The tool clock says: "), end)
            thought = "".join(m["content"] for m in client.seen if m.get("phase") == "reasoning")
            check("think about" in thought and thought.endswith("answer now."), thought)
        async with Client.open(server) as client:
            await greet(client)
            await client.ask("think", id="q1")
            check(not any(m.get("phase") == "reasoning" for m in client.seen), "it was not asked for")

    with Server("--demo-tools") as server:
        asyncio.run(body(server))


def make_files(folder):
    """A folder with what may be read, and all around it what may not."""
    inside = folder / "inside"
    (inside / "sub").mkdir(parents=True)
    (folder / "inside2").mkdir()
    for name, text in (("outside.txt", "secret"), ("inside2/near.txt", "secret"),
                       ("inside/notes.txt", "buy milk"), ("inside/sub/deep.txt", "deep water"),
                       ("inside/.env", "secret"), ("inside/big.txt", "x" * 20000)):
        (folder / name).write_text(text)
    (inside / "bytes.bin").write_bytes(b"\xff\xfe")
    for link, target in (("leak.txt", "../outside.txt"), ("near", "../inside2"), ("up", ".."),
                         ("hidden.txt", ".env"), ("good.txt", "sub/deep.txt")):
        (inside / link).symlink_to(target)
    return inside


async def ask_and_decide(client, question, **decision):
    """Asks what needs one decision, decides, and gives request and answer."""
    await client.send(query(question, id=f"q{len(client.seen)}"))
    request = await client.until(lambda m: m["type"] == "human_feedback")
    await client.send({"type": "human_feedback", "ref": request["id"], **decision})
    end = await client.until(lambda m: m.get("phase") == "end")
    return request, end["content"]


@test("tools: files are read when a person agrees; rejected, edited, answered in its place")
def files():
    async def body(server):
        async with Client.open(server) as client:
            await greet(client, "feedback")
            request, said = await ask_and_decide(client, "read notes.txt", decision="approve")
            equal((request["kind"], request["tool"]["name"], request["tool"]["arguments"]),
                  ("approval", "read_file", {"path": "notes.txt"}), "request")
            equal(said, "The tool read_file says: buy milk", "approved")
            _, said = await ask_and_decide(client, "read notes.txt", decision="reject",
                                           content="that is private")
            check("read_file failed" in said and "that is private" in said, said)
            _, said = await ask_and_decide(client, "read notes.txt", decision="edit",
                                           data={"path": "sub/deep.txt"})
            check("deep water" in said, said)
            _, said = await ask_and_decide(client, "read notes.txt", decision="answer",
                                           content="buy nothing")
            equal(said, "The tool read_file says: buy nothing", "answered")
            _, said = await ask_and_decide(client, "list files", decision="approve")
            equal(said.split()[4:], ["big.txt", "bytes.bin", "good.txt", "hidden.txt", "leak.txt",
                                     "near/", "notes.txt", "sub/", "up/"], "files")

    with temporary_folder() as folder, Server("--files", make_files(folder)) as server:
        asyncio.run(body(server))


@test("tools: no path leads out of the folder")
def no_way_out():
    async def attempt(server, tool, argument, path):
        async with Client.open(server) as client:
            await greet(client, "feedback")
            question = f'use the tool {tool} with {{"{argument}":"{path}"}}'
            return path, (await ask_and_decide(client, question, decision="approve"))[1]

    async def body(server, folder):
        async def each(tool, argument, *paths):
            return await asyncio.gather(*(attempt(server, tool, argument, p) for p in paths))

        inside, outside = folder / "inside/notes.txt", folder / "outside.txt"
        refused = await each(
            "read_file", "path", "../outside.txt", "..", "sub/../../outside.txt", outside, inside,
            "leak.txt", "near/near.txt", "up/outside.txt", "up/inside2/near.txt", ".env",
            "hidden.txt", "", ".", "sub", "big.txt", "bytes.bin", "nosuch.txt", "/etc/passwd",
            "notes.txt\\u0000.png", "//etc/passwd", "sub//../notes.txt")
        refused += await each("list_files", "folder", "..", "near", "up", "/", folder, "notes.txt")
        for path, said in refused:
            check("_file" in said and " failed: " in said and "secret" not in said, f"{path}: {said}")
            check(str(folder) not in said, f"{path}: {said}")
        given = await each("read_file", "path", "good.txt", "./sub/deep.txt", "up/inside/sub/deep.txt")
        for path, said in given:
            check(said.endswith("says: deep water"), f"{path}: {said}")

    with temporary_folder() as folder, Server("--files", make_files(folder)) as server:
        asyncio.run(body(server, folder))


@test("tools: the program of its own serves a plain client, decisions too")
def plain_client():
    async def body(server):
        async with Client.open(server, "/ws") as client:
            end = await client.ask("what is 12 * 7?")
            equal(end["content"], "The tool calculate says: 84", "answer")
            await client.send({"content": "read notes.txt"})
            asked = await client.until(lambda m: m["type"] == "human_feedback")
            equal(asked["content"], "May the agent read this file?", "question")
            await client.send({"type": "human_feedback", "decision": "approve"})
            end = await client.until(lambda m: m["type"] == "response")
            equal(end["content"], "The tool read_file says: buy milk", "answer")

    with temporary_folder() as folder, ToolsExample(make_files(folder)) as server:
        asyncio.run(body(server))
