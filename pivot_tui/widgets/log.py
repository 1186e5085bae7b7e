"""Owns the Logs panel: a window on a log file that holds the place of its top line and nothing of the rest.

Lines may wrap, so the place is an anchor (record, row within it) and there is no table of heights: what is on screen
is found by walking from the anchor, or backwards from the end while the log is followed.
"""

import re
from typing import ClassVar, override

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.events import MouseScrollDown, MouseScrollUp, Resize
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from pivot_core.port.logfile import LogFile, LogRecord, Stream
from pivot_tui import format as fmt
from pivot_tui import glyphs, spans
from pivot_tui.keys import Scope
from pivot_tui.spans import Paint
from pivot_tui.widgets import sgr
from pivot_tui.widgets.bindings import bindings
from pivot_tui.widgets.painting import PAINTS, is_ascii, strip, title

_SHOWN_BYTES = 4096
_STRIPS_KEPT = 2000
_WHEEL = 3
_OVERWRITTEN = re.compile(r"^.*\r(?=.)", re.DOTALL)

type _Place = tuple[int, int]
"""A record, and a row within it."""


class LogView(Widget, can_focus=True):
    """Shows one log: follows its end, until scrolled."""

    COMPONENT_CLASSES: ClassVar[set[str]] = PAINTS
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.LOGS, Scope.MOVE)]

    def __init__(self, id: str, classes: str) -> None:  # noqa: A002 Textual's name
        super().__init__(id=id, classes=classes)
        self._number: int | None = None
        self._log: LogFile | None = None
        self._title: str = ""
        self._why_none: str = ""
        self._top: _Place = (0, 0)
        self._following: bool = True
        self._known: int = 0
        """How many records there were when following stopped."""
        self._wraps: bool = False
        self._times: bool = True
        self._strips: dict[int, list[Strip]] = {}
        self._on_screen: list[_Place] = []

    # --- what is shown ---

    def number(self, number: int | None) -> None:
        """Shows the panel's key in its title, or not."""
        self._number = number
        self._retitle()

    def show(self, log: LogFile | None, title: str, why_none: str = "") -> None:
        """Shows another log from its end, or says why there is none; the panel owns the file from now on."""
        if self._log is not None:
            self._log.close()
        self._log = log
        self._title = title
        self._why_none = why_none
        self._strips.clear()
        self._follow(True)
        self.grew()

    def grew(self) -> None:
        """Takes in what was appended, a slice at a time so that keys are answered meanwhile."""
        if self._log is not None:
            before = self._log.count
            more = self._log.refresh()
            if self._log.count < before:
                self._strips.clear()
                self._follow(True)
            if more:
                self.call_later(self.grew)
        self._retitle()
        self.refresh()

    @property
    def is_following(self) -> bool:
        """Whether the end stays on screen."""
        return self._following

    @property
    def count(self) -> int:
        """How many records are known."""
        return self._log.count if self._log is not None else 0

    @property
    def text_on_screen(self) -> list[str]:
        """The text on screen, for tests and for copying."""
        return [self._strip(place).text.rstrip() for place in self._places()]

    def on_unmount(self) -> None:
        """Lets go of the file."""
        if self._log is not None:
            self._log.close()

    # --- moving ---

    def action_follow(self) -> None:
        """Follows, or stops at what is on screen."""
        self._follow(not self._following)

    def action_wrap(self) -> None:
        """Breaks long lines, or cuts them."""
        self._wraps = not self._wraps
        self._top = (self._top[0], 0)
        self._restyle()

    def action_time(self) -> None:
        """Shows or hides the time of each line."""
        self._times = not self._times
        self._restyle()

    def action_move(self, where: str) -> None:
        """Moves by a line, half a page, a page, or to an end."""
        page = max(self.size.height, 1)
        match where:
            case "first":
                self._follow(False)
                self._top = (0, 0)
                self.refresh()
            case "last":
                self._follow(True)
            case _:
                sizes = {"half": page // 2, "page": page}
                step = sizes.get(where.split("_")[0], 1)
                self._scroll(step if where.endswith("down") else -step)

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Scrolls the panel under the pointer."""
        event.stop()
        self._scroll(_WHEEL)

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Scrolls the panel under the pointer."""
        event.stop()
        self._scroll(-_WHEEL)

    def on_resize(self, _: Resize) -> None:
        """Lines are as wide as the panel."""
        self._restyle()

    def _follow(self, on: bool) -> None:
        if not on and self._following:
            places = self._places()
            self._top = places[0] if places else (0, 0)
            self._known = self.count
        self._following = on
        self._retitle()
        self.refresh()

    def _scroll(self, rows: int) -> None:
        if rows > 0 and self._following:
            return
        if self._last_page() == (0, 0) and self.count:
            return  # all of it is on screen
        self._follow(False)
        place: _Place | None = self._top
        for _ in range(abs(rows)):
            moved = self._after(place) if rows > 0 else self._before(place)
            if moved is None:
                break
            place = moved
        end = self._last_page()
        if rows > 0 and self._top >= end:
            self._follow(True)  # scrolled on at the end
            return
        self._top = min(place, end)
        self._retitle()
        self.refresh()

    # --- places ---

    def _rows(self, record: int) -> int:
        return len(self._lines(record))

    def _after(self, place: _Place) -> _Place | None:
        record, row = place
        if row + 1 < self._rows(record):
            return record, row + 1
        return (record + 1, 0) if record + 1 < self.count else None

    def _before(self, place: _Place) -> _Place | None:
        record, row = place
        if row:
            return record, row - 1
        return (record - 1, self._rows(record - 1) - 1) if record else None

    def _last_page(self) -> _Place:
        """Returns the place from which the end just fits."""
        if not self.count:
            return 0, 0
        place = (self.count - 1, self._rows(self.count - 1) - 1)
        for _ in range(self.size.height - 1):
            before = self._before(place)
            if before is None:
                break
            place = before
        return place

    def _places(self) -> list[_Place]:
        """Returns what is on screen, from the top."""
        if not self.count:
            return []
        place: _Place | None = self._last_page() if self._following else self._top
        found = list[_Place]()
        while place is not None and len(found) < self.size.height:
            found.append(place)
            place = self._after(place)
        return found

    # --- drawing ---

    @override
    def render_lines(self, crop: Region) -> list[Strip]:
        self._on_screen = self._places()
        return super().render_lines(crop)

    @override
    def render_line(self, y: int) -> Strip:
        if not self.count:
            words = self._why_none or ("no output yet" if self._log is not None else "")
            line = spans.text(f" {words}", Paint.MUTED) if y == 0 and words else ()
            return strip(self, spans.crop(line, self.size.width), self.size.width)
        if y < len(self._on_screen):
            return self._strip(self._on_screen[y])
        return strip(self, (), self.size.width)

    def _strip(self, place: _Place) -> Strip:
        return self._lines(place[0])[place[1]]

    def _lines(self, record: int) -> list[Strip]:
        known = self._strips.get(record)
        if known is None:
            assert self._log is not None
            known = self._draw(self._log.record(record, _SHOWN_BYTES))
            if len(self._strips) >= _STRIPS_KEPT:
                del self._strips[next(iter(self._strips))]
            self._strips[record] = known
        return known

    def _draw(self, record: LogRecord) -> list[Strip]:
        base = self.rich_style
        muted = base + self.get_component_rich_style("paint--muted", partial=True)
        gutter = self._gutter(record, base, muted)
        tint = base
        if record.stream is Stream.NOTE:
            tint = base + self.get_component_rich_style("paint--note", partial=True)
        room = max(self.size.width - sum(cell_len(part.text) for part in gutter), 8)
        text = _OVERWRITTEN.sub("", record.text.removesuffix("\r")).expandtabs(8)
        if record.clipped:
            text += spans.ELLIPSIS
        pieces = sgr.parse(text)
        if is_ascii(self):
            pieces = [(glyphs.to_ascii(words), style) for words, style in pieces]
        rows = _broken(pieces, room) if self._wraps else [_cut(pieces, room)]
        blank = [Segment(" " * sum(cell_len(part.text) for part in gutter), base)]
        return [
            Strip(
                [
                    *(blank if index else gutter),
                    *(Segment(words, tint + style) for words, style in row),
                ]
            ).adjust_cell_length(self.size.width, base)
            for index, row in enumerate(rows)
        ]

    def _gutter(self, record: LogRecord, base: Style, muted: Style) -> list[Segment]:
        """Time and stream; the stream by a mark, not by colour alone."""
        parts = list[Segment]()
        if self._times:
            parts.append(Segment(fmt.clock(record.time_ms) if record.time_ms else " " * 8, muted))
        mark, style = " ", base
        if record.stream is Stream.ERR:
            mark, style = "▌", base + self.get_component_rich_style("paint--err", partial=True)
        elif record.stream is Stream.NOTE:
            mark, style = "•", base + self.get_component_rich_style("paint--note", partial=True)
        parts.append(Segment(glyphs.to_ascii(mark) if is_ascii(self) else mark, style))
        parts.append(Segment(" ", base))
        return parts

    def _restyle(self) -> None:
        self._strips.clear()
        if not self._following and self.count:
            record = min(self._top[0], self.count - 1)
            self._top = (record, min(self._top[1], self._rows(record) - 1))
        self.refresh()

    @override
    def notify_style_update(self) -> None:
        self._strips.clear()  # drawn in the colours of another theme
        super().notify_style_update()

    def _retitle(self) -> None:
        label = f"{self._number} Logs " if self._number is not None else ""
        self.border_title = title(self, label + self._title)
        if self._log is None:
            self.border_subtitle = None
        elif self._following:
            self.border_subtitle = title(self, f"FOLLOW · {fmt.plural(self.count, 'line')}")
        else:
            new = self.count - self._known
            self.border_subtitle = title(self, f"PAUSED · {fmt.count(new)} new · G to follow")


def _cut(pieces: list[tuple[str, Style]], cells: int) -> list[tuple[str, Style]]:
    """Returns the pieces up to ``cells``, an ellipsis at the end where they go on."""
    kept = list[tuple[str, Style]]()
    room = cells
    for words, style in pieces:
        size = cell_len(words)
        if size > room:
            kept.append((spans.clip(words, room) if room > 1 else spans.ELLIPSIS[:room], style))
            return kept
        kept.append((words, style))
        room -= size
    return kept


def _broken(pieces: list[tuple[str, Style]], cells: int) -> list[list[tuple[str, Style]]]:
    """Breaks the pieces into rows of ``cells``."""
    rows: list[list[tuple[str, Style]]] = [[]]
    room = cells
    for words, style in pieces:
        rest = words
        while rest:
            if cell_len(rest) <= room:
                rows[-1].append((rest, style))
                room -= cell_len(rest)
                break
            head = chop_cells(rest, room)[0] if room > 0 else ""
            if head and cell_len(head) <= room:
                rows[-1].append((head, style))
                rest = rest[len(head) :]
            rows.append([])
            room = cells
    return rows
