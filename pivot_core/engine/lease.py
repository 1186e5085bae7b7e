"""Owns the right to be the project's engine: a kernel lock, which ends with the process however that ends."""

import asyncio
import contextlib
import fcntl
import os

from pivot_core.errors import StoreError
from pivot_core.store.layout import Layout

_TRY_S = 0.02
WORKERS_S = 2.0
"""How long the workers of a killed engine may take to end."""


class Lease:
    """The engine lock of one project."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._fd: int | None = None

    def acquire(self, command: str, *, wait: bool = False) -> bool:
        """Becomes the holder; returns ``False`` when another process is. ``wait`` blocks until that one ends.

        ``command`` is told to those who wait. Raises ``StoreError`` when the project cannot be written.
        """
        path = self._layout.engine_lock
        try:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(
                f"cannot lock the project: {error.strerror}",
                path,
                "make `.pivot/` writable for yourself",
            ) from error
        try:
            fcntl.flock(fd, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(fd)
            return False
        self._fd = fd
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()} {command}\n".encode(), 0)
        return True

    def holder(self) -> str:
        """Returns ``pid command`` of the process that holds the lock, or held it last; for people."""
        with contextlib.suppress(OSError), open(self._layout.engine_lock, "rb") as file:
            return file.read(200).decode("utf-8", "replace").strip()
        return ""

    def release(self) -> None:
        """Lets another process become the engine."""
        if self._fd is not None:
            # Closing is not enough: a process forked a moment ago has the file too until it executes another program.
            fcntl.flock(self._fd, fcntl.LOCK_UN)
            os.close(self._fd)
            self._fd = None


async def workers_gone(layout: Layout) -> None:
    """Waits until no worker of an earlier engine can write any more; called by the holder, before it looks at outs.

    A killed engine's workers end by themselves in a moment; after ``WORKERS_S`` one that does not is ignored.
    """
    with contextlib.suppress(OSError):
        fd = os.open(layout.workers_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            for _ in range(int(WORKERS_S / _TRY_S)):
                try:
                    return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    await asyncio.sleep(_TRY_S)
        finally:
            os.close(fd)
