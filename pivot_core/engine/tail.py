"""Owns the tail of a failed attempt's log: the last lines of it, and the last of those on standard error."""

import os
from typing import NamedTuple

from pivot_core.model.failure import Failure
from pivot_core.port.logfile import LogRecord, Stream, parse

_LINES = 20
_BYTES = 1 << 16  # of so many lines


class Tail(NamedTuple):
    """Both in the order in which they were written."""

    lines: tuple[str, ...] = ()
    """Of every stream."""
    errors: tuple[str, ...] = ()
    """Of standard error alone, without the traceback at its end that the failure holds."""


def read(path: str, failure: Failure | None, limit: int = _LINES) -> Tail:
    """Returns the tail of a log, ``limit`` lines of it at most; an empty one where there is no log."""
    room = _BYTES * max(1, limit // _LINES)
    try:
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - room))
            lines = file.read().split(b"\n")
    except OSError:
        return Tail()
    whole = lines[1:] if size > room else lines
    records = [parse(line, clipped=False) for line in whole if line]
    errors = _joined([record for record in records if record.stream is Stream.ERR])
    return Tail(
        tuple([record.text for record in records[-limit:]]),
        tuple(_without(errors, failure)[-limit:]),
    )


def _joined(records: list[LogRecord]) -> list[str]:
    """Puts the pieces of long lines together."""
    found, is_open = list[str](), False
    for record in records:
        if is_open:
            found[-1] += record.text
        else:
            found.append(record.text)
        is_open = record.continues
    return found


def _without(lines: list[str], failure: Failure | None) -> list[str]:
    """Leaves out what tells the failure once more: the worker writes that into the log last."""
    said = (
        [] if failure is None else (failure.traceback or failure.message).rstrip("\n").split("\n")
    )
    if said and lines[-len(said) :] == said:
        return lines[: -len(said)]
    while lines and lines[-1] in said:  # of a long traceback only the end may have been read
        lines = lines[:-1]
    return lines
