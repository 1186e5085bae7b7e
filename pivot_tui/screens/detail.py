"""Owns what the Why panel shows of the selected stage: asks the engine for its reasons."""

from pivot_core.port import Depth, Explain, Explanation, PivotError, Problem, StageName, one_line
from pivot_tui import reasons
from pivot_tui.board import Board, Dirty, Link
from pivot_tui.feed import Feed
from pivot_tui.latest import Latest
from pivot_tui.spans import Line
from pivot_tui.widgets.why import WhyView


class Detail:
    """Keeps the panel at one stage; an answer that comes after another stage was selected is dropped."""

    def __init__(self, board: Board, feed: Feed, why: WhyView) -> None:
        self._board: Board = board
        self._feed: Feed = feed
        self._why: WhyView = why
        self._stage: StageName | None = None
        self._explains: bool = False
        self._problems: tuple[Problem, ...] = ()
        self._found: Explanation | None = None
        self._explaining: Latest[StageName] = Latest(self._explain, why.run_worker)

    def select(self, stage: StageName) -> None:
        """Turns to another stage."""
        self._stage = stage
        self._found = None
        self._renew(stage, keep_place=False)

    def update(self, dirty: Dirty) -> None:
        """Takes up what changed of the stage."""
        stage = self._stage
        if stage is None or stage not in self._board.stages:
            problems = self._board.problems
            self._why.show("", lambda _, cells: reasons.broken(problems, cells), keep_place=True)
            return
        if dirty.plan or stage in dirty.stages or self._problems != self._board.problems:
            self._renew(stage, keep_place=True)

    def explains(self, on: bool) -> None:
        """Tells whether the reasons are on screen: they are asked for only then."""
        self._explains = on
        if on and self._found is None and self._stage is not None:
            self._want_reasons(self._stage)

    def _renew(self, stage: StageName, keep_place: bool) -> None:
        self._show_why(stage, keep_place)
        self._want_reasons(stage)

    def _want_reasons(self, stage: StageName) -> None:
        if self._explains and self._board.link is Link.ATTACHED:
            self._explaining.want(stage)

    async def _explain(self, stage: StageName) -> None:
        try:
            found = await self._feed.explain(Explain((stage,), depth=Depth.TARGETS))
        except (PivotError, OSError):
            return  # the panel keeps what it has
        if stage == self._stage and stage in self._board.stages:
            self._found = next((one for one in found if one.stage == stage), None)
            self._show_why(stage, keep_place=True)

    def _show_why(self, stage: StageName, keep_place: bool) -> None:
        row, state, found = self._board.stages[stage], self._board.state(stage), self._found
        problems = self._problems = self._board.problems

        def text(unfolded: bool, cells: int) -> list[Line]:
            return [
                *reasons.broken(problems, cells),
                *reasons.lines(row, state, found, unfolded, cells),
            ]

        self._why.show(one_line(stage), text, keep_place)
