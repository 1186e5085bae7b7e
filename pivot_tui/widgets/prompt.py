"""Owns the line at the bottom of a panel in which a search or a filter is typed, as in ``less``.

A panel composes one, asks with ``ask``, and hears ``Changed`` with each key and ``Ended`` once. While it is open every
printable key is text; Esc gives up, Enter and a click elsewhere accept.
"""

from dataclasses import dataclass
from typing import ClassVar, override

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.events import DescendantBlur
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from pivot_tui import spans
from pivot_tui.spans import Line, Paint
from pivot_tui.widgets.painting import Lines, application

_KEPT = 50


class Prompt(Horizontal):
    """A mark, a field, and at the right what the panel says of what was typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+c", "give_up", show=False, priority=True),
        Binding("up", "recall(-1)", show=False, priority=True),
        Binding("down", "recall(1)", show=False, priority=True),
    ]

    @dataclass
    class Changed(Message):
        """Something was typed."""

        mark: str
        words: str

    @dataclass
    class Ended(Message):
        """It was accepted, or given up."""

        mark: str
        words: str
        accepted: bool

    def __init__(self, back_to: Widget) -> None:
        """``back_to`` gets the focus again when the prompt ends."""
        super().__init__()
        self._back_to: Widget = back_to
        self._mark: str = ""
        self._field: Input = Input(compact=True, select_on_focus=False)
        self._field.cursor_blink = False
        self._past: dict[str, list[str]] = {}
        self._at: int = 0

    @override
    def compose(self) -> ComposeResult:
        yield Lines(id="prompt-mark")
        yield self._field
        yield Lines(id="prompt-note")

    @property
    def is_open(self) -> bool:
        """Whether it is on screen."""
        return bool(self.display)

    @property
    def mark(self) -> str:
        """What is asked for, as ``ask`` was told; empty while it is closed."""
        return self._mark

    def ask(self, mark: str, words: str = "") -> None:
        """Opens for a mark such as ``/``, with words to begin with."""
        self._mark = mark
        self._at = len(self._past.get(mark, []))
        with self.prevent(Input.Changed):
            self._field.value = words
        self._field.action_end()
        self._show("#prompt-mark", spans.text(f"{mark} ", Paint.ACCENT))
        self.note("")
        self.display = True
        self._field.focus(scroll_visible=False)

    def note(self, words: str, paint: Paint = Paint.MUTED) -> None:
        """Says something at the right: how many match, what is wrong with a pattern."""
        self._show("#prompt-note", spans.text(f" {words} " if words else "", paint))

    def end(self, accepted: bool) -> None:
        """Closes and says so."""
        if not self.is_open:
            return
        mark, words = self._mark, self._field.value
        if accepted and words:
            kept = [one for one in self._past.get(mark, []) if one != words]
            self._past[mark] = [*kept, words][-_KEPT:]
        self.display = False
        self._mark = ""
        if self._field.has_focus:
            self._back_to.focus(scroll_visible=False)
        self.post_message(self.Ended(mark, words, accepted))

    def action_give_up(self) -> None:
        """Closes without taking up what was typed."""
        self.end(accepted=False)

    def action_recall(self, by: int) -> None:
        """Goes through what was accepted before."""
        past = self._past.get(self._mark, [])
        self._at = min(max(self._at + by, 0), len(past))
        self._field.value = past[self._at] if self._at < len(past) else ""
        self._field.action_end()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Hands on what was typed."""
        event.stop()
        self.post_message(self.Changed(self._mark, event.value))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Takes it."""
        event.stop()
        self.end(accepted=True)

    def on_descendant_blur(self, _: DescendantBlur) -> None:
        """The focus went to another panel, by mouse or Tab; another window of the desktop changes nothing."""
        if application(self).app_focus:
            self.end(accepted=True)

    def _show(self, where: str, line: Line) -> None:
        part = self.query_one(where, Lines)
        part.styles.width = spans.width(line)
        part.show([line])
