"""Owns how long a regular expression may take: one that backtracks without end is interrupted by a signal.

The engine of ``re`` holds the interpreter's lock, so that no other thread could stop it, but it lets signal handlers
run. A timer of the processor time that is used, not of the clock, so that a busy machine costs nobody a search.
"""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType


class TooSlowError(Exception):
    """It took longer than it may."""


@contextmanager
def at_most(seconds: float) -> Generator[None]:
    """Raises ``TooSlowError`` where the body takes longer; for the main thread alone."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise TooSlowError

    before = signal.signal(signal.SIGVTALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        yield
    finally:
        try:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        finally:  # it may go off until here, and must find its handler
            signal.signal(signal.SIGVTALRM, before)
