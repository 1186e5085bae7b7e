"""Owns what a front end can ask an engine to tell; each query names the type of its answer."""

from dataclasses import field
from enum import Enum

from pivot_core.frozen import frozen
from pivot_core.model.ids import RunId, StageName
from pivot_core.model.impact import Impact
from pivot_core.port.transfers import RemoteFinding, RemoteReport, RemoteRow
from pivot_core.port.values import (
    Account,
    ArtifactRow,
    Attempt,
    Explanation,
    LogRef,
    NoLog,
    RunOptions,
    RunReport,
    RunSummary,
)


class Depth(Enum):
    """Whether an explanation holds evidence: diffs, who wrote an input, what is unchanged, installed packages."""

    REASONS = "reasons"
    """The reasons alone."""
    TARGETS = "targets"
    """Evidence for the targets themselves; for all stages when there are none."""
    ALL = "all"
    """Evidence for every stage of the run."""


@frozen
class Explain:
    """What a run of these targets would do now, stage by stage, and why; nothing is run or written."""

    targets: tuple[str, ...] = ()
    options: RunOptions = field(default_factory=RunOptions)
    depth: Depth = Depth.REASONS


@frozen
class ExplainRun:
    """What the stages of a past run did, and why; all of them without ``targets``.

    Raises ``UsageError`` for an unknown run, and for a target that was no stage of it.
    """

    run_id: RunId
    targets: tuple[str, ...] = ()
    """Stages, or the common part of the names of variants."""


@frozen
class FindAffected:
    """Which stages would run if these files or definitions changed, one answer each.

    A target is a path relative to the project, or a symbol: ``model.hits``, ``lib.shapes:Circle``,
    ``lib/shapes.py:area``. Raises ``UsageError`` for a name that is neither.
    """

    targets: tuple[str, ...]


@frozen
class FindLog:
    """The log of a stage's attempt; the newest where ``run_id`` or ``attempt`` is not given."""

    stage: StageName
    run_id: RunId | None = None
    attempt: int | None = None


@frozen
class ListArtifacts:
    """The deps and outs of a stage, with what is recorded of each and what lies there now.

    Raises ``UsageError`` for an unknown stage.
    """

    stage: StageName


@frozen
class ListAttempts:
    """The attempts of a stage in the runs that are kept, newest first; none for a stage that is not known."""

    stage: StageName
    limit: int = 50


@frozen
class History:
    """Past runs, newest first."""

    limit: int = 50


@frozen
class ShowRun:
    """One past run; raises ``UsageError`` for an unknown id."""

    run_id: RunId


@frozen
class ListRemotes:
    """The remotes that the settings name; none of them is asked anything."""


@frozen
class CompareRemote:
    """What of the targets' outs (all stages without) is missing here and on a remote.

    Raises ``UsageError`` for an unknown remote or target; a remote that does not answer is a ``problem`` of the report.
    """

    remote: str | None = None
    """``None`` for the default."""
    targets: tuple[str, ...] = ()


@frozen
class CheckRemote:
    """Whether transfers to and from a remote would work: tries one of everything. Raises ``UsageError``."""

    remote: str | None = None


type Explanations = tuple[Explanation, ...]
type Artifacts = tuple[ArtifactRow, ...]
type Attempts = tuple[Attempt, ...]
type Accounts = tuple[Account, ...]
type Impacts = tuple[Impact, ...]
type RemoteRows = tuple[RemoteRow, ...]
type RemoteFindings = tuple[RemoteFinding, ...]
type LogAnswer = LogRef | NoLog
type Summaries = tuple[RunSummary, ...]

type Query = (
    CheckRemote | CompareRemote | Explain | ExplainRun | FindAffected | FindLog | History | ListArtifacts
    | ListAttempts | ListRemotes | ShowRun
)  # fmt: skip

ANSWERS: dict[type, object] = {
    CheckRemote: RemoteFindings,
    CompareRemote: RemoteReport,
    Explain: Explanations,
    ExplainRun: Accounts,
    FindAffected: Impacts,
    FindLog: LogAnswer,
    History: Summaries,
    ListArtifacts: Artifacts,
    ListAttempts: Attempts,
    ListRemotes: RemoteRows,
    ShowRun: RunReport,
}
