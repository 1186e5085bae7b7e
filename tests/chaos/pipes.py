"""Owns the test's end of ``meet`` for stages of other processes, without an event loop."""

import os
import select
from pathlib import Path


class Pipes:
    """Two named pipes in a project: stages tell that they are there, and wait for a word."""

    def __init__(self, root: Path) -> None:
        self._fds: list[int] = []
        for name in ("here", "go"):
            os.mkfifo(root / name)
            self._fds.append(os.open(root / name, os.O_RDWR))

    def here(self) -> None:
        """Waits until a stage is at its ``meet``."""
        assert select.select([self._fds[0]], [], [], 30)[0], "the stage never came"
        os.read(self._fds[0], 100)

    def go(self) -> None:
        os.write(self._fds[1], b".")

    def close(self) -> None:
        for fd in self._fds:
            os.close(fd)
