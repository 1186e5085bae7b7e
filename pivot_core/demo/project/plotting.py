"""Charts as values, and the writer that saves one as an SVG picture."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from html import escape
from itertools import batched
from pathlib import Path
from typing import ClassVar

from model import Progress

INK, PALE, GRID = "#1f2933", "#616e7c", "#e4e7eb"
LINE_COLOURS = ("#005f9e", "#d55e00", "#00876c")
BAR_COLOUR = "#b9d4ea"

type Point = tuple[float, float]
type Tick = tuple[float, str]


@dataclass(frozen=True)
class Line:
    """A curve and its name in the legend."""

    name: str
    points: list[Point]


@dataclass(frozen=True)
class Bars:
    """A row of bars that stand on the lower axis, each ``width`` wide."""

    name: str
    width: float
    points: list[Point]


@dataclass(frozen=True)
class Chart:
    """What to draw; the axes reach from the first tick to the last."""

    title: str
    subtitle: str
    x_ticks: list[Tick]
    y_ticks: list[Tick]
    lines: list[Line] = field(default_factory=list[Line])
    bars: list[Bars] = field(default_factory=list[Bars])


@dataclass(frozen=True)
class SVG:
    """A writer of our own: all that Pivot asks of it is ``save``."""

    width: int = 760
    height: int = 400

    def save(self, value: Chart, path: Path) -> None:
        """Writes the chart as one picture."""
        size = f'width="{self.width}" height="{self.height}"'
        view = f'viewBox="0 0 {self.width} {self.height}"'
        font = 'font-family="Helvetica, Arial, sans-serif"'
        elements = draw(value, Frame(value, self.width, self.height))
        with open(path, "w", encoding="utf-8") as file:
            print(f'<svg xmlns="http://www.w3.org/2000/svg" {size} {view} {font}>', file=file)
            print(f'<rect {size} fill="white"/>', *elements, "</svg>", sep="\n", file=file)


def learning_chart(curves: dict[str, list[Progress]]) -> Chart:
    """Returns how the loss of each model fell, epoch by epoch."""
    longest = max(step["epoch"] for steps in curves.values() for step in steps)
    lowest = min(step["loss"] for steps in curves.values() for step in steps)
    floor = min(math.floor(lowest * 20), 13)
    return Chart(
        title="Learning",
        subtitle="Log loss on the training years; 0.69 is a coin toss",
        x_ticks=[(longest * part / 4, f"{longest * part / 4:,.0f}") for part in range(5)],
        y_ticks=[(twentieth / 20, f"{twentieth / 20:.2f}") for twentieth in range(floor, 15)],
        lines=[
            Line(name, [(step["epoch"], min(step["loss"], 0.7)) for step in steps])
            for name, steps in curves.items()
        ],
    )


def forecast_chart(days: list[tuple[str, float, float]]) -> Chart:
    """Returns forecast and truth week by week, from ``(ISO date, chance, 1 if it rained)`` of each day."""
    weeks = [week for week in batched(days, 7, strict=False) if len(week) == 7]
    middles = [date.fromisoformat(week[3][0]).timetuple().tm_yday for week in weeks]
    rained = [sum(truth for _, _, truth in week) / 7 for week in weeks]
    chances = [sum(chance for _, chance, _ in week) / 7 for week in weeks]
    months = [date(2015, month, 1) for month in range(1, 13)]
    return Chart(
        title="Rain in Seattle, 2015",
        subtitle="Share of wet days in each week, and what the model had said on the evenings before",
        x_ticks=[*((day.timetuple().tm_yday, f"{day:%b}") for day in months), (366, "")],
        y_ticks=[(share / 100, f"{share} %") for share in range(0, 101, 25)],
        bars=[Bars("it rained", 5.6, list(zip(middles, rained, strict=True)))],
        lines=[Line("forecast", list(zip(middles, chances, strict=True)))],
    )


@dataclass(frozen=True)
class Frame:
    """Maps the chart's values to places on the picture."""

    chart: Chart
    width: int
    height: int

    left: ClassVar[int] = 64
    top: ClassVar[int] = 96

    @property
    def right(self) -> int:
        """Where the x axis ends."""
        return self.width - 24

    @property
    def bottom(self) -> int:
        """Where the y axis starts."""
        return self.height - 40

    def x(self, value: float) -> float:
        """Returns the distance from the left edge."""
        first, last = self.chart.x_ticks[0][0], self.chart.x_ticks[-1][0]
        return self.left + (value - first) / (last - first) * (self.right - self.left)

    def y(self, value: float) -> float:
        """Returns the distance from the upper edge."""
        first, last = self.chart.y_ticks[0][0], self.chart.y_ticks[-1][0]
        return self.bottom - (value - first) / (last - first) * (self.bottom - self.top)


def draw(chart: Chart, frame: Frame) -> Iterator[str]:
    """Yields the picture's elements from back to front."""
    yield text(frame.left, 32, chart.title, INK, size=18, weight="bold")
    yield text(frame.left, 54, chart.subtitle, PALE)
    yield from axes(chart, frame)
    legend_x = float(frame.left)
    for bars in chart.bars:
        for x, y in bars.points:
            left, right = frame.x(x - bars.width / 2), frame.x(x + bars.width / 2)
            yield box(left, frame.y(y), right - left, frame.bottom - frame.y(y), BAR_COLOUR)
        yield box(legend_x, 68, 18, 10, BAR_COLOUR)
        yield text(legend_x + 24, 78, bars.name, INK)
        legend_x += 54 + 6.6 * len(bars.name)
    for line, colour in zip(chart.lines, LINE_COLOURS, strict=False):
        path = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in line.points)
        yield (
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5" '
            'stroke-linejoin="round"/>'
        )
        yield box(legend_x, 72, 18, 3, colour)
        yield text(legend_x + 24, 78, line.name, INK)
        legend_x += 54 + 6.6 * len(line.name)


def axes(chart: Chart, frame: Frame) -> Iterator[str]:
    """Yields a grid line and a label for each tick of the y axis, and a label for each of the x axis."""
    for y, label in chart.y_ticks:
        yield box(frame.left, frame.y(y) - 0.5, frame.right - frame.left, 1, GRID)
        yield text(frame.left - 10, frame.y(y) + 4, label, PALE, anchor="end")
    for x, label in chart.x_ticks:
        yield text(frame.x(x), frame.bottom + 22, label, PALE, anchor="middle")


def box(x: float, y: float, width: float, height: float, colour: str) -> str:
    """Returns a filled rectangle."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{colour}"/>'
    )


def text(
    x: float,
    y: float,
    words: str,
    colour: str,
    *,
    size: int = 13,
    weight: str = "normal",
    anchor: str = "start",
) -> str:
    """Returns a line of text."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(words)}</text>'
    )
