"""Owns which outs and run-cache entries a project's lock files name: what transfers concern, and garbage does not."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from pivot_core.engine import tracking
from pivot_core.engine.observe import run_cache_record
from pivot_core.frozen import frozen
from pivot_core.model.artifact import Content, FileContent
from pivot_core.model.graph import Graph, Selection, meanings
from pivot_core.model.ids import ArtifactPath, ContentHash, StageName
from pivot_core.model.lock import Lock
from pivot_core.model.stage import Stage
from pivot_core.plan.select import select
from pivot_core.store import lockfile
from pivot_core.store.layout import Layout
from pivot_core.store.tracked import Tracked

if TYPE_CHECKING:
    from pivot_core.engine.plan import Plan


class Named(NamedTuple):
    """One object, and where it belongs."""

    path: str
    """The artifact, with the member's name for a directory."""
    size_bytes: int


@frozen
class Holding:
    """One cached out as its lock file has it, or tracked data as its record has it."""

    stage: StageName
    """Empty for tracked data."""
    path: ArtifactPath
    content: Content


@frozen
class Chosen:
    """What the targets of a transfer mean."""

    stages: tuple[StageName, ...]
    """In topological order."""
    paths: Mapping[StageName, frozenset[ArtifactPath]]
    """Of stages that are meant for some of their outs alone."""
    tracked: tuple[Tracked, ...] = ()

    def has(self, stage: StageName, path: ArtifactPath) -> bool:
        """Tells whether an out is meant."""
        return stage not in self.paths or path in self.paths[stage]


def choose(layout: Layout, plan: "Plan", targets: Sequence[str], selection: Selection) -> Chosen:
    """Returns what is meant: a stage with all its outs, and by ``selection`` what it needs; an out alone; tracked data.

    Raises ``UsageError`` for a target that is none of these.
    """
    graph = plan.graph
    known = tracking.known(layout, graph)
    data, others = tracking.split(known, targets) if targets else (known, ())
    if data and targets and not others:
        return Chosen((), {}, tuple(data))
    chosen = _choose(graph, others, selection)
    if selection is not Selection.ONLY:
        read = [path for name in chosen.stages for path in graph.stages[name].dep_paths]
        data += [each for each in tracking.read_by(known, read) if each not in data]
    return replace(chosen, tracked=tuple(data))


def _choose(graph: Graph, targets: Sequence[str], selection: Selection) -> Chosen:
    outs = {path: name for name, stage in graph.stages.items() for path in stage.out_paths}
    alone = dict[StageName, set[ArtifactPath]]()
    names = list[str]()
    for target in targets:
        path = next(filter(None, (_out(graph, outs, each) for each in meanings(target))), None)
        if path is not None:
            alone.setdefault(outs[path], set()).add(path)
        else:
            names.append(target)
    whole = set(select(graph, names, selection)) if names or not targets else set[StageName]()
    stages = tuple(name for name in graph.stages if name in whole or name in alone)
    return Chosen(
        stages, {name: frozenset(paths) for name, paths in alone.items() if name not in whole}
    )


def _out(graph: Graph, outs: Mapping[ArtifactPath, StageName], target: str) -> ArtifactPath | None:
    """Returns the out that a target is the path of, where no stage goes by that name."""
    path = ArtifactPath(target if target in outs else target.rstrip("/") + "/")
    return path if target not in graph.stages and path in outs else None


def locks(layout: Layout, stages: Iterable[StageName]) -> dict[StageName, Lock]:
    """Returns the lock files of those stages that have one which can be believed; raises ``StoreError``."""
    read = {name: lockfile.read(layout.lock_path(name), name) for name in stages}
    return {name: lock for name, lock in read.items() if isinstance(lock, Lock)}


def holdings(plan: "Plan", known: Mapping[StageName, Lock], chosen: Chosen) -> list[Holding]:
    """Returns the cached outs that the chosen stages have by their lock files, and the chosen tracked data."""
    found = list[Holding]()
    for name, lock in known.items():
        kept = {out.path for out in plan.graph.stages[name].outs if out.is_cached}
        found += [
            Holding(name, path, content)
            for path, content in lock.outs.items()
            if path in kept and chosen.has(name, path)
        ]
    found += [Holding(tracking.NOBODY, each.path, each.content) for each in chosen.tracked]
    return found


def objects(held: Iterable[Holding]) -> dict[ContentHash, Named]:
    """Returns the objects of outs, each with the first place where it belongs."""
    found = dict[ContentHash, Named]()
    for each in held:
        for path, file in files(each.path, each.content):
            found.setdefault(file.hash, Named(path, file.size_bytes))
    return found


def files(path: str, content: Content) -> Iterator[tuple[str, FileContent]]:
    """Yields the files of an artifact with the place of each."""
    if isinstance(content, FileContent):
        yield path, content
    else:
        for name, file in content.files:
            yield path + name, file


def absent_inputs(
    layout: Layout, plan: "Plan", name: StageName
) -> Iterator[tuple[ArtifactPath, Content]]:
    """Yields the inputs of a stage that lie nowhere and that no stage makes, with what they held when it last ran."""
    missing = [
        path
        for path in plan.graph.stages[name].dep_paths
        if not plan.graph.producers[path] and not os.path.lexists(layout.absolute(path))
    ]
    lock = lockfile.read(layout.lock_path(name), name) if missing else None
    if isinstance(lock, Lock):
        yield from ((path, lock.deps[path]) for path in missing if path in lock.deps)


def run_key(stage: Stage, lock: Lock) -> str | None:
    """Returns the state's key of the run-cache entry for what a lock file says went in.

    ``None`` where the definition has other inputs by now, or the stage makes no entries.
    """
    if stage.is_incremental or any(path not in lock.deps for path in stage.dep_paths):
        return None
    then = replace(stage, params=lock.params)
    return run_cache_record(then, lock.fingerprint.digest, lock.deps)


def run_keys(plan: "Plan", known: Mapping[StageName, Lock]) -> list[str]:
    """Returns the keys of the run-cache entries that some lock files stand for."""
    keys = [run_key(plan.graph.stages[name], lock) for name, lock in known.items()]
    return [key for key in keys if key is not None]
