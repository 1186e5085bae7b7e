"""Owns the Why panel: the engine's verdict on the selected stage, with its reasons."""

from collections.abc import Callable, Mapping
from typing import ClassVar, override

from pivot_core.port import Depth, Explain, Explanation, Port, StageName
from pivot_tui import reasons
from pivot_tui.board import Dirty
from pivot_tui.keys import Scope
from pivot_tui.panels.panel import Asking, Desk
from pivot_tui.widgets.page import Page


class Why(Asking[Explanation | None]):
    """Why the stage would run, or not; what is unchanged is folded."""

    scope: ClassVar[Scope] = Scope.WHY

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._unfolded: bool = False
        self._broken: object = ()
        """The problems of the definition as they were drawn last."""

    @override
    async def ask(self, port: Port, stage: StageName) -> Explanation | None:
        found = await port.ask(Explain((stage,), depth=Depth.TARGETS))
        return next((one for one in found if one.stage == stage), None)

    @override
    def select(self, stage: StageName) -> None:
        self._unfolded = False
        super().select(stage)

    @override
    def is_touched(self, dirty: Dirty) -> bool:
        return super().is_touched(dirty) or self._broken != self.board.problems

    @override
    def page(self, cells: int) -> Page:
        board = self.board
        self._broken = board.problems
        lines = reasons.broken(board.problems, cells)
        if self.stage is not None and self.stage in board.stages:
            row, state = board.stages[self.stage], board.state(self.stage)
            lines += reasons.lines(row, state, self.found, self._unfolded, cells)
        return Page(lines)

    @property
    @override
    def actions(self) -> Mapping[str, Callable[[], None]]:
        return {"unfold": self._unfold}

    def _unfold(self) -> None:
        self._unfolded = not self._unfolded
        self.draw()
