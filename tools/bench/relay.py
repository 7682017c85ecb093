# SPDX-License-Identifier: MIT
"""Relay at saturation (W2): 100 sessions ask twenty questions each, whose answers of 200 tokens the
upstream writes as fast as it is read. Server CPU for a token; one message per token, and once more
with the coalescing window of the example server."""
import compare

TITLE = "W2, relay at saturation"
HEADLINE = ("W2 µs/token", "us", 2, 1)
COALESCING = "ours, 20 ms window"
COLUMNS = [compare.Column("CPU µs/token", "us", 2, ratio=True),
           compare.Column("tokens/s", "per_second", 0),
           compare.Column("messages/token", "messages", 2),
           compare.Column("server busy, %", "busy", 0, scale=100),
           compare.Column("load busy, %", "load_busy", 0, scale=100)]
AIMS = [compare.Aim("us", "CPU", 2, of="floor"),
        compare.Aim("us", "CPU", 1, of="floor", subject=COALESCING), compare.Aim("us", "CPU", 1, of=compare.PEERS)]


def measured(server, sessions, queries, tokens, width=8):
    said, looks = server.load("relay", sessions=sessions, queries=queries, tokens=tokens, width=width)
    at = dict(looks)
    cpu = at["end"]["cpu"] - at["begin"]["cpu"]
    return {"us": cpu / said["tokens"] * 1e6, "per_second": said["tokens"] / said["seconds"],
            "messages": said["messages"] / said["tokens"], "busy": cpu / said["seconds"],
            "load_busy": said["load_cpu"] / said["seconds"]}


def run(bench, rounds):
    sessions, queries = bench.either((100, 20), (20, 2))

    def one_run(subject):
        with bench.serving(subject) as server:
            return measured(server, sessions, queries, 200)

    subjects = [*bench.subjects[:1], bench.ours(COALESCING, COALESCE_MS=20), *bench.subjects[1:]]
    return compare.compared(bench, rounds, one_run, "relay", AIMS, subjects)


def markdown(figures):
    return compare.table(figures, COLUMNS)
