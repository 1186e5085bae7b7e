"""Owns the logs of several stages shown as one, by time; holds a reference to each line and no text.

stage a  ──┐ dig: the latest lines of all that are known for sure to be the latest
stage b  ──┼──► … -2 -1 │ 0 1 …
stage c  ──┘ grow: what was appended since, sorted among itself
"""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pivot_core.port.loglines import LogLine, LogLines

_BATCH = 1000
_FILLED_AT_ONCE = 8
_LINE_BITS = 40
_MIDDLE = 1 << (_LINE_BITS - 1)


@dataclass(slots=True)
class _Strand:
    """One of the logs."""

    label: str
    log: LogLines
    low: int = 0
    """The first line that was taken out of the log."""
    high: int = 0
    """The line after the last one taken."""
    held: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """Time and number of lines that were taken and have no place yet, the earliest first."""
    has_grown: bool = True

    @property
    def has_more(self) -> bool:
        """Whether there are lines before those that were taken."""
        return self.low > self.log.first or not self.log.is_whole


class Merged:
    """The lines of several logs by time."""

    def __init__(self) -> None:
        self.generation: int = 0
        self._strands: list[_Strand] = []
        self._before: array[int] = array("Q")
        self._after: array[int] = array("Q")

    def add(self, label: str, path: str, is_new: bool) -> None:
        """Adds a log; the lines of one that is new come after all that are here."""
        log = LogLines(path)
        log.grow()
        at = _dug(log) if is_new else log.end
        self._strands.append(_Strand(label, log, at, at))

    def grew(self, label: str) -> None:
        """Remembers that a log has grown."""
        for strand in self._strands:
            strand.has_grown |= strand.label == label

    @property
    def labels(self) -> list[str]:
        """Whose logs these are."""
        return [strand.label for strand in self._strands]

    @property
    def first(self) -> int:
        """The number of the first line that is known."""
        return -len(self._before)

    @property
    def end(self) -> int:
        """The number after the last line."""
        return len(self._after)

    @property
    def settled(self) -> int:
        """All lines: where one that may change stands, it stays."""
        return self.end

    @property
    def is_whole(self) -> bool:
        """Whether the first line is the first there is."""
        return not any(strand.has_more or strand.held for strand in self._strands)

    @property
    def unread(self) -> float:
        """Which share is not yet known, by the log of which most is unknown."""
        return max((strand.log.unread for strand in self._strands), default=0.0)

    def grow(self) -> bool:
        """Takes in what was appended since the last call."""
        batch = list[tuple[int, int]]()
        more = False
        for number, strand in enumerate(self._strands):
            if not strand.has_grown:
                continue
            generation, was_empty = strand.log.generation, not strand.log.end
            strand.has_grown = strand.log.grow()
            if strand.log.generation != generation:
                self._begin_anew()
                return True
            more |= strand.has_grown
            if was_empty:
                strand.low = strand.high = _dug(strand.log)
            if strand.log.end > strand.high:
                times = _times(strand.log, strand.high, strand.log.end)
                batch += [(time, _reference(number, line)) for time, line in times]
                strand.high = strand.log.end
        self._after.extend(reference for _, reference in sorted(batch))
        return more

    def dig(self) -> bool:
        """Takes in lines before the first one; tells whether there are more."""
        empty = [strand for strand in self._strands if not strand.held and strand.has_more]
        for strand in empty[:_FILLED_AT_ONCE]:
            _fill(strand)
        if any(not strand.held and strand.has_more for strand in empty):
            return True
        since = max(
            (one.held[0][0] for one in self._strands if one.held and one.has_more), default=0
        )
        batch = list[tuple[int, int]]()
        for number, strand in enumerate(self._strands):
            cut = bisect_left(strand.held, since, key=lambda one: one[0])
            batch += [(time, _reference(number, line)) for time, line in strand.held[cut:]]
            del strand.held[cut:]
        self._before.extend(reference for _, reference in sorted(batch, reverse=True))
        return not self.is_whole

    def line(self, at: int, limit_bytes: int = 1 << 20) -> LogLine:
        """Returns a line with the name of its stage."""
        strand, line = self._find(at)
        return replace(strand.log.line(line, limit_bytes), label=strand.label)

    def is_open(self, at: int) -> bool:
        """Tells whether the line may change."""
        strand, line = self._find(at)
        return strand.log.is_open(line)

    def reach(self, at: int, ahead: bool) -> int:
        """Returns how far from ``at`` one call of ``raw`` should go."""
        return min(at + _BATCH, self.end) if ahead else max(at - _BATCH, self.first)

    def raw(self, low: int, high: int) -> list[str]:
        """Returns lines whole, with their prefix."""
        wanted = dict[int, list[int]]()
        places = [self._reference(at) for at in range(low, high)]
        for strand, line in places:
            wanted.setdefault(strand, []).append(line)
        # In one log the lines of a stretch of time lie side by side.
        texts = dict[tuple[int, int], str]()
        for strand, numbers in wanted.items():
            log, at, end = self._strands[strand].log, min(numbers), max(numbers) + 1
            while at < end:
                to = min(log.reach(at, ahead=True), end)
                for line, text in enumerate(log.raw(at, to), at):
                    texts[strand, line] = text
                at = to
        return [texts[place] for place in places]

    def holding(self, low: int, high: int, words: str) -> Sequence[int]:
        """Returns which lines may hold some words: all, for they are read from many places."""
        del words
        return range(low, high)

    def began_ms(self) -> int:
        """Returns the time of the earliest line."""
        return min((one.log.began_ms() for one in self._strands if one.log.end), default=0)

    def anew(self) -> "Merged":
        """Returns the same logs, not yet read: for another thread."""
        other = Merged()
        for strand in self._strands:
            other.add(strand.label, strand.log.path, is_new=False)
        return other

    def _begin_anew(self) -> None:
        """A log was replaced by another: no number holds any more."""
        self.generation += 1
        self._before = array("Q")
        self._after = array("Q")
        for strand in self._strands:
            strand.low = strand.high = strand.log.end
            strand.held.clear()

    def _reference(self, at: int) -> tuple[int, int]:
        number = self._after[at] if at >= 0 else self._before[-at - 1]
        return number >> _LINE_BITS, (number & ((1 << _LINE_BITS) - 1)) - _MIDDLE

    def _find(self, at: int) -> tuple[_Strand, int]:
        strand, line = self._reference(at)
        return self._strands[strand], line


def _reference(strand: int, line: int) -> int:
    return strand << _LINE_BITS | (line + _MIDDLE)


def _dug(log: LogLines) -> int:
    """Takes in all lines of a log that has just begun; returns the first."""
    while log.dig():
        pass
    return log.first


def _fill(strand: _Strand) -> None:
    log = strand.log
    if strand.low == log.first:
        log.dig()
    if strand.low > log.first:
        low = log.reach(strand.low, ahead=False)
        strand.held = sorted(_times(log, low, strand.low))
        strand.low = low


def _times(log: LogLines, low: int, high: int) -> list[tuple[int, int]]:
    """Returns time and number of lines; a line without a readable time gets that of the one before it."""
    found = list[tuple[int, int]]()
    time = 0
    while low < high:
        to = min(log.reach(low, ahead=True), high)
        for number, text in enumerate(log.raw(low, to), low):
            time = int(text[:13]) if text[:13].isdecimal() else time
            found.append((time, number))
        low = to
    return found
