"""Owns the run menu: each choice with its plan beside it, so that a second key runs what was seen."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar, override

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from pivot_core.port import Explain, Explanations, PivotError, StageName, one_line
from pivot_tui import requests, spans
from pivot_tui.board import Board
from pivot_tui.requests import Asked, Choice
from pivot_tui.spans import Line, Paint
from pivot_tui.widgets.painting import Lines, application, title

_LABEL = 20
_TIME = 7
_CELLS = 72


class RunMenu(ModalScreen[Asked | None]):
    """Answers with the choice that was taken."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *[Binding(choice.value, f"choose('{choice.value}')", show=False) for choice in Choice],
        Binding("f", "switch('f')", show=False),
        Binding("k", "switch('k')", show=False),
        Binding("up", "step(-1)", show=False),
        Binding("down,j,tab", "step(1)", show=False),
        Binding("enter", "take", show=False),
        Binding("escape,q,ctrl+c", "dismiss(None)", show=False),
    ]

    def __init__(
        self,
        board: Board,
        stage: StageName,
        asked: Asked,
        explain: Callable[[Explain], Awaitable[Explanations]],
    ) -> None:
        super().__init__()
        self._board: Board = board
        self._stage: StageName = stage
        self._asked: Asked = asked
        self._explain: Callable[[Explain], Awaitable[Explanations]] = explain
        self._offered: list[Choice] = requests.offered(board)
        self._plans: dict[Choice, Explanations] = {}
        self._why_none: str = ""

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="popup"):
            yield Lines()

    def on_mount(self) -> None:
        """Draws the choices and asks for their plans."""
        popup = self.query_one(Vertical)
        popup.border_title = title(self, f"Run {one_line(self._stage)}")
        popup.border_subtitle = title(self, "enter or key: run · esc: close")
        self._ask()

    @property
    def plans(self) -> dict[Choice, Explanations]:
        """What is known of each choice so far."""
        return self._plans

    def action_choose(self, key: str) -> None:
        """Takes a choice by its key."""
        choice = Choice(key)
        if choice in self._offered:
            self.dismiss(Asked(choice, self._asked.force, self._asked.keep_going))

    def action_take(self) -> None:
        """Takes the choice under the cursor."""
        self.action_choose(self._asked.choice.value)

    def action_step(self, by: int) -> None:
        """Moves the cursor."""
        at = (self._offered.index(self._asked.choice) + by) % len(self._offered)
        self._asked = Asked(self._offered[at], self._asked.force, self._asked.keep_going)
        self._draw()

    def action_switch(self, key: str) -> None:
        """Turns force or keep going on or off."""
        self._asked = requests.toggled(self._asked, key)
        if key == "f":
            self._ask()
        else:
            self._draw()

    def _ask(self) -> None:
        self._plans.clear()
        self._draw()
        self.run_worker(self._find(), exclusive=True)

    async def _find(self) -> None:
        for choice in self._offered:
            asked = Asked(choice, self._asked.force, self._asked.keep_going)
            named = requests.targets(choice, self._stage, self._board)
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
        lines = [self._line(choice, cells) for choice in self._offered]
        stale = requests.stale_upstream(self._stage, self._board)
        if stale:
            lines.append(())
            names = one_line(", ".join(stale))
            words = f" ! not up to date above: {names}"
            lines.append(spans.crop(spans.text(words, Paint.STALE), cells))
        lines += [
            (),
            (
                *_switch("f", "force", self._asked.force),
                *_switch("k", "keep going", self._asked.keep_going),
            ),
        ]
        self.query_one(Lines).show(lines)

    def _line(self, choice: Choice, cells: int) -> Line:
        here = choice is self._asked.choice
        label = requests.LABELS[choice]
        start: Line = (
            ("❯ " if here else "  ", Paint.ACCENT),
            (f"{choice.value}  ", Paint.ACCENT),
            (spans.left(label, _LABEL), Paint.STRONG if here else Paint.TEXT),
        )
        found = self._plans.get(choice)
        if found is None:
            waiting = one_line(self._why_none) if self._why_none else "…"
            return spans.crop((*start, (waiting, Paint.MUTED)), cells)
        said, took = requests.plan(found, self._board)
        end = spans.text(spans.right(took, _TIME), Paint.MUTED)
        return spans.spread((*start, *said), end, cells)


def _switch(key: str, label: str, on: bool) -> Line:
    mark = "[x]" if on else "[ ]"
    return (
        (f"  {key}  ", Paint.ACCENT),
        (f"{mark} {label}   ", Paint.STRONG if on else Paint.MUTED),
    )
