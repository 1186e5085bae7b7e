"""Owns what the dashboard knows: a fold over snapshots and events; draws nothing and asks nothing.

The board is changed in place by ``apply``, which tells what differs, so that an event costs the same whether there are
ten stages or ten thousand.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING, assert_never

from pivot_core.port import (
    TICKS,
    EngineEnding,
    EngineInfo,
    Event,
    FilesChanged,
    LogGrew,
    Notice,
    ObjectFailed,
    OutlineRow,
    PlanBroken,
    PlanChanged,
    Problem,
    Published,
    RemoteReport,
    RunFinished,
    RunId,
    RunQueued,
    RunStarted,
    RunState,
    RunStatus,
    Snapshot,
    StageChanged,
    StageName,
    StageRow,
    StageState,
    Status,
    TransferFinished,
    TransferProgress,
    TransferQueued,
    TransferStarted,
    TransferState,
    TransferStatus,
    WatchChanged,
    WatchState,
    outline,
)
from pivot_tui import watch
from pivot_tui.quiet import GOOD, Quiet

if TYPE_CHECKING:
    from pivot_tui.forecast import Forecast

ENDED = frozenset(
    {
        Status.RAN,
        Status.SAME,
        Status.RESTORED,
        Status.FAILED,
        Status.BLOCKED,
        Status.CANCELLED,
    }
)
PROBLEMS = frozenset({Status.FAILED, Status.BLOCKED, Status.STALE})

_ACTIVE = frozenset({RunStatus.QUEUED, RunStatus.RUNNING})
_NOTICES_KEPT = 100
_FAILED_KEPT = 1000


class Link(Enum):
    """Where the connection to the engine stands."""

    CONNECTING = "connecting"
    ATTACHED = "attached"
    LOST = "lost"


@dataclass(slots=True)
class Dirty:
    """What differs since the last repaint."""

    plan: bool = False
    """Rows were added, removed or moved."""
    run: bool = False
    """Header, banner or queue."""
    stages: set[StageName] = field(default_factory=set[StageName])
    logs: set[StageName] = field(default_factory=set[StageName])
    notices: list[Notice] = field(default_factory=list[Notice])
    events: list[Event] = field(default_factory=list[Event])
    """Those that the event log may tell."""
    transfer: bool = False
    """What travels to or from a remote, or is known of one."""
    gap: bool = False
    """Events are missing: a new snapshot is needed."""
    tick: bool = False
    """A second of the active run has passed; nothing else."""

    def add(self, other: "Dirty") -> None:
        """Takes in what another one holds."""
        self.plan |= other.plan
        self.run |= other.run
        self.stages |= other.stages
        self.logs |= other.logs
        self.notices += other.notices
        self.events += other.events
        self.transfer |= other.transfer
        self.gap |= other.gap

    def __bool__(self) -> bool:
        return bool(
            self.plan
            or self.run
            or self.stages
            or self.logs
            or self.transfer
            or self.notices
            or self.events
            or self.gap
        )


@dataclass(slots=True)
class Board:
    """The state of engine, plan, stages and runs."""

    link: Link = Link.CONNECTING
    why_lost: str = ""
    """Why the engine cannot be reached; empty while it can."""
    is_read_only: bool = False
    """Whether no command is sent."""
    place: str = ""
    """The project-relative directory in which the dashboard was opened."""
    engine: EngineInfo | None = None
    """``None`` before the first snapshot."""
    branch: str = ""
    """The branch of git that the project is on; empty where there is none, and until it is known."""
    seq: int = 0
    stages: dict[StageName, StageRow] = field(default_factory=dict[StageName, StageRow])
    outlined: list[OutlineRow] | None = None
    """The stages as a tree; ``None`` until ``rows`` is asked for it."""
    states: dict[StageName, StageState] = field(default_factory=dict[StageName, StageState])
    counts: Counter[Status] = field(default_factory=Counter[Status])
    run: RunState | None = None
    """The active run, else the last one; ``None`` when this engine had none."""
    queue: list[RunState] = field(default_factory=list[RunState])
    transfer: TransferState | None = None
    """The transfer under way, else the last one; ``None`` when this engine had none."""
    transfers: list[TransferState] = field(default_factory=list[TransferState])
    """Those that wait."""
    compared: RemoteReport | None = None
    """What was missing here and on a remote when that was asked last."""
    progress: dict[StageName, float] = field(default_factory=dict[StageName, float])
    """Which share of a running stage is done, where it prints a bar that says so."""
    watch: WatchState | None = None
    """What the engine watches for; ``None`` for nothing."""
    quiet: Quiet | None = None
    """The run that watching began and that has not ended; it comes on show with the first stage that it touches."""
    problems: tuple[Problem, ...] = ()
    logs: dict[StageName, LogGrew] = field(default_factory=dict[StageName, LogGrew])
    """The newest attempt of each stage that wrote something since the snapshot."""
    notices: list[Notice] = field(default_factory=list[Notice])
    ahead: "tuple[tuple[RunId, int], Forecast] | None" = None
    """What was last worked out to lie ahead of a run, and in which second; ``forecast`` keeps it."""

    @property
    def rows(self) -> list[OutlineRow]:
        """The stages as a tree, which a large project may never be shown as."""
        if self.outlined is None:
            upstream = {row.name: row.upstream for row in self.stages.values()}
            self.outlined = outline(self.stages, upstream)
        return self.outlined

    def state(self, stage: StageName) -> StageState:
        """Returns where a stage stands; UNKNOWN for one that nothing is known of."""
        return self.states.get(stage) or StageState(Status.UNKNOWN)

    @property
    def active(self) -> RunState | None:
        """The run that goes on now."""
        return self.run if self.run is not None and self.run.status in _ACTIVE else None

    @property
    def going(self) -> RunState | None:
        """The run that goes on now, on show or not."""
        return self.active or (self.quiet.run if self.quiet is not None else None)

    @property
    def moving(self) -> TransferState | None:
        """The transfer that is under way."""
        now = self.transfer
        return now if now is not None and now.status is TransferStatus.RUNNING else None

    @property
    def done(self) -> tuple[int, int]:
        """Ended and all stages of the run; of the project where there was no run."""
        names = self.run.stages if self.run is not None else ()
        if len(names) == len(
            self.stages
        ):  # the usual case; a large graph is not counted for each repaint
            return sum(self.counts[status] for status in ENDED), len(names)
        there = [name for name in names if name in self.stages]  # some may be gone since it ended
        return sum(1 for name in there if self.state(name).status in ENDED), len(there)

    def with_status(self, *wanted: Status) -> list[StageName]:
        """Returns the stages that stand like this, in the order of the rows."""
        if not any(self.counts[status] for status in wanted):
            return []
        return [row.stage for row in self.rows if self.state(row.stage).status in wanted]


def apply(board: Board, item: Published | Snapshot) -> Dirty:
    """Folds one item into the board and returns what it changed."""
    if isinstance(item, Snapshot):
        return _begin(board, item)
    event = item.event
    if not isinstance(event, TICKS):
        if item.seq <= board.seq:
            return Dirty()
        if (item.since or item.seq) > board.seq + 1:
            return Dirty(gap=True)
        board.seq = item.seq
    dirty = _fold(board, event)
    if not isinstance(event, TICKS):
        dirty.events.append(event)
    return dirty


def _begin(board: Board, snapshot: Snapshot) -> Dirty:
    board.link = Link.ATTACHED
    board.why_lost = ""
    board.engine = snapshot.engine
    board.seq = snapshot.seq
    if snapshot.run is not None or board.active is not None:
        board.run = snapshot.run
    # Else the run that ended stays on show: its engine is gone, and the one that took over had none.
    board.queue = list(snapshot.queue)
    if snapshot.transfer is not None or board.moving is not None:
        board.transfer = snapshot.transfer
    board.transfers = list(snapshot.transfers)
    board.problems = snapshot.problems
    board.watch = snapshot.watch
    board.quiet = None
    board.logs.clear()
    if snapshot.stages or snapshot.seq:
        _plan(board, snapshot.stages, dict(snapshot.states))
    # Else the engine has just begun to load the definition, and what was known before stays on show.
    return Dirty(
        plan=True,
        run=True,
        transfer=True,
        stages=set(board.stages),
        logs=set(board.stages),
    )


def _fold(board: Board, event: Event) -> Dirty:
    match event:
        case PlanChanged(project, stages, states):
            board.problems = ()
            if board.engine is not None:
                board.engine = replace(board.engine, project=project)
            _plan(
                board, stages, {name: _told(board, name, state) for name, state in states.items()}
            )
            return Dirty(plan=True, run=True, stages=set(board.stages))
        case PlanBroken(problems):
            board.problems = problems
            return Dirty(run=True)
        case RunQueued(run):
            board.queue = [other for other in board.queue if other.run_id != run.run_id] + [run]
            return Dirty(run=True)
        case RunStarted(run, expected_s):
            return _start(board, run, expected_s)
        case RunFinished(run):
            return _finish(board, run)
        case StageChanged(stage, state):
            return _change(board, stage, state)
        case LogGrew(stage=stage):
            board.logs[stage] = event
            return Dirty(logs={stage})
        case TransferQueued() | TransferStarted() | TransferFinished():
            return _transfer(board, event)
        case TransferProgress(transfer_id, progress):
            if board.transfer is not None and board.transfer.transfer_id == transfer_id:
                board.transfer = replace(board.transfer, progress=progress)
            return Dirty(transfer=True)
        case ObjectFailed(transfer_id, failed):
            now = board.transfer
            if now is not None and now.transfer_id == transfer_id:
                board.transfer = replace(now, failed=(*now.failed, failed)[:_FAILED_KEPT])
            return Dirty(transfer=True)
        case Notice():
            board.notices.append(event)
            del board.notices[:-_NOTICES_KEPT]
            return Dirty(notices=[event])
        case WatchChanged(state):
            board.watch = state
            return Dirty(run=True)
        case FilesChanged():
            return Dirty()  # the header tells it in passing
        case EngineEnding(why):
            board.why_lost = why
            return Dirty()
        case _:
            assert_never(event)


def _plan(board: Board, stages: tuple[StageRow, ...], states: dict[StageName, StageState]) -> None:
    board.stages = {row.name: row for row in stages}
    board.outlined = None
    board.states = {name: states[name] for name in board.stages if name in states}
    board.counts = Counter(board.state(name).status for name in board.stages)


def _transfer(board: Board, event: TransferQueued | TransferStarted | TransferFinished) -> Dirty:
    told, now = event.transfer, board.transfer
    board.transfers = [one for one in board.transfers if one.transfer_id != told.transfer_id]
    if isinstance(event, TransferQueued):
        board.transfers.append(told)
    elif now is None or board.moving is None or now.transfer_id == told.transfer_id:
        board.transfer = told
    return Dirty(transfer=True)


def _start(board: Board, run: RunState, expected_s: Mapping[StageName, float]) -> Dirty:
    _leave_queue(board, run.run_id)
    board.quiet = None
    if watch.has_begun(board.watch, run):
        board.quiet = Quiet(run, expected_s, board.states)
        return Dirty(run=True)
    board.run = run
    for name in run.stages:
        _set(
            board,
            name,
            StageState(Status.WAIT, run.run_id, expected_s=expected_s.get(name)),
        )
    return Dirty(run=True, stages=set(run.stages))


def _change(board: Board, stage: StageName, state: StageState) -> Dirty:
    quiet = board.quiet
    if quiet is None or state.run_id != quiet.run.run_id or stage not in board.stages:
        _set(board, stage, state)
        return Dirty(run=True, stages={stage})
    found = quiet.take(stage, state, board.states, board.stages)
    if quiet.is_on_show:
        board.run = quiet.run
    for name, now in found.items():
        _set(board, name, now)
    return Dirty(run=True, stages=set(found))


def _finish(board: Board, run: RunState) -> Dirty:
    _leave_queue(board, run.run_id)
    if board.problems and not run.stages and watch.has_begun(board.watch, run):
        return Dirty(run=True)  # that the definition is broken is told already
    quiet = board.quiet
    if quiet is not None and quiet.run.run_id == run.run_id:
        board.quiet = None
        had_problems = board.run is not None and board.run.problems
        is_news = run.status is RunStatus.FAILED or run.problems or had_problems
        if not quiet.is_on_show and not is_news:
            return Dirty(run=True)
    if board.run is None or board.active is None or board.run.run_id == run.run_id:
        board.run = run
    return Dirty(run=True)


def _told(board: Board, stage: StageName, state: StageState) -> StageState:
    """Returns what is shown of a stage whose state an engine repeats."""
    shown = board.states.get(stage)
    if shown is not None and shown.status in GOOD and state.status is Status.SAME:
        return shown
    return state


def _leave_queue(board: Board, run_id: RunId) -> None:
    board.queue = [other for other in board.queue if other.run_id != run_id]


def _set(board: Board, stage: StageName, state: StageState) -> None:
    if stage not in board.stages:
        return
    board.counts[board.state(stage).status] -= 1
    board.counts[state.status] += 1
    board.states[stage] = state
