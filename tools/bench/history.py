# SPDX-License-Identifier: MIT
"""What a question costs in conversations that have reached their limit of 10, 50 and 500 messages
(MAX_HISTORY), all of which go upstream with it. A cost that is linear in the bytes sent grows by no
more than ten from 50 to 500."""
import compare
import queries

TITLE = "Questions in long conversations"
LENGTHS = (10, 50, 500)
AIMS = [compare.Aim("growth", "500 to 50", 10)]
COLUMNS = [*(compare.Column(f"CPU µs at {length}", f"us_{length}", 1, ratio=True) for length in LENGTHS),
           compare.Column("500 to 50", "growth", 2),
           compare.Column("ns per message more", "ns", 0)]


def run(bench, rounds):
    ms = bench.either(2000, 200)

    def one_run(subject):
        figures = {}
        for length in LENGTHS:
            with bench.serving(subject, MAX_HISTORY=length) as server:
                figures[f"us_{length}"] = queries.measured(server, 10, ms, length)["us"]
        figures["growth"] = figures["us_500"] / figures["us_50"]
        figures["ns"] = (figures["us_500"] - figures["us_50"]) / 450 * 1e3
        return figures

    return compare.compared(bench, rounds, one_run, "history", AIMS)


def markdown(figures):
    return compare.table(figures, COLUMNS)
