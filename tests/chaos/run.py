#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sessions in a store, while the servers are killed.

  AGENT_WEBSOCKET_SERVER=build/bin/server tests/chaos/run.py [--seed N] [--kills N] [SCENARIO...]

Clients ask, judge, choose, cancel, cut their connections and come back, while the scenario does its
harm at moments of its seed. At the end everything is left alone; each client resumes, from the very
beginning too, and again after one more kill. Then, for each of them:

  - each query that was sent and not refused has exactly one terminal message, the same each time;
  - no id of a query reached the model twice, a completed one once, a refused one never;
  - numbers have no hole, no two messages of one (epoch, seq) differ by a byte (but for the mark of a
    replay), what was replayed from 0 is what was seen before;
  - a completed answer is the model's, word by word, and so are its deltas; an interrupted or
    cancelled one has no other words; it is in the history, in its order;
  - each resume was `recovered`; feedback and `set` that were acknowledged hold, and feedback counts
    once; a notification that the HTTP API has answered with 200 came once, whatever was killed,
    paused or away in the moment of the answer; others came once at most.

Redis scenarios are skipped where there is no redis-server. AGENT_WEBSOCKET_SERVER was compiled with
SQLite and Redis.
"""

import argparse
import asyncio
import collections
import os
import random
import sys
import time

SYSTEM_PYTHON = "/usr/bin/python3"  # the one that the distribution's websockets belongs to

try:
    import websockets  # noqa: F401
except ImportError:
    if os.path.realpath(sys.executable) != os.path.realpath(SYSTEM_PYTHON) and \
            os.path.exists(SYSTEM_PYTHON):
        os.execv(SYSTEM_PYTHON, [SYSTEM_PYTHON, *sys.argv])
    sys.exit("not ok: Python's websockets is missing (Debian: python3-websockets)")

from nodes import Node, Redis, harness  # noqa: E402
from talker import SessionLost, Talker  # noqa: E402
from upstream import Upstream  # noqa: E402


class Play:
    """Talkers at nodes, one model, and what they are told beside."""

    def __init__(self, arguments, nodes, upstream, **talk):
        self.seed, self.nodes, self.upstream = arguments.seed, nodes, upstream
        self.verbose = arguments.verbose
        self.random = random.Random(f"{arguments.seed}/harm")
        self.talkers = [Talker(f"t{i}", arguments.seed, self.ports, **talk)
                        for i in range(arguments.clients)]
        self.told = {each.name: {} for each in self.talkers}
        self.statuses = collections.Counter()
        self.passed_on = {}  # text: the talker's books; that the API has passed on, without a promise
        self.running = []
        self.faults = []
        self.begun = time.monotonic()
        self.trap = None  # what is waited for, and what is done then
        for each in self.talkers:
            each.on_told = self.spring

    def spring(self, kind):
        if self.trap and self.trap[0] == kind:
            self.trap.pop()()
            self.trap = None

    async def moment(self, longest, strike):
        """Waits for a moment of harm: any, or one at which something has just been promised."""
        await asyncio.sleep(self.random.uniform(0.02, longest))
        kind = self.random.choice(["any", "ack", "end", "notify"])
        if kind == "any":
            return strike()
        self.trap = [kind, strike]
        for _ in range(100):
            await asyncio.sleep(0.01)
            if self.trap is None:
                return
        self.trap = None
        strike()

    def tell(self, what):
        if self.verbose:
            print(f"  {time.monotonic() - self.begun:.1f} s: {what}")

    def ports(self):
        return [each.port for each in self.nodes]

    def begin(self):
        self.running = [asyncio.ensure_future(each.run()) for each in self.talkers]
        self.notifying = asyncio.ensure_future(self.notify())

    async def notify(self):
        """Tells sessions something from outside, at any node."""
        chance, number = random.Random(f"{self.seed}/notify"), 0
        while True:
            await asyncio.sleep(chance.uniform(0.02, 0.2))
            talker, node = chance.choice(self.talkers), chance.choice(self.nodes)
            if talker.session_id is None:
                continue
            number += 1
            text = f"{talker.name}.n{number}"
            self.told[talker.name][text] = False  # it may come, whatever the answer is
            try:
                status, _ = await node.ask("POST", f"/v1/sessions/{talker.session_id}/notify",
                                           f'{{"content":"{text}"}}')
                self.statuses[status] += 1
                if status == 202:
                    self.passed_on[text] = talker.books
                if status == 200:
                    self.told[talker.name][text] = True  # it has to come
                    self.spring("notify")
            except (OSError, asyncio.TimeoutError, IndexError):
                self.statuses["none"] += 1

    async def revive(self, node, seconds=0):
        """Starts a node again that was struck, after so long."""
        await node.kill()
        await asyncio.sleep(seconds)
        await node.start()

    async def all_back(self, seconds):
        """Until every talker has a connection, or that long."""
        for _ in range(int(20 * seconds)):
            if all(each.lost_at is None for each in self.talkers):
                return
            await asyncio.sleep(0.05)

    async def readiness(self, node, wanted, seconds):
        """How long it takes until /readyz answers that."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            status, text = await node.ask("GET", "/readyz")
            if status == wanted:
                return time.monotonic() - begun
            await asyncio.sleep(0.1)
        self.faults.append(f"/readyz is not {wanted} after {seconds} s: {status} {text}")
        return seconds

    def check_talkers(self):
        """Raises what a talker was ended by."""
        for task in self.running:
            if task.done() and task.exception() and not isinstance(task.exception(), SessionLost):
                raise task.exception()

    async def settle(self, seconds=60):
        """The harm is over: what is open ends now."""
        self.notifying.cancel()
        for each in self.talkers:
            each.finishing.set()
        _, late = await asyncio.wait(self.running, timeout=seconds)
        for task in late:
            task.cancel()
        for talker in self.talkers:
            if not talker.quiet:
                self.faults.append(f"{talker.name}: open after {seconds} s: "
                                   f"{sorted(talker.open)} {sorted(talker.outbox)}")
        self.check_talkers()

    async def look_back(self):
        await asyncio.gather(*(each.look_back(self.upstream, self.told[each.name])
                               for each in self.talkers))

    def report(self, begun):
        books = [each.books for each in self.talkers]
        ends = collections.Counter()
        for each in books:
            for query in each.queries.values():
                if query.end is None:
                    ends["refused" if query.refused else "no end"] += 1
                    continue
                ends[query.end.get("status", "failed")] += 1
        waits = sorted(wait for each in self.talkers for wait in each.waits)
        verdicts, closes = collections.Counter(), collections.Counter()
        for talker in self.talkers:
            verdicts.update(talker.books.verdicts)
            closes.update(talker.closes)
        print(f"  {sum(len(each.queries) for each in books)} queries ({words(ends)}), "
              f"{sum(len(each.numbered) for each in books)} numbered messages, "
              f"{sum(each.deltas for each in books)} deltas, "
              f"{sum(sum(each.feedback.values()) for each in books)} feedbacks; "
              f"model asked {sum(self.upstream.asked.values())} times")
        print(f"  verdicts: {words(verdicts)}; closes: {words(closes)}; notify: {words(self.statuses)}")
        came = sum(text in books.notices for text, books in self.passed_on.items())
        if self.passed_on:
            print(f"  of {len(self.passed_on)} notifications that were passed on {came} came")
        if len(self.nodes) > 1 and came < len(self.passed_on) / 4 and len(self.passed_on) > 40:
            self.faults.append("notifications do not reach sessions of other servers")
        if waits:
            print(f"  back after: median {waits[len(waits) // 2]:.2f} s, "
                  f"longest {waits[-1]:.2f} s; {time.monotonic() - begun:.1f} s in all")
        if self.verbose:
            print("  servers:", *self.ports())
            longest = max(self.talkers, key=lambda each: each.longest[0])
            for at, port, what in longest.longest[1]:
                print(f"    {longest.name} of {longest.session_id} "
                      f"{at - self.begun:.1f} s: {port}: {what}")
        self.faults += dict.fromkeys(fault for each in books for fault in each.faults)
        return self.faults


def words(counter):
    return ", ".join(f"{key} {counter[key]}" for key in sorted(counter, key=str)) or "none"


async def until_started(node, tries=40):
    """Starts a node whose store may not be free yet."""
    for _ in range(tries):
        try:
            return await node.start()
        except harness.Failure:
            await node.kill()
            await asyncio.sleep(0.25)
    await node.start()


async def over(play):
    """Left alone, the clients come to an end; it holds after one more kill of everything."""
    await play.settle()
    await play.look_back()
    for node in play.nodes:
        await node.kill()
    for node in play.nodes:
        await until_started(node)
    await play.look_back()
    for node in play.nodes:
        harness.equal(await node.stop(), 0, "exit code of a server that stops in order")


# ---- scenarios

async def sqlite(arguments, folder, upstream):
    """One server on a file, killed again and again while everybody talks."""
    node = Node(f"sqlite:{folder}/sessions.db", upstream.url)
    play = Play(arguments, [node], upstream)
    await node.start()
    play.begin()
    for _ in range(arguments.kills):
        await play.moment(1.4, node.strike)
        await play.revive(node)
        play.check_talkers()
    await over(play)
    print(f"  {arguments.kills} kills; a start took up to {max(node.starts):.2f} s")
    return play


async def redis_one(arguments, folder, upstream):
    """One server on a Redis. It is killed, and has to wait for its own lease; Redis is killed, and
    all waits for it."""
    redis = Redis(folder)
    await redis.start()
    try:
        node = Node(redis.url, upstream.url)
        play = Play(arguments, [node], upstream)
        await node.start()
        play.begin()
        away, ready = [], []
        for round_ in range(arguments.rounds):
            await play.moment(2, node.strike)
            await play.revive(node)
            await play.all_back(25)
            await play.moment(2, redis.strike)
            await redis.kill()
            seconds = [play.random.uniform(0.1, 1), play.random.uniform(5, 8)][round_ % 2]
            away.append(await play.readiness(node, 503, 8) if seconds > 4 else None)
            await asyncio.sleep(seconds)
            await redis.start()
            ready.append(await play.readiness(node, 200, 10))
            await asyncio.sleep(play.random.uniform(0.5, 2))
            play.check_talkers()
        await over(play)
    finally:
        redis.end()
    print(f"  /readyz is 503 after {seconds_of(away)} s without Redis, 200 after {seconds_of(ready)} s "
          f"with it")
    return play


async def nodes(arguments, folder, upstream):
    """Three servers on one Redis: killed, paused for longer than their lease; Redis is restarted."""
    redis = Redis(folder)
    await redis.start()
    try:
        several = [Node(redis.url, upstream.url) for _ in range(arguments.nodes)]
        play = Play(arguments, several, upstream, cuts=0.08)
        for node in several:
            await node.start()
        play.begin()
        harm = [kill_node, pause_node, cut_redis, kill_node] * arguments.rounds
        for each in harm[:2 * arguments.rounds]:
            await asyncio.sleep(play.random.uniform(0.5, 3))
            await each(play, redis)
            play.check_talkers()
        await over(play)
    finally:
        redis.end()
    return play


async def kill_node(play, _):
    node = play.random.choice(play.nodes)
    await play.moment(1, node.strike)
    play.tell(f"{node.port} killed")
    await play.revive(node, play.random.choice([0, play.random.uniform(0, 3)]))
    play.tell(f"{node.port} started")


async def pause_node(play, _):
    node = play.random.choice(play.nodes)
    await play.moment(1, node.pause)
    play.tell(f"{node.port} paused")
    await asyncio.sleep(play.random.uniform(11, 14))
    node.go_on()
    await asyncio.sleep(1)
    play.tell(f"{node.port} goes on")


async def cut_redis(play, redis):
    await play.moment(1, redis.strike)
    play.tell("Redis killed")
    await redis.kill()
    await asyncio.sleep(play.random.uniform(0.1, 4))
    await redis.start()
    await asyncio.sleep(2)  # until the servers have noticed
    play.tell("Redis started")


def seconds_of(times):
    return ", ".join(f"{each:.1f}" for each in times if each is not None) or "-"


SCENARIOS = {"sqlite": sqlite, "redis_one": redis_one, "nodes": nodes}


async def run_one(name, arguments):
    begun = time.monotonic()
    upstream = Upstream()
    await upstream.start()
    with harness.temporary_folder() as folder:
        try:
            play = await asyncio.wait_for(SCENARIOS[name](arguments, folder, upstream),
                                          arguments.seconds)
        finally:
            for process in list(harness.processes):
                process.kill()
            await upstream.stop()
    faults = play.report(begun)
    numbered = sum(len(each.books.numbered) for each in play.talkers)
    if numbered < 10 * len(play.talkers):
        faults.append(f"too little happened to show anything: {numbered} numbered messages")
    for each in faults[:30]:
        print(f"  {each}")
    for talker in play.talkers:
        if not talker.books.faults:
            continue
        print(f"  what servers said of {talker.name}, {talker.session_id}:")
        lines = sum((node.lines_of(talker.session_id) for node in play.nodes), [])
        for line in sorted(lines, key=lambda each: each.partition(" ")[2])[-100:]:
            print(f"    {line[:300]}")
    return not faults


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 100_000)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=2, help="of harm, where there is a Redis")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--verbose", action="store_true", help="tell of the longest wait")
    parser.add_argument("--full", action="store_true",
                        help="100 kills, 10 rounds and 12 clients: twelve minutes or so")
    parser.add_argument("--seconds", type=float, default=900, help="no scenario takes longer")
    parser.add_argument("scenarios", metavar="SCENARIO", nargs="*",
                        help="of " + ", ".join(SCENARIOS))
    arguments = parser.parse_args()
    if arguments.full:
        arguments.kills, arguments.rounds, arguments.clients = 100, 10, 12
    sys.stdout.reconfigure(line_buffering=True)
    failed = 0
    for name in arguments.scenarios or SCENARIOS:
        if name not in SCENARIOS:
            parser.error(f"no scenario {name}; there are {', '.join(SCENARIOS)}")
        print(f"{name}, seed {arguments.seed}")
        try:
            well = asyncio.run(run_one(name, arguments))
        except harness.Skip as why:
            print(f"skip {name}: {why}")
            continue
        failed += not well
        print(f"{'ok' if well else 'not ok'} {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
