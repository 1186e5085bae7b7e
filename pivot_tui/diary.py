"""Owns the event log: what was asked and what came of it, each with the command line that does or shows the same."""

from dataclasses import dataclass

from pivot_core.port import (
    CancelRun,
    CancelStage,
    CancelTransfer,
    Command,
    Event,
    Fetch,
    FilesChanged,
    Notice,
    PlanBroken,
    PlanChanged,
    Pull,
    Push,
    Refresh,
    Run,
    RunFinished,
    RunQueued,
    RunStarted,
    Shutdown,
    StageChanged,
    Status,
    TransferFinished,
    TransferStarted,
    Unwatch,
    Watch,
    WatchChanged,
)
from pivot_tui import format as fmt
from pivot_tui import rows

KEPT = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the event log."""

    at: float
    """Epoch seconds."""
    words: str
    command: str = ""
    """What one would type; empty where there is nothing to type."""


def asked(command: Command, now: float) -> Entry:
    """Returns the entry of what a person asked for."""
    match command:
        case Run(command=words):
            return Entry(now, "asked for a run", words)
        case CancelRun(run_id):
            return Entry(
                now, f"asked to cancel run {fmt.short_run(run_id)}", "ctrl+c in `pivot repro`"
            )
        case CancelStage(stage=stage):
            return Entry(now, f"asked to cancel {stage}")
        case Push(command=words) | Fetch(command=words) | Pull(command=words):
            return Entry(now, "asked for a transfer", words)
        case CancelTransfer():
            return Entry(now, "asked to cancel the transfer", "ctrl+c in `pivot push`")
        case Refresh():
            return Entry(now, "asked to look at every file again", "pivot status")
        case Watch(command=words):
            return Entry(now, "asked to watch", words)
        case Unwatch():
            return Entry(now, "asked to watch no longer", "ctrl+c in `pivot repro --watch`")
        case Shutdown():
            return Entry(now, "asked the engine to end")


def happened(event: Event, now: float) -> Entry | None:
    """Returns the entry of what an engine told; ``None`` for what the panels say well enough."""
    match event:
        case RunQueued(run):
            return Entry(now, f"run {fmt.short_run(run.run_id)} is queued")
        case RunStarted(run):
            count = fmt.plural(len(run.stages), "stage")
            return Entry(now, f"run {fmt.short_run(run.run_id)} began: {count}")
        case RunFinished(run):
            words = f"run {fmt.short_run(run.run_id)} ended: {run.status.value}"
            return Entry(now, words, f"pivot show {run.run_id}")
        case StageChanged(stage, state) if state.status is Status.FAILED:
            words = f"{stage} failed: {rows.failed(state.failure)}"
            return Entry(now, words, f"pivot logs {stage}")
        case PlanChanged(stages=stages):
            return Entry(
                now, f"the pipeline was loaded: {fmt.plural(len(stages), 'stage')}", "pivot list"
            )
        case PlanBroken(problems):
            return Entry(now, f"the pipeline cannot be loaded: {problems[0].what}", "pivot list")
        case TransferStarted(transfer):
            return Entry(now, f"{transfer.kind.value} began")
        case TransferFinished(transfer):
            words = f"{transfer.kind.value} ended: {transfer.status.value}"
            return Entry(now, words, "pivot status --remote")
        case WatchChanged(watch):
            if watch is None:
                return Entry(now, "watching ended")
            if watch.problem is not None:
                return Entry(now, f"cannot watch: {watch.problem.what}")
            return Entry(now, f"watching {fmt.count(watch.directories)} directories")
        case FilesChanged(paths, count):
            more = f" and {fmt.count(count - 1)} more" if count > 1 else ""
            return Entry(now, f"changed: {paths[0]}{more}", f"pivot affected {paths[0]}")
        case Notice(message=message, where=where):
            return Entry(now, f"{message} ({where})" if where else message)
        case _:
            return None
