"""Owns the course of one run as a state machine: signals in, orders and status changes out; no clock, no processes.

    WAIT ─upstreams ended─► settling ─Skip──────────────────────────────► SAME
                               │  └────Restore─► restoring ─ok──────────► RESTORED
                               ▼                     │ failed
                            QUEUED ◄─────────────────┘
                               │ a slot and its mutex groups are free
                               ▼
                            RUNNING ─DONE─► recording ─ok───────────────► RAN
                               │               └─an input had changed─► settling (three times at most)
                               └─FAILED─► QUEUED again while retries last, else FAILED

A stage of which ``Renew`` tells that it is out of date is settled again: at once where it was only decided about, after
its attempt was interrupted where it runs.

Invariants, checked in tests on random graphs: each stage ends once; none is settled before its upstreams ended well;
stages that share a mutex group never run together; no more than ``jobs`` run.
"""

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from pivot_core.errors import Bug
from pivot_core.frozen import frozen
from pivot_core.model.decision import Execute, NoInput, Restore, Skip, Status
from pivot_core.model.ids import StageName
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

SETTLE_LIMIT = 3
"""How often a stage is settled when its inputs keep changing while it runs."""

_GOOD = (Status.RAN, Status.SAME, Status.RESTORED)


@frozen
class Task:
    """One stage of a run, as far as scheduling goes."""

    name: StageName
    upstream: tuple[StageName, ...]
    """Selected stages that must end well before this one is settled."""
    after: tuple[StageName, ...] = ()
    """Selected stages that must end, well or not, before this one is settled."""
    mutex: tuple[str, ...] = ()
    retries: int = 0
    expected_s: float = 0.0
    """Past duration, for the critical path; 0 when unknown."""


class _Phase(Enum):
    WAITING = "waiting"
    SETTLING = "settling"
    READY = "ready"
    RUNNING = "running"
    RESTORING = "restoring"
    RECORDING = "recording"
    ENDED = "ended"


@dataclass(slots=True)
class _Progress:
    task: Task
    rank: tuple[float, int]
    """Sorts ready stages: longest remaining path first, then order of definition."""
    pending: int
    phase: _Phase = _Phase.WAITING
    attempt: int = 0
    failures: int = 0
    settled: int = 0
    losses: int = 0
    is_cancelled: bool = False
    is_renewed: bool = False
    status: Status = Status.WAIT


@dataclass(slots=True)
class _Draft:
    """The step that a signal builds up."""

    orders: list[Order] = field(default_factory=list[Order])
    changes: list[Change] = field(default_factory=list[Change])


class Scheduler:
    """One run. ``tasks`` come in topological order, or in the order in which they shall be settled."""

    def __init__(self, tasks: Sequence[Task], *, jobs: int, keep_going: bool) -> None:
        self._jobs: int = jobs
        self._keep_going: bool = keep_going
        self._is_stopping: bool = False
        self._running: int = 0
        self._held: set[str] = set()
        self._ready: list[tuple[tuple[float, int], StageName]] = []
        self._recent: list[Signal] = []
        names = {task.name for task in tasks}
        self._waiters: dict[StageName, list[StageName]] = {name: [] for name in names}
        self._children: dict[StageName, list[StageName]] = {name: [] for name in names}
        for task in tasks:
            for parent in task.upstream:
                self._children[parent].append(task.name)
            for parent in dict.fromkeys((*task.upstream, *task.after)):
                self._waiters[parent].append(task.name)
        ranks = _ranks(tasks, self._children)
        self._stages: dict[StageName, _Progress] = {
            task.name: _Progress(
                task, ranks[task.name], len(dict.fromkeys((*task.upstream, *task.after)))
            )
            for task in tasks
        }
        self._left: int = len(tasks)

    @property
    def is_done(self) -> bool:
        """Whether every stage has ended."""
        return self._left == 0

    def status(self, stage: StageName) -> Status:
        """Returns where ``stage`` stands."""
        return self._stages[stage].status

    def attempt(self, stage: StageName) -> int:
        """Returns the number of the last attempt, 0 before the first."""
        return self._stages[stage].attempt

    def start(self) -> Step:
        """Returns the first orders: settle every stage without upstreams."""
        draft = _Draft()
        for progress in list(self._stages.values()):
            if progress.phase is _Phase.WAITING and progress.pending == 0:
                self._settle(progress, draft)
        return Step(tuple(draft.orders), tuple(draft.changes))

    def handle(self, signal: Signal) -> Step:
        """Takes one signal and returns what follows from it; raises ``Bug`` for one that cannot come now."""
        self._recent = [*self._recent[-9:], signal]
        draft = _Draft()
        if isinstance(signal, CancelRun):
            self._stop(draft, cancelled_by=())
            for progress in self._stages.values():
                self._interrupt(progress, draft)
        else:
            self._handle_stage(self._stages[signal.stage], signal, draft)
        self._launch(draft)
        return Step(tuple(draft.orders), tuple(draft.changes))

    def _handle_stage(
        self,
        progress: _Progress,
        signal: Settled
        | Unsettled
        | Restored
        | Finished
        | Recorded
        | RecordFailed
        | CancelStage
        | Renew,
        draft: _Draft,
    ) -> None:
        match signal:
            case CancelStage():
                self._cancel(progress, draft)
            case _ if progress.phase is _Phase.ENDED:
                return  # it was cancelled while this was under way
            case Renew():
                self._renew(progress, draft)
            case Settled() | Unsettled() if progress.is_renewed:
                self._expect(progress, _Phase.SETTLING)
                self._anew(progress, draft)
            case Settled(decision=decision):
                self._expect(progress, _Phase.SETTLING)
                self._decided(progress, decision, draft)
            case Unsettled():
                self._expect(progress, _Phase.SETTLING)
                self._end(progress, Status.FAILED, draft)
            case Restored(ok=ok):
                self._expect(progress, _Phase.RESTORING)
                if ok:
                    self._end(progress, Status.RESTORED, draft)
                else:
                    self._queue(progress, draft)
            case Finished(outcome=outcome):
                self._expect(progress, _Phase.RUNNING)
                self._finished(progress, outcome, draft)
            case Recorded(ok=ok):
                self._expect(progress, _Phase.RECORDING)
                if ok:
                    self._end(progress, Status.RAN, draft)
                elif progress.is_cancelled:
                    self._end(progress, Status.CANCELLED, draft)
                elif progress.settled < SETTLE_LIMIT:
                    self._settle(progress, draft)
                else:
                    self._end(progress, Status.FAILED, draft)
            case RecordFailed():
                self._expect(progress, _Phase.RECORDING)
                self._end(progress, Status.FAILED, draft)

    def _decided(
        self, progress: _Progress, decision: Skip | Restore | Execute | NoInput, draft: _Draft
    ) -> None:
        match decision:
            case Skip():
                self._end(progress, Status.SAME, draft)
            case Restore():
                progress.phase = _Phase.RESTORING
                draft.orders.append(PutBack(progress.task.name))
            case Execute():
                self._queue(progress, draft)
            case NoInput():
                self._end(progress, Status.FAILED, draft)

    def _finished(self, progress: _Progress, outcome: Outcome, draft: _Draft) -> None:
        self._running -= 1
        self._held.difference_update(progress.task.mutex)
        if progress.is_renewed and not progress.is_cancelled:
            self._anew(progress, draft)
        elif outcome is Outcome.DONE:
            progress.phase = _Phase.RECORDING
            draft.orders.append(Record(progress.task.name))
        elif progress.is_cancelled or outcome is Outcome.CANCELLED:
            self._end(progress, Status.CANCELLED, draft)
        elif outcome is Outcome.LOST:
            progress.losses += 1
            self._again(progress, progress.losses <= 1, draft)
        else:
            progress.failures += 1
            self._again(progress, progress.failures <= progress.task.retries, draft)

    def _again(self, progress: _Progress, is_allowed: bool, draft: _Draft) -> None:
        if is_allowed:
            self._queue(progress, draft)
        else:
            self._end(progress, Status.FAILED, draft)

    def _settle(self, progress: _Progress, draft: _Draft) -> None:
        progress.phase = _Phase.SETTLING
        progress.settled += 1
        if progress.status is not Status.WAIT:
            self._change(progress, Status.WAIT, draft)
        draft.orders.append(Settle(progress.task.name))

    def _queue(self, progress: _Progress, draft: _Draft) -> None:
        if self._is_stopping:
            self._end(progress, Status.CANCELLED, draft)
            return
        progress.phase = _Phase.READY
        heapq.heappush(self._ready, (progress.rank, progress.task.name))
        self._change(progress, Status.QUEUED, draft)

    def _launch(self, draft: _Draft) -> None:
        """Starts ready stages, best rank first; one whose mutex group is taken lets others pass."""
        passed = list[tuple[tuple[float, int], StageName]]()
        while self._ready and self._running < self._jobs:
            entry = heapq.heappop(self._ready)
            progress = self._stages[entry[1]]
            if progress.phase is not _Phase.READY:
                continue
            if not self._held.isdisjoint(progress.task.mutex):
                passed.append(entry)
                continue
            self._running += 1
            self._held.update(progress.task.mutex)
            progress.phase = _Phase.RUNNING
            progress.attempt += 1
            draft.orders.append(Launch(progress.task.name, progress.attempt))
            self._change(progress, Status.RUNNING, draft)
        for entry in passed:
            heapq.heappush(self._ready, entry)

    def _cancel(self, progress: _Progress, draft: _Draft) -> None:
        if progress.phase in (_Phase.WAITING, _Phase.SETTLING, _Phase.READY):
            self._end(progress, Status.CANCELLED, draft)
        else:
            self._interrupt(progress, draft)

    def _interrupt(self, progress: _Progress, draft: _Draft) -> None:
        """Ends an attempt that runs; one that is being restored or recorded is let finish."""
        if progress.phase is _Phase.RUNNING and not (progress.is_cancelled or progress.is_renewed):
            draft.orders.append(Interrupt(progress.task.name))
        if progress.phase in (_Phase.RUNNING, _Phase.RECORDING):
            progress.is_cancelled = True

    def _renew(self, progress: _Progress, draft: _Draft) -> None:
        """Has a stage settled again; one that is being restored or recorded is looked at by who records it."""
        match progress.phase:
            case _Phase.SETTLING:
                progress.is_renewed = True
            case _Phase.READY:
                self._anew(progress, draft)
            case _Phase.RUNNING if not (progress.is_renewed or progress.is_cancelled):
                progress.is_renewed = True
                draft.orders.append(Interrupt(progress.task.name))
            case _:
                pass

    def _anew(self, progress: _Progress, draft: _Draft) -> None:
        """Begins with a stage as if nothing had been done about it in this run."""
        progress.is_renewed = False
        progress.settled = progress.failures = 0
        if self._is_stopping:
            self._end(progress, Status.CANCELLED, draft)
        else:
            self._settle(progress, draft)

    def _stop(self, draft: _Draft, cancelled_by: tuple[StageName, ...]) -> None:
        """From here on nothing starts: what waits or is ready ends as CANCELLED."""
        self._is_stopping = True
        for progress in self._stages.values():
            if progress.phase in (_Phase.WAITING, _Phase.READY, _Phase.SETTLING):
                self._finish(progress, Status.CANCELLED, draft, cancelled_by)

    def _end(self, progress: _Progress, status: Status, draft: _Draft) -> None:
        """Ends a stage and passes on what follows for those that wait for it."""
        self._finish(progress, status, draft, ())
        if status not in _GOOD:
            self._block(progress.task.name, draft)
        if status is Status.FAILED and not self._keep_going:
            self._stop(draft, (progress.task.name,))
        for waiter in self._waiters[progress.task.name]:
            child = self._stages[waiter]
            child.pending -= 1
            if child.phase is _Phase.WAITING and child.pending == 0:
                self._settle(child, draft)

    def _finish(
        self, progress: _Progress, status: Status, draft: _Draft, by: tuple[StageName, ...]
    ) -> None:
        progress.phase = _Phase.ENDED
        self._left -= 1
        self._change(progress, status, draft, by)

    def _block(self, culprit: StageName, draft: _Draft) -> None:
        pending = list(self._children[culprit])
        blocked = list[_Progress]()
        while pending:
            child = self._stages[pending.pop()]
            if child.phase is _Phase.WAITING:
                self._finish(child, Status.BLOCKED, draft, (culprit,))
                blocked.append(child)
                pending.extend(self._children[child.task.name])
        # Those that only come after a blocked stage may go on.
        for child in blocked:
            for waiter in self._waiters[child.task.name]:
                other = self._stages[waiter]
                other.pending -= 1
                if other.phase is _Phase.WAITING and other.pending == 0:
                    self._settle(other, draft)

    def _change(
        self, progress: _Progress, status: Status, draft: _Draft, by: tuple[StageName, ...] = ()
    ) -> None:
        progress.status = status
        draft.changes.append(Change(progress.task.name, status, by))

    def _expect(self, progress: _Progress, phase: _Phase) -> None:
        if progress.phase is not phase:
            raise Bug(
                f"stage '{progress.task.name}' is {progress.phase.value}, not {phase.value}",
                f"after {self._recent}",
            )


def _ranks(
    tasks: Sequence[Task], children: Mapping[StageName, Iterable[StageName]]
) -> dict[StageName, tuple[float, int]]:
    """Returns sort keys: minus the seconds on the longest path from a stage to an end, then the given order."""
    known = {task.name: task for task in tasks}
    length = dict[StageName, float]()
    for root in known:
        pending = [root]
        while pending:
            name = pending[-1]
            todo = [child for child in children[name] if child not in length]
            if todo and name not in length:
                pending.extend(todo)
                continue
            pending.pop()
            length[name] = known[name].expected_s + max(
                (length[child] for child in children[name]), default=0.0
            )
    return {task.name: (-length[task.name], index) for index, task in enumerate(tasks)}
