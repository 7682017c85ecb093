# SPDX-License-Identifier: MIT
"""What a turn costs with each store.

A turn is a query with an id, its acknowledgement, and the end of a streamed answer of one token; a
session begins its next turn when the last one has ended. 500 sessions are connected, of which 1, 50
and all take turns, each for 1.2 s. The stores take their turns in each round; ratios are to memory
in the same round.
"""
import contextlib
import shutil
import sqlite3
import sys

import compare
import measure
import programs

TITLE = "Cost of each store per turn"
SESSIONS = 500
ACTIVE = (1, 50, SESSIONS)


class Memory:
    url = "memory"
    pid = None

    def kept(self):
        return 0

    def written(self):
        return 0


class Sqlite:
    pid = None

    def __init__(self, folder):
        self.file = folder / "sessions.db"
        self.url = f"sqlite:{self.file}"
        self.server = None

    def kept(self):
        """Pages of the database, also those that are in its log as yet."""
        with contextlib.closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as database:
            numbers = [database.execute(f"PRAGMA {name}").fetchone()[0]
                       for name in ("page_count", "freelist_count", "page_size")]
        return (numbers[0] - numbers[1]) * numbers[2]

    def written(self):
        return measure.disk_bytes(self.server.pid)


class OfRedis:
    def __init__(self, redis):
        self.redis = redis
        self.pid = redis.pid
        self.url = f"redis://127.0.0.1:{redis.port}"

    def kept(self):
        return self.redis.number("memory", "used_memory_dataset")

    def written(self):
        return self.redis.number("persistence", "aof_current_size")


@contextlib.contextmanager
def opened(name):
    with programs.folder_on_disk() as folder:
        if name == "redis":
            with programs.Redis(folder) as redis:
                yield OfRedis(redis)
        else:
            yield Sqlite(folder) if name == "sqlite" else Memory()


def available(bench):
    urls = {"sqlite": "sqlite:sessions.db", "redis": "redis://127.0.0.1"}
    names = ["memory", *(name for name, url in urls.items() if bench.accepts(STORE=url))]
    if "redis" in names and not shutil.which("redis-server"):
        print("without redis: there is no redis-server (Debian: redis-server)", file=sys.stderr)
        names.remove("redis")
    return names


def one_run(bench, subject, milliseconds):
    """Figures of one server's life: flat, by "<active> <what>"."""
    with opened(subject.name) as store, bench.serving(subject, STORE=store.url) as server:
        store.server = server

        def of_the_store():
            return {"store_cpu": measure.cpu_seconds(store.pid) if store.pid else 0,
                    "kept": store.kept(), "written": store.written()}

        said, looks = server.load("turns", also=of_the_store, sessions=SESSIONS, ms=milliseconds)
    looks = [each for _, each in looks]
    ten, connected, *phases = looks
    figures = {"rss_per_session": (connected["rss"] - ten["rss"]) / (SESSIONS - 10)}
    for active, before, after in zip(ACTIVE, phases[::2], phases[1::2]):
        turns = said[f"{active} turns"]
        of = {what: after[what] - before[what] for what in before}
        figures.update({
            f"{active} turns_per_second": turns / said[f"{active} seconds"],
            f"{active} cpu_us": of["cpu"] / turns * 1e6,
            f"{active} store_cpu_us": of["store_cpu"] / turns * 1e6,
            f"{active} server_busy": of["cpu"] / said[f"{active} seconds"],
            f"{active} load_busy": said[f"{active} load_cpu"] / said[f"{active} seconds"],
            **{f"{active} {what}": said[f"{active} {what}"]
               for what in ("ack_p50_us", "ack_p99_us", "end_p50_us", "end_p99_us")}})
    turns = sum(said[f"{active} turns"] for active in ACTIVE)
    figures["kept_per_turn"] = (phases[-1]["kept"] - phases[0]["kept"]) / turns
    figures["written_per_turn"] = (phases[-1]["written"] - phases[0]["written"]) / turns
    return figures


def run(bench, rounds):
    milliseconds = bench.either(1200, 200)
    return compare.compared(bench, rounds, lambda subject: one_run(bench, subject, milliseconds), "stores",
                            subjects=[bench.ours(name) for name in available(bench)], base="memory")


def markdown(figures):
    medians, ratios = figures["medians"], figures["ratios"]
    lines = ["| sessions | store | turns/s | | ack p50 ms | ack p99 ms | end p50 ms | end p99 ms | "
             "server CPU µs/turn | | server, client busy | Redis CPU µs/turn |",
             "|---:|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|"]
    for active in ACTIVE:
        for name, of in medians.items():
            def get(what, of=of, active=active):
                return of[f"{active} {what}"]
            ms = " | ".join(f"{get(what) / 1000:.2f}"
                            for what in ("ack_p50_us", "ack_p99_us", "end_p50_us", "end_p99_us"))
            ratio = ratios[name]
            lines.append(
                f"| {active} | {name} | {get('turns_per_second'):.0f} | "
                f"{compare.times(ratio[f'{active} turns_per_second'])} | {ms} | {get('cpu_us'):.0f} | "
                f"{compare.times(ratio[f'{active} cpu_us'])} | {get('server_busy'):.0%}, {get('load_busy'):.0%} | "
                f"{format(get('store_cpu_us'), '.0f') if name == 'redis' else ''} |")
    lines += ["", "| store | RSS per session, KiB | | kept per turn, bytes | written per turn, bytes |",
              "|---|---:|---:|---:|---:|"]
    for name, of in medians.items():
        lines.append(f"| {name} | {of['rss_per_session'] / 1024:.1f} | "
                     f"{compare.times(ratios[name]['rss_per_session'])} | {of['kept_per_turn']:.0f} | "
                     f"{of['written_per_turn']:.0f} |")
    return "\n".join(lines)
