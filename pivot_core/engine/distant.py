"""Owns what a remote could give to a decision: run-cache entries that others left there, and objects.

Asked from the threads that look, answered by way of the event loop's connection.
"""

import asyncio
import contextlib
import json
from collections.abc import Collection
from typing import TYPE_CHECKING, cast

from pivot_core.engine.holdings import files
from pivot_core.engine.remotes import run_name
from pivot_core.errors import PivotError
from pivot_core.model import ids
from pivot_core.model.artifact import Content
from pivot_core.model.ids import ContentHash, Json
from pivot_core.model.lock import RunCacheEntry
from pivot_core.store import content

if TYPE_CHECKING:
    from pivot_core.remote.base import Connection, Remote

SCHEMA = 1
MAX_BYTES = 10_000_000
_WAIT_S = 120.0


class Distant:
    """One remote, for the time of a block."""

    def __init__(
        self, remote: "Remote", jobs: int, there: Collection[ContentHash] | None = None
    ) -> None:
        """``there`` are the objects that the remote has; ``None`` where that is left to be seen."""
        self._remote = remote
        self._jobs = jobs
        self._there = there
        self._loop = asyncio.get_running_loop()
        self._lock = asyncio.Lock()
        self._stack = contextlib.AsyncExitStack()
        self._connection: Connection | None = None
        self._promised: set[ContentHash] = set()
        self.found: dict[str, RunCacheEntry] = {}
        """The entries that were asked for and are there, by their keys in the state."""
        self.error: PivotError | None = None
        """Why the remote could not be asked for an entry, the last time."""

    async def __aenter__(self) -> "Distant":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def connection(self) -> "Connection":
        """Returns the connection, which is opened when it is first asked for."""
        async with self._lock:
            if self._connection is None:
                self._connection = await self._stack.enter_async_context(
                    self._remote.connect(self._jobs)
                )
        return self._connection

    def has(self, wanted: Content) -> bool:
        """Tells whether the remote has every object of a content, as far as is known."""
        if self._there is None:
            return True
        known, promised = self._there, self._promised
        return all(file.hash in known or file.hash in promised for _, file in files("", wanted))

    def run(self, key: str) -> RunCacheEntry | None:
        """Returns the run-cache entry of a key of the state; from any thread but the event loop's."""
        if key not in self.found:
            asked = asyncio.run_coroutine_threadsafe(self._read(key), self._loop)
            entry = asked.result(_WAIT_S)
            if entry is None:
                return None
            self.found[key] = entry
            for path, wanted in entry.outs.items():
                self._promised.update(file.hash for _, file in files(path, wanted))
        return self.found[key]

    async def _read(self, key: str) -> RunCacheEntry | None:
        from pivot_core.remote.base import run_key

        try:
            data = await (await self.connection()).read(run_key(run_name(key)))
        except PivotError as error:
            self.error = error
            return None
        return None if data is None else parse(data)


def render(entry: Json) -> bytes:
    """Returns the bytes of a run-cache entry on a remote; ``entry`` is the state's record."""
    record = {"schema": SCHEMA, "hash": ids.HASH_ALGORITHM, "outs": entry}
    return json.dumps(record, sort_keys=True, separators=(",", ":")).encode()


def parse(data: bytes) -> RunCacheEntry | None:
    """Returns the entry in the bytes that a remote gave; ``None`` for anything that is no sound entry."""
    try:
        record = cast("object", json.loads(data[: MAX_BYTES + 1]))
        if not isinstance(record, dict):
            return None
        given = cast("dict[str, object]", record)
        if (given["schema"], given["hash"]) != (SCHEMA, ids.HASH_ALGORITHM):
            return None
        outs = cast("dict[str, object]", given["outs"])
        return RunCacheEntry(
            {ids.inside_project(path): content.from_json(each) for path, each in outs.items()}
        )
    except (ValueError, KeyError, AttributeError, RecursionError):
        return None


def objects_of(entry: RunCacheEntry) -> dict[ContentHash, tuple[str, int]]:
    """Returns path and size of each object that an entry names."""
    return {
        file.hash: (path, file.size_bytes)
        for out, each in entry.outs.items()
        for path, file in files(out, each)
    }
