"""Builds what the printers show: a run, its events, and papers that keep what is written on them."""

import io
from collections.abc import Iterable
from dataclasses import replace
from typing import override

from pivot_core.cli.paper import Paper
from pivot_core.cli.session import Session
from pivot_core.port import (
    ArtifactPath,
    CodeChanged,
    ContentHash,
    DepChanged,
    Edit,
    Event,
    Failure,
    FailureKind,
    Level,
    Notice,
    OutKind,
    OutRow,
    ParamChanged,
    Published,
    RequestId,
    RunFinished,
    RunId,
    RunOptions,
    RunStarted,
    RunState,
    RunStatus,
    SourceLocation,
    StageChanged,
    StageName,
    StageRow,
    StageState,
    Status,
)

RUN_ID = RunId("20250301-124107-a1b2")
REQUEST_ID = RequestId("mine")
OLD = ContentHash("0123456789abcdef0123456789abcdef")
NEW = ContentHash("fedcba9876543210fedcba9876543210")
CODE = CodeChanged("helpers:scale", Edit.CHANGED, SourceLocation("helpers.py", 7), OLD, NEW)
PARAM = ParamChanged("rate", 0.1, 0.2, had=True, has=True)
DEP = DepChanged(ArtifactPath("data/in.csv"), OLD, NEW, StageName("raw"))
STAGES = tuple(StageName(name) for name in ("raw", "clean", "train", "report"))
FAILURE = Failure(
    FailureKind.EXCEPTION,
    "KeyError: 'label'",
    'Traceback (most recent call last):\n  File "train.py", line 3, in train\n    row["label"]\nKeyError: \'label\'',
    SourceLocation("train.py", 3),
    hint="look at the columns",
)


class Screen:
    """A session whose stdout and stderr are kept."""

    def __init__(self, *, is_terminal: bool = False, verbosity: int = 0, columns: int = 80) -> None:
        self.out: io.StringIO = _Stream()
        self.err: io.StringIO = _Stream()
        self.session: Session = Session()
        self.session.verbosity = verbosity
        self.session.out = Paper(self.out, is_terminal=is_terminal, columns=columns)
        self.session.err = Paper(self.err, is_terminal=is_terminal, columns=columns)

    @property
    def text(self) -> str:
        """What both streams hold, stdout first."""
        out, err = self.out.getvalue(), self.err.getvalue()
        return f"{out}--- stderr\n{err}" if err else out


class _Stream(io.StringIO):
    @property
    @override
    def encoding(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride] a property will do
        return "utf-8"


def a_run(stages: tuple[StageName, ...] = STAGES, options: RunOptions | None = None) -> RunState:
    """Returns a run that has just started."""
    return RunState(
        RUN_ID, REQUEST_ID, (), options or RunOptions(), RunStatus.RUNNING, 100.0, 100.0,
        jobs=2, stages=stages,
    )  # fmt: skip


def running(
    stage: str, *, started_at: float = 100.0, expected_s: float | None = None
) -> StageChanged:
    """Returns the event of an attempt that begins."""
    state = StageState(
        Status.RUNNING, RUN_ID, 1, started_at, expected_s=expected_s, reasons=(CODE, PARAM)
    )
    return StageChanged(StageName(stage), state)


def ended(stage: str, status: Status = Status.RAN, duration_s: float | None = 1.5) -> StageChanged:
    """Returns the event of a stage's end."""
    attempt = 1 if status in (Status.RAN, Status.FAILED) else 0
    state = StageState(status, RUN_ID, attempt, 100.0, duration_s if attempt else None)
    if status is Status.RAN:
        state = replace(state, reasons=(CODE, PARAM))
    if status is Status.FAILED:
        state = replace(state, failure=FAILURE, log_tail=("epoch 1", "epoch 2\tloss 0.3"))
    if status is Status.BLOCKED:
        state = replace(state, by=(StageName("train"),))
    return StageChanged(StageName(stage), state)


def finished(run: RunState, events: Iterable[Event]) -> RunState:
    """Returns the run as it stands after its events."""
    last = {event.stage: event.state for event in events if isinstance(event, StageChanged)}
    counts = dict[str, int]()
    for state in last.values():
        counts[state.status.value] = counts.get(state.status.value, 0) + 1
    is_bad = Status.FAILED.value in counts
    return replace(
        run,
        status=RunStatus.FAILED if is_bad else RunStatus.DONE,
        ended_at=103.25,
        counts=counts,
        exit_code=1 if is_bad else 0,
    )


def a_failing_run() -> tuple[RunState, list[Event]]:
    """Returns a run in which one stage fails, and its events in order."""
    run = a_run()
    events: list[Event] = [
        RunStarted(run),
        Notice(Level.WARNING, "getattr on a computed name", "helpers.py:3"),
        ended("raw", Status.SAME),
        running("clean"),
        ended("clean"),
        running("train"),
        ended("train", Status.FAILED),
        ended("report", Status.BLOCKED),
    ]
    end = finished(run, events)
    return end, [*events, RunFinished(end)]


def published(events: Iterable[Event]) -> list[Published]:
    """Numbers events as an engine does."""
    return [Published(seq, event) for seq, event in enumerate(events, 1)]


def a_row(name: str, *upstream: str) -> StageRow:
    """Returns a stage of a definition."""
    return StageRow(
        StageName(name),
        tuple(StageName(parent) for parent in upstream),
        (ArtifactPath("data/in.csv"),),
        (OutRow(ArtifactPath(f"out/{name}.csv"), OutKind.OUT, is_cached=True),),
        {"rate": 0.1},
        (),
        f"pipeline.{name}",
        SourceLocation("pipeline.py", 10),
    )
