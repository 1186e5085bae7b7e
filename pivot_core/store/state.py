"""Owns the LMDB of what this machine knows: a cache of facts, rebuilt whenever it cannot be believed.

Every record is a key with one of these prefixes and a JSON value, closed by a checksum (docs/formats.md):

========== ===================================== ========================================================
prefix     after it                              holds
========== ===================================== ========================================================
hash:      an artifact's path                    signature and content of each file, as last looked at
object:    a cache object's hash                 the signature under which it was found good
plan:      ``current``                           the last plan and all that it rests on
gen:       an artifact's path                    how often its content has changed, and its hash
dep:       a stage                               generations and lock file after its last result
runcache:  hash of code, params and dep hashes   the outs that they gave
dur:       a stage                               how long it took, the last times
wrote:     an artifact's path                    which stage wrote it last, in which run, and when
packages:  a hash                                the installed packages that results were made with
excerpt:   first digits of a hash                source texts of symbols (`store.excerpt`)
========== ===================================== ========================================================

The engine is the only writer and holds its lock; commands that only look open the state read-only. The file is written
without fsync: a killed process loses nothing, and after a power loss whatever rests on stat signatures since the last
barrier is dropped.
"""

import errno
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping

import lmdb

from pivot_core.errors import StoreError
from pivot_core.model.ids import Json
from pivot_core.store import atomic, place, record, seal
from pivot_core.store.layout import Layout
from pivot_core.store.seal import Damaged

FORMAT = 1
PLAN = "plan:current"
"""The key of the last plan."""
SIGNED = ("hash:", "object:", "plan:", "gen:")
"""Prefixes of records that a stat signature vouches for: worthless when the machine crashed after the last barrier."""

_FIRST_MAP_BYTES = 16 << 20
_TRIES = 64
_HEADER = b"header"
_DAMAGE = (
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.InvalidError,
    lmdb.VersionMismatchError,
    lmdb.PanicError,
    lmdb.IncompatibleError,
)


class State:
    """What is known, by key. Safe to use from several threads; one process may have one open per project."""

    def __init__(
        self,
        layout: Layout,
        *,
        read_only: bool,
        notices: list[str] | None,
        max_bytes: int,
        boot_id: str,
    ) -> None:
        self._path: str = layout.state_path
        self._root: str = layout.root
        self._is_writable: bool = not read_only
        self._notices: list[str] = [] if notices is None else notices
        self._max_bytes: int = max_bytes
        self._boot_id: str = boot_id
        self._env: lmdb.Environment | None = None
        self._overlay: dict[bytes, bytes | None] = {}
        """Records put while the file cannot be written."""
        self._hidden: tuple[bytes, ...] = ()
        """Prefixes that a reader must not believe."""
        self._lock: threading.RLock = threading.RLock()
        self._is_sealed: bool = False
        self._is_noted: bool = False
        """Whether the header in the file says that there are commits of this boot after the last barrier."""
        self._commits: int = 0

    @classmethod
    def open(
        cls,
        layout: Layout,
        *,
        read_only: bool = False,
        notices: list[str] | None = None,
        max_bytes: int = 1 << 30,
        boot_id: str | None = None,
    ) -> "State":
        """Opens the project's state; never raises for what it finds there.

        Without ``read_only`` the caller holds the engine's lock: a damaged state is then moved aside and begun anew.
        One that cannot be opened or written is replaced by memory for the time being. What the user should know of
        either is appended to ``notices``, a line each.
        """
        state = cls(
            layout,
            read_only=read_only,
            notices=notices,
            max_bytes=max_bytes,
            boot_id=boot_id or atomic.boot_id(),
        )
        state._connect()
        return state

    # --- reading -------------------------------------------------------------------------------------------------

    def get(self, key: str) -> Json:
        """Returns a record; ``None`` when there is none, or none that can be believed."""
        return self.get_many((key,))[0]

    def get_many(self, keys: Iterable[str]) -> list[Json]:
        """Returns the records of several keys, in their order."""
        names = [record.name_of(key) for key in keys]
        with self._lock:
            found = self._read(lambda txn: [txn.get(name) for name in names], [None] * len(names))
        values = [self._value(name, stored) for name, stored in zip(names, found, strict=True)]
        return [
            value[1] if b"\0" in name and isinstance(value, list) else value
            for name, value in zip(names, values, strict=True)
        ]

    def scan(self, prefix: str) -> Iterator[tuple[str, Json]]:
        """Yields all records whose key begins with ``prefix``, sorted, as they were when the scan began."""
        start = prefix.encode("utf-8", "surrogatepass")
        with self._lock:
            stored = dict[bytes, bytes | None](self._read(lambda txn: _range(txn, start), []))
            stored.update(dict.fromkeys(name for name in self._overlay if name.startswith(start)))
        stored.pop(_HEADER, None)
        for name in sorted(stored):
            value = self._value(name, stored[name])
            if b"\0" in name and isinstance(value, list):
                yield str(value[0]), value[1]
            elif value is not None:
                yield name.decode("utf-8", "surrogatepass"), value

    # --- writing -------------------------------------------------------------------------------------------------

    def put(self, items: Mapping[str, Json | None]) -> None:
        """Writes all of ``items`` or nothing; ``None`` deletes. Raises ``StoreError`` when the disk is full.

        Without items the file stays as it is.
        """
        if not items:
            return
        records = {
            (name := record.name_of(key)): None
            if value is None
            else record.closed(key, name, value)
            for key, value in items.items()
        }
        with self._lock:
            self._write(records)

    def barrier(self) -> None:
        """Waits until all that was written to the project's disk would survive a power loss, and notes that it would.

        May be called from a thread of its own. Raises ``StoreError``.
        """
        with self._lock:
            commits = self._commits
        try:
            atomic.barrier(self._root)
        except OSError as error:
            raise atomic.store_error(error, "flush", self._root) from error
        with self._lock:
            if self._env is None or not self._is_writable or commits != self._commits:
                return
            if self._is_noted:
                self._write({_HEADER: self._header(is_clean=True)})
                self._guard(lambda env: env.sync(True))
                self._is_noted = False

    def close(self) -> None:
        """Closes the file, and seals it so that the next one to open it can tell that nobody touched it."""
        with self._lock:
            env, self._env = self._env, None
            if env is None:
                return
            env.close()
            if self._is_writable and not self._is_sealed:
                seal.write(self._path)

    # --- opening -------------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        if not self._is_writable and not os.path.lexists(self._path):
            return
        try:
            self._open_env()
        except (Damaged, *_DAMAGE) as error:
            self._rebuild(f"is damaged ({error})")
        except (lmdb.Error, OSError) as error:
            self._env = None
            doing = "written" if self._is_writable else "read"
            self._notices.append(
                f"state cannot be {doing} ({_reason(error)}): going on without keeping it"
            )
            if self._is_writable:
                # Readable is better than nothing: what is put meanwhile stays in memory.
                self._is_writable = False
                count = len(self._notices)
                self._connect()
                del self._notices[count:]

    def _open_env(self) -> None:
        if os.path.lexists(self._path) and not os.path.isdir(self._path):
            raise Damaged("not a directory")
        if self._is_writable:
            os.makedirs(self._path, mode=0o700, exist_ok=True)
        self._is_sealed = seal.check(self._path, is_alone=self._is_writable)
        try:
            self._env = self._lmdb_open(lock=True)
        except lmdb.Error as error:
            if self._is_writable or error.code not in (errno.EACCES, errno.EROFS, errno.EPERM):
                raise
            self._env = self._lmdb_open(lock=False)
        try:
            if self._is_writable:
                self._env.reader_check()
            self._check_header(self._env)
        except BaseException:
            self._env.close()
            self._env = None
            raise

    def _lmdb_open(self, *, lock: bool) -> lmdb.Environment:
        return lmdb.open(
            self._path,
            map_size=min(_FIRST_MAP_BYTES, self._max_bytes),
            readonly=not self._is_writable,
            create=self._is_writable,
            sync=False,
            metasync=False,
            mode=0o600,
            max_readers=512,
            lock=lock,
        )

    def _check_header(self, env: lmdb.Environment) -> None:
        with env.begin() as txn:
            pages = env.info()["last_pgno"] + 1
            if os.path.getsize(f"{self._path}/data.mdb") < pages * env.stat()["psize"]:
                raise Damaged("cut short")
            stored = txn.get(_HEADER)
            is_empty = env.stat()["entries"] == 0
        header = record.opened(_HEADER, stored)
        if header is None and is_empty:
            return
        if not isinstance(header, dict) or "format" not in header or header["format"] != FORMAT:
            raise Damaged("written by another version")
        is_this_boot = header["boot"] == self._boot_id != "unknown"
        if header["clean"] is True or is_this_boot:
            self._is_noted = is_this_boot and header["clean"] is False
        elif self._is_writable:
            self._drop_signed(env)
        else:
            self._hidden = tuple([prefix.encode() for prefix in SIGNED])

    def _drop_signed(self, env: lmdb.Environment) -> None:
        self._break_seal()
        with env.begin(write=True) as txn:
            for prefix in SIGNED:
                for name, _ in _range(txn, prefix.encode()):
                    txn.delete(name)
            txn.put(_HEADER, self._header(is_clean=False))
        self._is_noted = True

    def _rebuild(self, why: str) -> None:
        """Moves the file aside and begins anew; a reader goes on without."""
        if self._env is not None:
            self._env.close()
            self._env = None
        self._hidden, self._is_sealed, self._is_noted = (), False, False
        if not self._is_writable:
            self._notices.append(f"state {why}: going on without")
            return
        bad = self._path + ".bad"
        try:
            place.remove_tree(bad)
            os.rename(self._path, bad)
            self._open_env()
        except (OSError, lmdb.Error, Damaged) as error:
            self._env = None
            self._is_writable = False
            self._notices.append(f"state {why} and cannot be begun anew ({_reason(error)})")
            return
        self._notices.append(f"state {why}: begun anew, no result is lost (old one: {bad})")

    # --- transactions --------------------------------------------------------------------------------------------

    def _read[T](self, read: Callable[["lmdb.Transaction[bytes]"], T], nothing: T) -> T:
        for _ in range(2):
            if self._env is None:
                break
            try:
                with self._env.begin() as txn:
                    return read(txn)
            except lmdb.MapResizedError:
                self._env.set_mapsize(0)
            except lmdb.ReadersFullError:
                self._env.reader_check()
            except _DAMAGE as error:
                self._rebuild(f"is damaged ({error})")
            except lmdb.Error as error:
                self._give_up(error)
        return nothing

    def _write(self, records: Mapping[bytes, bytes | None]) -> None:
        self._break_seal()

        def commit(env: lmdb.Environment) -> None:
            atomic.point("state commit")
            with env.begin(write=True) as txn:
                if not self._is_noted and _HEADER not in records:
                    txn.put(_HEADER, self._header(is_clean=False))
                for name, stored in records.items():
                    if stored is None:
                        txn.delete(name)
                    else:
                        txn.put(name, stored)
            atomic.passed("state committed")

        if not self._guard(commit):
            self._overlay.update(records)
            return
        self._is_noted = True
        self._commits += 1

    def _guard(self, write: Callable[[lmdb.Environment], None]) -> bool:
        """Runs a write until it succeeds, growing the map or beginning anew on the way; false without a file."""
        for _ in range(_TRIES):
            if self._env is None or not self._is_writable:
                break
            try:
                write(self._env)
                return True
            except lmdb.MapFullError:
                self._grow(self._env)
            except lmdb.MapResizedError:
                self._env.set_mapsize(0)
            except _DAMAGE as error:
                self._rebuild(f"is damaged ({error})")
            except lmdb.Error as error:
                if error.code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
                    found = OSError(error.code, os.strerror(error.code))
                    raise atomic.store_error(found, "write", self._path) from error
                self._give_up(error)
            except OSError as error:
                raise atomic.store_error(error, "write", self._path) from error
        return False

    def _grow(self, env: lmdb.Environment) -> None:
        size = env.info()["map_size"]
        if size < self._max_bytes:
            env.set_mapsize(min(size * 2, self._max_bytes))
        elif env.stat()["entries"] > 1:
            self._rebuild(f"reached its limit of {self._max_bytes >> 20} MiB (state.max_bytes)")
        else:
            raise StoreError(
                f"a record does not fit into the state's {self._max_bytes:,} bytes",
                self._path,
                "raise 'state.max_bytes'",
            )

    def _give_up(self, error: lmdb.Error) -> None:
        """Goes on in memory after an error that is neither damage nor a full disk."""
        if self._env is not None:
            self._env.close()
            self._env = None
        self._notices.append(f"state cannot be used ({_reason(error)}): going on without")

    # --- records -------------------------------------------------------------------------------------------------

    def _break_seal(self) -> None:
        if self._is_sealed:
            seal.remove(self._path)
            self._is_sealed = False

    def _header(self, *, is_clean: bool) -> bytes:
        header: Json = {"format": FORMAT, "boot": self._boot_id, "clean": is_clean}
        return record.closed("header", _HEADER, header)

    def _value(self, name: bytes, stored: bytes | None) -> Json:
        """Returns what is known under a name; ``stored`` is what the file holds."""
        if name in self._overlay:
            return record.opened(name, self._overlay[name])
        return None if name.startswith(self._hidden) else record.opened(name, stored)


def _range(txn: "lmdb.Transaction[bytes]", prefix: bytes) -> list[tuple[bytes, bytes]]:
    found = list[tuple[bytes, bytes]]()
    with txn.cursor() as cursor:
        if cursor.set_range(prefix):
            for name, stored in cursor:
                if not name.startswith(prefix):
                    break
                found.append((name, stored))
    return found


def _reason(error: Exception) -> str:
    if isinstance(error, lmdb.Error):
        return error.reason or str(error)
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
