"""Owns the two vocabularies between the scheduler and the engine: signals in, orders and stage changes out."""

from dataclasses import dataclass
from enum import Enum

from pivot_core.model.decision import Decision, Status
from pivot_core.model.ids import StageName

# --- signals: what the engine reports --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Settled:
    """Facts were fetched and a decision was made."""

    stage: StageName
    decision: Decision


@dataclass(frozen=True, slots=True)
class Unsettled:
    """No decision could be made (an input cannot be read): the stage fails without running."""

    stage: StageName


@dataclass(frozen=True, slots=True)
class Restored:
    """The outs are in place; with ``ok`` unset the cache failed to give them and the stage must run."""

    stage: StageName
    ok: bool


class Outcome(Enum):
    """How one attempt in a worker ended."""

    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    """The worker itself died; the stage is not to blame."""


@dataclass(frozen=True, slots=True)
class Finished:
    """An attempt ended; a DONE one has outs that are not recorded yet."""

    stage: StageName
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of a DONE attempt is written; with ``ok`` unset an input had changed meanwhile and nothing is."""

    stage: StageName
    ok: bool


@dataclass(frozen=True, slots=True)
class RecordFailed:
    """The result could not be written (a full disk): the stage fails."""

    stage: StageName


@dataclass(frozen=True, slots=True)
class CancelStage:
    """A client asked to end one stage."""

    stage: StageName


@dataclass(frozen=True, slots=True)
class CancelRun:
    """A client asked to end the run: nothing new starts, what runs is interrupted."""


@dataclass(frozen=True, slots=True)
class Renew:
    """What a stage rests on has changed: what was decided about it, or is being made of it, is out of date."""

    stage: StageName


type Signal = (
    Settled
    | Unsettled
    | Restored
    | Finished
    | Recorded
    | RecordFailed
    | CancelStage
    | Renew
    | CancelRun
)


# --- orders: what the engine must do ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Settle:
    """Fetch facts and decide."""

    stage: StageName


@dataclass(frozen=True, slots=True)
class PutBack:
    """Restore the outs that the last decision named."""

    stage: StageName


@dataclass(frozen=True, slots=True)
class Launch:
    """Start an attempt in a worker; attempts count from 1 in a run."""

    stage: StageName
    attempt: int


@dataclass(frozen=True, slots=True)
class Record:
    """Look at the inputs again and write cache, lock and state."""

    stage: StageName


@dataclass(frozen=True, slots=True)
class Interrupt:
    """End the running attempt: SIGINT, after the grace period SIGKILL, to its whole group."""

    stage: StageName


type Order = Settle | PutBack | Launch | Record | Interrupt


# --- what a step changed ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """A stage has a new status; the engine turns it into an event."""

    stage: StageName
    status: Status
    by: tuple[StageName, ...] = ()
    """The stages whose failure or cancellation blocks this one."""


@dataclass(frozen=True, slots=True)
class Step:
    """The scheduler's answer to one signal."""

    orders: tuple[Order, ...]
    changes: tuple[Change, ...]
