"""Owns writing files whole: temporary file, rename, durability points and barriers; knows nothing of their content.

Temporary names begin with ``.pivot-tmp-`` and lie in a directory of ours, or beside their target. A durability point
is a moment between two changes of the disk at which a test may end the process or fill the disk::

    PIVOT_FAULT=crash:7          the process ends, exit code 137, at the 7th point
    PIVOT_FAULT=enospc:7         the 7th point raises ENOSPC
    PIVOT_FAULT_COUNTER=FILE     counts over all processes that share the file: each point appends one byte
"""

import contextlib
import errno
import itertools
import os
import sys

from pivot_core.errors import StoreError, UsageError

TMP_PREFIX = ".pivot-tmp-"
_NOTE_PREFIX = "beside-"

_serial = itertools.count()
_points = itertools.count(1)


def write_file(path: str, data: bytes, *, mode: int = 0o644, tmp_dir: str | None = None) -> None:
    """Puts ``data`` at ``path`` so that a reader sees the old file or the new one, never a part.

    ``mode`` is narrowed by the umask. Missing parent directories are made. ``tmp_dir`` must be on the same file
    system; without it the temporary file lies beside the target. Raises ``StoreError``.
    """
    tmp = tmp_name(tmp_dir or os.path.dirname(path))
    try:
        point("write")
        fd = create(tmp, mode)
        try:
            write_all(fd, data)
        finally:
            os.close(fd)
        publish(tmp, path)
    except OSError as error:
        remove(tmp)
        raise store_error(error, "write", path) from error


def create(path: str, mode: int) -> int:
    """Creates a new file and opens it for reading and writing; its directory is made when missing."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        return os.open(path, flags, mode)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return os.open(path, flags, mode)


def write_all(fd: int, data: bytes | memoryview) -> None:
    """Writes every byte, however often the kernel takes only a part."""
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, memoryview(data)[written:])


def publish(tmp: str, target: str) -> None:
    """Renames a complete temporary file to its place, whose directory is made when missing; raises ``OSError``."""
    point("rename")
    try:
        os.rename(tmp, target)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(tmp, target)
    passed("renamed")


def tmp_name(directory: str, prefix: str = TMP_PREFIX) -> str:
    """Returns an unused path in ``directory`` for a file that will be renamed."""
    return f"{directory}/{prefix}{os.getpid()}-{next(_serial)}"


def remove(path: str) -> None:
    """Removes a file of ours; one that is gone, or cannot be removed, is left to the next sweep."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def note_beside(tmp_dir: str, tmp: str) -> str:
    """Notes in ``tmp_dir`` that a temporary file lies elsewhere, beside its target; returns the note's path."""
    note = tmp_name(tmp_dir, _NOTE_PREFIX)
    fd = create(note, 0o600)
    try:
        write_all(fd, os.fsencode(tmp))
    finally:
        os.close(fd)
    return note


def sweep(directory: str, prefix: str = TMP_PREFIX) -> int:
    """Removes the files in ``directory`` that an ended process left behind, noted ones too; returns how many.

    The caller owns the prefix: no other live process may be writing such a file.
    """
    try:
        names = os.listdir(directory)
    except OSError:
        return 0
    for name in names:
        if name.startswith(_NOTE_PREFIX):
            _remove_noted(os.path.join(directory, name))
    stale = [name for name in names if name.startswith((prefix, _NOTE_PREFIX))]
    for name in stale:
        remove(os.path.join(directory, name))
    return len(stale)


def point(name: str) -> None:
    """Marks the moment before a change of the disk; may raise ``OSError`` as a full disk would."""
    if "PIVOT_FAULT" in os.environ:
        _fault(name, is_before=True)


def passed(name: str) -> None:
    """Marks the moment after a change that cannot fail any more; counts like `point`."""
    if "PIVOT_FAULT" in os.environ:
        _fault(name, is_before=False)


def barrier(path: str) -> None:
    """Waits until all that was written to the file system of ``path`` would survive a power loss.

    Raises ``OSError``.
    """
    import ctypes  # only the engine needs it

    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        syncfs = getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None)
        if syncfs is None:
            os.sync()
            os.fsync(fd)
        elif syncfs(fd) != 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code), path)
    finally:
        os.close(fd)


def boot_id() -> str:
    """Returns a text that differs after each start of the machine; ``unknown`` where the system has none."""
    try:
        with open("/proc/sys/kernel/random/boot_id", "rb") as file:
            return file.read().decode("ascii").strip()
    except OSError:
        pass
    if sys.platform != "darwin":
        return "unknown"
    import ctypes  # only here

    size = ctypes.c_size_t(64)
    buffer = ctypes.create_string_buffer(64)
    libc = ctypes.CDLL(None)
    name = b"kern.bootsessionuuid"
    if libc.sysctlbyname(name, buffer, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
        return "unknown"
    return buffer.value.decode("ascii", "replace")


def store_error(error: OSError, doing: str, path: str) -> StoreError:
    """Says that ``doing`` (a verb) failed on ``path``, why, and for a full disk how much is free."""
    hint = ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = f"free some space: {_free_space(path)}"
    elif error.errno in (errno.EACCES, errno.EPERM):
        hint = "check the owner and permissions of the file and its directory"
    elif error.errno == errno.EROFS:
        hint = "the file system is mounted read-only"
    reason = error.strerror or str(error)
    return StoreError(f"cannot {doing} '{path}': {reason[:1].lower()}{reason[1:]}", path, hint)


def _remove_noted(note: str) -> None:
    with contextlib.suppress(OSError), open(note, "rb") as file:
        path = os.fsdecode(file.read(8192))
        if os.path.basename(path).startswith(TMP_PREFIX):
            remove(path)


def _free_space(path: str) -> str:
    while not os.path.isdir(path):
        path = os.path.dirname(path) or "/"
    disk = os.statvfs(path)
    return f"{disk.f_bavail * disk.f_frsize / 2**20:,.1f} MiB are free on the disk of '{path}'"


def _fault(name: str, *, is_before: bool) -> None:
    kind, _, number = os.environ["PIVOT_FAULT"].partition(":")
    if kind not in ("crash", "enospc") or not number.isdecimal():
        raise UsageError("PIVOT_FAULT is neither 'crash:<n>' nor 'enospc:<n>'", "the environment")
    if _count() != int(number):
        return
    if kind == "crash":
        os._exit(137)
    if is_before:
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} (PIVOT_FAULT at '{name}')")


def _count() -> int:
    counter = os.environ.get("PIVOT_FAULT_COUNTER")
    if not counter:
        return next(_points)
    fd = os.open(counter, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, b".")
        return os.lseek(fd, 0, os.SEEK_CUR)
    finally:
        os.close(fd)
