"""Owns opening the bytes of artifacts as of a revision: from workspace, git, cache or, where it must, a remote."""

import asyncio
import io
from collections.abc import Callable, Iterable, Mapping
from typing import BinaryIO

from pivot_core.engine.remotes import reach
from pivot_core.engine.revision import Lying, Source, Stored
from pivot_core.errors import RemoteError, StoreError
from pivot_core.model.artifact import FileContent
from pivot_core.model.ids import ContentHash
from pivot_core.store import hashing
from pivot_core.store.cache import Cache
from pivot_core.store.config import Config
from pivot_core.store.layout import Layout
from pivot_core.store.repository import Blob, Repository

_SMALL = 1 << 20


class Opener:
    """Gives the bytes behind sources; what only a remote has is fetched into the cache first."""

    def __init__(
        self,
        here: Layout,
        config: Config,
        cache: Cache,
        repository: Repository,
        say: Callable[[str], None],
    ) -> None:
        """``say`` is told what is fetched."""
        self._here = here
        self._config = config
        self._cache = cache
        self._repository = repository
        self._say = say
        self._small: dict[str, bytes] = {}

    def prepare(self, sources: Iterable[Source]) -> None:
        """Fetches what the cache lacks, all at once, if there is a remote; reads small files of git in one go.

        To be called from a thread without an event loop. Raises ``RemoteError`` for a remote that cannot be asked; an
        object that it lacks is missed when it is opened.
        """
        lacking, blobs = dict[ContentHash, int](), list[Blob]()
        for source in sources:
            match source:
                case Stored(file):
                    if not self._cache.has(file.hash, file.size_bytes):
                        lacking[file.hash] = file.size_bytes
                case Blob():
                    if source.size_bytes <= _SMALL and source.object_id not in self._small:
                        blobs.append(source)
                case Lying():
                    pass
        read = self._repository.read(blobs)
        self._small.update(zip((blob.object_id for blob in blobs), read, strict=True))
        if lacking and self._config.remotes:
            asyncio.run(self._fetch(lacking))

    def open(self, path: str, source: Source) -> BinaryIO:
        """Opens the bytes; raises ``StoreError`` for those that cannot be had, or are not what their name says."""
        match source:
            case Lying(place):
                fd, _ = hashing.open_regular(place)
                return open(fd, "rb")
            case Blob():
                data = self._small.get(source.object_id)
                return self._repository.open(source) if data is None else io.BytesIO(data)
            case Stored(file):
                if not self._cache.has(file.hash, file.size_bytes):
                    raise self._lost(path, file)
                self._cache.check(file)
                return open(self._here.object_path(file.hash), "rb")

    def digest(self, path: str, source: Source) -> ContentHash:
        """Returns the content hash of the bytes."""
        match source:
            case Lying(place):
                return hashing.hash_file(place).hash
            case Stored(file):
                return file.hash
            case Blob():
                data = self._small.get(source.object_id)
                if data is not None:
                    return hashing.hash_bytes(data)
                with self.open(path, source) as file:
                    return hashing.hash_descriptor(file.fileno(), source.size_bytes)

    def _lost(self, path: str, file: FileContent) -> StoreError:
        where = "neither cache nor remote" if self._config.remotes else "not in the cache"
        return StoreError(
            f"the bytes of '{path}' are {'in ' if self._config.remotes else ''}{where}",
            f"object {file.hash}",
            "have whoever made it push it" if self._config.remotes else "name a remote that has it",
        )

    async def _fetch(self, lacking: Mapping[ContentHash, int]) -> None:
        from pivot_core.remote import transfer
        from pivot_core.remote.errors import Absent

        known, row, remote = reach(self._here, self._config, None)
        count = f"{len(lacking)} object{'' if len(lacking) == 1 else 's'}"
        self._say(f"fetching {count} from {row.name}")
        async with remote.connect(known.jobs) as connection:
            summary = await transfer.fetch(connection, self._cache, lacking, known.jobs, _unheard)
        for failed in summary.failed:
            if isinstance(failed.error, RemoteError) and not isinstance(failed.error, Absent):
                raise failed.error


def _unheard(_news: object) -> None:
    """Takes what a transfer reports; these are few objects."""
