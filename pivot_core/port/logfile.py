"""Owns reading the log of one attempt: an index of its lines and the record of each; writes nothing.

A log grows while it is read and may hold millions of lines, so nothing of it stays in memory but the offset of each
line. One record a line: 13 digits of epoch milliseconds, a letter for the stream, a space, what the stage wrote.
"""

import os
import re
from array import array
from enum import Enum
from itertools import accumulate, count
from operator import add

from pivot_core.frozen import frozen

PREFIX_BYTES = 15
SLICE_BYTES = 1 << 20

_PREFIX = re.compile(rb"(\d{13})([oepOEP]) ")


class Stream(Enum):
    """Who wrote a line."""

    OUT = "o"
    ERR = "e"
    NOTE = "p"
    """Pivot itself: a mark about lines dropped, processes ended, and the like."""


@frozen
class LogRecord:
    """One line of a log, or a piece of a long one."""

    time_ms: int
    """Epoch milliseconds; 0 where the line has no readable prefix."""
    stream: Stream
    text: str
    """As written, escapes included; bytes that are not UTF-8 are replaced. Show it through ``printable``."""
    continues: bool
    """Whether the next record goes on with the same line."""
    clipped: bool = False
    """Whether the record holds more than was asked for."""


class LogFile:
    """A window on one log file, which may not exist yet and may grow at any time."""

    def __init__(self, path: str) -> None:
        self.path: str = path
        self._fd: int = -1
        self._starts: array[int] = array(
            "Q", [0]
        )  # where each record starts; the last is still open
        self._read: int = 0

    @property
    def count(self) -> int:
        """How many whole records are indexed."""
        return len(self._starts) - 1

    def refresh(self, limit_bytes: int = SLICE_BYTES) -> bool:
        """Indexes what was appended, at most ``limit_bytes`` of it; tells whether there is more.

        A file that became shorter is another file: its index begins anew.
        """
        if self._fd < 0:
            try:
                self._fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                return False
        size = os.fstat(self._fd).st_size
        if size < self._read:
            self._starts = array("Q", [0])
            self._read = 0
        chunk = os.pread(self._fd, min(limit_bytes, size - self._read), self._read)
        # The lengths of the lines, summed up in C: a Python loop would take ten times as long.
        lengths = map(len, chunk.split(b"\n")[:-1])
        self._starts.extend(map(add, accumulate(lengths), count(self._read + 1)))
        self._read += len(chunk)
        return bool(chunk) and self._read < size

    def record(self, index: int, limit_bytes: int = 1 << 16) -> LogRecord:
        """Returns a record, its text cut to ``limit_bytes``; raises ``IndexError`` outside ``range(count)``."""
        if not 0 <= index < self.count:
            raise IndexError(index)
        start = self._starts[index]
        length = self._starts[index + 1] - start - 1
        wanted = min(length, PREFIX_BYTES + limit_bytes)
        return parse(os.pread(self._fd, wanted, start), wanted < length)

    def close(self) -> None:
        """Lets go of the file; ``refresh`` opens it again."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def parse(line: bytes, clipped: bool) -> LogRecord:
    """Returns the record that a line of the file holds."""
    match = _PREFIX.match(line)
    if match is None:
        return LogRecord(0, Stream.OUT, line.decode(errors="replace"), False, clipped)
    letter = match[2].decode()
    text = line[PREFIX_BYTES:].decode(errors="replace")
    return LogRecord(int(match[1]), Stream(letter.lower()), text, letter.isupper(), clipped)
