"""Owns what a remote could give to a decision: run-cache entries that others left there, and objects.

Asked from the threads that look, answered by way of the event loop's connection.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, cast

from pivot_core.engine.holdings import files
from pivot_core.engine.remotes import run_name
from pivot_core.errors import PivotError
from pivot_core.model import ids
from pivot_core.model.artifact import Content
from pivot_core.model.ids import ContentHash, Json
from pivot_core.model.lock import RunCacheEntry
from pivot_core.store import content, hashing
from pivot_core.store.cache import Cache

if TYPE_CHECKING:
    from pivot_core.remote.base import Connection, Remote

SCHEMA = 2
MAX_BYTES = 10_000_000
_WAIT_S = 120.0

type Warn = Callable[[str], None]
"""Told in one sentence of what a person should know and that fails nothing."""


class Distant:
    """One remote, for the time of a block."""

    def __init__(self, remote: "Remote", cache: Cache, jobs: int, warn: Warn) -> None:
        self._remote = remote
        self._cache = cache
        self._jobs = jobs
        self._warn = warn
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

        name = run_name(key)
        try:
            data = await (await self.connection()).read(run_key(name))
            entry = None if data is None else believed(name, data, self._warn)
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


def render(name: ContentHash, entry: Json) -> bytes:
    """Returns the bytes of a run-cache entry on a remote; ``entry`` is the state's record."""
    record = {"schema": SCHEMA, "hash": ids.HASH_ALGORITHM, "run": name, "outs": entry}
    return _dumped({**record, "digest": hashing.hash_bytes(_dumped(record))})


def believed(name: ContentHash, data: bytes, warn: Warn) -> RunCacheEntry | None:
    """Returns the entry of a name in the bytes that a remote gave; ``None`` for what counts as none."""
    try:
        return parse(name, data)
    except ValueError as error:
        warn(f"run-cache entry {name} of the remote is damaged and does not count: {error}")
        return None


def parse(name: ContentHash, data: bytes) -> RunCacheEntry | None:
    """Returns the entry of a name in the bytes that a remote gave; ``None`` for one of another version.

    Raises ``ValueError`` for anything that is no sound entry, or that of another name.
    """
    if len(data) > MAX_BYTES:
        raise ValueError("it is too large")
    try:
        given = cast("object", json.loads(data))
        if not isinstance(given, dict):
            raise ValueError("it is no record")
        record = cast("dict[str, object]", given)
        if (record["schema"], record["hash"]) != (SCHEMA, ids.HASH_ALGORITHM):
            return None
        if record.pop("digest") != hashing.hash_bytes(_dumped(record)):
            raise ValueError("it is not what was written")
        if record["run"] != name:
            raise ValueError("it is that of another run")
        outs = cast("dict[str, object]", record["outs"])
        return RunCacheEntry(
            {ids.inside_project(path): content.from_json(each) for path, each in outs.items()}
        )
    except (KeyError, AttributeError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError("it is no record") from error
    except json.JSONDecodeError as error:
        raise ValueError("it is no JSON") from error


def _dumped(record: Mapping[str, object]) -> bytes:
    return json.dumps(record, sort_keys=True, separators=(",", ":")).encode()


def objects_of(entry: RunCacheEntry) -> dict[ContentHash, tuple[str, int]]:
    """Returns path and size of each object that an entry names."""
    return {
        file.hash: (path, file.size_bytes)
        for out, each in entry.outs.items()
        for path, file in files(out, each)
    }
