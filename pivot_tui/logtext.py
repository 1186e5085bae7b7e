"""Owns the plain text of a whole log, for a file or a pager: one line each, with nothing that a terminal would obey."""

import os
from collections.abc import Iterator
from typing import TextIO

from pivot_core.port import one_line, printable
from pivot_core.port.loglines import LINE_BYTES
from pivot_tui import format as fmt
from pivot_tui.merged import Merged
from pivot_tui.sieve import Lines, bare


def save(lines: Lines, root: str, path: str, replace: bool) -> int:
    """Writes a log to a file and returns how many lines.

    ``path`` may begin with ``~`` and be relative to ``root``. Raises ``FileExistsError`` unless told to ``replace``.
    """
    with open(
        os.path.join(root, os.path.expanduser(path)), "w" if replace else "x", encoding="utf-8"
    ) as file:
        return _write(lines, file)


def spool(lines: Lines, fd: int) -> None:
    """Writes a log to an open file, and closes it."""
    with open(fd, "w", encoding="utf-8") as file:
        _write(lines, file)


def _write(lines: Lines, file: TextIO) -> int:
    """Writes every line; ``lines`` is read anew, so that this can be done by another thread."""
    whole = lines.anew()
    while whole.grow() or whole.dig():
        pass
    at = whole.first
    while at < whole.end:
        to = whole.reach(at, ahead=True)
        file.writelines(f"{text}\n" for text in _texts(whole, at, to))
        at = to
    return whole.end - whole.first


def _texts(lines: Lines, low: int, high: int) -> Iterator[str]:
    if isinstance(lines, Merged):
        for at in range(low, high):
            line = lines.line(at, 1 << 40)
            said = printable(bare(f"{' ' * 15}{line.text}"))
            yield f"{fmt.clock(line.time_ms)} {one_line(line.label)} | {said}"
        return
    for at, raw in enumerate(lines.raw(low, high), low):
        is_cut = len(raw) >= LINE_BYTES // 4  # in characters
        yield printable(bare(f"{' ' * 15}{lines.line(at, 1 << 40).text}" if is_cut else raw))
