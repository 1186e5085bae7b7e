"""Owns following one run: folds the engine's events and hands them to a printer, in a thread of its own.

A terminal that is stopped (Ctrl-S) or a pipe that nobody reads must not hold up the engine, so the caller only puts
events into a queue. It needs no bound: log growth is dropped at the door, and a run has a few state changes a stage.
"""

import queue
import threading
from collections.abc import Mapping, Sequence
from typing import Protocol

from pivot_core.port import (
    TICKS,
    Notice,
    PivotError,
    Published,
    RequestId,
    RunFinished,
    RunQueued,
    RunStarted,
    RunState,
    Snapshot,
    StageChanged,
    StageName,
    StageState,
    WatchState,
)


class Printer(Protocol):
    """Shows one run; every call comes from one thread at a time."""

    tick_s: float | None
    """How often ``tick`` is wanted while nothing happens; ``None`` for never."""

    def begin(self, run: RunState, expected_s: Mapping[StageName, float]) -> None:
        """The run started; its stages are known, and how long those that ran before may take."""
        ...

    def stage(self, run: RunState, stage: StageName, state: StageState) -> None:
        """A stage of the run has a new state."""
        ...

    def notice(self, notice: Notice) -> None:
        """Something that a person should know."""
        ...

    def wait(self, why: str) -> None:
        """The request has to wait."""
        ...

    def watch(self, watch: WatchState) -> None:
        """Files are watched from now on, or cannot be."""
        ...

    def changed(self, paths: Sequence[str], count: int) -> None:
        """Watched files have changed: ``count``, some of which are ``paths``."""
        ...

    def tick(self) -> None:
        """What was said so far must become visible."""
        ...

    def finish(self, run: RunState, states: dict[StageName, StageState]) -> None:
        """The run ended; ``states`` is what was heard of its stages."""
        ...


class Follower:
    """Hands the events of the run that a request became to a printer."""

    def __init__(self, request_id: RequestId, printer: Printer) -> None:
        self._request_id: RequestId = request_id
        self._printer: Printer = printer
        self._items: queue.SimpleQueue[Published | Snapshot | str | None] = queue.SimpleQueue()
        self._run: RunState | None = None
        self._states: dict[StageName, StageState] = {}
        self._lost: OSError | PivotError | None = None
        self._thread: threading.Thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def take(self, item: Published | Snapshot) -> None:
        """Takes an event; returns at once."""
        if not (isinstance(item, Published) and isinstance(item.event, TICKS)):
            self._items.put(item)

    @property
    def states(self) -> Mapping[StageName, StageState]:
        """What was heard of the run's stages, after ``close``."""
        return self._states

    def wait(self, why: str) -> None:
        """Says why the request has to wait; returns at once."""
        self._items.put(why)

    def finish(self, run: RunState) -> None:
        """Shows the end of the run, after ``close``; raises when output could not be written."""
        self.check()
        if self._run is None and run.stages:
            self._printer.begin(run, {})
        self._printer.finish(run, self._states)
        self._printer.tick()

    def check(self) -> None:
        """Raises when output could not be written; after ``close``."""
        if self._lost is not None:
            raise self._lost

    def close(self) -> None:
        """Ends the thread once everything taken has been shown, and clears what would be repainted."""
        self._items.put(None)
        self._thread.join()

    def _work(self) -> None:
        is_open = True
        while is_open:
            try:
                item = self._items.get(timeout=self._printer.tick_s)
                while item is not None:
                    self._guard(item)
                    item = self._items.get_nowait()
                is_open = False
            except queue.Empty:
                pass
            self._guard("")

    def _guard(self, item: Published | Snapshot | str) -> None:
        """Shows one item, or with ``""`` ticks; after the output is lost the rest is swallowed."""
        if self._lost is not None:
            return
        try:
            if item == "":
                self._printer.tick()
            else:
                self._show(item)
        except (OSError, PivotError) as error:
            self._lost = error

    def _show(self, item: Published | Snapshot | str) -> None:
        if isinstance(item, str):
            self._printer.wait(item)
        elif isinstance(item, Snapshot):
            if item.run is not None:
                known = {name: state.expected_s for name, state in item.states.items()}
                self._adopt(item.run, {name: s for name, s in known.items() if s is not None})
            for stage, state in item.states.items():
                self._stage(stage, state)
        else:
            match item.event:
                case RunStarted(run, expected_s):
                    self._adopt(run, expected_s)
                case RunFinished(run):
                    self._adopt(run, {})
                case RunQueued(run) if run.request_id == self._request_id:
                    self._printer.wait("queued behind the run that is active")
                case StageChanged(stage, state):
                    self._stage(stage, state)
                case Notice() as notice:
                    self._printer.notice(notice)
                case _:
                    pass

    def _adopt(self, run: RunState, expected_s: Mapping[StageName, float]) -> None:
        if run.request_id == self._request_id and self._run is None and run.stages:
            self._run = run
            self._printer.begin(run, expected_s)

    def _stage(self, stage: StageName, state: StageState) -> None:
        run = self._run
        if run is None or state.run_id != run.run_id or self._states.get(stage) == state:
            return
        self._states[stage] = state
        self._printer.stage(run, stage, state)
