"""Owns what the Logs panel shows: an attempt of the selected stage, or all of the run; saves and pages it."""

import asyncio
import os
import tempfile
from collections.abc import Callable
from typing import ClassVar, override

from pivot_core.port import (
    FindLog,
    LogRef,
    PivotError,
    RunId,
    StageName,
    StageState,
    Status,
    one_line,
)
from pivot_core.port.loglines import LogLines
from pivot_tui import format as fmt
from pivot_tui import logtext, outside
from pivot_tui.board import Board, Dirty
from pivot_tui.feed import Feed
from pivot_tui.keys import Scope
from pivot_tui.latest import Latest
from pivot_tui.merged import Merged
from pivot_tui.sieve import Lines
from pivot_tui.widgets.log import Keeper, LogView
from pivot_tui.widgets.painting import application

_TAKES_LINE = ("less", "more", "most", "vi", "vim", "nvim", "view")
"""Pagers that begin at a line that ``+number`` names."""

_SILENT = {
    Status.SAME: "up to date: it did not run",
    Status.RESTORED: "restored from the cache: it did not run",
    Status.WAIT: "not started yet: it waits for an upstream",
    Status.QUEUED: "not started yet: it is queued",
    Status.BLOCKED: "not started: it is blocked",
    Status.CANCELLED: "cancelled before it printed anything",
    Status.RUNNING: "runs, no output yet",
}

type _Attempt = tuple[RunId, int]


class Logs(Keeper):
    """Keeps the panel at one stage; an answer that comes after another stage was selected is dropped."""

    scope: ClassVar[Scope] = Scope.LOGS

    def __init__(
        self,
        board: Board,
        feed: Feed,
        log: LogView,
        on_turned: Callable[[RunId | None], None] = lambda _: None,
    ) -> None:
        """``on_turned`` hears whose attempt is shown: that of a past run, or what the stage does now."""
        self._on_turned: Callable[[RunId | None], None] = on_turned
        self._board: Board = board
        self._feed: Feed = feed
        self._log: LogView = log
        self._stage: StageName | None = None
        self._is_shown: bool = False
        self._place: tuple[object, ...] = ()
        self._shown: tuple[StageName, _Attempt] | None = None
        """Whose log is on screen."""
        self._attempts: tuple[_Attempt, ...] = ()
        """Those of the stage that have a log, newest first."""
        self._pinned: _Attempt | None = None
        """The attempt that was asked for; ``None`` for what the stage does now."""
        self._merged: Merged | None = None
        self._merged_run: RunId | None = None
        self._parts: set[tuple[StageName, int]] = set()
        """The attempts that are in the merged log."""
        self._replaces: str = ""
        """The file that may be written over."""
        self._finding: Latest[StageName] = Latest(self._find, log.run_worker)
        self._gathering: Latest[RunId] = Latest(self._gather, log.run_worker)
        log.serve(self)

    @property
    def view(self) -> LogView:
        """The widget."""
        return self._log

    def number(self, on: bool) -> None:
        """Shows the panel's key in its title, or not."""
        self._log.number(2 if on else None)

    def reveal(self, on: bool) -> None:
        """Tells whether the panel is on screen: only then a log is looked for or read."""
        was, self._is_shown = self._is_shown, on
        if on and not was and self._stage is not None:
            self._renew(self._stage)

    def tick(self) -> None:
        """Does nothing: a log grows by events."""

    def select(self, stage: StageName) -> None:
        """Turns to another stage; the log of all stages stays."""
        self._stage = stage
        self._place = ()
        self._renew(stage)

    def update(self, dirty: Dirty) -> None:
        """Takes up what changed."""
        stage = self._stage
        if not self._is_shown or stage is None or stage not in self._board.stages:
            return
        if self._merged is not None:
            self._update_merged(self._merged, dirty)
        elif dirty.plan or stage in dirty.stages:
            self._renew(stage)
        elif stage in dirty.logs:
            grown = self._board.logs[stage]
            if (stage, (grown.run_id, grown.attempt)) == self._shown:
                self._log.grew()
            else:
                self._finding.want(stage)

    # --- one stage ---

    def _renew(self, stage: StageName) -> None:
        if not self._is_shown or self._merged is not None:
            return
        state = self._board.state(stage)
        place = (stage, state.run_id, state.attempt, state.status)
        if place != self._place:
            if place[:3] != self._place[:3]:
                self._turn_to(None)
            self._place = place
            self._finding.want(stage)
        else:
            self._log.grew()

    async def _find(self, stage: StageName) -> None:
        run_id, attempt = self._pinned or (None, None)
        try:
            answer = await self._feed.find_log(FindLog(stage, run_id, attempt))
            now = _now(self._board.state(stage))
            if self._pinned is None and isinstance(answer, LogRef) and now in answer.attempts:
                # A newer attempt came to nothing: what is shown of the stage is older.
                newest = (answer.run_id, answer.attempt)
                answer = (
                    answer if now == newest else await self._feed.find_log(FindLog(stage, *now))
                )
        except (PivotError, OSError):
            # The banner says that the engine is gone; what is on screen stays until there is another one.
            self._place = (*self._place[:3], None)
            return
        if stage != self._stage or self._merged is not None:
            return
        state = self._board.state(stage)
        if not isinstance(answer, LogRef):
            self._attempts = ()
            self._show_none(stage, state, answer.why)
            return
        self._attempts = answer.attempts
        found = (answer.run_id, answer.attempt)
        if self._pinned is None and state.run_id is not None and found != _now(state):
            # The log of an earlier run would be taken for this one's.
            older = f" · < shows the log of run {fmt.short_run(answer.run_id)}"
            self._show_none(stage, state, "printed nothing", older)
        elif (stage, found) == self._shown:
            self._log.retitle(self._title(stage, found))
            self._log.grew()
        else:
            self._shown = (stage, found)
            self._log.show(LogLines(answer.path), self._title(stage, found))

    def _show_none(self, stage: StageName, state: StageState, why: str, older: str = "") -> None:
        """Says why there is no log."""
        self._shown = None
        said = why if state.run_id is None else _SILENT.get(state.status, "it printed nothing")
        now = (state.run_id, state.attempt) if state.run_id is not None else None
        self._log.show(None, self._title(stage, now), one_line(said) + older)

    def _title(self, stage: StageName, shown: _Attempt | None) -> str:
        words = [one_line(stage)]
        if shown is not None:
            run, attempt = shown
            words.append(f"run {fmt.short_run(run)}")
            if attempt > 1:
                words.append(f"attempt {attempt}")
            if self._pinned is not None:
                words.append(f"{self._attempts.index(shown) + 1} of {len(self._attempts)}, > newer")
        return " · ".join(words)

    def pin(self, run_id: RunId, attempt: int) -> None:
        """Shows the log of one attempt of the stage, until another stage is selected or begins."""
        if self._stage is None:
            return
        state = self._board.state(self._stage)
        self._merged = None
        self._turn_to((run_id, attempt))
        self._place = (self._stage, state.run_id, state.attempt, None)  # so that it is found again
        self._renew(self._stage)

    def unpin(self) -> None:
        """Shows again what the stage does now."""
        if self._pinned is not None and self._stage is not None:
            self._turn_to(None)
            self._finding.want(self._stage)

    def _turn_to(self, attempt: _Attempt | None) -> None:
        self._pinned = attempt
        self._on_turned(attempt[0] if attempt is not None else None)

    @override
    def turn(self, by: int) -> None:
        if self._stage is None or self._merged is not None:
            self._say("one stage at a time has attempts: a shows it alone")
            return
        places = [None, *self._attempts]
        if self._pinned is None and self._shown is not None:
            places.remove(self._shown[1])  # what it does now is that attempt
        at = places.index(self._pinned if self._pinned in places else None) - by
        if at < 0:
            self._say("this is the newest attempt")
        elif at >= len(places):
            self._say("no older log is kept")
        else:
            is_now = places[at] == _now(self._board.state(self._stage))
            self._turn_to(None if is_now else places[at])
            self._finding.want(self._stage)

    # --- all stages of the run ---

    @override
    def merge(self) -> None:
        run = self._board.run
        if self._merged is not None:
            self._merged = None
            self._shown = None
            self._place = ()
            if self._stage is not None:
                self._renew(self._stage)
        elif run is None:
            self._say("there was no run since the engine started")
        else:
            self._merge_run(run.run_id)

    def merge_all(self) -> None:
        """Shows all stages of the run as one log."""
        if self._merged is None:
            self.merge()

    def _merge_run(self, run: RunId) -> None:
        self._merged, self._merged_run = Merged(), run
        self._parts.clear()
        self._shown = None
        title = f"all stages · run {fmt.short_run(run)}"
        self._log.show(self._merged, title, has_labels=True)
        self._gathering.want(run)

    def _update_merged(self, merged: Merged, dirty: Dirty) -> None:
        run = self._board.run
        if run is not None and run.run_id != self._merged_run:
            self._merge_run(run.run_id)
            return
        has_grown = False
        for stage in dirty.logs:
            grown = self._board.logs.get(stage)
            if grown is None or grown.run_id != self._merged_run:
                continue
            if (stage, grown.attempt) in self._parts:
                merged.grew(stage)
                has_grown = True
            else:
                self._gathering.want(grown.run_id)
        if has_grown:
            self._log.grew()

    async def _gather(self, run: RunId) -> None:
        """Adds the logs of all attempts of the run that are not there yet."""
        merged, is_new = self._merged, bool(self._parts)
        stages = self._board.run.stages if self._board.run is not None else ()
        for stage in stages:
            state, grown = self._board.state(stage), self._board.logs.get(stage)
            newest = state.attempt if state.run_id == run else 0
            if grown is not None and grown.run_id == run:
                newest = max(newest, grown.attempt)
            if not newest or (stage, newest) in self._parts:
                continue
            try:
                answer = await self._feed.find_log(FindLog(stage, run))
            except (PivotError, OSError):
                return
            if merged is None or merged is not self._merged or not isinstance(answer, LogRef):
                continue
            for found, attempt in answer.attempts:
                if found == run and (stage, attempt) not in self._parts:
                    path = answer.path
                    if attempt != answer.attempt:
                        other = await self._feed.find_log(FindLog(stage, run, attempt))
                        path = other.path if isinstance(other, LogRef) else path
                    self._parts.add((stage, attempt))
                    merged.add(str(stage), path, is_new)
        self._log.grew()

    # --- a whole log elsewhere ---

    @override
    def file_name(self) -> str:
        if self._merged is not None and self._merged_run is not None:
            return f"run-{fmt.short_run(self._merged_run)}.log"
        run = f"-{fmt.short_run(self._shown[1][0])}" if self._shown is not None else ""
        return f"{self._stage}{run}.log".replace("/", "-")

    @override
    def save(self, lines: Lines, path: str) -> None:
        self._log.run_worker(self._save(lines, path))

    async def _save(self, lines: Lines, path: str) -> None:
        root = self._board.engine.root if self._board.engine is not None else ""
        replace, self._replaces = self._replaces == path, ""
        try:
            number = await asyncio.to_thread(logtext.save, lines, root, path, replace)
        except FileExistsError:
            self._replaces = path
            self._log.ask_again(path, "it exists; enter again replaces it")
        except OSError as error:
            self._log.ask_again(path, error.strerror or "cannot be written")
        else:
            self._say(f"wrote {fmt.plural(number, 'line')} to {one_line(path)}")

    @override
    def page(self, lines: Lines, line: int) -> None:
        self._log.run_worker(self._page(lines, line))

    async def _page(self, lines: Lines, line: int) -> None:
        fd, path = tempfile.mkstemp(".txt", "pivot-log-")
        try:
            self._say("writing the log for the pager …")
            await asyncio.to_thread(logtext.spool, lines, fd)
            command = outside.pager(os.environ, path)
            if lines.is_whole and command[0].rpartition("/")[2] in _TAKES_LINE:
                command.insert(-1, f"+{min(line, lines.end - 1) - lines.first + 1}")
            said = outside.hand_over(application(self._log), command, "/")
        except OSError as error:
            said = f"the log cannot be written to a file: {error.strerror}"
        finally:
            os.unlink(path)
        if said:
            self._say(said)

    def _say(self, words: str) -> None:
        self._log.notify(words, markup=False)


def _now(state: StageState) -> tuple[RunId | None, int]:
    return state.run_id, state.attempt
