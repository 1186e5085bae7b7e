"""Owns the look at every stage while nothing runs, so that a front end sees what would run."""

import asyncio
from collections.abc import Awaitable, Callable

from pivot_core.engine.plan import Plan
from pivot_core.engine.pool import WorkerLost
from pivot_core.engine.record import expected_s
from pivot_core.engine.standing import Standing
from pivot_core.engine.workshop import Workshop
from pivot_core.errors import DefinitionError, PivotError
from pivot_core.port.events import Level, Notice
from pivot_core.port.values import RunOptions

_WHOLE = RunOptions()


class Preview:
    """One look at a time."""

    def __init__(
        self,
        shop: Workshop,
        plan: Callable[[], Awaitable[Plan]],
        standing: Standing,
        then: Callable[[], None],
    ) -> None:
        """``then`` is called when a look is over."""
        self._shop = shop
        self._then = then
        self._plan = plan
        self._standing = standing
        self._task: asyncio.Task[None] | None = None

    @property
    def is_on(self) -> bool:
        """Whether a look is under way."""
        return self._task is not None and not self._task.done()

    def begin(self) -> None:
        """Looks at every stage; does nothing while it does that already."""
        if not self.is_on:
            self._task = asyncio.create_task(self._look())

    async def wait(self) -> None:
        """Waits for the end of the look."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def end(self) -> None:
        """Ends the look, also one whose definition is still being loaded."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await self._shop.drop_pool()

    async def _look(self) -> None:
        from pivot_core.engine import answer

        try:
            plan = await self._plan()
            observer = self._shop.observer()
            found = await asyncio.to_thread(answer.explain, plan, observer, (), _WHOLE)
        except DefinitionError:
            return  # told as PlanBroken
        except PivotError as error:
            self._standing.publish(Notice(Level.WARNING, error.what, error.where))
            return
        except WorkerLost as error:
            self._standing.publish(Notice(Level.WARNING, f"a worker died: {error}"))
            return
        expected = {each.stage: expected_s(self._shop.state, each.stage) for each in found}
        self._standing.looked(found, expected)
        self._then()
