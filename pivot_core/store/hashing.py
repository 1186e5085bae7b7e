"""Owns content hashes, stat signatures and the walk over a directory's files; stores nothing.

A file is read through one descriptor, in blocks that stay in the processor's cache until they are hashed. Its stat is
compared before and after, so that a hash does not belong to a mixture of two versions; a single write that began before
the file was opened goes unseen, since its time is taken when it begins. Files are not mapped into memory: one that is
cut short meanwhile would end the process.
"""

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import xxhash

from pivot_core.errors import StoreError
from pivot_core.model.artifact import FileContent
from pivot_core.model.ids import ContentHash
from pivot_core.store.ignore import Ignore

BLOCK = 1 << 18
TRIES = 4
"""The first try and three more for a file that changes while it is read."""
_COARSE_MARGIN_NS = 2_000_000_000
_NEVER = frozenset((".git", ".pivot"))


class Signature(NamedTuple):
    """What one ``stat`` tells of a file; an equal one suggests equal bytes (see `is_settled`)."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int


def signature(path: str) -> Signature | None:
    """Returns the signature of the file or directory that ``path`` leads to; ``None`` when there is nothing."""
    try:
        return signature_of(os.stat(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            return None
        raise StoreError(f"cannot look at '{path}': {error.strerror}", path) from error


def signature_of(found: os.stat_result) -> Signature:
    """Picks a signature out of a stat result."""
    return Signature(
        found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev
    )


def fs_clock_ns(directory: str) -> int:
    """Returns what the file system of ``directory`` takes for the present, by touching a probe file there.

    Raises ``OSError`` when nothing can be written.
    """
    path = os.path.join(directory, ".clock")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, b"\n")
        return os.fstat(fd).st_mtime_ns
    finally:
        os.close(fd)


def is_settled(sign: Signature, clock_ns: int) -> bool:
    """Tells whether an equal signature will prove equal bytes.

    ``clock_ns`` was read (`fs_clock_ns`) before the bytes were hashed. Past the file's own times, every later change
    gets another time. Where times are whole seconds, two seconds must have passed.
    """
    newest = max(sign.mtime_ns, sign.ctime_ns)
    if sign.mtime_ns % 1_000_000_000 == 0 and sign.ctime_ns % 1_000_000_000 == 0:
        return clock_ns >= newest + _COARSE_MARGIN_NS
    return clock_ns > newest


def hash_bytes(data: bytes | bytearray | memoryview) -> ContentHash:
    """Returns the content hash of bytes in memory."""
    return ContentHash(xxhash.xxh3_128_hexdigest(data))


def tree_hash(files: Mapping[str, ContentHash]) -> ContentHash:
    """Combines per-file hashes into one hash for a directory.

    ``files`` maps a "/"-separated path inside the directory to the hash of that file; insertion order does not
    matter and an empty directory has a hash. Built like a git tree without modes: the sorted entries
    ``<hash> <path>``, each closed by a zero byte, which no path can hold.

    Raises ``ValueError`` for an absolute path.
    """
    digest = xxhash.xxh3_128(b"tree\0")
    for path in sorted(files):
        if path.startswith("/"):
            raise ValueError(f"an absolute path in a tree: {path!r:.200}")
        digest.update(f"{files[path]} {path}\0".encode("utf-8", "surrogateescape"))
    return ContentHash(digest.hexdigest())


def hash_file(path: str) -> FileContent:
    """Hashes a regular file, following symbolic links; raises ``StoreError``."""
    return hash_version(path)[0]


def hash_version(path: str) -> tuple[FileContent, Signature]:
    """The same with the signature that the file had while these bytes were read.

    A file that changes while it is read is read again, three times at most.
    """
    for _ in range(TRIES):
        fd, before = open_regular(path)
        try:
            digest = hash_descriptor(fd, before.st_size)
            sign = signature_of(before)
            if sign == signature_of(os.fstat(fd)):
                return FileContent(digest, before.st_size, is_executable(before)), sign
        except OSError as error:
            raise read_error(error, path) from error
        finally:
            os.close(fd)
    raise unstable(path)


def hash_descriptor(fd: int, size: int) -> ContentHash:
    """Hashes what a descriptor gives from where it stands; ``size`` is what is expected to come."""
    first = os.read(fd, size + 1) if size < BLOCK else b""
    if len(first) == size:
        return ContentHash(xxhash.xxh3_128_hexdigest(first))
    digest = xxhash.xxh3_128(first)
    buffer = memoryview(bytearray(BLOCK))
    while count := os.readv(fd, [buffer]):
        digest.update(buffer[:count])
    return ContentHash(digest.hexdigest())


def open_regular(path: str) -> tuple[int, os.stat_result]:
    """Opens a file for reading; returns its stat too. Never waits for a pipe and never touches a device.

    Raises ``StoreError``.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise read_error(error, path) from error
    found = os.fstat(fd)
    if stat.S_ISREG(found.st_mode):
        return fd, found
    os.close(fd)
    raise StoreError(
        f"'{path}' is not a regular file", path, "only files and directories can be tracked"
    )


def is_executable(found: os.stat_result) -> bool:
    """Tells whether the owner may execute the file."""
    return bool(found.st_mode & stat.S_IXUSR)


def is_same_version(before: os.stat_result, after: os.stat_result) -> bool:
    """Tells whether a file was left alone between two stats of one descriptor."""
    return signature_of(before) == signature_of(after)


def unstable(path: str) -> StoreError:
    """Says that a file kept changing while it was read."""
    return StoreError(
        f"unstable input: '{path}' keeps changing while it is read",
        path,
        "wait until whatever writes it is done, then run again",
    )


def read_error(error: OSError, path: str) -> StoreError:
    """Says that a file of the user's cannot be read."""
    reason = error.strerror or str(error)
    return StoreError(f"cannot read '{path}': {reason[:1].lower()}{reason[1:]}", path)


def walk(path: str, ignore: Ignore | None = None) -> Iterator[tuple[str, str]]:
    """Yields ``(path inside, absolute path)`` of every regular file below a directory, sorted by the former.

    Symbolic links are followed, except into a directory that is being walked already. ``.git``, ``.pivot``, pipes,
    sockets, devices and links that lead nowhere are passed over, and so is what ``ignore`` names; nothing else.
    Raises ``StoreError``.
    """
    for inside, full, is_dir in _visit(path, ignore):
        if not is_dir:
            yield inside, full


def directories(path: str, ignore: Ignore | None = None) -> Iterator[str]:
    """Yields the absolute path of every directory that ``walk`` lists, ``path`` itself first."""
    return (full for _, full, is_dir in _visit(path, ignore) if is_dir)


def _visit(path: str, ignore: Ignore | None) -> Iterator[tuple[str, str, bool]]:
    top = path.rstrip("/") or "/"
    rules = ignore.below(top) if ignore else None
    open_dirs = [_open_dir(top, "")]
    yield "", top, True
    while open_dirs:
        directory = open_dirs[-1]
        name, is_dir = next(directory.entries, ("", False))
        full = f"{directory.path}/{name}"
        if not name:
            open_dirs.pop()
        elif rules is not None and rules.is_excluded(full, is_dir):
            continue
        elif not is_dir:
            yield directory.inside + name, full, False
        else:
            below = _open_dir(full, f"{directory.inside}{name}/")
            if all(below.identity != above.identity for above in open_dirs):
                open_dirs.append(below)
                yield below.inside, full, True


class _Directory(NamedTuple):
    path: str
    inside: str
    identity: tuple[int, int]
    entries: Iterator[tuple[str, bool]]


def _open_dir(path: str, inside: str) -> _Directory:
    try:
        found = os.stat(path)
    except OSError as error:
        raise read_error(error, path) from error
    return _Directory(path, inside, (found.st_dev, found.st_ino), iter(_entries(path)))


def _entries(directory: str) -> list[tuple[str, bool]]:
    """Lists files and directories in the order of whole paths: a directory sorts with its closing ``/``."""
    found = list[tuple[str, bool]]()
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name in _NEVER:
                    continue
                try:
                    if entry.is_dir():
                        found.append((entry.name + "/", True))
                    elif entry.is_file():
                        found.append((entry.name, False))
                except OSError as error:
                    if error.errno != errno.ELOOP:
                        raise
    except OSError as error:
        raise read_error(error, directory) from error
    found.sort()
    return [(name.removesuffix("/"), is_dir) for name, is_dir in found]
