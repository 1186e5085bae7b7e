"""Owns hearing of changed files: a thread that the operating system's notifications wake; judges nothing.

Directories are watched one by one and not what lies below them, so that a project pays for those that count and not for
its data, its environments and its ``.git``.
"""

import os
import threading
from collections.abc import Callable, Collection, Iterable
from enum import IntEnum

from pivot_core.errors import StoreError

STEP_MS = 20
"""How long the thread gathers what belongs together; also how often it wakes, without a look at any file."""


class Kind(IntEnum):
    """What happened to a path, as watchfiles numbers it."""

    ADDED = 1
    MODIFIED = 2
    DELETED = 3


type Heard = Collection[tuple[int, str]]
"""Kinds with absolute paths."""


class Notifier:
    """Hears of what happens directly in some directories; ``on_heard`` is called from a thread of its own."""

    def __init__(self, on_heard: Callable[[Heard], None]) -> None:
        self._on_heard: Callable[[Heard], None] = on_heard
        self._stop: threading.Event | None = None
        self._thread: threading.Thread | None = None

    def listen(self, directories: Iterable[str]) -> None:
        """Hears from these directories from now on, and of no others; raises ``StoreError``.

        The new ones are listened to before the old ones are let go of: nothing goes unheard in between.
        """
        from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

        there = [path for path in directories if os.path.isdir(path)]
        try:
            heard = RustNotify(there, False, False, 0, False, True)
        except FileNotFoundError:
            return self.listen(there)  # one vanished just now
        except (OSError, WatchfilesRustInternalError) as error:
            raise StoreError(
                f"cannot watch {len(there)} directories: {error}",
                "",
                "raise fs.inotify.max_user_watches and fs.inotify.max_user_instances (sysctl)",
            ) from error
        stop = threading.Event()

        def pump() -> None:
            with heard:
                while not isinstance(found := heard.watch(STEP_MS, STEP_MS, 0, stop), str):
                    self._on_heard(found)

        thread = threading.Thread(target=pump, name="notify", daemon=True)
        thread.start()
        self.close()
        self._stop, self._thread = stop, thread
        return None

    def close(self) -> None:
        """Hears no more."""
        if self._stop is not None and self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._stop = self._thread = None
