"""Owns asking one thing at a time: while an answer is awaited, newer wishes replace one another."""

from collections.abc import Awaitable, Callable, Coroutine

type Spawn = Callable[[Coroutine[object, object, None]], object]
"""Starts a task and keeps it: a widget's ``run_worker``."""


class Latest[T]:
    """Calls ``ask`` with the newest wish, never twice at once; the last wish is always asked for."""

    def __init__(self, ask: Callable[[T], Awaitable[None]], spawn: Spawn) -> None:
        self._ask: Callable[[T], Awaitable[None]] = ask
        self._spawn: Spawn = spawn
        self._wish: list[T] = []
        self._is_asking: bool = False

    def want(self, wish: T) -> None:
        """Asks, at once or when the answer that is awaited has come."""
        self._wish = [wish]
        if not self._is_asking:
            self._is_asking = True
            self._spawn(self._run())

    async def _run(self) -> None:
        try:
            while self._wish:
                await self._ask(self._wish.pop())
        finally:
            self._is_asking = False
