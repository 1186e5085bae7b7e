"""Measures what it takes to find and run the one stage of a thousand whose code was edited."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.benchmarks import cost, graphs
from tests.benchmarks.cost import Cost
from tests.benchmarks.figures import Figure

SIZE = 1000
TARGET = 10
"""In P of CPU, over a no-op and the user's own imports."""
_SHAPES: dict[str, Callable[[str, int], None]] = {
    "functions": graphs.one_file,
    "modules": graphs.modules,
}


@dataclass
class _Rounds:
    edited: list[Cost] = field(default_factory=list[Cost])
    noop: list[Cost] = field(default_factory=list[Cost])
    imports: list[Cost] = field(default_factory=list[Cost])
    """What importing the definition takes, whoever does it: edited, its modules that are as before byte-compiled."""


def figures(scratch: str, rounds: int) -> Iterator[Figure]:
    """Edits the last stage of each project in every round; the definition's own import is measured apart."""
    projects = {
        name: graphs.project(f"{scratch}/{name}", SIZE, write) for name, write in _SHAPES.items()
    }
    found = {name: _Rounds() for name in projects}
    bare, names = list[Cost](), list[Cost]()
    now = int(time.time())  # no edit repeats one of an earlier benchmark
    for version in range(now, now + rounds):
        bare.append(cost.measure(cost.BARE, scratch))
        names.append(cost.measure((sys.executable, "-c", graphs.NAMES), scratch))
        for name, root in projects.items():
            _round(root, version, found[name])
    p, authoring = cost.medians(bare).cpu_s, cost.medians(names).cpu_s
    yield Figure("leaf: P, CPU of `python -I -c pass`", p * 1000, "ms")
    for name, each in found.items():
        edited, noop = cost.medians(each.edited), cost.medians(each.noop)
        imports = cost.medians(each.imports).cpu_s - authoring
        over = edited.cpu_s - noop.cpu_s - imports
        case = f"leaf: {SIZE} {name}"
        yield Figure(f"{case}, CPU", edited.cpu_s / p, "P")
        yield Figure(f"{case}, wall", edited.wall_s * 1000, "ms")
        yield Figure(f"{case}, no-op, CPU", noop.cpu_s / p, "P")
        yield Figure(f"{case}, the user's imports, CPU", imports / p, "P")
        yield Figure(f"{case}, CPU over no-op and imports", over / p, "P", TARGET)


def _round(root: str, version: int, found: _Rounds) -> None:
    graphs.edit(root, SIZE - 1, version)
    edited = cost.pivot(root, "repro")
    if "1 ran" not in edited.out:
        sys.exit(f"one stage was edited, and `pivot repro` says in {root}:\n{edited.out}")
    found.edited.append(edited)
    found.imports.append(cost.measure((sys.executable, "-c", "import pipeline"), root))
    cost.pivot(root, "repro")  # settles what is too young to be believed
    found.noop.append(cost.pivot(root, "repro"))
