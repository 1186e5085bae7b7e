"""Owns how a run reads as plain lines: one a change, the failures in full at the end, then a summary."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import override

from pivot_core.cli import failures, problem, text, words
from pivot_core.cli.follow import Printer
from pivot_core.cli.paper import Paper, Part
from pivot_core.cli.session import Session
from pivot_core.port import (
    Level,
    Notice,
    Reason,
    RunId,
    RunState,
    RunStatus,
    StageName,
    StageState,
    Status,
    WatchState,
    headline,
)

type FindLog = Callable[[StageName, RunId], str | None]
"""Returns the path of a stage's log in a run, project-relative where it can be; ``None`` without one."""

_NAME_CELLS = 32
_WORD_CELLS = 9
_FULL_FAILURES = 10


class Console(Printer):
    """Writes a run as lines; stable when piped."""

    def __init__(self, session: Session, find_log: FindLog) -> None:
        self.tick_s: float | None = None
        self.out: Paper = session.out
        self.err: Paper = session.err
        self.find_log: FindLog = find_log
        self._is_quiet: bool = session.is_quiet
        self._is_verbose: bool = session.is_verbose
        self._name_cells: int = 0

    @override
    def begin(self, run: RunState, expected_s: Mapping[StageName, float]) -> None:
        longest = max((text.cells(stage) for stage in run.stages), default=0)
        self._name_cells = min(_NAME_CELLS, longest)

    @override
    def stage(self, run: RunState, stage: StageName, state: StageState) -> None:
        if self._is_quiet or not self.is_told(state):
            return
        took = "" if state.duration_s is None else text.duration(state.duration_s)
        self.line(*self.row(stage, state.status, took, self.note(state)))
        if self._is_verbose and state.status is Status.RUNNING:
            for reason in state.reasons[1:]:
                self.line(" " * (_WORD_CELLS + self._name_cells + 11), headline(reason))

    @override
    def notice(self, notice: Notice) -> None:
        if notice.level is Level.WARNING:
            self.aside(("warning: ", "due"), notice.message)
        elif not self._is_quiet:
            self.aside(notice.message)
        if notice.where and (notice.level is Level.WARNING or not self._is_quiet):
            self.aside(("  where: ", "faint"), notice.where)

    @override
    def wait(self, why: str) -> None:
        if not self._is_quiet:
            self.aside((why, "faint"))

    @override
    def watch(self, watch: WatchState) -> None:
        if watch.problem is not None:
            problem.show(self.err, (watch.problem,))
        elif not self._is_quiet:
            what = ", ".join(watch.targets) or "everything"
            self.aside((f"watching {what}; Ctrl-C ends it", "faint"))

    @override
    def changed(self, paths: Sequence[str], count: int) -> None:
        if not self._is_quiet:
            more = f" and {count - 1} more" if count > 1 else ""
            self.aside((text.time_of_day(time.time()), "faint"), f"  changed: {paths[0]}{more}")

    @override
    def tick(self) -> None:
        self.out.flush()

    @override
    def finish(self, run: RunState, states: dict[StageName, StageState]) -> None:
        self.out.flush()
        self.failures(run, states)
        problem.show(self.err, run.problems)
        if not self._is_quiet and (run.stages or not run.problems):
            self.out.line(*summary(run))

    def line(self, *parts: Part) -> None:
        """Writes one line of the run."""
        self.out.line(*parts)

    def aside(self, *parts: Part) -> None:
        """Writes one line that is no result."""
        self.err.line(*parts)
        self.err.flush()

    def row(self, stage: StageName, status: Status, took: str, note: str) -> list[Part]:
        """Returns the columns of a stage's line."""
        mark = words.STATUS[status]
        word = mark.word.ljust(_WORD_CELLS)
        sign = f"{self.out.glyph(mark)} " if self.out.is_terminal else ""
        # Piped, a name is whole for those who search; on a terminal the columns hold.
        name = text.cut(stage, _NAME_CELLS) if self.out.is_terminal else stage
        pad = " " * max(0, self._name_cells - text.cells(name))
        parts = list[Part]([(sign + word, mark.style), " ", name])
        if took or note:
            parts.append(f"{pad}  {took:>6}")
        if note:
            parts.extend(["  ", (note, "" if status is Status.FAILED else "faint")])
        return parts

    def note(self, state: StageState) -> str:
        """Returns what a stage's line says beside its status."""
        match state.status:
            case Status.RUNNING:
                again = f"attempt {state.attempt}; " if state.attempt > 1 else ""
                return again + because(state.reasons)
            case Status.RESTORED:
                return because(state.reasons)
            case Status.FAILED:
                return state.failure.message if state.failure else ""
            case Status.BLOCKED:
                return "by " + ", ".join(state.by)
            case _:
                return ""

    def is_told(self, state: StageState) -> bool:
        """Tells whether a change gets a line; with ``-v`` every stage that ended does."""
        match state.status:
            case Status.RUNNING:
                return state.kill_at is None  # told when it began
            case Status.RAN | Status.RESTORED | Status.FAILED:
                return True
            case Status.CANCELLED:
                return self._is_verbose or state.attempt > 0
            case Status.SAME | Status.BLOCKED:
                return self._is_verbose
            case _:
                return False

    def failures(self, run: RunState, states: dict[StageName, StageState]) -> None:
        """Writes what is to be known of each failed stage."""
        failed = failures.failed(run.stages, states)
        for stage in failed[:_FULL_FAILURES]:
            self.failure(run, stage, states)
        if len(failed) > _FULL_FAILURES:
            more = text.plural(len(failed) - _FULL_FAILURES, "more failed stage")
            self.err.line(f"… {more}; `pivot show {run.run_id}` lists them")
        self.err.flush()

    def failure(self, run: RunState, stage: StageName, states: dict[StageName, StageState]) -> None:
        """Writes one failure."""
        failures.show(self.err, run.stages, stage, states)
        failures.show_log(self.err, states[stage], self.find_log(stage, run.run_id))


def because(reasons: tuple[Reason, ...]) -> str:
    """Returns the first reason, and how many more there are."""
    if not reasons:
        return ""
    first, *others = reasons
    return headline(first) + (f" (+{len(others)} more)" if others else "")


def summary(run: RunState) -> list[Part]:
    """Returns the last line: how the run ended, what became of its stages, and how long it took if it did anything."""
    started = run.queued_at if run.started_at is None else run.started_at
    took = text.duration(max(0.0, (run.ended_at or started) - started))
    counts = run.counts or {}
    tail = "" if run.options.commit else "; nothing recorded (--no-commit)"
    if run.status is RunStatus.DONE and run.stages and counts.get("same") == len(run.stages):
        return [
            ("up to date", "good"),
            f": {text.plural(len(run.stages), 'stage')}{tail}",
        ]
    mark = words.RUN[run.status]
    return [(mark.word, mark.style), f" in {took}: {text.counts(counts)}{tail}"]
