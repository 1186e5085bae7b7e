"""Owns the Logs panel: draws what a window shows of a log; follows, searches, filters, selects.

Nothing of the log is kept but where its lines begin and which of them matched. What takes long (finding the lines
before the last page, searching, filtering) is done by one worker, a slice of a few milliseconds at a time.
"""

import asyncio
import time
from typing import ClassVar, Protocol, override

from textual.app import ComposeResult
from textual.binding import BindingType

from pivot_tui import format as fmt
from pivot_tui import spans
from pivot_tui.keys import Scope
from pivot_tui.logreader import LogReader
from pivot_tui.pattern import Pattern, parse
from pivot_tui.sieve import Lines
from pivot_tui.spans import Paint
from pivot_tui.widgets.bindings import bindings
from pivot_tui.widgets.logpane import LogPane
from pivot_tui.widgets.logrow import Clock
from pivot_tui.widgets.prompt import Prompt

_STRETCH_S = 0.004
_BREATH_S = 0.001
"""How long the worker works, and then lets others work: long enough for a key to reach the screen."""
_FRAME_S = 0.1

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


class LogView(LogPane, can_focus=True):
    """Shows one log: follows its end, until scrolled."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings(Scope.LOGS, Scope.MOVE)]

    def __init__(self, id: str, classes: str) -> None:  # noqa: A002 Textual's name
        super().__init__(id=id, classes=classes)
        self._keeper: Keeper | None = None
        self._number: int | None = None
        self._title: str = ""
        self._why_none: str = ""
        self._is_working: bool = False
        self._known: int = 0
        """The end of the log when it was followed last."""
        self._prompt: Prompt = Prompt(self)
        self._before: tuple[Pattern | None, Pattern | None, int, bool] | None = None
        """Search, filter, top line and following as they were when the prompt was opened."""

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
        before = self.reader
        self._title, self._why_none, self.has_labels = title, why_none, has_labels
        self.marks.clear()
        self.forget()
        self.selection = None
        self.began_ms = 0
        self.window.begin()
        self.window.bound(0, 0)
        self.reader = None
        if lines is not None:
            self.reader = LogReader(lines, self.window)
            if before is not None:
                self.reader.sift(before.filter, before.only_err)
                self.reader.look_for(before.search, lines.end, ahead=False)
        self.grew()

    def retitle(self, title: str) -> None:
        """Shows another title for the same log."""
        self._title = title
        self._retitle()

    def grew(self) -> None:
        """Takes in what was appended."""
        if self.reader is not None and not self._is_working:
            self._is_working = self._step()
            if self._is_working:
                self.run_worker(self._work())
        self._retitle()
        self.refresh()

    async def _work(self) -> None:
        """Works in stretches of a few milliseconds until nothing is left to do."""
        painted = rested = time.monotonic()
        try:
            while self._step():
                now = time.monotonic()
                if now - painted >= _FRAME_S:
                    painted = now
                    self._retitle()
                    self.refresh()
                if now - rested >= _STRETCH_S:
                    await asyncio.sleep(_BREATH_S)
                    rested = time.monotonic()
        finally:
            self._is_working = False
            self._retitle()
            self.refresh()

    def _step(self) -> bool:
        reader = self.reader
        if reader is None:
            return False
        generation, hit = reader.lines.generation, reader.hit
        more = reader.step()
        if reader.lines.generation != generation:
            self.forget()
            self.marks.clear()
        if reader.hit != hit:
            self.forget()
            self.refresh()
        return more

    # --- keys ---

    def action_follow(self) -> None:
        """Follows, or stops at what is on screen."""
        self.window.follow(not self.window.follows)
        self.moved()

    def action_wrap(self) -> None:
        """Breaks long lines, or cuts them."""
        self.wraps = not self.wraps
        self.restyle()

    def action_time(self) -> None:
        """Shows the time of day, the time since the beginning, or none."""
        order = list(Clock)
        self.clock = order[(order.index(self.clock) + 1) % len(order)]
        self.restyle()

    def action_numbers(self) -> None:
        """Shows the numbers of lines, or not."""
        self.has_numbers = not self.has_numbers
        self.restyle()

    def action_only_err(self) -> None:
        """Shows standard error alone, or all."""
        if self.reader is not None:
            self._sift(self.reader.filter, not self.reader.only_err)

    def action_insert_mark(self) -> None:
        """Draws a line below what is on screen now, with the time."""
        if self.reader is not None and (places := self.places()):
            line = self.reader.line(places[-1][0])
            self.marks[line] = fmt.clock(int(time.time() * 1000))
            self.restyle()

    def action_search(self) -> None:
        """Asks what to search."""
        self._ask(SEARCH, "")

    def action_filter(self) -> None:
        """Asks which lines to show."""
        shown = self.reader.filter if self.reader is not None else None
        self._ask(FILTER, shown.words if shown is not None else "")

    def next_match(self, by: int) -> bool:
        """Goes to another match; tells whether there is a search at all, or was one that took too long."""
        if self.reader is None or self.reader.search is None:
            return self.reader is not None and bool(self.reader.gave_up)
        self.reader.next(by)
        self.forget()
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
        if self.reader is not None and self._keeper is not None:
            self._prompt.ask(SAVE, self._keeper.file_name())
            self.refresh()

    def action_page_log(self) -> None:
        """Opens the whole log in a pager, at what is on screen."""
        if self.reader is not None and self._keeper is not None:
            self._keeper.page(self.reader.lines, self.reader.top)

    def action_move(self, where: str) -> None:
        """Moves by a line, half a page, a page, or to an end."""
        page = self.page_rows
        match where:
            case "first":
                self.window.to_first()
            case "last":
                self.window.follow(on=True)
            case _:
                sizes = {"half": page // 2, "page": page}
                step = sizes.get(where.split("_")[0], 1)
                self.window.scroll(step if where.endswith("down") else -step)
        self.moved()

    def back(self) -> bool:
        """Goes one layer back: selection, search, filter, standard error alone; tells whether there was one."""
        reader = self.reader
        if self.selection is not None:
            self.selection = None
        elif reader is not None and (reader.search is not None or reader.gave_up):
            self._look_for(None)
        elif reader is not None and reader.filter is not None:
            self._sift(None, reader.only_err)
        elif reader is not None and reader.only_err:
            self._sift(None, only_err=False)
        else:
            return False
        self.moved()
        return True

    # --- search and filter ---

    def _ask(self, mark: str, words: str) -> None:
        reader = self.reader
        if reader is None:
            return
        self._before = reader.search, reader.filter, reader.top, self.window.follows
        self._prompt.ask(mark, words)
        self.refresh()

    def on_prompt_changed(self, event: Prompt.Changed) -> None:
        """Searches or filters while it is typed."""
        event.stop()
        if self.reader is None or event.mark == SAVE:
            return
        try:
            pattern = parse(event.words, event.mark == FILTER) if event.words else None
        except ValueError as error:
            self._prompt.note(str(error), Paint.FAIL)
            return
        if event.mark == SEARCH:
            self._look_for(pattern)
        else:
            self._sift(pattern, self.reader.only_err)

    def on_prompt_ended(self, event: Prompt.Ended) -> None:
        """Keeps what was typed, or goes back to what was there."""
        event.stop()
        self.moved()
        reader, before, self._before = self.reader, self._before, None
        is_taken = event.accepted and bool(event.words)
        if reader is None:
            return
        if event.mark == SAVE:
            if is_taken and self._keeper is not None:
                self._keeper.save(reader.lines, event.words)
        elif before is not None and not is_taken:
            search, sieve, line, follows = before
            if event.mark == SEARCH:
                self._look_for(search)
                self.window.follow(follows)
                if not follows and not reader.is_filtered:
                    self.window.anchor(line)
            else:
                self._sift(None if event.accepted else sieve, reader.only_err)

    def ask_again(self, words: str, why: str) -> None:
        """Asks for a file's name once more, and says why."""
        self._prompt.ask(SAVE, words)
        self._prompt.note(why, Paint.FAIL)

    def _look_for(self, pattern: Pattern | None) -> None:
        assert self.reader is not None
        line, follows = self.reader.top, self.window.follows
        if self._before is not None:
            _, _, line, follows = self._before
        self.reader.look_for(pattern, line, ahead=not follows)
        self.forget()
        self.grew()

    def _sift(self, pattern: Pattern | None, only_err: bool) -> None:
        assert self.reader is not None
        self.reader.sift(pattern, only_err)
        self.forget()
        self.selection = None
        self.grew()

    # --- what the panel says ---

    @property
    @override
    def page_rows(self) -> int:
        return max(self.size.height - (1 if self._prompt.is_open else 0), 1)

    @override
    def moved(self) -> None:
        super().moved()
        self._retitle()

    @override
    def none_said(self) -> str:
        reader = self.reader
        if reader is None:
            return self._why_none
        if not reader.is_filtered:
            return "no output yet" if reader.lines.is_whole else ""
        if not reader.is_done:
            return "searching"
        words = reader.filter.words if reader.filter is not None else "stderr"
        return f"0 of {fmt.plural(self.count, 'line')} match '{words}' · esc clears"

    def _retitle(self) -> None:
        label = f"{self._number} Logs " if self._number is not None else ""
        self.entitle(label + self._title, self._said())
        if self._prompt.is_open and self._prompt.mark != SAVE and self.reader is not None:
            is_said = self._prompt.mark == SEARCH or bool(self.reader.gave_up)
            self._prompt.note(self.reader.said if is_said else fmt.plural(self.shown, "line"))

    def _said(self) -> str:
        """Returns the state of the panel in a few words, from what narrows it to where it stands."""
        reader = self.reader
        if reader is None:
            return ""
        parts = list[str]()
        looked_for = reader.gave_up or (reader.search.words if reader.search is not None else "")
        if looked_for:
            parts.append(f"/{spans.clip(looked_for, 20)} {reader.said}")
        if reader.filter is not None:
            parts.append(f"&{spans.clip(reader.filter.words, 20)}")
        if reader.only_err:
            parts.append("stderr")
        lines = fmt.plural(self.count, "line")
        if reader.is_filtered:
            lines = f"{fmt.count(self.shown)} of {lines}"
        if not reader.lines.is_whole:
            lines = f"read {1 - reader.lines.unread:.0%}"
        if self.window.follows:
            self._known = reader.lines.end
            parts += ["FOLLOW", lines]
        else:
            parts += [
                f"PAUSED · {fmt.count(max(reader.lines.end - self._known, 0))} new · G to follow"
            ]
        return " · ".join(parts)
