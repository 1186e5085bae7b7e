"""Owns every look that the analysis takes at the disk, so that a later run can tell whether it would see the same."""

import os
from collections.abc import Mapping

import xxhash

from pivot_core.model.ids import ContentHash

_PIECE = 1 << 20


def observe(path: str) -> ContentHash | None:
    """Returns what an entry of ``Files.seen`` would be now.

    The hash of the file's bytes; for a path that ends in ``/`` the hash of the names in that directory; ``None``
    where there is no such file or directory, or it cannot be read.
    """
    if path.endswith("/"):
        names = _names(path)
        return None if names is None else _hash("\n".join(sorted(names)).encode())
    data = _bytes(path)
    return None if data is None else _hash(data)


class Files:
    """Reads each file and directory once, and remembers what was there and what was not."""

    def __init__(self) -> None:
        self._seen: dict[str, ContentHash | None] = {}
        self._names: dict[str, frozenset[str]] = {}
        self.sought: set[str] = set()
        """Directories that were asked for, wherever they are, by name."""

    @property
    def seen(self) -> Mapping[str, ContentHash | None]:
        """Absolute path to what ``observe`` returned for it."""
        return self._seen

    def read(self, path: str) -> bytes | None:
        """Returns the bytes of a file, ``None`` when it cannot be read."""
        data = _bytes(path)
        self._seen[path] = None if data is None else _hash(data)
        return data

    def digest(self, path: str) -> ContentHash | None:
        """Returns the hash of a file of any size, ``None`` where there is no file."""
        if os.path.isdir(path):
            return None  # it may be anything; that a file takes its place is for another look
        if path not in self._seen:
            self._seen[path] = _hash_of(path)
        return self._seen[path]

    def has(self, directory: str, name: str) -> bool:
        """Whether a directory has an entry; what is absent is remembered as looked for."""
        if name in self.entries(directory):
            return True
        self.miss(os.path.join(directory, name))
        return False

    def miss(self, path: str) -> None:
        """Remembers a file that was looked for and is not there."""
        self._seen.setdefault(path, None)

    def has_directory(self, directory: str, name: str) -> bool:
        """Whether a directory has another one in it; only the name is remembered."""
        self.sought.add(name)
        return name in self.entries(directory) and os.path.isdir(os.path.join(directory, name))

    def listing(self, directory: str) -> frozenset[str]:
        """Returns the names in a directory, which is remembered as a whole."""
        key = directory.rstrip("/") + "/"
        if key not in self._seen:
            self._seen[key] = observe(key)
        return self.entries(directory)

    def entries(self, directory: str) -> frozenset[str]:
        """Returns the names in a directory without remembering that they were asked for."""
        names = self._names.get(directory)
        if names is None:
            names = self._names[directory] = _names(directory) or frozenset()
        return names


def _bytes(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None


def _hash_of(path: str) -> ContentHash | None:
    hasher = xxhash.xxh3_128()
    try:
        with open(path, "rb") as file:
            while piece := file.read(_PIECE):
                hasher.update(piece)
    except OSError:
        return None
    return ContentHash(hasher.hexdigest())


def _names(directory: str) -> frozenset[str] | None:
    """Byte code is left out: Python writes it whenever it likes."""
    try:
        return frozenset(name for name in os.listdir(directory) if name != "__pycache__")
    except OSError:
        return None


def _hash(data: bytes) -> ContentHash:
    return ContentHash(xxhash.xxh3_128_hexdigest(data))
