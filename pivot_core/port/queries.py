"""Owns what a front end can ask an engine to tell; each query names the type of its answer."""

from dataclasses import dataclass, field

from pivot_core.model.ids import RunId, StageName
from pivot_core.port.values import (
    Explanation,
    LogRef,
    NoLog,
    RunOptions,
    RunReport,
    RunSummary,
)


@dataclass(frozen=True, slots=True)
class Explain:
    """What a run of these targets would do now, stage by stage, and why; nothing is run or written."""

    targets: tuple[str, ...] = ()
    options: RunOptions = field(default_factory=RunOptions)


@dataclass(frozen=True, slots=True)
class FindLog:
    """The log of a stage's attempt; the newest where ``run_id`` or ``attempt`` is not given."""

    stage: StageName
    run_id: RunId | None = None
    attempt: int | None = None


@dataclass(frozen=True, slots=True)
class History:
    """Past runs, newest first."""

    limit: int = 50


@dataclass(frozen=True, slots=True)
class ShowRun:
    """One past run; raises ``UsageError`` for an unknown id."""

    run_id: RunId


type Explanations = tuple[Explanation, ...]
type LogAnswer = LogRef | NoLog
type Summaries = tuple[RunSummary, ...]

type Query = Explain | FindLog | History | ShowRun

ANSWERS: dict[type, object] = {
    Explain: Explanations,
    FindLog: LogAnswer,
    History: Summaries,
    ShowRun: RunReport,
}
