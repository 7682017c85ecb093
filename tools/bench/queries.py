# SPDX-License-Identifier: MIT
"""Small questions (W4): 50 sessions ask for one token, not streamed, again and again, in conversations
of 50 messages, which go upstream with each question. Server CPU for a question, and the time until
its answer."""
import compare

TITLE = "W4, questions with one token"
HEADLINE = ("W4 µs/question", "us", 1, 1)
AIMS = [compare.Aim("us", "CPU", 1.2, of="floor"), compare.Aim("us", "CPU", 1, of=compare.PEERS),
        compare.Aim("p50_us", "p50", 1, of=compare.PEERS)]
COLUMNS = [compare.Column("CPU µs/question", "us", 1, ratio=True),
           compare.Column("questions/s", "per_second", 0),
           compare.Column("p50 µs", "p50_us", 0, ratio=True),
           compare.Column("p99 µs", "p99_us", 0),
           compare.Column("server busy, %", "busy", 0, scale=100)]


def measured(server, sessions, ms, history, stream=0):
    said, looks = server.load("queries", sessions=sessions, ms=ms, history=history, stream=stream)
    at = dict(looks)
    cpu = at["end"]["cpu"] - at["begin"]["cpu"]
    seconds = at["end"]["time"] - at["begin"]["time"]
    return {"us": cpu / said["queries"] * 1e6, "per_second": said["queries"] / seconds, "busy": cpu / seconds,
            "p50_us": said["p50_us"], "p99_us": said["p99_us"]}


def run(bench, rounds):
    ms = bench.either(3000, 300)

    def one_run(subject):
        with bench.serving(subject) as server:
            return measured(server, 50, ms, 50)

    return compare.compared(bench, rounds, one_run, "queries", AIMS)


def markdown(figures):
    return compare.table(figures, COLUMNS)
