"""Owns the lines of one attempt's log as people see them: an index that begins at the end of the file, and their text.

The last page of a log is wanted first, so lines are numbered from where the file ended when it was opened: that line is
0, those before it are -1, -2 and so on as ``dig`` finds them, those appended later 1, 2. A number never changes.

    file    │ … dig() ◄──┤ -2 │ -1 │ 0 ├──► grow() …

A line that was written in pieces (a long one, a progress bar) is one line here, however many records it has; where the
records of another stream lie between them, the pieces stay lines of their own. Nothing stays in memory but offsets, and
the file is open only while it is read, so that the logs of a thousand stages can be looked at side by side.
"""

import os
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, count, pairwise
from operator import add, neg

from pivot_core.frozen import frozen
from pivot_core.port.logfile import PREFIX_BYTES, LogRecord, Stream, parse

SLICE_BYTES = 1 << 19
_BATCH_BYTES = 1 << 18
LINE_BYTES = 1 << 16
"""What of a line ``raw`` gives at most where that line is alone."""
_TAIL_BYTES = 1 << 13  # what of a long line is looked at for its last state

_GOES_ON = (b"O", b"E")
_HEAD = re.compile(rb"\d{13}([oepOEP]) ")
_PIECE = re.compile(rb"\n\d{13}[OE] ")
_JOINT = re.compile(rb"\n\d{13}[oepOEP] ")
_LOWER_IS_ASCII = ("\u0130".encode(), "\u212a".encode())
"""Letters that become an i and a k."""
_OVERWRITTEN = re.compile(r"^.*\r(?=.)", re.DOTALL)


@frozen
class LogLine:
    """One line of a log."""

    time_ms: int
    """Epoch milliseconds; 0 where the line has no readable prefix."""
    stream: Stream
    text: str
    """The last state of it, escapes included. Show it through ``printable``."""
    clipped: bool = False
    """Whether there is more than was asked for."""
    label: str = ""
    """Whose line it is, where several logs are shown as one."""


def last_state(text: str) -> str:
    r"""Returns what a terminal would leave of a line: what stands before the last ``\r`` is overwritten."""
    return _OVERWRITTEN.sub("", text.rstrip("\r")) if "\r" in text else text


class LogLines:
    """The lines of one log file, which may not exist yet and may grow at any time."""

    def __init__(self, path: str) -> None:
        self.path: str = path
        self.generation: int = 0
        """Counts how often the file began anew, and with it the numbers."""
        self._reset()

    def _reset(self) -> None:
        self._before: array[int] = array("Q")  # where line -1, -2, … begins
        self._after: array[int] = array("Q")  # where line 0, 1, … begins
        self._low: int = -1  # what lies before was not looked at; -1: the file was not opened
        self._stop: int = 0  # after the last line
        self._read: int = 0
        self._oldest: bytes = b""  # the stream's letter in the first record of the first line
        self._newest: bytes = (
            b""  # the same in the last record of the last line, where that may go on
        )

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
        """The number after the last line that cannot change any more."""
        return self.end - 1 if self._newest in _GOES_ON else self.end

    def is_open(self, at: int) -> bool:
        """Tells whether a line may change: it was written in pieces, and its end or its beginning was not found yet."""
        return at >= self.settled or (at == self.first and not self.is_whole)

    @property
    def is_whole(self) -> bool:
        """Whether every line from the beginning of the file is known."""
        return self._low <= 0

    @property
    def unread(self) -> float:
        """Which share of the file lies before the first line that is known."""
        return max(self._low, 0) / max(self._stop, 1)

    def grow(self, limit_bytes: int = SLICE_BYTES) -> bool:
        """Takes in what was appended, at most ``limit_bytes`` of it; tells whether there is more."""
        with _Open(self.path) as file:
            if file.size < self._read:
                self._reset()
                self.generation += 1
            if self._low < 0 and file.size:
                self._begin(file)
            if file.size <= self._read:
                return False
            self._append(file, limit_bytes)
            return self._read < file.size

    def dig(self, limit_bytes: int = SLICE_BYTES) -> bool:
        """Takes in lines before the first one, at most ``limit_bytes`` of them; tells whether there are more."""
        if self.is_whole:
            return False
        with _Open(self.path) as file:
            if file.size < self._low:
                return False  # another file by now; ``grow`` begins anew
            low = max(self._low - limit_bytes, 0)
            chunk = file.read(low, self._low - low + PREFIX_BYTES)
        begins = [low] if low == 0 else []
        begins += _begins(chunk[: self._low - low], low)
        if begins and begins[-1] == self.start(self.first):
            begins.pop()
        self._low = low
        if not begins:
            return low > 0
        may_join = _PIECE.search(chunk) is not None or low == 0
        if may_join:
            for begin in reversed(begins):
                self._prepend(begin, _letter(chunk, begin - low))
        else:
            self._before.extend(reversed(begins))
            self._oldest = _letter(chunk, begins[0] - low)
        return low > 0

    def start(self, at: int) -> int:
        """Returns where a line begins in the file; for ``end`` where the next one will."""
        if at == self.end:
            return self._stop
        return self._after[at] if at >= 0 else self._before[-at - 1]

    def line(self, at: int, limit_bytes: int = LINE_BYTES) -> LogLine:
        """Returns a line, its text cut to ``limit_bytes``; raises ``IndexError`` outside ``range(first, end)``."""
        if not self.first <= at < self.end:
            raise IndexError(at)
        begin, length = self.start(at), self.start(at + 1) - self.start(at) - 1
        with _Open(self.path) as file:
            whole = file.read(begin, min(length, PREFIX_BYTES + limit_bytes))
            tail = whole if len(whole) == length else _tail(file, begin + length)
        head = parse(_JOINT.sub(b"", whole), clipped=len(whole) < length)
        if b"\r" in tail.rstrip(b"\r"):
            return _overwritten(head, tail)
        return LogLine(head.time_ms, head.stream, head.text.rstrip("\r"), head.clipped)

    def reach(self, at: int, ahead: bool) -> int:
        """Returns how far from ``at`` one call of ``raw`` should go: a small number of bytes, at least one line."""
        if ahead:
            limit = self.start(at) + _BATCH_BYTES
            return max(self._at(limit), min(at + 1, self.end))
        limit = self.start(at) - _BATCH_BYTES
        return min(self._at(max(limit, 0)) + 1, max(at - 1, self.first))

    def raw(self, low: int, high: int) -> list[str]:
        """Returns lines whole, escapes and prefix included; of a very long one ``LINE_BYTES``."""
        begin, length = self.start(low), self.start(high) - self.start(low)
        with _Open(self.path) as file:
            if high - low == 1:
                data = file.read(begin, min(length, LINE_BYTES)).rstrip(b"\n")
                return [_JOINT.sub(b"", data).decode(errors="replace")]
            chunk = file.read(begin, length)
        lines = chunk.decode(errors="replace").split("\n")[:-1]
        if len(lines) == high - low:
            return lines
        cuts = [self.start(at) - begin for at in range(low, high + 1)]
        pieces = [chunk[one : other - 1] for one, other in pairwise(cuts)]
        return [_JOINT.sub(b"", piece).decode(errors="replace") for piece in pieces]

    def holding(self, low: int, high: int, words: str) -> Sequence[int]:
        """Returns which lines may hold some words, whatever their case; all, where telling takes as long as reading."""
        begin, length = self.start(low), self.start(high) - self.start(low)
        with _Open(self.path) as file:
            chunk = file.read(begin, length)
        is_plain = words.isascii() and b"\x1b" not in chunk and chunk.count(b"\n") == high - low
        # That all is ASCII is known a hundred times sooner than that one of these letters is nowhere.
        if not is_plain or (
            not chunk.isascii() and any(letter in chunk for letter in _LOWER_IS_ASCII)
        ):
            return range(low, high)
        wanted, chunk = words.lower().encode(), chunk.lower()
        found = list[int]()
        at = chunk.find(wanted)
        while at >= 0:
            found.append(self._at(begin + at))
            at = chunk.find(wanted, self.start(found[-1] + 1) - begin)
        return found

    def began_ms(self) -> int:
        """Returns the time of the first line of the file; 0 where it has none."""
        with _Open(self.path) as file:
            return parse(file.read(0, PREFIX_BYTES), clipped=True).time_ms

    def anew(self) -> "LogLines":
        """Returns the same log, not yet read: for another thread."""
        return LogLines(self.path)

    # --- the index ---

    def _begin(self, file: "_Open") -> None:
        """Makes the last record of the file line 0; ``dig`` finds out whether that line begins further up."""
        self._stop = self._read = file.after_newline(file.size)
        if not self._stop:
            self._low = 0
            self._read = file.size
            return
        begin = file.after_newline(self._stop - 1)
        self._after.append(begin)
        self._low = begin
        self._oldest = self._newest = _letter(file.read(begin, PREFIX_BYTES))

    def _append(self, file: "_Open", limit_bytes: int) -> None:
        self._low = max(self._low, 0)
        chunk = file.read(self._read, limit_bytes)
        begins = [self._stop, *_begins(chunk, self._read)]
        last = begins.pop()  # of a record whose end is not there yet
        base = self._read
        self._read += len(chunk)
        if not begins:
            return
        self._stop = last
        held = _letter(file.read(begins[0], PREFIX_BYTES))
        if not self.end:
            self._oldest = held
        if self._newest in _GOES_ON or held in _GOES_ON or _PIECE.search(chunk):
            for begin in begins:
                letter = _letter(chunk, begin - base) if begin >= base else held
                if not _joins(self._newest, letter):
                    self._after.append(begin)
                self._newest = letter
        else:
            self._after.extend(begins)
            self._newest = b""

    def _prepend(self, begin: int, letter: bytes) -> None:
        if not _joins(letter, self._oldest):
            self._before.append(begin)
        elif self._before:
            self._before[-1] = begin
        else:
            self._after[0] = begin
        self._oldest = letter

    def _at(self, offset: int) -> int:
        """Returns the line that holds a byte of the file."""
        if self._after and offset >= self._after[0]:
            return bisect_right(self._after, offset) - 1 if offset < self._stop else self.end
        return max(-bisect_left(self._before, -offset, key=neg) - 1, self.first)


class _Open:
    """A file that is open for reading; an absent one is empty."""

    def __init__(self, path: str) -> None:
        try:
            self._fd: int = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            self._fd = -1
        self.size: int = os.fstat(self._fd).st_size if self._fd >= 0 else 0

    def __enter__(self) -> "_Open":
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def read(self, at: int, size: int) -> bytes:
        """Returns at most ``size`` bytes."""
        return os.pread(self._fd, size, at) if self._fd >= 0 and size > 0 else b""

    def after_newline(self, at: int) -> int:
        """Returns the offset after the last line end before ``at``; 0 where there is none."""
        while at > 0:
            low = max(at - SLICE_BYTES, 0)
            found = self.read(low, at - low).rfind(b"\n")
            if found >= 0:
                return low + found + 1
            at = low
        return 0


def _begins(chunk: bytes, base: int) -> list[int]:
    """Returns where something begins after a line end of ``chunk``, which lies at ``base``."""
    # The lengths of the lines, summed up in C: a Python loop would take ten times as long.
    lengths = map(len, chunk.split(b"\n")[:-1])
    return list(map(add, accumulate(lengths), count(base + 1)))


def _letter(data: bytes, at: int = 0) -> bytes:
    """Returns the stream of the record at ``at``; nothing where there is no readable prefix."""
    match = _HEAD.match(data, at)
    return match[1] if match is not None else b""


def _joins(letter: bytes, after: bytes) -> bool:
    """Tells whether a record goes on in the one after it, by the letters of their streams."""
    return letter in _GOES_ON and letter.lower() == after.lower()


def _tail(file: _Open, end: int) -> bytes:
    low = max(end - _TAIL_BYTES, 0)
    return file.read(low, end - low)


def _overwritten(head: LogRecord, tail: bytes) -> LogLine:
    """Returns the last state of a line, at the time at which it was written."""
    joints = list(_JOINT.finditer(tail))
    time_ms = int(joints[-1][0][1:14]) if joints else head.time_ms
    text = _JOINT.sub(b"", tail).decode(errors="replace")
    return LogLine(time_ms, head.stream, last_state(text))
