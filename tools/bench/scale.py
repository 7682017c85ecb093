# SPDX-License-Identifier: MIT
"""Cost against scale: 10 to 10 000 sessions, of which at most 100 have a question open, all in turn.
CPU for a token of answers at saturation, and for a question with one token. The plot is of these."""
import compare
import plot

TITLE = "Cost against scale"
AIMS = [compare.Aim("token_growth", "token at 10 000 to 100", 1.3),
        compare.Aim("question_growth", "question at 10 000 to 100", 1.3)]
ACTIVE, TOKENS = 100, 50
KINDS = (("token", "CPU per token of an answer"), ("question", "CPU per question with one token"))


def sizes(bench):
    """Those for which there are descriptors."""
    return [size for size in bench.either((10, 100, 1000, 10_000), (10, 100)) if size + 500 <= bench.descriptors]


def run(bench, rounds):
    ms, answers = bench.either((2000, 10_000), (200, 200))

    def one_run(subject):
        figures = {}
        for size in sizes(bench):
            with bench.serving(subject, MAX_HISTORY=2) as server:  # else those of few have longer ones
                said, looks = server.load("scale", sessions=size, active=ACTIVE, answers=answers, tokens=TOKENS,
                                          width=8, ms=ms)
            looks = [each for _, each in looks]
            for (kind, _), begin, end in zip(KINDS, looks[::2], looks[1::2]):
                figures[f"{kind}_{size}"] = (end["cpu"] - begin["cpu"]) / said[f"{kind}s"] * 1e6
        for kind, _ in KINDS:
            if f"{kind}_10000" in figures:
                figures[f"{kind}_growth"] = figures[f"{kind}_10000"] / figures[f"{kind}_100"]
        return figures

    figures = compare.compared(bench, rounds, one_run, "scale", AIMS)
    return {**figures, "sizes": sizes(bench)}


def markdown(figures):
    digits = {"token": 2, "question": 0}
    columns = [compare.Column(f"µs/{kind} at {size:,}".replace(",", " "), f"{kind}_{size}", digits[kind])
               for kind, _ in KINDS for size in figures["sizes"]]
    return compare.table(figures, columns)


def svg(figures):
    panels = []
    for kind, words in KINDS:
        lines = {name: [(size, of[f"{kind}_{size}"]) for size in figures["sizes"] if of.get(f"{kind}_{size}")]
                 for name, of in figures["medians"].items()}
        panels.append(plot.Panel(words, f"sessions, at most {ACTIVE} of them asking", "µs", lines))
    return plot.svg(panels)
