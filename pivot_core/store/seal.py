"""Owns judging the state's file before LMDB, which trusts it blindly, maps it into memory.

A seal (``state.lmdb/seal``) holds the hash of ``data.mdb`` as its last writer left it. It is removed before the first
write and written again at the end, so that a file without one belongs to a writer that was killed or is still at work.
"""

import errno
import os

from pivot_core.errors import StoreError
from pivot_core.store import atomic, hashing


class Damaged(Exception):
    """The file cannot be believed; the text says why."""


def check(directory: str, *, is_alone: bool) -> bool:
    """Returns whether the seal is intact; raises `Damaged` for a file that must not be mapped, and ``OSError``.

    Where there is no seal, a writer (``is_alone``: nobody else may be writing) has the whole structure checked.
    """
    data = f"{directory}/data.mdb"
    if not os.path.lexists(data):
        return False
    if not os.path.isfile(data):
        raise Damaged("not a file")
    seal = _read(directory)
    if seal is not None:
        if _hash(data) == seal:
            return True
        if _read(directory) == seal:
            raise Damaged("changed by another program, or by the disk")
    elif is_alone and os.path.getsize(data) > 0:
        _check_structure(directory)
    return False


def write(directory: str) -> None:
    """Seals the file, which is closed. Without a seal the next writer checks more and is just as right."""
    try:
        found = hashing.hash_file(f"{directory}/data.mdb").hash
        atomic.write_file(f"{directory}/seal", f"{found}\n".encode(), mode=0o600)
    except StoreError:
        return


def remove(directory: str) -> None:
    """Breaks the seal before a write."""
    atomic.remove(f"{directory}/seal")


def _read(directory: str) -> str | None:
    try:
        with open(f"{directory}/seal", "rb") as file:
            return file.read(64).decode("ascii", "replace").strip()
    except OSError:
        return None


def _hash(path: str) -> str | None:
    """Hashes the file; ``None`` while another process writes it."""
    if not os.access(path, os.R_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
    try:
        return hashing.hash_file(path).hash
    except StoreError:
        return None


def _check_structure(directory: str) -> None:
    from lmdb import verify  # needed only after a kill

    try:
        problems: list[str] = verify.verify(directory)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] it is not annotated
    except (verify.VerifyError, ValueError, IndexError) as error:
        raise Damaged(str(error)) from error
    if problems:
        raise Damaged(problems[0])
