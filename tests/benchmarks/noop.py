"""Measures runs in which nothing has changed: by size, beside other tools, with heavy imports, with cold pages."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from tests.benchmarks import cost, graphs, peers
from tests.benchmarks.cost import Cost
from tests.benchmarks.figures import Figure

SIZES = (10, 100, 1000, 2000)
SIZE = 1000
"""The size that heavy cases have."""
_READING = ("status", "verify")
_TARGETS = {"10 stages": 3.0, "1000 stages": 4.0}
"""In P of CPU."""
_COLD_ROUNDS = 3
_PEER_ROUNDS = 3
"""Some of them take many seconds."""
_DROP = "/proc/sys/vm/drop_caches"


@dataclass(frozen=True)
class _Case:
    name: str
    project: str
    command: tuple[str, ...] = ("repro",)


def figures(scratch: str, rounds: int, *, is_big: bool, tools: str = "") -> Iterator[Figure]:
    """Makes the projects, then measures all of them in every round."""
    cases = [
        _Case(f"{size} stages", graphs.project(f"{scratch}/n{size}", size, graphs.one_file))
        for size in SIZES
    ]
    plain = next(case for case in cases if case.name == f"{SIZE} stages")
    cases += [_Case(f"{SIZE} stages, {verb}", plain.project, (verb,)) for verb in _READING]
    heavies = _heavies(scratch, plain.project, is_big=is_big)
    binary = shutil.which("ninja")
    ninja = graphs.ninja(f"{scratch}/ninja", SIZE) if binary else ""
    others = tuple(peers.prepare(f"{scratch}/peers", SIZE, tools))
    bare, yard, costs = list[Cost](), list[Cost](), dict[str, list[Cost]]()
    for number in range(rounds):
        bare.append(cost.measure(cost.BARE, scratch))
        if binary:
            yard.append(cost.measure((binary,), ninja))
        for case in (*cases, *heavies):
            costs.setdefault(case.name, []).append(cost.pivot(case.project, *case.command))
        for peer in others if number < _PEER_ROUNDS else ():
            costs.setdefault(peer.name, []).append(peer.measure())
    found = {name: cost.medians(each) for name, each in costs.items()}
    p = cost.medians(bare).cpu_s
    yield Figure("no-op: P, CPU of `python -I -c pass`", p * 1000, "ms")
    for case in (*cases, *heavies):
        mine = found[case.name]
        yield Figure(f"no-op: {case.name}, CPU", mine.cpu_s / p, "P", _TARGETS.get(case.name))
        yield Figure(f"no-op: {case.name}, wall", mine.wall_s * 1000, "ms")
    least, most = f"{SIZES[0]} stages", f"{SIZES[-1]} stages"
    slope = (found[most].cpu_s - found[least].cpu_s) / (SIZES[-1] - SIZES[0])
    yield Figure("no-op: slope, CPU", slope * 1e6, "µs/stage", 20)
    yield Figure(
        f"no-op: {plain.name}, peak memory", found[plain.name].memory_bytes / 2**20, "MiB", 30
    )
    if yard:
        base = cost.medians(yard)
        yield Figure(f"no-op: {SIZE} stages, ninja, CPU", base.cpu_s / p, "P")
        yield Figure(f"no-op: {plain.name}, CPU", found[plain.name].cpu_s / base.cpu_s, "ninja", 10)
        yield Figure(f"no-op: {plain.name}, wall", found[plain.name].wall_s / base.wall_s, "ninja")
    for peer in others:
        yield Figure(f"no-op: {SIZE} stages, {peer.name}, CPU", found[peer.name].cpu_s / p, "P")
    for case in heavies:
        times = found[case.name].cpu_s / found[plain.name].cpu_s
        yield Figure(f"no-op: {case.name}, CPU", times, "× plain", 1.1)
    yield from _cold(plain.project, ninja, found[plain.name].cpu_s)


def _heavies(scratch: str, plain: str, *, is_big: bool) -> list[_Case]:
    """Makes the projects that must cost no more than a plain one."""
    changes: dict[str, tuple[str, Callable[[str], None]]] = {
        "heavy": ("importing a module of 0.5 s", graphs.heavy)
    }
    if _imports("pandas"):
        changes["pandas"] = ("importing pandas", graphs.importing("import pandas"))
    if is_big:
        changes["large"] = ("a dep of 4 GiB", graphs.large)
    return [
        _Case(f"{SIZE} stages, {said}", graphs.changed(f"{scratch}/{name}", plain, change))
        for name, (said, change) in changes.items()
    ]


def _imports(module: str) -> bool:
    done = subprocess.run(
        [sys.executable, "-c", f"import {module}"], capture_output=True, check=False
    )
    return done.returncode == 0


def _cold(project: str, ninja: str, warm_s: float) -> Iterator[Figure]:
    """Measures the first run of the day: nothing is in the page cache; only root can make that so.

    Looking up files that are not in memory costs the kernel CPU, whoever looks: hence the yardsticks are cold too.
    """
    if not os.access(_DROP, os.W_OK):
        return
    commands: dict[str, tuple[Sequence[str], str]] = {
        "P": (cost.BARE, project),
        "repro": ((cost.PIVOT, "repro"), project),
    }
    if ninja:
        commands["ninja"] = ((shutil.which("ninja") or "ninja",), ninja)
    costs = {name: list[Cost]() for name in commands}
    for _ in range(_COLD_ROUNDS):
        for name, (command, directory) in commands.items():
            os.sync()
            with open(_DROP, "w", encoding="ascii") as file:
                file.write("3")
            costs[name].append(cost.measure(command, directory))
    found = {name: cost.medians(each) for name, each in costs.items()}
    mine, case = found["repro"], "no-op: first run of the day"
    yield Figure(f"{case}, CPU", mine.cpu_s / found["P"].cpu_s, "cold P", 4 * 1.1)
    yield Figure(f"{case}, CPU", mine.cpu_s / warm_s, "× plain")
    for name, each in found.items():
        yield Figure(f"{case}, {name}, CPU", each.cpu_s * 1000, "ms")
        yield Figure(f"{case}, {name}, wall", each.wall_s * 1000, "ms")
    if ninja:
        times = mine.cpu_s / found["ninja"].cpu_s
        yield Figure(f"{case}, CPU", times, "ninja", 10)
