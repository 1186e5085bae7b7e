"""Owns the Timeline panel: when the stages of the run waited, ran and will run, on one axis of time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import ClassVar, override

from pivot_core.frozen import frozen
from pivot_core.port import RunState, StageName, StageState, Status, one_line
from pivot_tui import forecast, spans
from pivot_tui import format as fmt
from pivot_tui.board import Board, Dirty
from pivot_tui.forecast import Forecast
from pivot_tui.glyphs import LOOKS
from pivot_tui.keys import Scope
from pivot_tui.panels.attempts import sparkline
from pivot_tui.panels.panel import Desk, Paper
from pivot_tui.spans import Line, Paint
from pivot_tui.widgets.page import Page

_ROWS_MOST = 100
"""So many stages are drawn at most, those nearest to now."""
_LIVE_MOST = 500
"""With more stages than this the panel follows a run as time passes, not each change of it."""
_NAME_MOST = 18
_LABEL = 10
"""Cells between two labels of the axis, at least."""
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600, 43200, 86400)
_ZOOM_MOST = 8


@frozen
class Bar:
    """One stage; times are epoch seconds."""

    stage: StageName
    status: Status
    ready: float
    """When everything that it needs was there, or will be."""
    start: float
    end: float
    """When it ended; now, for one that runs; its start, for one that waits."""
    expected: float
    """When it should end by past durations; ``end`` for what has ended or never ran here."""


@frozen
class Window:
    """The part of the run that is on screen."""

    begin: float
    seconds: float
    cells: int

    def cell(self, at: float) -> float:
        """Returns where a time lies, in cells from the left."""
        return (at - self.begin) / self.seconds * self.cells


class Timeline(Paper):
    """The active run, else the last one, whatever stage is selected."""

    scope: ClassVar[Scope] = Scope.TIMELINE

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._zoom: int = 0
        self._pan: float = 1.0
        """Where the window stands when zoomed: 0 at the beginning, 1 at the end."""
        self._drawn_in: int = -1
        """The moment that is on screen."""

    @override
    def is_touched(self, dirty: Dirty) -> bool:
        is_live = self.board.active is None or len(self.board.stages) <= _LIVE_MOST
        is_due = forecast.moment(self.board, self.desk.clock()) != self._drawn_in
        return dirty.plan or (dirty.tick and is_due) or (dirty.run and is_live)

    @override
    def select(self, stage: StageName) -> None:
        self.stage = stage  # it shows all of them

    @override
    def title(self) -> str:
        run = self.board.run
        return "" if run is None else f"run {fmt.short_run(run.run_id)}"

    @override
    def note(self) -> str:
        return f"zoom ×{2**self._zoom}" if self._zoom else ""

    @override
    def page(self, cells: int) -> Page:
        run = self.board.run
        if run is None or run.started_at is None:
            return Page([spans.text(" no run yet", Paint.MUTED)])
        now = run.ended_at or self.desk.clock()
        self._drawn_in = forecast.moment(self.board, now)
        drawn, ahead = bars(self.board, run, now), forecast.of_run(self.board, now)
        if not drawn:
            return Page([spans.text(" nothing had to run", Paint.MUTED)])
        name = min(max(len(bar.stage) for bar in drawn), _NAME_MOST, cells // 4) + 1
        window = self._window(run.started_at, max(bar.expected for bar in drawn), cells - name - 1)
        lines = [((" " * name, Paint.TEXT), (axis(window, run.started_at), Paint.MUTED))]
        lines += [row(bar, window, name, now) for bar in nearest(drawn, now)]
        used = workers(drawn, window, now, run.jobs)
        lines.append(((spans.left("workers", name), Paint.MUTED), (used, Paint.RUN)))
        if len(drawn) > _ROWS_MOST:
            more = f" {fmt.count(len(drawn) - _ROWS_MOST)} more stages, farther from now"
            lines.append(spans.text(more, Paint.MUTED))
        return Page([*lines, *self._ahead(run, drawn, ahead, now, cells)])

    @property
    @override
    def actions(self) -> Mapping[str, Callable[[], None]]:
        return {
            "pan(-1)": lambda: self._move(-1),
            "pan(1)": lambda: self._move(1),
            "zoom(1)": lambda: self._scale(1),
            "zoom(-1)": lambda: self._scale(-1),
        }

    @override
    def refusal(self, action: str) -> str:
        return "the whole run is on screen" if action.startswith("pan") and not self._zoom else ""

    def _scale(self, by: int) -> None:
        self._zoom = min(max(self._zoom + by, 0), _ZOOM_MOST)
        self.draw()

    def _move(self, by: int) -> None:
        step = 0.5 / max(2**self._zoom - 1, 1)
        self._pan = min(max(self._pan + by * step, 0.0), 1.0)
        self.draw()

    def _window(self, begin: float, end: float, cells: int) -> Window:
        whole = max(end - begin, 1.0)
        seconds = whole / 2**self._zoom
        return Window(begin + (whole - seconds) * self._pan, seconds, max(cells, 1))

    def _ahead(
        self, run: RunState, drawn: Sequence[Bar], ahead: Forecast, now: float, cells: int
    ) -> list[Line]:
        """Returns the critical path and the time that it takes, of a run that ended what it took."""
        waited = sum(max(bar.start - bar.ready, 0.0) for bar in drawn if bar.end > bar.start)
        queue = f"queue wait {fmt.duration(waited)}"
        if run.ended_at is not None:
            worked = sum(bar.end - bar.start for bar in drawn)
            said = f"work {fmt.duration(worked)} in {fmt.duration(now - (run.started_at or now))}"
            return [spans.text(spans.clip(f"{said}   {queue}", cells), Paint.MUTED)]
        if not ahead.path:
            return [spans.text(queue, Paint.MUTED)]
        path = " → ".join(one_line(name) for name in ahead.path)
        left = f"~{fmt.running(ahead.remaining_s(run.jobs))} left"
        return [
            spans.text(piece, Paint.TEXT) for piece in spans.wrap(f"critical path: {path}", cells)
        ] + [((left, Paint.STRONG), (f"   {queue}", Paint.MUTED))]


def bars(board: Board, run: RunState, now: float) -> list[Bar]:
    """Returns the stages of a run that ran or will, by their start; none for those that were up to date.

    A stage that waits begins when what it needs has ended, as if a worker were free then.
    """
    begin = run.started_at or now
    chosen = set(run.stages)
    ends = dict[StageName, float]()
    found = list[Bar]()
    for name, stage in board.stages.items():  # in topological order
        if name not in chosen:
            continue
        ready = max((ends.get(parent, begin) for parent in stage.upstream), default=begin)
        bar = _bar(board.state(name), name, ready, now, run)
        ends[name] = ready if bar is None else bar.expected
        if bar is not None:
            found.append(bar)
    return sorted(found, key=lambda bar: bar.start)


def _bar(state: StageState, name: StageName, ready: float, now: float, run: RunState) -> Bar | None:
    if state.status in (Status.WAIT, Status.QUEUED):
        if run.ended_at is not None or not state.expected_s:
            return None
        start = max(ready, now)
        return Bar(name, state.status, min(ready, start), start, start, start + state.expected_s)
    start = state.started_at
    if start is None or state.run_id != run.run_id:
        return None
    ready = min(ready, start)
    if state.status is Status.RUNNING:
        end = max(now, start)
        return Bar(name, state.status, ready, start, end, max(start + (state.expected_s or 0), end))
    end = start + (state.duration_s or 0.0)
    return Bar(name, state.status, ready, start, end, end)


def nearest(drawn: Sequence[Bar], now: float) -> Sequence[Bar]:
    """Returns as many bars as are drawn at most: those that begin nearest to now."""
    if len(drawn) <= _ROWS_MOST:
        return drawn
    begun = sum(1 for bar in drawn if bar.start <= now)
    first = min(max(begun - _ROWS_MOST // 2, 0), len(drawn) - _ROWS_MOST)
    return drawn[first : first + _ROWS_MOST]


def row(bar: Bar, window: Window, name: int, now: float) -> Line:
    """Returns one stage on the axis: ``·`` waits for a worker, ``█`` runs, ``▒`` should run."""
    look = LOOKS[bar.status]
    pieces = [
        (char, sum(1 for _ in cells))
        for char, cells in groupby(_cell(bar, window, x, now) for x in range(window.cells))
    ]
    paints = {"·": Paint.MUTED, "▒": Paint.MUTED, " ": Paint.TEXT}
    label = spans.left(spans.middle(one_line(bar.stage), name - 1), name)
    paint = look.paint if bar.status in (Status.RUNNING, Status.FAILED) else Paint.TEXT
    return (
        (label, paint),
        *((char * count, paints.get(char, look.paint)) for char, count in pieces),
    )


def _cell(bar: Bar, window: Window, x: int, now: float) -> str:
    """Returns what stands in one cell; what is shorter than a cell still has one."""
    begin, end = int(window.cell(bar.start)), window.cell(bar.end)
    last = max(int(end) - (end == int(end)), begin)
    if bar.end > bar.start or bar.start < now:
        if x == last and bar.status is Status.FAILED:
            return LOOKS[Status.FAILED].glyph
        if begin <= x <= last:
            return "█"
    if begin <= x < window.cell(bar.expected):
        return "▒"
    return "·" if int(window.cell(bar.ready)) <= x < begin else " "


def axis(window: Window, begin: float) -> str:
    """Returns the labels of the axis: time since the run began, at round numbers."""
    least = window.seconds / window.cells * _LABEL
    step = next((step for step in _STEPS if step >= least), _STEPS[-1])
    text = ""
    for at in _marks(window.begin - begin, window.seconds, step):
        x = int(window.cell(begin + at))
        label = fmt.running(at)
        if x >= len(text) and x + len(label) <= window.cells:
            text = text.ljust(x) + label
    return text


def _marks(begin: float, seconds: float, step: int) -> Iterator[int]:
    at = -int(-begin // step) * step
    while at <= begin + seconds:
        yield at
        at += step


def workers(drawn: Sequence[Bar], window: Window, now: float, jobs: int) -> str:
    """Returns how many stages ran at once, cell by cell up to now; full where all workers were busy."""
    changes = [0] * (window.cells + 1)
    for bar in drawn:
        if bar.end > bar.start:
            begin = min(max(int(window.cell(bar.start)), 0), window.cells)
            changes[begin] += 1
            changes[min(max(int(window.cell(bar.end)), begin), window.cells)] -= 1
    used, running = list[float](), 0
    for x in range(min(max(int(window.cell(now)), 0), window.cells)):
        running += changes[x]
        used.append(running)
    return sparkline(used, max(jobs, 1))
