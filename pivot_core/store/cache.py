"""Owns the content-addressed cache: how bytes enter it and whether an object is what its name says.

Objects lie at ``files/<2 hex>/<30 hex>``, read-only, never wider than the file they came from. Getting them back into
the project is ``checkout``'s work.
"""

import contextlib
import errno
import fcntl
import os
import stat
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import override

import xxhash

from pivot_core.errors import StoreError
from pivot_core.model.artifact import Content, FileContent, Found, Missing, TreeContent
from pivot_core.model.ids import ContentHash
from pivot_core.store import atomic, content, hashing
from pivot_core.store.hashing import BLOCK, Signature
from pivot_core.store.ignore import Ignore
from pivot_core.store.layout import Layout

LINKS = ("reflink", "copy", "hardlink", "symlink")
"""The ways between cache and workspace; ``cache.link`` orders some of them."""

NO_LINK = (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP)
"""What a file system says that cannot link these two places."""

FICLONE = 0x40049409
_PARTIAL_KEPT_S = 3 * 24 * 3600
type Trusted = Callable[[ContentHash, Signature], bool]
"""Tells whether an object with this signature was hashed before, so that it need not be hashed again."""


class BadObject(StoreError):
    """A cache object is missing, or was not what its name says and has been set aside."""

    def __init__(self, content_hash: ContentHash, why: str, where: str = "") -> None:
        super().__init__(
            f"cache object {content_hash} {why}", where, "run the stage that makes it, or pull"
        )
        self.content_hash: ContentHash = content_hash
        self.why: str = why

    @override
    def __reduce__(self) -> tuple[type["BadObject"], tuple[ContentHash, str, str]]:
        return type(self), (self.content_hash, self.why, self.where)


class Cache:
    """One project's view of the cache; several processes may use it at once."""

    def __init__(self, layout: Layout, links: Sequence[str] = ("reflink", "copy")) -> None:
        self.layout: Layout = layout
        self.links: tuple[str, ...] = tuple(links)
        self.can_clone: bool = "reflink" in links and sys.platform == "linux"
        """Turns false once a file system refused to clone, so that it is asked only once."""

    # --- entering ------------------------------------------------------------------------------------------------

    def put(self, path: str, ignore: Ignore | None = None) -> Found:
        """Caches what lies at an absolute path, a file or a directory; raises ``StoreError``."""
        if os.path.isdir(path):
            return self.put_tree(path, ignore)
        return self.put_file(path) if os.path.lexists(path) else Missing()

    def put_tree(self, path: str, ignore: Ignore | None = None) -> TreeContent:
        """Caches every file of a directory."""
        return content.tree(
            tuple([(rel, self.put_file(full)) for rel, full in hashing.walk(path, ignore)])
        )

    def put_file(self, path: str) -> FileContent:
        """Hashes a file and makes sure that the cache holds its bytes; raises ``StoreError``.

        What is written to the cache is what was hashed, in one pass. Where ``links`` ask for hard or symbolic links,
        the file becomes a link to its object, unless it is executable: objects are not.
        """
        for _ in range(hashing.TRIES):
            fd, before = hashing.open_regular(path)
            try:
                if self._link is not None and not hashing.is_executable(before):
                    found = self._adopt(path, fd, self._link)
                elif before.st_size < BLOCK:
                    found = self._copy_in_small(fd, before)
                else:
                    found = self._copy_in(fd, before)
                if found is not None:
                    return found
            except OSError as error:
                raise atomic.store_error(error, "cache", path) from error
            finally:
                os.close(fd)
        raise hashing.unstable(path)

    # --- looking -------------------------------------------------------------------------------------------------

    def measure(self, path: str, ignore: Ignore | None = None) -> Found:
        """Hashes what lies at an absolute path without caching it; raises ``StoreError``."""
        if os.path.isdir(path):
            files = [(rel, hashing.hash_file(full)) for rel, full in hashing.walk(path, ignore)]
            return content.tree(tuple(files))
        return hashing.hash_file(path) if os.path.lexists(path) else Missing()

    def has(self, content_hash: ContentHash, size_bytes: int) -> bool:
        """Tells whether a regular file of the right size has the object's name; hashes nothing."""
        try:
            found = os.lstat(self.layout.object_path(content_hash))
        except OSError:
            return False
        return stat.S_ISREG(found.st_mode) and found.st_size == size_bytes

    def has_all(self, wanted: Content) -> bool:
        """Tells whether the cache has every file of a content."""
        if isinstance(wanted, FileContent):
            return self.has(wanted.hash, wanted.size_bytes)
        return all(self.has(file.hash, file.size_bytes) for _, file in wanted.files)

    def check(self, wanted: FileContent, trusted: Trusted | None = None) -> Signature | None:
        """Makes sure that an object is what its name says, hashing it unless its signature is trusted.

        Returns the signature of one that was hashed, ``None`` for a trusted one. Raises `BadObject` after setting a bad
        one aside.
        """
        path = self.layout.object_path(wanted.hash)
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise BadObject(wanted.hash, "is missing", path) from error
        except OSError as error:
            raise hashing.read_error(error, path) from error
        if not stat.S_ISREG(found.st_mode):
            raise self.bad(wanted.hash, "is not a regular file")
        if found.st_size != wanted.size_bytes:
            raise self.bad(wanted.hash, f"has {found.st_size} bytes, not {wanted.size_bytes}")
        sign = hashing.signature_of(found)
        if trusted is not None and trusted(wanted.hash, sign):
            return None
        if hashing.hash_file(path).hash != wanted.hash:
            raise self.bad(wanted.hash, "holds other bytes")
        return sign

    def verify(self) -> Iterator[tuple[ContentHash, str]]:
        """Hashes every object; yields each bad one with what is wrong. Nothing is set aside."""
        for name, path in self.objects():
            try:
                found = os.lstat(path)
                if not stat.S_ISREG(found.st_mode):
                    yield name, "is not a regular file"
                elif hashing.hash_file(path).hash != name:
                    yield name, "holds other bytes"
            except FileNotFoundError:
                continue
            except StoreError as error:
                yield name, error.what

    def objects(self) -> Iterator[tuple[ContentHash, str]]:
        """Yields the name and path of every object, sorted; what is named otherwise is none of ours."""
        hexadecimal = set("0123456789abcdef")
        for first in _names(self.layout.objects_dir):
            for rest in _names(f"{self.layout.objects_dir}/{first}"):
                if len(first) == 2 and len(rest) == 30 and hexadecimal.issuperset(first + rest):
                    yield ContentHash(first + rest), f"{self.layout.objects_dir}/{first}/{rest}"

    # --- healing -------------------------------------------------------------------------------------------------

    def set_aside(self, content_hash: ContentHash) -> None:
        """Moves an object to ``corrupt/``, where it is kept for a look but never handed out."""
        path = self.layout.object_path(content_hash)
        target = f"{self.layout.corrupt_dir}/{content_hash}"
        try:
            os.makedirs(self.layout.corrupt_dir, exist_ok=True)
            with contextlib.suppress(OSError):
                os.rmdir(target)
            with contextlib.suppress(FileNotFoundError):
                os.rename(path, target)
        except OSError:
            # Something else of that name lies there already (a directory): keep both.
            try:
                os.rename(path, atomic.tmp_name(self.layout.corrupt_dir))
            except OSError as error:
                raise atomic.store_error(error, "set aside the bad object", path) from error

    def bad(self, content_hash: ContentHash, why: str) -> BadObject:
        """Sets an object aside and returns the error that says so."""
        self.set_aside(content_hash)
        return BadObject(content_hash, why, f"{self.layout.corrupt_dir}/{content_hash}")

    def sweep(self) -> int:
        """Removes this project's unfinished objects; only the owner of the engine lock may.

        Unfinished downloads are kept to be gone on with, until nobody has touched them for days.
        """
        count = atomic.sweep(self.layout.cache_tmp_dir, self.layout.cache_tmp_prefix)
        for name in _names(self.layout.partial_dir):
            path = f"{self.layout.partial_dir}/{name}"
            with contextlib.suppress(OSError):
                if os.lstat(path).st_mtime < time.time() - _PARTIAL_KEPT_S:
                    os.unlink(path)
                    count += 1
        return count

    # --- inside --------------------------------------------------------------------------------------------------

    @cached_property
    def _link(self) -> str | None:
        """What a file of the workspace becomes when it is cached; ``None`` when it stays a file of its own."""
        if {"hardlink", "symlink"}.isdisjoint(self.links):
            return None  # without asking the file system, which every stage's process would do
        for link in self.links:
            if link in ("hardlink", "symlink"):
                return link
            if link == "copy" or self._clones_here():
                return None
        return None

    def _clones_here(self) -> bool:
        """Tries whether the cache's file system can clone files."""
        tmp, out = self._create_tmp(0o600)
        other_tmp, other = self._create_tmp(0o600)
        try:
            return clone(out, other)
        finally:
            os.close(out)
            os.close(other)
            atomic.remove(tmp)
            atomic.remove(other_tmp)

    def _adopt(self, path: str, fd: int, link: str) -> FileContent | None:
        """Makes the file itself the object, or a link to the one there is; ``None`` when it changed meanwhile."""
        is_own = not os.path.islink(path) and os.fstat(fd).st_nlink == 1
        if is_own:
            os.fchmod(fd, os.fstat(fd).st_mode & 0o444 | 0o400)
        before = os.fstat(fd)
        found = FileContent(hashing.hash_descriptor(fd, before.st_size), before.st_size)
        if not hashing.is_same_version(before, os.fstat(fd)):
            return None
        if not self.has(found.hash, found.size_bytes):
            if not (is_own and self._link_in(path, before, found.hash)):
                os.lseek(fd, 0, os.SEEK_SET)
                copied = self._copy_in(fd, before)
                if copied is None or copied.hash != found.hash:
                    return None
            elif link == "hardlink":
                return found
        self._link_out(path, found.hash, link)
        return found

    def _link_in(self, path: str, before: os.stat_result, content_hash: ContentHash) -> bool:
        """Gives the file a second name in the cache; false where the file systems do not allow it."""
        tmp = self._tmp_name()
        os.makedirs(self.layout.cache_tmp_dir, exist_ok=True)
        try:
            atomic.point("cache write")
            os.link(path, tmp, follow_symlinks=False)
            if not os.path.samestat(os.lstat(tmp), before):
                return False
            self._publish(tmp, content_hash)
        except OSError as error:
            if error.errno in NO_LINK:
                return False
            raise
        finally:
            atomic.remove(tmp)
        return True

    def _link_out(self, path: str, content_hash: ContentHash, link: str) -> None:
        """Replaces a file of the workspace by a link to its object; where that cannot be, the file stays."""
        target = self.layout.object_path(content_hash)
        is_same = os.path.exists(path) and os.path.samestat(os.stat(path), os.stat(target))
        if is_same and (link == "hardlink" or os.path.islink(path)):
            return
        tmp = atomic.tmp_name(self.layout.tmp_dir)
        os.makedirs(self.layout.tmp_dir, exist_ok=True)
        try:
            make_link(self.layout, content_hash, tmp, path, link)
            atomic.publish(tmp, path)
        except OSError as error:
            if error.errno not in NO_LINK:
                raise
        finally:
            atomic.remove(tmp)

    def _copy_in(self, fd: int, before: os.stat_result) -> FileContent | None:
        """Copies an open file into the cache; ``None`` when it changed meanwhile."""
        tmp, out = self._create_tmp(before.st_mode & 0o444 | 0o400)
        try:
            try:
                atomic.point("cache write")
                digest = self._fill(fd, out, before.st_size)
            finally:
                os.close(out)
            if not hashing.is_same_version(before, os.fstat(fd)):
                return None
            found = FileContent(digest, before.st_size, hashing.is_executable(before))
            if not self.has(found.hash, found.size_bytes):
                self._publish(tmp, found.hash)
            return found
        finally:
            atomic.remove(tmp)

    def _copy_in_small(self, fd: int, before: os.stat_result) -> FileContent | None:
        """The same through memory: an object that the cache has already is not written again."""
        data = os.read(fd, before.st_size + 1)
        if len(data) != before.st_size or not hashing.is_same_version(before, os.fstat(fd)):
            return None
        found = FileContent(hashing.hash_bytes(data), before.st_size, hashing.is_executable(before))
        if self.has(found.hash, found.size_bytes):
            return found
        tmp, out = self._create_tmp(before.st_mode & 0o444 | 0o400)
        try:
            try:
                atomic.point("cache write")
                atomic.write_all(out, data)
            finally:
                os.close(out)
            self._publish(tmp, found.hash)
        except BaseException:
            atomic.remove(tmp)
            raise
        return found

    def _fill(self, fd: int, out: int, size: int) -> ContentHash:
        """Brings the bytes of ``fd`` to ``out`` and hashes what was brought."""
        if self.can_clone:
            if clone(fd, out):
                return hashing.hash_descriptor(out, size)
            self.can_clone = False
        return copy_descriptor(fd, out, size)

    def _publish(self, tmp: str, content_hash: ContentHash) -> None:
        try:
            atomic.publish(tmp, self.layout.object_path(content_hash))
        except IsADirectoryError:
            self.set_aside(content_hash)
            atomic.publish(tmp, self.layout.object_path(content_hash))

    def _create_tmp(self, mode: int) -> tuple[str, int]:
        tmp = self._tmp_name()
        return tmp, atomic.create(tmp, mode)

    def _tmp_name(self) -> str:
        return atomic.tmp_name(self.layout.cache_tmp_dir, self.layout.cache_tmp_prefix)


def copy_descriptor(source: int, target: int, size: int) -> ContentHash:
    """Copies what is left in one open file to another; returns the hash of what was copied."""
    if size < BLOCK:
        data = os.read(source, size + 1)
        if len(data) == size:
            atomic.write_all(target, data)
            return hashing.hash_bytes(data)
        os.lseek(source, 0, os.SEEK_SET)
    digest = xxhash.xxh3_128()
    buffer = memoryview(bytearray(BLOCK))
    while count := os.readv(source, [buffer]):
        digest.update(buffer[:count])
        atomic.write_all(target, buffer[:count])
    return ContentHash(digest.hexdigest())


def clone(source: int, target: int) -> bool:
    """Lets an empty open file share the blocks of another; false where the file systems cannot."""
    try:
        fcntl.ioctl(target, FICLONE, source)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            raise
        return False
    return True


def make_link(
    layout: Layout,
    content_hash: ContentHash,
    tmp: str,
    final: str,
    link: str,
    dir_fd: int | None = None,
) -> None:
    """Makes at ``tmp`` a hard or symbolic link to an object that is right once renamed to ``final``.

    A symbolic link is relative where the cache lies in the project, so that a project can be moved. ``dir_fd`` is the
    directory of a relative ``tmp``. Raises ``OSError``.
    """
    target = layout.object_path(content_hash)
    if link == "hardlink":
        os.link(target, tmp, dst_dir_fd=dir_fd, follow_symlinks=False)
        return
    if target.startswith(layout.root + "/"):
        target = os.path.relpath(target, os.path.dirname(final))
    os.symlink(target, tmp, dir_fd=dir_fd)


def _names(directory: str) -> list[str]:
    try:
        return sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise hashing.read_error(error, directory) from error
