"""Owns what is kept of recent runs: the journal of events, and the last state that a dashboard shows without an engine.

Logs lie beside the journal and are written by workers. Everything here is for its owner's eyes (0600, 0700).
"""

import contextlib
import json
import os
import re
import time
from collections.abc import Collection, Iterable, Iterator
from typing import Self, cast

from pivot_core.model.ids import Json, RunId
from pivot_core.store import atomic, place
from pivot_core.store.layout import Layout

_RUN = re.compile(r"\d{8}-\d{6}-[0-9a-z]+")
_LAST_MAX_BYTES = 64 << 20


class Journal:
    """The journal of one run, open for appending."""

    def __init__(self, layout: Layout, run: RunId) -> None:
        """Begins the run's directory; raises ``StoreError``."""
        self._path: str = layout.journal_path(run)
        try:
            os.makedirs(f"{layout.run_dir(run)}/logs", mode=0o700, exist_ok=True)
            os.chmod(layout.runs_dir, 0o700)
            os.chmod(layout.run_dir(run), 0o700)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
            self._fd: int = os.open(self._path, flags, 0o600)
        except OSError as error:
            raise atomic.store_error(error, "begin the journal", self._path) from error

    def append(self, records: Iterable[Json]) -> None:
        """Writes one line a record, all in one go; raises ``StoreError``."""
        data = "".join([json.dumps(record, separators=(",", ":")) + "\n" for record in records])
        if data:
            try:
                atomic.write_all(self._fd, data.encode())
            except OSError as error:
                raise atomic.store_error(error, "write the journal", self._path) from error

    def close(self) -> None:
        """Closes the file; a second call does nothing."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read(layout: Layout, run: RunId, *, holding: str = "") -> Iterator[dict[str, Json]]:
    """Yields a run's records in order; a torn or damaged line is passed over, a missing journal has none.

    Lines that do not hold the text ``holding`` are passed over unread.
    """
    wanted = holding.encode()
    try:
        with open(layout.journal_path(run), "rb") as file:
            for line in file:
                if wanted not in line:
                    continue
                with contextlib.suppress(ValueError, RecursionError):
                    record = cast("object", json.loads(line))
                    if isinstance(record, dict):
                        yield cast("dict[str, Json]", record)
    except OSError:
        return


def name_run(seconds: float) -> RunId:
    """Returns the id of a run asked for at a time in seconds since 1970: ids sort by it, to 1/65,536 of a second."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(seconds))
    return RunId(f"{stamp}-{int(seconds % 1 * 0x10000):04x}")


def runs(layout: Layout) -> list[RunId]:
    """Returns the kept runs, newest first."""
    try:
        names = os.listdir(layout.runs_dir)
    except OSError:
        return []
    return [RunId(name) for name in sorted(names, reverse=True) if _RUN.fullmatch(name)]


def retain(layout: Layout, keep: int, *, except_for: Collection[RunId] = ()) -> None:
    """Removes the oldest runs beyond ``keep``, never one of ``except_for``; what cannot be removed stays."""
    for run in runs(layout)[max(keep, 0) :]:
        if run not in except_for:
            with contextlib.suppress(OSError):
                place.remove_tree(layout.run_dir(run))


def write_last(layout: Layout, state: Json) -> None:
    """Keeps the last state of the stages for readers without an engine; raises ``StoreError``."""
    data = json.dumps(state, separators=(",", ":")).encode()
    atomic.write_file(layout.last_path, data, mode=0o600, tmp_dir=layout.tmp_dir)


def read_last(layout: Layout) -> Json:
    """Returns the last state; ``None`` when there is none that can be read."""
    try:
        with open(layout.last_path, "rb") as file:
            return cast("Json", json.loads(file.read(_LAST_MAX_BYTES)))
    except (OSError, ValueError, RecursionError):
        return None
