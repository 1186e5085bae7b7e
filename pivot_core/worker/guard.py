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

    def __init__(self, root: str, deps: Iterable[str]) -> None:
        self.modified: list[str] = []
        self._files: dict[str, str] = {}
        self._directories: list[tuple[str, str]] = []
        for dep in deps:
            for place in {
                os.path.normpath(os.path.join(root, dep)),
                os.path.realpath(os.path.join(root, dep)),
            }:
                self._files[place] = dep
                if dep.endswith("/"):
                    self._directories.append((place + "/", dep))

    def install(self) -> None:
        """Starts watching; an audit hook cannot be taken away, so one process guards one stage."""
        if self._files:
            sys.addaudithook(self._on_event)

    def disarm(self) -> None:
        """Stops watching."""
        self._files.clear()
        self._directories.clear()

    def _on_event(self, event: str, args: tuple[object, ...]) -> None:
        if event == "open":
            if cast("int", args[2]) & _WRITES:
                self._check(args[0], -1)
        elif event == "os.rename":
            self._check(args[0], cast("int", args[2]))
            self._check(args[1], cast("int", args[3]))
        elif event in ("os.remove", "os.rmdir"):
            self._check(args[0], cast("int", args[1]))
        elif event in ("os.truncate", "shutil.rmtree"):
            self._check(args[0], -1)

    def _check(self, path: object, directory: int) -> None:
        if not self._files or isinstance(path, int):
            return
        try:
            name = os.fsdecode(cast("str", path))
        except TypeError:
            return
        if directory >= 0 and not os.path.isabs(name):
            name = os.path.join(os.path.realpath(f"/proc/self/fd/{directory}"), name)
        for place in {os.path.abspath(name), os.path.realpath(name)}:
            dep = self._files.get(place) or self._dep_around(place)
            if dep is not None:
                if dep not in self.modified:
                    self.modified.append(dep)
                raise InputModifiedError(dep)

    def _dep_around(self, place: str) -> str | None:
        for prefix, dep in self._directories:
            if place.startswith(prefix):
                return dep
        return None
