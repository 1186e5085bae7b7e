"""Owns the job summary: a page of Markdown that tells what ran and why, what was slow, what metrics moved, what failed.

What stages are called and what they say is text in it and nothing else.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pivot_core.cli import console, failures, logs, markdown, text
from pivot_core.cli.figures import Changed
from pivot_core.cli.results import Finding
from pivot_core.compare.cells import value_cells
from pivot_core.frozen import frozen
from pivot_core.port import (
    Problem,
    RunState,
    StageName,
    StageState,
    Status,
    printable,
)

_ORDER = (Status.FAILED, Status.BLOCKED, Status.CANCELLED, Status.RAN, Status.RESTORED)
_STAGES = 200
_SLOWEST = 5
_METRICS = 100
_FAILURES = 10
_LINE = 1000


@frozen
class Moved:
    """The metrics that differ between two revisions."""

    old: str
    new: str
    """What both are called."""
    changes: Sequence[Changed]


def of_run(
    run: RunState, states: Mapping[StageName, StageState], moved: Moved | None = None
) -> str:
    """Returns the page of a run that ended; what was up to date is only counted."""
    said = "failed"
    if run.stages or not run.problems:
        said = "".join(part if isinstance(part, str) else part[0] for part in console.summary(run))
    parts = [
        markdown.title(f"pivot: {said}"),
        _problems(run.problems),
        _stages(run, states),
        _slowest(states),
        _metrics(moved),
        *_failures(run, states),
    ]
    return _page(parts)


def of_problems(problems: Sequence[Problem]) -> str:
    """Returns the page of a command that could not do its work."""
    return _page([markdown.title("pivot: failed"), _problems(problems)])


def of_findings(found: Sequence[Finding]) -> str:
    """Returns the page of what ``verify`` found."""
    failing = sum(each.fails for each in found)
    said = text.plural(failing, "finding") if failing else "verified"
    rows = [
        (each.kind.value.replace("_", " "), each.stage or each.path, each.message)
        for each in sorted(found, key=lambda each: not each.fails)
    ]
    table = markdown.table(("found", "stage or file", ""), rows[:_STAGES]) if rows else ""
    return _page([markdown.title(f"pivot verify: {said}"), table, _more(len(rows) - _STAGES)])


def _page(parts: Iterable[str]) -> str:
    """Puts blank lines between parts and below them: another page may follow."""
    return "\n\n".join(filter(None, (part.strip("\n") for part in parts))) + "\n\n"


def _stages(run: RunState, states: Mapping[StageName, StageState]) -> str:
    found = [
        (stage, states[stage])
        for status in _ORDER
        for stage in run.stages
        if stage in states and states[stage].status is status
    ]
    if not found:
        return ""
    rows = [
        (
            stage,
            state.status.value,
            "" if state.duration_s is None else text.duration(state.duration_s),
            _note(state),
        )
        for stage, state in found[:_STAGES]
    ]
    table = markdown.table(("stage", "status", "duration", "why"), rows, right=(2,))
    return table + _more(len(found) - _STAGES)


def _note(state: StageState) -> str:
    if state.failure is not None:
        return state.failure.message
    return "by " + ", ".join(state.by) if state.by else console.because(state.reasons)


def _slowest(states: Mapping[StageName, StageState]) -> str:
    """Returns the stages that took longest, where the table above does not show that at a glance."""
    took = {name: state.duration_s for name, state in states.items() if state.duration_s}
    if len(took) <= _SLOWEST:
        return ""
    total = sum(took.values())
    slowest = sorted(took, key=lambda name: -took[name])[:_SLOWEST]
    rows = [(name, text.duration(took[name]), f"{took[name] / total:.0%}") for name in slowest]
    return "#### Slowest\n\n" + markdown.table(
        ("stage", "duration", "of all stages"), rows, right=(1, 2)
    )


def _metrics(moved: Moved | None) -> str:
    if moved is None or not moved.changes:
        return ""
    rows = [(path, *value_cells(change)) for path, change in moved.changes[:_METRICS]]
    head = ("file", "metric", markdown.cell(moved.old), markdown.cell(moved.new), "change")
    table = markdown.table(head, rows, right=(2, 3, 4))
    return f"#### Metrics\n\n{table}{_more(len(moved.changes) - _METRICS)}"


def _failures(run: RunState, states: Mapping[StageName, StageState]) -> Iterator[str]:
    failed = failures.failed(run.stages, states)
    for stage in failed[:_FAILURES]:
        found = states[stage].failure
        if found is None:
            continue
        at = f" at {markdown.cell(str(found.where))}" if found.where else ""
        yield f"#### {markdown.cell(stage)}\n\n{markdown.cell(found.message)}{at}\n"
        if found.hint:
            yield f"{markdown.cell(found.hint)}\n"
        if found.traceback:
            yield _folded("traceback", found.traceback.split("\n"), is_open=True)
        if tail := failures.unsaid(states[stage]):
            yield _folded("the last lines of its output", tail)
    yield _more(len(failed) - _FAILURES)


def _problems(found: Sequence[Problem]) -> str:
    lines = list[str]()
    for each in found:
        said = "; ".join(filter(None, (each.what, each.where, each.hint)))
        lines.append(f"- {markdown.cell(said)}\n")
        if each.detail:
            lines.append("\n" + _folded("traceback", each.detail.split("\n"), is_open=True))
    return "".join(lines)


def _folded(title: str, lines: Sequence[str], *, is_open: bool = False) -> str:
    """Returns lines as they are, below a line that folds them; the fence is longer than any within."""
    shown = [printable(logs.inert(line, keep_colour=False))[:_LINE] for line in lines]
    longest = max((len(run) for line in shown for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    opened = "<details open>" if is_open else "<details>"
    body = "\n".join(shown).rstrip("\n")
    return f"{opened}<summary>{title}</summary>\n\n{fence}text\n{body}\n{fence}\n\n</details>\n"


def _more(count: int) -> str:
    return f"\n… and {count} more\n" if count > 0 else ""
