# SPDX-License-Identifier: MIT
"""Clients that come back: 100 resumes a second of sessions that were left, beside 100 paced answers.
The latency of these alone and meanwhile. Only the example server knows how to resume."""
import compare

TITLE = "Resumes beside a paced relay"
AIMS = [compare.Aim("growth", "p99 to p99 alone", 1.2)]
COLUMNS = [compare.Column("p50 alone, µs", "alone_p50_us", 0), compare.Column("p99", "alone_p99_us", 0),
           compare.Column("p50 meanwhile, µs", "storm_p50_us", 0), compare.Column("p99", "storm_p99_us", 0),
           compare.Column("p99 to p99 alone", "growth", 2), compare.Column("resumes/s", "per_second", 0),
           compare.Column("p50 of a resume, µs", "resume_p50_us", 0),
           compare.Column("p99", "resume_p99_us", 0), compare.Column("CPU µs/resume", "us", 0)]
LATENCIES = tuple(f"{name}_{share}_us" for name in ("alone", "storm", "resume") for share in ("p50", "p99"))


def run(bench, rounds):
    sessions, paced, seconds = bench.either((1000, 100, 10), (100, 20, 1))

    def one_run(subject):
        with bench.serving(subject) as server:
            said, looks = server.load("storm", sessions=sessions, paced=paced, per_second=100, seconds=seconds)
        at = dict(looks)
        alone, storm = (at[f"{name}_end"]["cpu"] - at[f"{name}_begin"]["cpu"] for name in ("alone", "storm"))
        # What the server did in the second half beyond what it did in the first is the resumes'.
        return {**{name: said[name] for name in LATENCIES}, "growth": said["storm_p99_us"] / said["alone_p99_us"],
                "per_second": said["resumes"] / seconds, "us": (storm - alone) / said["resumes"] * 1e6}

    return compare.compared(bench, rounds, one_run, "storm", AIMS, [each for each in bench.subjects if each.resumes])


def markdown(figures):
    return compare.table(figures, COLUMNS)
