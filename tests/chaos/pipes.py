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

    def here(self, count: int = 1) -> None:
        """Waits until so many stages are at their ``meet``."""
        while count > 0:
            assert select.select([self._fds[0]], [], [], 30)[0], "the stage never came"
            count -= os.read(self._fds[0], 100).count(b"\n")

    def go(self, count: int = 1) -> None:
        """Lets so many stages go on."""
        os.write(self._fds[1], b"." * count)

    def close(self) -> None:
        for fd in self._fds:
            os.close(fd)
