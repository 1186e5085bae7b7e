"""Owns the Stages panel: one row a stage, of which only those on screen are ever drawn."""

from dataclasses import dataclass
from typing import ClassVar, override

from textual.binding import BindingType
from textual.events import Click, Resize
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from pivot_core.port import StageName, Status
from pivot_tui import format as fmt
from pivot_tui import rows, spans
from pivot_tui.board import PROBLEMS, Board
from pivot_tui.keys import Scope
from pivot_tui.spans import Line, Paint
from pivot_tui.widgets.bindings import bindings
from pivot_tui.widgets.painting import Scrolled, strip, title


class DagView(Scrolled):
    """The graph as rows, with a cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Scope.STAGES, on_screen=True),
        *bindings(Scope.MOVE),
    ]

    @dataclass
    class Selected(Message):
        """The cursor went to another stage."""

        stage: StageName

    @dataclass
    class Opened(Message):
        """A stage was opened with the mouse."""

        stage: StageName

    def __init__(self, board: Board, id: str, classes: str) -> None:  # noqa: A002 Textual's name
        super().__init__(id=id, classes=classes)
        self._board: Board = board
        self._cursor: int = 0
        self._now: float = 0.0
        self._index: dict[StageName, int] = {}
        self._widths: tuple[int, rows.Columns] = (-1, rows.Columns(0, 0, 0, 0))
        self._empty: list[Line] = []
        self._told: StageName | None = None
        """The stage that was last reported as selected."""

    @property
    def selected(self) -> StageName | None:
        """The stage under the cursor; ``None`` when there is none."""
        shown = self._board.rows
        return shown[self._cursor].stage if self._cursor < len(shown) else None

    def show_plan(self, empty: list[str]) -> None:
        """Lays out anew after rows came, went or moved; ``empty`` is said when there are none.

        The cursor stays with its stage; at first it stands at what runs, else at what failed.
        """
        self._empty = [spans.text("  " + words, Paint.MUTED) for words in empty]
        self._index = {row.stage: at for at, row in enumerate(self._board.rows)}
        first = self._board.with_status(Status.RUNNING) or self._board.with_status(Status.FAILED)
        wanted = self._told or (first[0] if first else None)
        self._cursor = self._index.get(wanted, 0) if wanted is not None else 0
        self.border_title = title(self, f"1 Stages {fmt.count(len(self._board.rows))}")
        self._lay_out()
        self.refresh(layout=True)
        self.call_after_refresh(self._reveal)
        self._tell()

    def tick(self, now: float, changed: set[StageName]) -> None:
        """Draws the rows of ``changed`` again at this time."""
        self._now = now
        if len(changed) > self.size.height:
            self.refresh()
            return
        for stage in changed:
            if stage in self._index:
                self.refresh_line(self._index[stage])

    def select(self, stage: StageName) -> None:
        """Moves the cursor to a stage."""
        if stage in self._index:
            self._go(self._index[stage])

    def problem(self, direction: int) -> StageName | None:
        """Returns the next stage that needs attention, going round at the ends: failures, where there are any."""
        counts = self._board.counts
        wanted = {Status.FAILED} if counts[Status.FAILED] else PROBLEMS
        shown = self._board.rows
        for step in range(1, len(shown) + 1):
            name = shown[(self._cursor + direction * step) % len(shown)].stage
            if self._board.state(name).status in wanted:
                return name
        return None

    @override
    def move(self, step: int) -> None:
        self._go(min(max(self._cursor + step, 0), max(len(self._board.rows) - 1, 0)))

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(len(self._board.rows), len(self._empty) if not self._board.rows else 0, 3)

    @override
    def render_line(self, y: int) -> Strip:
        at = y + self.scroll_offset.y
        cells = self.scrollable_content_region.width
        if not self._board.rows:
            line = self._empty[y] if y < len(self._empty) else ()
            return strip(self, spans.crop(line, cells), cells)
        if at >= len(self._board.rows):
            return strip(self, (), cells)
        chosen = at == self._cursor
        line = rows.line(self._board, self._board.rows[at], self._columns(cells), self._now, chosen)
        under = self.get_component_rich_style("paint--cursor", partial=True) if chosen else None
        return strip(self, line, cells, under)

    def on_resize(self, _: Resize) -> None:
        """Fits the columns to the new width and keeps the cursor on screen."""
        self._lay_out()
        self._reveal()

    def on_click(self, event: Click) -> None:
        """Selects the row under the pointer; a double click opens it."""
        at = event.get_content_offset(self)
        if at is None or at.y + self.scroll_offset.y >= len(self._board.rows):
            return
        self._go(at.y + self.scroll_offset.y)
        if event.chain == 2 and self.selected is not None:
            self.post_message(self.Opened(self.selected))

    def _columns(self, cells: int) -> rows.Columns:
        if self._widths[0] != cells:
            self._widths = (cells, rows.columns(self._board.rows, cells))
        return self._widths[1]

    def _lay_out(self) -> None:
        self._widths = (-1, rows.Columns(0, 0, 0, 0))
        self.virtual_size = Size(self.size.width, len(self._board.rows))

    def _go(self, at: int) -> None:
        if at == self._cursor:
            return
        self.refresh_line(self._cursor)
        self._cursor = at
        self.refresh_line(at)
        self._reveal()
        self._tell()

    def _reveal(self) -> None:
        top, height = self.scroll_offset.y, self.size.height
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, force=True)
        elif height and self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False, force=True)

    def _tell(self) -> None:
        if self.selected is not None and self.selected != self._told:
            self._told = self.selected
            self.post_message(self.Selected(self.selected))
