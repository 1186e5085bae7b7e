"""Owns short texts for people: durations, moments, sizes, counts, and how many cells a text takes."""

import time
import unicodedata
from collections.abc import Iterator, Mapping

from pivot_core.cli import words

_MINUTE = 60
_HOUR = 3600


def duration(seconds: float) -> str:
    """Returns ``0.12s``, ``12.3s``, ``2:31`` or ``1:02:31``."""
    if seconds < 9.995:
        return f"{seconds:.2f}s"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    return clock(seconds)


def clock(seconds: float) -> str:
    """Returns ``0:07``, ``2:31`` or ``1:02:31``: steady in a line that is repainted."""
    whole = int(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE}:{whole % _MINUTE:02}"
    return f"{whole // _HOUR}:{whole % _HOUR // _MINUTE:02}:{whole % _MINUTE:02}"


def moment(epoch_s: float) -> str:
    """Returns local time as ``2025-03-01 12:41:07``."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(epoch_s))


def time_of_day(epoch_s: float) -> str:
    """Returns ``14:03:22``."""
    return time.strftime("%H:%M:%S", time.localtime(epoch_s))


def size(size_bytes: int) -> str:
    """Returns ``512 B``, ``1.5 KiB``, ``3.2 GiB``."""
    amount = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def plural(count: int, noun: str) -> str:
    """Returns ``1 stage`` or ``3 stages``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def counts(by_status: Mapping[str, int]) -> str:
    """Returns ``1 failed, 2 blocked, 3 ran``; statuses that are not there are left out."""
    said = [
        f"{number} {status.value}"
        for status in words.OUTCOMES
        if (number := by_status.get(status.value, 0))
    ]
    return ", ".join(said) or "no stages"


def cells(text: str) -> int:
    """Returns how many columns of a terminal ``text`` takes; it holds no control characters."""
    if text.isascii():
        return len(text)
    return sum(_cell(char) for char in text)


def cut(text: str, width: int) -> str:
    """Returns ``text``, shortened in its middle to at most ``width`` columns."""
    if cells(text) <= width:
        return text
    if width < 3:
        return "…"[:width]
    left = (width - 1) // 2
    return f"{_prefix(text, width - 1 - left)}…{_prefix(text[::-1], left)[::-1]}"


def crop(text: str, width: int) -> str:
    """Returns ``text``, shortened at its end to at most ``width`` columns."""
    return text if cells(text) <= width else _prefix(text, max(0, width - 1)) + "…"[: max(0, width)]


def fold(text: str, width: int | None) -> Iterator[str]:
    """Yields ``text`` in pieces of at most ``width`` columns; in one with no ``width``."""
    if width is None or cells(text) <= width:
        yield text
        return
    while text:
        piece = _prefix(text, width) or text[:1]
        yield piece
        text = text[len(piece) :]


def _prefix(text: str, width: int) -> str:
    used = 0
    for index, char in enumerate(text):
        used += _cell(char)
        if used > width:
            return text[:index]
    return text


def _cell(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
