"""Owns the remote that is a directory on a disk: for teams with a shared one, and for trying things offline.

Files appear there by rename and are never changed, so that several machines may use it at once. What is being written
lies in ``tmp/`` under the name that it will have.
"""

import asyncio
import contextlib
import errno
import os
import stat
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import override

import xxhash

from pivot_core.errors import PivotError
from pivot_core.model.ids import ContentHash
from pivot_core.remote.address import Address
from pivot_core.remote.base import (
    OBJECTS,
    RUNS,
    Connection,
    Entry,
    Finding,
    Key,
    Meter,
    Page,
    Remote,
    Upload,
    Verdict,
    hash_of,
    object_key,
)
from pivot_core.remote.errors import (
    Absent,
    Corrupt,
    Denied,
    Interrupted,
    NoBucket,
    Refused,
    RemoteFault,
)
from pivot_core.store import atomic, hashing
from pivot_core.store.cache import BadObject

_THREADS = 8
"""A disk gains nothing from more at a time."""
_BLOCK = 1 << 20
_MARK = "~"
"""Between the key and the serial of an unfinished file; no key of ours has one."""

type _Blame = Callable[[OSError, str], PivotError]


class DirectoryRemote(Remote):
    """A directory; once it is in use it must stay, for a share that was unmounted must not become another one."""

    def __init__(self, address: Address, path: str) -> None:
        self._address: Address = address
        self._path: str = path

    @property
    @override
    def url(self) -> str:
        return self._path

    @property
    @override
    def read_only(self) -> bool:
        return self._address.read_only

    @override
    async def make(self, *, is_real: bool) -> bool:
        return await asyncio.to_thread(self._make, is_real)

    def _make(self, is_real: bool) -> bool:
        parent = os.path.dirname(self._path)
        if os.path.lexists(self._path) or not os.access(parent, os.W_OK | os.X_OK):
            return False
        try:
            if is_real:
                os.mkdir(self._path)
        except OSError:
            return False  # whoever uses it now says what is wrong
        return True

    @override
    @contextlib.asynccontextmanager
    async def connect(self, jobs: int) -> AsyncGenerator[Connection]:
        with ThreadPoolExecutor(min(jobs, _THREADS), "remote") as threads:
            yield _DirectoryConnection(self._address.name, self._path, threads)

    @override
    async def check(self) -> AsyncGenerator[Finding]:
        async with self.connect(1) as connection:
            key, data = Key(f"tmp/check{_MARK}{uuid.uuid4().hex}"), os.urandom(64)
            try:
                await connection.page(OBJECTS)
                yield Finding("bucket", Verdict.GOOD, f"'{self._path}' is a directory")
                if self.read_only:
                    return
                await connection.write(key, data)
                yield Finding("write", Verdict.GOOD, "a file was written")
                if await connection.read(key) != data:
                    yield Finding("read", Verdict.BAD, "the file reads back as something else")
                    return
                yield Finding("read", Verdict.GOOD, "and read back as it was")
            except RemoteFault as error:
                subject = "bucket" if isinstance(error, NoBucket) else "write"
                yield Finding(subject, Verdict.BAD, error.what, error.hint)
            finally:
                with contextlib.suppress(RemoteFault):
                    await connection.delete([key])


class _DirectoryConnection(Connection):
    def __init__(self, name: str, root: str, threads: ThreadPoolExecutor) -> None:
        self._name: str = name
        self._root: str = root
        self._threads: ThreadPoolExecutor = threads

    @override
    async def page(self, prefix: str, after: str = "") -> Page:
        return await self._do(self._page, prefix, after)

    @override
    async def size(self, key: Key) -> int | None:
        return await self._do(self._size, key)

    @override
    async def get(
        self, wanted: ContentHash, size_bytes: int, target: str, scratch: str, meter: Meter
    ) -> None:
        source = self._at(object_key(wanted))
        tmp = atomic.tmp_name(scratch)
        try:
            fd = await self._do(self._open, source, wanted)
            found = await self._copy(fd, tmp, meter, self._blame, _blame_here)
            if found != wanted or meter.bytes_done != size_bytes:
                raise Corrupt(
                    f"object {wanted} holds other bytes on the remote",
                    source,
                    "remove it there and push it again from where it is whole",
                )
            await self._do(_publish, tmp, target, _blame_here)
        finally:
            atomic.remove(tmp)

    @override
    async def put(
        self,
        wanted: ContentHash,
        size_bytes: int,
        source: str,
        meter: Meter,
        *,
        replace: bool = False,
    ) -> None:
        key = object_key(wanted)
        if not replace and await self.size(key) == size_bytes:
            meter.bytes_done = size_bytes
            return
        tmp = f"{self._root}/tmp/{key.replace('/', '.')}{_MARK}{uuid.uuid4().hex}"
        try:
            fd, _ = await self._do(hashing.open_regular, source)
            found = await self._copy(fd, tmp, meter, _blame_here, self._blame)
            if found != wanted:
                raise BadObject(wanted, "holds other bytes", source)
            await self._do(_publish, tmp, self._at(key), self._blame)
        finally:
            atomic.remove(tmp)

    @override
    async def read(self, key: Key) -> bytes | None:
        return await self._do(self._read, key)

    @override
    async def write(self, key: Key, data: bytes) -> None:
        await self._do(self._write, key, data)

    @override
    async def delete(self, keys: Sequence[Key]) -> None:
        await self._do(self._delete, tuple(keys))

    @override
    async def uploads(self) -> tuple[Upload, ...]:
        return await self._do(self._uploads)

    @override
    async def abort(self, upload: Upload) -> None:
        await self._do(self._delete, (Key(f"tmp/{upload.name}"),))

    # --- in a thread ---------------------------------------------------------------------------------------------

    async def _do[*A, R](self, work: Callable[[*A], R], *args: *A) -> R:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *args)

    async def _copy(
        self, fd: int, tmp: str, meter: Meter, blame_in: _Blame, blame_out: _Blame
    ) -> ContentHash:
        """Copies an open file, which is closed, to a new one; a cancelled copy leaves nothing behind."""
        work = asyncio.ensure_future(self._do(_copy, fd, tmp, meter, blame_in, blame_out))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            meter.stop = True
            await asyncio.gather(work, return_exceptions=True)
            raise

    def _page(self, prefix: str, after: str) -> Page:
        found = list[Entry]()
        for top in (OBJECTS, RUNS):
            if top.startswith(prefix) or prefix.startswith(top):
                found += self._entries(top, prefix)
        found = [entry for entry in found if entry.key.startswith(prefix) and entry.key > after]
        return Page(tuple(sorted(found, key=lambda entry: entry.key)), is_last=True)

    def _entries(self, top: str, prefix: str) -> list[Entry]:
        first = prefix.removeprefix(top)[:2]
        entries = list[Entry]()
        for name in self._names(top):
            if not name.startswith(first) and first:
                continue
            for rest in self._names(f"{top}{name}"):
                key = Key(f"{top}{name}/{rest}")
                if hash_of(key) is None:
                    continue
                with contextlib.suppress(FileNotFoundError):
                    size, modified_s = self._stat(key)
                    entries.append(Entry(key, size, modified_s))
        return entries

    def _names(self, inside: str) -> list[str]:
        path = self._at(inside)
        try:
            return os.listdir(path)
        except (FileNotFoundError, NotADirectoryError) as error:
            if not os.path.isdir(self._root):
                raise _no_directory(self._root) from error
            return []
        except OSError as error:
            raise self._blame(error, path) from error

    def _stat(self, key: str) -> tuple[int, float]:
        """Raises ``FileNotFoundError`` where no regular file is."""
        path = self._at(key)
        try:
            found = os.lstat(path)
        except NotADirectoryError as error:
            raise FileNotFoundError(path) from error
        except PermissionError as error:
            raise self._blame(error, path) from error
        if not stat.S_ISREG(found.st_mode):
            raise FileNotFoundError(path)
        return found.st_size, found.st_mtime

    def _size(self, key: Key) -> int | None:
        try:
            return self._stat(key)[0]
        except FileNotFoundError as error:
            if not os.path.isdir(self._root):
                raise _no_directory(self._root) from error
            return None

    def _open(self, path: str, wanted: ContentHash) -> int:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
        except (FileNotFoundError, NotADirectoryError) as error:
            if not os.path.isdir(self._root):
                raise _no_directory(self._root) from error
            raise absent(wanted, path) from error
        except OSError as error:
            raise self._blame(error, path) from error
        if stat.S_ISREG(os.fstat(fd).st_mode):
            return fd
        os.close(fd)
        raise absent(wanted, path)

    def _read(self, key: Key) -> bytes | None:
        path = self._at(key)
        try:
            with open(path, "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            if not os.path.isdir(self._root):
                raise _no_directory(self._root) from error
            return None
        except OSError as error:
            raise self._blame(error, path) from error

    def _write(self, key: Key, data: bytes) -> None:
        tmp = f"{self._root}/tmp/{key.replace('/', '.')}{_MARK}{uuid.uuid4().hex}"
        try:
            fd = self._create(tmp)
            try:
                atomic.write_all(fd, data)
            finally:
                os.close(fd)
            atomic.publish(tmp, self._at(key))
        except OSError as error:
            raise self._blame(error, self._at(key)) from error
        finally:
            atomic.remove(tmp)

    def _create(self, path: str) -> int:
        if not os.path.isdir(self._root):
            raise _no_directory(self._root)
        return atomic.create(path, 0o644)

    def _delete(self, keys: tuple[Key, ...]) -> None:
        for key in keys:
            try:
                os.unlink(self._at(key))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise self._blame(error, self._at(key)) from error

    def _uploads(self) -> tuple[Upload, ...]:
        found = list[Upload]()
        for name in self._names("tmp"):
            key = name.partition(_MARK)[0].replace(".", "/")
            if hash_of(key) is not None:
                with contextlib.suppress(FileNotFoundError):
                    found.append(Upload(Key(key), name, self._stat(f"tmp/{name}")[1]))
        return tuple(sorted(found, key=lambda upload: upload.begun_s))

    def _at(self, inside: str) -> str:
        return f"{self._root}/{inside}"

    def _blame(self, error: OSError, path: str) -> RemoteFault:
        """Says what went wrong on the remote's side."""
        if not os.path.isdir(self._root):
            return _no_directory(self._root)
        reason = (error.strerror or str(error)).lower()
        match error.errno:
            case errno.EACCES | errno.EPERM | errno.EROFS:
                return Denied(
                    f"the remote '{self._name}' may not be used: {reason}",
                    path,
                    "ask its owner for permission to read and write there",
                )
            case errno.EIO | errno.ESTALE | errno.ETIMEDOUT:
                return Interrupted(f"the remote '{self._name}' failed: {reason}", path)
            case _:
                return Refused(f"the remote '{self._name}' failed: {reason}", path)


def absent(wanted: ContentHash, where: str) -> Absent:
    """Says that an object is not on the remote."""
    return Absent(
        f"object {wanted} is not on the remote",
        where,
        "push it from a machine that has it, or run the stage that makes it",
    )


def _no_directory(path: str) -> NoBucket:
    return NoBucket(
        f"the directory '{path}' of the remote does not exist",
        path,
        "mount it; the first push makes it where its parent is there",
    )


def _blame_here(error: OSError, path: str) -> PivotError:
    return atomic.store_error(error, "copy", path)


def _copy(fd: int, tmp: str, meter: Meter, blame_in: _Blame, blame_out: _Blame) -> ContentHash:
    digest = xxhash.xxh3_128()
    buffer = memoryview(bytearray(_BLOCK))
    meter.bytes_done = 0
    try:
        try:
            out = atomic.create(tmp, 0o644)
        except OSError as error:
            raise blame_out(error, tmp) from error
        try:
            while not meter.stop:
                try:
                    count = os.readv(fd, [buffer])
                except OSError as error:
                    raise blame_in(error, tmp) from error
                if not count:
                    break
                digest.update(buffer[:count])
                try:
                    atomic.write_all(out, buffer[:count])
                except OSError as error:
                    raise blame_out(error, tmp) from error
                meter.bytes_done += count
            os.fchmod(out, os.fstat(out).st_mode & 0o444)
        finally:
            os.close(out)
    finally:
        os.close(fd)
    return ContentHash(digest.hexdigest())


def _publish(tmp: str, target: str, blame: _Blame) -> None:
    try:
        atomic.publish(tmp, target)
    except OSError as error:
        raise blame(error, target) from error
