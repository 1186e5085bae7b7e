"""Owns the popup that tells how the dashboard itself fares: frames, events, the engine's answers, memory."""

import os
import resource
import sys
import time
from collections.abc import Callable
from typing import ClassVar, override

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from pivot_core.port import History, PivotError
from pivot_tui import format as fmt
from pivot_tui import spans
from pivot_tui.board import Board
from pivot_tui.feed import Feed
from pivot_tui.spans import Line, Paint
from pivot_tui.widgets.painting import Lines, title

_EVERY_S = 1.0


class Diagnostics(ModalScreen[None]):
    """Measures once a second, as long as it is open."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter,ctrl+c", "dismiss(None)", show=False),
    ]

    def __init__(self, board: Board, feed: Feed, frames: Callable[[], int]) -> None:
        """``frames`` tells how many were drawn so far."""
        super().__init__()
        self._board: Board = board
        self._feed: Feed = feed
        self._frames: Callable[[], int] = frames
        self._before: tuple[float, int, int] = (time.monotonic(), frames(), feed.applied)
        self._late_s: float = 0.0
        self._answer: str = "…"

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="popup"):
            yield Lines()

    def on_mount(self) -> None:
        """Begins to measure."""
        popup = self.query_one(Vertical)
        popup.border_title = title(self, "Diagnostics")
        popup.border_subtitle = title(self, "once a second · esc: close")
        self.set_interval(_EVERY_S, self._measure)
        self._draw(0.0, 0.0)
        self.run_worker(self._ask(), exclusive=True)

    def _measure(self) -> None:
        began, frames, applied = self._before
        now = self._before = (time.monotonic(), self._frames(), self._feed.applied)
        seconds = now[0] - began
        self._late_s = max(seconds - _EVERY_S, 0.0)
        self._draw((now[1] - frames) / seconds, (now[2] - applied) / seconds)
        self.run_worker(self._ask(), exclusive=True)

    async def _ask(self) -> None:
        """Asks the engine for nothing: events that it told before arrive before the answer."""
        began = time.monotonic()
        try:
            await self._feed.port.ask(History(0))
        except (PivotError, OSError):
            self._answer = "no engine"
        else:
            self._answer = f"{(time.monotonic() - began) * 1000:.0f} ms"

    def _draw(self, frames: float, events: float) -> None:
        board = self._board
        engine = board.engine
        rows = [
            ("frames drawn", f"{frames:.0f} a second"),
            ("events applied", f"{events:.0f} a second, {fmt.count(board.seq)} in all"),
            ("events unread", fmt.count(self._feed.unread)),
            ("engine's answer after", self._answer),
            ("this tick late by", f"{self._late_s * 1000:.0f} ms"),
            ("memory", _memory()),
            ("stages", fmt.count(len(board.stages))),
            ("process", f"{os.getpid()}, engine {engine.pid if engine is not None else '—'}"),
        ]
        widest = max(len(name) for name, _ in rows) + 2
        lines: list[Line] = [
            ((f" {name:<{widest}}", Paint.MUTED), (value, Paint.TEXT)) for name, value in rows
        ]
        self.query_one(Lines).show([spans.crop(line, 60) for line in lines])


def _memory() -> str:
    """Returns the memory that is resident now; where only the most so far is known, that."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            pages = int(file.read().split()[1])
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return f"{fmt.size(most * (1 if sys.platform == 'darwin' else 1024))} at most"
    return fmt.size(pages * resource.getpagesize())
