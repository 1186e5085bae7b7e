"""Owns how hard a service is pressed: requests at a time, bytes held in memory, and the wait before another try."""

import asyncio
import contextlib
import random
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager

_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 5.0


def wait_s(tries: int) -> float:
    """Returns how long to wait after so many tries in vain: anything up to a bound that doubles ("full jitter")."""
    return random.uniform(0, min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (tries - 1)))


class Budget:
    """Something of which only so much may be in use; who asks first is served first.

    A piece larger than the whole budget is given out when nothing else is in use.
    """

    def __init__(self, limit: int) -> None:
        self.limit: int = limit
        self._used: int = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @contextlib.asynccontextmanager
    async def hold(self, size: int) -> AsyncGenerator[None]:
        """Takes a piece for the time of the block."""
        await self.take(size)
        try:
            yield
        finally:
            self.give(size)

    async def take(self, size: int) -> None:
        """Waits for a piece; whoever gets it must give it back."""
        if not self._waiting and self._has(size):
            self._used += size
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._serve()  # the next in line may want less
            else:
                self.give(size)
            raise

    def give(self, size: int) -> None:
        """Gives a piece back."""
        self._used -= size
        self._serve()

    def resize(self, limit: int) -> None:
        """Changes how much there is; what is in use stays so."""
        self.limit = limit
        self._serve()

    def _has(self, size: int) -> bool:
        return self._used == 0 or self._used + size <= self.limit

    def _serve(self) -> None:
        while self._waiting:
            size, turn = self._waiting[0]
            if not turn.cancelled():
                if not self._has(size):
                    return
                self._used += size
                turn.set_result(None)
            self._waiting.popleft()


class Pace:
    """Requests at a time: halved when the service asks to slow down, then raised by one for each round without that."""

    def __init__(self, most: int) -> None:
        self._most: int = most
        self._slots: Budget = Budget(most)
        self._good: int = 0

    @property
    def allowed(self) -> int:
        """How many requests may run at once."""
        return self._slots.limit

    def slot(self) -> AbstractAsyncContextManager[None]:
        """Waits for a place among the requests."""
        return self._slots.hold(1)

    def slow_down(self) -> None:
        """Answers the service's wish; once a round, since all that was under way is told the same."""
        if self._good or self.allowed == self._most:
            self._slots.resize(max(1, self.allowed // 2))
        self._good = 0

    def went_well(self) -> None:
        """Counts a good answer."""
        if self.allowed < self._most:
            self._good += 1
            if self._good > self.allowed:
                self._slots.resize(self.allowed + 1)
                self._good = 0
