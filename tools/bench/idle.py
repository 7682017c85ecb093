# SPDX-License-Identifier: MIT
"""Idle connections (W1): the growth of resident memory for a connection with its session, between
the tenth and the last; and what the server does while nobody does anything."""
import compare

TITLE = "W1, idle connections"
HEADLINE = ("W1 KiB a connection", "kib", 1, 1)
AIMS = [compare.Aim("kib", "memory", 1.5, unit="KiB"), compare.Aim("kib", "memory", 1, of=compare.PEERS)]
COLUMNS = [compare.Column("KiB a connection", "kib", 2, ratio=True),
           compare.Column("MiB with ten", "ten_mib", 1),
           compare.Column("CPU while idle, ms/s", "idle_ms", 2)]


def run(bench, rounds):
    connections, hold_ms = bench.either((5000, 5000), (200, 500))

    def one_run(subject):
        with bench.serving(subject) as server:
            _, looks = server.load("idle", connections=connections, hold_ms=hold_ms)
        at = dict(looks)
        ten, connected, held = at["ten"], at["connected"], at["held"]
        return {"kib": (connected["rss"] - ten["rss"]) / (connections - 10) / 1024,
                "ten_mib": ten["rss"] / 2**20,
                "idle_ms": (held["cpu"] - connected["cpu"]) / (held["time"] - connected["time"]) * 1e3}

    return compare.compared(bench, rounds, one_run, "idle", AIMS)


def markdown(figures):
    return compare.table(figures, COLUMNS)
