# SPDX-License-Identifier: MIT
"""Cost against scale: 10 to 10 000 sessions that all ask at once. CPU for a token of answers at
saturation, and for a question with one token. The plot is of these."""
import compare
import plot
import queries
import relay

TITLE = "Cost against scale"
AIMS = [compare.Aim("token_growth", "token at 10 000 to 100", 1.3),
        compare.Aim("question_growth", "question at 10 000 to 100", 1.3)]
TOKENS = 50
KINDS = (("token", "CPU per token of an answer"), ("question", "CPU per question with one token"))


def sizes(bench):
    """Each session is two sockets of the server."""
    return [size for size in bench.either((10, 100, 1000, 10_000), (10, 100)) if 2 * size + 500 <= bench.descriptors]


def run(bench, rounds):
    ms = bench.either(2000, 200)
    all_queries = bench.either(10_000, 200)

    def one_run(subject):
        figures = {}
        for size in sizes(bench):
            with bench.serving(subject) as server:
                asked = max(1, all_queries // size)
                figures[f"token_{size}"] = relay.measured(server, size, asked, TOKENS)["us"]
            with bench.serving(subject) as server:
                figures[f"question_{size}"] = queries.measured(server, size, ms, 2)["us"]
        for kind, _ in KINDS:
            if f"{kind}_10000" in figures:
                figures[f"{kind}_growth"] = figures[f"{kind}_10000"] / figures[f"{kind}_100"]
        return figures

    figures = compare.compared(bench, rounds, one_run, "scale", AIMS)
    return {**figures, "sizes": sizes(bench)}


def markdown(figures):
    columns = [compare.Column(f"µs/{kind} at {size:,}".replace(",", " "), f"{kind}_{size}", 2 if kind == "token" else 0)
               for kind, _ in KINDS for size in figures["sizes"]]
    return compare.table(figures, columns)


def svg(figures):
    panels = []
    for kind, words in KINDS:
        lines = {name: [(size, of[f"{kind}_{size}"]) for size in figures["sizes"] if of.get(f"{kind}_{size}")]
                 for name, of in figures["medians"].items()}
        panels.append(plot.Panel(words, "sessions", "µs", lines))
    return plot.svg(panels)
