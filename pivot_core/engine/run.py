"""Owns one run: feeds the scheduler signals, carries out its orders, and tells the engine what changed.

scheduler ──order──► settle, put back (threads) · launch (pool) · record (the writer's thread)
    ▲                                   │
    └───────────── inbox ◄──signal──────┘      one task takes signals from the inbox, in order
"""

import asyncio
import contextlib
import functools
import time
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import batched

from pivot_core.define.param_file import values_now
from pivot_core.define.reading import files_hold
from pivot_core.engine import tail
from pivot_core.engine.assignment import attempt_of, tasks
from pivot_core.engine.observe import Observation, Observer, Subject, definition_digest
from pivot_core.engine.plan import Plan
from pivot_core.engine.pool import Pool, WorkerLost
from pivot_core.engine.record import Recorder, expected_s, made_from_report
from pivot_core.engine.supply import Supply
from pivot_core.engine.tail import Tail
from pivot_core.errors import Bug, DefinitionError, RemoteError, StoreError
from pivot_core.frozen import frozen
from pivot_core.model import codec
from pivot_core.model.artifact import Missing, found_hash
from pivot_core.model.decision import Execute, NoInput, Restore, Skip, Status
from pivot_core.model.failure import Failure, FailureKind
from pivot_core.model.fingerprint import Analysis
from pivot_core.model.graph import Graph
from pivot_core.model.ids import ContentHash, RunId, StageName
from pivot_core.model.lock import Lock
from pivot_core.model.message import (
    CancelRun,
    CancelStage,
    Change,
    Finished,
    Interrupt,
    Launch,
    Order,
    Outcome,
    PutBack,
    Record,
    Recorded,
    RecordFailed,
    Renew,
    Restored,
    Settle,
    Settled,
    Signal,
    Step,
    Unsettled,
)
from pivot_core.model.stage import OutKind, Stage
from pivot_core.plan.schedule import Scheduler
from pivot_core.port.values import Inputs, RunOptions, StageState
from pivot_core.store.cache import BadObject
from pivot_core.store.config import Config
from pivot_core.store.layout import Layout
from pivot_core.store.state import State
from pivot_core.worker.job import StageReport

SETTLE_BATCH = 16
"""Stages that one thread looks at in one go when very many are due: handing each over costs more than the look."""
_ENDED = frozenset(
    (
        *(Status.RAN, Status.SAME, Status.RESTORED),
        *(Status.FAILED, Status.BLOCKED, Status.CANCELLED),
    )
)


@frozen
class Tools:
    """What a run works with; owned by the engine."""

    layout: Layout
    config: Config
    state: State
    pool: Pool
    observer: Observer
    recorder: Recorder
    lookers: ThreadPoolExecutor
    """Threads that stat and hash."""
    writer: ThreadPoolExecutor
    """The one thread that writes locks and state."""
    supply: Supply | None = None
    """What the run may take from a remote; ``None`` where it was not asked to."""


class ActiveRun:
    """The course of one run, from the first settled stage to the last that ended."""

    def __init__(
        self,
        tools: Tools,
        plan: Plan,
        run_id: RunId,
        stages: Sequence[StageName],
        options: RunOptions,
        targets: Sequence[StageName],
        jobs: int,
        on_state: Callable[[StageName, StageState], None],
        on_inputs: Callable[[StageName, int, Inputs], None],
        analyse_again: Callable[[Stage], tuple[Analysis, Mapping[str, str]]],
        say: Callable[[str], None],
        urgent: Collection[StageName] = (),
    ) -> None:
        """``targets`` are the stages that were named (all of them without names); ``force`` applies to those.

        Of the stages that can be looked at at once, ``urgent`` ones are first.
        """
        self._urgent = urgent
        self._tools = tools
        self._plan = plan
        self._run_id = run_id
        self._options = options
        self._forced = frozenset(targets) if options.force else frozenset[StageName]()
        self._on_state = on_state
        self._on_inputs = on_inputs
        self._analyse_again = analyse_again
        self._say = say
        self._inbox: asyncio.Queue[Signal | BaseException] = asyncio.Queue()
        self._tasks: set[asyncio.Task[None]] = set()
        self._subjects: dict[StageName, Subject] = {}
        self._seen: dict[StageName, Observation] = {}
        self._reports: dict[StageName, StageReport] = {}
        self._interrupted: set[tuple[StageName, int]] = set()
        """Attempts that are to end; the pool knows of those alone that it was given."""
        self._failures: dict[StageName, Failure] = {}
        self._began: dict[StageName, float] = {}
        self._code: dict[StageName, tuple[Mapping[str, str], ...]] = {}
        """Where they are others than the plan's: hashes of sources whose texts all mean the stage's fingerprint."""
        self.states: dict[StageName, StageState] = {}
        self.store_error: StoreError | None = None
        """Set when our own records could not be written; the run then ends with that error's exit code."""
        self._is_killing = False
        expected = {name: expected_s(tools.state, name) for name in stages}
        self._expected = expected
        self._scheduler = Scheduler(
            tasks(plan.graph, stages, options.selection, expected),
            jobs=jobs,
            keep_going=options.keep_going,
        )
        for name in stages:
            self.states[name] = StageState(Status.WAIT, run_id, expected_s=expected[name])

    # --- what the engine asks for ------------------------------------------------------------------------------------

    async def drive(self) -> None:
        """Runs to the end; every stage then has a final state."""
        try:
            self._obey(self._scheduler.start())
            while not self._scheduler.is_done:
                signal = await self._inbox.get()
                if isinstance(signal, BaseException):
                    raise signal
                self._obey(self._scheduler.handle(signal))
        finally:
            for task in self._tasks:
                task.cancel()

    def cancel(self, *, at_once: bool) -> None:
        """Ends the run: nothing new starts, running stages get SIGINT, or SIGKILL ``at_once``."""
        if at_once:
            self._is_killing = True
            for name, state in self.states.items():
                if state.status is Status.RUNNING:
                    self._tools.pool.kill(name, state.attempt)
        self._inbox.put_nowait(CancelRun())

    def cancel_stage(self, stage: StageName) -> None:
        """Ends one stage; the others go on."""
        self._inbox.put_nowait(CancelStage(stage))

    async def renew(self, plan: Plan, changed: Collection[str]) -> None:
        """Takes over what a newer plan, and changes of some absolute paths, mean for stages that have not ended.

        One that runs and would run otherwise now begins anew. One whose place in the graph is another is cancelled.
        """
        for name, state in self.states.items():
            if state.status in _ENDED:
                continue
            old, new = self._plan.graph, plan.graph
            if name not in new.stages or not _is_placed_alike(old, new, name):
                self._say(f"'{name}' is cancelled: its definition has changed")
                self.cancel_stage(name)
            elif name not in self._subjects:
                self._subjects[name] = plan.subject(name)
                self._code[name] = (plan.code,)
            else:
                await self._renew(name, plan, changed)

    async def _renew(self, name: StageName, plan: Plan, changed: Collection[str]) -> None:
        before, now = self._subjects[name], plan.subject(name)
        if _definition(before) == _definition(now):
            self._code[name] = (*self._code.get(name, (self._plan.code,)), plan.code)
            if not await asyncio.to_thread(self._reads_other, name, changed):
                return
            why = "an input"
        else:
            self._code[name] = (plan.code,)
            why = "its code or a param"
        self._subjects[name] = now
        if self.states[name].status is Status.RUNNING:
            self._say(f"'{name}' begins anew: {why} has changed")
        self._inbox.put_nowait(Renew(name))

    def _reads_other(self, name: StageName, changed: Collection[str]) -> bool:
        """Tells whether a dep that no stage makes holds something else than what was decided by."""
        seen, subject = self._seen.get(name), self._subjects[name]
        if seen is None or seen.facts.deps is None:
            return False
        observer, root = self._tools.observer, self._tools.layout
        for path in subject.stage.dep_paths:
            full = root.absolute(path)
            is_meant = any(
                each == full or each.startswith(f"{full.rstrip('/')}/") for each in changed
            )
            if is_meant and path not in subject.made:
                with contextlib.suppress(StoreError):
                    row = observer.row(path)
                    found = Missing() if row is None else row.found
                    if found_hash(found) != found_hash(seen.facts.deps[path]):
                        return True
        return False

    # --- orders ------------------------------------------------------------------------------------------------------

    def _obey(self, step: Step) -> None:
        for change in step.changes:
            self._tell(change)
        due = [order.stage for order in step.orders if isinstance(order, Settle)]
        due.sort(key=lambda stage: stage not in self._urgent)
        for stages in batched(due, min(SETTLE_BATCH, 1 + len(due) // 32), strict=False):
            self._spawn(self._settle(stages))
        for order in step.orders:
            self._carry_out(order)

    def _carry_out(self, order: Order) -> None:
        match order:
            case Settle():
                pass  # done together with the others of the step
            case PutBack(stage):
                self._spawn(self._put_back(stage))
            case Launch(stage, attempt):
                self._spawn(self._launch(stage, attempt))
            case Record(stage):
                self._spawn(self._record(stage))
            case Interrupt(stage):
                attempt = self._scheduler.attempt(stage)
                self._interrupted.add((stage, attempt))
                if self._is_killing:
                    self._tools.pool.kill(stage, attempt)
                else:
                    grace_s = self._tools.config.run_grace_s
                    self._tools.pool.interrupt(stage, attempt, grace_s)
                    ending = replace(self.states[stage], kill_at=time.time() + grace_s)
                    self.states[stage] = ending
                    self._on_state(stage, ending)

    def _spawn(self, work: Coroutine[object, object, Signal | Sequence[Signal]]) -> None:
        async def deliver() -> None:
            done = await work
            for signal in done if isinstance(done, Sequence) else (done,):
                self._inbox.put_nowait(signal)

        task = asyncio.create_task(deliver())
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        task.add_done_callback(lambda _: work.close())  # it may have been cancelled before it began

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            # Nobody would answer the order: the run ends with the error instead of waiting for ever.
            self._inbox.put_nowait(error)

    async def _settle(self, stages: Sequence[StageName]) -> Sequence[Signal]:
        for stage in stages:
            if stage not in self._subjects:
                self._subjects[stage] = self._plan.subject(stage)
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(self._tools.lookers, self._look, stages)
        return [await self._settled(stage, seen) for stage, seen in zip(stages, found, strict=True)]

    def _look(self, stages: Sequence[StageName]) -> Sequence[Observation | StoreError]:
        """Decides about some stages, in a thread that looks."""
        found = list[Observation | StoreError]()
        supply = self._tools.supply
        foretold = None if supply is None else supply.foretold
        for stage in stages:
            subject, is_forced = self._subjects[stage], stage in self._forced
            try:
                found.append(
                    self._tools.observer.settle(subject, forced=is_forced, predicted=foretold)
                )
            except StoreError as error:
                found.append(error)
        return found

    async def _settled(self, stage: StageName, seen: Observation | StoreError) -> Signal:
        if isinstance(seen, StoreError):
            self._failures[stage] = Failure(FailureKind.INPUT, seen.what, hint=seen.hint)
            return Unsettled(stage)
        self._seen[stage] = seen
        self._began[stage] = time.monotonic()
        if isinstance(seen.decision, NoInput):
            self._failures[stage] = self._no_input(seen.decision)
        elif isinstance(seen.decision, Skip) and seen.decision.tier > 1:
            if not self._rests_on_promises(stage):
                recorder = self._tools.recorder
                self._tools.writer.submit(recorder.skipped, self._subjects[stage], seen)
        elif self._tools.supply is not None and self._tools.supply.may_wait(stage, seen):
            return await self._promise(self._tools.supply, stage, seen)
        return Settled(stage, seen.decision)

    async def _promise(self, supply: Supply, stage: StageName, seen: Observation) -> Signal:
        """Lets a stage's outs count that are on the remote, until somebody reads them."""
        assert isinstance(seen.decision, Restore)
        if seen.decision.tier > 2:
            loop, subject = asyncio.get_running_loop(), self._subjects[stage]
            recorder = self._tools.recorder
            await loop.run_in_executor(self._tools.writer, recorder.adopt, subject, seen)
        supply.promise(seen)
        self._seen[stage] = replace(seen, decision=Skip(seen.decision.tier))
        return Settled(stage, Skip(seen.decision.tier))

    def _rests_on_promises(self, stage: StageName) -> bool:
        supply = self._tools.supply
        return supply is not None and supply.rests_on_promises(self._subjects[stage])

    async def _put_back(self, stage: StageName) -> Signal:
        subject, seen = self._subjects[stage], self._seen[stage]
        loop = asyncio.get_running_loop()
        recorder, supply = self._tools.recorder, self._tools.supply
        try:
            if supply is not None and isinstance(seen.decision, Restore):
                await supply.bring([wanted for _, wanted in seen.decision.outs], self._say)
            put_back = functools.partial(
                recorder.put_back, subject, seen, is_whole=not self._rests_on_promises(stage)
            )
            await loop.run_in_executor(self._tools.writer, put_back)
        except (BadObject, RemoteError):
            return Restored(stage, ok=False)
        except StoreError as error:
            # The stage may still run; when the disk is what fails, running it says so.
            self._failures[stage] = Failure(FailureKind.DISK, error.what, hint=error.hint)
            return Restored(stage, ok=False)
        return Restored(stage, ok=True)

    async def _launch(self, stage: StageName, attempt: int) -> Signal:
        self._began[stage] = time.monotonic()
        subject = await asyncio.to_thread(self._read_now, stage)
        try:
            if self._tools.supply is not None:
                await self._bring_inputs(self._tools.supply, stage)
            if subject.stage.is_incremental:
                await asyncio.get_running_loop().run_in_executor(
                    self._tools.writer,
                    self._tools.recorder.bring_previous,
                    subject,
                    self._seen[stage],
                )
            if (stage, attempt) in self._interrupted:
                return Finished(stage, Outcome.CANCELLED)
            report = await self._tools.pool.run(
                attempt_of(
                    self._tools.layout,
                    self._tools.config,
                    self._subjects[stage],
                    self._run_id,
                    attempt,
                    commit=self._options.commit,
                )
            )
        except RemoteError as error:
            what = f"an input could not be fetched: {error.what}"
            self._failures[stage] = Failure(FailureKind.INPUT, what, hint=error.hint)
            return Finished(stage, Outcome.FAILED)
        except StoreError as error:
            self._failures[stage] = Failure(FailureKind.DISK, error.what, hint=error.hint)
            return Finished(stage, Outcome.FAILED)
        except WorkerLost as lost:
            self._failures[stage] = Failure(FailureKind.LOST, str(lost))
            return Finished(stage, Outcome.LOST)
        self._reports[stage] = report
        if report["failure"] is not None:
            self._failures[stage] = codec.from_json(Failure, report["failure"])
        return Finished(stage, Outcome(report["outcome"]))

    async def _bring_inputs(self, supply: Supply, stage: StageName) -> None:
        """Fetches what a stage that is about to run will read; raises ``PivotError``."""
        subject, lock = self._subjects[stage], self._seen[stage].facts.lock
        if missing := supply.lacking(subject.stage.dep_paths):
            names = ", ".join(f"'{path}'" for path in missing)
            hint = "put what no stage makes in its place"
            raise RemoteError(f"{names}: neither here nor on the remote", hint=hint)
        tools = self._tools
        await supply.place(subject.stage.dep_paths, tools.recorder, tools.writer, self._say)
        if subject.stage.is_incremental and isinstance(lock, Lock):
            kept = {out.path for out in subject.stage.outs if out.kind is OutKind.INCREMENTAL}
            before = [wanted for path, wanted in lock.outs.items() if path in kept]
            await supply.bring([each for each in before if supply.distant.has(each)], self._say)

    def _read_now(self, stage: StageName) -> Subject:
        """Returns a stage with what is read of files now: by its modules on import, by the scripts of its command."""
        subject = self._subjects[stage]
        command = subject.stage.command
        if command is not None and command.param_files:
            with contextlib.suppress(DefinitionError):  # the scripts tell it better
                params = values_now(command, self._tools.layout.root)
                if params != subject.stage.params:
                    subject = replace(subject, stage=replace(subject.stage, params=params))
                    self._subjects[stage] = subject
        if not files_hold(subject.analysis.fingerprint, self._tools.layout.root):
            with contextlib.suppress(DefinitionError):  # importing the module tells it better
                analysis, code = self._analyse_again(subject.stage)
                self._code[stage] = (code,)
                self._subjects[stage] = replace(subject, analysis=analysis)
        return self._subjects[stage]

    async def _record(self, stage: StageName) -> Signal:
        report = self._reports[stage]
        subject, seen = self._subjects[stage], self._seen[stage]
        try:
            made = made_from_report(report["outs"], report["signs"])
        except (ValueError, KeyError, TypeError) as error:
            raise Bug(f"a worker's report on '{stage}' is not whole", hint=str(error)) from error
        loop = asyncio.get_running_loop()
        if not self._ran_what_was_fingerprinted(subject, report["executed"]):
            analysis, code = await asyncio.to_thread(self._analyse_again, subject.stage)
            self._code[stage] = (code,)
            self._subjects[stage] = replace(subject, analysis=analysis)
            self._failures[stage] = Failure(
                FailureKind.UNSTABLE_INPUT,
                "the code changed while the stage ran, three times in a row",
                hint="run again when it is saved",
            )
            return Recorded(stage, ok=False)
        is_command = subject.stage.command is not None
        if is_command and await asyncio.to_thread(self._read_now, stage) is not subject:
            self._failures[stage] = Failure(
                FailureKind.UNSTABLE_INPUT,
                "a script or a param changed while the command ran, three times in a row",
                hint="a file that the command writes belongs among its outs",
            )
            return Recorded(stage, ok=False)
        try:
            ok = await loop.run_in_executor(
                self._tools.writer,
                self._tools.recorder.ran,
                subject,
                seen,
                made,
                report["duration_s"],
            )
        except StoreError as error:
            self.store_error = error
            self._failures[stage] = Failure(FailureKind.DISK, error.what, hint=error.hint)
            return RecordFailed(stage)
        if not ok:
            self._failures[stage] = Failure(
                FailureKind.UNSTABLE_INPUT,
                "an input changed while the stage ran, three times in a row",
                hint="either something keeps writing it, or the stage modifies its own input",
            )
        return Recorded(stage, ok)

    def _ran_what_was_fingerprinted(self, subject: Subject, executed: Mapping[str, str]) -> bool:
        """Tells whether the modules that a stage imported were those that its fingerprint was made from."""
        plans = self._code.get(subject.stage.name, (self._plan.code,))
        for path, digest in executed.items():
            known = [code[path] for code in plans if path in code]
            if known and digest not in known:
                return False
        return True

    # --- telling -----------------------------------------------------------------------------------------------------

    def _tell(self, change: Change) -> None:
        name, status = change.stage, change.status
        old = self.states[name]
        seen = self._seen.get(name)
        decision = None if seen is None else seen.decision
        state = replace(
            old,
            status=status,
            attempt=self._scheduler.attempt(name),
            by=change.by,
            kill_at=None,
            reasons=decision.reasons if isinstance(decision, Execute | Restore) else (),
            tier=decision.tier if isinstance(decision, Skip | Restore) else None,
        )
        match status:
            case Status.RUNNING:
                state = replace(state, started_at=time.time(), duration_s=None)
            case Status.RAN | Status.RESTORED | Status.FAILED | Status.CANCELLED:
                state = self._ended_state(name, state)
            case _:
                pass
        self.states[name] = state
        if status in (Status.RUNNING, Status.RESTORED):
            self._tell_inputs(name, state.attempt)
        self._on_state(name, state)

    def _tell_inputs(self, name: StageName, attempt: int) -> None:
        """Tells what goes into an attempt, for comparing it with others."""
        seen = self._seen.get(name)
        if seen is not None and seen.facts.deps is not None:
            deps = {path: found_hash(found) for path, found in seen.facts.deps.items()}
            code = seen.facts.analysis.fingerprint.digest
            self._on_inputs(name, attempt, Inputs(code, seen.facts.stage.params, deps))

    def _ended_state(self, name: StageName, state: StageState) -> StageState:
        if name in self._began and (state.attempt or state.status is Status.RESTORED):
            state = replace(state, duration_s=time.monotonic() - self._began[name])
        if name in self._reports and state.status is Status.RAN:
            state = replace(state, duration_s=self._reports[name]["duration_s"])
        if state.status is Status.FAILED:
            failure = self._failures.get(name)
            path = self._tools.layout.log_path(self._run_id, name, state.attempt)
            last = tail.read(path, failure) if state.attempt else Tail()
            return replace(state, failure=failure, log_tail=last.lines, err_tail=last.errors)
        return state

    def _no_input(self, decision: NoInput) -> Failure:
        names = ", ".join(f"'{path}'" for path in decision.paths)
        makers = [
            maker for path in decision.paths for maker in self._plan.graph.producers.get(path, ())
        ]
        hint = (
            f"stage '{makers[0]}' makes it: `pivot repro` runs it first"
            if makers
            else "put the file there, or correct the path"
        )
        verb = "is" if len(decision.paths) == 1 else "are"
        return Failure(FailureKind.INPUT, f"{names} {verb} not there", hint=hint)


def _is_placed_alike(old: Graph, new: Graph, name: StageName) -> bool:
    """Tells whether a stage reads, writes and waits for the same in two graphs."""
    one, other = old.stages[name], new.stages[name]
    return (one.dep_paths, one.out_paths, one.mutex, old.upstream[name]) == (
        other.dep_paths,
        other.out_paths,
        other.mutex,
        new.upstream[name],
    )


def _definition(subject: Subject) -> ContentHash:
    return definition_digest(subject.stage, subject.analysis.fingerprint.digest)
