"""Owns the one table from a status to its symbol, word and paint, and the ASCII stand-in of every glyph."""

from collections.abc import Mapping

from rich.cells import cell_len

from pivot_core.frozen import frozen
from pivot_core.port import Status
from pivot_tui.spans import Paint


@frozen
class Look:
    """How a status is shown; symbol and word each suffice without colour."""

    glyph: str
    ascii: str
    word: str
    paint: Paint


LOOKS: Mapping[Status, Look] = {
    Status.RUNNING: Look("▶", ">", "RUN", Paint.RUN),
    Status.FAILED: Look("✗", "x", "FAIL", Paint.FAIL),
    Status.BLOCKED: Look("⊘", "#", "blocked", Paint.BLOCKED),
    Status.QUEUED: Look("◌", "q", "queued", Paint.WAIT),
    Status.WAIT: Look("○", ".", "wait", Paint.WAIT),
    Status.RAN: Look("✓", "+", "ran", Paint.RAN),
    Status.RESTORED: Look("↷", "~", "restored", Paint.RAN),
    Status.SAME: Look("≡", "=", "same", Paint.SAME),
    Status.CANCELLED: Look("⊝", "-", "cancelled", Paint.WAIT),
    Status.STALE: Look("◆", "*", "stale", Paint.STALE),
    Status.UNKNOWN: Look("?", "?", "unknown", Paint.STALE),
}
"""In the order in which the header counts them."""

WORD_CELLS = max(len(look.word) for look in LOOKS.values())

_OTHERS = {
    "…": "~",
    "·": "-",
    "—": "-",
    "→": ">",
    "⇠": "<",
    "↑": "^",
    "↓": "v",
    "❯": ">",
    "━": "=",
    "╸": "=",
    "─": "-",
    "│": "|",
    "▌": "!",
    "█": "#",
    "└": "`",
    "•": "*",
    "≤": "<",
    "▏": "|",
    **dict(zip("▁▂▃▄▅▆▇", "..:-=+*", strict=True)),
    "▒": "%",
    "×": "x",
    "▾": "v",
    "▸": ">",
    "★": "!",
}
_TABLE = str.maketrans({**_OTHERS, **{look.glyph: look.ascii for look in LOOKS.values()}})


def to_ascii(text: str) -> str:
    """Returns ``text`` in ASCII and as wide as before; what has no stand-in becomes ``?``."""
    if text.isascii():
        return text
    known = text.translate(_TABLE)
    if known.isascii():
        return known
    return "".join(char if char.isascii() else "?" * cell_len(char) for char in known)
