"""Owns watching: from files that changed to runs, and to the end of what a run does with something out of date.

    notify ──heard──► what counts? ──quiet for a while──► batch ──no run──► Run
                                                            └──run──► stale stages begin anew; another Run after it

A batch says that something changed, and the run looks at everything itself: a notification that the system dropped, or
one too many, can at most cost time. Used from the engine's event loop only.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace

from pivot_core.engine.grounds import Grounds
from pivot_core.engine.notify import STEP_MS, Heard, Kind, Notifier
from pivot_core.engine.plan import Plan
from pivot_core.engine.pool import WorkerLost
from pivot_core.engine.run import ActiveRun
from pivot_core.engine.standing import problem_of
from pivot_core.engine.watched import Watched
from pivot_core.errors import DefinitionError, PivotError, StoreError, UsageError
from pivot_core.frozen import frozen
from pivot_core.model.ids import RequestId
from pivot_core.port.commands import Accepted, Refused, Reply, Run, Watch
from pivot_core.port.events import Event, FilesChanged, Level, Notice, WatchChanged
from pivot_core.port.values import Problem, RunState, WatchState
from pivot_core.store.ignore import Ignore
from pivot_core.store.layout import Layout

_PATIENCE = 10
"""How many times the quiet that it waits for a batch may last, while one change follows another."""
_SHOWN = 20
"""Paths that an event names."""
_ECHOES = 5
"""After so many runs in a row during each of which something changed, the next ones wait."""
_ECHO_S = 1.0


@frozen
class Host:
    """The engine, as far as watching needs it."""

    active: Callable[[], ActiveRun | None]
    """The run whose stages are under way."""
    known: Callable[[], tuple[Plan, Grounds | None] | None]
    """The last plan, and what it rests on where that was kept."""
    accept: Callable[[Run], Reply]
    """Queues a run."""
    publish: Callable[[Event], None]
    """Tells every front end."""
    plan: Callable[[], Awaitable[Plan]]
    """Brings the plan up to date and tells the front ends of it; raises ``PivotError`` and `WorkerLost`."""


@dataclass(slots=True)
class _Batch:
    """What was heard since the last one."""

    paths: dict[str, None]
    since: float
    """When the first of it was heard, by the loop's clock."""
    has_moved: bool = False
    """Whether directories came or went."""


class Watching:
    """What an engine watches for; nothing, until ``begin``."""

    def __init__(self, host: Host, layout: Layout, *, restarts: Callable[[], bool]) -> None:
        """``restarts`` tells whether a running stage that is out of date begins anew at once."""
        self._host = host
        self._layout = layout
        self._restarts = restarts
        self.state: WatchState | None = None
        self.changed: tuple[str, ...] = ()
        """The absolute paths of the last batch: who reads them is looked at first."""
        self._command: Watch | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._notifier = Notifier(self._heard_elsewhere)
        self._lock = asyncio.Lock()
        """Held while a batch is looked at, or what counts is found out."""
        self._tasks = set[asyncio.Task[None]]()
        self._watched: Watched | None = None
        self._listened: frozenset[str] = frozenset()
        self._batch: _Batch | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._asked = 0
        """Runs that were asked for."""
        self._round: RequestId | None = None
        """The run that was asked for and has not ended."""
        self._is_due = False
        """Whether something changed after that run may have looked."""
        self._is_broken = False
        self._good: tuple[Plan, Grounds | None] | None = None
        """The last plan that could be loaded."""
        self._echoes = 0

    # --- what the engine asks for ------------------------------------------------------------------------------------

    def begin(self, command: Watch) -> Reply:
        """Begins to watch, or says why not."""
        if self.state is None:
            self._loop = asyncio.get_running_loop()
            self._command = command
            self.state = WatchState(
                command.request_id, command.targets, command.options, command.debounce_ms
            )
            self._spawn(self._open(command))
        elif self.state.targets != command.targets:
            what = "this project is watched already, for " + (
                ", ".join(self.state.targets) or "all stages"
            )
            hint = "end that first: `W` in the dashboard, Ctrl-C in `pivot repro --watch`"
            return Refused(Problem(what, "", hint), UsageError.exit_code)
        return Accepted()

    async def end(self, request_id: RequestId | None = None) -> None:
        """Ends watching; with an id only what that request began."""
        if self.state is None or request_id not in (None, self.state.request_id):
            return
        self.state = self._command = self._batch = self._round = None
        self._is_due = False
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await asyncio.to_thread(self._notifier.close)
        self._listened = frozenset()
        self._host.publish(WatchChanged(None))

    def run_ended(self, run: RunState) -> None:
        """Takes note of the end of any run: the plan may be another one, and what changed meanwhile is due."""
        if self.state is None:
            return
        self._is_broken = run.exit_code == DefinitionError.exit_code
        if run.request_id == self._round:
            self._round = None
            self._echoes = self._echoes + 1 if self._is_due else 0
        self._spawn(self._go_on())

    # --- inside ------------------------------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _open(self, command: Watch) -> None:
        async with self._lock:
            await self._load()
            await self._listen()
            if command.initial:
                self._ask(is_first=True)

    async def _load(self) -> None:
        """Brings the plan up to date; that it cannot be loaded is told by the engine."""
        try:
            await self._host.plan()
            self._is_broken = False
        except (PivotError, WorkerLost):
            self._is_broken = True

    async def _listen(self) -> bool:
        """Listens where something counts now; tells whether that is elsewhere than before.

        What happened in between may have gone unheard then: somebody must look.
        """
        self._good = self._host.known() or self._good
        plan, grounds = self._good or (None, None)
        try:
            rules = Ignore.load(self._layout.root)
        except UsageError:
            rules = Ignore(self._layout.root, ())
        watched = await asyncio.to_thread(
            Watched.of, self._layout.root, rules, plan, grounds, is_broken=self._is_broken
        )
        directories = await asyncio.to_thread(watched.directories)
        self._watched = watched
        before = self._listened
        if self.state is None or directories == before:
            return False
        problem = None
        try:
            await asyncio.to_thread(self._notifier.listen, directories)
            self._listened = directories
        except StoreError as error:
            problem = problem_of(error)[0]
        self.state = replace(self.state, directories=len(self._listened), problem=problem)
        self._host.publish(WatchChanged(self.state))
        return problem is None

    def _heard_elsewhere(self, heard: Heard) -> None:
        """Takes what the notifier's thread heard."""
        assert self._loop is not None
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody watches any more
            self._loop.call_soon_threadsafe(self._heard, heard)

    def _heard(self, heard: Heard) -> None:
        watched = self._watched
        if self.state is None or watched is None:
            return
        paths = {path: kind for kind, path in heard if watched.counts(kind, path)}
        if not paths:
            return
        loop = asyncio.get_running_loop()
        now = loop.time()
        if self._batch is None:
            self._batch = _Batch({}, now)
        self._batch.paths.update(dict.fromkeys(paths))
        self._batch.has_moved |= any(
            kind != Kind.MODIFIED and (path in self._listened or os.path.isdir(path))
            for path, kind in paths.items()
        )
        quiet_s = self.state.debounce_ms / 1000
        due = min(now + quiet_s - STEP_MS / 1000, self._batch.since + _PATIENCE * quiet_s)
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(max(now, due), self._ripe)

    def _ripe(self) -> None:
        batch, self._batch = self._batch, None
        if batch is not None:
            self._spawn(self._take(batch))

    async def _take(self, batch: _Batch) -> None:
        async with self._lock:
            # What an editor wrote beside a file and renamed is gone by now: people know the others.
            paths = sorted(batch.paths, key=lambda path: (not os.path.exists(path), path))
            self.changed = tuple(paths)
            shown = tuple(self._shown(path) for path in paths[:_SHOWN])
            self._host.publish(FilesChanged(shown, len(paths)))
            if batch.has_moved:
                await self._listen()
            if self._restarts() and (active := self._host.active()) is not None:
                await self._load()
                if not self._is_broken and (known := self._host.known()) is not None:
                    await active.renew(known[0], paths)
            if self._round is None:
                self._ask()
            else:
                self._is_due = True

    async def _go_on(self) -> None:
        async with self._lock:
            has_moved = await self._listen()
            if self._round is not None or not (self._is_due or has_moved):
                return
            if self._echoes >= _ECHOES:
                if self._echoes == _ECHOES:
                    said = f"files changed during each of the last {_ECHOES} runs"
                    self._host.publish(Notice(Level.WARNING, f"{said}: does a stage write them?"))
                await asyncio.sleep(_ECHO_S)
            self._ask()

    def _ask(self, *, is_first: bool = False) -> None:
        if self._command is None:
            return
        self._is_due = False
        self._asked += 1
        command = self._command
        request = RequestId(f"{command.request_id}.{self._asked}")
        options = replace(command.options, force=command.options.force and is_first)
        self._round = request
        self._host.accept(Run(request, command.targets, options, command.command))

    def _shown(self, path: str) -> str:
        inside = path.removeprefix(f"{self._layout.root}/")
        return f"{inside}/" if os.path.isdir(path) else inside
