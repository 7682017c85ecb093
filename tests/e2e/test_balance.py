# SPDX-License-Identifier: MIT
"""Three servers that share a Redis, behind nginx and behind HAProxy, with the very configurations of
the README. Clients know the balancer only, and come back through it wherever it sends them, while
servers are stopped, killed and started and Redis is restarted. They check what they are told by the
books of the chaos tests."""

import asyncio
import collections
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from harness import (HERE, SOCKET_PATH, Client, Process, Skip, check, clean_environment, equal, fetch, program,
                     temporary_folder, test)

sys.path.insert(0, str(HERE.parent / "chaos"))
from nodes import Node, Redis, free_port  # noqa: E402
from talker import CONNECTION, SessionLost, Talker  # noqa: E402
from upstream import Upstream  # noqa: E402

SECONDS = 40  # for each of the balancers, at most
CLIENTS = 12
README = HERE.parent.parent / "README.md"


# ---- the balancers ----------------------------------------------------------------------------------

def configuration(language, port, nodes):
    """What the README has in this language for several machines, with ports of this one."""
    section = README.read_text(encoding="utf-8").split("\n## Several machines\n")[1].split("\n## ")[0]
    found = re.findall(rf"^```{language}\n(.*?)^```$", section, re.M | re.S)
    equal(len(found), 1, f"configurations for {language} in the README")
    text = found[0]
    silence = re.search(r"^ *(?:proxy_read_timeout|timeout tunnel) (\d+)s\b", text, re.M)
    check(silence and int(silence[1]) > 25 + 8, f"{language} cuts sockets that HEARTBEAT_... keep")
    listens = {"nginx": ("listen 80;", f"listen 127.0.0.1:{port};"),
               "haproxy": ("bind :80\n", f"bind 127.0.0.1:{port}\n")}
    for old, new in [listens[language], *((f"10.0.0.1{i}:54321", f"127.0.0.1:{node.port}")
                                          for i, node in enumerate(nodes, 1))]:
        equal(text.count(old), 1, f"{old!r} in the configuration for {language}")
        text = text.replace(old, new)
    return text


def balancer_program(name):
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/local/sbin:/usr/sbin")
    if not path:
        raise Skip(f"there is no {name}")
    return path


def nginx_command(folder, text):
    """Its main file is the distribution's; this one is as short as one can be."""
    (folder / "agents.conf").write_text(text, encoding="utf-8")
    temporary = "".join(f"  {name}_temp_path {folder}/{name};\n"
                        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        ("user root;\n" if os.geteuid() == 0 else "") +
        f"daemon off;\npid {folder}/nginx.pid;\nworker_processes 2;\nevents {{}}\n"
        f"http {{\n  access_log off;\n{temporary}  include {folder}/agents.conf;\n}}\n",
        encoding="utf-8")
    return [balancer_program("nginx"), "-e", "stderr", "-c", folder / "nginx.conf"]


def haproxy_command(folder, text):
    (folder / "haproxy.cfg").write_text(text, encoding="utf-8")
    return [balancer_program("haproxy"), "-db", "-f", folder / "haproxy.cfg"]


COMMANDS = {"nginx": nginx_command, "haproxy": haproxy_command}


class Balancer:
    def __init__(self, name, folder, nodes):
        self.port = free_port()
        text = configuration(name, self.port, nodes)
        self.process = Process(COMMANDS[name](folder, text), clean_environment())

    def socket_url(self, path):
        return f"ws://127.0.0.1:{self.port}{path}"

    async def until_ready(self):
        for _ in range(200):
            try:
                if (await asyncio.to_thread(fetch, self.port, "/readyz"))[0] == 200:
                    return
            except OSError:
                pass
            check(not self.process.ended, f"ended: {self.process.output[-500:]}")
            await asyncio.sleep(0.05)
        check(False, "nothing is ready behind the balancer")


class Guest(Talker):
    """As patient as the clients of the library, who wait for a welcome for 15 s: what a node that has
    died leaves is to be had after 10 s, and who asks anew just before has to wait again."""

    async def receive(self, socket, timeout=15):
        return await super().receive(socket, timeout)


# ---- what is done to those behind it ----------------------------------------------------------------

class Play:
    def __init__(self, name):
        self.name = name
        self.talkers, self.running, self.marks = [], [], []

    async def run(self, folder):
        upstream, redis = Upstream(), Redis(folder)
        await upstream.start()
        await redis.start()
        try:
            nodes = [Node(redis.url, upstream.url, TRUST_PROXY="127.0.0.1", METRICS="admin")
                     for _ in range(3)]
            for node in nodes:
                await node.start()
            balancer = Balancer(self.name, folder, nodes)
            await balancer.until_ready()
            await self.spread(balancer, nodes)
            await self.addresses(balancer, nodes)
            await self.harm(balancer, nodes, redis)
            await self.settle(upstream)
        finally:
            redis.end()
            await upstream.stop()

    async def spread(self, balancer, nodes):
        """Everybody talks, and every node has its share."""
        self.talkers = [Guest(f"t{i}", self.name, lambda: [balancer.port], cuts=0, longest_delay_ms=60)
                        for i in range(CLIENTS)]
        for each in self.talkers:
            each.books.failures = {"interrupted", "draining"}  # the second: what waited behind others
        self.running = [asyncio.ensure_future(each.run()) for each in self.talkers]
        await self.until(lambda: all(each.books.numbered for each in self.talkers), "all are answered")
        for node in nodes:
            opened = len(node.lines_of("session_opened"))
            check(opened >= CLIENTS // 6, f"a node of three has got {opened} of {CLIENTS} clients")

    async def addresses(self, balancer, nodes):
        """A node believes what the balancer says of a client, and not what the client says."""
        import websockets
        async with websockets.connect(balancer.socket_url(SOCKET_PATH), local_addr=("127.0.0.2", 0),
                                      extra_headers={"X-Forwarded-For": "192.0.2.1"}, **CONNECTION):
            await self.until(lambda: any(node.lines_of("from 127.0.0.2") for node in nodes),
                             "the client's address in a log")

    async def harm(self, balancer, nodes, redis):
        a, b, _ = nodes
        async with Trouble(self, "a node is stopped in order", balancer):
            equal(await a.stop(), 0, "exit code")
            await self.until_back()
            await a.start()
            await self.until(lambda: any("session_opened" in line for line in a.process.lines),
                             "the node has clients again")
        async with Trouble(self, "a node is killed", balancer) as trouble:
            trouble.may_refuse = 2  # whose request it had when it died
            await b.kill()
            await b.start()
            await self.until_back()
        async with Trouble(self, "Redis is restarted", balancer):
            redis.popen.send_signal(signal.SIGTERM)
            await asyncio.to_thread(redis.popen.wait)
            await redis.start()
            await self.until_back()

    async def until(self, condition, what, seconds=20):
        deadline = time.monotonic() + seconds
        while not condition():
            self.look()
            check(time.monotonic() < deadline, f"not in {seconds} s: {what}")
            await asyncio.sleep(0.02)

    async def until_back(self):
        """Each has its session again, and an answer that it did not have before."""
        await asyncio.sleep(0.5)
        before = {each: each.books.last for each in self.talkers}
        await self.until(lambda: all(each.lost_at is None and each.books.last > before[each]
                                     for each in self.talkers), "all are back and answered")

    def look(self):
        for task in self.running:
            if task.done() and not isinstance(task.exception(), SessionLost):
                task.result()
                check(False, "a client has ended before it was told to")
        faults = [fault for each in self.talkers for fault in each.books.faults]
        check(not faults, "\n".join(faults[:10]))

    async def settle(self, upstream):
        for each in self.talkers:
            each.finishing.set()
        _, late = await asyncio.wait(self.running, timeout=10)
        check(not late, f"{len(late)} clients have not come to an end")
        await asyncio.gather(*(each.look_back(upstream, {}) for each in self.talkers))
        self.look_at_the_end()

    def look_at_the_end(self):
        faults = [fault for each in self.talkers for fault in each.books.faults]
        check(not faults, "\n".join(faults[:10]))
        verdicts = {reason for each in self.talkers for reason in each.books.verdicts}
        check(verdicts == {"new", "ok"}, f"verdicts: {verdicts}")


class Trouble:
    """While it lasts newcomers knock all the time, and none is refused. Says at the end how the
    others did: who lost a connection, by which code, and how long they were without their session."""

    may_refuse = 0

    def __init__(self, play, what, balancer):
        self.play, self.what, self.balancer = play, what, balancer
        self.refused, self.let_in, self.over = [], 0, False

    async def __aenter__(self):
        self.waits = [len(each.waits) for each in self.play.talkers]
        self.closes = self.all_closes()
        self.knocking = asyncio.ensure_future(self.knock())
        return self

    def all_closes(self):
        return sum((each.closes for each in self.play.talkers), collections.Counter())

    async def knock(self):
        while not self.over:
            try:
                async with Client.open(self.balancer, **CONNECTION):
                    self.let_in += 1
            except Exception as why:  # whatever it is, somebody was not let in
                self.refused.append(f"{type(why).__name__} {why}")
            await asyncio.sleep(0.01)

    async def __aexit__(self, kind, *_):
        self.over = True
        await self.knocking
        waits = sorted(wait for each, seen in zip(self.play.talkers, self.waits)
                       for wait in each.waits[seen:])
        print(f"  {self.play.name}: {self.what}: {len(waits)} of {CLIENTS} clients lost their socket "
              f"(closes: {dict(self.all_closes() - self.closes)})"
              + (f", back after {waits[0]:.2f} to {waits[-1]:.2f} s" if waits else "") +
              f"; {self.let_in} newcomers let in, {len(self.refused)} not")
        if kind is None:
            check(len(self.refused) <= self.may_refuse, lambda: f"{self.what}: {self.refused[:3]}")
            check(self.let_in > 20, f"{self.what}: only {self.let_in} newcomers were let in")


def stands(name):
    balancer_program(name)
    said = subprocess.run([program("AGENT_WEBSOCKET_SERVER"), "--check-config"], capture_output=True,
                          env=clean_environment(STORE="redis://127.0.0.1"), text=True, timeout=10, check=False)
    if "compiled without" in said.stderr:
        raise Skip("the server was compiled without Redis")
    with temporary_folder() as folder:
        asyncio.run(asyncio.wait_for(Play(name).run(folder), SECONDS))


@test("balance: nginx before three nodes, which end and come back: no session is lost")
def nginx():
    stands("nginx")


@test("balance: HAProxy before three nodes, which end and come back: no session is lost")
def haproxy():
    stands("haproxy")
