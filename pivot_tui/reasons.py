"""Owns the Why pane's text: the verdict first, then each reason with place, old and new value; pure."""

import json
from typing import assert_never

from pivot_core.port import (
    CodeChanged,
    DepChanged,
    Explanation,
    Failure,
    Forced,
    NeverRan,
    NotInCache,
    OutAltered,
    OutMissing,
    OutsChanged,
    ParamChanged,
    Problem,
    Reason,
    StageRow,
    StageState,
    Status,
    UpstreamRuns,
    Verdict,
    one_line,
    printable,
)
from pivot_tui import format as fmt
from pivot_tui import spans
from pivot_tui.spans import Line, Paint

_VERDICTS = {
    Verdict.WILL_RUN: ("WILL RUN", Paint.STALE),
    Verdict.UP_TO_DATE: ("UP TO DATE", Paint.RAN),
    Verdict.RESTORE: ("RESTORE FROM CACHE", Paint.RAN),
    Verdict.UNKNOWN: ("CANNOT KNOW YET", Paint.STALE),
    Verdict.BROKEN: ("CANNOT RUN", Paint.FAIL),
}
_TIERS = {
    0: "nothing of the plan changed (tier 0)",
    1: "output generations match (tier 1)",
    2: "the lock file matches (tier 2)",
    3: "the run cache knows these inputs (tier 3)",
}
_KIND = 7
_BLANK: Line = ()


def lines(
    row: StageRow, state: StageState, found: Explanation | None, unfolded: bool, cells: int
) -> list[Line]:
    """Returns the pane for a stage; ``found`` is ``None`` while the engine is being asked."""
    text = list[Line]()
    if state.status is Status.FAILED and state.failure is not None:
        text += _failure(state.failure, cells)
        text.append(_BLANK)
    text += _verdict(found, unfolded, cells) if found else [spans.text("looking…", Paint.MUTED)]
    if state.run_id is not None and state.reasons:
        text += [
            _BLANK,
            spans.text(f"In run {fmt.short_run(state.run_id)}, decided because", Paint.STRONG),
        ]
        for reason in state.reasons:
            text += _reason(reason, cells)
    text += [_BLANK, _pair("code", f"{row.function}  {row.where}")]
    return [spans.crop(line, cells) for line in text]


def _verdict(found: Explanation, unfolded: bool, cells: int) -> list[Line]:
    words, paint = _VERDICTS[found.verdict]
    number = len(found.reasons)
    because = f" because ({fmt.plural(number, 'reason')})" if number else ""
    if found.tier is not None:
        because += ("  · " if number else ": ") + _TIERS[found.tier]
    text: list[Line] = [((words, paint), (because, Paint.MUTED)), _BLANK]
    if found.problem is not None:
        text += _problem(found.problem, cells)
    for reason in found.reasons:
        text += _reason(reason, cells)
    if found.unchanged:
        again = "fold" if unfolded else "show"
        same = f"  · {fmt.plural(len(found.unchanged), 'other input')} unchanged"
        text.append(((same, Paint.MUTED), (f"   enter: {again}", Paint.ACCENT)))
        if unfolded:
            text += [spans.text(f"      {one_line(name)}", Paint.MUTED) for name in found.unchanged]
    for caveat in found.caveats:
        text += _wrapped("  ! ", caveat, Paint.STALE, cells)
    return text


def _reason(reason: Reason, cells: int) -> list[Line]:
    match reason:
        case Forced():
            return [_row("~", "forced", "the request said so")]
        case NeverRan(why):
            return _wrapped(f"  ◆ {'lock':<{_KIND}}", why, Paint.TEXT, cells)
        case CodeChanged():
            return _code(reason)
        case ParamChanged(name, old, new, had, has):
            before = json.dumps(old, ensure_ascii=False) if had else "—"
            after = json.dumps(new, ensure_ascii=False) if has else "—"
            return [_row("~", "param", name, f"{before} → {after}")]
        case DepChanged(path, old, new, producer):
            hashes = f"{fmt.short_hash(old)} → {fmt.short_hash(new)}"
            first = _row("~", "dep", path, hashes)
            return [first, _under(f"written by {producer}")] if producer else [first]
        case OutsChanged(added, removed):
            return [_row("+", "out", path, "added") for path in added] + [
                _row("-", "out", path, "removed") for path in removed
            ]
        case OutMissing(path):
            return [_row("~", "out", path, "missing")]
        case OutAltered(path, old, new):
            return [_row("~", "out", path, f"{fmt.short_hash(old)} → {fmt.short_hash(new)}")]
        case NotInCache(path):
            return [_row("~", "out", path, "not in the cache")]
        case UpstreamRuns(stages):
            return _wrapped(f"  ○ {'waits':<{_KIND}}", ", ".join(stages), Paint.TEXT, cells)
        case _:
            assert_never(reason)


def _code(reason: CodeChanged) -> list[Line]:
    hashes = f"{fmt.short_hash(reason.old)} → {fmt.short_hash(reason.new)}"
    first = _row("~", "code", reason.symbol.replace(":", "."), f"{reason.edit.value}  {hashes}")
    return [first, _under(str(reason.where))] if reason.where else [first]


def _row(mark: str, kind: str, subject: str, change: str = "") -> Line:
    return (
        (f"  {mark} ", Paint.STALE),
        (f"{kind:<{_KIND}}", Paint.MUTED),
        (one_line(subject), Paint.STRONG),
        (f"   {one_line(change)}" if change else "", Paint.TEXT),
    )


def _under(words: str) -> Line:
    return spans.text(" " * (4 + _KIND) + "└ " + one_line(words), Paint.MUTED)


def _pair(label: str, words: str) -> Line:
    return ((f"{label:<{_KIND}}", Paint.MUTED), (one_line(words), Paint.MUTED))


def _wrapped(lead: str, words: str, paint: Paint, cells: int) -> list[Line]:
    pieces = spans.wrap(printable(words).replace("\t", " "), cells - len(lead))
    return [
        spans.text((" " * len(lead) if index else lead) + piece, paint)
        for index, piece in enumerate(pieces)
    ]


def _failure(failure: Failure, cells: int) -> list[Line]:
    where = f"  {failure.where}" if failure.where else ""
    text: list[Line] = [(("FAILED", Paint.FAIL), (one_line(where), Paint.MUTED))]
    text += _wrapped("  ", failure.message, Paint.STRONG, cells)
    if failure.hint:
        text += _wrapped("  hint: ", failure.hint, Paint.TEXT, cells)
    if failure.traceback:
        shown = printable(failure.traceback).expandtabs(4).rstrip("\n").split("\n")
        text += [spans.text("  " + words, Paint.MUTED) for words in shown]
    return text


def _problem(problem: Problem, cells: int) -> list[Line]:
    text = _wrapped("  ", problem.what, Paint.STRONG, cells)
    if problem.where:
        text += _wrapped("  where: ", problem.where, Paint.MUTED, cells)
    if problem.hint:
        text += _wrapped("  hint:  ", problem.hint, Paint.TEXT, cells)
    return text
