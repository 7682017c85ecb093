# SPDX-License-Identifier: MIT
"""Clients that come back: 100 resumes a second of sessions that were left, beside 100 paced answers.
The latency of these alone and meanwhile. Only the example server knows how to resume."""
import compare

TITLE = "Resumes beside a paced relay"
AIMS = [compare.Aim("growth", "p99 meanwhile to p99 alone", 1.2)]
COLUMNS = [compare.Column("p50 alone, µs", "alone_p50_us", 0), compare.Column("p99", "alone_p99_us", 0),
           compare.Column("p50 meanwhile, µs", "storm_p50_us", 0), compare.Column("p99", "storm_p99_us", 0),
           compare.Column("p99 to p99 alone", "growth", 2),
           compare.Column("resumes/s", "per_second", 0),
           compare.Column("CPU µs/resume", "us", 0)]


def run(bench, rounds):
    sessions, paced, seconds = bench.either((1000, 100, 10), (50, 20, 1))

    def one_run(subject):
        with bench.serving(subject) as server:
            said, looks = server.load("storm", sessions=sessions, paced=paced, per_second=100, seconds=seconds)
        at = dict(looks)
        # What the server did in the second half beyond what it did in the first is the resumes'.
        alone, meanwhile = at["alone"]["cpu"] - at["begin"]["cpu"], at["end"]["cpu"] - at["storm"]["cpu"]
        return {**{name: said[name] for name in ("alone_p50_us", "alone_p99_us", "storm_p50_us", "storm_p99_us")},
                "growth": said["storm_p99_us"] / said["alone_p99_us"],
                "per_second": said["resumes"] / seconds, "us": (meanwhile - alone) / said["resumes"] * 1e6}

    return compare.compared(bench, rounds, one_run, "storm", AIMS, bench.subjects[:1])


def markdown(figures):
    return compare.table(figures, COLUMNS)
