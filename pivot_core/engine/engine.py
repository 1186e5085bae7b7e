"""Owns one project's engine: takes commands, runs one request after the other, and tells every front end.

All state belongs to the event loop's thread. Whoever makes an ``Engine`` holds the project's kernel lock
(``engine.lease``) for as long as the engine is open.
"""

import asyncio
import contextlib
import json
import logging
import os
import time
from collections import Counter, deque
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, assert_never, cast, override

import pivot_core
from pivot_core.engine import lease, supply
from pivot_core.engine.bus import Bus
from pivot_core.engine.grounds import credentials, identity
from pivot_core.engine.history import RunJournal, last_run
from pivot_core.engine.plan import Plan, Planner
from pivot_core.engine.pool import WorkerLost
from pivot_core.engine.preview import Preview
from pivot_core.engine.proof import Prover
from pivot_core.engine.run import ActiveRun, Tools
from pivot_core.engine.serve import Server
from pivot_core.engine.standing import Standing, problem_of
from pivot_core.engine.supply import Supply
from pivot_core.engine.sync import Transfers
from pivot_core.engine.workshop import Workshop
from pivot_core.errors import (
    EXIT_INTERRUPTED,
    EXIT_OK,
    EXIT_STAGE,
    DefinitionError,
    PivotError,
    StoreError,
    UsageError,
)
from pivot_core.model import codec
from pivot_core.model.decision import Status
from pivot_core.model.ids import Json, RequestId, RunId, StageName
from pivot_core.plan.select import select
from pivot_core.port.commands import (
    Accepted,
    CancelRun,
    CancelStage,
    CancelTransfer,
    Command,
    Fetch,
    Pull,
    Push,
    Refresh,
    Refused,
    Reply,
    Run,
    Shutdown,
    Unwatch,
    Watch,
)
from pivot_core.port.events import (
    EngineEnding,
    Level,
    LogGrew,
    Notice,
    RunFinished,
    RunQueued,
)
from pivot_core.port.protocol import Port, Subscription
from pivot_core.port.queries import Query
from pivot_core.port.snapshot import PROTOCOL, EngineInfo, Snapshot
from pivot_core.port.values import Problem, RunState, RunStatus
from pivot_core.store import atomic, journal
from pivot_core.store.config import Config
from pivot_core.store.layout import Layout

if TYPE_CHECKING:
    from pivot_core.engine.answer import Answers
    from pivot_core.engine.watch import Watching

log = logging.getLogger(__name__)

BARRIER_S = 5.0
"""How often, while a run goes on, what is written so far is made safe from a power loss."""


class Engine(Port):
    """One project's engine, from ``open`` to ``end``."""

    def __init__(
        self, layout: Layout, config: Config, *, command: str, only: RequestId | None = None
    ) -> None:
        """``command`` is what a person started, for those who wait.

        An engine for ``only`` one request leaves every other one in the queue, for its successor.
        """
        self._only = only
        self._layout = layout
        self._command = command
        notices = list[str]()
        self._shop = Workshop(
            layout,
            config,
            notices,
            on_started=_started,
            on_grew=self._log_grew,
        )
        self._state = self._shop.state
        self._planner = Planner(
            layout,
            self._state,
            self._shop.define,
        )
        self._answers: Answers | None = None
        self._bus = Bus(self._snapshot)
        self._standing = Standing(layout, self._bus, notices)
        self._server = Server(self, self.about, self._clients_changed)
        self._workspace = asyncio.Lock()
        """Held by a run, and by a pull that restores."""
        self._transfers = Transfers(
            self._shop, self._plan, self._bus.publish, self._workspace, self._rested
        )
        self._run: RunState | None = None
        self._active: ActiveRun | None = None
        self._queue: deque[tuple[RunState, Run]] = deque()
        self._known: dict[str, RunId] = {}
        self._warming: asyncio.Task[None] | None = None
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._preview = Preview(self._shop, self._plan, self._standing, self._get_ready)
        self._watching: Watching | None = None
        self._is_ending = False
        self._is_cancelled = False
        self._clients = 0
        self.clients_changed = asyncio.Event()
        """Set whenever a client came or went; cleared by who waits for it."""
        self._task: asyncio.Task[None] | None = None

    # --- life --------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Cleans up after a predecessor that was killed, and begins to serve; raises ``StoreError``."""
        await lease.workers_gone(self._layout)
        self._shop.sweep()
        if self._only is None and (last := await asyncio.to_thread(last_run, self._layout)):
            self._standing.recall(*last)
        try:
            await self._server.start(self._layout.socket_path)
        except OSError as error:
            raise StoreError(
                f"cannot listen on the engine's socket: {error.strerror or error}",
                self._layout.socket_path,
            ) from error
        self._take_over()
        self._task = asyncio.create_task(self._work())
        self._task.add_done_callback(self._stopped)

    async def end(self, why: str) -> None:
        """Ends the active run, tells the clients, and lets go of everything; raises what made runs impossible.

        Requests that are still queued are told of no end. The successor of an engine for one request takes them over.
        """
        self._is_ending = True
        await self._transfers.end()
        if self._watching is not None:
            await self._watching.end()
        await self._preview.end()
        if self._warming is not None and not self._warming.done():
            self._warming.cancel()
            await self._shop.drop_pool()
        if self._run is not None and self._run.ended_at is None:
            await self._interrupt(at_once=False)
        self._wake.set()
        try:
            if self._task is not None:
                await self._task
        finally:
            await self._let_go(why)

    def _take_over(self) -> None:
        """Accepts the requests that a predecessor was left with; their clients may ask for them again, or be gone."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            with open(self._layout.pending_path, "rb") as file:
                text = file.read()
            os.unlink(self._layout.pending_path)
            for each in cast("list[Json]", json.loads(text)):
                self._accept(codec.from_json(Run, each))

    async def _let_go(self, why: str) -> None:
        if self._queue and self._only is not None:
            left = [codec.to_json(Run, command) for _, command in self._queue]
            with contextlib.suppress(StoreError):
                atomic.write_file(self._layout.pending_path, json.dumps(left).encode(), mode=0o600)
        self._bus.publish(EngineEnding(why))
        self._bus.end()
        await self._server.stop()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._layout.socket_path)
        await self._shop.close()

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """Sends everyone away when no run is possible any more; ``end`` then raises why."""
        if not task.cancelled() and task.exception() is not None:
            self._is_ending = True
            self._idle.set()
            self.clients_changed.set()
            self._bus.end()

    @property
    def has_runs(self) -> bool:
        """Whether a run is under way or queued."""
        return bool(self._queue) or (self._run is not None and self._run.ended_at is None)

    @property
    def is_busy(self) -> bool:
        """Whether a run or a transfer is under way or queued."""
        return self.has_runs or self._transfers.is_busy

    @property
    def clients(self) -> int:
        """How many front ends in other processes are connected."""
        return self._clients

    async def until_idle(self) -> None:
        """Waits until no run and no transfer is under way or queued."""
        while self.is_busy and not self._is_ending:
            self._idle.clear()
            await self._idle.wait()

    def look_around(self) -> None:
        """Looks at every stage, and gets ready for a run; does nothing while one is under way."""
        if not self.has_runs:
            self._preview.begin()

    @property
    def is_wanted(self) -> bool:
        """Whether requests are left in the queue, or front ends are attached: a successor should take over."""
        return bool(self._queue) or self._clients > 0

    @property
    def standing(self) -> Snapshot:
        """How everything stands."""
        return self._bus.snapshot

    def about(self) -> EngineInfo:
        """Returns who this engine is."""
        return EngineInfo(
            PROTOCOL,
            pivot_core.__version__,
            os.getpid(),
            self._layout.root,
            self._standing.project,
            self._command,
            identity(self._planner.known_variables),
            credentials(),
        )

    # --- the port ----------------------------------------------------------------------------------------------------

    @override
    async def subscribe(self) -> Subscription:
        if not self.has_runs and self._only is None:
            self._preview.begin()
        return self._bus.subscribe()

    @override
    async def send(self, command: Command) -> Reply:
        match command:
            case Run():
                return self._accept(command)
            case CancelRun(run_id, at_once):
                return await self._cancel(run_id, at_once)
            case CancelStage(run_id, stage):
                if self._active is None or self._run is None or self._run.run_id != run_id:
                    return _refused(f"run {run_id} is not active")
                if stage not in self._active.states:
                    return _refused(f"'{stage}' is not part of run {run_id}")
                self._active.cancel_stage(stage)
            case Push() | Fetch() | Pull():
                return self._transfers.accept(command)
            case CancelTransfer(transfer_id):
                if not self._transfers.cancel(transfer_id):
                    return _refused(f"transfer {transfer_id} is not under way")
            case Watch():
                return self._watch(command)
            case Unwatch(request_id):
                if self._watching is not None:
                    await self._watching.end(request_id)
            case Refresh():
                self.look_around()
            case Shutdown():
                self._is_ending = True
                self._wake.set()
                self.clients_changed.set()
            case _:
                assert_never(command)
        return Accepted()

    @override
    async def ask(self, query: Query) -> object:  # pyright: ignore[reportIncompatibleMethodOverride] the protocol's overloads are this by type of query
        from pivot_core.engine.answer import Answers  # a run asks for none

        if self._answers is None:
            self._answers = Answers(self._layout, self._state, self._planner)
        return await self._answers.answer(query, self._shop.observer())

    @override
    async def close(self) -> None:
        """Does nothing: who made the engine ends it."""

    @property
    def is_ending(self) -> bool:
        """Whether a client asked for the end."""
        return self._is_ending

    # --- commands ----------------------------------------------------------------------------------------------------

    def _accept(self, command: Run) -> Reply:
        if command.request_id in self._known:
            return Accepted(self._known[command.request_id])
        now = time.time()
        while (run_id := journal.name_run(now)) in self._known.values():
            now += 2**-16
        run = RunState(
            run_id, command.request_id, command.targets, command.options, RunStatus.QUEUED, now
        )
        self._known[command.request_id] = run_id
        is_waiting = self.has_runs
        self._queue.append((run, command))
        if is_waiting:
            self._bus.publish(RunQueued(run))
        self._wake.set()
        return Accepted(run_id)

    def _watch(self, command: Watch) -> Reply:
        from pivot_core.engine.watch import Host, Watching

        if self._watching is None:
            self._watching = Watching(
                Host(
                    lambda: self._active,
                    self._planner.known,
                    self._accept,
                    self._bus.publish,
                    self._plan,
                ),
                self._layout,
                restarts=lambda: self._shop.config.watch_restart == "stale",
            )
        return self._watching.begin(command)

    async def _cancel(self, run_id: RunId, at_once: bool) -> Reply:
        for item in self._queue:
            if item[0].run_id == run_id:
                self._queue.remove(item)
                self._bus.publish(RunFinished(_cancelled(item[0])))
                return Accepted(run_id)
        if self._run is None or self._run.run_id != run_id or self._run.ended_at is not None:
            return _refused(f"run {run_id} is not active")
        await self._interrupt(at_once)
        return Accepted(run_id)

    async def _interrupt(self, at_once: bool) -> None:
        """Ends the run that is under way, also one whose definition is still being loaded."""
        if self._active is not None:
            self._active.cancel(at_once=at_once)
            return
        self._is_cancelled = True
        await self._shop.drop_pool()

    # --- runs --------------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        """Takes requests from the queue, one after the other, until the end."""
        while not self._is_ending:
            self._wake.clear()
            if not self._queue:
                self._idle.set()
                self._get_ready()
                await self._wake.wait()
                continue
            if self._preview.is_on:
                await self._preview.wait()
                continue  # the request may have been taken back meanwhile
            run, command = self._queue.popleft()
            self._run = run
            self._is_cancelled = False
            async with self._workspace:
                await self._execute(run, command)
            if run.request_id == self._only:
                break
            if self._watching is not None:
                self._watching.run_ended(self._run)
            if self._clients and not self._queue:
                self._preview.begin()
        self._idle.set()

    async def _execute(self, run: RunState, command: Run) -> None:
        self._run = run = replace(run, status=RunStatus.RUNNING, started_at=time.time())
        async with contextlib.AsyncExitStack() as stack:
            try:
                before = self._planner.known()
                plan = await self._plan(keep=run.options.commit)
                stages = select(plan.graph, run.targets, run.options.selection)
                jobs = run.options.jobs or self._shop.jobs
                run = self._run = replace(run, jobs=jobs, stages=stages)
                taken = await self._supply(run, plan, stack)
                plan.check_inputs(self._layout, stages, taken.foretold if taken else ())
                tools = await self._shop.tools(
                    run.run_id, jobs, commit=run.options.commit, supply=taken
                )
            except PivotError as error:
                run = replace(run, problems=problem_of(error), exit_code=error.exit_code)
                self._finish(replace(run, stages=()))
                return
            except WorkerLost as error:
                problem = Problem("a worker died while it loaded the definition", "", str(error))
                if self._is_cancelled:
                    self._finish(replace(run, exit_code=EXIT_INTERRUPTED))
                else:
                    self._finish(replace(run, problems=(problem,), exit_code=EXIT_STAGE))
                return
            if self._is_cancelled:
                self._finish(replace(run, stages=(), exit_code=EXIT_INTERRUPTED))
                return
            changed = () if self._watching is None else self._watching.changed
            edited = plan.edited(self._layout, before and before[0], changed)
            await self._drive(run, command, plan, tools, edited)

    async def _supply(
        self, run: RunState, plan: Plan, stack: contextlib.AsyncExitStack
    ) -> Supply | None:
        """Opens the remote that a run may take from, for as long as ``stack``; raises ``PivotError``."""
        if not run.options.pull:
            return None
        asked = plan.named(run.targets)
        return await stack.enter_async_context(
            supply.opened(
                self._layout,
                self._shop.config,
                self._shop.cache,
                plan,
                run.targets,
                run.options.remote,
                asked,
                lambda said: self._standing.publish(Notice(Level.WARNING, said)),
            )
        )

    async def _drive(
        self, run: RunState, command: Run, plan: Plan, tools: Tools, edited: Collection[StageName]
    ) -> None:
        stages, jobs = run.stages, run.jobs
        targets = plan.named(run.targets) if run.targets else stages
        active = self._active = ActiveRun(
            tools,
            plan,
            run.run_id,
            stages,
            run.options,
            targets,
            jobs,
            self._standing.changed,
            self._standing.noted,
            self._planner.analyse_again,
            lambda said: self._standing.publish(Notice(Level.INFO, said)),
            edited,
        )
        journal = RunJournal(self._layout, self._shop.config, run, command.command)
        self._standing.begin(run, active.states, journal)
        ticker = asyncio.create_task(self._barriers())
        try:
            await active.drive()
        finally:
            ticker.cancel()
        await self._complete(run, active, tools, plan)

    async def _complete(self, run: RunState, active: ActiveRun, tools: Tools, plan: Plan) -> None:
        """Makes everything durable, then announces the end."""
        counts = Counter(active.states[name].status for name in run.stages)
        error = active.store_error
        loop = asyncio.get_running_loop()
        has_changed = bool(counts[Status.RAN] or counts[Status.RESTORED])
        try:
            if self._shop.config.git_ignore and has_changed and run.options.commit:
                stages = list(plan.graph.stages.values())
                await loop.run_in_executor(self._shop.writer, tools.recorder.ignore_outs, stages)
            await loop.run_in_executor(self._shop.writer, self._planner.flush)
            await loop.run_in_executor(self._shop.writer, tools.recorder.finish)
            last = self._planner.last
            is_here = tools.supply is None or not tools.supply.promised
            is_proven = is_here and run.options.commit and _is_complete(active, plan)
            if last and last[0] is plan and is_proven:
                prover = Prover(self._layout, self._shop.config, self._state, tools.observer)
                await loop.run_in_executor(self._shop.writer, prover.keep, *last, run.stages)
        except StoreError as failed:
            error = error or failed
        exit_code = EXIT_OK
        if counts[Status.FAILED]:
            exit_code = EXIT_STAGE
        elif counts[Status.CANCELLED] or counts[Status.BLOCKED]:
            exit_code = EXIT_INTERRUPTED
        self._finish(
            replace(
                run,
                counts={status.value: count for status, count in counts.items()},
                exit_code=exit_code if error is None else error.exit_code,
                problems=() if error is None else problem_of(error),
            )
        )

    def _finish(self, run: RunState) -> None:
        status = RunStatus.FAILED
        if run.exit_code == EXIT_OK:
            status = RunStatus.DONE
        elif run.exit_code == EXIT_INTERRUPTED:
            status = RunStatus.CANCELLED
        run = self._run = replace(run, status=status, ended_at=time.time())
        self._active = None
        self._standing.finish(run)

    async def _plan(self, *, keep: bool = True) -> Plan:
        """Returns the plan as the files say now, and tells the front ends when it is another one."""
        if self._active is None:
            self._shop.take_settings()
            self._planner.counts_packages = self._shop.config.fingerprint_packages == "rerun"
        try:
            plan = await self._planner.current(keep=keep, later=True)
        except DefinitionError as error:
            self._standing.broken(problem_of(error))
            raise
        self._standing.loaded(plan)
        return plan

    def _get_ready(self) -> None:
        """Has workers import what the plan's stages will need, while nobody waits for them."""
        known, is_warming = self._planner.known(), self._warming and not self._warming.done()
        if known is not None and self._only is None and not (self.has_runs or is_warming):
            self._warming = asyncio.create_task(self._shop.warm(known[0]))

    async def _barriers(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(BARRIER_S)
            with contextlib.suppress(StoreError):
                await loop.run_in_executor(None, self._state.barrier)

    def _rested(self, has_restored: bool) -> None:
        """Takes note that no transfer is left; what one restored is looked at."""
        self._idle.set()
        if has_restored and self._clients and not self.has_runs:
            self._preview.begin()

    def _log_grew(self, stage: str, attempt: int, size: int) -> None:
        if self._run is not None:
            self._standing.publish(LogGrew(self._run.run_id, StageName(stage), attempt, size))

    def _clients_changed(self, count: int) -> None:
        self._clients = count
        self.clients_changed.set()

    def _snapshot(self, seq: int) -> Snapshot:
        waiting = tuple(run for run, _ in self._queue)
        known = self._standing.snapshot(seq, self.about(), self._run, waiting)
        return replace(
            known,
            transfer=self._transfers.current,
            transfers=self._transfers.waiting,
            watch=None if self._watching is None else self._watching.state,
        )


def _started(stage: str, attempt: int, pid: int) -> None:
    log.debug("%s, attempt %d, runs as process %d", stage, attempt, pid)


def _is_complete(active: ActiveRun, plan: Plan) -> bool:
    """Tells whether a run has left its stages up to date, and all that they need."""
    states = active.states
    return plan.graph.ancestors(states) == states.keys() and all(
        state.status in (Status.RAN, Status.RESTORED, Status.SAME) for state in states.values()
    )


def _cancelled(run: RunState) -> RunState:
    return replace(
        run, status=RunStatus.CANCELLED, ended_at=time.time(), exit_code=EXIT_INTERRUPTED
    )


def _refused(what: str, hint: str = "") -> Refused:
    return Refused(Problem(what, "", hint), UsageError.exit_code)
