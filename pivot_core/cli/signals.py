"""Owns SIGINT and SIGTERM while a command waits for an engine: what they ask for, and whom they are passed on to."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Generator

from pivot_core.errors import EXIT_TERMINATED


class Signals:
    """SIGINT and SIGTERM while a request is under way: they ask for an end, the second time at once."""

    def __init__(self) -> None:
        self.is_terminated = False
        self.asked = asyncio.Event()
        self._again = asyncio.Event()
        self._count = 0
        self._cancel: Callable[[bool], Awaitable[None]] | None = None
        self._tasks = set[asyncio.Future[None]]()

    def __enter__(self) -> "Signals":
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._came, number)
        return self

    def __exit__(self, *_: object) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    @contextlib.contextmanager
    def to(self, cancel: Callable[[bool], Awaitable[None]]) -> Generator[None]:
        """Sends signals to ``cancel``, also one that came before; its argument says whether to end at once."""
        self._cancel = cancel
        if self._count:
            self._tell(self._count > 1)
        try:
            yield
        finally:
            self._cancel = None

    async def pause(self, seconds: float) -> None:
        """Waits a moment; raises ``KeyboardInterrupt`` when a signal asks for the end."""
        await self.unless_asked(asyncio.sleep(seconds))

    async def unless_asked(self, work: Awaitable[object]) -> None:
        """Waits for ``work``; raises ``KeyboardInterrupt`` when a signal asks for the end before."""
        doing = asyncio.ensure_future(work)
        asked = asyncio.ensure_future(self.asked.wait())
        await asyncio.wait((doing, asked), return_when=asyncio.FIRST_COMPLETED)
        doing.cancel()
        asked.cancel()
        if self.asked.is_set():
            raise SystemExit(EXIT_TERMINATED) if self.is_terminated else KeyboardInterrupt

    async def unless_asked_again(self, work: Awaitable[object]) -> None:
        """Waits for ``work``, or until a signal came twice."""
        doing = asyncio.ensure_future(work)
        again = asyncio.ensure_future(self._again.wait())
        await asyncio.wait((doing, again), return_when=asyncio.FIRST_COMPLETED)
        doing.cancel()
        again.cancel()

    def _came(self, number: signal.Signals) -> None:
        self._count += 1
        self.is_terminated = self.is_terminated or number is signal.SIGTERM
        self.asked.set()
        if self._count > 1:
            self._again.set()
        self._tell(self._count > 1)

    def _tell(self, at_once: bool) -> None:
        if self._cancel is not None:
            task = asyncio.ensure_future(self._cancel(at_once))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
