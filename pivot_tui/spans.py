"""Owns lines as values: pieces of text with the name of a paint, measured in terminal cells; colours are elsewhere."""

from enum import Enum

from rich.cells import cell_len, chop_cells, set_cell_size


class Paint(Enum):
    """The style classes; each is ``.paint--<value>`` in ``theme.tcss``."""

    TEXT = "text"
    MUTED = "muted"
    STRONG = "strong"
    ACCENT = "accent"
    """The one accent: keys, the cursor, what has the focus."""
    WAIT = "wait"
    RUN = "run"
    RAN = "ran"
    SAME = "same"
    FAIL = "fail"
    BLOCKED = "blocked"
    STALE = "stale"


type Span = tuple[str, Paint]
type Line = tuple[Span, ...]

ELLIPSIS = "…"


def width(line: Line) -> int:
    """Returns the cells that ``line`` takes."""
    return sum(cell_len(text) for text, _ in line)


def plain(line: Line) -> str:
    """Returns the text alone."""
    return "".join(text for text, _ in line)


def text(words: str, paint: Paint = Paint.TEXT) -> Line:
    """Returns a line of one piece."""
    return ((words, paint),)


def clip(words: str, cells: int) -> str:
    """Returns ``words`` with its end replaced by an ellipsis where it is wider than ``cells``."""
    if cell_len(words) <= cells:
        return words
    return set_cell_size(words, cells - 1).rstrip() + ELLIPSIS if cells > 0 else ""


def middle(words: str, cells: int) -> str:
    """Returns ``words`` with its middle replaced by an ellipsis where it is wider than ``cells``."""
    if cell_len(words) <= cells:
        return words
    if cells <= 1:
        return ELLIPSIS[:cells]
    head = (cells - 1) // 2
    tail = cells - 1 - head
    end = words
    while cell_len(end) > tail:
        end = end[1:]
    return set_cell_size(words, head).rstrip() + ELLIPSIS + end


def left(words: str, cells: int) -> str:
    """Returns ``words`` clipped and filled up to ``cells``."""
    return set_cell_size(clip(words, cells), cells)


def right(words: str, cells: int) -> str:
    """Returns ``words`` clipped and moved to the right end of ``cells``."""
    clipped = clip(words, cells)
    return " " * (cells - cell_len(clipped)) + clipped


def spread(start: Line, end: Line, cells: int) -> Line:
    """Returns ``start`` at the left and ``end`` at the right; where both do not fit ``end`` stays whole."""
    room = cells - width(end)
    gap = room - width(start)
    if gap >= 0:
        return (*start, (" " * gap, Paint.TEXT), *end)
    return (*crop(start, room), *end)


def crop(line: Line, cells: int) -> Line:
    """Returns ``line`` cut to ``cells`` with an ellipsis."""
    if width(line) <= cells:
        return line
    kept = list[Span]()
    room = cells
    for words, paint in line:
        size = cell_len(words)
        if size >= room:
            kept.append((clip(words + " ", room), paint))
            break
        kept.append((words, paint))
        room -= size
    return tuple(kept)


def wrap(words: str, cells: int) -> list[str]:
    """Breaks ``words`` between words into pieces of at most ``cells``; an overlong word is cut."""
    cells = max(cells, 1)
    lines = list[str]()
    for paragraph in words.split("\n"):
        current = ""
        for word in paragraph.split(" "):
            joined = f"{current} {word}" if current else word
            if cell_len(joined) <= cells:
                current = joined
                continue
            if current:
                lines.append(current)
            pieces = chop_cells(word, cells) or [""]
            lines.extend(pieces[:-1])
            current = pieces[-1]
        lines.append(current)
    return lines
