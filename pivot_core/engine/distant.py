"""Owns what a remote could give to a decision: run-cache entries that others left there, and objects.

Asked from the threads that look, answered by way of the event loop's connection.
"""

import asyncio
import contextlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

from pivot_core.engine.holdings import files
from pivot_core.engine.remotes import run_name
from pivot_core.errors import PivotError
from pivot_core.model import ids
from pivot_core.model.artifact import Content
from pivot_core.model.ids import ContentHash, Json
from pivot_core.model.lock import RunCacheEntry
from pivot_core.store import content
from pivot_core.store.cache import Cache

if TYPE_CHECKING:
    from pivot_core.remote.base import Connection, Remote

SCHEMA = 1
MAX_BYTES = 10_000_000
_WAIT_S = 120.0


class Distant:
    """One remote, for the time of a block."""

    def __init__(self, remote: "Remote", cache: Cache, jobs: int) -> None:
        self._remote = remote
        self._cache = cache
        self._jobs = jobs
        self._there: set[ContentHash] = set()
        self._loop = asyncio.get_running_loop()
        self._lock = asyncio.Lock()
        self._stack = contextlib.AsyncExitStack()
        self._connection: Connection | None = None
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

    def expect(self, names: Iterable[ContentHash]) -> None:
        """Takes it that the remote has some objects: whether it does, fetching them will show."""
        self._there.update(names)

    async def ask(self, wanted: Mapping[ContentHash, int]) -> None:
        """Asks which objects the remote has; raises ``RemoteError``."""
        from pivot_core.remote.transfer import present

        there = await present(await self.connection(), wanted, self._jobs)
        self._there.update(name for name, size in there.items() if wanted[name] == size)

    def has(self, wanted: Content) -> bool:
        """Tells whether cache and remote together have every object of a content, by what was asked so far."""
        return all(
            file.hash in self._there or self._cache.has(file.hash, file.size_bytes)
            for _, file in files("", wanted)
        )

    def run(self, key: str) -> RunCacheEntry | None:
        """Returns the run-cache entry of a key of the state, if its objects can be had.

        To be called from any thread but the event loop's.
        """
        if key not in self.found:
            asked = asyncio.run_coroutine_threadsafe(self._read(key), self._loop)
            entry = asked.result(_WAIT_S)
            if entry is None:
                return None
            self.found[key] = entry
        return self.found[key]

    async def _read(self, key: str) -> RunCacheEntry | None:
        from pivot_core.remote.base import run_key

        try:
            data = await (await self.connection()).read(run_key(run_name(key)))
            entry = None if data is None else parse(data)
            if entry is None:
                return None
            lacking = {
                name: size
                for name, (_, size) in objects_of(entry).items()
                if name not in self._there and not self._cache.has(name, size)
            }
            if lacking:
                await self.ask(lacking)
        except PivotError as error:
            self.error = error
            return None
        return entry if all(self.has(each) for each in entry.outs.values()) else None


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
