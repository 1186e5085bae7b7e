"""Owns what an artifact holds at one moment: a file, a directory of files, or nothing."""

from pivot_core.frozen import frozen
from pivot_core.model.ids import ContentHash


@frozen
class FileContent:
    """One file's bytes."""

    hash: ContentHash
    size_bytes: int
    executable: bool = False
    """Whether the owner may execute it; restored with the bytes, but no part of the hash."""


@frozen
class TreeContent:
    """A directory's files, sorted by path; empty directories do not count."""

    hash: ContentHash
    """Combines the members' hashes (``store.hashing.tree_hash``)."""
    files: tuple[tuple[str, FileContent], ...]
    """``(path inside the directory, content)`` with ``/`` as the separator."""

    @property
    def size_bytes(self) -> int:
        """The sum of the members' sizes."""
        return sum(content.size_bytes for _, content in self.files)


@frozen
class Missing:
    """Nothing lies at the path."""


type Content = FileContent | TreeContent
type Found = FileContent | TreeContent | Missing


def found_hash(found: Found) -> ContentHash | None:
    """Returns the content hash, or ``None`` when nothing lies at the path."""
    return None if isinstance(found, Missing) else found.hash
