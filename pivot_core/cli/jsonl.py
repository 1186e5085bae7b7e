"""Owns ``--json`` output: turns values into records; one a line while a run goes on, one for everything else."""

import json
from collections.abc import Mapping, Sequence
from typing import override

from pivot_core.cli import records
from pivot_core.cli.follow import Printer
from pivot_core.cli.paper import Paper
from pivot_core.cli.results import Finding, Setting
from pivot_core.cli.session import Session
from pivot_core.model import codec
from pivot_core.port import (
    Account,
    Affected,
    Change,
    CodeChanged,
    DepChanged,
    Evidence,
    Explanation,
    FailedItem,
    Failure,
    Impact,
    Item,
    Notice,
    Origin,
    Problem,
    Progress,
    Reason,
    RemoteFinding,
    RemoteReport,
    RemoteRow,
    RunState,
    RunSummary,
    SourceLocation,
    StageName,
    StageRow,
    StageState,
    Sweep,
    Tally,
    TransferState,
    WatchState,
    headline,
)

_NOTHING = Evidence({}, {})


class Lines(Printer):
    """Writes a run's events as JSON lines to stdout; what waits is said on stderr."""

    def __init__(self, session: Session) -> None:
        self.tick_s: float | None = None
        self._out: Paper = session.out
        self._err: Paper = session.err
        self._is_quiet: bool = session.is_quiet

    @override
    def begin(self, run: RunState, expected_s: Mapping[StageName, float]) -> None:
        self._put(run_started(run))

    @override
    def stage(self, run: RunState, stage: StageName, state: StageState) -> None:
        self._put(stage_changed(run, stage, state))

    @override
    def notice(self, notice: Notice) -> None:
        self._put(notice_said(notice))

    @override
    def wait(self, why: str) -> None:
        if not self._is_quiet:
            self._err.line(why)
            self._err.flush()

    @override
    def watch(self, watch: WatchState) -> None:
        self._put(watching(watch))

    @override
    def changed(self, paths: Sequence[str], count: int) -> None:
        self._put(records.FilesChangedRecord(event="files_changed", paths=list(paths), count=count))

    @override
    def tick(self) -> None:
        self._out.flush()

    @override
    def finish(self, run: RunState, states: dict[StageName, StageState]) -> None:
        self._put(run_finished(run))

    def _put(self, record: Mapping[str, object]) -> None:
        # ASCII only: nothing in it can reach a terminal as a control character.
        self._out.write(json.dumps(record, separators=(",", ":")) + "\n")


def show(session: Session, record: Mapping[str, object]) -> None:
    """Writes one object, indented: people read it too."""
    session.out.write(json.dumps(record, indent=2) + "\n")


def run_started(run: RunState) -> records.RunStartedRecord:
    """Returns the first line of a run."""
    return records.RunStartedRecord(
        event="run_started",
        schema=records.SCHEMA,
        run_id=run.run_id,
        targets=list(run.targets),
        jobs=run.jobs,
        stages=list(run.stages),
    )


def stage_changed(run: RunState, stage: StageName, state: StageState) -> records.StageRecord:
    """Returns the line of a stage's new status."""
    return records.StageRecord(event="stage", run_id=run.run_id, state=stage_state(stage, state))


def watching(given: WatchState) -> records.WatchRecord:
    """Returns the line of watching that began, or cannot go on."""
    return records.WatchRecord(
        event="watch",
        schema=records.SCHEMA,
        targets=list(given.targets),
        directories=given.directories,
        problem=None if given.problem is None else problem(given.problem),
    )


def notice_said(given: Notice) -> records.NoticeRecord:
    """Returns the line of a notice."""
    return records.NoticeRecord(
        event="notice", level=given.level.value, message=given.message, where=given.where
    )


def run_finished(run: RunState) -> records.RunFinishedRecord:
    """Returns the last line of a run that ended."""
    started = run.queued_at if run.started_at is None else run.started_at
    return records.RunFinishedRecord(
        event="run_finished",
        schema=records.SCHEMA,
        run_id=run.run_id,
        status=run.status.value,
        exit_code=run.exit_code or 0,
        duration_s=round((run.ended_at or started) - started, 6),
        counts=dict(run.counts or {}),
        problems=[problem(found) for found in run.problems],
    )


def transfer_started(state: TransferState) -> records.TransferStartedRecord:
    """Returns the first line of a transfer."""
    return records.TransferStartedRecord(
        event="transfer_started",
        schema=records.SCHEMA,
        transfer_id=state.transfer_id,
        kind=state.kind.value,
        targets=list(state.targets),
    )


def transfer_progress(given: Progress) -> records.TransferProgressRecord:
    """Returns the line of how far a transfer is."""
    return records.TransferProgressRecord(
        event="transfer_progress",
        phase=given.phase.value,
        files=given.files,
        size_bytes=given.size_bytes,
        files_done=given.files_done,
        bytes_done=given.bytes_done,
        failures=given.failures,
        retries=given.retries,
        bytes_per_s=round(given.bytes_per_s),
        left_s=None if given.left_s is None else round(given.left_s, 1),
        silent_s=round(given.silent_s, 1),
    )


def object_failed(given: FailedItem) -> records.ObjectFailedRecord:
    """Returns the line of an object that did not arrive."""
    return records.ObjectFailedRecord(
        event="object_failed", item=_item(given.item), problem=problem(given.problem)
    )


def transfer_finished(state: TransferState) -> records.TransferFinishedRecord:
    """Returns the last line of a transfer."""
    began = state.started_at or state.queued_at
    known = state.progress
    return records.TransferFinishedRecord(
        event="transfer_finished",
        schema=records.SCHEMA,
        transfer_id=state.transfer_id,
        kind=state.kind.value,
        status=state.status.value,
        exit_code=state.exit_code or 0,
        remote=state.remote,
        url=state.url,
        is_dry_run=state.options.dry_run,
        duration_s=round((state.ended_at or began) - began, 6),
        files_done=known.files_done if known else 0,
        bytes_done=known.bytes_done if known else 0,
        present=state.present,
        failures=max(known.failures if known else 0, len(state.failed)),
        runs=state.runs,
        items=[_item(each) for each in state.items],
        failed=[object_failed(each) for each in state.failed],
        changes=[_change(each) for each in state.changes],
        problems=[problem(found) for found in state.problems],
    )


def remote_row(given: RemoteRow) -> records.RemoteRecord:
    """Returns a remote as the settings have it."""
    return records.RemoteRecord(
        name=given.name,
        url=given.url,
        is_default=given.is_default,
        is_read_only=given.is_read_only,
        jobs=given.jobs,
    )


def remote_finding(given: RemoteFinding) -> records.RemoteFindingRecord:
    """Returns one line of what a check of a remote found."""
    return records.RemoteFindingRecord(
        subject=given.subject,
        is_good=given.is_good,
        is_needed=given.is_needed,
        detail=given.detail,
        hint=given.hint,
    )


def sweep(given: Sweep) -> records.SweepRecord:
    """Returns what nothing names any more."""
    return records.SweepRecord(
        schema=records.SCHEMA,
        remote=given.remote,
        is_done=given.is_done,
        items=[_item(each) for each in given.items],
        size_bytes=given.size_bytes,
        kept=given.kept,
        runs=given.runs,
        uploads=given.uploads,
        damaged=given.damaged,
        sources=list(given.sources),
        old_runs=given.old_runs,
        old_runs_bytes=given.old_runs_bytes,
    )


def remote_report(given: RemoteReport) -> records.RemoteStatusRecord:
    """Returns what is missing where."""
    return records.RemoteStatusRecord(
        schema=records.SCHEMA,
        remote=remote_row(given.remote),
        looked_at=given.looked_at,
        artifacts=[
            records.RemoteArtifactRecord(
                stage=each.stage,
                path=each.path,
                files=each.files,
                size_bytes=each.size_bytes,
                absent_here=each.absent_here,
                absent_there=each.absent_there,
                absent_both=each.absent_both,
                bytes_absent_here=each.bytes_absent_here,
                bytes_absent_there=each.bytes_absent_there,
            )
            for each in given.artifacts
        ],
        objects=_tally(given.objects),
        to_push=_tally(given.to_push),
        to_fetch=_tally(given.to_fetch),
        lost=_tally(given.lost),
        runs=given.runs,
        runs_absent_there=given.runs_absent_there,
        problem=None if given.problem is None else problem(given.problem),
    )


def _tally(given: Tally) -> records.TallyRecord:
    return records.TallyRecord(objects=given.objects, size_bytes=given.size_bytes)


def stage_state(stage: StageName, state: StageState) -> records.StateRecord:
    """Returns where a stage stands."""
    return records.StateRecord(
        stage=stage,
        status=state.status.value,
        attempt=state.attempt,
        started_at=state.started_at,
        duration_s=state.duration_s,
        tier=state.tier,
        reasons=[reason(given) for given in state.reasons],
        by=list(state.by),
        failure=None if state.failure is None else failure(state.failure),
        log_tail=list(state.log_tail),
    )


def explanation(given: Explanation) -> records.ExplanationRecord:
    """Returns what a run would do with a stage."""
    known = given.evidence or _NOTHING
    return records.ExplanationRecord(
        stage=given.stage,
        verdict=given.verdict.value,
        tier=given.tier,
        reasons=[reason(found, given.evidence) for found in given.reasons],
        unchanged=list(given.unchanged),
        unchanged_code=list(known.same_code),
        packages=[
            records.PackageRecord(name=each.name, version=each.version, before=each.before)
            for each in known.packages
        ],
        caveats=list(given.caveats),
        code=given.code,
        problem=None if given.problem is None else problem(given.problem),
    )


def account(given: Account) -> records.AccountRecord:
    """Returns what a stage did in a past run."""
    state = stage_state(given.stage, given.state)
    state["reasons"] = [reason(found, given.evidence) for found in given.state.reasons]
    return records.AccountRecord(stage=given.stage, state=state)


def impact(given: Impact) -> records.ImpactRecord:
    """Returns what would follow from a change."""
    return records.ImpactRecord(
        target=given.target,
        names=list(given.names),
        direct=[_affected(each) for each in given.direct],
        downstream=[_affected(each) for each in given.downstream],
        makers=list(given.makers),
        is_loaded=given.is_loaded,
    )


def stage_row(row: StageRow) -> records.StageRowRecord:
    """Returns a stage's definition."""
    return records.StageRowRecord(
        name=row.name,
        pipeline=row.pipeline,
        function=row.function,
        where=location(row.where),
        upstream=list(row.upstream),
        deps=list(row.deps),
        outs=[
            records.OutRecord(path=out.path, kind=out.kind.value, is_cached=out.is_cached)
            for out in row.outs
        ],
        params=dict(row.params),
        mutex=list(row.mutex),
    )


def summary(run: RunSummary) -> records.SummaryRecord:
    """Returns one line of the history."""
    return records.SummaryRecord(
        run_id=run.run_id,
        status=run.status.value,
        command=run.command,
        started_at=run.started_at,
        duration_s=run.duration_s,
        counts=dict(run.counts),
    )


def finding(given: Finding) -> records.FindingRecord:
    """Returns something that ``verify`` found."""
    return records.FindingRecord(
        kind=given.kind.value, stage=given.stage or "", path=given.path, message=given.message
    )


def setting(given: Setting) -> records.SettingRecord:
    """Returns one setting."""
    return records.SettingRecord(key=given.key, value=given.value, scope=given.scope.value)


def reason(given: Reason, known: Evidence | None = None) -> records.ReasonRecord:
    """Returns why a stage is not simply up to date, with the evidence for it."""
    detail = codec.to_json(type(given), given)
    assert isinstance(detail, dict)
    if known is not None and isinstance(given, CodeChanged):
        detail["diff"] = known.diffs.get(given.symbol)
    elif known is not None and isinstance(given, DepChanged):
        origin = known.origins.get(given.path)
        detail["origin"] = None if origin is None else codec.to_json(Origin, origin)
    return records.ReasonRecord(kind=type(given).__name__, text=headline(given), detail=detail)


def problem(given: Problem) -> records.ProblemRecord:
    """Returns an error."""
    return records.ProblemRecord(
        what=given.what, where=given.where, hint=given.hint, detail=given.detail
    )


def failure(given: Failure) -> records.FailureRecord:
    """Returns why an attempt failed."""
    return records.FailureRecord(
        kind=given.kind.value,
        message=given.message,
        traceback=given.traceback,
        where=None if given.where is None else location(given.where),
        exit_code=given.exit_code,
        signal=given.signal,
        hint=given.hint,
    )


def _item(given: Item) -> records.ItemRecord:
    return records.ItemRecord(path=given.path, hash=given.hash, size_bytes=given.size_bytes)


def _change(given: Change) -> records.ChangeRecord:
    return records.ChangeRecord(
        stage=given.stage,
        path=given.path or "",
        action=given.action.value,
        problem=given.problem,
    )


def _affected(given: Affected) -> records.AffectedRecord:
    return records.AffectedRecord(stage=given.stage, bond=given.bond.value, path=list(given.path))


def location(where: SourceLocation) -> records.LocationRecord:
    return records.LocationRecord(file=where.file, line=where.line)
