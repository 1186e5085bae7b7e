"""Owns following a watch: one run after the other to a printer of its own, and what changed in between.

A run that finds everything up to date is told when something had changed: the engine also looks again unasked.
"""

from collections.abc import Callable, Mapping
from typing import override

from pivot_core.cli.follow import Follower, Printer
from pivot_core.port import (
    FilesChanged,
    Notice,
    Problem,
    Published,
    RequestId,
    RunFinished,
    RunStarted,
    RunState,
    Snapshot,
    StageChanged,
    StageName,
    StageState,
    Status,
    WatchChanged,
    WatchState,
)

_QUIET = (Status.WAIT, Status.SAME)


class WatchFollower(Follower):
    """Hands the events of the runs that a watch begins to printers, a new one for each."""

    def __init__(self, request_id: RequestId, make: Callable[[], Printer]) -> None:
        self._make: Callable[[], Printer] = make
        self._watch_id: str = request_id
        self._is_told: bool = False
        """Whether it was said that files are watched."""
        self._has_news: bool = True
        """Whether the next run has a cause that people know of."""
        self._begun: RunState | None = None
        """The run under way, before it is worth showing."""
        self._problems: tuple[Problem, ...] = ()
        """Of the last run: what is still wrong is not said again."""
        self._expected_s: Mapping[StageName, float] = {}
        super().__init__(request_id, make())

    @override
    def _show(self, item: Published | Snapshot | str) -> None:
        if isinstance(item, str):
            self._printer.wait(item)
        elif isinstance(item, Snapshot):
            if item.watch is not None:
                self._watch(item.watch)
        else:
            match item.event:
                case WatchChanged(watch) if watch is not None:
                    self._watch(watch)
                case FilesChanged(paths, count):
                    self._has_news = True
                    self._printer.changed(paths, count)
                case RunStarted(run, expected_s) if self._is_ours(run):
                    self._begun, self._expected_s = run, expected_s
                    self._states = {}
                case RunFinished(run) if self._is_ours(run):
                    self._end(run)
                case StageChanged(stage, state):
                    self._stage(stage, state)
                case Notice() as notice:
                    self._printer.notice(notice)
                case _:
                    pass

    def _is_ours(self, run: RunState) -> bool:
        return run.request_id.startswith(f"{self._watch_id}.")

    def _watch(self, watch: WatchState) -> None:
        self._watch_id = watch.request_id
        if watch.problem is not None or (watch.directories and not self._is_told):
            self._is_told = True
            self._printer.watch(watch)

    @override
    def _stage(self, stage: StageName, state: StageState) -> None:
        begun = self._begun
        if begun is not None and state.run_id == begun.run_id and self._run is None:
            if state.status in _QUIET:
                self._states[stage] = state
                return
            self._open(begun)
        super()._stage(stage, state)

    def _open(self, run: RunState) -> None:
        self._run = run
        self._printer.begin(run, self._expected_s)
        for stage, state in self._states.items():
            self._printer.stage(run, stage, state)

    def _end(self, run: RunState) -> None:
        if self._run is None and self._has_news and run.stages:
            self._open(run)
        if self._run is not None:
            self._has_news = False
        if self._run is not None or run.problems != self._problems:
            self._printer.finish(run, self._states)
            self._printer.tick()
            self._printer = self._make()
        self._problems = run.problems
        self._run = self._begun = None
