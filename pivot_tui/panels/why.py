"""Owns the Why panel: the engine's verdict on the selected stage with its reasons, now or in a past run."""

from collections.abc import Callable, Mapping
from typing import ClassVar, override

from pivot_core.port import (
    Account,
    Depth,
    Explain,
    ExplainRun,
    Explanation,
    Port,
    RunId,
    StageName,
)
from pivot_tui import format as fmt
from pivot_tui import reasons
from pivot_tui.board import Dirty
from pivot_tui.keys import Scope
from pivot_tui.panels.panel import Asking, Desk
from pivot_tui.widgets.page import Page


class Why(Asking[Explanation | Account | None]):
    """Why the stage would run, or not, or what a past run did and why; what is unchanged is folded."""

    scope: ClassVar[Scope] = Scope.WHY

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._unfolded: bool = False
        self._past: RunId | None = None
        """The run that it is about; ``None`` for what would happen now."""
        self._broken: object = ()
        """The problems of the definition as they were drawn last."""

    @override
    async def ask(self, port: Port, stage: StageName) -> Explanation | Account | None:
        if self._past is not None:
            told = await port.ask(ExplainRun(self._past, (stage,)))
            return next((one for one in told if one.stage == stage), None)
        found = await port.ask(Explain((stage,), depth=Depth.TARGETS))
        return next((one for one in found if one.stage == stage), None)

    @override
    def select(self, stage: StageName) -> None:
        self._unfolded, self._past = False, None
        super().select(stage)

    @property
    def is_past(self) -> bool:
        """Whether it is about a past run."""
        return self._past is not None

    def turn_to(self, run: RunId | None) -> None:
        """Turns to what a past run did with the stage, or to what would happen now."""
        if run != self._past:
            self._past, self.found, self.trouble = run, None, ""
            self.renew(keep_place=False)

    @override
    def title(self) -> str:
        if self._past is None:
            return super().title()
        return f"{super().title()} · run {fmt.short_run(self._past)}"

    @override
    def is_touched(self, dirty: Dirty) -> bool:
        return super().is_touched(dirty) or self._broken != self.board.problems

    @override
    def page(self, cells: int) -> Page:
        board = self.board
        if self._past is not None:
            found = self.found if isinstance(self.found, Account) else None
            if found is None or found.state.run_id not in (None, self._past):
                return Page(self.missing())
            return Page(reasons.account(found, self._past, self._unfolded, cells))
        self._broken = board.problems
        lines = reasons.broken(board.problems, cells)
        if self.stage is not None and self.stage in board.stages:
            row, state = board.stages[self.stage], board.state(self.stage)
            now = self.found if isinstance(self.found, Explanation) else None
            missing = [] if board.problems else self.missing()
            lines += reasons.lines(row, state, now, self._unfolded, cells, missing)
        return Page(lines)

    @property
    @override
    def actions(self) -> Mapping[str, Callable[[], None]]:
        return {"unfold": self._unfold}

    def _unfold(self) -> None:
        self._unfolded = not self._unfolded
        self.draw()
