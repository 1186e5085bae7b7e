"""Owns the run menu: each choice with its plan beside it, so that a second key runs what was seen."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import ClassVar, override

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen

from pivot_core.port import Explain, Explanations, PivotError, StageName, one_line
from pivot_tui import format as fmt
from pivot_tui import requests, spans
from pivot_tui.board import Board
from pivot_tui.requests import Asked, Choice
from pivot_tui.spans import Line, Paint
from pivot_tui.widgets.painting import Lines, application, title

_LABEL = 24
_TIME = 8
_CELLS = 76
_MOST_JOBS = 999


class RunMenu(ModalScreen[Asked | None]):
    """Answers with the choice that was taken."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *[Binding(choice.value, f"choose('{choice.value}')", show=False) for choice in Choice],
        Binding("f", "switch('f')", show=False),
        Binding("k", "switch('k')", show=False),
        Binding("j", "jobs(1)", show=False),
        Binding("J", "jobs(-1)", show=False),
        Binding("up,shift+tab", "step(-1)", show=False),
        Binding("down,tab", "step(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("enter", "take", show=False),
        Binding("escape,q,ctrl+c", "back", show=False),
    ]

    def __init__(
        self,
        board: Board,
        stages: tuple[StageName, ...],
        asked: Asked,
        explain: Callable[[Explain], Awaitable[Explanations]],
        listed: bool = False,
    ) -> None:
        """With ``listed`` it opens with the plan of the choice, stage by stage."""
        super().__init__()
        self._board: Board = board
        self._stages: tuple[StageName, ...] = stages
        self._asked: Asked = asked
        self._explain: Callable[[Explain], Awaitable[Explanations]] = explain
        self._offered: list[Choice] = requests.offered(board)
        self._plans: dict[Choice, Explanations] = {}
        self._why_none: str = ""
        self._is_listed: bool = listed

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="popup"), VerticalScroll(can_focus=False):
            yield Lines()

    def on_mount(self) -> None:
        """Draws the choices and asks for their plans."""
        self._ask()

    @property
    def plans(self) -> dict[Choice, Explanations]:
        """What is known of each choice so far."""
        return self._plans

    @property
    def jobs(self) -> int:
        """How many stages run at once: as chosen, as in the last run, else one for each processor."""
        last = self._board.run.jobs if self._board.run is not None else 0
        return self._asked.jobs or last or os.process_cpu_count() or 1

    def action_choose(self, key: str) -> None:
        """Takes a choice by its key."""
        choice = Choice(key)
        if choice in self._offered:
            self.dismiss(replace(self._asked, choice=choice))

    def action_take(self) -> None:
        """Lists the plan of the choice under the cursor; from the list runs it."""
        if self._is_listed:
            self.action_choose(self._asked.choice.value)
        else:
            self._is_listed = True
            self._draw()

    def action_back(self) -> None:
        """Goes back from the list to the choices, and from there leaves."""
        if self._is_listed:
            self._is_listed = False
            self._draw()
        else:
            self.dismiss(None)

    def action_step(self, by: int) -> None:
        """Moves the cursor; scrolls a list."""
        if self._is_listed:
            self.query_one(VerticalScroll).scroll_relative(y=by, animate=False)
            return
        at = (self._offered.index(self._asked.choice) + by) % len(self._offered)
        self._asked = replace(self._asked, choice=self._offered[at])
        self._draw()

    def action_page(self, by: int) -> None:
        """Scrolls a list by a page."""
        area = self.query_one(VerticalScroll)
        area.scroll_relative(y=by * area.size.height, animate=False)

    def action_switch(self, key: str) -> None:
        """Turns force or keep going on or off."""
        if key == "f":
            self._asked = replace(self._asked, force=not self._asked.force)
            self._ask()
        else:
            self._asked = replace(self._asked, keep_going=not self._asked.keep_going)
            self._draw()

    def action_jobs(self, by: int) -> None:
        """Lets more stages run at once, or fewer."""
        self._asked = replace(self._asked, jobs=min(max(self.jobs + by, 1), _MOST_JOBS))
        self._draw()

    def on_lines_clicked(self, event: Lines.Clicked) -> None:
        """Takes the choice under the pointer."""
        if not self._is_listed and 0 <= event.y < len(self._offered):
            self.action_choose(self._offered[event.y].value)

    def _ask(self) -> None:
        self._plans.clear()
        self._draw()
        self.run_worker(self._find(), exclusive=True)

    async def _find(self) -> None:
        first = self._asked.choice
        for choice in sorted(self._offered, key=lambda choice: choice is not first):
            asked = replace(self._asked, choice=choice)
            named = requests.targets(choice, self._stages, self._board)
            try:
                found = await self._explain(Explain(named, requests.options(asked)))
            except PivotError as error:
                self._why_none = error.what
            except OSError as error:
                self._why_none = str(error)
            else:
                self._plans[choice] = found
            self._draw()
            await asyncio.sleep(0)

    def _draw(self) -> None:
        cells = min(_CELLS, application(self).size.width * 95 // 100) - 4
        number = len(self._stages)
        chosen = one_line(self._stages[0]) if number == 1 else f"{number} stages"
        if self._is_listed:
            label = requests.label(self._asked.choice, self._stages, self._board)
            self._head(f"Plan: {label}", "enter: run · esc: back")
            lines = self._plan(cells)
        else:
            self._head(f"Run: {chosen}", "key: run · enter: list the plan · esc: cancel")
            lines = self._choices(cells)
        self.query_one(Lines).show(lines)

    def _head(self, words: str, below: str) -> None:
        popup = self.query_one(Vertical)
        popup.border_title = title(self, words)
        popup.border_subtitle = title(self, below)

    def _choices(self, cells: int) -> list[Line]:
        lines = [self._line(choice, cells) for choice in self._offered]
        active = self._board.active
        if active is not None:
            done, total = self._board.done
            words = f" queued behind run {fmt.short_run(active.run_id)}, {done} of {total} done"
            lines += [(), spans.crop(spans.text(words, Paint.MUTED), cells)]
        switches: Line = (
            *_switch("f", "force", self._asked.force),
            *_switch("k", "keep going", self._asked.keep_going),
            ("j J ", Paint.ACCENT),
            (f"jobs {self.jobs}", Paint.STRONG if self._asked.jobs else Paint.MUTED),
        )
        return [*lines, (), spans.crop((("  ", Paint.TEXT), *switches), cells)]

    def _plan(self, cells: int) -> list[Line]:
        found = self._plans.get(self._asked.choice)
        if found is None:
            return [spans.text(" " + (one_line(self._why_none) or "looking…"), Paint.MUTED)]
        lines = requests.plan_lines(found, self._board)
        said, took = requests.plan(found, self._board, self.jobs)
        total: Line = ((" ", Paint.TEXT), *said, (f"   {took}", Paint.MUTED))
        return [spans.crop(line, cells) for line in [*lines, (), total]]

    def _line(self, choice: Choice, cells: int) -> Line:
        here = choice is self._asked.choice
        label = spans.middle(requests.label(choice, self._stages, self._board), _LABEL)
        start: Line = (
            ("❯ " if here else "  ", Paint.ACCENT),
            (f"{choice.value}  ", Paint.ACCENT),
            (spans.left(label, _LABEL) + "  ", Paint.STRONG if here else Paint.TEXT),
        )
        found = self._plans.get(choice)
        if found is None:
            waiting = one_line(self._why_none) if self._why_none else "…"
            return spans.crop((*start, (waiting, Paint.MUTED)), cells)
        said, took = requests.plan(found, self._board, self.jobs)
        stale = requests.stale_upstream(self._stages, self._board)
        if choice is Choice.ONLY and stale:
            names = one_line(", ".join(stale))
            said = (*said, (f"  ! upstream stale: {names}", Paint.STALE))
        end = spans.text(spans.right(took, _TIME), Paint.MUTED)
        return spans.spread((*start, *said), end, cells)


def _switch(key: str, label: str, on: bool) -> Line:
    mark = "[x]" if on else "[ ]"
    return (
        (f"{key} ", Paint.ACCENT),
        (f"{mark} {label}   ", Paint.STRONG if on else Paint.MUTED),
    )
