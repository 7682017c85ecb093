# SPDX-License-Identifier: MIT
"""Paced relay (W3): 500 sessions, each with an answer of 200 tokens that come 20 ms apart. CPU for a
token, and the time from the upstream's write to the client's receive."""
import compare

TITLE = "W3, paced relay"
HEADLINE = ("W3 CPU µs/token", "us", 1, 1)
AIMS = [compare.Aim("us", "CPU", 1.1, of="floor"), compare.Aim("p50_us", "p50", 1.1, of="floor"),
        *(compare.Aim(figure, words, 1, of=compare.PEERS)
          for figure, words in (("us", "CPU"), ("p50_us", "p50"), ("p99_us", "p99")))]
COLUMNS = [compare.Column("CPU µs/token", "us", 1, ratio=True),
           compare.Column("p50 µs", "p50_us", 0, ratio=True),
           compare.Column("p99 µs", "p99_us", 0, ratio=True),
           compare.Column("p99.9 µs", "p999_us", 0),
           compare.Column("server busy, %", "busy", 0, scale=100)]


def measured(server, sessions, tokens, delay_us, width=32):
    said, looks = server.load("paced", sessions=sessions, tokens=tokens, delay_us=delay_us, width=width)
    at = dict(looks)
    cpu = at["end"]["cpu"] - at["begin"]["cpu"]
    return {"us": cpu / said["tokens"] * 1e6, "busy": cpu / (at["end"]["time"] - at["begin"]["time"]),
            **{name: said[name] for name in ("p50_us", "p99_us", "p999_us")}}


def run(bench, rounds):
    sessions, tokens = bench.either((500, 200), (50, 20))

    def one_run(subject):
        with bench.serving(subject) as server:
            return measured(server, sessions, tokens, 20_000)

    return compare.compared(bench, rounds, one_run, "paced", AIMS)


def markdown(figures):
    return compare.table(figures, COLUMNS)
