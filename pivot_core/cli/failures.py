"""Owns how one failed stage is shown in full: the user's traceback, the log's tail and path, what it blocks."""

from collections.abc import Mapping, Sequence

from pivot_core.cli import words
from pivot_core.cli.paper import Paper
from pivot_core.port import StageName, StageState, Status

_BLOCKED_NAMES = 8


def failed(order: Sequence[StageName], states: Mapping[StageName, StageState]) -> list[StageName]:
    """Returns the failed stages in the given order."""
    return [name for name in order if _status(states, name) is Status.FAILED]


def show(
    paper: Paper,
    order: Sequence[StageName],
    stage: StageName,
    states: Mapping[StageName, StageState],
) -> None:
    """Writes what went wrong, where, and which stages wait for it."""
    found = states[stage].failure
    paper.line()
    message = found.message if found else "failed"
    paper.line(paper.mark(words.STATUS[Status.FAILED]), " ", (stage, "strong"), f": {message}")
    if found and found.traceback:
        paper.block(found.traceback, indent="  ")
    elif found and found.where:
        paper.line(("  where:  ", "faint"), str(found.where))
    if found and found.hint:
        paper.line(("  hint:   ", "faint"), found.hint)
    blocked = [
        name
        for name in order
        if _status(states, name) is Status.BLOCKED and stage in states[name].by
    ]
    if blocked:
        more = len(blocked) - _BLOCKED_NAMES
        names = ", ".join(blocked[:_BLOCKED_NAMES]) + (f" and {more} more" if more > 0 else "")
        paper.line(("  blocks: ", "faint"), names)


def show_log(paper: Paper, state: StageState, path: str | None) -> None:
    """Writes the last lines of a failed attempt, and where all of them are."""
    tail = unsaid(state)
    if tail:
        paper.line(("  output:", "faint"))
        for row in tail:
            paper.line(("  │ ", "faint"), row.replace("\t", "    "))
    if path is not None:
        paper.line(("  log:    ", "faint"), path)


def unsaid(state: StageState) -> list[str]:
    """Returns the log's tail without the traceback and message at its end, which are shown already."""
    rows = list(state.log_tail)
    if state.failure is not None:
        said = {*state.failure.traceback.split("\n"), state.failure.message}
        while rows and rows[-1] in said:
            rows.pop()
    return rows


def _status(states: Mapping[StageName, StageState], name: StageName) -> Status | None:
    return states[name].status if name in states else None
