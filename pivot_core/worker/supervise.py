"""Owns one child process: how it is forked, and what the worker does until it ended.

worker (``watch``)                          child (``body``)
  fds 1 and 2 ◀── pipes ── sink ◀────────── everything it and its descendants write
  report      ◀── pipe ──────────────────── the text that ``body`` returns
  leash, time limit ── SIGINT, SIGTERM, SIGKILL ──▶ its process group
"""

import atexit
import contextlib
import faulthandler
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Collection, Sequence

from pivot_core.frozen import frozen
from pivot_core.worker import leftovers
from pivot_core.worker.capture import PIECE, STDERR, STDOUT, Sink
from pivot_core.worker.leash import Leash, Told

_GREW_S = 0.05
"""The shortest time between two messages that a log grew."""
_PARTIAL_S = 0.2
"""How long a line without an end waits before it is written as it is."""
_TRACKERS = ("multiprocessing.resource_tracker", "loky.backend.resource_tracker")
_TERM_S = 1.0
"""The time between SIGTERM and SIGKILL of a stage that ran into its time limit."""


@frozen
class Child:
    """A forked process and the read ends of its pipes."""

    pid: int
    stdout: int
    stderr: int
    report: int


@frozen
class Ending:
    """How a child ended."""

    report: str
    """What ``body`` returned, whole or not; after a crash, the interpreter's account of it."""
    exit_code: int | None
    """``None`` when a signal ended it."""
    signal: int | None
    is_cancelled: bool
    """Somebody asked for the end."""
    is_timeout: bool
    leftovers: tuple[str, ...]
    is_spent: bool = False
    """Whether the process that ran it can't run another one as a new process would."""


def fork(body: Callable[[], str], closing: Sequence[int]) -> Child:
    """Forks a child that runs ``body`` in a process group of its own and ends, without returning here.

    The child closes the descriptors ``closing``: they are the worker's own, and who holds them open seems to be it.
    """
    stdout, stderr, report = os.pipe(), os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        _run_child(body, (stdout[1], stderr[1], report[1]), closing)
    with contextlib.suppress(PermissionError, ProcessLookupError):
        os.setpgid(pid, pid)  # the child does so too: whoever comes first
    for _, end in (stdout, stderr, report):
        os.close(end)
    return Child(pid, stdout[0], stderr[0], report[0])


def watch(
    child: Child,
    sink: Sink,
    leash: Leash,
    attempt: tuple[str, int],
    timeout_s: float | None,
    spared: Collection[int],
) -> Ending:
    """Reads what the child writes until it ended, ends it when asked to, and ends what it left behind."""
    watching = _Watch(child, sink, leash, attempt, timeout_s)
    watching.until_end()
    left = leftovers.end(child.pid, spared)
    watching.drain()
    leash.holds(None)
    _, status = os.waitpid(child.pid, 0)
    watching.close()
    return Ending(
        report=watching.report.decode("utf-8", "replace"),
        exit_code=os.WEXITSTATUS(status) if os.WIFEXITED(status) else None,
        signal=os.WTERMSIG(status) if os.WIFSIGNALED(status) else None,
        is_cancelled=watching.is_cancelled,
        is_timeout=watching.is_timeout,
        leftovers=tuple(left),
    )


class _Watch:
    """The poll loop of one child."""

    def __init__(
        self,
        child: Child,
        sink: Sink,
        leash: Leash,
        attempt: tuple[str, int],
        timeout_s: float | None,
    ) -> None:
        self._child: Child = child
        self._sink: Sink = sink
        self._leash: Leash = leash
        self._attempt: tuple[str, int] = attempt
        self._timeout_at: float | None = None if timeout_s is None else time.monotonic() + timeout_s
        self._timeout_s: float | None = timeout_s
        self._kill_at: float | None = None
        self._told_bytes: int = sink.size_bytes
        self._told_at: float = 0.0
        self._handle: int | None = _pidfd(child.pid)
        self._streams: dict[int, bytes] = {child.stdout: STDOUT, child.stderr: STDERR}
        self._poll: select.poll = select.poll()
        for fd in (child.stdout, child.stderr, child.report, leash.wake):
            self._poll.register(fd, select.POLLIN)
        if self._handle is not None:
            self._poll.register(self._handle, select.POLLIN)
        self.report: bytearray = bytearray()
        self.is_cancelled: bool = False
        self.is_timeout: bool = False

    def until_end(self) -> None:
        """Returns when the child has ended; it is not reaped."""
        while True:
            ready = self._poll.poll(self._wait_ms())
            for fd, _ in ready:
                if fd == self._leash.wake:
                    self._cancel(self._leash.hear())
                elif fd != self._handle:
                    self._read(fd)
            self._keep_time(time.monotonic())
            if self._has_ended({fd for fd, _ in ready}):
                return

    def drain(self) -> None:
        """Reads what is still in the pipes; a resource tracker may hold them open."""
        for fd in (self._handle, self._leash.wake):
            if fd is not None:
                self._poll.unregister(fd)
        while ready := self._poll.poll(0):
            for fd, _ in ready:
                self._read(fd)

    def close(self) -> None:
        """Closes what the loop held open."""
        for fd in (self._child.stdout, self._child.stderr, self._child.report, self._handle):
            if fd is not None:
                os.close(fd)

    def _read(self, fd: int) -> None:
        data = os.read(fd, PIECE)
        if not data:
            self._poll.unregister(fd)
            self._streams.pop(fd, None)
        elif fd in self._streams:
            self._sink.write(self._streams[fd], data)
        else:
            self.report += data

    def _wait_ms(self) -> float | None:
        due = [at for at in (self._timeout_at, self._kill_at) if at is not None]
        if self._sink.size_bytes != self._told_bytes:
            due.append(self._told_at + _GREW_S)
        if self._sink.partial_since is not None:
            due.append(self._sink.partial_since + _PARTIAL_S)
        if self._handle is None:
            due.append(time.monotonic() + _GREW_S)
        return max(0.0, min(due) - time.monotonic()) * 1000 + 1 if due else None

    def _keep_time(self, now: float) -> None:
        begun = self._sink.partial_since
        if begun is not None and now >= begun + _PARTIAL_S:  # a progress bar may never pause
            self._sink.flush_partial()
        size = self._sink.size_bytes
        if size != self._told_bytes and now >= self._told_at + _GREW_S:
            self._leash.tell(Told(grew=(*self._attempt, size)))
            self._told_bytes, self._told_at = size, now
        if self._kill_at is not None and now >= self._kill_at:
            leftovers.kill_group(self._child.pid)
            self._kill_at = None
        elif self._timeout_at is not None and now >= self._timeout_at:
            self._timeout_at = None
            self.is_timeout = not self.is_cancelled
            if self.is_timeout:
                self._sink.note(f"ran into its time limit of {self._timeout_s:g} s")
                leftovers.signal_group(self._child.pid, signal.SIGTERM)
                self._kill_at = now + _TERM_S

    def _cancel(self, grace_s: float | None) -> None:
        if grace_s is None:
            return
        if not self.is_cancelled:
            self._sink.note("cancelled")
        self.is_cancelled = not self.is_timeout
        if grace_s > 0:
            leftovers.signal_group(self._child.pid, signal.SIGINT)
        self._kill_at = time.monotonic() + grace_s

    def _has_ended(self, ready: Collection[int]) -> bool:
        if self._handle is not None:
            return self._handle in ready
        return (
            os.waitid(os.P_PID, self._child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        )


def _run_child(
    body: Callable[[], str], pipes: tuple[int, int, int], closing: Sequence[int]
) -> None:
    stdout, stderr, report = pipes
    code = 1
    try:
        os.setpgid(0, 0)
        leftovers.die_with_parent()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        for fd in (stdout, stderr, *closing):
            os.close(fd)
        _become_new()
        faulthandler.enable(report, all_threads=False)
        text = body()
        atexit._run_exitfuncs()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] what the stage registered
        _flush()
        data = memoryview(text.encode("utf-8", "surrogatepass"))
        while data:
            data = data[os.write(report, data) :]
        code = 0
    except KeyboardInterrupt:
        pass
    except BaseException as error:  # noqa: BLE001 an error of ours: the log of the stage shows it
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        os._exit(code)


def _become_new() -> None:
    """Drops what a new process would not have: exit handlers, resource trackers, NumPy's random state."""
    atexit._clear()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] nothing public does it
    for name in _TRACKERS:
        if name in sys.modules:
            # The worker's tracker lives as long as the engine, and tells the terminal what a stage leaked.
            tracker = sys.modules[name]._resource_tracker  # noqa: SLF001
            tracker._fd = tracker._pid = None  # noqa: SLF001
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed()


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        # The stage may have closed or replaced them.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()


def _pidfd(pid: int) -> int | None:
    return os.pidfd_open(pid) if hasattr(os, "pidfd_open") else None
