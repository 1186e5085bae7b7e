"""Owns watching as a test sees it: a live engine that watches, and the runs that follow from edits."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field

from pivot_core.model.decision import Status
from pivot_core.model.ids import RequestId
from pivot_core.port.commands import Accepted, Watch
from pivot_core.port.events import (
    Event,
    FilesChanged,
    PlanBroken,
    RunFinished,
    StageChanged,
    WatchChanged,
)
from pivot_core.port.protocol import Subscription
from pivot_core.port.snapshot import Snapshot
from pivot_core.port.values import Problem, RunState
from tests.support.project import Live, Project

DEBOUNCE_MS = 30


@dataclass(slots=True)
class Round:
    """One run that watching began."""

    run: RunState
    courses: dict[str, list[str]]
    changed: list[str]
    """What was told to have changed since the round before."""
    problems: tuple[Problem, ...]

    @property
    def ran(self) -> list[str]:
        """The stages that ran, sorted."""
        return sorted(name for name, course in self.courses.items() if course[-1] == "ran")


@dataclass(slots=True)
class Vigil:
    """What an engine tells while it watches."""

    live: Live
    rounds: "asyncio.Queue[Round]" = field(default_factory=lambda: asyncio.Queue())
    told: list[Event] = field(default_factory=list[Event])
    seen: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def next(self) -> Round:
        """Waits for the next run to end."""
        return await self.rounds.get()

    async def ran(self) -> list[str]:
        """Waits for the next run in which something happened, and returns what ran."""
        while not (found := await self.next()).ran and not found.run.exit_code:
            pass
        return found.ran

    async def trouble(self) -> Round:
        """Waits for the next run that does not end well."""
        while not (found := await self.next()).run.exit_code:
            pass
        return found

    async def after(self, edit: Callable[[], object]) -> list[str]:
        """Makes an edit, and returns what the next run ran in which something happened."""
        edit()
        return await self.ran()

    async def until(self, stage: str, status: Status, times: int = 1) -> None:
        """Waits until a stage has had a status so often."""

        def is_there() -> bool:
            found = [e for e in self.told if isinstance(e, StageChanged) and e.stage == stage]
            return sum(e.state.status is status for e in found) >= times

        async with self.seen:
            await self.seen.wait_for(is_there)

    async def listen(self, subscription: Subscription) -> None:
        """Takes events until the engine ends."""
        courses, changed = dict[str, list[str]](), list[str]()
        problems: tuple[Problem, ...] = ()
        async for item in subscription:
            assert not isinstance(item, Snapshot)
            match item.event:
                case StageChanged(stage, state) if state.run_id is not None:
                    courses.setdefault(stage, []).append(state.status.value)
                case FilesChanged(paths):
                    changed.extend(paths)
                case PlanBroken(found):
                    problems = found
                case RunFinished(run):
                    self.rounds.put_nowait(Round(run, courses, changed, problems))
                    courses, changed, problems = {}, [], ()
                case _:
                    pass
            async with self.seen:
                self.told.append(item.event)
                self.seen.notify_all()

    async def is_listening(self) -> None:
        """Waits until files are listened to."""

        def is_on() -> bool:
            return any(
                isinstance(e, WatchChanged) and e.watch and e.watch.directories for e in self.told
            )

        async with self.seen:
            await self.seen.wait_for(is_on)


@contextlib.asynccontextmanager
async def watching(
    project: Project, *targets: str, initial: bool = True, jobs: int = 1
) -> AsyncGenerator[Vigil]:
    """Watches a project for the time of the block."""
    async with project.live(jobs) as live:
        vigil = Vigil(live)
        listening = asyncio.create_task(vigil.listen(await live.engine.subscribe()))
        command = Watch(RequestId("w"), targets, debounce_ms=DEBOUNCE_MS, initial=initial)
        assert isinstance(await live.engine.send(command), Accepted)
        try:
            yield vigil
        finally:
            listening.cancel()
