"""Owns charts of characters: columns of numbers as lines or bars, within the width of a terminal and without colour."""

import math
from collections.abc import Iterator, Mapping, Sequence

from pivot_core.cli import text
from pivot_core.cli.paper import Paper, Part
from pivot_core.compare.series import Chart, Series
from pivot_core.frozen import frozen

BARS_MAX = 24
"""More texts than these on an axis are drawn as a line over their order."""
_WIDTH_MAX = 100
_HEIGHT = 12
_LABEL = 20
_BRAILLE = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


@frozen
class Span:
    """From the least to the greatest of some numbers, never empty."""

    least: float
    greatest: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> "Span":
        """Returns the span of ``numbers``; of none, and of equal ones, one around them."""
        least, greatest = min(numbers, default=0.0), max(numbers, default=1.0)
        if least == greatest:
            margin = abs(least) / 2 or 1.0
            return cls(least - margin, greatest + margin)
        return cls(least, greatest)

    def place(self, number: float, steps: int) -> int:
        """Returns which of ``steps`` places a number has, from 0."""
        share = (number / 2 - self.least / 2) / (self.greatest / 2 - self.least / 2)
        return min(steps - 1, max(0, round(share * (steps - 1))))


def is_bars(chart: Chart) -> bool:
    """Tells whether a chart is drawn as bars: few rows, each with a name."""
    return chart.labels is not None and chart.rows <= BARS_MAX


def draw(paper: Paper, path: str, charts: Mapping[str, Chart]) -> None:
    """Writes the charts of one file, a column after the other; ``charts`` are of one or two revisions, older first."""
    columns = dict.fromkeys(each.name for chart in charts.values() for each in chart.series)
    newest = list(charts.values())[-1]
    for name in columns:
        found = {
            side: (chart, each)
            for side, chart in charts.items()
            for each in chart.series
            if each.name == name
        }
        over = f" by {newest.axis}" if newest.axis else " by row"
        paper.line((path, "strong"), f"  {name}{over}", (_legend(paper, charts), "faint"))
        width = min(paper.columns, _WIDTH_MAX) if paper.is_terminal else 80
        if all(is_bars(chart) for chart, _ in found.values()):
            lines = _bars(paper, found, width)
        else:
            lines = _line_chart(paper, found, width)
        for line in lines:
            paper.line(*line)
        paper.line()
    if newest.step > 1:
        paper.line((f"every {newest.step}th of {newest.rows:,} rows is drawn", "faint"))
    if newest.omitted:
        paper.line((f"not drawn: {', '.join(newest.omitted)}; `-y COLUMN` draws one", "faint"))


def _legend(paper: Paper, charts: Mapping[str, Chart]) -> str:
    if len(charts) == 1:
        return ""
    old, new, _ = _marks(paper)
    first, second = charts
    return f"  {old} {first}  {new} {second}"


def _marks(paper: Paper) -> tuple[str, str, str]:
    """Returns the marks of the older and the newer line, and of both in one place."""
    return ("○", "●", "◉") if paper.has_glyphs else ("o", "x", "@")


def _bars(
    paper: Paper, found: Mapping[str, tuple[Chart, Series]], width: int
) -> Iterator[list[Part]]:
    full, old_full = ("█", "░") if paper.has_glyphs else ("#", ".")
    sides = [dict(_named(chart, each)) for chart, each in found.values()]
    labels = list(dict.fromkeys(label for side in sides for label in side))
    values = [value for side in sides for value in side.values()]
    label_width = min(_LABEL, max(map(text.cells, labels), default=0))
    room = width - label_width - 14
    least = min(0.0, *values) if values else 0.0
    span = Span.of([least, *values, 0.0])
    for label in labels:
        for index, side in enumerate(sides):
            if label not in side:
                continue
            is_old = len(sides) == 2 and index == 0
            shown = text.crop(label, label_width) if not index or label not in sides[0] else ""
            pad = " " * (label_width - text.cells(shown))
            start, end = sorted((span.place(0.0, room), span.place(side[label], room)))
            bar = " " * start + (old_full if is_old else full) * (end - start)
            yield [shown, pad, "  ", bar, " ", tick(side[label])]


def _named(chart: Chart, series: Series) -> Iterator[tuple[str, float]]:
    for x, y in zip(series.x, series.y, strict=True):
        yield (chart.labels[int(x)] if chart.labels is not None else tick(x)), y


def _line_chart(
    paper: Paper, found: Mapping[str, tuple[Chart, Series]], width: int
) -> Iterator[list[Part]]:
    lines = [each for _, each in found.values()]
    across = Span.of([x for each in lines for x in each.x])
    up = Span.of([y for each in lines for y in each.y])
    ticks = {0: tick(up.greatest), _HEIGHT // 2: tick((up.least + up.greatest) / 2)}
    ticks[_HEIGHT - 1] = tick(up.least)
    margin = max(map(len, ticks.values()))
    room = width - margin - 3
    is_alone = len(lines) == 1 and paper.has_glyphs
    draw_rows = (
        _braille(lines[0], across, up, room)
        if is_alone
        else _marked(paper, lines, across, up, room)
    )
    corner, rule, bar = ("└", "─", "│") if paper.has_glyphs else ("+", "-", "|")
    for index, row in enumerate(draw_rows):
        yield [f"{ticks.get(index, ''):>{margin}} {bar}", row.rstrip()]
    yield [" " * margin + f" {corner}{rule * room}"]
    left, right = _ends(found, across)
    gap = room - text.cells(left) - text.cells(right)
    yield [" " * (margin + 2), left, " " * max(1, gap), right]


def _ends(found: Mapping[str, tuple[Chart, Series]], across: Span) -> tuple[str, str]:
    """Returns what stands below the left and the right end of the axis."""
    labelled = [chart.labels for chart, _ in found.values() if chart.labels]
    if not labelled:
        return tick(across.least), tick(across.greatest)
    longest = max(labelled, key=len)
    return text.crop(longest[0], 2 * _LABEL), text.crop(longest[-1], 2 * _LABEL)


def _marked(
    paper: Paper, lines: Sequence[Series], across: Span, up: Span, room: int
) -> Iterator[str]:
    old, new, both = _marks(paper)
    dots = [set(_dots(each, across, up, room, _HEIGHT)) for each in lines]
    first, last = dots[0], dots[-1]
    for row in range(_HEIGHT):
        yield "".join(
            (both if (x, row) in first else new)
            if (x, row) in last and len(lines) == 2
            else (old if len(lines) == 2 else new)
            if (x, row) in first
            else " "
            for x in range(room)
        )


def _braille(line: Series, across: Span, up: Span, room: int) -> Iterator[str]:
    cells = dict[tuple[int, int], int]()
    for x, y in _dots(line, across, up, 2 * room, 4 * _HEIGHT):
        place = (x // 2, y // 4)
        cells[place] = cells.get(place, 0) | _BRAILLE[y % 4][x % 2]
    for row in range(_HEIGHT):
        yield "".join(
            chr(0x2800 + cells[(x, row)]) if (x, row) in cells else " " for x in range(room)
        )


def _dots(
    line: Series, across: Span, up: Span, width: int, height: int
) -> Iterator[tuple[int, int]]:
    """Yields the places that a line passes through, the topmost row being 0."""
    before: tuple[int, int] | None = None
    for x, y in zip(line.x, line.y, strict=True):
        here = (across.place(x, width), height - 1 - up.place(y, height))
        if before is None or here[0] < before[0]:
            before = here
        steps = max(abs(here[0] - before[0]), abs(here[1] - before[1]), 1)
        for step in range(steps + 1):
            share = step / steps
            yield (
                round(before[0] + (here[0] - before[0]) * share),
                round(before[1] + (here[1] - before[1]) * share),
            )
        before = here


def tick(number: float) -> str:
    """Returns a number in few characters."""
    if number and not 1e-4 <= abs(number) < 1e6:
        return f"{number:.3g}"
    digits = 4 if not number else max(0, 3 - math.floor(math.log10(abs(number))))
    shown = f"{number:.{digits}f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown
