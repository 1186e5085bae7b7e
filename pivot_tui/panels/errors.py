"""Owns the Errors panel: a card for each root failure, with what it blocks; consequences have none of their own."""

import re
from collections.abc import Callable, Mapping
from typing import ClassVar, override

from pivot_core.port import Failure, SourceLocation, StageName, StageState, Status, one_line
from pivot_tui import format as fmt
from pivot_tui import rows, spans
from pivot_tui.board import Board, Dirty
from pivot_tui.glyphs import LOOKS
from pivot_tui.keys import Scope
from pivot_tui.panels.panel import Paper
from pivot_tui.spans import Line, Paint
from pivot_tui.widgets.page import Page

_TAIL = 5
_FRAME = re.compile(r'  File "(.+)", line (\d+), in (.+)')


class Errors(Paper):
    """What failed, whatever stage is selected; the cursor stands at a card."""

    scope: ClassVar[Scope] = Scope.ERRORS

    @override
    def is_touched(self, dirty: Dirty) -> bool:
        return dirty.plan or dirty.run

    @override
    def title(self) -> str:
        return ""

    @override
    def note(self) -> str:
        return fmt.plural(len(self._failed), "failure") if self._failed else ""

    @override
    def page(self, cells: int) -> Page:
        if not self._failed:
            return Page([spans.text(" nothing has failed", Paint.MUTED)])
        lines, stops = list[Line](), list[int]()
        for stage in self._failed:
            stops.append(len(lines))
            lines += [*card(self.board, stage, cells), ()]
        return Page(lines[:-1], tuple(stops))

    @property
    @override
    def actions(self) -> Mapping[str, Callable[[], None]]:
        return {
            "retry": lambda: self.desk.host.run_menu(self._at),
            "log": lambda: self.desk.host.go_to(self._at, Scope.LOGS),
            "edit": self._edit,
            "copy": lambda: self.desk.host.copy(copied(self.board, self._at)),
        }

    @override
    def refusal(self, action: str) -> str:
        if not self._failed:
            return "nothing has failed"
        return "no line of the project is known" if action == "edit" and not self._where else ""

    @property
    def _failed(self) -> list[StageName]:
        return self.board.with_status(Status.FAILED)

    @property
    def _at(self) -> StageName:
        failed = self._failed
        return failed[min(self.view.at, len(failed) - 1)]

    @property
    def _where(self) -> SourceLocation | None:
        failure = self.board.state(self._at).failure
        return failure.where if failure is not None else None

    def _edit(self) -> None:
        if self._where is not None:
            self.desk.host.edit(self._where.file, self._where.line)


def card(board: Board, stage: StageName, cells: int) -> list[Line]:
    """Returns a failure: what and when, where in the user's code, what went to stderr last, what it blocks."""
    state = board.state(stage)
    failure = state.failure
    look = LOOKS[Status.FAILED]
    head: Line = ((f"{look.glyph} ", look.paint), (one_line(stage), Paint.STRONG))
    lines = [spans.spread(head, ((_ended(state) + " ", Paint.MUTED),), cells)]
    words = rows.failed(failure)
    lines += [
        spans.text(f"  {piece}", look.paint) for piece in spans.wrap(words, cells - 2) if words
    ]
    if failure is not None:
        if failure.where is not None:
            place = f"  {failure.where}{_function(failure)}"
            lines.append(spans.text(spans.clip(one_line(place), cells), Paint.ACCENT))
        if failure.hint:
            lines += [spans.text(f"  {piece}") for piece in spans.wrap(failure.hint, cells - 2)]
    for line in state.err_tail[-_TAIL:]:
        lines.append(spans.text(spans.clip("  │ " + one_line(line), cells), Paint.MUTED))
    blocked = consequences(board, stage)
    if blocked:
        told = f"  blocks {fmt.count(len(blocked))}: " + ", ".join(
            one_line(name) for name in blocked
        )
        lines.append(spans.text(spans.clip(told, cells), LOOKS[Status.BLOCKED].paint))
    return lines


def consequences(board: Board, stage: StageName) -> list[StageName]:
    """Returns the stages that this failure blocks, near and far, in the order of the rows."""
    found = {stage}
    for name in board.stages:  # in topological order
        state = board.state(name)
        if state.status is Status.BLOCKED and not found.isdisjoint(
            state.by or board.stages[name].upstream
        ):
            found.add(name)
    return [row.stage for row in board.rows if row.stage in found and row.stage != stage]


def copied(board: Board, stage: StageName) -> str:
    """Returns a failure as text, for a report."""
    failure = board.state(stage).failure
    parts = [f"{stage} failed: {rows.failed(failure)}"]
    if failure is not None and failure.where is not None:
        parts.append(str(failure.where))
    if failure is not None and failure.traceback:
        parts.append(failure.traceback.rstrip("\n"))
    return "\n".join([*parts, *board.state(stage).err_tail[-_TAIL:]])


def _ended(state: StageState) -> str:
    took = f"after {fmt.duration(state.duration_s)}" if state.duration_s is not None else ""
    if state.started_at is None:
        return took
    return (
        f"{fmt.clock(int((state.started_at + (state.duration_s or 0.0)) * 1000))}  {took}".rstrip()
    )


def _function(failure: Failure) -> str:
    """Returns `` in train`` of the frame that stands at the place of the failure; nothing where none does."""
    for frame in _FRAME.finditer(failure.traceback):
        file, line, name = frame.groups()
        place = failure.where
        if place is not None and file.endswith(place.file) and int(line) == place.line:
            return f" in {name}"
    return ""
