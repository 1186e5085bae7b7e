"""Owns asking one thing at a time: while an answer is awaited, newer wishes replace one another."""

import asyncio
from collections.abc import Awaitable, Callable


class Latest[T]:
    """Calls ``ask`` with the newest wish, never twice at once; the last wish is always asked for."""

    def __init__(self, ask: Callable[[T], Awaitable[None]]) -> None:
        self._ask: Callable[[T], Awaitable[None]] = ask
        self._wish: list[T] = []
        self._task: asyncio.Task[None] | None = None

    def want(self, wish: T) -> None:
        """Asks, at once or when the answer that is awaited has come."""
        self._wish = [wish]
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while self._wish:
            await self._ask(self._wish.pop())
