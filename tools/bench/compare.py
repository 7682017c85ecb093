# SPDX-License-Identifier: MIT
"""Interleaved runs of several subjects, their medians and ratios, and Markdown of them.

In each round every subject runs once, and the order moves on by one. A ratio is the median of the
ratios within the rounds, so that what the machine did meanwhile is in both of its numbers.
"""
import statistics
import sys
import time

from load_program import Failure

FIXED = ("floor", "websocketpp echo server")  # what is always there to be a ratio of
PEERS = "peers"  # as what an aim is a ratio of: whichever of them is best
MOST_FAILURES = 2  # of a subject in one workload, after which it is left out


class Aim:
    """What a figure of a subject should be at most: itself, or as a ratio to the subject `of`, or to
    whichever of the peers has the smallest figure. That counts only where there are any."""

    def __init__(self, figure, words, most, of=None, unit="", subject="ours"):
        self.figure, self.words, self.most, self.of, self.subject = figure, words, most, of, subject
        self.unit = "×" if of else unit

    def base(self, runs, peers):
        """Whom it is a ratio to, by name; None where nobody is."""
        if self.of != PEERS:
            return self.of if self.of in runs else None
        figures = {name: median(runs[name], self.figure) for name in peers if name in runs}
        return min((name for name in figures if figures[name] is not None), key=figures.get, default=None)

    def counts(self, runs, peers=()):
        return self.of in (None, *FIXED) or self.base(runs, peers) is not None

    def judged(self, runs, peers=()):
        base = self.base(runs, peers)
        value = ratio(runs, self.subject, base, self.figure) if self.of else median(runs.get(self.subject, ()),
                                                                                    self.figure)
        of = f"the best peer, {base}" if self.of == PEERS else self.of
        bound = with_unit(f"{self.most:g}", self.unit) + (f" {of}" if of else "")
        return {"subject": self.subject, "aim": f"{self.words} ≤ {bound}", "value": value, "of": of,
                "unit": self.unit, "met": None if value is None else value <= self.most}


class Column:
    """A figure in the table; with its ratio beside it when there is a base."""

    def __init__(self, heading, figure, digits=1, ratio=False, scale=1):
        self.heading, self.figure, self.digits, self.ratio, self.scale = heading, figure, digits, ratio, scale


def median(runs, figure):
    values = [run[figure] for run in runs if run is not None and run.get(figure) is not None]
    return statistics.median(values) if values else None


def ratio(runs, name, base, figure):
    pairs = [(run.get(figure), other.get(figure)) for run, other in zip(runs.get(name, ()), runs.get(base, ()))
             if run is not None and other is not None]
    values = [mine / theirs for mine, theirs in pairs if mine is not None and theirs is not None and theirs > 0]
    return statistics.median(values) if values else None


def interleaved(subjects, rounds, one_run, title):
    """Figures of one_run(subject) of each round, by the subject's name; None for a run that failed.
    And why those that failed too often were left out."""
    runs = {subject.name: [] for subject in subjects}
    left_out, failures = {}, dict.fromkeys(runs, 0)
    for turn in range(rounds):
        for i in range(len(subjects)):
            subject = subjects[(turn + i) % len(subjects)]
            if subject.name in left_out:
                continue
            begun, figures = time.monotonic(), None
            try:
                figures = one_run(subject)
                words = f"{time.monotonic() - begun:.1f} s"
            except (Failure, OSError, KeyError) as why:
                words = f"failed: {why if isinstance(why, Failure) else repr(why)}"
                failures[subject.name] += 1
                if failures[subject.name] == MOST_FAILURES or rounds == 1:
                    left_out[subject.name] = words
            runs[subject.name].append(figures)
            print(f"{title}, round {turn + 1} of {rounds}: {subject.name}: {words}", file=sys.stderr)
    for name in left_out:
        del runs[name]
    return runs, left_out


def summed_up(runs, left_out, base, aims=(), peers=()):
    """What a workload gives: plain data, as it goes into the JSON file."""
    figures = {name: list(dict.fromkeys(what for run in of if run for what in run)) for name, of in runs.items()}
    medians = {name: {what: median(runs[name], what) for what in of} for name, of in figures.items()}
    ratios = {name: {what: ratio(runs, name, base, what) for what in of} for name, of in figures.items()}
    judged = [aim.judged(runs, peers) for aim in aims if aim.counts(runs, peers)]
    return {"base": base, "medians": medians, "ratios": ratios, "aims": judged, "left_out": left_out, "runs": runs}


def compared(bench, rounds, one_run, title, aims=(), subjects=None, base="floor"):
    runs, left_out = interleaved(subjects or bench.subjects, rounds, one_run, title)
    return summed_up(runs, left_out, base, aims, bench.peers)


# ---- Markdown -------------------------------------------------------------------------------------

def number(value, digits):
    return "" if value is None else f"{value:.{digits}f}"


def times(value):
    return "" if value is None else f"{value:.2f}×"


def with_unit(words, unit):
    return words + unit if unit in ("×", "") else f"{words} {unit}"


def aim_value(aim):
    return "" if aim["value"] is None else with_unit(f"{aim['value']:.3g}", aim["unit"])


def aim_words(aim):
    if aim["value"] is None:
        return f"{aim['aim']}: {'nothing to compare of ' + aim['of'] if aim['of'] else 'not measured'}"
    return f"{aim['aim']}: {'met' if aim['met'] else 'not met'} ({aim_value(aim)})"


def grid(headings, rows):
    """Numbers to the right, but the first column and the last one when it has words."""
    aligned = ["---" if i == 0 or heading == "aim" else "---:" for i, heading in enumerate(headings)]
    lines = [headings, aligned, *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines).replace("|  |", "| |").replace("|  |", "| |")


def table(figures, columns, first="server"):
    """A row for each subject. Ratios are to the base, which is named above the table."""
    base = figures["base"]
    with_ratio = len(figures["medians"]) > 1 and base in figures["medians"]
    headings = [first]
    for column in columns:
        headings += [column.heading, f"of {base}"] if column.ratio and with_ratio else [column.heading]
    aims = figures["aims"]
    rows = []
    for name, of in figures["medians"].items():
        row = [name]
        for column in columns:
            value = of.get(column.figure)
            row.append(number(None if value is None else value * column.scale, column.digits))
            if column.ratio and with_ratio:
                row.append(times(figures["ratios"][name].get(column.figure)))
        if aims:
            row.append("; ".join(aim_words(aim) for aim in aims if aim["subject"] == name))
        rows.append(row)
    return grid(headings + ["aim"] * bool(aims), rows)


def left_out_words(left_out):
    return "".join(f"\nWithout {name}: {why.splitlines()[0] if why else ''}\n" for name, why in left_out.items())


def summary(results, headlines):
    """One table of all workloads: `headlines` gives (heading, figure, digits, scale) of a workload's
    name. And one of the aims."""
    names = list(dict.fromkeys(name for of in headlines for name in results[of]["medians"]))
    rows = []
    for name in names:
        row = [name]
        for of, (_, figure, digits, scale) in headlines.items():
            value = results[of]["medians"].get(name, {}).get(figure)
            share = results[of]["ratios"].get(name, {}).get(figure)
            cell = number(None if value is None else value * scale, digits)
            row.append(cell + (f" ({times(share)})" if cell and share is not None else ""))
        rows.append(row)
    return grid(["server", *(heading for heading, *_ in headlines.values())], rows)


def aims_table(results):
    rows = []
    for of in results.values():
        for aim in of["aims"]:
            who = "" if aim["subject"] == "ours" else f"{aim['subject']}, "
            rows.append([f"{of['title']}: {who}{aim['aim']}", aim_value(aim),
                         "not measured" if aim["met"] is None else "yes" if aim["met"] else "no"])
    return grid(["aim", "here", "met"], rows) if rows else ""
