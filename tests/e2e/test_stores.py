# SPDX-License-Identifier: MIT
"""Sessions in a file: as somebody meets them who tries it, and what is said to who does it wrong.
What holds under load and SIGKILL is shown by tests/chaos."""

import asyncio
import os
import shutil
import signal
import sqlite3
import time

from harness import (Client, Failure, Process, Server, Skip, check, clean_environment, command, equal,
                     program, temporary_folder, test)


def refused(folder, store, words):
    """The server ends at once with 2, and says that."""
    with Process([program("AGENT_WEBSOCKET_SERVER")],
                 clean_environment(HOST="127.0.0.1", PORT=0, STORE=store)) as server:
        equal(server.wait(10), 2, f"exit code with STORE={store}")
        check(words in server.output, lambda: f"STORE={store}: {words!r} expected: {server.output}")


def hello(welcome, last_seq):
    return command("hello", v=1, session_id=welcome["session_id"],
                   resume={"token": welcome["resume_token"], "epoch": welcome["epoch"], "last_seq": last_seq})


async def resumed(client, welcome, last_seq=0):
    """The welcome, and what was replayed."""
    await client.send(hello(welcome, last_seq))
    again = await client.next()
    seen = []
    while True:
        message = await client.next()
        if message.get("op") == "live":
            return again, seen
        seen.append(message)


@test("stores: talk, stop, start, and go on; the model knows what was said")
def go_on():
    async def first(server):
        async with Client.open(server) as client:
            equal((await client.ask("count to 3", id="q1"))["content"], "1 2 3", "answer")
            return client.welcome

    async def second(server, known):
        async with Client.open(server) as client:
            welcome, seen = await resumed(client, known)
            equal((welcome["recovered"], welcome["reason"]), (True, "ok"), "the verdict")
            contents = [each["content"] for each in seen]
            check("1 2 3" in contents, lambda: f"what was replayed: {contents}")
            again = await client.ask("count to 3", id="q1")
            equal(again.get("replay"), True, "a repeated query is answered from the log")
            answer = await client.ask("history", id="q2")
            check("count to 3" in answer["content"], lambda: answer["content"])

    with temporary_folder() as folder:
        store = f"sqlite:{folder}/sessions.db"
        with Server(STORE=store) as server:
            known = asyncio.run(first(server))
            server.expected_code = 0
            server.signal(signal.SIGINT)
            server.wait(15)
        equal(os.stat(folder / "sessions.db").st_mode & 0o077, 0, "others may read the file")
        with Server(STORE=store) as server:
            asyncio.run(second(server, known))


@test("stores: what cannot be a session file is refused with words and exit code 2")
def wrong_files():
    with temporary_folder() as folder:
        (folder / "text.db").write_text("hello\n" * 1000)
        (folder / "garbage.db").write_bytes(os.urandom(20_000))
        other = sqlite3.connect(folder / "other.db")
        other.execute("create table notes(text)")
        other.commit()
        other.close()
        for store, words in (
                (f"sqlite:{folder}", "is a directory; name a file in it"),
                (f"sqlite:{folder}/no/such/x.db", "make it first"),
                (f"sqlite:{folder}/text.db", "is no SQLite database"),
                (f"sqlite:{folder}/garbage.db", "is no SQLite database"),
                (f"sqlite:{folder}/other.db", "is a database of another program"),
                ("sqlite:", "must be memory, sqlite:FILE or redis://"),
                ("sessions.db", "must be memory, sqlite:FILE or redis://"),
                ("postgres://localhost", "must be memory, sqlite:FILE or redis://"),
                ("redis://user:geheim@:x/3", "the address of Redis is wrong")):
            refused(folder, store, words)
        equal((folder / "text.db").read_text(), "hello\n" * 1000, "a file that is not ours")


@test("stores: a second server on the same file is refused, by any name of it")
def second_server():
    with temporary_folder() as folder:
        os.symlink(folder / "sessions.db", folder / "link.db")
        with Server(STORE=f"sqlite:{folder}/sessions.db") as server:
            for name in ("sessions.db", "./sessions.db", "link.db"):
                refused(folder, f"sqlite:{folder}/{name}", "is in use by another server process")
            equal(server.get("/readyz")[0], 200, "the first one")


@test("stores: a directory without permission")
def no_permission():
    if os.getuid() == 0 and not shutil.which("setpriv"):
        raise Skip("root may write everywhere, and there is no setpriv")
    with temporary_folder() as folder:
        os.chmod(folder, 0o555)
        command_line = [program("AGENT_WEBSOCKET_SERVER")]
        if os.getuid() == 0:
            command_line = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command_line]
        with Process(command_line, clean_environment(
                HOST="127.0.0.1", PORT=0, STORE=f"sqlite:{folder}/sessions.db")) as server:
            equal(server.wait(10), 2, "exit code")
            check("needs permission to write" in server.output, server.output)
        os.chmod(folder, 0o755)


@test("stores: a disk that is full refuses queries, and costs nothing that was acknowledged")
def full_disk():
    limit = 400_000

    class Limited(Server):
        prefix = ("prlimit", f"--fsize={limit}")

    async def talk(server):
        async with Client.open(server) as client:
            answered = 0
            for number in range(100):
                await client.send({"type": "query", "id": f"q{number}", "stream": False,
                                   "content": "count to 3 " + "x" * 4000})
                try:
                    end = await client.until(lambda m: m.get("ref") == f"q{number}" and
                                             m["type"] in ("response", "error"), 3)
                except Failure:  # accepted; its end waits for the store
                    break
                if end["type"] == "error":
                    equal((end["code"], end["retryable"]), ("internal", True), "the refusal")
                    break
                answered += 1
            refusal = await client.ask("count to 1", id="late")
            equal((refusal["type"], refusal["code"]), ("error", "internal"), "a query now")
            check(answered > 3, f"{answered} answers before the disk was full")
            return client.welcome, answered

    async def look(server, known, answered):
        async with Client.open(server) as client:
            welcome, seen = await resumed(client, known)
            check(welcome["recovered"], lambda: f"the verdict: {welcome}")
            completed = [each for each in seen if each.get("status") == "completed"]
            check(len(completed) >= answered, f"{len(completed)} of {answered} answers")

    if not shutil.which("prlimit"):
        raise Skip("there is no prlimit")
    with temporary_folder() as folder:
        store = f"sqlite:{folder}/sessions.db"
        with Limited(STORE=store) as server:
            known, answered = asyncio.run(talk(server))
            begun = time.monotonic()
            server.signal(signal.SIGTERM)
            server.wait(20)
            check(time.monotonic() - begun < 12, "it took its time to stop")
        with Server(STORE=store) as server:
            asyncio.run(look(server, known, answered))
