"""Owns what the run menu offers: the stages that each choice means, the command it becomes, its plan; pure."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum

from pivot_core.port import (
    Explanation,
    RequestId,
    Run,
    RunOptions,
    Selection,
    StageName,
    Status,
    Verdict,
)
from pivot_tui import format as fmt
from pivot_tui.board import Board
from pivot_tui.spans import Line, Paint

LONG_S = 600


class Choice(Enum):
    """A line of the run menu, by its key."""

    UPSTREAM = "r"
    ONLY = "s"
    DOWNSTREAM = "d"
    BOTH = "b"
    FAILURES = "F"
    ALL = "a"


LABELS = {
    Choice.UPSTREAM: "with upstream",
    Choice.ONLY: "this stage only",
    Choice.DOWNSTREAM: "with downstream",
    Choice.BOTH: "up and down",
    Choice.FAILURES: "failed and blocked",
    Choice.ALL: "whole pipeline",
}
_SELECTIONS = {
    Choice.ONLY: Selection.ONLY,
    Choice.DOWNSTREAM: Selection.DOWNSTREAM,
    Choice.BOTH: Selection.BOTH,
}
_WORDS = (
    (Verdict.WILL_RUN, "run", Paint.STALE),
    (Verdict.RESTORE, "restore", Paint.RAN),
    (Verdict.UNKNOWN, "maybe", Paint.STALE),
    (Verdict.UP_TO_DATE, "same", Paint.MUTED),
    (Verdict.BROKEN, "cannot run", Paint.FAIL),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A choice with its switches, remembered so that it can be repeated."""

    choice: Choice
    force: bool = False
    keep_going: bool = False


def targets(choice: Choice, stage: StageName, board: Board) -> tuple[StageName, ...]:
    """Returns what the request names; nothing stands for the whole pipeline."""
    match choice:
        case Choice.ALL:
            return ()
        case Choice.FAILURES:
            return tuple(board.with_status(Status.FAILED, Status.BLOCKED))
        case _:
            return (stage,)


def offered(board: Board) -> list[Choice]:
    """Returns the choices that mean something now."""
    some_failed = bool(board.with_status(Status.FAILED, Status.BLOCKED))
    return [choice for choice in Choice if choice is not Choice.FAILURES or some_failed]


def options(asked: Asked) -> RunOptions:
    """Returns the options of the request."""
    return RunOptions(
        selection=_SELECTIONS.get(asked.choice, Selection.UPSTREAM),
        force=asked.force,
        keep_going=asked.keep_going,
    )


def command(asked: Asked, stage: StageName, board: Board, request_id: RequestId) -> Run:
    """Returns the command that asks for the run."""
    named = targets(asked.choice, stage, board)
    verb = "run" if asked.choice is Choice.ONLY else "repro"
    words = ["pivot", verb, *named]
    if asked.choice in (Choice.DOWNSTREAM, Choice.BOTH):
        words.append(f"({LABELS[asked.choice]})")
    words += ["--force"] * asked.force + ["--keep-going"] * asked.keep_going
    return Run(request_id, named, options(asked), " ".join(words))


def predicted_s(found: Iterable[Explanation], board: Board) -> float:
    """Returns the work ahead: past durations of what will run, added up."""
    return sum(
        board.state(one.stage).expected_s or 0.0 for one in found if one.verdict is Verdict.WILL_RUN
    )


def plan(found: Iterable[Explanation], board: Board) -> tuple[Line, str]:
    """Returns how many stages would do what, and the time that it took before."""
    listed = list(found)
    number = Counter(one.verdict for one in listed)
    parts = list[tuple[str, Paint]]()
    for verdict, word, paint in _WORDS:
        if number[verdict]:
            parts += [(" · " if parts else "", Paint.MUTED), (f"{number[verdict]} {word}", paint)]
    ahead = predicted_s(listed, board)
    return tuple(parts), f"~{fmt.running(ahead)}" if ahead >= 1 else ""


def stale_upstream(stage: StageName, board: Board) -> list[StageName]:
    """Returns the stages above that are not up to date: running this one alone would use old inputs."""
    pending = list(board.stages[stage].upstream) if stage in board.stages else []
    seen = set[StageName]()
    while pending:
        name = pending.pop()
        if name not in seen and name in board.stages:
            seen.add(name)
            pending.extend(board.stages[name].upstream)
    bad = {Status.STALE, Status.FAILED, Status.BLOCKED, Status.UNKNOWN, Status.CANCELLED}
    return [
        row.stage
        for row in board.rows
        if row.stage in seen and board.state(row.stage).status in bad
    ]


def warning(asked: Asked, found: Iterable[Explanation], board: Board) -> str:
    """Returns why the request should be confirmed; empty when it need not be."""
    if not asked.force:
        return ""
    listed = list(found)
    if asked.choice is Choice.ALL and len(board.stages) > 1:
        return f"Runs all {len(board.stages)} stages though nothing may have changed."
    ahead = predicted_s(listed, board)
    return f"Took about {fmt.running(ahead)} before." if ahead > LONG_S else ""


def toggled(asked: Asked, key: str) -> Asked:
    """Returns the choice with one switch turned: ``f`` force, ``k`` keep going."""
    if key == "f":
        return replace(asked, force=not asked.force)
    return replace(asked, keep_going=not asked.keep_going)
