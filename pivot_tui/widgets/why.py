"""Owns the Why panel: lines that are laid out for its width, scrolled."""

from collections.abc import Callable
from typing import ClassVar, override

from textual.binding import BindingType
from textual.events import Resize
from textual.geometry import Size
from textual.strip import Strip

from pivot_tui.keys import Scope
from pivot_tui.spans import Line
from pivot_tui.widgets.bindings import bindings
from pivot_tui.widgets.painting import Scrolled, strip, title


class WhyView(Scrolled):
    """Text that depends on the width: it is given as a function from cells to lines."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.WHY, Scope.MOVE)]

    def __init__(self, id: str, classes: str) -> None:  # noqa: A002 Textual's name
        super().__init__(id=id, classes=classes)
        self._number: int | None = None
        self._title: str = ""
        self._text: Callable[[bool, int], list[Line]] = lambda _unfolded, _cells: []
        self._lines: list[Line] = []
        self._unfolded: bool = False

    @property
    def lines(self) -> list[Line]:
        """What is shown."""
        return self._lines

    def number(self, number: int | None) -> None:
        """Shows the panel's key in its title, or not."""
        self._number = number
        self._retitle()

    def show(self, title: str, text: Callable[[bool, int], list[Line]], keep_place: bool) -> None:
        """Draws what ``text(unfolded, cells)`` gives; from its top unless the place is kept."""
        self._title = title
        self._text = text
        self._retitle()
        if not keep_place:
            self._unfolded = False
            self.scroll_to(y=0, animate=False)
        self._lay_out()

    def action_unfold(self) -> None:
        """Shows or folds what is unchanged."""
        self._unfolded = not self._unfolded
        self._lay_out()

    @override
    def render_line(self, y: int) -> Strip:
        at = y + self.scroll_offset.y
        line = self._lines[at] if at < len(self._lines) else ()
        return strip(self, line, self.scrollable_content_region.width)

    def on_resize(self, _: Resize) -> None:
        """Lays the text out for the new width."""
        self._lay_out()

    def _retitle(self) -> None:
        label = f"{self._number} Why " if self._number is not None else ""
        self.border_title = title(self, label + self._title)

    def _lay_out(self) -> None:
        if not self.size.width:
            return  # not on screen; laid out once it has a width
        self._lines = self._text(self._unfolded, max(self.size.width - 1, 1))
        self.virtual_size = Size(self.size.width, len(self._lines))
        self.refresh()
