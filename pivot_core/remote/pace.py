"""Owns how hard a service is pressed: requests at a time, bytes held in memory, and the wait before another try."""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator

_FIRST_WAIT_S = 0.1
_LONGEST_WAIT_S = 5.0


def wait_s(tries: int) -> float:
    """Returns how long to wait after so many tries in vain: anything up to a bound that doubles ("full jitter")."""
    return random.uniform(0, min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2 ** (tries - 1)))


class Pace:
    """Requests at a time: halved when the service asks to slow down, then raised by one for each round without that."""

    def __init__(self, most: int) -> None:
        self.most: int = most
        self.allowed: int = most
        self._running: int = 0
        self._good: int = 0
        self._freed: asyncio.Condition = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncGenerator[None]:
        """Waits for a place among the requests."""
        async with self._freed:
            await self._freed.wait_for(lambda: self._running < self.allowed)
            self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            async with self._freed:
                self._freed.notify()

    def slow_down(self) -> None:
        """Answers the service's wish; once a round, since all that was under way is told the same."""
        if self._good or self.allowed == self.most:
            self.allowed = max(1, self.allowed // 2)
        self._good = 0

    def went_well(self) -> None:
        """Counts a good answer."""
        if self.allowed < self.most:
            self._good += 1
            if self._good > self.allowed:
                self.allowed += 1
                self._good = 0


class Budget:
    """Bytes that may be held in memory; who wants more than all of them gets all, alone."""

    def __init__(self, size_bytes: int) -> None:
        self._all: int = size_bytes
        self._free: int = size_bytes
        self._freed: asyncio.Condition = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def hold(self, size_bytes: int) -> AsyncGenerator[None]:
        """Waits until so many bytes are free, and takes them."""
        share = await self.take(size_bytes)
        try:
            yield
        finally:
            await self.give(share)

    async def take(self, size_bytes: int) -> int:
        """Takes bytes without a block to end it; what is returned must be given back."""
        share = min(size_bytes, self._all)
        async with self._freed:
            await self._freed.wait_for(lambda: self._free >= share)
            self._free -= share
        return share

    async def give(self, share: int) -> None:
        """Gives bytes back."""
        self._free += share
        async with self._freed:
            self._freed.notify_all()
