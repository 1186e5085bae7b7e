"""Owns noticing that a stage is about to change its own input: an audit hook that refuses the attempt."""

import os
import sys
from collections.abc import Iterable
from typing import cast

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_TRUNC | os.O_APPEND


class InputModifiedError(BaseException):
    """Raised into the stage; not an ``Exception``, so that a stage which ignores errors ends all the same."""

    def __init__(self, path: str) -> None:
        super().__init__(f"modified its input '{path}'")
        self.path: str = path


class Guard:
    """Watches the deps of one stage; what bypasses Python is noticed by the engine when the stage has ended."""

    def __init__(self, deps: Iterable[str]) -> None:
        """``deps`` are relative to the current directory; each is known by its inode, whatever name it is given."""
        self.modified: list[str] = []
        self._inodes: dict[tuple[int, int], str] = {}
        self._directories: list[tuple[str, str]] = []
        for dep in deps:
            try:
                for found in (os.stat(dep), os.lstat(dep)):
                    self._inodes[found.st_dev, found.st_ino] = dep
            except OSError:
                continue  # its reader will say so
            if dep.endswith("/"):
                self._directories.append((os.path.realpath(dep) + os.sep, dep))

    def arm(self) -> None:
        """Starts watching."""
        if self._inodes:
            _Hook.install().guard = self

    def disarm(self) -> None:
        """Stops watching."""
        if _Hook.only is not None:
            _Hook.only.guard = None

    def on_event(self, event: str, args: tuple[object, ...]) -> None:
        if event == "open":
            if cast("int", args[2]) & _WRITES:
                self._check(args[0], follow=True)
        elif event in ("os.truncate", "shutil.rmtree"):
            self._check(args[0], follow=True)
        elif event == "os.rename":
            self._check(args[0], args[2])
            self._check(args[1], args[3])
        elif event in ("os.remove", "os.rmdir"):
            self._check(args[0], args[1])

    def _check(self, path: object, directory: object = -1, *, follow: bool = False) -> None:
        base = cast("int", directory)
        try:
            if isinstance(path, int):
                found = os.fstat(path)
            else:
                at = None if base < 0 else base
                found = os.stat(cast("str", path), dir_fd=at, follow_symlinks=follow)
        except (OSError, TypeError, ValueError):
            dep = None  # a new file, or nothing that could be opened
        else:
            dep = self._inodes.get((found.st_dev, found.st_ino))
        if dep is None and self._directories and isinstance(path, (str, bytes, os.PathLike)):
            dep = self._dep_around(os.fsdecode(cast("str", path)), base)
        if dep is not None:
            if dep not in self.modified:
                self.modified.append(dep)
            raise InputModifiedError(dep)

    def _dep_around(self, name: str, base: int) -> str | None:
        place = os.path.realpath(os.path.join(f"/proc/self/fd/{base}" if base >= 0 else "", name))
        for prefix, dep in self._directories:
            if place.startswith(prefix):
                return dep
        return None


class _Hook:
    """The audit hook of the process: one, since it cannot be taken away."""

    only: "_Hook | None" = None

    def __init__(self) -> None:
        self.guard: Guard | None = None

    @classmethod
    def install(cls) -> "_Hook":
        if cls.only is None:
            cls.only = cls()
            sys.addaudithook(cls.only)
        return cls.only

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        if self.guard is not None:
            self.guard.on_event(event, args)
