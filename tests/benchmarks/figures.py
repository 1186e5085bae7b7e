"""The figures that the benchmarks find, each beside the target that it is held to, as a table or as JSON."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    about: str
    """What was measured: the section's name, a colon, the case."""
    value: float
    unit: str
    target: float | None = None
    """The most that the value may be; ``None`` for a figure that only explains others."""

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; ``None`` without one."""
        return None if self.target is None else self.value <= self.target


def lines(figures: Iterable[Figure]) -> Iterator[str]:
    """Yields the table, a line for each figure."""
    yield f"{'':<58} {'':>10} {'':<8} {'at most':>8}"
    for each in figures:
        target, mark = "", ""
        if each.target is not None:
            target, mark = _number(each.target), "ok" if each.is_met else "MISSED"
        yield f"{each.about:<58} {_number(each.value):>10} {each.unit:<8} {target:>8}  {mark}"


def to_json(figures: Iterable[Figure]) -> str:
    """Returns the same for programs."""
    return json.dumps([{**asdict(each), "is_met": each.is_met} for each in figures], indent=1)


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.2f}"
