# SPDX-License-Identifier: MIT
"""Several processes on one port: `--workers N`, and REUSE_PORT for servers started one by one."""

import asyncio
import contextlib
import fcntl
import os
import signal
import subprocess
import termios
import time

from harness import (SOCKET_PATH, Client, Failure, Process, Server, Skip, check, clean_environment, equal,
                     program, query, temporary_folder, test)


def alive(pid):
    """False for a zombie too."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def workers(server):
    if not os.path.exists(f"/proc/self/task/{os.getpid()}/children"):
        raise Skip("this system does not tell who is whose child")
    return children(server.popen.pid)


def until(condition, what, timeout=10):
    deadline = time.monotonic() + timeout
    while not condition():
        check(time.monotonic() < deadline, what)
        time.sleep(0.02)


def sockets(pid):
    """How many sockets a process has."""
    count = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            count += os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:")
    return count


async def converse(server, words="count to 2"):
    async with Client.open(server) as client:
        equal((await client.ask(words))["content"], "1 2", "answer")


@test("workers: many sockets, spread over all workers, with one demo upstream for all")
def spread():
    async def body(server, pids):
        before = {pid: sockets(pid) for pid in pids}
        async with contextlib.AsyncExitStack() as stack:
            clients = []
            for _ in range(60):
                clients.append(await stack.enter_async_context(Client.open(server)))
                await asyncio.sleep(0.005)
            share = sorted(sockets(pid) - before[pid] for pid in pids)
            check(share[0] >= 8 and share[-1] <= 36, f"60 sockets over 3 workers: {share}")
            for answer in await asyncio.gather(*(each.ask("count to 2") for each in clients)):
                equal(answer["content"], "1 2", "answer")
            for client in clients:
                equal(client.welcome["data"].get("demo"), True, "the demo's mark")

    with Server("--workers", "3") as server:
        pids = workers(server)
        equal(len(pids), 3, "workers")
        asyncio.run(body(server, pids))
        equal(len([line for line in server.lines if line.startswith("listening on")]), 1, "announcements")
        equal(server.get("/healthz")[0], 200, "/healthz")
        check("workers_do_not_share" in server.output, "nothing warns that sessions are not shared")
        server.signal(signal.SIGTERM)
        equal(server.wait(), 0, "exit code")
        check(not any(alive(pid) for pid in pids), "a worker is left")
        equal(server.output.count("worker_ended"), 3, "ends in the log")


@test("workers: one that is killed comes back, and the others go on")
def killed():
    async def body(server, pids):
        async with contextlib.AsyncExitStack() as stack:
            clients = [await stack.enter_async_context(Client.open(server)) for _ in range(15)]
            os.kill(pids[1], signal.SIGKILL)
            fallen = 0
            for client in clients:
                try:
                    equal((await client.ask("count to 2"))["content"], "1 2", "answer")
                except Exception as why:
                    if isinstance(why, Failure):
                        raise
                    fallen += 1
            check(0 < fallen < 12, f"{fallen} of 15 sockets fell with one worker of 3")
            # In the meantime nobody is refused.
            for _ in range(20):
                await converse(server)
        await asyncio.to_thread(until, lambda: len(workers(server)) == 3, "the worker did not come back")
        server.wait_for_line(r"worker_ended worker=\d pid=%d signal=9" % pids[1])
        server.wait_for_line(r"worker_restarted worker=2 pid=\d+")

    with Server("--workers", "3") as server:
        asyncio.run(body(server, workers(server)))


async def greet(server):
    async with Client.open(server) as client:
        equal(client.welcome["op"], "welcome", "first message")


async def hesitate(server):
    """Connects, and asks for the upgrade a while later."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        await asyncio.sleep(0.15)
        writer.write(f"GET {SOCKET_PATH} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode())
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        check(b" 101 " in head, head.splitlines()[0])
        check(b"welcome" in await asyncio.wait_for(reader.readuntil(b"welcome"), 10), "no welcome")
    finally:
        writer.close()


async def knock(server, stop, gap=0.005):
    """A new connection every few milliseconds, each up to its welcome: how many, and what failed."""
    failed, tasks = [], set()
    done = 0

    async def one(how):
        try:
            await how(server)
        except Exception as why:  # refused, reset, 503, or closed before the welcome
            failed.append(f"{how.__name__}: {type(why).__name__}: {why}")

    while not stop.is_set():
        tasks.add(task := asyncio.create_task(one(hesitate if done % 4 == 0 else greet)))
        task.add_done_callback(tasks.discard)
        done += 1
        await asyncio.sleep(gap)
    if tasks:
        await asyncio.wait(set(tasks))
    return done, failed


@test("workers: a rolling restart refuses nobody, and tells clients of the old ones to come back")
def rolling():
    restarts = 3

    async def body(server, before):
        stop = asyncio.Event()
        async with Client.open(server) as witness:
            knocking = asyncio.create_task(knock(server, stop))
            await asyncio.sleep(0.3)
            least = 3
            for number in range(1, restarts + 1):
                server.signal(signal.SIGHUP)
                deadline = time.monotonic() + 15
                while server.output.count("rolling_restart_complete") < number:
                    check(time.monotonic() < deadline, "the restart was not completed")
                    least = min(least, len(workers(server)))
                    await asyncio.sleep(0.01)
                await asyncio.sleep(0.2)
            equal((await witness.closed(5))[0], 1012, "close code of a client of an old worker")
            stop.set()
            done, failed = await knocking
        check(not failed, lambda: f"{len(failed)} of {done} connections failed: {failed[:5]}")
        check(done > 40, f"only {done} connections")
        equal(least, 3, "workers at any moment")
        check(not set(before) & set(workers(server)), "an old worker is left")
        print(f"    {done} connections during {restarts} rolling restarts")

    with Server("--workers", "3", LOG_LEVEL="info") as server:
        asyncio.run(body(server, workers(server)))


@test("workers: one that is stuck holds up nobody else")
def stuck():
    async def body(server, pid):
        os.kill(pid, signal.SIGSTOP)
        try:
            begun = time.monotonic()
            for _ in range(40):
                await greet(server)
            check(time.monotonic() - begun < 4, "connections wait for a worker that does not move")
        finally:
            os.kill(pid, signal.SIGCONT)

    with Server("--workers", "3") as server:
        asyncio.run(body(server, workers(server)[0]))


@test("workers: a rolling restart waits for an answer that runs, up to DRAIN_TIMEOUT")
def rolling_drain():
    async def body(server):
        async with Client.open(server) as client:
            await client.send(query("slow one two three four five", id="q", stream=True))
            await client.until(lambda m: m.get("phase") == "delta")
            server.signal(signal.SIGHUP)
            end = await client.until(lambda m: m.get("phase") == "end")
            equal((end["status"], end["content"]), ("completed", "one two three four five"), "answer")
            equal((await client.closed())[0], 1012, "close code")
        await asyncio.to_thread(server.wait_for_line, "rolling_restart_complete")

    with Server("--workers", "2") as server:
        asyncio.run(body(server))


@test("workers: a successor that cannot start leaves the old ones at work")
def failed_restart():
    with temporary_folder() as folder:
        settings = folder / "settings.env"
        settings.write_text("MAX_HISTORY=10\n", encoding="ascii")
        with Server("--workers", "2", "--env-file", settings) as server:
            before = workers(server)
            settings.write_text("MAX_HISTORY=lots\n", encoding="ascii")
            server.signal(signal.SIGHUP)
            server.wait_for_line(r"worker_failed worker=1 has no successor")
            equal(workers(server), before, "workers")
            asyncio.run(converse(server))
            settings.write_text("MAX_HISTORY=20\n", encoding="ascii")
            server.signal(signal.SIGHUP)
            server.wait_for_line("rolling_restart_complete")
            asyncio.run(converse(server))


@test("workers: they end when the supervisor is killed, and the port is free")
def orphans():
    with Server("--workers", "3") as server:
        pids = workers(server)
        server.expected_code = -signal.SIGKILL
        server.signal(signal.SIGKILL)
        server.popen.wait(5)
        until(lambda: not any(alive(pid) for pid in pids), "a worker outlives its supervisor")
        with Server(port=server.port):
            pass


@test("workers: a second signal ends at once what the first one has not")
def second_signal():
    async def body(server, pids):
        async with Client.open(server) as client:
            await client.send(query("stall"))
            await client.until(lambda m: m.get("op") == "thinking")
            server.signal(signal.SIGTERM)
            server.wait_for_line("draining")
            await asyncio.sleep(0.3)
            check(any(alive(pid) for pid in pids), "nobody waited for the answer")
            server.signal(signal.SIGINT)
            equal(await asyncio.to_thread(server.wait, 3), 1, "exit code")

    with Server("--workers", "2", DRAIN_TIMEOUT=30) as server:
        pids = workers(server)
        asyncio.run(body(server, pids))
        server.expected_code = 1
        check(not any(alive(pid) for pid in pids), "a worker is left")


@test("workers: a signal to the whole group, as a terminal sends it, ends all in order")
def group_signal():
    for number in (signal.SIGINT, signal.SIGTERM):
        with Server("--workers", "2") as server:
            os.killpg(server.popen.pid, number)
            equal(server.wait(5), 0, f"exit code after {number.name}")


class AtTerminal:
    """Makes a server the leader of a session whose terminal this is."""

    def __init__(self):
        self.master, self.slave = os.openpty()
        self.popen = self.port = None

    def start(self, *prefix):
        def take_terminal():
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)

        self.popen = subprocess.Popen(
            [*prefix, program("AGENT_WEBSOCKET_SERVER"), "--workers", "2"], stdin=self.slave,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=take_terminal,
            env=clean_environment(HOST="127.0.0.1", PORT=0))
        os.close(self.slave)
        self.wait_for("listening on")
        return self

    def wait_for(self, words):
        for line in self.popen.stdout:
            if words in line:
                return
        raise Failure(f"the output has no {words!r}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.popen.pid, signal.SIGKILL)
        self.popen.wait()
        self.popen.stdout.close()


@test("workers: a terminal that goes takes them with it, unless nohup says otherwise")
def terminal():
    with AtTerminal().start() as server:
        server.popen.send_signal(signal.SIGHUP)  # an operator's, while it is there
        server.wait_for("rolling_restart_complete")
        os.close(server.master)
        equal(server.popen.wait(5), 0, "exit code")
    with AtTerminal().start("nohup") as server:
        os.close(server.master)
        server.wait_for("rolling_restart_complete")
        server.popen.send_signal(signal.SIGTERM)
        equal(server.popen.wait(5), 0, "exit code with nohup")


@test("workers: wrong numbers and wrong settings end at once, with words and code 2")
def wrong():
    for number in ("0", "65", "-1", "x", "3x", "", None):
        words = ["--workers"] + ([number] if number is not None else [])
        ended = subprocess.run([program("AGENT_WEBSOCKET_SERVER"), *words], env=clean_environment(PORT=0),
                               capture_output=True, text=True, timeout=10, check=False)
        equal(ended.returncode, 2, f"exit code of --workers {number}")
        check("--workers needs a number from 1 to 64" in ended.stderr, ended.stderr)
    with Server() as server:
        taken = subprocess.run([program("AGENT_WEBSOCKET_SERVER"), "--workers", "2"], timeout=10, check=False,
                               env=clean_environment(HOST="127.0.0.1", PORT=server.port),
                               capture_output=True, text=True)
        equal(taken.returncode, 2, "exit code for a port that is taken")
        check("Address already in use" in taken.stderr, taken.stderr)
    # What only the workers find out: all of them at once, and once is enough.
    begun = time.monotonic()
    with Process([program("AGENT_WEBSOCKET_SERVER"), "--workers", "3"],
                 clean_environment(HOST="0.0.0.0", PORT=0)) as process:
        equal(process.wait(10), 2, "exit code for an address that needs authentication")
        check("giving up" in process.output, process.output)
        check(process.output.count("worker_started") == 3 and "worker_restarted" not in process.output,
              process.output)
    check(time.monotonic() - begun < 5, "it took its time to give up")


@test("workers: who crashes again and again is started again more and more slowly")
def crash_loop():
    with Server("--workers", "2") as server:
        first = workers(server)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            for pid in workers(server):
                if pid != first[1]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        starts = server.output.count("worker_restarted")
        check(2 <= starts <= 6, f"{starts} starts in 3 s of crashes: 100, 200, 400, 800, 1600 ms")
        check(alive(first[1]), "the other worker is gone")
        asyncio.run(converse(server))


@test("reuse port: servers that are started one by one share a port, if all of them say so")
def reuse_port():
    with Server(REUSE_PORT="on") as first:
        with Server(REUSE_PORT="on", port=first.port) as second:
            asyncio.run(converse(second))
        refused = subprocess.run([program("AGENT_WEBSOCKET_SERVER")], timeout=10, check=False,
                                 env=clean_environment(HOST="127.0.0.1", PORT=first.port),
                                 capture_output=True, text=True)
        equal(refused.returncode, 2, "exit code of one that does not share")
        asyncio.run(converse(first))
