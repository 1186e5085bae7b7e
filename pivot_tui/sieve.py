"""Owns which lines of a log are meant: those that match patterns or came from standard error, found a slice at a time.

A sieve scans from an origin in both directions. What it found has numbers as the lines themselves have: 0 and up ahead
of the origin, -1 and down behind it, so that a number never changes while the scan goes on and the log grows.
"""

import re
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from operator import neg
from typing import Protocol

from pivot_core.port.loglines import LogLine, last_state
from pivot_tui.patience import TooSlowError
from pivot_tui.pattern import Pattern

_MOST = 1 << 20
_SHRINK = 8
"""So many times smaller is the slice after one that took too long; then each is by as great a part larger."""
_SPARSE = 20
"""Where fewer than one line in so many is worth reading, those are read one by one."""
_PREFIX = 15
_STREAM = 13
_ERR = ("e", "E", "p", "P")
"""Standard error, and notes of Pivot's own."""
_COLOUR = re.compile(r"\x1b\[[0-9;:]*m")


class Lines(Protocol):
    """Numbered lines that may grow at both ends; one log, or several as one."""

    generation: int

    @property
    def first(self) -> int:
        """The number of the first line that is known."""
        ...

    @property
    def end(self) -> int:
        """The number after the last line."""
        ...

    @property
    def settled(self) -> int:
        """The number after the last line that cannot change any more."""
        ...

    @property
    def is_whole(self) -> bool:
        """Whether the first line is the first there is."""
        ...

    @property
    def unread(self) -> float:
        """Which share is not yet known."""
        ...

    def grow(self) -> bool:
        """Takes in some of what was appended; tells whether there is more."""
        ...

    def dig(self) -> bool:
        """Takes in some of what lies before; tells whether there is more."""
        ...

    def reach(self, at: int, ahead: bool) -> int:
        """Returns how far from ``at`` one call of ``raw`` should go."""
        ...

    def raw(self, low: int, high: int) -> list[str]:
        """Returns lines whole, with their prefix."""
        ...

    def holding(self, low: int, high: int, words: str) -> Sequence[int]:
        """Returns which lines may hold some words, whatever their case: a first look without reading them."""
        ...

    def line(self, at: int, limit_bytes: int = ...) -> LogLine:
        """Returns a line."""
        ...

    def is_open(self, at: int) -> bool:
        """Tells whether the line may change."""
        ...

    def began_ms(self) -> int:
        """Returns the time of the very first line; 0 where there is none."""
        ...

    def anew(self) -> "Lines":
        """Returns the same lines, not yet read: for another thread."""
        ...


def bare(line: str) -> str:
    """Returns what a line says: without its prefix and colours, in its last state."""
    text = line[_PREFIX:] if line[_PREFIX - 1 : _PREFIX] == " " else line
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    return last_state(text)


def _begun(lines: Lines) -> int:
    """Returns the first line of which the beginning is known."""
    return lines.first if lines.is_whole else min(lines.first + 1, lines.end)


class Sieve:
    """The lines that every pattern means, of standard error alone where asked."""

    def __init__(
        self, lines: Lines, origin: int, patterns: tuple[Pattern, ...], only_err: bool = False
    ) -> None:
        self.patterns: tuple[Pattern, ...] = patterns
        self.only_err: bool = only_err
        self._lines: Lines = lines
        self._low: int = min(max(origin, _begun(lines)), lines.settled)
        self._high: int = self._low
        self._before: array[int] = array("q")  # what was found behind the origin, nearest first
        self._after: array[int] = array("q")  # what was found ahead of it
        self._has_open: bool = False  # whether the last one found may change
        self._most: int = _MOST  # lines that are looked at in one slice

    @property
    def first(self) -> int:
        """The number of the first line found."""
        return -len(self._before)

    @property
    def end(self) -> int:
        """The number after the last line found."""
        return len(self._after)

    @property
    def is_complete(self) -> bool:
        """Whether every line there is was looked at."""
        lines = self._lines
        return lines.is_whole and self._low <= lines.first and self._high >= lines.settled

    @property
    def looked_at(self) -> tuple[int, int]:
        """The range of lines that were looked at."""
        return self._low, self._high

    def at(self, number: int) -> int:
        """Returns which line a number stands for."""
        return self._after[number] if number >= 0 else self._before[-number - 1]

    def find(self, line: int) -> int:
        """Returns the number of the first line found that is ``line`` or comes after it; ``end`` where none does."""
        if self._before and line <= self._before[0]:
            at = bisect_left(self._before, -line, key=neg)
            return -at - 1 if at < len(self._before) and self._before[at] == line else -at
        return bisect_left(self._after, line)

    def scan(self, ahead: bool) -> bool:
        """Looks at some more lines, in one direction as long as it has any; tells whether there was any to look at.

        Where a slice takes too long, the next one is smaller; raises ``TooSlowError`` where a single line does.
        """
        if self._has_open:
            self._after.pop()
            self._has_open = False
        lines = self._lines
        first = _begun(lines)
        has_ahead, has_behind = self._high < lines.settled, self._low > first
        if has_ahead and (ahead or not has_behind):
            to = min(lines.reach(self._high, ahead=True), lines.settled, self._high + self._most)
            found = self._try(self._high, to)
            if found is None:
                return True
            self._after.extend(found)
            self._high = to
        elif has_behind:
            to = max(lines.reach(self._low, ahead=False), self._low - self._most, first)
            found = self._try(to, self._low)
            if found is None:
                return True
            self._before.extend(reversed(found))
            self._low = to
        if self._high == lines.settled < lines.end:
            found = self._hits(lines.settled, lines.end)
            self._after.extend(found)
            self._has_open = bool(found)
        return has_ahead or has_behind

    def _try(self, low: int, high: int) -> Sequence[int] | None:
        """Returns the lines that are meant; ``None`` where so many take too long."""
        try:
            found = self._hits(low, high)
        except TooSlowError:
            if high - low == 1:
                raise
            self._most = max((high - low) // _SHRINK, 1)
            return None
        self._most = min(self._most + self._most // _SHRINK + 1, _MOST)
        return found

    def _hits(self, low: int, high: int) -> Sequence[int]:
        places = self._worth_reading(low, high)
        if len(places) * _SPARSE < high - low:
            lines = [self._lines.raw(at, at + 1)[0] for at in places]
        else:
            whole = self._lines.raw(low, high)
            lines = [whole[at - low] for at in places] if len(places) < len(whole) else whole
        if self.only_err:
            kept = [at for at, line in enumerate(lines) if line[_STREAM : _STREAM + 1] in _ERR]
            places, lines = [places[at] for at in kept], [lines[at] for at in kept]
        texts = [bare(line) for line in lines]
        for pattern in self.patterns:
            kept = pattern.matching(texts)
            places = [places[at] for at in kept]
            texts = [texts[at] for at in kept]
        return places

    def _worth_reading(self, low: int, high: int) -> Sequence[int]:
        """Returns the lines that may match: a word is found in the bytes of a file much faster than in its lines."""
        for pattern in self.patterns:
            if pattern.literal and not pattern.inverted:
                return self._lines.holding(low, high, pattern.literal)
        return range(low, high)
