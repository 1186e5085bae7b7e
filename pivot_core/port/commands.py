"""Owns what a front end can ask an engine to do."""

from dataclasses import field

from pivot_core.frozen import frozen
from pivot_core.model.ids import RequestId, RunId, StageName, TransferId
from pivot_core.port.transfers import TransferOptions
from pivot_core.port.values import Problem, RunOptions


@frozen
class Run:
    """Runs the targets; queued behind a run that is active. Asked again with the same id, it is not run twice."""

    request_id: RequestId
    targets: tuple[str, ...] = ()
    options: RunOptions = field(default_factory=RunOptions)
    command: str = "pivot repro"
    """The equivalent command line, for history and the event log."""


@frozen
class CancelRun:
    """Takes a run out of the queue, or ends the active one: SIGINT, after the grace period SIGKILL."""

    run_id: RunId
    at_once: bool = False
    """SIGKILL without a grace period."""


@frozen
class CancelStage:
    """Ends one stage of the active run; the others go on, its downstreams are blocked."""

    run_id: RunId
    stage: StageName


@frozen
class Refresh:
    """Loads the definition again and looks at every stage, unless a run is active."""


@frozen
class Watch:
    """Runs the targets whenever what they rest on changes; each run's request id begins with this one and a dot.

    Refused while the engine watches for other targets. Asked for the same ones again, it changes nothing, and the id
    of who asked first stays.
    """

    request_id: RequestId
    targets: tuple[str, ...] = ()
    options: RunOptions = field(default_factory=RunOptions)
    """Of every run; ``force`` counts for the first alone."""
    debounce_ms: int = 100
    """How long nothing may change before a run begins; ten times as long is the most that it waits."""
    initial: bool = True
    """Whether there is a run before anything changes."""
    command: str = "pivot repro --watch"


@frozen
class Unwatch:
    """Ends watching; the active run goes on."""

    request_id: RequestId | None = None
    """Of the ``Watch`` to end; of another one, nothing ends. ``None`` ends whichever there is."""


@frozen
class Shutdown:
    """Ends the engine: the active run is cancelled, clients are told."""


@frozen
class Push:
    """Sends what the remote lacks: objects of the targets' outs (all stages without), and their run-cache entries.

    A target is a stage, or the path of an out. Queued behind a transfer that is under way; asked again with the same
    id, it is not done twice. The same holds for ``Fetch`` and ``Pull``.
    """

    request_id: RequestId
    targets: tuple[str, ...] = ()
    options: TransferOptions = field(default_factory=TransferOptions)
    command: str = "pivot push"


@frozen
class Fetch:
    """Brings what the cache lacks of the targets' outs, and of the stages that they need."""

    request_id: RequestId
    targets: tuple[str, ...] = ()
    options: TransferOptions = field(default_factory=TransferOptions)
    command: str = "pivot fetch"


@frozen
class Pull:
    """Fetches, then puts the outs into the workspace; one that was changed there only with ``force``."""

    request_id: RequestId
    targets: tuple[str, ...] = ()
    options: TransferOptions = field(default_factory=TransferOptions)
    command: str = "pivot pull"


type Transfer = Push | Fetch | Pull


@frozen
class CancelTransfer:
    """Takes a transfer out of the queue, or ends it; what arrived stays, nothing half done is seen anywhere."""

    transfer_id: TransferId


type Command = (
    Run | CancelRun | CancelStage | Watch | Unwatch | Transfer | CancelTransfer | Refresh | Shutdown
)


@frozen
class Accepted:
    """The command is taken; what comes of it arrives as events."""

    run_id: RunId | None = None
    """The run that a ``Run`` became."""
    transfer_id: TransferId | None = None
    """The transfer that a ``Push``, ``Fetch`` or ``Pull`` became."""


@frozen
class Refused:
    """The command makes no sense now."""

    problem: Problem
    exit_code: int


type Reply = Accepted | Refused
