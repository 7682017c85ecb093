# SPDX-License-Identifier: MIT
"""A plot as SVG: panels beside each other, both axes logarithmic, one legend below. Its colours follow
the reader's light or dark mode."""
import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, TOP, BOTTOM, GAP, LINE = 440, 330, 62, 40, 56, 24, 22
# Okabe and Ito's colours, which differ for the colour-blind too; black is the text's colour.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#8c8c00", "currentColor")
STYLE = """
  svg { background: #ffffff; color: #1f2328; font: 12px system-ui, sans-serif }
  text { fill: currentColor } .grid { stroke: currentColor; stroke-opacity: .15 }
  .frame { fill: none; stroke: currentColor; stroke-opacity: .5 } .title { font-weight: 600; font-size: 13px }
  .line { fill: none; stroke-width: 2 } .first { stroke-width: 3.5 }
  @media (prefers-color-scheme: dark) { svg { background: #0d1117; color: #e6edf3 } }
"""


class Panel:
    """`lines` gives the points (x, y) of a name; the first one is drawn thicker."""

    def __init__(self, title, x_words, y_words, lines):
        self.title, self.x_words, self.y_words, self.lines = title, x_words, y_words, lines


def shown(value):
    """1, 10, 1 000: a number with its thousands apart."""
    return f"{value:,.0f}".replace(",", "\u202f") if value >= 1 else f"{value:g}"


def decades(values):
    """The range of whole powers of ten around the values."""
    low, high = math.floor(math.log10(min(values)) + 1e-9), math.ceil(math.log10(max(values)) - 1e-9)
    return low, max(high, low + 1)


class Axis:
    """Where a value is, between two places."""

    def __init__(self, values, begin, end):
        (self.low, self.high), self.begin, self.end = decades(values), begin, end

    def at(self, value):
        return self.begin + (math.log10(value) - self.low) / (self.high - self.low) * (self.end - self.begin)

    def ticks(self):
        return [10.0 ** power for power in range(self.low, self.high + 1)]

    def between(self):
        return [digit * tick for tick in self.ticks()[:-1] for digit in range(2, 10)]


def drawn(panel, offset, colours):
    points = [point for line in panel.lines.values() for point in line]
    if not points:
        return []
    x = Axis([point[0] for point in points], offset + LEFT, offset + WIDTH - GAP)
    y = Axis([point[1] for point in points], HEIGHT - BOTTOM, TOP)
    out = [f'<text class="title" x="{x.begin}" y="{TOP - 16}">{escape(panel.title)}</text>']
    for value in x.ticks():
        out += [f'<path class="grid" d="M{x.at(value):.1f} {y.begin}V{y.end}"/>',
                f'<text x="{x.at(value):.1f}" y="{y.begin + 18}" text-anchor="middle">{shown(value)}</text>']
    for value in y.ticks():
        out += [f'<path class="grid" d="M{x.begin} {y.at(value):.1f}H{x.end}"/>',
                f'<text x="{x.begin - 8}" y="{y.at(value) + 4:.1f}" text-anchor="end">{shown(value)}</text>']
    if y.high - y.low <= 2:  # few decades: lines between them too
        out += [f'<path class="grid" d="M{x.begin} {y.at(value):.1f}H{x.end}" stroke-dasharray="1 4"/>'
                for value in y.between()]
    out += [f'<rect class="frame" x="{x.begin}" y="{y.end}" width="{x.end - x.begin}" height="{y.begin - y.end}"/>',
            f'<text x="{(x.begin + x.end) / 2:.1f}" y="{y.begin + 38}" text-anchor="middle">'
            f'{escape(panel.x_words)}</text>',
            f'<text transform="translate({offset + 14} {(y.begin + y.end) / 2}) rotate(-90)" text-anchor="middle">'
            f'{escape(panel.y_words)}</text>']
    for i, (name, line) in reversed(list(enumerate(panel.lines.items()))):
        if not line:
            continue
        colour, places = colours[name], [(x.at(a), y.at(b)) for a, b in sorted(line)]
        path = "L".join(f"{a:.1f} {b:.1f}" for a, b in places)
        out.append(f'<path class="line{" first" if i == 0 else ""}" stroke="{colour}" d="M{path}"/>')
        out += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{colour}"><title>{escape(name)}: {value:.3g} '
                f'{escape(panel.y_words)}</title></circle>'
                for (a, b), (_, value) in zip(places, sorted(line))]
    return out


def svg(panels):
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    width = WIDTH * len(panels)
    a_row = max(1, (width - LEFT) // 200)
    height = HEIGHT + LINE * math.ceil(len(names) / a_row)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
           f'height="{height}" role="img"><title>{escape("; ".join(panel.title for panel in panels))}</title>',
           f"<style>{STYLE}</style>"]
    for i, panel in enumerate(panels):
        out += drawn(panel, i * WIDTH, colours)
    for i, name in enumerate(names):
        x, y = LEFT + i % a_row * 200, HEIGHT + i // a_row * LINE
        out += [f'<path class="line{" first" if i == 0 else ""}" stroke="{colours[name]}" d="M{x} {y}h24"/>',
                f'<text x="{x + 32}" y="{y + 4}">{escape(name)}</text>']
    return "\n".join([*out, "</svg>"]) + "\n"
