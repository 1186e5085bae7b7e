"""Owns a download that is not whole yet: its bytes, which parts of it are there, and its way into the cache.

Beside the bytes lies a journal, ``<hash>.parts``: what was downloaded before the process was killed is not downloaded
again. A part that is in the journal but not on the disk (a power loss) is found by the hash of the whole.
"""

import contextlib
import fcntl
import os
from collections.abc import Sequence

import xxhash

from pivot_core.model.ids import ContentHash
from pivot_core.store import atomic
from pivot_core.store.hashing import BLOCK

_HEADER = "pivot-parts 1"


class Partial:
    """One download under way; every method blocks."""

    def __init__(self, path: str, fd: int, journal: int | None, done: set[int]) -> None:
        self.path: str = path
        self.done: set[int] = done
        """Indices of the parts that are there."""
        self._fd: int = fd
        self._journal: int | None = journal
        self._digest: xxhash.xxh3_128 = xxhash.xxh3_128()
        self._hashed: int = 0

    @classmethod
    def resume(cls, scratch: str, name: ContentHash, size_bytes: int, part_bytes: int) -> "Partial":
        """Goes on with the download of an object, or begins it; one that another process is at is left to it."""
        path = f"{scratch}/{name}"
        try:
            os.makedirs(scratch, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise atomic.store_error(error, "write", path) from error
        if not _lock(fd, path):
            os.close(fd)
            path = atomic.tmp_name(scratch)
            return cls(path, _create(path), None, set())
        try:
            return cls(path, fd, *_journal(path + ".parts", fd, size_bytes, part_bytes))
        except OSError as error:
            os.close(fd)
            raise atomic.store_error(error, "write", path) from error

    def write(self, chunks: Sequence[bytes], offset: int) -> None:
        """Writes bytes at a place."""
        try:
            atomic.point("cache write")
            for chunk in chunks:
                data = memoryview(chunk)
                while data:
                    count = os.pwrite(self._fd, data, offset)
                    data, offset = data[count:], offset + count
        except OSError as error:
            raise atomic.store_error(error, "write", self.path) from error

    def record(self, part: int) -> None:
        """Notes that all bytes of a part are written."""
        self.done.add(part)
        if self._journal is not None:
            with contextlib.suppress(OSError):  # without the note it is downloaded again
                os.write(self._journal, f"{part}\n".encode())

    def hash_up_to(self, end: int) -> None:
        """Hashes what follows what was hashed before; called as parts become whole, in order."""
        buffer = memoryview(bytearray(BLOCK))
        try:
            while self._hashed < end:
                count = os.preadv(self._fd, [buffer[: end - self._hashed]], self._hashed)
                if not count:
                    return
                self._digest.update(buffer[:count])
                self._hashed += count
        except OSError as error:
            raise atomic.store_error(error, "read", self.path) from error

    @property
    def hash(self) -> ContentHash:
        """Of all that was hashed."""
        return ContentHash(self._digest.hexdigest())

    def publish(self, target: str) -> None:
        """Moves the whole file to its place, read-only, and ends the download."""
        try:
            os.fchmod(self._fd, os.fstat(self._fd).st_mode & 0o444)
            atomic.remove(self.path + ".parts")
            atomic.publish(self.path, target)
        except OSError as error:
            raise atomic.store_error(error, "write", target) from error
        self._release()

    def start_over(self) -> None:
        """Forgets all that was downloaded."""
        self._digest.reset()
        self._hashed = 0
        self.done.clear()
        try:
            os.ftruncate(self._fd, 0)
            if self._journal is not None:
                header = os.pread(self._journal, 100, 0).partition(b"\n")[0] + b"\n"
                os.ftruncate(self._journal, 0)
                os.write(self._journal, header)
        except OSError as error:
            raise atomic.store_error(error, "write", self.path) from error

    def close(self) -> None:
        """Ends the download; what is there is kept for the next try."""
        if self._fd >= 0:
            if self._journal is None:
                atomic.remove(self.path)
            self._release()

    def _release(self) -> None:
        os.close(self._fd)
        self._fd = -1
        if self._journal is not None:
            os.close(self._journal)


def land(chunks: Sequence[bytes], scratch: str, target: str) -> None:
    """Writes a small object that is in memory, whole and hashed, to its place, read-only."""
    tmp = atomic.tmp_name(scratch)
    try:
        atomic.point("cache write")
        fd = atomic.create(tmp, 0o444)
        try:
            for chunk in chunks:
                atomic.write_all(fd, chunk)
        finally:
            os.close(fd)
        atomic.publish(tmp, target)
    except OSError as error:
        atomic.remove(tmp)
        raise atomic.store_error(error, "write", target) from error


def _create(path: str) -> int:
    try:
        return atomic.create(path, 0o644)
    except OSError as error:
        raise atomic.store_error(error, "write", path) from error


def _lock(fd: int, path: str) -> bool:
    """Takes the file for this process; false when another has it, or has just moved it into the cache."""
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except OSError:
        return False


def _journal(path: str, fd: int, size_bytes: int, part_bytes: int) -> tuple[int, set[int]]:
    """Opens the journal; returns it and the parts that it names, if they are of the same object and size."""
    journal = os.open(
        path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644
    )
    header = f"{_HEADER} {size_bytes} {part_bytes}"
    with open(path, "rb") as file:
        first, *lines = file.read().decode("ascii", "replace").split("\n")
    parts = {int(line) for line in lines[:-1] if line.isdecimal() and len(line) < 10}
    ends = [min((part + 1) * part_bytes, size_bytes) for part in parts]
    if first == header and max(ends, default=0) <= os.fstat(fd).st_size <= size_bytes:
        return journal, {part for part in parts if part * part_bytes < size_bytes}
    os.ftruncate(journal, 0)
    os.ftruncate(fd, 0)
    os.write(journal, f"{header}\n".encode())
    return journal, set()
