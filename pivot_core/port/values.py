"""Owns the values that a front end holds: rows, states, runs and explanations; frozen, with a JSON form by codec."""

from collections.abc import Mapping
from dataclasses import field
from enum import Enum

from pivot_core.frozen import frozen
from pivot_core.model.decision import Reason, Status
from pivot_core.model.failure import Failure
from pivot_core.model.graph import Selection
from pivot_core.model.ids import ArtifactPath, ContentHash, Json, RequestId, RunId, StageName
from pivot_core.model.stage import OutKind, SourceLocation


@frozen
class RunOptions:
    """How a request wants its run."""

    selection: Selection = Selection.UPSTREAM
    force: bool = False
    """Runs the targets (all stages when there are none) though nothing changed; not their upstreams."""
    keep_going: bool = False
    jobs: int | None = None
    """``None`` for the project's default."""
    commit: bool = True
    """Unset: no lock, no state and no cache object is written."""
    pull: bool = False
    """Takes from a remote what is there instead of running; only the bytes that are read, and the targets' outs."""
    remote: str | None = None
    """With ``pull``, the remote; ``None`` for the default."""


class RunStatus(Enum):
    """Where a run stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@frozen
class Problem:
    """An error as a front end shows it; built from a ``PivotError``."""

    what: str
    where: str
    hint: str
    detail: str = ""
    """The user's traceback, where their code raised."""


@frozen
class WatchState:
    """What an engine watches for."""

    request_id: RequestId
    """Of the ``Watch`` that began it."""
    targets: tuple[str, ...]
    """Empty for everything."""
    options: RunOptions
    debounce_ms: int
    directories: int = 0
    """In how many directories something counts."""
    problem: Problem | None = None
    """Why nothing can be watched at the moment."""


@frozen
class RunState:
    """One run, queued, active or ended; times are epoch seconds."""

    run_id: RunId
    request_id: RequestId
    targets: tuple[str, ...]
    options: RunOptions
    status: RunStatus
    queued_at: float
    started_at: float | None = None
    ended_at: float | None = None
    jobs: int = 0
    stages: tuple[StageName, ...] = ()
    """The selected stages in topological order; empty until the run started."""
    counts: Mapping[str, int] | None = None
    """Stages by ``Status.value``, once ended."""
    exit_code: int | None = None
    """What the command that asked for it exits with, once ended."""
    problems: tuple[Problem, ...] = ()
    """Why it could not start or was not completed."""


@frozen
class StageState:
    """Where one stage stands."""

    status: Status
    run_id: RunId | None = None
    """The run that gave it this status; ``None`` for a status that a look at the files gave."""
    attempt: int = 0
    """The attempt that runs or ran, from 1; 0 when none did."""
    started_at: float | None = None
    """Epoch seconds when the attempt (or the restoring) began."""
    duration_s: float | None = None
    """How long it took, once ended."""
    expected_s: float | None = None
    """The median of past durations; ``None`` when it never ran here."""
    reasons: tuple[Reason, ...] = ()
    tier: int | None = None
    """The skip tier that decided, for SAME and RESTORED."""
    by: tuple[StageName, ...] = ()
    """What blocks it."""
    failure: Failure | None = None
    log_tail: tuple[str, ...] = ()
    """The last lines of the failed attempt."""
    err_tail: tuple[str, ...] = ()
    """Those that it wrote to standard error last, in their order, without the traceback of ``failure``."""
    kill_at: float | None = None
    """Epoch seconds at which an attempt that was asked to end is killed; ``None`` while it was not asked."""


@frozen
class OutRow:
    """One output of a stage."""

    path: ArtifactPath
    kind: OutKind
    is_cached: bool


@frozen
class StageRow:
    """What a front end needs to know of a stage's definition."""

    name: StageName
    upstream: tuple[StageName, ...]
    deps: tuple[ArtifactPath, ...]
    outs: tuple[OutRow, ...]
    params: Mapping[str, Json]
    mutex: tuple[str, ...]
    function: str
    """``module.qualname``; of a stage that is a command the beginning of that."""
    where: SourceLocation
    """The function's definition."""
    pipeline: str = ""
    """The project-relative directory of its pipeline's definition; ``""`` for the root."""


class Verdict(Enum):
    """What a look at a stage without running it says."""

    WILL_RUN = "will_run"
    UP_TO_DATE = "up_to_date"
    RESTORE = "restore"
    UNKNOWN = "unknown"
    """An upstream would run first."""
    BROKEN = "broken"
    """It could not run: a dep is missing and nothing makes it."""


@frozen
class Origin:
    """Who wrote what lies at a path."""

    stage: StageName
    run_id: RunId | None
    """``None`` where a person recorded it without a run (`pivot commit`)."""
    at: float
    """Epoch seconds."""
    is_restored: bool
    """Whether it came from the cache."""


@frozen
class Package:
    """An installed package that a stage's code imports."""

    name: str
    version: str
    before: str | None
    """The version with which the stage's outs were made; ``None`` when that is not known, or it was not installed."""


@frozen
class Evidence:
    """What is known beyond the reasons themselves; it decides nothing."""

    diffs: Mapping[str, str]
    """For each changed symbol whose old source is known here a unified diff; empty when no line differs."""
    origins: Mapping[ArtifactPath, Origin]
    """For each changed input that is as a stage left it, who wrote it."""
    same_code: tuple[str, ...] = ()
    """The symbols that are as recorded; of a past run this is not known, nor is what follows."""
    same_deps: tuple[ArtifactPath, ...] = ()
    same_params: tuple[str, ...] = ()
    packages: tuple[Package, ...] = ()


@frozen
class Explanation:
    """Why a stage would run, or would not."""

    stage: StageName
    verdict: Verdict
    tier: int | None
    reasons: tuple[Reason, ...]
    unchanged: tuple[str, ...]
    """Inputs and params that are as recorded, folded by default."""
    caveats: tuple[str, ...]
    """What made the fingerprint wider, with its location."""
    code: ContentHash | None
    """The fingerprint's digest now; ``None`` when it could not be computed."""
    problem: Problem | None = None
    """Set when the verdict is BROKEN."""
    evidence: Evidence | None = None
    """``None`` unless the query asked for it."""


@frozen
class Account:
    """What a stage did in a past run, and why."""

    stage: StageName
    state: StageState
    evidence: Evidence


@frozen
class LogRef:
    """Where the log of one attempt lies."""

    run_id: RunId
    stage: StageName
    attempt: int
    path: str
    """Absolute."""
    attempts: tuple[tuple[RunId, int], ...]
    """All attempts of the stage that still have a log, newest first."""


@frozen
class NoLog:
    """There is no log, and why."""

    why: str


@frozen
class Inputs:
    """What went into one attempt: enough to tell two of them apart."""

    code: ContentHash
    """The fingerprint's digest."""
    params: Mapping[str, Json]
    deps: Mapping[ArtifactPath, ContentHash | None]
    """``None`` for one that was not there."""


@frozen
class Attempt:
    """One attempt of a stage, or one restoring of its outs, in the run that it belongs to."""

    run_id: RunId
    number: int
    """From 1; 0 where the outs came from the cache."""
    status: Status
    started_at: float | None
    duration_s: float | None
    failure: Failure | None
    inputs: Inputs | None
    """``None`` where the journal does not tell."""
    has_log: bool
    metrics: Mapping[ArtifactPath, Mapping[str, Json]] = field(
        default_factory=dict[ArtifactPath, Mapping[str, Json]]
    )
    """The values in the metric files that it wrote, by their paths, as far as the cache still has them."""


@frozen
class ArtifactRow:
    """One dep or out of a stage: what is recorded, and what lies there now."""

    path: ArtifactPath
    kind: OutKind | None
    """``None`` for a dep."""
    recorded: ContentHash | None
    """What the lock file names; ``None`` where it names nothing."""
    found: ContentHash | None
    """What lies there; ``None`` for nothing, and where it is ``unread``."""
    is_unread: bool
    """Whether something lies there that is too large to be hashed for a look, or cannot be read."""
    size_bytes: int | None
    """Of what lies there; ``None`` for nothing."""
    files: int | None
    """How many files a directory has; ``None`` for a file."""
    is_cached: bool
    """Whether the cache holds what is recorded, else what lies there."""


@frozen
class RunSummary:
    """One line of the history."""

    run_id: RunId
    status: RunStatus
    command: str
    started_at: float
    duration_s: float | None
    counts: Mapping[str, int]


@frozen
class RunReport:
    """A past run in full."""

    summary: RunSummary
    states: Mapping[StageName, StageState]


class FindingKind(Enum):
    """What ``verify`` can find."""

    WOULD_RUN = "would_run"
    LOST = "lost"
    """An output that is neither in the workspace nor in the cache."""
    ALTERED = "altered"
    """Tracked data that holds something else than recorded."""
    DAMAGED = "damaged"
    """An object of the cache whose bytes are not what its name says."""
    BROKEN = "broken"
    """A stage that could not run."""
    NOT_CHECKED_OUT = "not_checked_out"
    """An output that the cache holds and the workspace does not; it fails nothing."""
    ON_REMOTE = "on_remote"
    """An output that only the remote holds, where that was allowed; it fails nothing."""
    NOT_HERE = "not_here"
    """An input that nothing makes and that is absent, where that was allowed; it fails nothing."""


class TrackedState(Enum):
    """How tracked data stands."""

    SAME = "same"
    CHANGED = "changed"
    """Something else than recorded lies there."""
    CACHED = "cached"
    """It is not there, and the cache holds it."""
    REMOTE = "remote"
    """It is on a remote alone, where that was asked."""
    ABSENT = "absent"
    """It is in neither workspace nor cache."""


@frozen
class TrackedRow:
    """One tracked file or directory."""

    path: ArtifactPath
    state: TrackedState


_HARMLESS = (FindingKind.NOT_CHECKED_OUT, FindingKind.ON_REMOTE, FindingKind.NOT_HERE)


@frozen
class Finding:
    """One thing that ``verify`` found."""

    kind: FindingKind
    message: str
    """What was found, without the stage's name."""
    stage: StageName | None = None
    path: str = ""
    """Project-relative, or absolute for an object of the cache; empty where no file is concerned."""

    @property
    def fails(self) -> bool:
        """Whether it makes ``verify`` exit 1."""
        return self.kind not in _HARMLESS


class Action(Enum):
    """What became of an output or a lock file."""

    RECORDED = "recorded"
    RESTORED = "restored"
    REMOVED = "removed"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    """It was not done; ``problem`` says why."""


@frozen
class Change:
    """What ``commit`` or ``checkout`` did with one output."""

    stage: StageName
    """Empty for tracked data."""
    path: ArtifactPath | None
    """``None`` where the whole stage is meant."""
    action: Action
    problem: str = ""
