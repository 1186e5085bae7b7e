"""Owns the event log: what was asked and what came of it, each with the command line that does or shows the same."""

from collections import deque
from collections.abc import Iterable, Mapping

from pivot_core.frozen import frozen
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
    Problem,
    Pull,
    Push,
    Refresh,
    Run,
    RunFinished,
    RunQueued,
    RunStarted,
    RunState,
    Shutdown,
    StageChanged,
    StageName,
    StageRow,
    Status,
    TransferFinished,
    TransferStarted,
    Unwatch,
    Watch,
    WatchChanged,
    WatchState,
    one_line,
)
from pivot_tui import format as fmt
from pivot_tui import rows, watch
from pivot_tui.board import Board

_KEPT = 500
_NAMED = 3


@frozen
class Entry:
    """One line of the event log."""

    at: float
    """Epoch seconds."""
    words: str
    command: str = ""
    """What one would type; empty where there is nothing to type."""


class Diary:
    """The event log of one dashboard; it knows what it saw last, and so tells what became of it."""

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque(maxlen=_KEPT)
        """The newest at the end."""
        self._watch: WatchState | None = None
        self._stages: Mapping[StageName, StageRow] = {}
        self._problems: tuple[Problem, ...] = ()

    def asked(self, command: Command, now: float) -> None:
        """Enters what a person asked for."""
        self.entries.append(asked(command, now))

    def take(self, events: Iterable[Event], board: Board, now: float) -> None:
        """Enters what an engine told; ``board`` is what it came to, also where it came as a snapshot."""
        for event in events:
            entry = self._happened(event, now)
            if entry is not None:
                self.entries.append(entry)
        self._watch, self._stages, self._problems = board.watch, board.stages, board.problems

    def _happened(self, event: Event, now: float) -> Entry | None:
        match event:
            case PlanChanged(stages=stages):
                before, self._stages = self._stages, {row.name: row for row in stages}
                self._problems = ()
                return Entry(now, _loaded(before, self._stages), "pivot list")
            case PlanBroken(problems):
                before, self._problems = self._problems, problems
                return happened(event, now) if problems != before else None
            case RunStarted(run) | RunFinished(run) if self._is_told(run):
                return None
            case WatchChanged(state):
                words = watch.turned(self._watch, state)
                self._watch = state
                again = watch.command(state.targets) if state is not None else ""
                return Entry(now, words, again) if words else None
            case _:
                return happened(event, now)

    def _is_told(self, run: RunState) -> bool:
        """Tells whether a run adds nothing to what is told of the change that it follows from."""
        did_not_start = bool(self._problems) and not run.stages
        is_new = run.ended_at is None
        return watch.has_begun(self._watch, run) and (did_not_start or is_new)


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
            return Entry(now, "asked to run again after each change", words)
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
            return _ended(run, now)
        case StageChanged(stage, state) if state.status is Status.FAILED:
            words = f"{stage} failed: {rows.failed(state.failure)}"
            return Entry(now, words, f"pivot logs {stage}")
        case PlanBroken(problems):
            place = f" ({problems[0].where})" if problems[0].where else ""
            words = f"the pipeline cannot be loaded: {problems[0].what}{place}"
            return Entry(now, words, "pivot list")
        case TransferStarted(transfer):
            return Entry(now, f"{transfer.kind.value} began")
        case TransferFinished(transfer):
            words = f"{transfer.kind.value} ended: {transfer.status.value}"
            return Entry(now, words, "pivot status --remote")
        case FilesChanged():
            return Entry(now, *watch.batch(event))
        case Notice(message=message, where=where):
            return Entry(now, f"{message} ({where})" if where else message)
        case _:
            return None


def _ended(run: RunState, now: float) -> Entry:
    name = fmt.short_run(run.run_id)
    if watch.did_nothing(run):
        return Entry(now, f"run {name} ended: nothing had to run", "pivot status")
    if run.problems and not run.stages:
        return Entry(now, f"run {name} did not start: {run.problems[0].what}", "pivot status")
    return Entry(now, f"run {name} ended: {run.status.value}", f"pivot show {run.run_id}")


def _loaded(before: Mapping[StageName, StageRow], after: Mapping[StageName, StageRow]) -> str:
    words = f"the pipeline was loaded: {fmt.plural(len(after), 'stage')}"
    if not before:
        return words
    for said, names in (
        ("new", [name for name in after if name not in before]),
        ("gone", [name for name in before if name not in after]),
    ):
        if names:
            others = f" and {fmt.count(len(names) - _NAMED)} more" if len(names) > _NAMED else ""
            words += f"; {said}: {', '.join(map(one_line, names[:_NAMED]))}{others}"
    return words
