"""Owns the transfers of one engine, one after the other: what travels, by way of which remote, and what is told of it.

    Push · Fetch · Pull ──► queue ──► lock files name objects ──► remote.transfer moves what is missing
                                           TransferProgress, ObjectFailed ◄──┘        │
                                                                     run-cache entries ◄┘ then a pull restores outs

Objects come before the run-cache entries that name them, so that an entry never points at nothing.
"""

import asyncio
import os
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from pivot_core.engine.pool import WorkerLost
from pivot_core.engine.remotes import reach
from pivot_core.engine.standing import problem_of
from pivot_core.engine.workshop import Workshop
from pivot_core.errors import EXIT_INTERRUPTED, EXIT_OK, EXIT_STAGE, PivotError, RemoteError
from pivot_core.model.ids import RequestId, TransferId
from pivot_core.port.commands import Accepted, Fetch, Pull, Push, Transfer
from pivot_core.port.events import (
    Event,
    Level,
    Notice,
    ObjectFailed,
    TransferFinished,
    TransferProgress,
    TransferQueued,
    TransferStarted,
)
from pivot_core.port.transfers import (
    FailedItem,
    Phase,
    Progress,
    TransferKind,
    TransferState,
    TransferStatus,
)
from pivot_core.port.values import Action, Problem
from pivot_core.store import config

if TYPE_CHECKING:
    from pivot_core.engine.plan import Plan

FAILED_KEPT = 1000
"""So many failed objects a transfer's state names; all are counted, and told as they fail."""
SILENCE_S = 5.0
"""At least this often something is said of a transfer under way."""

type Publish = Callable[[Event], None]


class Transfers:
    """The transfers of one engine; used from its event loop only."""

    def __init__(
        self,
        shop: Workshop,
        plan: "Callable[[], Awaitable[Plan]]",
        publish: Publish,
        workspace: asyncio.Lock,
        on_idle: Callable[[bool], None],
    ) -> None:
        """``workspace`` is held by whoever writes there: a run, or a pull that restores.

        ``on_idle`` is called when nothing is left to do, and told whether a pull changed the workspace.
        """
        self._shop = shop
        self._plan = plan
        self._publish = publish
        self._workspace = workspace
        self._on_idle = on_idle
        self._queue: deque[tuple[TransferState, Transfer]] = deque()
        self._known: dict[RequestId, TransferId] = {}
        self._course: Course | None = None
        self._last: TransferState | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether one is under way or waits."""
        return self._task is not None and not self._task.done()

    @property
    def current(self) -> TransferState | None:
        """The one under way, else the last one."""
        return self._last if self._course is None else self._course.state

    @property
    def waiting(self) -> tuple[TransferState, ...]:
        """Those that wait."""
        return tuple(state for state, _ in self._queue)

    def accept(self, command: Transfer) -> Accepted:
        """Takes a request; one that was taken before is not done twice."""
        if command.request_id in self._known:
            return Accepted(transfer_id=self._known[command.request_id])
        now = time.time()
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
        name = TransferId(f"{stamp}-{os.urandom(2).hex()}")
        state = TransferState(
            name,
            command.request_id,
            _kind(command),
            command.targets,
            command.options,
            TransferStatus.QUEUED,
            now,
        )
        self._known[command.request_id] = name
        self._queue.append((state, command))
        if self.is_busy:
            self._publish(TransferQueued(state))
        else:
            self._task = asyncio.create_task(self._work())
        return Accepted(transfer_id=name)

    def cancel(self, name: TransferId) -> bool:
        """Takes one out of the queue, or ends it; false when it is neither there nor under way."""
        for item in self._queue:
            if item[0].transfer_id == name:
                self._queue.remove(item)
                self._publish(TransferFinished(_cancelled(item[0])))
                return True
        if self._course is None or self._course.state.transfer_id != name:
            return False
        self._course.cancel()
        return True

    async def end(self) -> None:
        """Ends all; their clients ask the next engine again."""
        self._queue.clear()
        if self._course is not None:
            self._course.cancel()
        if self._task is not None:
            await self._task

    async def _work(self) -> None:
        has_restored = False
        while self._queue:
            state, _ = self._queue.popleft()
            course = self._course = Course(
                self._shop, self._plan, self._publish, self._workspace, state
            )
            try:
                self._last = await course.run()
            finally:
                self._course = None
            has_restored |= any(change.action is Action.RESTORED for change in self._last.changes)
            self._publish(TransferFinished(self._last))
        self._task = None
        self._on_idle(has_restored)


class Course:
    """One transfer, from its start to its end."""

    def __init__(
        self,
        shop: Workshop,
        plan: "Callable[[], Awaitable[Plan]]",
        publish: Publish,
        workspace: asyncio.Lock,
        state: TransferState,
    ) -> None:
        self.shop = shop
        self.plan = plan
        self.workspace = workspace
        self.state = replace(
            state,
            status=TransferStatus.RUNNING,
            started_at=time.time(),
            progress=Progress(Phase.LOOKING),
        )
        self._publish = publish
        self._told_at = time.monotonic()
        self._moved_at = self._told_at
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> TransferState:
        """Carries it out and returns how it ended; never raises for what goes wrong on the way."""
        self._publish(TransferStarted(self.state))
        self._task = asyncio.create_task(self._carry_out())
        beat = asyncio.create_task(self._beat())
        try:
            await self._task
            status = TransferStatus.DONE
        except asyncio.CancelledError:
            status = TransferStatus.CANCELLED
            self.update(exit_code=EXIT_INTERRUPTED)
        except PivotError as error:
            status = TransferStatus.FAILED
            self.update(problems=problem_of(error), exit_code=error.exit_code)
        except WorkerLost as error:
            status = TransferStatus.FAILED
            problem = Problem("a worker died while it loaded the definition", "", str(error))
            self.update(problems=(problem,), exit_code=EXIT_STAGE)
        finally:
            beat.cancel()
        if self.state.exit_code not in (None, EXIT_OK, EXIT_INTERRUPTED):
            status = TransferStatus.FAILED
        self.update(status=status, ended_at=time.time(), exit_code=self.state.exit_code or EXIT_OK)
        return self.state

    def cancel(self) -> None:
        """Ends it as soon as what is under way has been put in order."""
        if self._task is not None:
            self._task.cancel()

    # --- what the steps tell -----------------------------------------------------------------------------------------

    def update(self, **changes: object) -> None:
        """Takes over what is known by now."""
        self.state = replace(self.state, **changes)

    def tell(self, progress: Progress) -> None:
        """Tells how far it is."""
        now = time.monotonic()
        before = self.state.progress
        if before is None or (before.bytes_done, before.phase) != (
            progress.bytes_done,
            progress.phase,
        ):
            self._moved_at = now
        self._told_at = now
        self.update(progress=progress)
        self._publish(TransferProgress(self.state.transfer_id, progress))

    def phase(self, phase: Phase) -> None:
        """Tells that another part begins."""
        self.tell(replace(self.state.progress or Progress(phase), phase=phase, active=()))

    def fail(self, failed: FailedItem) -> None:
        """Takes an object that did not arrive; its transfer then ends with the exit code of remotes."""
        self.update(exit_code=RemoteError.exit_code)
        if len(self.state.failed) < FAILED_KEPT:
            self.update(failed=(*self.state.failed, failed))
        self._publish(ObjectFailed(self.state.transfer_id, failed))

    def say(self, said: str, level: Level = Level.INFO) -> None:
        """Tells what a person should know and that fails nothing."""
        self._publish(Notice(level, said))

    def warn(self, said: str) -> None:
        """The same of something that is not as it should be."""
        self.say(said, Level.WARNING)

    async def _beat(self) -> None:
        """Says every few seconds that nothing moves, where nothing else is said."""
        while True:
            await asyncio.sleep(max(0.1, self._told_at + SILENCE_S - time.monotonic()))
            now = time.monotonic()
            if now - self._told_at >= SILENCE_S and self.state.progress is not None:
                moved_at = self._moved_at
                self.tell(replace(self.state.progress, silent_s=now - moved_at))
                self._moved_at = moved_at

    # --- the steps ---------------------------------------------------------------------------------------------------

    async def _carry_out(self) -> None:
        from pivot_core.engine import shipment  # loads what moves bytes

        layout = self.shop.layout
        now = config.load(layout.root)  # a remote may have been named since the engine began
        known, row, remote = reach(layout, now, self.state.options.remote)
        self.update(remote=row.name, url=remote.url)
        jobs = self.state.options.jobs or known.jobs
        plan = await self.plan()
        match self.state.kind:
            case TransferKind.PUSH:
                await shipment.push(self, plan, remote, jobs)
            case TransferKind.FETCH | TransferKind.PULL:
                chosen = await shipment.fetch(self, plan, remote, jobs)
                if self.state.kind is TransferKind.PULL and not self.state.options.dry_run:
                    await shipment.restore(self, plan, chosen)
            case _:
                assert_never(self.state.kind)


def _kind(command: Transfer) -> TransferKind:
    match command:
        case Push():
            return TransferKind.PUSH
        case Fetch():
            return TransferKind.FETCH
        case Pull():
            return TransferKind.PULL


def _cancelled(state: TransferState) -> TransferState:
    return replace(
        state,
        status=TransferStatus.CANCELLED,
        ended_at=time.time(),
        exit_code=EXIT_INTERRUPTED,
    )
