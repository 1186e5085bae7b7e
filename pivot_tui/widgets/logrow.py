"""Owns how one line of a log is drawn: gutter, colours, matches, breaking or cutting; keeps nothing."""

from enum import Enum
from itertools import pairwise

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from pivot_core.frozen import frozen
from pivot_core.port import one_line
from pivot_core.port.logfile import Stream
from pivot_core.port.loglines import LogLine
from pivot_tui import format as fmt
from pivot_tui import glyphs, spans
from pivot_tui.pattern import Pattern
from pivot_tui.widgets import sgr

_LEAST = 8
"""Cells that the text keeps however narrow the panel is."""
_MARK = "─"
_CLOCK = 8
"""Cells of a time."""

_SIGNS = 2
"""The parts of the gutter that are not copied: the sign of the stream, and a space; a cell each."""

type _Pieces = list[tuple[str, Style]]


class Clock(Enum):
    """How the time of a line is shown."""

    DAY = "clock"
    RELATIVE = "relative"
    OFF = "off"


@frozen
class Inks:
    """The styles that a line is drawn with."""

    base: Style
    muted: Style
    err: Style
    note: Style
    accent: Style
    hit: Style


@frozen
class Layout:
    """How lines are drawn, the same for all that are on screen."""

    cells: int
    wraps: bool
    clock: Clock
    began_ms: int
    """What relative times count from."""
    digits: int
    """Cells of a line's number; 0 where it is not shown."""
    label: int
    """Cells of a stage's name; 0 where there is one log."""
    is_ascii: bool
    pattern: Pattern | None
    """What is searched, to show where it stands."""


@frozen
class Row:
    """One row of a line, and which characters of the line it shows."""

    strip: Strip
    start: int
    indent: int
    """Cells before the first of those characters."""


@frozen
class Drawn:
    """One line as it is drawn."""

    text: str
    """Gutter and text in one piece, as they are copied."""
    rows: tuple[Row, ...]

    def char_at(self, row: int, x: int) -> int:
        """Returns which character of ``text`` lies under a cell of a row."""
        shown = self.rows[row]
        return shown.start + _fitting(self.text[shown.start :], x - shown.indent)

    def lit(self, row: int, start: int, end: int, style: Style) -> Strip:
        """Returns a row with the characters from ``start`` to ``end`` of ``text`` in another style."""
        shown = self.rows[row]
        cells = [
            shown.indent + cell_len(self.text[shown.start : max(at, shown.start)])
            for at in (start, end)
        ]
        size = shown.strip.cell_length
        left, right = (min(max(at, 0), size) for at in cells)
        if left >= right:
            return shown.strip
        middle = [
            Segment(part.text, (part.style or Style()) + style)
            for part in shown.strip.crop(left, right)
        ]
        return Strip.join([shown.strip.crop(0, left), Strip(middle), shown.strip.crop(right, size)])


def draw(
    line: LogLine, number: int | None, is_here: bool, mark: str, layout: Layout, inks: Inks
) -> Drawn:
    """Draws a line.

    ``number`` is shown before it, ``None`` while it is not known; ``is_here`` points at it; ``mark`` stands in a row of
    its own below it.
    """
    gutter = _gutter(line, number, is_here, layout, inks)
    size = sum(cell_len(words) for words, _ in gutter)
    tint = inks.note if line.stream is Stream.NOTE else inks.base
    pieces = [(words, tint + style) for words, style in sgr.parse(line.text.expandtabs(8))]
    body = "".join(words for words, _ in pieces)
    if layout.pattern is not None:
        pieces = _marked(pieces, layout.pattern.spans(body), inks.hit)
    if line.clipped:
        pieces.append((spans.ELLIPSIS, inks.muted))
    room = max(layout.cells - size, _LEAST)
    broken = _broken(pieces, room) if layout.wraps else [_cut(pieces, room)]
    head = "".join(words for words, _ in gutter[:-_SIGNS]) + " " * _SIGNS
    rows, start = [Row(_strip([*gutter, *broken[0]], layout, inks), 0, 0)], len(head)
    for before, row in pairwise(broken):
        start += sum(len(words) for words, _ in before)
        rows.append(Row(_strip([(" " * size, inks.base), *row], layout, inks), start, size))
    if mark:
        rule = f"{_MARK * 2} {mark} "
        whole = rule + _MARK * max(layout.cells - cell_len(rule), 0)
        rows.append(
            Row(_strip([(whole, inks.accent)], layout, inks), len(head) + len(body), layout.cells)
        )
    return Drawn(head + body, tuple(rows))


def _gutter(
    line: LogLine, number: int | None, is_here: bool, layout: Layout, inks: Inks
) -> _Pieces:
    """Number, time, stage and stream; the stream by a mark, not by colour alone."""
    parts: _Pieces = []
    if layout.digits:
        words = fmt.count(number) if number is not None else ""
        parts.append((spans.right(words, layout.digits) + " ", inks.muted))
    if layout.clock is not Clock.OFF:
        parts.append((_time(line, layout), inks.muted))
    if layout.label:
        gap = "" if layout.clock is Clock.OFF else " "
        name = spans.middle(one_line(line.label), layout.label)
        parts.append((gap + spans.left(name, layout.label), inks.accent))
    mark, style = " ", inks.base
    if is_here:
        mark, style = "❯", inks.accent
    elif line.stream is Stream.ERR:
        mark, style = "▌", inks.err
    elif line.stream is Stream.NOTE:
        mark, style = "•", inks.note
    parts += [(mark, style), (" ", inks.base)]
    return parts


def _time(line: LogLine, layout: Layout) -> str:
    if not line.time_ms:
        return " " * _CLOCK
    if layout.clock is Clock.DAY:
        return fmt.clock(line.time_ms)
    return spans.right(fmt.since(line.time_ms - layout.began_ms), _CLOCK)


def _strip(pieces: _Pieces, layout: Layout, inks: Inks) -> Strip:
    segments = [
        Segment(glyphs.to_ascii(words) if layout.is_ascii else words, style)
        for words, style in pieces
    ]
    return Strip(segments).adjust_cell_length(layout.cells, inks.base)


def _marked(pieces: _Pieces, where: list[tuple[int, int]], style: Style) -> _Pieces:
    """Lays a style over stretches of characters, which are in order and apart."""
    found: _Pieces = []
    begin, number = 0, 0
    for words, below in pieces:
        at, end = begin, begin + len(words)
        while number < len(where) and where[number][0] < end:
            start, stop = max(where[number][0], at), min(where[number][1], end)
            found.append((words[at - begin : start - begin], below))
            found.append((words[start - begin : stop - begin], below + style))
            at = stop
            if where[number][1] > end:
                break  # it goes on in the next piece
            number += 1
        found.append((words[at - begin :], below))
        begin = end
    return [part for part in found if part[0]]


def _cut(pieces: _Pieces, cells: int) -> _Pieces:
    """Returns the pieces up to ``cells``, an ellipsis at the end where they go on."""
    kept: _Pieces = []
    room = cells
    for words, style in pieces:
        size = cell_len(words)
        if size > room:
            kept.append((spans.clip(words, room) if room > 1 else spans.ELLIPSIS[:room], style))
            return kept
        kept.append((words, style))
        room -= size
    return kept


def _broken(pieces: _Pieces, cells: int) -> list[_Pieces]:
    """Breaks the pieces into rows of ``cells``."""
    rows: list[_Pieces] = [[]]
    room = cells
    for words, style in pieces:
        fits = _fitting(words, room)
        head, rest = words[:fits], words[fits:]
        if head:
            rows[-1].append((head, style))
            room -= cell_len(head)
        for part in chop_cells(rest, cells) if rest else []:
            rows.append([(part, style)])
            room = cells - cell_len(part)
    return rows


def _fitting(words: str, cells: int) -> int:
    """Returns how many characters fit."""
    for at, char in enumerate(words):
        cells -= cell_len(char)
        if cells < 0:
            return at
    return len(words)
