"""Owns the menus of one choice: sorting, filtering by state, copying; each line with its key."""

from typing import ClassVar, override

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen

from pivot_core.frozen import frozen
from pivot_core.port import one_line
from pivot_tui import spans
from pivot_tui.spans import Line, Paint
from pivot_tui.widgets.painting import Lines, application, title

_CELLS = 60


@frozen
class Item[T]:
    """One line of a menu."""

    key: str
    label: str
    value: T
    beside: str = ""
    """Said at the right: a count, or the text that would be copied."""
    refusal: str = ""
    """Why it cannot be taken now; empty when it can."""


class Menu[T](ModalScreen[T | None]):
    """Answers with the value of the item that was taken."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(-1)", show=False),
        Binding("down,tab", "step(1)", show=False),
        Binding("enter", "take", show=False),
        Binding("escape,q,ctrl+c", "dismiss(None)", show=False),
    ]

    def __init__(self, title: str, items: list[Item[T]], at: int = 0) -> None:
        """``at`` is the item under the cursor at first: what holds now."""
        super().__init__()
        self._title: str = title
        self._items: list[Item[T]] = items
        self._at: int = at

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="popup"):
            yield Lines()

    def on_mount(self) -> None:
        """Draws the items."""
        popup = self.query_one(Vertical)
        popup.border_title = title(self, self._title)
        popup.border_subtitle = title(self, "enter or key: take · esc: close")
        self._draw()

    def on_key(self, event: Key) -> None:
        """Takes an item by its key; j and k move where no item has them."""
        for at, item in enumerate(self._items):
            if event.character == item.key:
                event.stop()
                self._at = at
                self.action_take()
                return
        if event.character in ("j", "k"):
            event.stop()
            self.action_step(1 if event.character == "j" else -1)

    def on_lines_clicked(self, event: Lines.Clicked) -> None:
        """Takes the item under the pointer."""
        if 0 <= event.y < len(self._items):
            self._at = event.y
            self.action_take()

    def action_step(self, by: int) -> None:
        """Moves the cursor."""
        self._at = (self._at + by) % len(self._items)
        self._draw()

    def action_take(self) -> None:
        """Takes the item under the cursor; one that cannot be taken says why and stays."""
        item = self._items[self._at]
        self._draw()
        if item.refusal:
            self.notify(f"{item.label}: {item.refusal}", markup=False)
        else:
            self.dismiss(item.value)

    def _draw(self) -> None:
        cells = min(_CELLS, application(self).size.width * 9 // 10) - 4
        widest = max(spans.width(spans.text(item.label)) for item in self._items)
        self.query_one(Lines).show(
            [self._line(item, at == self._at, widest, cells) for at, item in enumerate(self._items)]
        )

    def _line(self, item: Item[T], here: bool, widest: int, cells: int) -> Line:
        paint = Paint.MUTED if item.refusal else Paint.STRONG if here else Paint.TEXT
        start: Line = (
            ("❯ " if here else "  ", Paint.ACCENT),
            (f"{item.key}  ", Paint.MUTED if item.refusal else Paint.ACCENT),
            (spans.left(item.label, widest) + "   ", paint),
        )
        beside = one_line(item.refusal or item.beside)
        return (*start, (spans.clip(beside, cells - spans.width(start)), Paint.MUTED))
