"""Owns what a front end can ask an engine to do."""

from dataclasses import dataclass, field

from pivot_core.model.ids import RequestId, RunId, StageName
from pivot_core.port.values import Problem, RunOptions


@dataclass(frozen=True, slots=True)
class Run:
    """Runs the targets; queued behind a run that is active. Asked again with the same id, it is not run twice."""

    request_id: RequestId
    targets: tuple[str, ...] = ()
    options: RunOptions = field(default_factory=RunOptions)
    command: str = "pivot repro"
    """The equivalent command line, for history and the event log."""


@dataclass(frozen=True, slots=True)
class CancelRun:
    """Takes a run out of the queue, or ends the active one: SIGINT, after the grace period SIGKILL."""

    run_id: RunId
    at_once: bool = False
    """SIGKILL without a grace period."""


@dataclass(frozen=True, slots=True)
class CancelStage:
    """Ends one stage of the active run; the others go on, its downstreams are blocked."""

    run_id: RunId
    stage: StageName


@dataclass(frozen=True, slots=True)
class Refresh:
    """Loads the definition again and looks at every stage, unless a run is active."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Ends the engine: the active run is cancelled, clients are told."""


type Command = Run | CancelRun | CancelStage | Refresh | Shutdown


@dataclass(frozen=True, slots=True)
class Accepted:
    """The command is taken; what comes of it arrives as events."""

    run_id: RunId | None = None
    """The run that a ``Run`` became."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The command makes no sense now."""

    problem: Problem
    exit_code: int


type Reply = Accepted | Refused
