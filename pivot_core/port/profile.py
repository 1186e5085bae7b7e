"""Owns where the time of a run went: spans of named steps, some of them in workers."""

from collections import defaultdict
from collections.abc import Mapping

from pivot_core.frozen import frozen

CALL = "the stages' functions"
"""The step that is the user's; all others are Pivot's own."""


@frozen
class Span:
    """One step, once; times are seconds on the machine's monotonic clock."""

    step: str
    began: float
    ended: float
    within: float = 0.0
    """The seconds of other steps inside it."""
    stage: str = ""
    """Empty for what is about no stage in particular."""
    is_in_worker: bool = False

    @property
    def own_s(self) -> float:
        """The seconds that are not those of steps inside it."""
        return max(0.0, self.ended - self.began - self.within)


@frozen
class Total:
    """All of one step."""

    step: str
    times: int
    own_s: float


@frozen
class Profile:
    """Where the time of one command went."""

    began: float
    ended: float
    spans: tuple[Span, ...]
    """In the order in which they ended; steps of several threads and workers overlap."""

    def totals(self) -> list[Total]:
        """Returns each step with its own time, in the order in which they first began."""
        times, seconds = defaultdict[str, int](int), defaultdict[str, float](float)
        for span in sorted(self.spans, key=lambda span: span.began):
            times[span.step] += 1
            seconds[span.step] += span.own_s
        return [Total(step, count, seconds[step]) for step, count in times.items()]

    def by_stage(self) -> Mapping[str, Mapping[str, float]]:
        """Returns for each stage the seconds of each step, those that took longest first."""
        found = defaultdict[str, dict[str, float]](dict)
        for span in self.spans:
            if span.stage:
                steps = found[span.stage]
                steps[span.step] = steps.get(span.step, 0.0) + span.own_s
        return {
            stage: dict(sorted(steps.items(), key=lambda item: -item[1]))
            for stage, steps in found.items()
        }
