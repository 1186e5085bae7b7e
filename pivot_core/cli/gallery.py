"""Owns the page that shows plots in a browser: one HTML file with drawings in it, which loads nothing from anywhere."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from pivot_core.cli import chart
from pivot_core.cli.chart import Span
from pivot_core.compare.series import Chart, Figure, Image, Series
from pivot_core.port import one_line

_WIDTH, _HEIGHT = 640, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 12, 34
_TICKS = 5
_DOTS_MAX = 120
_STYLE = """\
:root { color-scheme: light dark; --ink: #1b1f24; --faint: #6b7280; --rule: #d7dbe0; --new: #0066b3; --old: #c2500a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e8eb; --faint: #9aa3ad; --rule: #3a4048; --new: #58a6ff; --old: #f0a35e; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); max-width: 1360px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2.5rem; overflow-wrap: anywhere; }
.row { display: flex; flex-wrap: wrap; gap: 1.5rem; }
figure { margin: 0; flex: 1 1 480px; max-width: 660px; }
figcaption, .faint { color: var(--faint); font-size: .9rem; }
svg.chart, img { width: 100%; height: auto; } img { background: #fff; }
.rule { stroke: var(--rule); } text { fill: var(--faint); font: 12px system-ui, sans-serif; }
.new { stroke: var(--new); } .old { stroke: var(--old); stroke-dasharray: 6 4; }
.line { fill: none; stroke-width: 1.8; } .dot { stroke-width: 5; stroke-linecap: round; stroke-dasharray: none; }
rect.new { fill: var(--new); } rect.old { fill: var(--old); opacity: .6; }
.key { display: inline-block; width: 1.6rem; border-top: 3px solid; vertical-align: middle; margin: 0 .4rem 0 1rem; }
.key.new { border-color: var(--new); } .key.old { border-color: var(--old); border-top-style: dashed; }
"""


def render(
    title: str,
    sides: Sequence[str],
    plots: Mapping[str, Mapping[str, Figure]],
    notes: Sequence[str],
) -> str:
    """Returns the page; ``plots`` holds for each file what it shows in each of the ``sides``, older first."""
    body = "".join(_plot(path, figures, sides) for path, figures in plots.items())
    said = "".join(f'<p class="faint">{_text(note)}</p>\n' for note in notes)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        f"<title>{_text(title)}</title>\n<style>\n{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{_text(title)}</h1>\n{_legend(sides)}{body}{said}</body>\n</html>\n"
    )


def _legend(sides: Sequence[str]) -> str:
    if len(sides) == 1:
        return ""
    keys = zip(("old", "new"), sides, strict=True)
    marks = "".join(f'<span class="key {each}"></span>{_text(side)}' for each, side in keys)
    return f"<p>{marks}</p>\n"


def _plot(path: str, figures: Mapping[str, Figure], sides: Sequence[str]) -> str:
    charts = {side: each for side, each in figures.items() if isinstance(each, Chart)}
    images = {side: each for side, each in figures.items() if isinstance(each, Image)}
    drawn = [
        *(_picture(each, side, is_alone=len(sides) == 1) for side, each in images.items()),
        *(_chart(name, charts, sides) for name in _columns(charts)),
    ]
    thinned = [each for each in charts.values() if each.step > 1]
    note = ""
    if thinned:
        note = f'<p class="faint">every {thinned[-1].step}th of {thinned[-1].rows:,} rows is drawn</p>\n'
    return f'<h2>{_text(path)}</h2>\n<div class="row">\n{"".join(drawn)}</div>\n{note}'


def _columns(charts: Mapping[str, Chart]) -> list[str]:
    return list(dict.fromkeys(each.name for found in charts.values() for each in found.series))


def _picture(image: Image, side: str, *, is_alone: bool) -> str:
    data = base64.b64encode(image.data).decode()
    caption = "" if is_alone else f"<figcaption>{_text(side)}</figcaption>"
    source = f"data:{image.media_type};base64,{data}"
    return f'<figure>{caption}<img alt="{_text(side)}" src="{source}"></figure>\n'


def _chart(name: str, charts: Mapping[str, Chart], sides: Sequence[str]) -> str:
    found = [
        ("old" if len(sides) == 2 and side == sides[0] else "new", each, series)
        for side, each in charts.items()
        for series in each.series
        if series.name == name
    ]
    axis = found[-1][1].axis
    bars = all(chart.is_bars(each) for _, each, _ in found)
    drawn = "".join(_bars(found) if bars else _lines(found))
    over = f"{_text(name)} by {_text(axis) if axis else 'row'}"
    return (
        f'<figure><svg class="chart" role="img" aria-label="{over}" viewBox="0 0 {_WIDTH} {_HEIGHT}">\n'
        f"{drawn}</svg><figcaption>{over}</figcaption></figure>\n"
    )


type _Drawn = Sequence[tuple[str, Chart, Series]]
"""Lines or bars of one column: the class of style, and where they come from."""


def _lines(found: _Drawn) -> Iterator[str]:
    across = Span.of([x for _, _, each in found for x in each.x])
    up = Span.of([y for _, _, each in found for y in each.y])
    yield from _frame(up)
    labelled = [each.labels for _, each, _ in found if each.labels]
    ends = (chart.tick(across.least), chart.tick(across.greatest))
    if labelled:
        longest = max(labelled, key=len)
        ends = (longest[0], longest[-1])
    yield _label(_LEFT, _HEIGHT - 12, ends[0], "start")
    yield _label(_WIDTH - _RIGHT, _HEIGHT - 12, ends[1], "end")
    for style, source, each in found:
        points = [(_x(across, x), _y(up, y)) for x, y in zip(each.x, each.y, strict=True)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline class="line {style}" points="{path}"/>\n'
        if len(points) <= _DOTS_MAX:
            for (x, y), at, value in zip(points, each.x, each.y, strict=True):
                place = source.labels[int(at)] if source.labels else chart.tick(at)
                hover = f"<title>{_text(place)}: {value:.6g}</title>"
                yield f'<path class="dot {style}" d="M{x:.1f} {y:.1f}h0">{hover}</path>\n'


def _bars(found: _Drawn) -> Iterator[str]:
    values = [y for _, _, each in found for y in each.y]
    up = Span.of([0.0, *values])
    yield from _frame(up)
    labels = list(dict.fromkeys(label for _, each, _ in found for label in each.labels or ()))
    room = (_WIDTH - _LEFT - _RIGHT) / max(1, len(labels))
    width = room * 0.8 / len(found)
    for index, (style, source, each) in enumerate(found):
        for x, y in zip(each.x, each.y, strict=True):
            label = (source.labels or ())[int(x)]
            left = _LEFT + labels.index(label) * room + room * 0.1 + index * width
            top, bottom = sorted((_y(up, y), _y(up, 0.0)))
            hover = f"<title>{_text(label)}: {y:.6g}</title>"
            yield (
                f'<rect class="{style}" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" '
                f'height="{bottom - top:.1f}" stroke="none">{hover}</rect>\n'
            )
    fits = max(3, int(room / 7))
    for index, label in enumerate(labels):
        shown = label if len(label) <= fits else label[: fits - 1] + "…"
        yield _label(_LEFT + (index + 0.5) * room, _HEIGHT - 12, shown, "middle")


def _frame(up: Span) -> Iterator[str]:
    """Yields the horizontal rules with their numbers."""
    for index in range(_TICKS):
        value = up.least + (up.greatest - up.least) * index / (_TICKS - 1)
        y = _y(up, value)
        yield f'<path class="rule" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}"/>\n'
        yield _label(_LEFT - 6, y + 4, chart.tick(value), "end")


def _label(x: float, y: float, said: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_text(said)}</text>\n'


def _x(across: Span, value: float) -> float:
    share = (value - across.least) / (across.greatest - across.least)
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _y(up: Span, value: float) -> float:
    share = (value - up.least) / (up.greatest - up.least)
    return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)


def _text(given: str) -> str:
    return escape(one_line(given))
