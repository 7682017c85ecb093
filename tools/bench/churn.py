# SPDX-License-Identifier: MIT
"""Churn (W5): connect, be welcomed, close, 50 at once. Server CPU for a cycle."""
import compare

TITLE = "W5, connect, welcome and close"
HEADLINE = ("W5 µs/cycle", "us", 1, 1)
AIMS = [compare.Aim("us", "CPU", 1.2, of="floor"), compare.Aim("us", "CPU", 1, of=compare.PEERS)]
COLUMNS = [compare.Column("CPU µs/cycle", "us", 1, ratio=True),
           compare.Column("cycles/s", "per_second", 0),
           compare.Column("p50 µs", "p50_us", 0), compare.Column("p99 µs", "p99_us", 0)]


def run(bench, rounds):
    cycles = bench.either(10_000, 500)

    def one_run(subject):
        with bench.serving(subject) as server:
            said, looks = server.load("churn", cycles=cycles, parallel=50)
        at = dict(looks)
        return {"us": (at["end"]["cpu"] - at["begin"]["cpu"]) / said["cycles"] * 1e6,
                "per_second": said["cycles"] / (at["end"]["time"] - at["begin"]["time"]),
                "p50_us": said["p50_us"], "p99_us": said["p99_us"]}

    return compare.compared(bench, rounds, one_run, "churn", AIMS)


def markdown(figures):
    return compare.table(figures, COLUMNS)
