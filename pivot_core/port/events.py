"""Owns what an engine tells its front ends; each event is published after the fact that it reports is written."""

from collections.abc import Mapping
from dataclasses import field
from enum import Enum

from pivot_core.frozen import frozen
from pivot_core.model.ids import RunId, StageName, TransferId
from pivot_core.port.transfers import FailedItem, Progress, TransferState
from pivot_core.port.values import Problem, RunState, StageRow, StageState, WatchState


@frozen
class PlanChanged:
    """The definition was loaded (again); ``states`` is complete for ``stages``."""

    project: str
    """The pipeline's name."""
    stages: tuple[StageRow, ...]
    states: Mapping[StageName, StageState]


@frozen
class PlanBroken:
    """The definition cannot be used; the last good one stays on show."""

    problems: tuple[Problem, ...]


@frozen
class RunQueued:
    """A request waits behind the active run."""

    run: RunState


@frozen
class RunStarted:
    """``run.stages`` is known; each of them is WAIT until an event says otherwise."""

    run: RunState
    expected_s: Mapping[StageName, float] = field(default_factory=dict[StageName, float])
    """The median of past durations, for the stages that ran here before."""


@frozen
class RunFinished:
    """Everything of the run is written, journal and power-loss barrier included."""

    run: RunState


@frozen
class StageChanged:
    """A stage has a new state."""

    stage: StageName
    state: StageState


@frozen
class LogGrew:
    """An attempt's log has at least ``size_bytes``; a later one replaces an earlier one."""

    run_id: RunId
    stage: StageName
    attempt: int
    size_bytes: int


class Level(Enum):
    """How much a notice matters."""

    INFO = "info"
    WARNING = "warning"


@frozen
class Notice:
    """Something that a person should know and that fails nothing."""

    level: Level
    message: str
    where: str = ""


@frozen
class TransferQueued:
    """A request waits behind the transfer that is under way."""

    transfer: TransferState


@frozen
class TransferStarted:
    """A transfer is under way."""

    transfer: TransferState


@frozen
class TransferProgress:
    """How far a transfer is; a later one replaces an earlier one. One comes every few seconds, also in a stall."""

    transfer_id: TransferId
    progress: Progress


@frozen
class ObjectFailed:
    """One object of a transfer did not arrive; the others go on."""

    transfer_id: TransferId
    failed: FailedItem


@frozen
class TransferFinished:
    """A transfer ended; what arrived is in place."""

    transfer: TransferState


@frozen
class WatchChanged:
    """Watching began, ended, or stands otherwise than before."""

    watch: WatchState | None
    """``None``: nothing is watched."""


@frozen
class FilesChanged:
    """Files that count have changed; what follows from it comes as a run, or is the end of a running stage."""

    paths: tuple[str, ...]
    """Some of them: project-relative, absolute outside the project; a directory ends in ``/``."""
    count: int
    """How many there are."""


@frozen
class EngineEnding:
    """The engine goes away; a client with unfinished requests connects again and repeats them."""

    why: str


type Event = (
    PlanChanged
    | PlanBroken
    | RunQueued
    | RunStarted
    | RunFinished
    | StageChanged
    | LogGrew
    | TransferQueued
    | TransferStarted
    | TransferProgress
    | ObjectFailed
    | TransferFinished
    | WatchChanged
    | FilesChanged
    | Notice
    | EngineEnding
)


type Tick = LogGrew | TransferProgress
"""Progress: a newer one stands for all before it, and a slow reader misses some."""

TICKS = (LogGrew, TransferProgress)


@frozen
class Published:
    """An event with its place in the engine's sequence; a gap means that a new snapshot is needed.

    A ``Tick`` carries the number of the last state change, so that dropping one leaves no gap.
    """

    seq: int
    event: Event
    since: int | None = None
    """The first number that this event stands for, where it is not its own: what came before is out of date."""
