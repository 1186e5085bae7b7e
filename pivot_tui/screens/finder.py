"""Owns help and palette: one list of actions, narrowed by typing, each with its key or the reason why not."""

from collections.abc import Callable
from typing import ClassVar, override

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.screen import ModalScreen
from textual.strip import Strip
from textual.widgets import Input

from pivot_core.frozen import frozen
from pivot_core.port import one_line
from pivot_tui import spans
from pivot_tui.spans import Line, Paint
from pivot_tui.widgets.painting import Scrolled, application, strip, title

_KEYS = 10


@frozen
class Entry:
    """Something that can be done."""

    label: str
    shown: str
    """Its keys."""
    section: str
    refusal: str
    """Why it cannot be done now; empty when it can."""
    run: Callable[[], None]
    aside: str = ""
    """What stands at the right of one that can be done."""


class Entries(Scrolled, can_focus=False):
    """The entries that match, with a cursor; section titles between them where nothing was typed."""

    class Taken(Message):
        """An entry was clicked."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[Entry | str] = []
        self._at: int = 0

    def show(self, entries: list[Entry], titled: bool) -> None:
        """Lists these entries."""
        self._rows = []
        for entry in entries:
            if titled and entry.section not in self._rows:
                self._rows += ["", entry.section] if self._rows else [entry.section]
            self._rows.append(entry)
        self._at = next((at for at, row in enumerate(self._rows) if isinstance(row, Entry)), 0)
        self.virtual_size = Size(self.size.width, len(self._rows))
        self.scroll_to(y=0, animate=False)
        self.refresh()

    @property
    def rows(self) -> list[Entry | str]:
        """What is listed, titles included."""
        return self._rows

    @property
    def selected(self) -> Entry | None:
        """The entry under the cursor."""
        row = self._rows[self._at] if self._rows else None
        return row if isinstance(row, Entry) else None

    @override
    def move(self, step: int) -> None:
        places = [at for at, row in enumerate(self._rows) if isinstance(row, Entry)]
        if not places:
            return
        now = places.index(self._at)
        self._at = places[min(max(now + step, 0), len(places) - 1)]
        top = self.scroll_offset.y
        if self._at < top or self._at == places[0]:
            self.scroll_to(y=0 if self._at == places[0] else self._at, animate=False)
        elif self._at >= top + self.size.height:
            self.scroll_to(y=self._at - self.size.height + 1, animate=False)
        self.refresh()

    def on_click(self, event: Click) -> None:
        """Takes the entry under the pointer."""
        at = event.y + self.scroll_offset.y
        if at < len(self._rows) and isinstance(self._rows[at], Entry):
            self._at = at
            self.refresh()
            self.post_message(self.Taken())

    @override
    def render_line(self, y: int) -> Strip:
        at = y + self.scroll_offset.y
        cells = self.scrollable_content_region.width
        if at >= len(self._rows):
            empty = y == 0 and not self._rows
            return strip(self, spans.text("  nothing matches", Paint.MUTED) if empty else (), cells)
        row = self._rows[at]
        if isinstance(row, str):
            return strip(self, spans.text(f" {row}", Paint.MUTED), cells)
        chosen = at == self._at
        under = application(self).ink("cursor") if chosen else None
        return strip(self, _line(row, chosen, cells), cells, under)


def _line(entry: Entry, chosen: bool, cells: int) -> Line:
    start: Line = (
        ("❯ " if chosen else "  ", Paint.ACCENT),
        (spans.left(entry.shown, _KEYS) + " ", Paint.MUTED if entry.refusal else Paint.ACCENT),
        (one_line(entry.label), Paint.MUTED if entry.refusal else Paint.TEXT),
    )
    aside = entry.refusal or entry.aside
    return spans.spread(
        start, spans.text(f"  {one_line(aside)} " if aside else "", Paint.MUTED), cells
    )


class Finder(ModalScreen[Entry | None]):
    """Answers with the entry that was taken."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,ctrl+n", "move('down')", show=False, priority=True),
        Binding("up", "move('up')", show=False, priority=True),
        Binding("pagedown", "move('page_down')", show=False, priority=True),
        Binding("pageup", "move('page_up')", show=False, priority=True),
        Binding("escape,ctrl+c,ctrl+p", "dismiss(None)", show=False, priority=True),
    ]

    def __init__(self, title: str, entries: list[Entry], titled: bool) -> None:
        super().__init__()
        self._title: str = title
        self._entries: list[Entry] = entries
        self._titled: bool = titled

    @override
    def compose(self) -> ComposeResult:
        with Vertical(classes="popup"):
            field = Input(placeholder="type to filter")
            field.cursor_blink = False
            yield field
            yield Entries()

    def on_mount(self) -> None:
        """Lists everything."""
        popup = self.query_one(Vertical)
        popup.border_title = title(self, self._title)
        popup.border_subtitle = title(self, "enter: do it · esc: close")
        self.query_one(Entries).show(self._entries, self._titled)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Narrows the list to entries that hold every word typed."""
        words = event.value.casefold().split()
        found = [
            entry
            for entry in self._entries
            if all(word in f"{entry.label} {entry.shown}".casefold() for word in words)
        ]
        self.query_one(Entries).show(found, self._titled and not words)

    def on_entries_taken(self) -> None:
        """Takes what was clicked."""
        self.on_input_submitted()

    def on_input_submitted(self) -> None:
        """Takes the entry under the cursor; one that cannot be done says why and stays."""
        entry = self.query_one(Entries).selected
        if entry is None:
            return
        if entry.refusal:
            self.notify(f"{entry.label}: {entry.refusal}", markup=False)
            return
        self.dismiss(entry)

    def action_move(self, where: str) -> None:
        """Moves the cursor while the field keeps the focus."""
        self.query_one(Entries).action_move(where)
