"""Owns tasks that stand and fall together: a task group whose first error comes out as it is, not in a group."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import cast


@contextlib.asynccontextmanager
async def crew() -> AsyncGenerator[asyncio.TaskGroup]:
    """Waits for all tasks of the block; the first that fails ends the others, and its error is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        error: BaseException = errors
        while isinstance(error, BaseExceptionGroup):
            (error, *_) = cast("tuple[BaseException, ...]", error.exceptions)
        raise error from None


async def side_by_side(work: Callable[[], Coroutine[None, None, None]], jobs: int) -> None:
    """Runs the same work ``jobs`` times at once, as workers do that share a queue."""
    async with crew() as group:
        for _ in range(jobs):
            group.create_task(work())
