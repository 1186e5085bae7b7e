"""Owns the connection to the engine: reads events into the board, and calls for a repaint at most ten times a second.

engine ══ socket ══► reader ──► board.apply ──► dirty ──► pump ──► paint
                    (every event)                        (at once when idle, ≤ 10 Hz)
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from pivot_core.port import (
    Command,
    EngineEnding,
    Explain,
    Explanations,
    FindLog,
    LogAnswer,
    PivotError,
    Port,
    Problem,
    Published,
    Refused,
    Reply,
    Snapshot,
    Subscription,
    UsageError,
)
from pivot_tui import board as fold
from pivot_tui.board import Board, Dirty, Link

type Connect = Callable[[], Awaitable[Port]]

READ_ONLY = Problem("this dashboard is read-only", "", "`pivot ui` opens one that is not")

_FRAME_S = 0.1
_BATCH = 256
_PATIENCE_S = 2.0
_RETURNS = 3


class Feed:
    """Keeps one board up to date; only its pump calls ``paint``."""

    def __init__(
        self,
        connect: Connect,
        board: Board,
        paint: Callable[[Dirty], None],
        last: Callable[[], Snapshot | None] = lambda: None,
    ) -> None:
        """``last`` returns what is shown until there is an engine."""
        self._connect: Connect = connect
        self._board: Board = board
        self._paint: Callable[[Dirty], None] = paint
        self._last: Callable[[], Snapshot | None] = last
        self._port: Port | None = None
        self._subscription: Subscription | None = None
        self.applied: int = 0
        """Events that were folded into the board so far."""
        self._dirty: Dirty = Dirty()
        self._arrived: asyncio.Event = asyncio.Event()
        self._wanted: asyncio.Event = asyncio.Event()

    async def run(self) -> None:
        """Connects, reads until the engine is gone, and waits to be asked to connect again; never returns."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pump())
            known = self._last()
            if known is not None:
                dirty = fold.apply(self._board, known)
                self._board.link = Link.CONNECTING
                self._mark(dirty)
            returns = 0
            while True:
                began = asyncio.get_running_loop().time()
                moved = await self._attached()
                lasted = asyncio.get_running_loop().time() - began
                returns = returns + 1 if lasted < _PATIENCE_S else 0
                if moved and returns < _RETURNS:
                    continue  # the engine said that it goes; another one takes over
                self._board.link = Link.LOST
                self._mark(Dirty(run=True))
                await self._wanted.wait()
                self._wanted.clear()
                returns = 0
                self._board.link = Link.CONNECTING
                self._mark(Dirty(run=True))

    @property
    def unread(self) -> int:
        """How many events wait to be folded into the board."""
        return self._subscription.unread if self._subscription is not None else 0

    def reconnect(self) -> None:
        """Tries again after the engine was lost."""
        self._wanted.set()

    async def send(self, command: Command) -> Reply:
        """Hands a command to the engine, unless the dashboard may only look; raises ``ConnectionError``."""
        if self._board.is_read_only:
            return Refused(READ_ONLY, UsageError.exit_code)
        return await self.port.send(command)

    async def explain(self, query: Explain) -> Explanations:
        """Asks what a run would do; raises ``ConnectionError`` when the engine is gone."""
        return await self.port.ask(query)

    async def find_log(self, query: FindLog) -> LogAnswer:
        """Asks for a log; raises ``ConnectionError`` when the engine is gone."""
        return await self.port.ask(query)

    @property
    def port(self) -> Port:
        """The way to the engine, for queries; raises ``ConnectionError`` when it is gone."""
        if self._port is None:
            raise ConnectionError("not connected to an engine")
        return self._port

    async def _attached(self) -> bool:
        """Reads one connection to its end; tells whether the engine announced that end."""
        board = self._board
        subscription: Subscription | None = None
        try:
            self._port = await self._connect()
            subscription = self._subscription = await self._port.subscribe()
            self._mark(fold.apply(board, subscription.snapshot))
            announced = await self._read(subscription)
        except PivotError as error:
            board.why_lost = f"{error.what} ({error.hint})" if error.hint else error.what
            return False
        except OSError as error:
            board.why_lost = str(error)
            return False
        finally:
            port, self._port, self._subscription = self._port, None, None
            with contextlib.suppress(OSError):
                if subscription is not None:
                    await subscription.close()
                if port is not None:
                    await port.close()
        if not announced:
            board.why_lost = "the connection ended"
        return announced

    async def _read(self, subscription: Subscription) -> bool:
        announced = False
        number = 0
        async for item in subscription:
            dirty = fold.apply(self._board, item)
            if dirty.gap:
                return True  # a new connection begins with a new snapshot
            if isinstance(item, Published) and isinstance(item.event, EngineEnding):
                announced = True
            self._mark(dirty)
            self.applied += 1
            number += 1
            if number % _BATCH == 0:
                await asyncio.sleep(0)  # a full buffer never yields by itself
        return announced

    def _mark(self, dirty: Dirty) -> None:
        if dirty:
            self._dirty.add(dirty)
            self._arrived.set()

    async def _pump(self) -> None:
        loop = asyncio.get_running_loop()
        painted = loop.time() - _FRAME_S
        while True:
            await self._arrived.wait()
            await asyncio.sleep(max(painted + _FRAME_S - loop.time(), 0))
            self._arrived.clear()
            dirty, self._dirty = self._dirty, Dirty()
            painted = loop.time()
            self._paint(dirty)
