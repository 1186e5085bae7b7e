"""Owns a worker's connection to the engine: what it tells while a stage runs, and what ends the stage or itself.

    engine                                 this thread                    main thread
      ◀── hello, began, started, grew, ended ── tell() ◀───────────────── any
      ─── interrupt, kill ────────────────▶ grace_s, wake ──────────────▶ ends its child's group
      ─── end of file (however it died) ──▶ kills all descendants, exits

The engine's end closes with the engine, so nothing outlives it. While the main thread itself runs foreign code
(``exposed``), this thread interrupts it, and where that does not help ends the worker.
"""

import contextlib
import json
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator
from typing import NotRequired, TypedDict

from pivot_core.worker import leftovers


class Told(TypedDict):
    """One line from a worker; exactly one key is set."""

    hello: NotRequired[int]
    """The worker's process id; the first line."""
    began: NotRequired[tuple[str, int]]
    """Stage and attempt whose third-party modules are being imported, before the child starts."""
    started: NotRequired[tuple[str, int, int]]
    """Stage, attempt, id of the process (and process group) that runs it."""
    grew: NotRequired[tuple[str, int, int]]
    """Stage, attempt, bytes in the log file so far."""
    ended: NotRequired[tuple[str, int, str]]
    """Stage, attempt, report: the last line of a worker that has to end together with its stage."""


class Asked(TypedDict):
    """One line from the engine."""

    end: tuple[str, int, float]
    """Stage, attempt, seconds between SIGINT and SIGKILL; 0 for SIGKILL at once."""


class Leash:
    """One connection for the life of a worker.

    ``grace_s`` is how the main thread learns that it must end its child: ``wake`` becomes readable, and ``grace_s``
    then says how long the child has after SIGINT. ``None`` while nobody asked.
    """

    def __init__(self, path: str) -> None:
        self.path: str = path
        self._socket: socket.socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(path)
        self._lock: threading.Lock = threading.Lock()
        self._attempt: tuple[str, int] = ("", 0)
        self._child: int | None = None
        self._abandon: Callable[[], str] | None = None
        self._deadline: float | None = None
        self.grace_s: float | None = None
        self.timed_out: bool = False
        self.wake, self._wake_end = _pipe()
        self._nudge, self._nudge_end = _pipe()
        self.tell(Told(hello=os.getpid()))
        signal.signal(signal.SIGINT, self._on_interrupt)
        threading.Thread(target=self._watch, name="leash", daemon=True).start()

    def tell(self, line: Told) -> None:
        """Sends one line; that the engine's end is gone is found out by the thread."""
        with contextlib.suppress(OSError):
            self._socket.sendall(json.dumps(line).encode() + b"\n")

    def begin(self, stage: str, attempt: int) -> None:
        """Says which attempt a command may mean from now on."""
        with self._lock:
            self._attempt = (stage, attempt)
            self.grace_s = None
            self.timed_out = False
            _drain(self.wake)

    def hear(self) -> float | None:
        """Empties ``wake`` and returns ``grace_s``."""
        with self._lock:
            _drain(self.wake)
            return self.grace_s

    def holds(self, child: int | None) -> None:
        """Names the group that ends with the engine; ``None`` before its leader is reaped (the id is then free)."""
        with self._lock:
            self._child = child

    @contextlib.contextmanager
    def exposed(self, timeout_s: float | None, abandon: Callable[[], str]) -> Generator[None]:
        """Lets a command, or the time limit, raise KeyboardInterrupt in the main thread.

        One that goes on regardless ends with the worker: ``abandon`` then cleans up and returns the report.
        """
        with self._lock:
            self._abandon = abandon
            self._deadline = None if timeout_s is None else time.monotonic() + timeout_s
            if self.grace_s is not None:
                self._interrupt_main(self.grace_s)
        os.write(self._nudge_end, b"n")
        try:
            yield
        finally:
            with self._lock:
                self._abandon = None
                self._deadline = None

    def _on_interrupt(self, _signal: int, _frame: object) -> None:
        # The engine alone acts on Ctrl-C; a worker listens only to its own thread.
        if self._abandon is not None and (self.timed_out or self.grace_s is not None):
            raise KeyboardInterrupt

    def _interrupt_main(self, grace_s: float) -> None:
        self._deadline = time.monotonic() + grace_s
        os.kill(os.getpid(), signal.SIGINT)

    def _watch(self) -> None:
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        poll.register(self._nudge, select.POLLIN)
        pending = b""
        while True:
            deadline = self._deadline
            wait = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000 + 1
            ready = {fd for fd, _ in poll.poll(wait)}
            if self._nudge in ready:
                _drain(self._nudge)
            if self._socket.fileno() in ready:
                try:
                    data = self._socket.recv(65536)
                except OSError:
                    data = b""
                if not data:
                    self._exit()
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    self._obey(json.loads(line))
            self._check_time()

    def _obey(self, asked: Asked) -> None:
        stage, attempt, grace_s = asked["end"]
        with self._lock:
            if (stage, attempt) == self._attempt:
                self.grace_s = grace_s
                os.write(self._wake_end, b"w")
                if self._abandon is not None:
                    self._interrupt_main(grace_s)

    def _check_time(self) -> None:
        with self._lock:
            if self._deadline is None or self._abandon is None or time.monotonic() < self._deadline:
                return
            if self.grace_s is None and not self.timed_out:
                self.timed_out = True
                self._interrupt_main(1.0)
                return
            stage, attempt = self._attempt
            self.tell(Told(ended=(stage, attempt, self._abandon())))
        self._exit()

    def _exit(self) -> None:
        with self._lock:
            if self._child is not None:
                leftovers.kill_group(self._child)
            leftovers.end_all()
            os._exit(0)


def _pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    return reader, writer


def _drain(reader: int) -> None:
    with contextlib.suppress(BlockingIOError):
        while os.read(reader, 4096):
            pass
