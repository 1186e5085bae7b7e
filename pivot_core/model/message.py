"""Owns the two vocabularies between the scheduler and the engine: signals in, orders and stage changes out."""

from enum import Enum

from pivot_core.frozen import frozen
from pivot_core.model.decision import Decision, Status
from pivot_core.model.ids import StageName

# --- signals: what the engine reports --------------------------------------------------------------------------------


@frozen
class Settled:
    """Facts were fetched and a decision was made."""

    stage: StageName
    decision: Decision


@frozen
class Unsettled:
    """No decision could be made (an input cannot be read): the stage fails without running."""

    stage: StageName


@frozen
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


@frozen
class Finished:
    """An attempt ended; a DONE one has outs that are not recorded yet."""

    stage: StageName
    outcome: Outcome


@frozen
class Recorded:
    """The result of a DONE attempt is written; with ``ok`` unset an input had changed meanwhile and nothing is."""

    stage: StageName
    ok: bool


@frozen
class RecordFailed:
    """The result could not be written (a full disk): the stage fails."""

    stage: StageName


@frozen
class CancelStage:
    """A client asked to end one stage."""

    stage: StageName


@frozen
class CancelRun:
    """A client asked to end the run: nothing new starts, what runs is interrupted."""


@frozen
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


@frozen
class Settle:
    """Fetch facts and decide."""

    stage: StageName


@frozen
class PutBack:
    """Restore the outs that the last decision named."""

    stage: StageName


@frozen
class Launch:
    """Start an attempt in a worker; attempts count from 1 in a run."""

    stage: StageName
    attempt: int


@frozen
class Record:
    """Look at the inputs again and write cache, lock and state."""

    stage: StageName


@frozen
class Interrupt:
    """End the running attempt: SIGINT, after the grace period SIGKILL, to its whole group."""

    stage: StageName


type Order = Settle | PutBack | Launch | Record | Interrupt


# --- what a step changed ---------------------------------------------------------------------------------------------


@frozen
class Change:
    """A stage has a new status; the engine turns it into an event."""

    stage: StageName
    status: Status
    by: tuple[StageName, ...] = ()
    """The stages whose failure or cancellation blocks this one."""


@frozen
class Step:
    """The scheduler's answer to one signal."""

    orders: tuple[Order, ...]
    changes: tuple[Change, ...]
