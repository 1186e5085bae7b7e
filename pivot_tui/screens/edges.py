"""Owns the lines around the panels on screen: header, tabs, banner and footer, and what the header says in passing."""

from collections.abc import Callable, Iterable

from pivot_core.port import Event, FilesChanged, RunFinished
from pivot_tui import forecast, heading, watch
from pivot_tui.board import Board
from pivot_tui.frame import Shape
from pivot_tui.keymap import Keymap
from pivot_tui.keys import Key, Scope
from pivot_tui.widgets.painting import Lines

_MENTIONED_S = 4.0
"""How long the header tells which files changed."""


class Edges:
    """Four places for lines; ``heading`` says what stands in them."""

    def __init__(self, board: Board, clock: Callable[[], float], keymap: Keymap) -> None:
        self.header: Lines = Lines(id="header")
        self.tabs: Lines = Lines(id="tabs")
        self.banner: Lines = Lines(id="banner")
        self.footer: Lines = Lines(id="footer")
        self._board: Board = board
        self._clock: Callable[[], float] = clock
        self._keymap: Keymap = keymap
        self._left_s: float = 0.0
        """What the run still takes, as it was found at ``_looked_ahead``."""
        self._looked_ahead: float = -1.0
        self._aside: str = ""
        self._aside_at: float = 0.0

    def show(self, cells: int, tab: Scope, shape: Shape) -> None:
        """Draws all but the footer, whose keys depend on the panel with the focus."""
        now = self._clock()
        self._look_ahead(now)
        aside = self._aside if now - self._aside_at < _MENTIONED_S else ""
        banner = heading.banner(self._board, cells, self._keymap)
        told = heading.beside(banner, aside, cells) if aside else banner
        if told != banner:
            aside = ""
        self.banner.show(told)
        self.header.show([heading.header(self._board, now, cells, self._left_s, aside)])
        if shape is Shape.TINY:
            self.tabs.show(heading.counts(self._board))
        else:
            self.tabs.show([heading.tabs(self._board, tab, self.tabs.size.width)])

    def hint(self, cells: int, panel: Scope, is_refused: Callable[[Key], bool]) -> None:
        """Draws the keys of a panel."""
        self.footer.show([heading.footer(panel, is_refused, cells, self._keymap)])

    def mention(self, events: Iterable[Event], draw: Callable[[], None]) -> None:
        """Tells for a moment which files changed last; ``draw`` is called when the moment is over."""
        for event in events:
            match event:
                case FilesChanged():
                    self._aside, self._aside_at = watch.changed(event), self._clock()
                    self.header.set_timer(_MENTIONED_S, draw)
                case RunFinished(run) if watch.did_nothing(run) and run != self._board.run:
                    self._aside = self._aside and f"{self._aside}: nothing to run"
                case _:
                    pass

    def tab_at(self, tab: Scope, x: int) -> Scope | None:
        """Returns the tab that covers a cell."""
        return heading.tab_at(self._board, tab, self.tabs.size.width, x)

    def key_at(
        self, cells: int, panel: Scope, is_refused: Callable[[Key], bool], x: int
    ) -> Key | None:
        """Returns the key whose hint covers a cell of the footer."""
        return heading.footer_at(panel, is_refused, cells, x, self._keymap)

    def _look_ahead(self, now: float) -> None:
        """Works out what the run still takes, at most once a second: it walks through all stages."""
        if int(now) != int(self._looked_ahead):
            self._looked_ahead = now
            run = self._board.active
            ahead = forecast.of_run(self._board, now)
            self._left_s = 0.0 if run is None else ahead.remaining_s(run.jobs)
