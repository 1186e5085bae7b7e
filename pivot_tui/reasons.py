"""Owns the Why pane's text: the verdict first, then each reason with place, old and new value; pure."""

import json
from collections.abc import Iterable, Sequence
from typing import assert_never

from rich.cells import cell_len, chop_cells

from pivot_core.port import (
    Account,
    CodeChanged,
    ContentHash,
    DepChanged,
    Evidence,
    Explanation,
    Failure,
    Forced,
    NeverRan,
    NotInCache,
    OutAltered,
    OutMissing,
    OutsChanged,
    ParamChanged,
    PathsChanged,
    Problem,
    Reason,
    RunId,
    StageRow,
    StageState,
    Status,
    UpstreamRuns,
    Verdict,
    headline,
    one_line,
    printable,
)
from pivot_tui import format as fmt
from pivot_tui import spans
from pivot_tui.glyphs import LOOKS
from pivot_tui.spans import Line, Paint

_VERDICTS = {
    Verdict.WILL_RUN: ("WILL RUN", Paint.STALE),
    Verdict.UP_TO_DATE: ("UP TO DATE", Paint.RAN),
    Verdict.RESTORE: ("RESTORE FROM CACHE", Paint.RAN),
    Verdict.UNKNOWN: ("CANNOT KNOW YET", Paint.STALE),
    Verdict.BROKEN: ("CANNOT RUN", Paint.FAIL),
}
_TIERS = {
    0: "the plan check, tier 0",
    1: "output generations, tier 1",
    2: "the lock file, tier 2",
    3: "the run cache, tier 3",
}
_DIFF = {"+": Paint.RAN, "-": Paint.FAIL, "@": Paint.MUTED}
_KIND = 7
_BLANK: Line = ()


def lines(
    row: StageRow,
    state: StageState,
    found: Explanation | None,
    unfolded: bool,
    cells: int,
    missing: Sequence[Line] = (),
) -> list[Line]:
    """Returns the pane for a stage; ``missing`` stands in the place of what the engine has not answered."""
    text = list[Line]()
    if state.status is Status.FAILED and state.failure is not None:
        text += _failure(state.failure, cells)
        text.append(_BLANK)
    if state.status is Status.BLOCKED:
        text += [
            (("BLOCKED", Paint.BLOCKED), (f" by {one_line(', '.join(state.by))}", Paint.TEXT)),
            _BLANK,
        ]
    text += _verdict(found, unfolded, cells) if found else missing
    if state.run_id is not None and state.reasons:
        text += [_BLANK, *_recorded(state.run_id, state.reasons, found, cells)]
    where = spans.text(one_line(f"{row.function}  {row.where}"), Paint.MUTED)
    return [spans.crop(line, cells) for line in [*text, _BLANK, where]]


def account(found: Account, run_id: RunId, unfolded: bool, cells: int) -> list[Line]:
    """Returns what a past run did with a stage, and why it decided so."""
    state = found.state
    text = list[Line]()
    if state.failure is not None:
        text += [*_failure(state.failure, cells), _BLANK]
    look = LOOKS[state.status]
    number = len(state.reasons)
    because = f" because ({fmt.plural(number, 'reason')})" if number else ""
    if state.by:
        because = f" by {one_line(', '.join(state.by))}"
    said = f" in run {fmt.short_run(run_id)}{because}"
    text += [((look.word.upper(), look.paint), (said, Paint.MUTED)), _BLANK]
    for reason in state.reasons:
        text += _reason(reason, cells) + _evidence(reason, found.evidence, unfolded, cells)
    if any(found.evidence.diffs.values()):
        again = "fold" if unfolded else "show"
        text.append(
            (("  · lines that differed", Paint.MUTED), (f"   enter: {again}", Paint.ACCENT))
        )
    if state.tier is not None:
        text.append(spans.text(f"decided by {_TIERS[state.tier]}", Paint.MUTED))
    return [spans.crop(line, cells) for line in text]


def broken(problems: tuple[Problem, ...], cells: int) -> list[Line]:
    """Returns in full why the definition cannot be used, the user's traceback included."""
    text = list[Line]()
    for problem in problems:
        text.append(spans.text("CANNOT BE LOADED", Paint.FAIL))
        text += [*_problem(problem, cells), *_traceback(problem.detail), _BLANK]
    return [spans.crop(line, cells) for line in text]


def _recorded(
    run_id: RunId, recorded: tuple[Reason, ...], found: Explanation | None, cells: int
) -> list[Line]:
    run = fmt.short_run(run_id)
    if found is not None and recorded == found.reasons:
        return [spans.text(f"run {run} decided so for the same reasons", Paint.MUTED)]
    text = [spans.text(f"run {run} decided because", Paint.STRONG)]
    for reason in recorded:
        text += _reason(reason, cells)
    return text


def _verdict(found: Explanation, unfolded: bool, cells: int) -> list[Line]:
    words, paint = _VERDICTS[found.verdict]
    number = len(found.reasons)
    because = f" because ({fmt.plural(number, 'reason')})" if number else ""
    text: list[Line] = [((words, paint), (because, Paint.MUTED)), _BLANK]
    if found.problem is not None:
        text += _problem(found.problem, cells)
    for reason in found.reasons:
        text += _reason(reason, cells) + _evidence(reason, found.evidence, unfolded, cells)
    again = "fold" if unfolded else "show"
    has_diff = found.evidence is not None and any(found.evidence.diffs.values())
    if has_diff and not found.unchanged:
        text.append((("  · lines that differ", Paint.MUTED), (f"   enter: {again}", Paint.ACCENT)))
    if found.unchanged:
        noun = "other input" if number else "input"
        same = f"  · {fmt.plural(len(found.unchanged), noun)} unchanged"
        text.append(((same, Paint.MUTED), (f"   enter: {again}", Paint.ACCENT)))
        if unfolded:
            text += [spans.text(f"      {one_line(name)}", Paint.MUTED) for name in found.unchanged]
    for caveat in found.caveats:
        text += _wrapped("  ! ", caveat, Paint.STALE, cells)
    if found.tier is not None:
        text.append(spans.text(f"decided by {_TIERS[found.tier]}", Paint.MUTED))
    return text


def changes(given: Iterable[Reason], cells: int) -> list[Line]:
    """Returns the lines of these reasons alone."""
    return [line for reason in given for line in _reason(reason, cells)]


def _reason(reason: Reason, cells: int) -> list[Line]:
    match reason:
        case Forced():
            return _row("~", "forced", "the request said so", "", cells)
        case NeverRan(why):
            return _wrapped(f"  ~ {'lock':<{_KIND}}", why, Paint.TEXT, cells)
        case CodeChanged():
            return _code(reason, cells)
        case ParamChanged(name, old, new, had, has):
            before = json.dumps(old, ensure_ascii=False) if had else "—"
            after = json.dumps(new, ensure_ascii=False) if has else "—"
            return _row("~", "param", name, f"{before} → {after}", cells)
        case DepChanged(path, old, new, producer):
            change = _hashes(old, new) + (f"  written by {producer}" if producer else "")
            return _row("~", "dep", path, change, cells)
        case OutsChanged(added, removed):
            return [line for path in added for line in _row("+", "out", path, "added", cells)] + [
                line for path in removed for line in _row("-", "out", path, "removed", cells)
            ]
        case PathsChanged():
            return _wrapped(f"  ~ {'paths':<{_KIND}}", headline(reason), Paint.TEXT, cells)
        case OutMissing(path):
            return _row("~", "out", path, "missing", cells)
        case OutAltered(path, old, new):
            return _row("~", "out", path, _hashes(old, new), cells)
        case NotInCache(path):
            return _row("~", "out", path, "not in the cache", cells)
        case UpstreamRuns(stages):
            return _wrapped(f"  ~ {'waits':<{_KIND}}", ", ".join(stages), Paint.TEXT, cells)
        case _:
            assert_never(reason)


def _code(reason: CodeChanged, cells: int) -> list[Line]:
    where = f"{reason.where}  " if reason.where else ""
    change = f"{where}{reason.edit.value}  {_hashes(reason.old, reason.new)}"
    return _row("~", "code", reason.symbol.replace(":", "."), change, cells)


def _evidence(reason: Reason, known: Evidence | None, unfolded: bool, cells: int) -> list[Line]:
    """What is known beyond a reason: the way to a symbol and, unfolded, its lines that differ; who wrote an input."""
    lead = " " * (4 + _KIND)
    if isinstance(reason, CodeChanged):
        way = " → ".join(each.replace(":", ".") for each in reason.route)
        text = _wrapped(f"{lead}via ", way, Paint.MUTED, cells) if len(reason.route) > 1 else []
        diff = known.diffs.get(reason.symbol, "") if known is not None and unfolded else ""
        return text + _diff(diff, lead, cells)
    if isinstance(reason, DepChanged) and known is not None and reason.path in known.origins:
        origin = known.origins[reason.path]
        run = "by hand" if origin.run_id is None else f"in run {fmt.short_run(origin.run_id)}"
        did = "restored" if origin.is_restored else "written"
        return _wrapped(lead, f"{did} by {origin.stage} {run}", Paint.MUTED, cells)
    return []


def _diff(diff: str, lead: str, cells: int) -> list[Line]:
    text = list[Line]()
    for row in diff.removesuffix("\n").split("\n") if diff else ():
        shown = one_line(row.replace("\t", "    "))
        for piece in chop_cells(shown, max(cells - len(lead), 1)) or [""]:
            text.append(spans.text(lead + piece, _DIFF.get(row[:1], Paint.TEXT)))
    return text


def _hashes(old: ContentHash | None, new: ContentHash | None) -> str:
    return f"{fmt.short_hash(old)} → {fmt.short_hash(new)}"


def _row(mark: str, kind: str, subject: str, change: str, cells: int) -> list[Line]:
    """One reason: what changed and how, the how on lines of its own where both do not fit."""
    first = (
        (f"  {mark} ", Paint.STALE),
        (f"{kind:<{_KIND}}", Paint.MUTED),
        (one_line(subject), Paint.STRONG),
    )
    said = one_line(change)
    if spans.width(first) + 3 + cell_len(said) <= cells:
        return [(*first, (f"   {said}", Paint.TEXT))]
    return [first, *_wrapped(" " * (4 + _KIND) + "└ ", said, Paint.TEXT, cells)]


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
    return text + _traceback(failure.traceback)


def _traceback(words: str) -> list[Line]:
    shown = printable(words).expandtabs(4).rstrip("\n")
    return [spans.text("  " + line, Paint.MUTED) for line in shown.split("\n")] if shown else []


def _problem(problem: Problem, cells: int) -> list[Line]:
    text = _wrapped("  ", problem.what, Paint.STRONG, cells)
    if problem.where:
        text += _wrapped("  where: ", problem.where, Paint.MUTED, cells)
    if problem.hint:
        text += _wrapped("  hint:  ", problem.hint, Paint.TEXT, cells)
    return text
