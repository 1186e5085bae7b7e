"""Owns the values that a front end holds of remotes and of what travels to and from them; frozen, JSON by codec."""

from enum import Enum

from pivot_core.frozen import frozen
from pivot_core.model.ids import ArtifactPath, ContentHash, RequestId, StageName, TransferId
from pivot_core.port.values import Change, Problem


class TransferKind(Enum):
    """What a transfer does."""

    PUSH = "push"
    FETCH = "fetch"
    """Brings objects into the cache."""
    PULL = "pull"
    """The same, and then puts the outs into the workspace."""


class TransferStatus(Enum):
    """Where a transfer stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    """Something did not arrive; the rest did."""
    CANCELLED = "cancelled"


class Phase(Enum):
    """What a running transfer is at."""

    LOOKING = "looking"
    """Asks the remote what it has."""
    MOVING = "moving"
    RESTORING = "restoring"
    """Puts outs into the workspace."""


@frozen
class TransferOptions:
    """How a request wants its transfer."""

    remote: str | None = None
    """``None`` for the default."""
    jobs: int | None = None
    """Objects at once; ``None`` for what the remote's settings say."""
    dry_run: bool = False
    """Only tells what would travel."""
    whole: bool = False
    """Everything in the cache, or on the remote, and not only what current lock files name."""
    force: bool = False
    """Lets a pull replace outs that were changed."""


@frozen
class Item:
    """One object that travels, or would."""

    path: str
    """An artifact that it belongs to, with the member's name for a directory; empty where none is known."""
    hash: ContentHash
    size_bytes: int
    bytes_done: int = 0
    retries: int = 0


@frozen
class FailedItem:
    """One object that did not arrive, and why."""

    item: Item
    problem: Problem


@frozen
class Progress:
    """How far a transfer is."""

    phase: Phase
    files: int = 0
    """To travel; nothing is known of it while LOOKING."""
    size_bytes: int = 0
    files_done: int = 0
    bytes_done: int = 0
    failures: int = 0
    retries: int = 0
    bytes_per_s: float = 0.0
    """A moving average over some five seconds."""
    left_s: float | None = None
    """``None`` as long as no sound estimate can be made."""
    silent_s: float = 0.0
    """Since anything moved."""
    active: tuple[Item, ...] = ()
    """What is under way, the oldest first."""


@frozen
class TransferState:
    """One transfer, queued, running or ended; times are epoch seconds."""

    transfer_id: TransferId
    request_id: RequestId
    kind: TransferKind
    targets: tuple[str, ...]
    options: TransferOptions
    status: TransferStatus
    queued_at: float
    started_at: float | None = None
    ended_at: float | None = None
    remote: str = ""
    """Its name, once known."""
    url: str = ""
    progress: Progress | None = None
    """The last known; ``None`` before the start."""
    present: int = 0
    """Objects that were there already, once ended."""
    runs: int = 0
    """Run-cache entries that travelled, once ended; they are no files."""
    items: tuple[Item, ...] = ()
    """With ``dry_run``, what would travel."""
    failed: tuple[FailedItem, ...] = ()
    """The first thousand; ``progress.failures`` counts all."""
    changes: tuple[Change, ...] = ()
    """What a pull did with outs that were not as recorded."""
    problems: tuple[Problem, ...] = ()
    """Why it could not start, or was given up."""
    exit_code: int | None = None
    """What the command that asked for it exits with, once ended."""


@frozen
class RemoteRow:
    """One remote as the settings have it; nothing is asked of it."""

    name: str
    url: str
    is_default: bool
    """Whether commands without a name use it."""
    is_read_only: bool
    jobs: int


@frozen
class RemoteArtifact:
    """How one out stands between this machine and a remote; numbers of files, a file being one."""

    stage: StageName
    path: ArtifactPath
    files: int
    size_bytes: int
    absent_here: int
    """Not in the cache."""
    absent_there: int
    absent_both: int
    """Lost, unless the workspace has it; counted by the two above as well."""
    bytes_absent_here: int
    """What a fetch would bring."""
    bytes_absent_there: int
    """What a push would send."""


@frozen
class Tally:
    """Some objects; several files of the same bytes are one."""

    objects: int = 0
    size_bytes: int = 0


@frozen
class RemoteReport:
    """What is missing where."""

    remote: RemoteRow
    looked_at: float
    """Epoch seconds."""
    artifacts: tuple[RemoteArtifact, ...] = ()
    """Of the stages that were asked for, upstream before downstream; outs that are not cached never travel."""
    objects: Tally = Tally()
    """Of all of these together."""
    to_push: Tally = Tally()
    """What is here alone."""
    to_fetch: Tally = Tally()
    """What is there alone."""
    lost: Tally = Tally()
    """What is neither here nor there."""
    runs: int = 0
    """Run-cache entries of the lock files."""
    runs_absent_there: int = 0
    problem: Problem | None = None
    """Why the remote could not be asked; the rest is then empty."""


@frozen
class RemoteFinding:
    """One line of what a check of a remote found."""

    subject: str
    """``credentials``, ``bucket``, ``write``, ``read``, ``checksums``, ``conditions`` and the like."""
    is_good: bool
    is_needed: bool
    """Whether transfers fail without it."""
    detail: str
    hint: str = ""
    """What mends it."""


@frozen
class Sweep:
    """What nothing names any more, in the cache or on a remote."""

    remote: str
    """Its name; empty for the cache."""
    items: tuple[Item, ...]
    """What was removed, or would be."""
    size_bytes: int
    kept: int
    """Objects that stay."""
    runs: int
    """Run-cache entries that go with their objects."""
    uploads: int
    """Unfinished uploads that somebody left behind."""
    damaged: int
    """What was set aside: objects that were not what their names said, and a state; counts in ``size_bytes``."""
    sources: tuple[str, ...]
    """Because of what objects stay, in words."""
    is_done: bool
    """Whether it was done, or only told."""
    old_runs: int = 0
    """Runs beyond ``run.keep``, whose journals and logs go."""
    old_runs_bytes: int = 0
    """What those take; not in ``size_bytes``."""
