"""Owns the protocol of a remote: what every place for shared objects must be able to do, and how its keys are named.

A `Remote` is a place that was configured; `Remote.connect` opens it for one batch of requests. Keys are relative to
the place and the same everywhere::

    files/ab/cdef…   a cache object, named by its content hash
    runs/ab/cdef…    a run-cache entry, named by the hash of what went into the run
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import NewType, Protocol

from pivot_core.frozen import frozen
from pivot_core.model import ids
from pivot_core.model.ids import ContentHash

Key = NewType("Key", str)
"""Relative to the remote's place, POSIX."""

OBJECTS = "files/"
RUNS = "runs/"


def object_key(content_hash: ContentHash) -> Key:
    """Returns the key of a cache object."""
    return Key(f"{OBJECTS}{content_hash[:2]}/{content_hash[2:]}")


def run_key(name: ContentHash) -> Key:
    """Returns the key of a run-cache entry."""
    return Key(f"{RUNS}{name[:2]}/{name[2:]}")


def hash_of(key: str) -> ContentHash | None:
    """Returns the hash that a key of either kind stands for; ``None`` for a key that is none of ours."""
    for prefix in (OBJECTS, RUNS):
        if key.startswith(prefix):
            first, slash, rest = key.removeprefix(prefix).partition("/")
            if len(first) != 2 or not slash:
                return None
            try:
                return ids.content_hash(first + rest)
            except ValueError:
                return None
    return None


@frozen
class Entry:
    """One line of a listing."""

    key: Key
    size_bytes: int
    modified_s: float
    """Seconds since 1970, by the remote's clock."""


@frozen
class Page:
    """Some lines of a listing, sorted by key."""

    entries: tuple[Entry, ...]
    is_last: bool
    """Nothing follows under the prefix; otherwise the next page begins after the last key of this one."""


@frozen
class Upload:
    """An upload that was begun and not finished, perhaps by a process that was killed."""

    key: Key
    """What it would become."""
    name: str
    """Tells it from others of the same key."""
    begun_s: float
    """Seconds since 1970, by the remote's clock."""


@dataclass(slots=True)
class Meter:
    """How far one object is; written by whoever moves it, read by whoever draws it."""

    bytes_done: int = 0
    """Falls back when an object must be begun anew."""
    retries: int = 0
    stop: bool = field(default=False, repr=False)
    """Asks a thread that moves bytes to give up."""


class Verdict(Enum):
    """What a check of a remote found."""

    GOOD = "good"
    BAD = "bad"
    """Transfers will fail."""
    MISSING = "missing"
    """The service does not have it; transfers do without."""


@frozen
class Finding:
    """One line of `Remote.check`."""

    subject: str
    """``credentials``, ``bucket``, ``write``, ``read``, ``checksums`` or ``conditions``."""
    verdict: Verdict
    detail: str
    hint: str = ""
    """What mends it; empty where nothing must be."""


class Connection(Protocol):
    """A remote, open for one batch; used by many tasks at once.

    Every method retries what can be retried and raises a ``RemoteFault`` for what is left, a ``StoreError`` for
    trouble on this machine.
    """

    async def page(self, prefix: str, after: str = "") -> Page:
        """Lists the first keys under a prefix that sort behind ``after``; one request."""
        ...

    async def size(self, key: Key) -> int | None:
        """Returns an object's size, ``None`` when there is no such object."""
        ...

    async def get(
        self, wanted: ContentHash, size_bytes: int, target: str, scratch: str, meter: Meter
    ) -> None:
        """Brings a cache object to ``target``, whole and hashed, or raises.

        ``scratch`` is a directory on the same file system for what is not whole yet; an interrupted download goes on
        from there.
        """
        ...

    async def put(
        self,
        wanted: ContentHash,
        size_bytes: int,
        source: str,
        meter: Meter,
        *,
        replace: bool = False,
    ) -> None:
        """Sends the file at ``source``, whose bytes must hash to ``wanted``: another file raises ``BadObject``.

        Unless ``replace`` is set, one of the right size that is there already stays, where the remote can promise that.
        """
        ...

    async def read(self, key: Key) -> bytes | None:
        """Returns a small object, ``None`` when there is none."""
        ...

    async def write(self, key: Key, data: bytes) -> None:
        """Writes a small object, over one that is there."""
        ...

    async def delete(self, keys: Sequence[Key]) -> None:
        """Removes objects; one that is gone already is no error."""
        ...

    async def uploads(self) -> tuple[Upload, ...]:
        """Returns the unfinished uploads of objects of ours, oldest first."""
        ...

    async def abort(self, upload: Upload) -> None:
        """Throws away an unfinished upload."""
        ...


class Remote(Protocol):
    """A place for shared objects; holds no connection of its own."""

    @property
    def url(self) -> str:
        """What is shown; holds no secret."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether the configuration forbids writing there."""
        ...

    async def make(self, *, is_real: bool) -> bool:
        """Makes the place, or only tells whether that would be done: it is missing, and nobody else has to make it."""
        ...

    def connect(self, jobs: int) -> AbstractAsyncContextManager[Connection]:
        """Opens the place for one batch of at most ``jobs`` requests at a time."""
        ...

    def check(self) -> AsyncIterator[Finding]:
        """Tries everything that a transfer needs, one finding after the other; ends behind one that is bad."""
        ...
