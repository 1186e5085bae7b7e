"""Owns a panel of lines that are laid out for its width: scrolled, or walked through by a cursor."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, override

from textual.binding import BindingsMap
from textual.events import Click, Resize
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from pivot_core.frozen import frozen
from pivot_tui.keys import PANELS, Scope
from pivot_tui.spans import Line
from pivot_tui.widgets.bindings import bindings
from pivot_tui.widgets.painting import Scrolled, application, strip


@frozen
class Page:
    """What a panel shows at one width."""

    lines: list[Line]
    stops: tuple[int, ...] = ()
    """The lines at which a cursor can stand, from the top; without any, moving scrolls."""
    follows: bool = False
    """Whether what is shown depends on where the cursor stands."""


type Lay = Callable[[int], Page]
"""Lays out for so many cells."""


class PageView(Scrolled):
    """The widget of one panel; the panel's own keys are handed to the screen."""

    COMPONENT_CLASSES: ClassVar[set[str]] = Scrolled.COMPONENT_CLASSES

    @dataclass
    class Opened(Message):
        """A line was double-clicked."""

        scope: Scope

    class Moved(Message):
        """The cursor went to another line."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(id=f"panel-{PANELS.index(scope) + 1}", classes="panel")
        self._scope: Scope = scope
        self._numbered: bool = False
        self._title: str = ""
        self._note: str = ""
        self._lay: Lay = lambda _cells: Page([])
        self._page: Page = Page([])
        self._at: int = 0
        own = BindingsMap([*bindings(Scope.MOVE), *bindings(scope, on_panel=True)])
        self._bindings: BindingsMap = BindingsMap.merge([self._bindings, own])

    @property
    def lines(self) -> list[Line]:
        """What is shown."""
        return self._page.lines

    @property
    def at(self) -> int:
        """The stop at which the cursor stands, counted from 0."""
        return self._at

    @property
    def room(self) -> int:
        """The lines that are on screen at once."""
        return self.size.height

    def number(self, on: bool) -> None:
        """Shows the panel's key in its title, or not."""
        self._numbered = on
        self._retitle()

    def show(self, title: str, note: str, lay: Lay, keep_place: bool) -> None:
        """Draws what ``lay`` gives; from its top unless the place is kept."""
        self._title, self._note, self._lay = title, note, lay
        self._retitle()
        if not keep_place:
            self._at = 0
            self.scroll_to(y=0, animate=False)
        self.lay_out()

    def lay_out(self) -> None:
        """Lays out again, where there is a width."""
        if not self.size.width:
            return  # not on screen; laid out once it has a width
        before = self._page
        scrolls = len(before.lines) > self.size.height
        page = self._lay(self.size.width - scrolls)
        if (len(page.lines) > self.size.height) is not scrolls:
            page = self._lay(self.size.width - (not scrolls))
        self._page = page
        self._at = min(self._at, max(len(page.stops) - 1, 0))
        self.virtual_size = Size(self.size.width, len(page.lines))
        if self.has_focus:
            self.refresh()  # for the cursor
            return
        for y, (old, new) in enumerate(itertools.zip_longest(before.lines, page.lines)):
            if old != new:
                self.refresh_line(y)

    def to_end(self) -> None:
        """Shows the last lines; the cursor stays where it is."""
        self.scroll_to(y=self.max_scroll_y, animate=False)

    @override
    def move(self, step: int) -> None:
        stops = self._page.stops
        if not stops:
            super().move(step)
            return
        self._at = min(max(self._at + step, 0), len(stops) - 1)
        if self._page.follows:
            self.lay_out()
        self._reveal()
        self.refresh()
        self.post_message(self.Moved())

    @override
    def render_line(self, y: int) -> Strip:
        at = y + self.scroll_offset.y
        page = self._page
        line = page.lines[at] if at < len(page.lines) else ()
        here = bool(page.stops) and self.has_focus and page.stops[self._at] == at
        under = application(self).ink("cursor") if here else None
        return strip(self, line, self.scrollable_content_region.width, under)

    def on_resize(self, _: Resize) -> None:
        """Lays the lines out for the new width."""
        self.lay_out()

    def on_focus(self) -> None:
        """Shows the cursor."""
        self.refresh()

    def on_blur(self) -> None:
        """Hides the cursor."""
        self.refresh()

    def on_click(self, event: Click) -> None:
        """Puts the cursor at what is under the pointer; a double click opens it."""
        offset = event.get_content_offset(self)
        stops = self._page.stops
        if offset is None or not stops:
            return
        y = offset.y + self.scroll_offset.y
        above = [at for at, line in enumerate(stops) if line <= y]
        self._at = above[-1] if above else 0
        if self._page.follows:
            self.lay_out()
        self.refresh()
        self.post_message(self.Moved())
        if event.chain == 2:
            self.post_message(self.Opened(self._scope))

    def _retitle(self) -> None:
        label = f"{PANELS.index(self._scope) + 1} {self._scope.value.title()}  "
        self.entitle(((label if self._numbered else "") + self._title).rstrip(), self._note)

    def _reveal(self) -> None:
        """Brings the cursor on screen, with what belongs to it as far as there is room."""
        stops = self._page.stops
        first = stops[self._at] if self._at else 0
        end = stops[self._at + 1] if self._at + 1 < len(stops) else len(self._page.lines)
        top, height = self.scroll_offset.y, self.size.height
        if first < top or end - first > height:
            self.scroll_to(y=first, animate=False)
        elif end > top + height:
            self.scroll_to(y=end - height, animate=False)
