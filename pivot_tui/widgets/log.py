"""Owns the Logs panel: draws what a window shows of a log; follows, searches, filters, selects.

Nothing of the log is kept but where its lines begin and which of them matched. What takes long (finding the lines
before the last page, searching, filtering) is done by one worker, a slice of a few milliseconds at a time.
"""

import asyncio
import time
from typing import ClassVar, Protocol, override

from rich.style import Style
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.events import MouseDown, MouseMove, MouseScrollDown, MouseScrollUp, MouseUp, Resize
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from pivot_tui import format as fmt
from pivot_tui import spans
from pivot_tui.keys import Scope
from pivot_tui.pattern import Pattern, parse
from pivot_tui.reading import Reading
from pivot_tui.sieve import Lines
from pivot_tui.spans import Paint
from pivot_tui.widgets import logrow
from pivot_tui.widgets.bindings import bindings
from pivot_tui.widgets.logrow import Clock, Drawn, Inks, Layout
from pivot_tui.widgets.painting import PAINTS, application, is_ascii, strip, title
from pivot_tui.widgets.prompt import Prompt
from pivot_tui.window import Place, Window

_SHOWN_BYTES = 4096
_DRAWN_KEPT = 2000
_COPIED_LINES = 100_000
_WHEEL = 3
_BREATH_S = 0.001
"""How long the worker lets others work between two slices: long enough for a key to reach the screen."""
_FRAME_S = 0.1
_LEAST_DIGITS = 4
_LABEL = 14

SEARCH, FILTER, SAVE = "/", "&", "save to:"


class Keeper(Protocol):
    """Who knows where logs lie, and puts them elsewhere."""

    def turn(self, by: int) -> None:
        """Shows an older or newer attempt."""
        ...

    def merge(self) -> None:
        """Shows all stages of the run as one log, or the stage alone again."""
        ...

    def save(self, lines: Lines, path: str) -> None:
        """Writes a whole log to a file."""
        ...

    def page(self, lines: Lines, line: int) -> None:
        """Opens a whole log in a pager, at a line."""
        ...

    def file_name(self) -> str:
        """Returns a name for the file that a log is saved to."""
        ...


class LogView(Widget, can_focus=True):
    """Shows one log: follows its end, until scrolled."""

    ALLOW_SELECT = False  # selects by itself: what lies beyond the screen, and never the borders
    COMPONENT_CLASSES: ClassVar[set[str]] = PAINTS | {"paint--hit", "paint--selected"}
    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.LOGS, Scope.MOVE)]

    def __init__(self, id: str, classes: str) -> None:  # noqa: A002 Textual's name
        super().__init__(id=id, classes=classes)
        self._keeper: Keeper | None = None
        self._number: int | None = None
        self._title: str = ""
        self._why_none: str = ""
        self._window: Window = Window(lambda at: len(self._draw(at).rows))
        self._reading: Reading | None = None
        self._is_working: bool = False
        self._wraps: bool = False
        self._clock: Clock = Clock.DAY
        self._has_numbers: bool = False
        self._has_labels: bool = False
        self._marks: dict[int, str] = {}
        self._known: int = 0
        """The end of the log when it was followed last."""
        self._began_ms: int = 0
        self._drawn: dict[int, Drawn] = {}
        self._on_screen: list[Place] = []
        self._prompt: Prompt = Prompt(self)
        self._before: tuple[Pattern | None, Pattern | None, int, bool] | None = None
        """Search, filter, top line and following as they were when the prompt was opened."""
        self._selection: tuple[tuple[int, int], tuple[int, int]] | None = None
        """Line and character where the selection began and where it ends."""

    @override
    def compose(self) -> ComposeResult:
        yield self._prompt

    def serve(self, keeper: Keeper) -> None:
        """Sets who knows where logs lie."""
        self._keeper = keeper

    # --- what is shown ---

    def number(self, number: int | None) -> None:
        """Shows the panel's key in its title, or not."""
        self._number = number
        self._retitle()

    def show(
        self, lines: Lines | None, title: str, why_none: str = "", has_labels: bool = False
    ) -> None:
        """Shows another log from its end, or says why there is none; search and filter stay as they are."""
        before = self._reading
        self._title, self._why_none, self._has_labels = title, why_none, has_labels
        self._marks.clear()
        self._drawn.clear()
        self._selection = None
        self._began_ms = 0
        self._window.begin()
        self._window.bound(0, 0)
        self._reading = None
        if lines is not None:
            self._reading = Reading(lines, self._window)
            if before is not None:
                self._reading.sift(before.filter, before.only_err)
                self._reading.look_for(before.search, lines.end, ahead=False)
        self.grew()

    def retitle(self, title: str) -> None:
        """Shows another title for the same log."""
        self._title = title
        self._retitle()

    def grew(self) -> None:
        """Takes in what was appended."""
        if self._reading is not None and not self._is_working:
            self._is_working = self._step()
            if self._is_working:
                self.run_worker(self._work())
        self._retitle()
        self.refresh()

    async def _work(self) -> None:
        painted = time.monotonic()
        try:
            while self._step():
                await asyncio.sleep(_BREATH_S)
                if time.monotonic() - painted >= _FRAME_S:
                    painted = time.monotonic()
                    self._retitle()
                    self.refresh()
        finally:
            self._is_working = False
            self._retitle()
            self.refresh()

    def _step(self) -> bool:
        reading = self._reading
        if reading is None:
            return False
        generation, hit = reading.lines.generation, reading.hit
        more = reading.step()
        if reading.lines.generation != generation:
            self._drawn.clear()
            self._marks.clear()
        if reading.hit != hit:
            self._drawn.clear()
            self.refresh()
        return more

    @property
    def is_following(self) -> bool:
        """Whether the end stays on screen."""
        return self._window.follows

    @property
    def count(self) -> int:
        """How many lines are known."""
        return self._reading.lines.end - self._reading.lines.first if self._reading else 0

    @property
    def shown(self) -> int:
        """How many lines are known that the filter lets through."""
        return self._reading.end - self._reading.first if self._reading else 0

    @property
    def text_on_screen(self) -> list[str]:
        """The text on screen."""
        return [self._draw(at).rows[row].strip.text.rstrip() for at, row in self._places()]

    # --- keys ---

    def action_follow(self) -> None:
        """Follows, or stops at what is on screen."""
        self._window.follow(not self._window.follows)
        self._moved()

    def action_wrap(self) -> None:
        """Breaks long lines, or cuts them."""
        self._wraps = not self._wraps
        self._restyle()

    def action_time(self) -> None:
        """Shows the time of day, the time since the beginning, or none."""
        order = list(Clock)
        self._clock = order[(order.index(self._clock) + 1) % len(order)]
        self._restyle()

    def action_numbers(self) -> None:
        """Shows the numbers of lines, or not."""
        self._has_numbers = not self._has_numbers
        self._restyle()

    def action_only_err(self) -> None:
        """Shows standard error alone, or all."""
        if self._reading is not None:
            self._sift(self._reading.filter, not self._reading.only_err)

    def action_insert_mark(self) -> None:
        """Draws a line below what is on screen now, with the time."""
        if self._reading is not None and (places := self._places()):
            line = self._reading.line(places[-1][0])
            self._marks[line] = fmt.clock(int(time.time() * 1000))
            self._restyle()

    def action_search(self) -> None:
        """Asks what to search."""
        self._ask(SEARCH, "")

    def action_filter(self) -> None:
        """Asks which lines to show."""
        shown = self._reading.filter if self._reading is not None else None
        self._ask(FILTER, shown.words if shown is not None else "")

    def next_match(self, by: int) -> bool:
        """Goes to another match; tells whether there is a search at all."""
        if self._reading is None or self._reading.search is None:
            return False
        self._reading.next(by)
        self._drawn.clear()
        self.grew()
        return True

    def action_attempt(self, by: int) -> None:
        """Shows an older or newer attempt."""
        if self._keeper is not None:
            self._keeper.turn(by)

    def action_merge(self) -> None:
        """Shows all stages of the run as one log, or this one alone."""
        if self._keeper is not None:
            self._keeper.merge()

    def action_save_log(self) -> None:
        """Asks for the name of a file to write the whole log to."""
        if self._reading is not None and self._keeper is not None:
            self._prompt.ask(SAVE, self._keeper.file_name())
            self.refresh()

    def action_page_log(self) -> None:
        """Opens the whole log in a pager, at what is on screen."""
        if self._reading is not None and self._keeper is not None:
            self._keeper.page(self._reading.lines, self._reading.top)

    def action_move(self, where: str) -> None:
        """Moves by a line, half a page, a page, or to an end."""
        page = self._page_rows
        match where:
            case "first":
                self._window.to_first()
            case "last":
                self._window.follow(on=True)
            case _:
                sizes = {"half": page // 2, "page": page}
                step = sizes.get(where.split("_")[0], 1)
                self._window.scroll(step if where.endswith("down") else -step)
        self._moved()

    def back(self) -> bool:
        """Goes one layer back: selection, search, filter, standard error alone; tells whether there was one."""
        reading = self._reading
        if self._selection is not None:
            self._selection = None
        elif reading is not None and reading.search is not None:
            self._look_for(None)
        elif reading is not None and reading.filter is not None:
            self._sift(None, reading.only_err)
        elif reading is not None and reading.only_err:
            self._sift(None, only_err=False)
        else:
            return False
        self._moved()
        return True

    # --- search and filter ---

    def _ask(self, mark: str, words: str) -> None:
        reading = self._reading
        if reading is None:
            return
        self._before = reading.search, reading.filter, reading.top, self._window.follows
        self._prompt.ask(mark, words)
        self.refresh()

    def on_prompt_changed(self, event: Prompt.Changed) -> None:
        """Searches or filters while it is typed."""
        event.stop()
        if self._reading is None or event.mark == SAVE:
            return
        try:
            pattern = parse(event.words, event.mark == FILTER) if event.words else None
        except ValueError as error:
            self._prompt.note(str(error), Paint.FAIL)
            return
        if event.mark == SEARCH:
            self._look_for(pattern)
        else:
            self._sift(pattern, self._reading.only_err)

    def on_prompt_ended(self, event: Prompt.Ended) -> None:
        """Keeps what was typed, or goes back to what was there."""
        event.stop()
        self._moved()
        reading, before, self._before = self._reading, self._before, None
        if reading is None:
            return
        if event.mark == SAVE:
            if event.accepted and event.words and self._keeper is not None:
                self._keeper.save(reading.lines, event.words)
        elif before is not None and not (event.accepted and event.words):
            search, sieve, line, follows = before
            if event.mark == SEARCH:
                self._look_for(search)
            else:
                self._sift(sieve if not event.accepted else None, reading.only_err)
            if event.mark == SEARCH and search is None:
                self._window.follow(follows)
                if not follows and not reading.is_filtered:
                    self._window.anchor(line)

    def ask_again(self, words: str, why: str) -> None:
        """Asks for a file's name once more, and says why."""
        self._prompt.ask(SAVE, words)
        self._prompt.note(why, Paint.FAIL)

    def _look_for(self, pattern: Pattern | None) -> None:
        assert self._reading is not None
        line, follows = self._reading.top, self._window.follows
        if self._before is not None:
            _, _, line, follows = self._before
        self._reading.look_for(pattern, line, ahead=not follows)
        self._drawn.clear()
        self.grew()

    def _sift(self, pattern: Pattern | None, only_err: bool) -> None:
        assert self._reading is not None
        self._reading.sift(pattern, only_err)
        self._drawn.clear()
        self._selection = None
        self.grew()

    # --- mouse ---

    def on_mouse_scroll_down(self, event: MouseScrollDown) -> None:
        """Scrolls the panel under the pointer."""
        event.stop()
        self._window.scroll(_WHEEL)
        self._moved()

    def on_mouse_scroll_up(self, event: MouseScrollUp) -> None:
        """Scrolls the panel under the pointer."""
        event.stop()
        self._window.scroll(-_WHEEL)
        self._moved()

    def on_mouse_down(self, event: MouseDown) -> None:
        """Begins to select."""
        at = self._char_at(event)
        self._selection = (at, at) if at is not None and event.button == 1 else None
        if self._selection is not None:
            self.capture_mouse()
        self.refresh()

    def on_mouse_move(self, event: MouseMove) -> None:
        """Selects up to the pointer; above and below the panel it scrolls."""
        if self._selection is None or event.button != 1:
            return
        y = event.y - self.gutter.top
        if y < 0 or y >= self._page_rows:
            self._window.scroll(-1 if y < 0 else 1)
            self._moved()
        at = self._char_at(event)
        if at is not None:
            self._selection = self._selection[0], at
            self.refresh()

    def on_mouse_up(self, event: MouseUp) -> None:
        """Copies what was selected; a click selects nothing."""
        self.release_mouse()
        if self._selection is None or event.button != 1:
            return
        if self._selection[0] == self._selection[1]:
            self._selection = None
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
        if self._selection is None or self._reading is None:
            return ""
        (low, start), (high, end) = sorted(self._selection)
        high = min(high, low + _COPIED_LINES)
        lines = [self._draw(at).text for at in range(low, high + 1) if at < self._reading.end]
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
        if self._selection is None or self._selection[0] == self._selection[1]:
            return None
        (low, start), (high, end) = sorted(self._selection)
        if not low <= at <= high:
            return None
        return start if at == low else 0, end + 1 if at == high else 1 << 30

    # --- drawing ---

    @property
    def _page_rows(self) -> int:
        return max(self.size.height - (1 if self._prompt.is_open else 0), 1)

    def _places(self) -> list[Place]:
        self._window.height = self._page_rows
        return self._window.places()

    @override
    def render_lines(self, crop: Region) -> list[Strip]:
        self._on_screen = self._places()
        return super().render_lines(crop)

    @override
    def render_line(self, y: int) -> Strip:
        if not self._on_screen:
            words = self._none() if y == 0 else ""
            line = spans.text(f" {words}", Paint.MUTED)
            return strip(self, spans.crop(line, self.size.width), self.size.width)
        if y >= len(self._on_screen):
            return strip(self, (), self.size.width)
        at, row = self._on_screen[y]
        drawn, chosen = self._draw(at), self._selected(at)
        if chosen is None:
            return drawn.rows[row].strip
        return drawn.lit(row, *chosen, self._ink("selected"))

    def _none(self) -> str:
        reading = self._reading
        if reading is None:
            return self._why_none
        if not reading.is_filtered:
            return "no output yet" if reading.lines.is_whole else ""
        if not reading.is_done:
            return "searching"
        words = reading.filter.words if reading.filter is not None else "stderr"
        return f"0 of {fmt.plural(self.count, 'line')} match '{words}' · esc clears"

    def _draw(self, at: int) -> Drawn:
        known = self._drawn.get(at)
        if known is not None:
            return known
        reading = self._reading
        assert reading is not None
        line = reading.line(at)
        number = line - reading.lines.first + 1 if reading.lines.is_whole else None
        drawn = logrow.draw(
            reading.lines.line(line, _SHOWN_BYTES),
            number,
            line == reading.hit,
            self._marks.get(line, ""),
            self._layout_now(reading),
            self._inks(),
        )
        if reading.lines.is_open(line) or (self._has_numbers and number is None):
            return drawn
        if len(self._drawn) >= _DRAWN_KEPT:
            del self._drawn[next(iter(self._drawn))]
        self._drawn[at] = drawn
        return drawn

    def _layout_now(self, reading: Reading) -> Layout:
        if self._clock is Clock.RELATIVE and not self._began_ms:
            self._began_ms = reading.lines.began_ms()
        digits = max(len(fmt.count(self.count)), _LEAST_DIGITS) if self._has_numbers else 0
        return Layout(
            cells=self.size.width,
            wraps=self._wraps,
            clock=self._clock,
            began_ms=self._began_ms,
            digits=digits,
            label=_LABEL if self._has_labels else 0,
            is_ascii=is_ascii(self),
            pattern=reading.search,
        )

    def _inks(self) -> Inks:
        base = self.rich_style
        muted, err, note, accent = (
            base + self._ink(name) for name in ("muted", "err", "note", "accent")
        )
        return Inks(base, muted, err, note, accent, self._ink("hit"))

    def _ink(self, name: str) -> Style:
        return self.get_component_rich_style(f"paint--{name}", partial=True)

    def on_resize(self, _: Resize) -> None:
        """Lines are as wide as the panel."""
        self._restyle()

    def _restyle(self) -> None:
        self._drawn.clear()
        self._moved()

    def _moved(self) -> None:
        self._window.height = self._page_rows
        self._retitle()
        self.refresh()

    @override
    def notify_style_update(self) -> None:
        self._drawn.clear()  # drawn in the colours of another theme
        super().notify_style_update()

    def _retitle(self) -> None:
        label = f"{self._number} Logs " if self._number is not None else ""
        self.border_title = title(self, label + self._title)
        said = self._said()
        self.border_subtitle = title(self, said) if said else None
        if self._prompt.is_open and self._prompt.mark != SAVE and self._reading is not None:
            shown = (
                self._reading.said
                if self._prompt.mark == SEARCH
                else fmt.plural(self.shown, "line")
            )
            self._prompt.note(shown)

    def _said(self) -> str:
        """Returns the state of the panel in a few words, from what narrows it to where it stands."""
        reading = self._reading
        if reading is None:
            return ""
        parts = list[str]()
        if reading.search is not None:
            parts.append(f"/{spans.clip(reading.search.words, 20)} {reading.said}")
        if reading.filter is not None:
            parts.append(f"&{spans.clip(reading.filter.words, 20)}")
        if reading.only_err:
            parts.append("stderr")
        lines = fmt.plural(self.count, "line")
        if reading.is_filtered:
            lines = f"{fmt.count(self.shown)} of {lines}"
        if not reading.lines.is_whole:
            lines = f"reading {1 - reading.lines.unread:.0%}"
        if self._window.follows:
            self._known = reading.lines.end
            parts += ["FOLLOW", lines]
        else:
            parts += [
                f"PAUSED · {fmt.count(max(reading.lines.end - self._known, 0))} new · G to follow"
            ]
        return " · ".join(parts)
