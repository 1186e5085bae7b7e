"""Owns what is drawn of a log, and what is selected of it with the mouse."""

from typing import ClassVar, override

from rich.style import Style
from textual.events import MouseDown, MouseMove, MouseScrollDown, MouseScrollUp, MouseUp, Resize
from textual.geometry import Region
from textual.strip import Strip

from pivot_tui import format as fmt
from pivot_tui import spans
from pivot_tui.logreader import LogReader
from pivot_tui.spans import Paint
from pivot_tui.widgets import logrow
from pivot_tui.widgets.logrow import Clock, Drawn, Inks, Layout
from pivot_tui.widgets.painting import PLAIN, Titled, application, is_ascii, strip
from pivot_tui.window import Place, Window

_SHOWN_BYTES = 4096
_DRAWN_KEPT = 2000
_COPIED_LINES = 100_000
_WHEEL = 3
_LEAST_DIGITS = 4
_LABEL = 14


class LogPane(Titled):
    """What a window shows of a log that is read; nothing while there is none."""

    ALLOW_SELECT = False  # selects by itself: what lies beyond the screen, and never the borders
    COMPONENT_CLASSES: ClassVar[set[str]] = {PLAIN}

    def __init__(self, id: str, classes: str) -> None:  # noqa: A002 Textual's name
        super().__init__(id=id, classes=classes)
        self.window: Window = Window(lambda at: len(self._draw(at).rows))
        self.reader: LogReader | None = None
        self.wraps: bool = False
        self.clock: Clock = Clock.DAY
        self.began_ms: int = 0
        """What relative times count from; 0 until it was looked up."""
        self.has_numbers: bool = False
        self.has_labels: bool = False
        self.marks: dict[int, str] = {}
        """What stands below a line."""
        self.selection: tuple[tuple[int, int], tuple[int, int]] | None = None
        """Position and character where the selection began and where it ends."""
        self._drawn: dict[int, Drawn] = {}
        self._inks_now: Inks | None = None
        self._on_screen: list[Place] = []

    @property
    def page_rows(self) -> int:
        """How many rows of the log fit."""
        return max(self.size.height, 1)

    def none_said(self) -> str:
        """Returns what to say while there is no line to show."""
        return ""

    def moved(self) -> None:
        """Draws what is on screen now."""
        self.window.height = self.page_rows
        self.refresh()

    def restyle(self) -> None:
        """Draws every line anew."""
        self.forget()
        self.moved()

    def forget(self) -> None:
        """Drops what was drawn."""
        self._drawn.clear()
        self._inks_now = None

    @property
    def is_following(self) -> bool:
        """Whether the end stays on screen."""
        return self.window.follows

    @property
    def count(self) -> int:
        """How many lines are known."""
        return self.reader.lines.end - self.reader.lines.first if self.reader else 0

    @property
    def shown(self) -> int:
        """How many lines are known that the filter lets through."""
        return self.reader.end - self.reader.first if self.reader else 0

    @property
    def text_on_screen(self) -> list[str]:
        """The text on screen."""
        return [self._draw(at).rows[row].strip.text.rstrip() for at, row in self.places()]

    # --- mouse ---

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Scrolls the panel under the pointer."""
        event.stop()
        self.window.scroll(_WHEEL)
        self.moved()

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Scrolls the panel under the pointer."""
        event.stop()
        self.window.scroll(-_WHEEL)
        self.moved()

    def on_mouse_down(self, event: MouseDown) -> None:
        """Begins to select."""
        at = self._char_at(event)
        self.selection = (at, at) if at is not None and event.button == 1 else None
        if self.selection is not None:
            self.capture_mouse()
        self.refresh()

    def on_mouse_move(self, event: MouseMove) -> None:
        """Selects up to the pointer; above and below the panel it scrolls."""
        if self.selection is None or event.button != 1:
            return
        y = event.y - self.gutter.top
        if y < 0 or y >= self.page_rows:
            self.window.scroll(-1 if y < 0 else 1)
            self.moved()
        at = self._char_at(event)
        if at is not None:
            self.selection = self.selection[0], at
            self.refresh()

    def on_mouse_up(self, event: MouseUp) -> None:
        """Copies what was selected; a click selects nothing."""
        self.release_mouse()
        if self.selection is None or event.button != 1:
            return
        if self.selection[0] == self.selection[1]:
            self.selection = None
            self.refresh()
        else:
            self.copy_selected()

    def copy_selected(self) -> bool:
        """Sends what is selected to the terminal's clipboard; tells whether anything is."""
        words = self.selected_text
        if words:
            application(self).copy_to_clipboard(words)
            said = fmt.plural(words.count("\n") + 1, "line")
            self.notify(
                f"{said} sent to the terminal's clipboard; not all terminals take it, O opens a pager",
                markup=False,
            )
        return bool(words)

    @property
    def selected_text(self) -> str:
        """What is selected, as it is shown but whole: without borders, signs and colours."""
        if self.selection is None or self.reader is None:
            return ""
        (low, start), (high, end) = sorted(self.selection)
        high = min(high, low + _COPIED_LINES)
        lines = [self._draw(at).text for at in range(low, high + 1) if at < self.reader.end]
        lines[-1] = lines[-1][: end + 1]
        lines[0] = lines[0][start:]
        return "\n".join(line.rstrip() for line in lines)

    def _char_at(self, event: MouseDown | MouseMove) -> tuple[int, int] | None:
        if not self._on_screen:
            return None
        y = min(max(event.y - self.gutter.top, 0), len(self._on_screen) - 1)
        at, row = self._on_screen[y]
        return at, self._draw(at).char_at(row, event.x - self.gutter.left)

    def _selected(self, at: int) -> tuple[int, int] | None:
        """Returns which characters of a line are selected."""
        if self.selection is None or self.selection[0] == self.selection[1]:
            return None
        (low, start), (high, end) = sorted(self.selection)
        if not low <= at <= high:
            return None
        return start if at == low else 0, end + 1 if at == high else 1 << 30

    # --- drawing ---

    def places(self) -> list[Place]:
        """Returns what is on screen."""
        self.window.height = self.page_rows
        return self.window.places()

    @override
    def render_lines(self, crop: Region) -> list[Strip]:
        self._on_screen = self.places()
        return super().render_lines(crop)

    @override
    def render_line(self, y: int) -> Strip:
        if not self._on_screen:
            said = spans.wrap(self.none_said(), self.size.width - 2)
            line = spans.text(f" {said[y]}" if y < len(said) else "", Paint.MUTED)
            return strip(self, spans.crop(line, self.size.width), self.size.width)
        if y >= len(self._on_screen):
            return strip(self, (), self.size.width)
        at, row = self._on_screen[y]
        drawn, chosen = self._draw(at), self._selected(at)
        if chosen is None:
            return drawn.rows[row].strip
        return drawn.lit(row, *chosen, self._ink("selected"))

    def _draw(self, at: int) -> Drawn:
        known = self._drawn.get(at)
        if known is not None:
            return known
        reader = self.reader
        assert reader is not None
        line = reader.line(at)
        number = line - reader.lines.first + 1 if reader.lines.is_whole else None
        drawn = logrow.draw(
            reader.lines.line(line, _SHOWN_BYTES),
            number,
            line == reader.hit,
            self.marks.get(line, ""),
            self._layout_now(reader),
            self._inks(),
        )
        if reader.lines.is_open(line) or (self.has_numbers and number is None):
            return drawn
        if len(self._drawn) >= _DRAWN_KEPT:
            del self._drawn[next(iter(self._drawn))]
        self._drawn[at] = drawn
        return drawn

    def _layout_now(self, reader: LogReader) -> Layout:
        if self.clock is Clock.RELATIVE and not self.began_ms:
            self.began_ms = reader.lines.began_ms()
        digits = max(len(fmt.count(self.count)), _LEAST_DIGITS) if self.has_numbers else 0
        return Layout(
            cells=self.size.width,
            wraps=self.wraps,
            clock=self.clock,
            began_ms=self.began_ms,
            digits=digits,
            label=_LABEL if self.has_labels else 0,
            is_ascii=is_ascii(self),
            pattern=reader.search,
        )

    def _inks(self) -> Inks:
        if self._inks_now is None:
            base = self.rich_style
            muted, err, note, accent = (
                base + self._ink(name) for name in ("muted", "err", "note", "accent")
            )
            self._inks_now = Inks(base, muted, err, note, accent, self._ink("hit"))
        return self._inks_now

    def _ink(self, name: str) -> Style:
        return application(self).ink(name)

    def on_resize(self, _: Resize) -> None:
        """Lines are as wide as the panel."""
        self.restyle()

    @override
    def notify_style_update(self) -> None:
        self.forget()  # drawn in the colours of another theme
        super().notify_style_update()
