"""Owns what a run that watching began puts on show: only what it touches; pure.

A person did not ask for it just now, and most of it finds nothing to do. What it finds up to date stays as it was shown
before, with the run that made it and that run's log; what lies below a stage that it touches waits.
"""

from collections import defaultdict
from collections.abc import Mapping

from pivot_core.port import RunState, StageName, StageRow, StageState, Status

GOOD = frozenset({Status.RAN, Status.RESTORED, Status.SAME})
"""Of a stage that stands like this, being up to date is no news."""
_BAD = frozenset({Status.FAILED, Status.BLOCKED, Status.CANCELLED})
"""Of a stage that stands like this it is."""


class Quiet:
    """One run, from its start to its end."""

    def __init__(
        self,
        run: RunState,
        expected_s: Mapping[StageName, float],
        states: Mapping[StageName, StageState],
    ) -> None:
        """``states`` is what is on show when it starts."""
        self.run: RunState = run
        self.is_on_show: bool = False
        """Whether it touched anything so far; until then the run before it stays on show."""
        self._expected_s: Mapping[StageName, float] = expected_s
        self._kept: dict[StageName, StageState] = {
            name: states[name]
            for name in run.stages
            if name in states and states[name].status in GOOD
        }
        self._below: dict[StageName, list[StageName]] = {}

    def take(
        self,
        stage: StageName,
        state: StageState,
        states: Mapping[StageName, StageState],
        stages: Mapping[StageName, StageRow],
    ) -> dict[StageName, StageState]:
        """Returns what changes on show when a stage of the run has a new state."""
        shown = states.get(stage)
        if state.status is Status.SAME and (shown is None or shown.status not in _BAD):
            return {stage: self._kept.setdefault(stage, state)}
        found = dict[StageName, StageState]()
        if not self.is_on_show:
            self.is_on_show = True
            self._look_down(stages)
            found |= {name: self._waits(name) for name in self.run.stages if name not in self._kept}
        reached = [stage]
        while reached:
            for name in self._below.get(reached.pop(), ()):
                if name not in found and states.get(name) is self._kept.get(name):
                    found[name] = self._waits(name)
                    reached.append(name)
        return found | {stage: state}

    def _look_down(self, stages: Mapping[StageName, StageRow]) -> None:
        below = defaultdict[StageName, list[StageName]](list)
        for name in self.run.stages:
            for parent in stages[name].upstream if name in stages else ():
                below[parent].append(name)
        self._below = below

    def _waits(self, stage: StageName) -> StageState:
        return StageState(Status.WAIT, self.run.run_id, expected_s=self._expected_s.get(stage))
