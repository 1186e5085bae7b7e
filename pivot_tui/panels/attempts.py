"""Owns the History panel: the attempts of the selected stage, and how two of them differ."""

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import ClassVar, override

from rich.cells import cell_len

from pivot_core.port import (
    Attempt,
    CodeChanged,
    DepChanged,
    Difference,
    Edit,
    Inputs,
    LeafChange,
    ListAttempts,
    ParamChanged,
    Port,
    Reason,
    RunId,
    StageName,
    Status,
    compare_values,
    one_line,
    value_cells,
)
from pivot_tui import format as fmt
from pivot_tui import reasons, rows, spans
from pivot_tui.glyphs import LOOKS
from pivot_tui.keys import Scope
from pivot_tui.panels.panel import Asking, Desk
from pivot_tui.spans import Line, Paint
from pivot_tui.widgets.page import Page

_BARS = "▁▂▃▄▅▆▇█"
_BARS_SHOWN = 24
_WHEN = 9
_TOOK = 7
_CODE = 8
_BEFORE_PARAMS = 1 + 7 + 2 + _WHEN + _TOOK + 2 + _CODE

type _Key = tuple[RunId, int]


class Attempts(Asking[tuple[Attempt, ...]]):
    """One row an attempt, newest first; two that are marked are compared."""

    scope: ClassVar[Scope] = Scope.HISTORY

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._compared: tuple[StageName, tuple[RunId, RunId]] | None = None
        """Whose attempts in which runs are to be marked."""
        self._marks: list[_Key] = []
        """At most two, the one that was marked last at the end."""

    @override
    async def ask(self, port: Port, stage: StageName) -> tuple[Attempt, ...]:
        found = await port.ask(ListAttempts(stage))
        if self._compared is not None and self._compared[0] == stage:
            _, runs = self._compared
            self._compared = None
            newest = {each.run_id: _key(each) for each in reversed(found)}
            self._marks = [newest[run] for run in runs if run in newest]
            if len(self._marks) < len(runs):
                self.desk.host.say("not both runs have an attempt of it")
        return found

    @override
    def select(self, stage: StageName) -> None:
        self._marks.clear()
        super().select(stage)

    def compare(self, stage: StageName, runs: tuple[RunId, RunId]) -> None:
        """Marks the stage's last attempts in two runs, once they are known."""
        self._compared = (stage, runs)
        if stage == self.stage:
            self.renew(keep_place=True)

    @override
    def note(self) -> str:
        return summary(self.found or ())

    @override
    def page(self, cells: int) -> Page:
        if self.found is None:
            return Page(self.missing())
        if not self.found:
            return Page([spans.text(" no run that is kept ran it", Paint.MUTED)])
        now = self.desk.clock()
        told = varying(self.found)
        named = all(_fits(each, told, cells) for each in self.found)
        lines = [] if named else [_heading(told, cells)]
        lines += [
            line(each, _key(each) in self._marks, told, now, cells, named=named)
            for each in self.found
        ]
        stops = tuple(range(len(lines) - len(self.found), len(lines)))
        marked = [each for each in self.found if _key(each) in self._marks]
        if len(marked) == 2:
            lines += [(), *comparison(marked[1], marked[0], cells)]
            lines += results(marked[1], marked[0], cells)
            return Page(lines, stops)
        if marked:
            lines += [(), spans.text(" mark another one to compare", Paint.MUTED)]
        chosen = self.found[min(self.view.at, len(self.found) - 1)]
        lines += results(before(self.found, chosen), chosen, cells)
        return Page(lines, stops, follows=True)

    @property
    @override
    def actions(self) -> Mapping[str, Callable[[], None]]:
        return {"open": self._open, "mark": self._mark}

    @override
    def refusal(self, action: str) -> str:
        del action
        return "" if self.found else "there is no attempt"

    def _open(self) -> None:
        if self.found:
            chosen = self.found[self.view.at]
            number = chosen.number if chosen.has_log else None
            self.desk.host.open_attempt(chosen.run_id, number)

    def _mark(self) -> None:
        if self.found:
            key = _key(self.found[self.view.at])
            if key in self._marks:
                self._marks.remove(key)
            else:
                self._marks = [*self._marks[-1:], key]
            self.draw()
            if len(self._marks) == 2:
                self.view.to_end()  # there stands the comparison


def _key(attempt: Attempt) -> _Key:
    return attempt.run_id, attempt.number


def varying(attempts: Iterable[Attempt]) -> list[str]:
    """Returns the params that had more than one value, all of them where none had."""
    given = [each.inputs.params for each in attempts if each.inputs is not None]
    names = list(dict.fromkeys(name for params in given for name in params))
    return [
        name for name in names if any(params.get(name) != given[0].get(name) for params in given)
    ] or names


def line(
    attempt: Attempt,
    is_marked: bool,
    told: Sequence[str],
    now: float,
    cells: int,
    *,
    named: bool = True,
) -> Line:
    """Returns the row of one attempt, with the params that are to be ``told``; not ``named`` where a heading does."""
    look = LOOKS[attempt.status]
    again = f".{attempt.number}" if attempt.number > 1 else ""
    took = fmt.duration(attempt.duration_s) if attempt.duration_s is not None else ""
    shown: Line = (
        ("•" if is_marked else " ", Paint.ACCENT),
        (spans.left(fmt.short_run(attempt.run_id) + again, 7), Paint.TEXT),
        (look.glyph + " ", look.paint),
        (spans.left(when(attempt.started_at, now), _WHEN), Paint.MUTED),
        (spans.right(took, _TOOK) + "  ", Paint.TEXT),
    )
    inputs = attempt.inputs
    if attempt.failure is not None:
        shown = (*shown, (one_line(rows.failed(attempt.failure)), look.paint))
    elif inputs is not None:
        shown = (
            *shown,
            (fmt.short_hash(inputs.code) + "  ", Paint.MUTED),
            (_params(inputs, told, named=named), Paint.TEXT),
        )
    return spans.crop(shown, cells)


def _params(inputs: Inputs, told: Sequence[str], *, named: bool) -> str:
    values = [(name, _short(inputs.params[name])) for name in told if name in inputs.params]
    return one_line(", ".join(f"{name}={value}" if named else value for name, value in values))


def _fits(attempt: Attempt, told: Sequence[str], cells: int) -> bool:
    """Tells whether the params of an attempt fit into its row with their names."""
    if attempt.inputs is None or attempt.failure is not None:
        return True
    return _BEFORE_PARAMS + cell_len(_params(attempt.inputs, told, named=True)) <= cells


def _heading(told: Sequence[str], cells: int) -> Line:
    """Returns the names of the columns, where rows have no room for those of params."""
    columns = f" {'run':<7}  {'when':<{_WHEN}}{'took':>{_TOOK}}  {'code':<{_CODE}}"
    return spans.crop(spans.text(columns + one_line(", ".join(told)), Paint.MUTED), cells)


def _short(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def when(at: float | None, now: float) -> str:
    """Returns the time of day for the last 20 hours, else the day."""
    if at is None:
        return ""
    local = datetime.fromtimestamp(at)  # noqa: DTZ006 local on purpose
    if now - at < 20 * 3600:
        return local.strftime("%H:%M:%S")
    return local.strftime("%d %b" if now - at < 300 * 86400 else "%Y")


def summary(attempts: Sequence[Attempt]) -> str:
    """Returns median, ninetieth percentile and the course of the durations of those that ran, oldest first."""
    took = [
        each.duration_s
        for each in reversed(attempts)
        if each.status is Status.RAN and each.duration_s is not None
    ]
    if not took:
        return ""
    half, most = percentile(took, 0.5), percentile(took, 0.9)
    said = f"p50 {fmt.duration(half)}  p90 {fmt.duration(most)}"
    return said if len(took) < 2 else f"{said}  {sparkline(took[-_BARS_SHOWN:])}"


def percentile(values: Iterable[float], share: float) -> float:
    """Returns the smallest value that at least ``share`` of them do not exceed (nearest rank)."""
    known = sorted(values)
    return known[max(math.ceil(share * len(known)) - 1, 0)]


def sparkline(values: Sequence[float], highest: float | None = None) -> str:
    """Returns a bar for each value, the highest one full."""
    top = max(values, default=0.0) if highest is None else highest
    last = len(_BARS) - 1
    return "".join(_BARS[min(round(value / top * last), last) if top else 0] for value in values)


def comparison(old: Attempt, new: Attempt, cells: int) -> list[Line]:
    """Returns what went into ``new`` and not into ``old``."""
    title = f" {fmt.short_run(old.run_id)} → {fmt.short_run(new.run_id)}"
    if old.inputs is None or new.inputs is None:
        return [spans.text(f"{title}: what went in is not known of both", Paint.MUTED)]
    found = differences(old.inputs, new.inputs)
    if not found:
        return [spans.text(f"{title}: the same code, params and inputs", Paint.MUTED)]
    return [spans.text(title, Paint.STRONG), *reasons.changes(found, cells)]


def before(attempts: Sequence[Attempt], attempt: Attempt) -> Attempt | None:
    """Returns the last earlier attempt of which the metrics are known, ``None`` for none."""
    at = attempts.index(attempt)
    return next((each for each in attempts[at + 1 :] if each.metrics), None)


def results(old: Attempt | None, new: Attempt, cells: int) -> list[Line]:
    """Returns the metrics that ``new`` made, beside those of ``old``; nothing where it made none."""
    if not new.metrics and not (old and old.metrics):
        return []
    if old is None:
        told = [
            (path, name, *value_cells(LeafChange(name, Difference.ADDED, new=value))[2:3], "", "")
            for path, values in new.metrics.items()
            for name, value in values.items()
        ]
        title = f" results of {fmt.short_run(new.run_id)}"
    else:
        told = list(_changed(old, new))
        title = f" results of {fmt.short_run(new.run_id)} beside {fmt.short_run(old.run_id)}"
    lines: list[Line] = [(), spans.text(title, Paint.STRONG)]
    path = ""
    name_cells = min(max((len(one_line(name)) for _, name, *_ in told), default=0), 32)
    for file, name, *values in told:
        if file != path:
            lines.append(spans.text(f"   {one_line(file)}", Paint.MUTED))
            path = file
        first, then, step = (one_line(value) for value in values)
        arrow = f" → {then}" if then else ""
        line = (
            (f"   {spans.left(one_line(name), name_cells)}  ", Paint.TEXT),
            (f"{first}{arrow}  ", Paint.STRONG),
            (step, Paint.STALE if then else Paint.MUTED),
        )
        lines.append(spans.crop(line, cells))
    return lines


def _changed(old: Attempt, new: Attempt) -> Iterable[tuple[str, str, str, str, str]]:
    """Yields file, name, old and new value, and how far it moved, of every value of either; one for those alike."""
    for path in dict.fromkeys((*old.metrics, *new.metrics)):
        had, has = old.metrics.get(path, {}), new.metrics.get(path, {})
        changes = {change.name: change for change in compare_values(had, has).changes}
        for name in dict.fromkeys((*had, *has)):
            if name in changes:
                _, first, then, step = value_cells(changes[name])
                yield path, name, first or "—", then or "—", step
            else:
                same = LeafChange(name, Difference.ADDED, new=has[name])
                yield path, name, value_cells(same)[2], "", "same"


def differences(old: Inputs, new: Inputs) -> list[Reason]:
    """Returns how two attempts differ: code, params, deps."""
    found = list[Reason]()
    if old.code != new.code:
        found.append(CodeChanged("fingerprint", Edit.CHANGED, None, old.code, new.code))
    for name in dict.fromkeys((*old.params, *new.params)):
        had, has = name in old.params, name in new.params
        before, after = old.params.get(name), new.params.get(name)
        if (had, before) != (has, after):
            found.append(ParamChanged(name, before, after, had, has))
    for path in dict.fromkeys((*old.deps, *new.deps)):
        before, after = old.deps.get(path), new.deps.get(path)
        if before != after:
            found.append(DepChanged(path, before, after, None))
    return found
