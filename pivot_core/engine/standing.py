"""Owns what the engine knows and tells: rows, states and problems; each change goes to the journal, then to the bus."""

import os
from collections.abc import Mapping, Sequence

from pivot_core.engine.bus import Bus
from pivot_core.engine.history import RunJournal
from pivot_core.engine.plan import Plan
from pivot_core.errors import DefinitionError, PivotError, StoreError
from pivot_core.model.decision import Status
from pivot_core.model.ids import StageName
from pivot_core.port.events import (
    Event,
    Level,
    Notice,
    PlanBroken,
    PlanChanged,
    RunFinished,
    RunStarted,
    StageChanged,
)
from pivot_core.port.snapshot import EngineInfo, Snapshot
from pivot_core.port.values import (
    Explanation,
    Inputs,
    Problem,
    RunState,
    StageRow,
    StageState,
    Verdict,
)
from pivot_core.store.layout import Layout

_GOOD = (Status.RAN, Status.RESTORED, Status.SAME)
_BAD = (Status.FAILED, Status.BLOCKED, Status.CANCELLED)
_LOOKED = {
    Verdict.UP_TO_DATE: Status.SAME,
    Verdict.WILL_RUN: Status.STALE,
    Verdict.RESTORE: Status.STALE,
    Verdict.BROKEN: Status.STALE,
    Verdict.UNKNOWN: Status.UNKNOWN,
}


class Standing:
    """Where every stage stands; used from the engine's event loop only."""

    def __init__(self, layout: Layout, bus: Bus, notices: list[str]) -> None:
        """``notices`` is where the state leaves what a person should know."""
        self._bus = bus
        self._notices = notices
        self._rows: tuple[StageRow, ...] = ()
        self._states: dict[StageName, StageState] = {}
        self._problems: tuple[Problem, ...] = ()
        self._journal: RunJournal | None = None
        self._before: RunState | None = None
        """The last run of an engine before this one."""
        self.project: str = os.path.basename(layout.root)
        """The pipeline's name, once it is known."""

    def snapshot(
        self, seq: int, engine: EngineInfo, run: RunState | None, queue: tuple[RunState, ...]
    ) -> Snapshot:
        """Returns what the events so far add up to."""
        shown = run or self._before
        return Snapshot(seq, engine, self._rows, dict(self._states), shown, queue, self._problems)

    def recall(self, run: RunState, states: Mapping[StageName, StageState]) -> None:
        """Takes over what the last run of an earlier engine came to, as if it had been this engine's."""
        self._before = run
        self._states.update(states)

    def publish(self, event: Event) -> None:
        """Records an event of the active run, and tells every front end."""
        if self._journal is not None:
            try:
                self._journal.take(event)
            except StoreError as error:
                self._lose_journal(error)
        self._bus.publish(event)

    def changed(self, stage: StageName, state: StageState) -> None:
        """Takes a stage's new state."""
        self._states[stage] = state
        self.publish(StageChanged(stage, state))

    def noted(self, stage: StageName, attempt: int, inputs: Inputs) -> None:
        """Keeps what goes into an attempt; front ends ask for it when they want it."""
        if self._journal is not None:
            try:
                self._journal.note(stage, attempt, inputs)
            except StoreError as error:
                self._lose_journal(error)

    def begin(
        self, run: RunState, states: Mapping[StageName, StageState], journal: RunJournal
    ) -> None:
        """Begins a run, whose stages are all waiting."""
        self._states.update(states)
        self._journal = journal
        expected = {
            name: state.expected_s for name, state in states.items() if state.expected_s is not None
        }
        self.publish(RunStarted(run, expected))
        self._tell_notices()

    def finish(self, run: RunState) -> None:
        """Ends a run, also one that never began."""
        self._tell_notices()
        self.publish(RunFinished(run))
        if self._journal is not None:
            self._journal.end()
            self._journal = None

    def loaded(self, plan: Plan) -> None:
        """Takes the plan as the files say now; front ends hear of it when it is another one."""
        rows = plan.rows()
        self.project = plan.project
        if rows != self._rows or self._problems:
            self._rows, self._problems = rows, ()
            unknown = StageState(Status.UNKNOWN)
            self._states = {row.name: self._states.get(row.name, unknown) for row in rows}
            self.publish(PlanChanged(plan.project, rows, dict(self._states)))
        for caveat in plan.caveats:
            message = f"the definition is loaded anew in each run: {caveat}"
            self.publish(Notice(Level.WARNING, message))

    def broken(self, problems: tuple[Problem, ...]) -> None:
        """Takes the mistakes of a definition that cannot be used; the last good one stays on show."""
        if problems != self._problems:
            self._problems = problems
            self.publish(PlanBroken(problems))

    def looked(
        self, found: Sequence[Explanation], expected_s: Mapping[StageName, float | None]
    ) -> None:
        """Takes what a look at every stage says, where the last run does not say more."""
        for each in found:
            known = self._states.get(each.stage, StageState(Status.UNKNOWN))
            status = _LOOKED[each.verdict]
            if known.status in (_GOOD if status is Status.SAME else _BAD):
                continue
            state = StageState(
                status, reasons=each.reasons, tier=each.tier, expected_s=expected_s[each.stage]
            )
            if state != known:
                self.changed(each.stage, state)
        self._tell_notices()

    def _lose_journal(self, error: StoreError) -> None:
        self._journal = None
        self._notices.append(f"this run gets no history: {error.what}")

    def _tell_notices(self) -> None:
        while self._notices:
            self.publish(Notice(Level.WARNING, self._notices.pop(0)))


def problem_of(error: PivotError) -> tuple[Problem, ...]:
    """Returns an error, and those found together with it, as front ends show them."""
    if isinstance(error, DefinitionError):
        first = Problem(error.what, error.where, error.hint, error.detail)
        return (first, *(each for other in error.others for each in problem_of(other)))
    return (Problem(error.what, error.where, error.hint),)
