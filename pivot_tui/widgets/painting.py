"""Owns turning lines into strips: the paints of ``theme.tcss`` become styles, and glyphs become ASCII where asked."""

from dataclasses import dataclass
from typing import ClassVar, Self, cast, override

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.content import Content
from textual.driver import Driver
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from pivot_tui import glyphs
from pivot_tui.spans import Line, Paint

PLAIN = "paint--text"
"""The component class that every painting widget has: the style of plain text is that of the widget."""
_OTHERS = ("cursor", "note", "err", "hit", "selected")
"""Paints that only some widgets use."""


class Inked(App[bool], inherit_bindings=False):
    """An application that owns the paints.

    Each widget having them as component classes, Textual would work out all of them anew whenever the focus moves.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"paint--{name}" for name in (*(paint.value for paint in Paint), *_OTHERS)
    }

    def __init__(self, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class)
        self._inks: dict[str, Style] = {}

    def ink(self, name: str) -> Style:
        """Returns what a paint adds to the style of plain text."""
        found = self._inks.get(name)
        if found is None:
            found = self.get_component_styles(f"paint--{name}").partial_rich_style
            self._inks[name] = found
        return found

    @override
    def refresh_css(self, animate: bool = True) -> None:
        self._inks.clear()
        super().refresh_css(animate)


def application(widget: Widget) -> Inked:
    """Returns the application that a widget or screen belongs to."""
    return cast("Inked", widget.app)


def is_ascii(widget: Widget) -> bool:
    """Tells whether the dashboard draws in ASCII."""
    return application(widget).has_class("-ascii")


def title(widget: Widget, words: str) -> Content:
    """Returns the title of a panel: text alone, never markup."""
    return Content(glyphs.to_ascii(words) if is_ascii(widget) else words)


class Titled(Widget):
    """A widget with words in its border, above and below."""

    _titles: tuple[Content, Content] | None = None
    _is_titling: bool = False

    def entitle(self, above: str, below: str) -> None:
        """Writes these words into the border."""
        titles = title(self, above), title(self, below)
        if titles != self._titles:
            self._titles = titles
            self._is_titling = True
            self.border_title, self.border_subtitle = titles
            self._is_titling = False

    @override
    def refresh(
        self,
        *regions: Region,
        repaint: bool = True,
        layout: bool = False,
        recompose: bool = False,
    ) -> Self:
        if self._is_titling:  # Textual would paint all that is inside again
            x, y = self.content_offset
            width, height = self.outer_size
            regions = Region(-x, -y, width, 1), Region(-x, height - 1 - y, width, 1)
        return super().refresh(*regions, repaint=repaint, layout=layout, recompose=recompose)


def strip(widget: Widget, line: Line, cells: int, under: Style | None = None) -> Strip:
    """Returns ``line`` filled up to ``cells``; ``under`` lies below every style (the cursor's row)."""
    # The style of plain text is that of the widget, which Textual would work out anew for each line.
    plain = widget.get_component_rich_style(PLAIN)
    base = plain if under is None else plain + under
    ascii_only = is_ascii(widget)
    ink = application(widget).ink
    segments = [
        Segment(glyphs.to_ascii(text) if ascii_only else text, base + ink(paint.value))
        for text, paint in line
    ]
    return Strip(segments).adjust_cell_length(cells, base)


class Lines(Widget):
    """A few lines that are set from outside: header, tabs, banner, footer, the body of a popup."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {PLAIN}

    @dataclass
    class Clicked(Message):
        """One of the lines was clicked."""

        lines: "Lines"
        x: int
        y: int

    def __init__(self, id: str | None = None) -> None:  # noqa: A002 Textual's name
        super().__init__(id=id)
        self._lines: list[Line] = []

    def show(self, lines: list[Line]) -> None:
        """Draws these lines from now on."""
        if lines == self._lines:
            return
        layout = len(lines) != len(self._lines)
        self._lines = lines
        self.refresh(layout=layout)

    @property
    def lines(self) -> list[Line]:
        """What is shown."""
        return self._lines

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(self._lines)

    @override
    def render_line(self, y: int) -> Strip:
        line = self._lines[y] if y < len(self._lines) else ()
        return strip(self, line, self.size.width)

    def on_click(self, event: Click) -> None:
        """Tells where."""
        self.post_message(self.Clicked(self, event.x, event.y))


# ScrollView comes first: styles are inherited along the first base alone.
class Scrolled(ScrollView, Titled, can_focus=True):  # pyright: ignore[reportUnsafeMultipleInheritance, reportIncompatibleMethodOverride] Titled only paints
    """A panel of lines with the movements of the binding table."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {PLAIN}

    virtual_size: Reactive[Size] = Reactive(Size(0, 0), repaint=False)
    """What is scrolled over. As Textual has it, each change would lay out the whole screen anew."""

    def watch_virtual_size(self, size: Size) -> None:
        """Fits the scroll bar, and the place, to what is scrolled over now."""
        self._scroll_update(size)

    def action_move(self, where: str) -> None:
        """Moves by a line, half a page, a page, or to an end."""
        page = max(self.size.height, 1)
        steps = {
            "down": 1,
            "up": -1,
            "half_down": page // 2,
            "half_up": -(page // 2),
            "page_down": page,
            "page_up": -page,
            "first": -(1 << 60),
            "last": 1 << 60,
        }
        self.move(steps[where])

    def move(self, step: int) -> None:
        """Moves by so many lines, as far as there are any."""
        target = min(max(self.scroll_offset.y + step, 0), self.max_scroll_y)
        self.scroll_to(y=target, animate=False)
