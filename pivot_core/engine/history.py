"""Owns what is kept of past runs: writes the active run's journal, answers from the journals and logs of old ones."""

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import cast

from pivot_core.errors import EXIT_INTERRUPTED, UsageError
from pivot_core.model import codec
from pivot_core.model.decision import Status
from pivot_core.model.ids import Json, RunId, StageName
from pivot_core.port.events import (
    TICKS,
    Event,
    PlanChanged,
    RunFinished,
    RunQueued,
    RunStarted,
    StageChanged,
)
from pivot_core.port.values import (
    Attempt,
    Inputs,
    LogRef,
    NoLog,
    RunReport,
    RunState,
    RunStatus,
    RunSummary,
    StageState,
)
from pivot_core.store import journal
from pivot_core.store.config import Config
from pivot_core.store.journal import Journal
from pivot_core.store.layout import Layout, encode

_ATTEMPTED = frozenset(
    {Status.RUNNING, Status.RAN, Status.RESTORED, Status.FAILED, Status.CANCELLED}
)


class RunJournal:
    """One run's journal; it begins with the first event worth keeping, so a run that did nothing leaves none."""

    def __init__(self, layout: Layout, config: Config, run: RunState, command: str) -> None:
        self._layout = layout
        self._config = config
        self._head: list[Json] = [
            {"command": command},
            codec.to_json(Event, RunStarted(run)),
        ]
        self._run_id = run.run_id
        self._file: Journal | None = None
        self._quiet: list[Json] = []

    def take(self, event: Event) -> None:
        """Appends an event."""
        if isinstance(event, TICKS):
            return
        match event:
            case RunStarted() | RunQueued() | PlanChanged():
                return
            case StageChanged(state=state) if state.status in (Status.WAIT, Status.QUEUED):
                return
            case StageChanged(state=state) if state.status is Status.SAME and self._file is None:
                self._quiet.append(codec.to_json(Event, event))
                return
            case RunFinished() if self._file is None:
                return
            case RunFinished(run=run) if run.run_id != self._run_id:
                return
            case _:
                self._append(codec.to_json(Event, event))

    def note(self, stage: StageName, attempt: int, inputs: Inputs) -> None:
        """Appends what goes into an attempt."""
        given = codec.to_json(Inputs, inputs)
        self._append({"type": "Inputs", "stage": stage, "attempt": attempt, "inputs": given})

    def end(self) -> None:
        """Closes the journal and drops the oldest runs beyond those that are kept."""
        if self._file is not None:
            self._file.close()
            journal.retain(self._layout, self._config.run_keep, except_for=(self._run_id,))

    def _append(self, record: Json) -> None:
        if self._file is None:
            self._file = Journal(self._layout, self._run_id)
            self._file.append([*self._head, *self._quiet])
        self._file.append([record])


def _interrupt(states: dict[int, StageState], now: StageState) -> None:
    """Ends the attempts that something else followed: a stage that was out of date began anew."""
    for number, state in states.items():
        is_over = number < now.attempt or now.status not in _ATTEMPTED
        if state.status is Status.RUNNING and is_over:
            states[number] = replace(state, status=Status.CANCELLED)


class Past:
    """The runs that a project still keeps."""

    def __init__(
        self, layout: Layout, names_of: Callable[[StageName], tuple[StageName, ...]]
    ) -> None:
        """``names_of`` gives a stage's name, and then those that it had before."""
        self._layout = layout
        self._names_of = names_of

    def find_log(
        self, stage: StageName, run_id: RunId | None, attempt: int | None
    ) -> LogRef | NoLog:
        """Returns where an attempt's log lies: the newest that fits what is given."""
        found = list[tuple[RunId, StageName, int]]()
        for run in journal.runs(self._layout):
            for name in self._names_of(stage):
                numbers = sorted(self._attempts(run, name), reverse=True)
                found.extend((run, name, number) for number in numbers)
        attempts = tuple((run, number) for run, _, number in found)
        for run, name, number in found:
            if run_id in (None, run) and attempt in (None, number):
                path = self._layout.log_path(run, name, number)
                return LogRef(run, stage, number, path, attempts)
        if run_id is not None:
            return NoLog(f"'{stage}' wrote no log in run {run_id}")
        return NoLog(f"'{stage}' has not run here: what it printed was never recorded")

    def attempts(self, stage: StageName, limit: int) -> tuple[Attempt, ...]:
        """Returns what the kept runs did with a stage beyond finding it up to date, newest first."""
        found = list[Attempt]()
        for run in journal.runs(self._layout):
            for name in self._names_of(stage):
                found += self._attempts_in(run, name)
            if len(found) >= limit:
                break
        return tuple(found[:limit])

    def _attempts_in(self, run: RunId, stage: StageName) -> list[Attempt]:
        states, inputs = dict[int, StageState](), dict[int, Inputs]()
        for record in journal.read(self._layout, run, holding=json.dumps(stage)):
            if record.get("stage") != stage:
                continue
            try:
                if record.get("type") == "Inputs":
                    given = codec.from_json(Inputs, record.get("inputs"))
                    inputs[cast("int", record.get("attempt"))] = given
                    continue
                event = codec.from_json(cast("type[Event]", Event), record)
            except ValueError:
                continue
            if isinstance(event, StageChanged):
                _interrupt(states, event.state)
                if event.state.status in _ATTEMPTED:
                    states[event.state.attempt] = event.state
        logs = set(self._attempts(run, stage))
        return [
            Attempt(
                run,
                number,
                state.status,
                state.started_at,
                state.duration_s,
                state.failure,
                inputs.get(number),
                number in logs,
            )
            for number, state in sorted(states.items(), reverse=True)
        ]

    def _attempts(self, run: RunId, stage: StageName) -> list[int]:
        prefix = encode(stage) + "."
        try:
            names = os.listdir(os.path.dirname(self._layout.log_path(run, stage, 1)))
        except OSError:
            return []
        numbers = [name[len(prefix) : -len(".log")] for name in names if name.startswith(prefix)]
        return [int(number) for number in numbers if number.isdigit()]

    def summaries(self, limit: int) -> tuple[RunSummary, ...]:
        """Returns past runs, newest first."""
        found = list[RunSummary]()
        for run in journal.runs(self._layout):
            if len(found) == limit:
                break
            report = self._replay(run)
            if report is not None:
                found.append(report.summary)
        return tuple(found)

    def report(self, run: RunId) -> RunReport:
        """Returns one run in full; raises ``UsageError`` for an unknown one."""
        report = self._replay(run) if run in journal.runs(self._layout) else None
        if report is None:
            raise UsageError(f"no run '{run}'", hint="`pivot history` lists the runs kept here")
        return report

    def _replay(self, run: RunId) -> RunReport | None:
        """Builds a run from its journal; ``None`` when that tells nothing of it."""
        last: RunState | None = None
        states = dict[StageName, StageState]()
        command = ""
        for record in journal.read(self._layout, run):
            if isinstance(begun := record.get("command"), str):
                command = begun
                continue
            try:
                event = codec.from_json(cast("type[Event]", Event), record)
            except ValueError:
                continue
            match event:
                case RunStarted(run=state) | RunFinished(run=state):
                    last = state
                case StageChanged(stage, state):
                    states[stage] = state
                case _:
                    pass
        if last is None or last.started_at is None:
            return None
        status = last.status
        if status is RunStatus.RUNNING and not os.path.exists(self._layout.socket_path):
            # Its engine was killed before it could say how the run ended.
            status = RunStatus.CANCELLED
        duration_s = None if last.ended_at is None else last.ended_at - last.started_at
        counts = last.counts or _count(states)
        summary = RunSummary(run, status, command, last.started_at, duration_s, counts)
        return RunReport(summary, states)


def last_run(layout: Layout) -> tuple[RunState, dict[StageName, StageState]] | None:
    """Returns the newest run that is kept and where it left stages; ``None`` where nothing is known of one.

    For an engine that begins: a run that has not ended was cut off with its engine. What a run found up to date is left
    out, a look tells as much.
    """
    for run_id in journal.runs(layout):
        run: RunState | None = None
        newest = dict[str, Json]()
        for record in journal.read(layout, run_id):
            match record.get("type"), record.get("stage"):
                case "RunStarted" | "RunFinished", _:
                    with contextlib.suppress(ValueError):
                        run = codec.from_json(RunState, record.get("run"))
                case "StageChanged", str(stage):
                    newest[stage] = record.get("state")
                case _:
                    pass
        if run is not None:
            return _ended(layout, run), dict(_left(newest))
    return None


def _ended(layout: Layout, run: RunState) -> RunState:
    if run.ended_at is not None:
        return run
    try:
        ended_at = os.stat(layout.journal_path(run.run_id)).st_mtime
    except OSError:
        ended_at = run.queued_at
    return replace(run, status=RunStatus.CANCELLED, ended_at=ended_at, exit_code=EXIT_INTERRUPTED)


def _left(newest: Mapping[str, Json]) -> Iterator[tuple[StageName, StageState]]:
    for stage, state in newest.items():
        if isinstance(state, dict) and state.get("status") != Status.SAME.value:
            with contextlib.suppress(ValueError):
                known = codec.from_json(StageState, state)
                is_cut_off = known.status is Status.RUNNING
                status = Status.CANCELLED if is_cut_off else known.status
                yield StageName(stage), replace(known, status=status, kill_at=None)


def _count(states: Mapping[StageName, StageState]) -> dict[str, int]:
    counts = dict[str, int]()
    for state in states.values():
        counts[state.status.value] = counts.get(state.status.value, 0) + 1
    return counts
