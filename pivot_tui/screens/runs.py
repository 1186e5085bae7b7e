"""Owns going to runs: past ones with their stages, live ones, and two of them side by side."""

from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Protocol

from textual.screen import Screen

from pivot_core.port import (
    History,
    PivotError,
    RunId,
    RunReport,
    RunState,
    RunStatus,
    RunSummary,
    ShowRun,
    StageName,
    StageState,
    Status,
    one_line,
)
from pivot_tui import format as fmt
from pivot_tui.board import Board
from pivot_tui.feed import Feed
from pivot_tui.glyphs import LOOKS
from pivot_tui.screens.finder import Entry, Finder
from pivot_tui.widgets.painting import application

_LISTED = 200
_LOOKS = {
    RunStatus.QUEUED: Status.QUEUED,
    RunStatus.RUNNING: Status.RUNNING,
    RunStatus.DONE: Status.RAN,
    RunStatus.FAILED: Status.FAILED,
    RunStatus.CANCELLED: Status.CANCELLED,
}


class Ways(Protocol):
    """Where one can go from a run; the main screen."""

    def show_attempt(self, stage: StageName, run_id: RunId, number: int | None) -> None:
        """Goes to a stage with the log and the reasons of one attempt."""
        ...

    def compare(self, stage: StageName, runs: tuple[RunId, RunId]) -> None:
        """Goes to what differs between a stage's attempts in two runs."""
        ...

    def watch_run(self) -> None:
        """Goes to what runs now."""
        ...


class Runs:
    """Lists runs and goes to what was chosen."""

    def __init__(self, screen: Screen[None], board: Board, feed: Feed, ways: Ways) -> None:
        self._screen: Screen[None] = screen
        self._board: Board = board
        self._feed: Feed = feed
        self._ways: Ways = ways

    def go(self) -> None:
        """Lists the runs that are kept; Enter lists the stages of one."""
        self._screen.run_worker(self._choose("Runs · enter lists the stages", self._stages))

    def compare(self) -> None:
        """Asks for two runs; then lists the stages that did not do the same in both."""

        async def second(one: RunId) -> None:
            async def differ(two: RunId) -> None:
                await self._differ(one, two)

            await self._choose(f"Compare {fmt.short_run(one)} with", differ, one)

        self._screen.run_worker(self._choose("Compare run", second))

    def attach(self) -> None:
        """Lists the runs that go on or wait."""
        active = self._board.active
        live = [active] if active is not None else []
        entries = [self._live(run, place) for place, run in enumerate([*live, *self._board.queue])]
        if entries:
            self._find("Runs that go on or wait", entries)
        else:
            self._say("no run goes on or waits")

    def _live(self, run: RunState, place: int) -> Entry:
        goes_on = run.status is RunStatus.RUNNING
        refusal = "" if goes_on else f"{place} ahead of it; it comes on screen by itself"
        words = ", ".join(run.targets) or "whole pipeline"
        label = f"{fmt.short_run(run.run_id)}  {one_line(words)}"
        return Entry(label, LOOKS[_LOOKS[run.status]].glyph, "", refusal, self._ways.watch_run)

    async def _choose(
        self,
        title: str,
        then: Callable[[RunId], Coroutine[object, object, None]],
        but: RunId | None = None,
    ) -> None:
        try:
            found = await self._feed.port.ask(History(_LISTED))
        except (PivotError, OSError) as error:
            self._say(error.what if isinstance(error, PivotError) else str(error))
            return

        def taker(run: RunId) -> Callable[[], None]:
            def take() -> None:
                self._screen.run_worker(then(run))

            return take

        entries = [_past(run, taker(run.run_id)) for run in found if run.run_id != but]
        if entries:
            self._find(title, entries)
        else:
            self._say("no other run is kept" if but is not None else "no run is kept")

    async def _stages(self, run: RunId) -> None:
        report = await self._report(run)
        if report is None:
            return

        def goer(stage: StageName, state: StageState) -> Callable[[], None]:
            number = state.attempt or None
            return lambda: self._ways.show_attempt(stage, run, number)

        entries = list[Entry]()
        for stage, state in report.states.items():
            gone = "" if stage in self._board.stages else "no longer a stage"
            took = fmt.duration(state.duration_s) if state.duration_s is not None else ""
            label = f"{one_line(stage)}  {LOOKS[state.status].word}"
            glyph = LOOKS[state.status].glyph
            entries.append(Entry(label, glyph, "", gone, goer(stage, state), took))
        self._find(f"Run {run} · enter goes to log and reasons", entries)

    async def _differ(self, one: RunId, two: RunId) -> None:
        reports = [await self._report(run) for run in sorted((one, two))]
        old, new = reports
        if old is None or new is None:
            return
        runs = (old.summary.run_id, new.summary.run_id)

        def goer(stage: StageName) -> Callable[[], None]:
            return lambda: self._ways.compare(stage, runs)

        entries = list[Entry]()
        for stage in dict.fromkeys((*old.states, *new.states)):
            words, aside = _difference(old.states, new.states, stage)
            if words:
                gone = "" if stage in self._board.stages else "no longer a stage"
                label = f"{one_line(stage)}  {words}"
                entries.append(Entry(label, "", "", gone, goer(stage), aside))
        names = " → ".join(fmt.short_run(run) for run in runs)
        if entries:
            self._find(f"{names} · enter shows what went in", entries)
        else:
            self._say(f"{names}: every stage did the same")

    async def _report(self, run: RunId) -> RunReport | None:
        try:
            return await self._feed.port.ask(ShowRun(run))
        except (PivotError, OSError) as error:
            self._say(error.what if isinstance(error, PivotError) else str(error))
            return None

    def _find(self, title: str, entries: list[Entry]) -> None:
        finder = Finder(title, entries, titled=False)
        application(self._screen).push_screen(finder, lambda entry: entry.run() if entry else None)

    def _say(self, words: str) -> None:
        self._screen.notify(words, markup=False)


def _past(run: RunSummary, take: Callable[[], None]) -> Entry:
    day = datetime.fromtimestamp(run.started_at).strftime("%d %b %H:%M")  # noqa: DTZ006 local on purpose
    took = f"{fmt.duration(run.duration_s):>7}" if run.duration_s is not None else " " * 7
    label = f"{fmt.short_run(run.run_id)}  {day}  {took}  {one_line(run.command)}"
    counts = ", ".join(f"{number} {status}" for status, number in run.counts.items() if number)
    return Entry(label, LOOKS[_LOOKS[run.status]].glyph, "", "", take, counts)


def _difference(
    old: Mapping[StageName, StageState], new: Mapping[StageName, StageState], stage: StageName
) -> tuple[str, str]:
    """Returns how a stage's course differs, and how long it took in both; nothing where it does not."""
    if stage not in old or stage not in new:
        there = "the later one" if stage in new else "the earlier one"
        return f"only in {there}", ""
    before, after = old[stage], new[stage]
    if before.status is after.status and after.status is not Status.RAN:
        return "", ""
    words = [LOOKS[state.status].word for state in (before, after)]
    took = [
        fmt.duration(state.duration_s) if state.duration_s is not None else "—"
        for state in (before, after)
    ]
    return " → ".join(dict.fromkeys(words)), " → ".join(took) if took != ["—", "—"] else ""
