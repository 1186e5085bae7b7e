"""Owns what the run menu offers: the stages that each choice means, the command it becomes, its plan; pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from enum import Enum

from pivot_core.frozen import frozen
from pivot_core.port import (
    Explanation,
    RequestId,
    Run,
    RunOptions,
    Selection,
    StageName,
    Status,
    Verdict,
    Watch,
    headline,
    one_line,
)
from pivot_tui import arrangement, forecast, watch
from pivot_tui import format as fmt
from pivot_tui.arrangement import Side
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


_LABELS = {
    Choice.UPSTREAM: "{} + upstream",
    Choice.ONLY: "{} only",
    Choice.DOWNSTREAM: "{} + downstream",
    Choice.BOTH: "up and down",
    Choice.FAILURES: "from failure",
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


@frozen
class Asked:
    """A choice with its switches, remembered so that it can be repeated."""

    choice: Choice
    force: bool = False
    keep_going: bool = False
    jobs: int | None = None
    """``None`` for the project's default."""


def label(choice: Choice, stages: Sequence[StageName], board: Board) -> str:
    """Returns what a choice is called for these stages."""
    if choice is Choice.ALL and len(arrangement.pipelines(board.stages)) > 1:
        return "every pipeline"
    spoken = _spoken(tuple(stages), board)
    subject = one_line(spoken[0]) if len(spoken) == 1 else f"{len(spoken)} stages"
    return _LABELS[choice].format(subject)


def targets(choice: Choice, stages: Sequence[StageName], board: Board) -> tuple[StageName, ...]:
    """Returns what the request names; nothing stands for the whole pipeline."""
    match choice:
        case Choice.ALL:
            return ()
        case Choice.FAILURES:
            return tuple(board.with_status(Status.FAILED, Status.BLOCKED))
        case _:
            return tuple(stages)


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
        jobs=None if asked.choice is Choice.ONLY else asked.jobs,
    )


def command(asked: Asked, stages: Sequence[StageName], board: Board, request_id: RequestId) -> Run:
    """Returns the command that asks for the run."""
    named = _spoken(targets(asked.choice, stages, board), board)
    return Run(request_id, named, options(asked), command_line(asked, stages, board))


def _spoken(stages: tuple[StageName, ...], board: Board) -> tuple[str, ...]:
    """Returns the targets that one would type for some stages: a whole pipeline goes by its directory."""
    homes = {board.stages[name].pipeline for name in stages if name in board.stages}
    if len(homes) != 1 or len(arrangement.pipelines(board.stages)) == 1:
        return stages
    (home,) = homes
    whole = [name for name, row in board.stages.items() if row.pipeline == home]
    return (f"{home}/" if home else ".",) if len(whole) == len(stages) > 1 else stages


def command_line(asked: Asked, stages: Sequence[StageName], board: Board) -> str:
    """Returns the request as one would type it; a choice that the command line lacks is said in brackets."""
    named = _spoken(targets(asked.choice, stages, board), board)
    words = ["pivot", "run" if asked.choice is Choice.ONLY else "repro", *named]
    if asked.choice is Choice.DOWNSTREAM:
        words.append("(with downstream)")
    if asked.choice is Choice.BOTH:
        words.append("(up and down)")
    words += ["--force"] * asked.force + ["--keep-going"] * asked.keep_going
    if asked.jobs is not None and asked.choice is not Choice.ONLY:
        words += ["--jobs", str(asked.jobs)]
    return " ".join(words)


def watching(asked: Asked, stages: Sequence[StageName], request_id: RequestId) -> Watch:
    """Returns the command that watches for these stages, all without; jobs and keep going are as for the last run."""
    line = watch.command(tuple(stages), keep_going=asked.keep_going, jobs=asked.jobs)
    given = RunOptions(keep_going=asked.keep_going, jobs=asked.jobs)
    return Watch(request_id, tuple(stages), given, command=line)


def predicted_s(found: Iterable[Explanation], board: Board, jobs: int) -> float:
    """Returns how long the work ahead takes at least, by past durations; what may run counts as running."""
    ahead = [one.stage for one in found if one.verdict in (Verdict.WILL_RUN, Verdict.UNKNOWN)]
    return forecast.forecast(board, ahead, None).remaining_s(jobs)


def plan(found: Sequence[Explanation], board: Board, jobs: int) -> tuple[Line, str]:
    """Returns how many stages would do what, and the time that it takes by past durations."""
    number = Counter(one.verdict for one in found)
    parts = list[tuple[str, Paint]]()
    for verdict, word, paint in _WORDS:
        if number[verdict]:
            parts += [(" · " if parts else "", Paint.MUTED), (f"{number[verdict]} {word}", paint)]
    ahead = predicted_s(found, board, jobs)
    return tuple(parts), f"~{fmt.running(ahead)}" if ahead >= 1 else ""


def plan_lines(found: Sequence[Explanation], board: Board) -> list[Line]:
    """Returns the plan stage by stage: what it would do, the first reason, what it took before."""
    words = {verdict: (word, paint) for verdict, word, paint in _WORDS}
    longest = max((len(one_line(one.stage)) for one in found), default=0)
    lines = list[Line]()
    for one in found:
        word, paint = words[one.verdict]
        took = board.state(one.stage).expected_s
        runs = one.verdict in (Verdict.WILL_RUN, Verdict.UNKNOWN)
        why = (
            one.problem.what
            if one.problem is not None
            else headline(one.reasons[0])
            if one.reasons
            else ""
        )
        lines.append(
            (
                (f" {word:<10}  ", paint),
                (f"{one_line(one.stage):<{min(longest, 32)}}  ", Paint.TEXT),
                (f"{f'~{fmt.duration(took)}' if took and runs else '':>7}  ", Paint.MUTED),
                (one_line(why), Paint.MUTED),
            )
        )
    return lines


def stale_upstream(stages: Sequence[StageName], board: Board) -> list[StageName]:
    """Returns the stages above that are not up to date: running these alone would use old inputs."""
    above = set[StageName]().union(
        *(arrangement.closure(board, Side.UPSTREAM, stage) for stage in stages)
    )
    bad = {Status.STALE, Status.FAILED, Status.BLOCKED, Status.UNKNOWN, Status.CANCELLED}
    return [
        row.stage
        for row in board.rows
        if row.stage in above and row.stage not in stages and board.state(row.stage).status in bad
    ]


def warning(
    asked: Asked,
    stages: Sequence[StageName],
    found: Sequence[Explanation],
    board: Board,
    jobs: int,
) -> str:
    """Returns why the request should be confirmed; empty when it need not be."""
    if not asked.force:
        return ""
    named = targets(asked.choice, stages, board) or tuple(board.stages)
    running = [name for name in named if board.state(name).status is Status.RUNNING]
    if running:
        return f"{one_line(', '.join(running))} runs now and would run once more."
    if len(named) > 1:
        return f"Runs {len(named)} stages though nothing may have changed."
    ahead = predicted_s(found, board, jobs)
    return f"Took about {fmt.running(ahead)} before." if ahead > LONG_S else ""
