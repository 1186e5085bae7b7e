"""A program on a terminal of its own, as somebody at the keys meets it: keys go in, what is painted comes out.

Latency is measured outside the program: from the write of a key to the arrival of what shows its effect. All that the
program paints is read at once, so that it never waits for its terminal.
"""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from typing import Self

import psutil

SIZE = (48, 160)
"""Rows and columns."""
_ESCAPES = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]*[0-~])"
)
_LIMIT_S = 60.0
_CHUNK = 1 << 16
_BARE = """
from textual.app import App
from textual.widgets import Label
class Bare(App):
    number = 0
    def compose(self):
        yield Label("❯ bare0")
    def on_key(self, event):
        self.number += 1
        self.query_one(Label).update(f"❯ bare{self.number}")
        if event.key == "q":
            self.exit()
Bare().run()
"""
BARE = (sys.executable, "-c", _BARE)
"""A Textual application that answers each key with a label: what everything else is compared with."""


class Screen:
    """One running program; leaving the block ends it."""

    def __init__(
        self, command: Sequence[str], directory: str, size: tuple[int, int] = SIZE
    ) -> None:
        self._ours, self._theirs = pty.openpty()
        termios.tcsetwinsize(self._theirs, size)
        self.modes: list[object] = list(termios.tcgetattr(self._theirs))
        """Of the terminal, before the program came."""
        env = {
            **os.environ,
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "XDG_CONFIG_HOME": f"{directory}/.home",
        }
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # users have their modules compiled
        self.began: float = time.perf_counter()
        self._program: subprocess.Popen[bytes] = subprocess.Popen(
            command,
            cwd=directory,
            env=env,
            stdin=self._theirs,
            stdout=self._theirs,
            stderr=self._theirs,
            start_new_session=True,
        )
        self.process: psutil.Process = psutil.Process(self._program.pid)
        self.painted: bytes = b""
        """What was painted since the last key, escapes and all."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._program.poll() is None:
            self._program.kill()
        self._program.wait()
        os.close(self._ours)
        os.close(self._theirs)

    @property
    def text(self) -> str:
        """What was painted since the last key, without escapes."""
        return _ESCAPES.sub(b"", self.painted).decode(errors="replace")

    def press(self, keys: str) -> float:
        """Writes keys, forgets what was painted before, and returns when."""
        self.painted = b""
        now = time.perf_counter()
        os.write(self._ours, keys.encode())
        return now

    def until(self, shown: str) -> float:
        """Reads until the text painted since the last key matches; returns when.

        Ends the benchmark when it never does.
        """
        wanted = re.compile(shown)
        end = time.perf_counter() + _LIMIT_S
        while time.perf_counter() < end:
            if self._read(0.5) and wanted.search(self.text):
                return time.perf_counter()
            if self._program.poll() is not None:
                break
        sys.exit(f"{shown!r} is never painted; last of all:\n{self.text[-2000:]}")

    def drain(self, seconds: float) -> None:
        """Reads what is painted during a time."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self._read(left)

    def calm(self, quiet_s: float = 0.3) -> None:
        """Reads until nothing was painted for a while."""
        while self._read(quiet_s):
            pass

    def latencies(self, keys: Sequence[tuple[str, str]]) -> list[float]:
        """Presses keys, each with what shows its effect, and returns how long each took to be seen, in seconds."""
        found = list[float]()
        for index, (key, shown) in enumerate(keys):
            pressed = self.press(key)
            found.append(self.until(shown) - pressed)
            self.drain(0.06 + index % 7 * 0.013)  # no rhythm that a frame could keep
        return found

    def resize(self, rows: int, columns: int) -> float:
        """Gives the terminal another size, and returns when."""
        self.painted = b""
        termios.tcsetwinsize(self._theirs, (rows, columns))
        self._program.send_signal(signal.SIGWINCH)
        return time.perf_counter()

    def leave(self) -> float:
        """Reads until the program ended, and returns when."""
        while self._program.poll() is None:
            self._read(0.005)
        return time.perf_counter()

    @property
    def is_restored(self) -> bool:
        """Whether the terminal has the modes that it had."""
        return list(termios.tcgetattr(self._theirs)) == self.modes

    def cpu(self, seconds: float) -> float:
        """Returns how much of a core the program takes during a time."""
        before = self.process.cpu_times()
        began = time.perf_counter()
        self.drain(seconds)
        after = self.process.cpu_times()
        used = after.user + after.system - before.user - before.system
        return used / (time.perf_counter() - began)

    @property
    def memory_bytes(self) -> int:
        """What the program occupies of the memory now."""
        return self.process.memory_info().rss

    def _read(self, seconds: float) -> bool:
        if not select.select([self._ours], [], [], max(seconds, 0))[0]:
            return False
        try:
            chunk = os.read(self._ours, _CHUNK)
        except OSError:  # the other end is closed
            return False
        self.painted += chunk
        return True


def percentile(values: Sequence[float], share: float) -> float:
    """Returns the value below which a share of them lies."""
    listed = sorted(values)
    return listed[min(int(len(listed) * share), len(listed) - 1)]
