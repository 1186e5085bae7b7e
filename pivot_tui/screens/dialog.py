"""Owns the question before something is lost; the first choice is the safe one and has the focus."""

from typing import ClassVar, override

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from pivot_tui import spans
from pivot_tui.spans import Line, Paint
from pivot_tui.widgets.painting import Lines, application, title

_CELLS = 58


class Dialog(ModalScreen[int]):
    """Asks; answers with the index of the choice, 0 for the safe one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,h,up,k,shift+tab", "step(-1)", show=False),
        Binding("right,l,down,j,tab,ctrl+c", "step(1)", show=False),
        Binding("enter", "take", show=False),
        Binding("escape,n,q", "answer(0)", show=False),
        Binding("y", "answer(1)", show=False),
    ]

    def __init__(self, title: str, lost: str, choices: tuple[str, ...]) -> None:
        super().__init__()
        self._title: str = title
        self._lost: str = lost
        self._choices: tuple[str, ...] = choices
        self._at: int = 0

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="popup"):
            yield Lines()

    def on_mount(self) -> None:
        """Draws the question."""
        self.query_one(Vertical).border_title = title(self, self._title)
        self._draw()

    def action_step(self, by: int) -> None:
        """Goes to another choice."""
        self._at = (self._at + by) % len(self._choices)
        self._draw()

    def action_take(self) -> None:
        """Answers with what has the focus."""
        self.dismiss(self._at)

    def action_answer(self, choice: int) -> None:
        """Answers at once."""
        self.dismiss(choice)

    def on_lines_clicked(self, event: Lines.Clicked) -> None:
        """Answers with the choice under the pointer."""
        end = 0
        for words, _ in event.lines.lines[event.y] if event.y < len(event.lines.lines) else ():
            end += cell_len(words)
            if event.x < end:
                found = [at for at, choice in enumerate(self._choices) if choice in words]
                if found and event.y == len(event.lines.lines) - 1:
                    self.dismiss(found[-1])
                return

    def _draw(self) -> None:
        cells = min(_CELLS, application(self).size.width * 9 // 10 - 4)
        lines: list[Line] = [spans.text(" " + piece) for piece in spans.wrap(self._lost, cells - 1)]
        buttons: Line = ()
        for index, words in enumerate(self._choices):
            here = index == self._at
            paint = Paint.ACCENT if here else Paint.MUTED
            buttons = (*buttons, (f"{'❯' if here else ' '} {words}   ", paint))
        gap = max(cells - sum(cell_len(words) for words, _ in buttons), 0)
        lines += [(), ((" " * gap, Paint.TEXT), *buttons)]
        self.query_one(Lines).show(lines)
