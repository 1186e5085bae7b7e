"""Owns the shape of ``--json`` output; ``docs/reference/json.md`` is made from this file.

Within one ``schema`` number fields may be added; none is removed, renamed or given another meaning.
"""

from typing import TypedDict

from pivot_core.model.ids import Json

SCHEMA = 1


class LocationRecord(TypedDict):
    """A line of source code."""

    file: str
    """Relative to the project where it lies in the project."""
    line: int


class ReasonRecord(TypedDict):
    """Why a stage is not simply up to date."""

    kind: str
    """`Forced`, `NeverRan`, `CodeChanged`, `ParamChanged`, `DepChanged`, `OutsChanged`, `PathsChanged`,
    `OutMissing`, `OutAltered`, `NotInCache` or `UpstreamRuns`."""
    text: str
    """The reason in a few words, for people; it may be reworded."""
    detail: dict[str, Json]
    """What the kind knows: for example `symbol`, `where` and `route` of `CodeChanged`, `path`, `old` and `new` hash
    and `producer` of `DepChanged`. `explain` adds `diff` (unified, without file names; empty when no line differs,
    null when the earlier source is not known here) and `origin` (`stage`, `run_id`, `at`, `is_restored`; null when it
    is not known who wrote the input)."""


class ProblemRecord(TypedDict):
    """An error."""

    what: str
    where: str
    hint: str
    detail: str
    """The traceback of the user's code; empty where none of it raised."""


class FailureRecord(TypedDict):
    """Why an attempt failed."""

    kind: str
    """`exception`, `exit`, `signal`, `timeout`, `import`, `input`, `output`, `modified_input`, `unstable_input`,
    `disk` or `lost`."""
    message: str
    traceback: str
    where: LocationRecord | None
    exit_code: int | None
    signal: str
    hint: str


class StateRecord(TypedDict):
    """Where a stage stands."""

    stage: str
    status: str
    """`wait`, `queued`, `running`, `ran`, `same`, `restored`, `failed`, `blocked`, `cancelled`, `stale` or
    `unknown`."""
    attempt: int
    """From 1; 0 when the stage did not have to run."""
    started_at: float | None
    """Epoch seconds."""
    duration_s: float | None
    tier: int | None
    """The skip tier that decided, for `same` and `restored`."""
    reasons: list[ReasonRecord]
    by: list[str]
    """The stages that block it."""
    failure: FailureRecord | None
    log_tail: list[str]
    """The last lines of a failed attempt."""


class WatchRecord(TypedDict):
    """First line of `repro --watch --json`, and again when files cannot be watched."""

    event: str
    """`watch`."""
    schema: int
    targets: list[str]
    """Empty for everything."""
    directories: int
    """In how many of them something counts."""
    problem: ProblemRecord | None
    """Why nothing can be watched at the moment."""


class FilesChangedRecord(TypedDict):
    """Line of `repro --watch --json`: files that count have changed."""

    event: str
    """`files_changed`."""
    paths: list[str]
    """The first of them."""
    count: int
    """How many there are."""


class RunStartedRecord(TypedDict):
    """First line of `repro --json` and `run --json`, unless the run cannot start."""

    event: str
    """`run_started`."""
    schema: int
    run_id: str
    targets: list[str]
    jobs: int
    stages: list[str]
    """The selected stages, upstream before downstream."""


class StageRecord(TypedDict):
    """A stage has a new status."""

    event: str
    """`stage`."""
    run_id: str
    state: StateRecord


class NoticeRecord(TypedDict):
    """Something that a person should know and that fails nothing."""

    event: str
    """`notice`."""
    level: str
    """`info` or `warning`."""
    message: str
    where: str


class RunFinishedRecord(TypedDict):
    """Last line: everything of the run is written."""

    event: str
    """`run_finished`."""
    schema: int
    run_id: str
    status: str
    """`done`, `failed` or `cancelled`."""
    exit_code: int
    """What the command exits with."""
    duration_s: float
    counts: dict[str, int]
    """Stages by status."""
    problems: list[ProblemRecord]
    """Why the run could not start or was not completed."""


class PackageRecord(TypedDict):
    """An installed package."""

    name: str
    version: str
    before: str | None
    """The version with which the stage's outputs were made; null when that is not known."""


class ExplanationRecord(TypedDict):
    """What a run would do with a stage, and why."""

    stage: str
    verdict: str
    """`will_run`, `up_to_date`, `restore`, `unknown` or `broken`."""
    tier: int | None
    """The skip tier that decided."""
    reasons: list[ReasonRecord]
    unchanged: list[str]
    """Inputs and params that are as recorded."""
    unchanged_code: list[str]
    """Symbols that are as recorded; empty for `status`."""
    packages: list[PackageRecord]
    """Installed packages that the stage's code imports; they do not count. Empty for `status`."""
    caveats: list[str]
    """What made the fingerprint wider, with its location."""
    code: str | None
    """The fingerprint's digest."""
    problem: ProblemRecord | None
    """Why it could not run, when `broken`."""


class TrackedRecord(TypedDict):
    """How a tracked file or directory stands."""

    path: str
    state: str
    """`same`, `changed`, `cached` (not in the workspace), `remote` (nor in the cache) or `absent`."""


class PlanRecord(TypedDict):
    """`status --json`, `explain --json` and `repro --dry-run --json`."""

    schema: int
    stages: list[ExplanationRecord]
    """Upstream before downstream."""
    tracked: list[TrackedRecord]
    """For `status`, the data that targets name or their stages read; all of it without targets."""


class AccountRecord(TypedDict):
    """What a stage did in a past run, and why."""

    stage: str
    state: StateRecord


class AccountsRecord(TypedDict):
    """`explain --run ID --json`."""

    schema: int
    run_id: str
    stages: list[AccountRecord]
    """As the run ended, upstream before downstream."""


class AffectedRecord(TypedDict):
    """One stage that a change would reach."""

    stage: str
    bond: str
    """How it depends on what would change: `code`, `input`, `params`, `definition`, `lock`, `ignore` or `upstream`."""
    path: list[str]
    """Step by step: symbols from the stage's function on for `code`, the input for `input` and `ignore`, stages from
    one that is affected directly for `upstream`; else empty."""


class ImpactRecord(TypedDict):
    """What would follow from a change of one file or definition."""

    target: str
    names: list[str]
    """The symbols that it stands for; empty for a path."""
    direct: list[AffectedRecord]
    """Stages that would run, upstream before downstream."""
    downstream: list[AffectedRecord]
    """Stages that would run after those, should their outputs come out different."""
    makers: list[str]
    """Stages that write the path: they put it back when it is changed by hand."""
    is_loaded: bool
    """Whether loading the definition reads the file, so that the stages themselves may become others."""


class ImpactsRecord(TypedDict):
    """`affected --json`."""

    schema: int
    targets: list[ImpactRecord]
    stages: list[str]
    """Every stage of `direct` and `downstream`, each once, upstream before downstream."""


class OutRecord(TypedDict):
    """One output of a stage."""

    path: str
    kind: str
    """`out`, `metric`, `plot`, `directory` or `incremental`."""
    is_cached: bool


class StageRowRecord(TypedDict):
    """A stage as the definition has it."""

    name: str
    pipeline: str
    """The project-relative directory of its pipeline; empty for the root."""
    function: str
    where: LocationRecord
    upstream: list[str]
    deps: list[str]
    outs: list[OutRecord]
    params: dict[str, Json]
    """Effective values."""
    mutex: list[str]


class ListRecord(TypedDict):
    """`list --json`."""

    schema: int
    project: str
    stages: list[StageRowRecord]
    """Upstream before downstream."""


class SummaryRecord(TypedDict):
    """One past run."""

    run_id: str
    status: str
    """`queued`, `running`, `done`, `failed` or `cancelled`."""
    command: str
    started_at: float
    """Epoch seconds."""
    duration_s: float | None
    counts: dict[str, int]


class HistoryRecord(TypedDict):
    """`history --json`."""

    schema: int
    runs: list[SummaryRecord]
    """Newest first."""


class ShowRecord(TypedDict):
    """`show --json`."""

    schema: int
    run: SummaryRecord
    stages: list[StateRecord]


class FindingRecord(TypedDict):
    """Something that `verify` found."""

    kind: str
    """`would_run`, `lost`, `altered` (tracked data), `damaged` or `broken`; what fails nothing is `not_checked_out`,
    `on_remote` or `not_here`."""
    stage: str
    """Empty where no stage is concerned."""
    path: str
    message: str


class VerifyRecord(TypedDict):
    """`verify --json`."""

    schema: int
    ok: bool
    findings: list[FindingRecord]


class SettingRecord(TypedDict):
    """One setting as it takes effect."""

    key: str
    value: Json
    scope: str
    """Where it was set: `default`, `user`, `project`, `local` or `environment`."""


class ConfigRecord(TypedDict):
    """`config list --json`."""

    schema: int
    settings: list[SettingRecord]


class ItemRecord(TypedDict):
    """One object that travels, or would."""

    path: str
    """The output that it belongs to, with the file's name for a directory; empty where none is known."""
    hash: str
    size_bytes: int


class ChangeRecord(TypedDict):
    """What became of one output in the workspace."""

    stage: str
    path: str
    action: str
    """`restored` or `refused`."""
    problem: str
    """Why it was left as it is."""


class TransferStartedRecord(TypedDict):
    """First line of `push --json`, `pull --json` and `fetch --json`."""

    event: str
    """`transfer_started`."""
    schema: int
    transfer_id: str
    kind: str
    """`push`, `fetch` or `pull`."""
    targets: list[str]


class TransferProgressRecord(TypedDict):
    """How far it is, every five seconds."""

    event: str
    """`transfer_progress`."""
    phase: str
    """`looking`, `moving` or `restoring`."""
    files: int
    """Objects to move; 0 while `looking`."""
    size_bytes: int
    files_done: int
    bytes_done: int
    failures: int
    retries: int
    bytes_per_s: int
    left_s: float | None
    """Null as long as no sound estimate can be made."""
    silent_s: float
    """Since anything moved."""


class ObjectFailedRecord(TypedDict):
    """An object did not arrive; the others go on."""

    event: str
    """`object_failed`."""
    item: ItemRecord
    problem: ProblemRecord


class TransferFinishedRecord(TypedDict):
    """Last line: what arrived is in place."""

    event: str
    """`transfer_finished`."""
    schema: int
    transfer_id: str
    kind: str
    status: str
    """`done`, `failed` or `cancelled`."""
    exit_code: int
    """What the command exits with."""
    remote: str
    url: str
    is_dry_run: bool
    duration_s: float
    files_done: int
    bytes_done: int
    present: int
    """Objects that were there already."""
    failures: int
    runs: int
    """Run-cache entries that travelled."""
    items: list[ItemRecord]
    """With `--dry-run`, what would travel."""
    failed: list[ObjectFailedRecord]
    """The first thousand."""
    changes: list[ChangeRecord]
    """What a pull did in the workspace."""
    problems: list[ProblemRecord]
    """Why it could not start, or was given up."""


class RemoteRecord(TypedDict):
    """A remote as the settings have it."""

    name: str
    url: str
    is_default: bool
    is_read_only: bool
    jobs: int


class RemotesRecord(TypedDict):
    """`remote list --json`."""

    schema: int
    remotes: list[RemoteRecord]


class RemoteFindingRecord(TypedDict):
    """One thing that was tried."""

    subject: str
    is_good: bool
    is_needed: bool
    """Whether transfers fail without it."""
    detail: str
    hint: str


class RemoteCheckRecord(TypedDict):
    """`remote check --json`."""

    schema: int
    ok: bool
    findings: list[RemoteFindingRecord]


class RemoteArtifactRecord(TypedDict):
    """How one output stands; numbers of files, a file being one."""

    stage: str
    path: str
    files: int
    size_bytes: int
    absent_here: int
    """Not in the cache."""
    absent_there: int
    absent_both: int
    bytes_absent_here: int
    bytes_absent_there: int


class TallyRecord(TypedDict):
    """Some objects; several files of the same bytes are one."""

    objects: int
    size_bytes: int


class RemoteStatusRecord(TypedDict):
    """`status --remote --json`."""

    schema: int
    remote: RemoteRecord
    looked_at: float
    """Epoch seconds."""
    artifacts: list[RemoteArtifactRecord]
    """Upstream before downstream."""
    objects: TallyRecord
    """Of all of these together."""
    to_push: TallyRecord
    """What is here alone."""
    to_fetch: TallyRecord
    """What is there alone."""
    lost: TallyRecord
    """What is neither here nor there."""
    runs: int
    """Run-cache entries of the lock files."""
    runs_absent_there: int
    problem: ProblemRecord | None
    """Why the remote could not be asked."""


class SweepRecord(TypedDict):
    """`gc --json`."""

    schema: int
    remote: str
    """Its name; empty for the cache."""
    is_done: bool
    """Whether it was removed, or would be."""
    items: list[ItemRecord]
    size_bytes: int
    kept: int
    """Objects that stay."""
    runs: int
    """Run-cache entries that go with their objects."""
    uploads: int
    """Unfinished uploads on the remote, older than a day."""
    damaged: int
    """What was set aside: objects that were not what their names said, and a state."""
    sources: list[str]
    """Because of what objects stay, in words."""
    old_runs: int
    """Runs beyond `run.keep`, whose journals and logs go."""
    old_runs_bytes: int
    """What those take; not in `size_bytes`."""
