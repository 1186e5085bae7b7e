"""Owns putting cached contents in their place in the project, each file whole, never through a symbolic link.

A file is made in ``.pivot/tmp`` and renamed over its place; where that is on another file system it is made beside it.
A directory is brought to hold exactly the files of its content, one file after the other: those that are right already
stay as they are.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Sequence

from pivot_core.errors import StoreError
from pivot_core.model.artifact import Content, FileContent, TreeContent
from pivot_core.model.ids import ArtifactPath, ContentHash
from pivot_core.store import atomic, cache, hashing, place
from pivot_core.store.cache import Cache, Trusted
from pivot_core.store.hashing import Signature
from pivot_core.store.ignore import Ignore
from pivot_core.store.place import Place

type Verified = list[tuple[ContentHash, Signature]]
"""Objects that were hashed and found good, with the signature under which they need not be hashed again."""


def restore(
    source: Cache,
    path: ArtifactPath,
    content: Content,
    *,
    links: Sequence[str] | None = None,
    trusted: Trusted | None = None,
    ignore: Ignore | None = None,
) -> Verified:
    """Makes ``path`` hold ``content``; whatever lies there is replaced.

    ``links`` are tried in order (default: those of the cache); copying always works. Copies are writable, links are
    not. In a directory, files that ``ignore`` names are left alone. Returns the objects that were hashed on the way.

    Raises `BadObject` when the cache cannot give an object that is what its name says (it is set aside then), and
    ``StoreError``.
    """
    order = tuple(source.links if links is None else links)
    work = _Restore(source, order, trusted)
    root = source.layout.root
    try:
        with place.opened(root, path, create=True) as there:
            if there is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
            if isinstance(content, FileContent):
                work.put(there, content)
            else:
                fd = place.open_directory(there)
                try:
                    _fill(work, fd, there.path, _nested(content), ignore)
                finally:
                    os.close(fd)
    except OSError as error:
        raise atomic.store_error(error, "restore", source.layout.absolute(path)) from error
    return work.verified


type _Level = dict[str, FileContent | _Level]
"""A directory: its files, and its directories' levels."""


def _nested(content: TreeContent) -> _Level:
    top: _Level = {}
    for path, file in content.files:
        *directories, name = path.split("/")
        level = top
        for directory in directories:
            below = level.setdefault(directory, {})
            if isinstance(below, FileContent):
                raise StoreError(f"'{directory}' is both a file and a directory", path)
            level = below
        if level.setdefault(name, file) is not file:
            raise StoreError(f"'{name}' is both a file and a directory", path)
    return top


def _fill(work: "_Restore", fd: int, absolute: str, level: _Level, ignore: Ignore | None) -> None:
    """Makes an open directory hold exactly ``level``; directories that are not part of it go once they are empty."""
    rules = ignore.below(absolute) if ignore is not None else None
    with os.scandir(fd) as entries:
        present = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_dir in present:
        full = f"{absolute}/{name}"
        if name in level or (rules is not None and rules.is_excluded(full, is_dir)):
            continue
        if is_dir:
            _fill_below(work, fd, full, {}, ignore)
            with contextlib.suppress(OSError):
                os.rmdir(name, dir_fd=fd)
        else:
            os.unlink(name, dir_fd=fd)
    for name, wanted in level.items():
        full = f"{absolute}/{name}"
        if isinstance(wanted, FileContent):
            work.put_unless_same(Place(fd, name, full), wanted)
        else:
            _fill_below(work, fd, full, wanted, ignore)


def _fill_below(
    work: "_Restore", fd: int, absolute: str, level: _Level, ignore: Ignore | None
) -> None:
    below = place.descend(fd, os.path.basename(absolute))
    try:
        _fill(work, below, absolute, level, ignore)
    finally:
        os.close(below)


class _Restore:
    """Puts single files in place for one call of `restore`."""

    def __init__(self, source: Cache, order: tuple[str, ...], trusted: Trusted | None) -> None:
        self._source: Cache = source
        self._order: tuple[str, ...] = order
        self._trusted: Trusted | None = trusted
        self._is_beside: bool = False
        self.verified: Verified = []

    def put_unless_same(self, there: Place, content: FileContent) -> None:
        found = there.look()
        if (
            found is None
            or not stat.S_ISREG(found.st_mode)
            or found.st_size != content.size_bytes
            or hashing.hash_file(there.path) != content
        ):
            self.put(there, content)

    def put(self, there: Place, content: FileContent) -> None:
        """Makes the file and renames it to its place."""
        if not self._is_beside:
            tmp = atomic.tmp_name(self._source.layout.tmp_dir)
            os.makedirs(self._source.layout.tmp_dir, exist_ok=True)
            if self._put_through(tmp, there, content):
                return
            self._is_beside = True
        tmp = os.path.basename(atomic.tmp_name(""))
        beside = f"{os.path.dirname(there.path)}/{tmp}"
        note = atomic.note_beside(self._source.layout.tmp_dir, beside)
        try:
            self._put_through(tmp, there, content)
        finally:
            atomic.remove(note)

    def _put_through(self, tmp: str, there: Place, content: FileContent) -> bool:
        """Puts a file in place by way of ``tmp``; false when that is on another file system.

        A relative ``tmp`` is relative to the directory of the place.
        """
        try:
            atomic.point("restore")
            linked = self._make(tmp, there, content)
            atomic.point("rename")
            found = there.look()
            if found is not None and stat.S_ISDIR(found.st_mode):
                there.clear()
            os.rename(tmp, there.name, src_dir_fd=there.fd, dst_dir_fd=there.fd)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.unlink(tmp, dir_fd=there.fd)
            if isinstance(error, OSError) and error.errno == errno.EXDEV and tmp.startswith("/"):
                return False
            raise
        if linked is not None:
            # Renaming one hard link over another of the same file does nothing and leaves both.
            with contextlib.suppress(FileNotFoundError):
                os.unlink(tmp, dir_fd=there.fd)
        self._renew(content, linked)
        atomic.passed("restored")
        return True

    def _make(self, tmp: str, there: Place, content: FileContent) -> Signature | None:
        """Makes the file in the first of the wanted ways that works; a copy when none does.

        Returns the good object's signature where that file is a link to it.
        """
        for link in self._order:
            if link == "copy":
                break
            if link == "reflink":
                if self._clone(tmp, there, content):
                    return None
            elif not content.executable:
                self._check(content)
                before = hashing.signature(self._source.layout.object_path(content.hash))
                if self._link(tmp, there, content, link):
                    return before
        self._copy(tmp, there, content)
        return None

    def _link(self, tmp: str, there: Place, content: FileContent, link: str) -> bool:
        try:
            cache.make_link(self._source.layout, content.hash, tmp, there.path, link, there.fd)
        except OSError as error:
            if error.errno not in cache.NO_LINK:
                raise
            return False
        return True

    def _renew(self, content: FileContent, before: Signature | None) -> None:
        """Reports an object's new signature: another hard link moves its change time and nothing else."""
        if before is None:
            return
        after = hashing.signature(self._source.layout.object_path(content.hash))
        if after and before != after == before._replace(ctime_ns=after.ctime_ns):
            self.verified.append((content.hash, after))

    def _check(self, content: FileContent) -> None:
        sign = self._source.check(content, self._trusted)
        if sign is not None:
            self.verified.append((content.hash, sign))

    def _clone(self, tmp: str, there: Place, content: FileContent) -> bool:
        if not self._source.can_clone:
            return False
        self._check(content)
        source, found = self._open(content)
        try:
            target = _create(tmp, there, found, content)
            try:
                if cache.clone(source, target):
                    return True
            finally:
                os.close(target)
        finally:
            os.close(source)
        os.unlink(tmp, dir_fd=there.fd)
        self._source.can_clone = False
        return False

    def _copy(self, tmp: str, there: Place, content: FileContent) -> None:
        """Copies the object and hashes what is copied: a bad one is never handed out."""
        source, found = self._open(content)
        try:
            target = _create(tmp, there, found, content)
            try:
                digest = cache.copy_descriptor(source, target, found.st_size)
            finally:
                os.close(target)
        finally:
            os.close(source)
        if digest != content.hash:
            raise self._source.bad(content.hash, "holds other bytes")
        self.verified.append((content.hash, hashing.signature_of(found)))

    def _open(self, content: FileContent) -> tuple[int, os.stat_result]:
        """Opens an object that looks right: a regular file of the right size."""
        path = self._source.layout.object_path(content.hash)
        self._source.check(content, _anything)
        return hashing.open_regular(path)


def _anything(_hash: ContentHash, _signature: Signature) -> bool:
    return True


def _create(tmp: str, there: Place, source: os.stat_result, content: FileContent) -> int:
    """Creates the file of a copy: writable for its owner, otherwise no wider than the object."""
    mode = source.st_mode & 0o444 | 0o200
    if content.executable:
        mode |= (source.st_mode & 0o444) >> 2
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    return os.open(tmp, flags, mode, dir_fd=there.fd)
