"""Owns the frozen project that the dashboard's tests look at: ten stages, one of each status."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pivot_core.port import (
    Account,
    ArtifactPath,
    ArtifactRow,
    Attempt,
    CodeChanged,
    ContentHash,
    DepChanged,
    Edit,
    EngineInfo,
    Evidence,
    Explanation,
    Failure,
    FailureKind,
    Inputs,
    LogGrew,
    LogRef,
    NeverRan,
    OutKind,
    OutRow,
    ParamChanged,
    PlanChanged,
    Problem,
    RequestId,
    RunId,
    RunOptions,
    RunState,
    RunStatus,
    Snapshot,
    SourceLocation,
    StageChanged,
    StageName,
    StageRow,
    StageState,
    Status,
    Taste,
    UpstreamRuns,
    Verdict,
    WatchState,
)
from tests.support.scripted_port import ScriptedPort

NOW = 1_790_000_000.0
LINES = 60
RUN = RunId("20260921-130613-a4f2")
BASELINE = StageName("train_baseline")

_EDGES: dict[str, tuple[str, ...]] = {
    "fetch_raw": (),
    "clean": ("fetch_raw",),
    "embeddings": ("clean",),
    "features": ("clean", "fetch_raw"),
    "train@large": ("features",),
    "evaluate@large": ("train@large",),
    "report": ("evaluate@large", "features"),
    "train_baseline": ("clean",),
    "compare_with_baseline": ("train_baseline", "evaluate@large"),
    "export_onnx": ("train@large",),
}


def stage_row(name: str, upstream: tuple[str, ...] = (), line: int = 12) -> StageRow:
    """Returns the definition of a stage that reads what its upstreams write."""
    return StageRow(
        name=StageName(name),
        upstream=tuple(StageName(one) for one in upstream),
        deps=tuple(ArtifactPath(f"data/{one}.csv") for one in upstream),
        outs=(OutRow(ArtifactPath(f"data/{name}.csv"), OutKind.OUT, True),),
        params={},
        mutex=(),
        function=f"stages.{name.partition('@')[0]}",
        where=SourceLocation("stages.py", line),
    )


def content(digit: str) -> ContentHash:
    """Returns a hash of one repeated digit."""
    return ContentHash(digit * 32)


_FAILURE = Failure(
    kind=FailureKind.EXCEPTION,
    message="KeyError: 'label'",
    traceback=(
        "Traceback (most recent call last):\n"
        '  File "stages.py", line 41, in train_baseline\n'
        '    return fit(frame["label"])\n'
        "KeyError: 'label'\n"
    ),
    where=SourceLocation("stages.py", 41),
)

_TRAIN_REASONS = (
    ParamChanged("learning_rate", 0.001, 0.0003, True, True),
    CodeChanged(
        "model:Net.forward",
        Edit.CHANGED,
        SourceLocation("model.py", 41),
        content("a"),
        content("9"),
    ),
    DepChanged(
        ArtifactPath("data/features.csv"), content("7"), content("c"), StageName("features")
    ),
)


def _states() -> dict[StageName, StageState]:
    given = {
        "fetch_raw": StageState(Status.RAN, RUN, 1, NOW - 227, 12.4),
        "clean": StageState(Status.SAME, RUN, tier=1),
        "embeddings": StageState(Status.RESTORED, RUN, duration_s=2.2, tier=3),
        "features": StageState(Status.RAN, RUN, 1, NOW - 215, 68.0),
        "train@large": StageState(
            Status.RUNNING, RUN, 1, NOW - 151, expected_s=246.0, reasons=_TRAIN_REASONS
        ),
        "evaluate@large": StageState(Status.WAIT, RUN, expected_s=21.0),
        "report": StageState(Status.WAIT, RUN, expected_s=3.0),
        "train_baseline": StageState(
            Status.FAILED,
            RUN,
            1,
            NOW - 147,
            7.3,
            failure=_FAILURE,
            log_tail=("fold 1 of 5", "3 rows have no label"),
            err_tail=("3 rows have no label", "using the columns of the header"),
        ),
        "compare_with_baseline": StageState(Status.BLOCKED, RUN, by=(StageName("train_baseline"),)),
        "export_onnx": StageState(Status.QUEUED, RUN, expected_s=9.0),
    }
    return {StageName(name): state for name, state in given.items()}


def run_state(status: RunStatus = RunStatus.RUNNING) -> RunState:
    """Returns the run of all stages, active or ended."""
    ended = status is not RunStatus.RUNNING
    return RunState(
        run_id=RUN,
        request_id=RequestId("request"),
        targets=(),
        options=RunOptions(),
        status=status,
        queued_at=NOW - 228,
        started_at=NOW - 227,
        ended_at=NOW - 10 if ended else None,
        jobs=4,
        stages=tuple(StageName(name) for name in _EDGES),
        counts={"ran": 3, "same": 5, "restored": 2} if status is RunStatus.DONE else None,
        exit_code=0 if status is RunStatus.DONE else None,
    )


ENGINE = EngineInfo(1, "0.1.0", 4711, "/home/ada/churn", "churn", "pivot serve", {})


def a_run_in_progress() -> Snapshot:
    """Returns ten stages in the middle of a run with a failure."""
    stages = tuple(stage_row(name, upstream) for name, upstream in _EDGES.items())
    return Snapshot(40, ENGINE, stages, _states(), run_state(), (), ())


def idle(status: Status = Status.SAME) -> Snapshot:
    """Returns the same stages without a run, all with one status."""
    stages = tuple(stage_row(name, upstream) for name, upstream in _EDGES.items())
    states = {row.name: StageState(status, expected_s=20.0, tier=1) for row in stages}
    return Snapshot(3, ENGINE, stages, states, None, (), ())


def a_run_that_is_done() -> Snapshot:
    """Returns the stages after a run in which all went well."""
    whole = a_run_in_progress()
    ends = (Status.RAN, Status.SAME, Status.SAME, Status.RESTORED)
    states = {
        name: StageState(
            ends[index % len(ends)],
            RUN,
            attempt=1,
            duration_s=3.7 * (index + 1) if index % len(ends) == 0 else None,
            tier=1,
        )
        for index, name in enumerate(whole.states)
    }
    return Snapshot(90, ENGINE, whole.stages, states, run_state(RunStatus.DONE), (), ())


def a_sweep() -> Snapshot:
    """Returns the run with twelve more stages, variants of one that differ in two params."""
    whole = a_run_in_progress()
    variants = tuple(
        replace(
            stage_row(f"tune@{rate}_{seed}", ("features",)),
            params={"rate": rate, "seed": seed, "epochs": 20},
        )
        for rate in ("high", "low")
        for seed in range(6)
    )
    ends = (Status.RAN,) * 8 + (Status.RUNNING,) * 2 + (Status.QUEUED,) * 2
    states = {
        row.name: StageState(status, RUN, 1, NOW - 60, 20.0 if status is Status.RAN else None)
        for row, status in zip(variants, ends, strict=True)
    }
    return replace(whole, stages=(*whole.stages, *variants), states={**whole.states, **states})


def broken() -> Snapshot:
    """Returns the last good stages with a definition that cannot be used."""
    problem = Problem(
        "two stages write 'data/clean.csv'",
        "stages 'clean' and 'dedupe' (pipeline.py:12, pipeline.py:31)",
        "give one of them another path",
    )
    whole = idle()
    return Snapshot(3, ENGINE, whole.stages, whole.states, None, (), (problem,))


def nothing_defined() -> Snapshot:
    """Returns a project without a stage."""
    return Snapshot(1, ENGINE, (), {}, None, (), ())


def explanations() -> dict[StageName, Explanation]:
    """Returns what the engine would say of some stages."""
    found = [
        Explanation(
            StageName("clean"), Verdict.UP_TO_DATE, 1, (), ("data/fetch_raw.csv",), (), None
        ),
        Explanation(
            StageName("train@large"),
            Verdict.WILL_RUN,
            2,
            _TRAIN_REASONS,
            tuple(f"params.option_{number}" for number in range(11)),
            ("model.py:88 getattr on a computed name widens the fingerprint",),
            content("e"),
        ),
        Explanation(
            StageName("evaluate@large"),
            Verdict.UNKNOWN,
            None,
            (UpstreamRuns((StageName("train@large"),)),),
            (),
            (),
            None,
        ),
        Explanation(StageName("embeddings"), Verdict.RESTORE, 3, (), (), (), None),
        Explanation(
            StageName("train_baseline"),
            Verdict.WILL_RUN,
            None,
            (NeverRan("never ran here"),),
            ("data/clean.csv",),
            (),
            None,
        ),
    ]
    return {one.stage: one for one in found}


_LOG = (
    "epoch 12/20 loss=0.4231 acc=0.881 lr=3.0e-4",
    "checkpoint -> models/ckpt_12.pt (41 MB)",
    "e\x1b[33mwarning\x1b[0m gradient norm 14.2 clipped to 10.0",
    "epoch 13/20 loss=0.4102 acc=0.884 lr=3.0e-4",
    "eDataLoader worker 3 is slow (2.1 s), consider fewer workers or a larger prefetch factor",
    "epoch 14/20 loss=0.4040 acc=0.886 lr=3.0e-4",
    "epoch 15/20 loss=0.3991 acc=0.887 lr=3.0e-4",
    "pinput 'data/features.csv' was read in 0.3 s",
    "epoch 16/20 loss=0.3957 acc=0.889 lr=3.0e-4",
    "validation \x1b[1;32macc=0.891\x1b[0m (best so far)",
)


def write_log(path: Path, lines: int, begin: int = 0) -> None:
    """Appends so many lines to a log, a second apart."""
    records = list[str]()
    for number in range(begin, begin + lines):
        text = _LOG[number % len(_LOG)]
        stream = text[0] if text[0] in "ep" and not text.startswith("epoch") else "o"
        shown = text[1:] if stream != "o" else text
        records.append(f"{int(NOW * 1000) - 150_000 + number * 1000}{stream} {shown}\n")
    with path.open("a", encoding="utf-8") as file:
        file.writelines(records)


def write_text(path: Path, text: str) -> None:
    """Appends a line to a log."""
    with path.open("a", encoding="utf-8") as file:
        file.write(f"{int(NOW * 1000)}o {text}\n")


def plan_changed(
    stages: tuple[StageRow, ...], states: Mapping[StageName, StageState]
) -> PlanChanged:
    """Returns the event that the definition holds these stages now."""
    return PlanChanged("churn", stages, states)


def log_grew() -> LogGrew:
    """Returns the event that the log of ``train@large`` is longer."""
    return LogGrew(RUN, StageName("train@large"), 1, 10_000)


def artifacts() -> tuple[ArtifactRow, ...]:
    """Returns what ``train@large`` reads and writes: one of each state."""

    def row(
        path: str,
        kind: OutKind | None,
        recorded: str,
        found: str,
        size: int | None,
        files: int | None = None,
    ) -> ArtifactRow:
        old, new = [content(digit) if digit else None for digit in (recorded, found)]
        unread = size is not None and not found
        return ArtifactRow(
            ArtifactPath(path), kind, old, new, unread, size, files, kind is not None
        )

    return (
        row("data/features.csv", None, "7", "c", 212_400_000),
        row("data/labels.csv", None, "1", "1", 1_100_000),
        row("data/archive/everything.bin", None, "2", "", 41_000_000_000),
        row("data/gone.csv", None, "3", "", None),
        row("models/checkpoints/", OutKind.DIRECTORY, "4", "5", 41_300_000, 12),
        row("metrics.json", OutKind.METRIC, "", "8", 412),
    )


def attempts() -> tuple[Attempt, ...]:
    """Returns what earlier runs did with ``train@large``."""

    def attempt(
        run: str, status: Status, ago_s: float, took_s: float | None, rate: float, code: str
    ) -> Attempt:
        inputs = Inputs(
            content(code),
            {"learning_rate": rate, "epochs": 20},
            {ArtifactPath("data/features.csv"): content("7")},
        )
        failure = None
        if status is Status.FAILED:
            failure = Failure(FailureKind.EXCEPTION, "MemoryError: 41 GB")
        return Attempt(
            RunId(run),
            1,
            status,
            NOW - ago_s,
            took_s,
            failure,
            inputs,
            status is not Status.RESTORED,
        )

    return (
        attempt(RUN, Status.RUNNING, 151, None, 0.0003, "9"),
        attempt("20260921-110214-b331", Status.RAN, 7_600, 242.0, 0.001, "a"),
        attempt("20260918-170812-77c0", Status.RESTORED, 251_000, None, 0.001, "a"),
        attempt("20260918-151010-01ff", Status.FAILED, 260_000, 44.0, 0.001, "a"),
        attempt("20260917-090909-9a9a", Status.RAN, 366_000, 238.0, 0.001, "a"),
        attempt("20260916-101010-42ab", Status.RAN, 450_000, 91.0, 0.01, "a"),
    )


OLDER = RunId("20260921-110214-b331")


def accounts() -> dict[RunId, tuple[Account, ...]]:
    """Returns what two earlier runs did with ``train@large``, and why."""
    train = StageName("train@large")
    ran = StageState(Status.RAN, OLDER, 1, NOW - 7_600, 242.0, reasons=_TRAIN_REASONS[1:2])
    diff = "@@ -41,2 +41,2 @@\n def forward(x):\n-    return x\n+    return x * 2\n"
    restored = RunId("20260918-170812-77c0")
    back = StageState(Status.RESTORED, restored, reasons=_TRAIN_REASONS[:1], tier=3)
    return {
        OLDER: (Account(train, ran, Evidence({"model:Net.forward": diff}, {})),),
        restored: (Account(train, back, Evidence({}, {})),),
    }


def watch(*targets: str) -> WatchState:
    """Returns what is watched: everything, or some stages."""
    return WatchState(RequestId("watch"), targets, RunOptions(), 100)


def all_of(run: RunId, status: Status) -> list[StageChanged]:
    """Returns the events that each stage stands like this in a run."""
    return [StageChanged(StageName(name), StageState(status, run)) for name in _EDGES]


def port(snapshot: Snapshot, folder: Path, lines: int = LINES) -> ScriptedPort:
    """Returns a scripted port with explanations and the log of ``train@large``."""
    scripted = ScriptedPort(snapshot)
    scripted.explanations = explanations()
    path = folder / "train@large.1.log"
    write_log(path, lines)
    train = StageName("train@large")
    scripted.artifacts[train] = artifacts()
    scripted.attempts[train] = attempts()
    scripted.accounts = accounts()
    scripted.logs[train] = LogRef(RUN, train, 1, str(path), ((RUN, 1),))
    return scripted


def taste(keys: Mapping[str, tuple[str, ...]]) -> Taste:
    """Returns settings with these keys."""
    return Taste(keys=keys)
