"""Owns one batch: which objects must move, moving them side by side, what is told meanwhile, and what failed.

Which objects a remote has is asked of the remote, every time; there is no index that could be stale. ::

    wanted ── absent() ──► queue ──► jobs workers ── Connection.put / get
                                        │ meters        │ RemoteFault: the object is listed, the rest goes on
                               ticker ──┴──► Progress   └ one that ends the batch: the rest is listed with it
"""

import asyncio
import time
from bisect import bisect_right
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Iterable,
    Iterator,
    Mapping,
)
from dataclasses import replace

from pivot_core.errors import PivotError
from pivot_core.frozen import frozen
from pivot_core.model.ids import ContentHash
from pivot_core.remote.base import (
    OBJECTS,
    RUNS,
    Connection,
    Entry,
    Key,
    Meter,
    Remote,
    hash_of,
    object_key,
)
from pivot_core.remote.crew import crew, side_by_side
from pivot_core.remote.errors import ReadOnly, RemoteFault
from pivot_core.store.cache import BadObject, Cache

TICK_S = 0.25
"""Progress is told at most this often."""
SILENCE_S = 5.0
"""And at least this often, also when nothing moves."""
_HEADS_BELOW = 2
"""Where a page of a listing tells of fewer wanted objects than this, each is asked for alone."""
_PAGES_IN_A_ROW = 4
"""A longer listing is cut into ranges that are read side by side."""


@frozen
class Active:
    """An object that is being moved."""

    hash: ContentHash
    size_bytes: int
    bytes_done: int
    retries: int


@frozen
class Progress:
    """How far a batch is."""

    is_asking: bool
    """Which objects must move is not known yet; the totals are 0 until then."""
    files_done: int
    files_total: int
    bytes_done: int
    """Of whole objects and of those being moved."""
    bytes_total: int
    failed: int
    retries: int
    active: tuple[Active, ...]
    elapsed_s: float
    silent_s: float
    """How long ago a byte last moved."""


@frozen
class Failed:
    """One object that did not arrive."""

    hash: ContentHash
    size_bytes: int
    error: PivotError


type News = Progress | Failed
type Report = Callable[[News], None]
"""Called in the event loop; must not block."""
type NameKey = Callable[[ContentHash], Key]
"""`object_key` or `run_key`."""
type _Find = Callable[[], Awaitable[dict[ContentHash, int]]]
type _Move = Callable[[ContentHash, int, Meter], Awaitable[None]]


@frozen
class Summary:
    """How a batch ended."""

    moved: tuple[ContentHash, ...]
    bytes_moved: int
    present: int
    """Objects that were where they should be."""
    failed: tuple[Failed, ...]
    retries: int
    elapsed_s: float


async def push(
    connection: Connection,
    cache: Cache,
    wanted: Mapping[ContentHash, int],
    jobs: int,
    report: Report,
) -> Summary:
    """Makes sure that the remote has these objects; ``wanted`` gives the size of each.

    An object of the cache that is not what its name says is set aside and listed as failed. Raises ``RemoteFault`` when
    the remote cannot even be asked.
    """
    there = dict[ContentHash, int]()

    async def find() -> dict[ContentHash, int]:
        there.update(await present(connection, wanted, jobs))
        return {name: size for name, size in wanted.items() if there.get(name) != size}

    async def send(name: ContentHash, size: int, meter: Meter) -> None:
        path = cache.layout.object_path(name)
        try:
            if not cache.has(name, size):
                raise BadObject(name, "is missing", path)
            await connection.put(name, size, path, meter, replace=name in there)
        except BadObject as error:
            cache.set_aside(name)
            raise error

    return await _Batch(find, send, report).run(jobs, len(wanted))


def read_only(remote: Remote) -> ReadOnly:
    """Says that nothing may be pushed to a remote."""
    return ReadOnly(
        f"the remote '{remote.url}' is set to be read only",
        "",
        "push from where it is not, or change its `read_only`",
    )


async def fetch(
    connection: Connection,
    cache: Cache,
    wanted: Mapping[ContentHash, int],
    jobs: int,
    report: Report,
) -> Summary:
    """Makes sure that the cache has these objects; ``wanted`` gives the size of each.

    The remote is asked for nothing but the objects themselves.
    """

    async def find() -> dict[ContentHash, int]:
        return {name: size for name, size in wanted.items() if not cache.has(name, size)}

    async def bring(name: ContentHash, size: int, meter: Meter) -> None:
        path = cache.layout.object_path(name)
        await connection.get(name, size, path, cache.layout.partial_dir, meter)

    return await _Batch(find, bring, report).run(jobs, len(wanted))


async def present(
    connection: Connection,
    wanted: Mapping[ContentHash, int] | Iterable[ContentHash],
    jobs: int,
    name_key: NameKey = object_key,
) -> dict[ContentHash, int]:
    """Returns which of these objects the remote has, each with its size there, with as few requests as it takes.

    ``name_key`` is `run_key` where run-cache entries are meant.

    A listing gives a thousand keys at a time and can begin anywhere, so each page begins at the next wanted key: that
    takes no more requests than there are keys, nor than the whole listing has pages. Hashes are spread evenly, so the
    first page tells how dense they lie. Where a page would tell of one wanted key or none, each is asked for alone,
    side by side, which is quicker.
    """
    names = sorted(set(wanted))
    if len(names) < _HEADS_BELOW:
        return await _heads(connection, names, jobs, name_key)
    found, rest = await _walk(connection, names, name_key, pages=1)
    told = len(names) - len(rest)
    if rest and told >= _HEADS_BELOW:
        ranges = min(jobs, max(1, len(rest) // (told * _PAGES_IN_A_ROW)))
        step = -(-len(rest) // ranges)
        parts = [rest[begin : begin + step] for begin in range(0, len(rest), step)]
        async with crew() as group:
            walks = [group.create_task(_walk(connection, part, name_key)) for part in parts]
        rest = list[ContentHash]()
        for walk in walks:
            more, left = walk.result()
            found |= more
            rest += left
    return found | await _heads(connection, rest, jobs, name_key)


async def listing(connection: Connection, prefix: str) -> AsyncIterator[Entry]:
    """Yields everything under a prefix whose key is one of ours."""
    after, is_last = "", False
    while not is_last:
        page = await connection.page(prefix, after)
        for entry in page.entries:
            if hash_of(entry.key) is not None:
                yield entry
        is_last = page.is_last or page.entries[-1].key <= after
        after = page.entries[-1].key if page.entries else after


async def _walk(
    connection: Connection,
    names: list[ContentHash],
    name_key: NameKey,
    pages: int | None = None,
) -> tuple[dict[ContentHash, int], list[ContentHash]]:
    """Looks names up in pages that each begin at the next of them; returns also those that no page has told of."""
    keys = [name_key(name) for name in names]
    prefix = OBJECTS if name_key is object_key else RUNS
    wanted = set(names)
    found = dict[ContentHash, int]()
    at = 0
    while at < len(keys) and pages != 0:
        after = keys[at][:-1]
        page = await connection.page(prefix, after)
        for entry in page.entries:
            name = hash_of(entry.key)
            if name is not None and name in wanted:
                found[name] = entry.size_bytes
        if page.is_last:
            return found, []
        last = page.entries[-1].key
        if last <= after:
            break  # a service that lists from the beginning again
        at = max(at + 1, bisect_right(keys, last))
        pages = pages and pages - 1
    return found, names[at:]


async def _heads(
    connection: Connection, names: Iterable[ContentHash], jobs: int, name_key: NameKey
) -> dict[ContentHash, int]:
    queue = iter(tuple(names))
    found = dict[ContentHash, int]()

    async def ask() -> None:
        for name in queue:
            size = await connection.size(name_key(name))
            if size is not None:
                found[name] = size

    await side_by_side(ask, jobs)
    return found


class _Batch:
    """The objects of one batch, and what is known of each."""

    def __init__(self, find: _Find, move: _Move, report: Report) -> None:
        self._find: _Find = find
        self._move: _Move = move
        self._report: Report = report
        self._began: float = time.monotonic()
        self._objects: dict[ContentHash, int] | None = None
        self._active: dict[ContentHash, Meter] = {}
        self._moved: list[ContentHash] = []
        self._bytes_moved: int = 0
        self._failed: list[Failed] = []
        self._retries: int = 0
        self._end: RemoteFault | None = None

    async def run(self, jobs: int, wanted: int) -> Summary:
        """Moves everything; a cancelled batch has moved some objects whole and none by half."""
        ended = asyncio.Event()
        ticker = asyncio.create_task(self._tick(ended))
        try:
            objects = self._objects = await self._find()
            # The largest first: what is begun last then ends soon, and no single object is waited for.
            queue = iter(sorted(objects.items(), key=lambda item: -item[1]))
            async with crew() as group:
                for _ in range(min(jobs, len(objects))):
                    group.create_task(self._work(queue))
        finally:
            ended.set()
            await ticker
        return Summary(
            tuple(self._moved),
            self._bytes_moved,
            wanted - len(objects),
            tuple(self._failed),
            self._retries,
            time.monotonic() - self._began,
        )

    async def _work(self, queue: Iterator[tuple[ContentHash, int]]) -> None:
        for name, size in queue:
            if self._end is not None:
                self._fail(Failed(name, size, self._end))
                continue
            meter = self._active[name] = Meter()
            try:
                await self._move(name, size, meter)
            except PivotError as error:
                if isinstance(error, RemoteFault) and error.ends_batch:
                    self._end = self._end or error
                self._fail(Failed(name, size, error))
            else:
                self._moved.append(name)
                self._bytes_moved += size
            finally:
                del self._active[name]
                self._retries += meter.retries

    def _fail(self, failed: Failed) -> None:
        self._failed.append(failed)
        self._report(failed)

    async def _tick(self, ended: asyncio.Event) -> None:
        """Tells progress while there is some, and every few seconds that there is none."""
        told = self._progress()
        moved_at = told_at = time.monotonic()
        self._report(told)
        while not ended.is_set():
            try:
                async with asyncio.timeout(TICK_S):
                    await ended.wait()
            except TimeoutError:
                pass
            now = time.monotonic()
            current = self._progress()
            if current.bytes_done != told.bytes_done:
                moved_at = now
            is_news = replace(current, elapsed_s=0) != replace(told, elapsed_s=0)
            if is_news or now - told_at >= SILENCE_S:
                self._report(replace(current, silent_s=now - moved_at))
                told, told_at = current, now

    def _progress(self, silent_s: float = 0.0) -> Progress:
        objects = self._objects or {}
        active = tuple(
            [
                Active(name, objects[name], meter.bytes_done, meter.retries)
                for name, meter in self._active.items()
            ]
        )
        return Progress(
            is_asking=self._objects is None,
            files_done=len(self._moved),
            files_total=len(objects),
            bytes_done=self._bytes_moved + sum(each.bytes_done for each in active),
            bytes_total=sum(objects.values()),
            failed=len(self._failed),
            retries=self._retries + sum(each.retries for each in active),
            active=active,
            elapsed_s=time.monotonic() - self._began,
            silent_s=silent_s,
        )
