"""Owns the graph that emerges from the artifacts: who reads what whom writes, in which order, and what forbids it."""

import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from enum import Enum

from pivot_core.errors import DefinitionError, UsageError
from pivot_core.frozen import frozen
from pivot_core.model.ids import ArtifactPath, StageName
from pivot_core.model.stage import Stage


@frozen
class Graph:
    """All stages of a project with their edges; acyclic, each path written by one stage."""

    stages: Mapping[StageName, Stage]
    """In a topological order that keeps the order of definition where it can."""
    upstream: Mapping[StageName, tuple[StageName, ...]]
    """The stages whose outs a stage reads, in the order of ``stages``."""
    downstream: Mapping[StageName, tuple[StageName, ...]]
    producers: Mapping[ArtifactPath, tuple[StageName, ...]]
    """For each dep path: the stages that write it, a part of it, or the directory around it."""

    def ancestors(self, names: Iterable[StageName]) -> set[StageName]:
        """Returns ``names`` and everything upstream of them."""
        return _closure(names, self.upstream)

    def descendants(self, names: Iterable[StageName]) -> set[StageName]:
        """Returns ``names`` and everything downstream of them."""
        return _closure(names, self.downstream)

    def resolve(self, target: str) -> tuple[StageName, ...]:
        """Returns the stages that ``target`` names: a stage, all variants of one, a pipeline, or who writes a path.

        A stage goes by the directory of its pipeline and its name, too. Raises ``UsageError`` with the nearest known
        name for anything else.
        """
        for meaning in meanings(target):
            found = (
                self._named(meaning)
                or self._in_pipeline(meaning)
                or self._writing(meaning)
                or self.pipeline(meaning)
            )
            if found:
                return found
        name = target.rpartition(HERE)[2]
        alike = [f"'{known}'" for known in self.stages if known.endswith(f"/{name}")]
        known = [*self.stages, *(out for stage in self.stages.values() for out in stage.out_paths)]
        near = alike or [f"'{each}'" for each in get_close_matches(name, known, n=1)]
        hint = f"did you mean {' or '.join(near)}?" if near else "`pivot list` shows the stages"
        raise UsageError(f"no stage or output '{name}'", hint=hint)

    def _named(self, target: str) -> tuple[StageName, ...]:
        name = StageName(target)
        if name in self.stages:
            return (name,)
        return tuple(known for known in self.stages if known.startswith(f"{target}@")) or tuple(
            known
            for known, stage in self.stages.items()
            if stage.func.base and _is_variant(f"{stage.func.base}/{known}", target)
        )

    def _in_pipeline(self, target: str) -> tuple[StageName, ...]:
        if not (target.endswith("/") or target == "."):
            return ()
        return self.pipeline("" if target in (".", "./") else target.removeprefix("./").rstrip("/"))

    def pipeline(self, home: str) -> tuple[StageName, ...]:
        """Returns the stages that are registered in a project-relative directory; where there are none, below it."""
        homes = {name: stage.homes for name, stage in self.stages.items()}
        return tuple(name for name in homes if home in homes[name]) or tuple(
            name for name in homes if any(each.startswith(f"{home}/") for each in homes[name])
        )

    def _writing(self, target: str) -> tuple[StageName, ...]:
        path = target.removeprefix("./")
        return tuple(
            known
            for known, stage in self.stages.items()
            if any(_touches(path, out) or path == out.removesuffix("/") for out in stage.out_paths)
        )


HERE = "//"
"""Stands between the directory in which a target was typed and what was typed; in no artifact's path."""


def meanings(target: str) -> Iterator[str]:
    """Yields what a target may mean, seen from the directory in which it was typed, the nearest first.

    ``a/b//x`` is ``a/b/x``, else ``a/x``, else ``x``; any other target means itself.
    """
    place, _, name = target.rpartition(HERE)
    while place:
        yield f"{place}/{name}"
        place = place.rpartition("/")[0]
    yield name


NOTHING = Graph({}, {}, {}, {})
"""The graph of a project without stages."""


class Selection(Enum):
    """Which stages a request means by its targets."""

    UPSTREAM = "upstream"
    """The targets and everything that they need."""
    ONLY = "only"
    """The targets alone, one after the other in the given order."""
    DOWNSTREAM = "downstream"
    """The targets and everything that follows from them."""
    BOTH = "both"
    """The targets, what follows from them, and everything that those need."""


@frozen
class OutlineRow:
    """One line of the graph drawn as a tree."""

    stage: StageName
    depth: int
    others: tuple[StageName, ...]
    """Upstreams besides the one that the row stands under."""


def build(stages: Iterable[Stage]) -> Graph:
    """Returns the graph of ``stages``.

    Raises ``DefinitionError`` that reports together: two stages of one name, two that write one path (also paths that
    differ only by case or Unicode form), an out inside another's directory, and cycles, each shown as a path.
    """
    given = list(stages)
    problems = _name_clashes(given) + _path_clashes(given)
    if problems:
        raise DefinitionError(*problems[0].args, others=tuple(problems[1:]))
    by_name = {stage.name: stage for stage in given}
    writers = _Writers(given)
    producers = dict[ArtifactPath, tuple[StageName, ...]]()
    edges = dict[StageName, tuple[StageName, ...]]()
    for stage in given:
        found = dict[StageName, None]()
        for path in stage.dep_paths:
            if path not in producers:
                producers[path] = writers.of(path)
            found.update(dict.fromkeys(producers[path]))
        edges[stage.name] = tuple(found)
    order = _sort(by_name, edges)
    rank = {name: index for index, name in enumerate(order)}
    upstream = {name: tuple(sorted(edges[name], key=rank.__getitem__)) for name in order}
    downstream = {name: list[StageName]() for name in order}
    for name in order:
        for parent in upstream[name]:
            downstream[parent].append(name)
    return Graph(
        {name: by_name[name] for name in order},
        upstream,
        {name: tuple(children) for name, children in downstream.items()},
        producers,
    )


def outline(
    names: Iterable[StageName], upstream: Mapping[StageName, tuple[StageName, ...]]
) -> list[OutlineRow]:
    """Lays the graph out as rows of a tree: each stage once, below its parent on the longest path.

    ``names`` is in topological order; an upstream outside ``names`` is ignored.
    """
    known = dict.fromkeys(names)
    depth = dict[StageName, int]()
    children = dict[StageName | None, list[StageName]]()
    others = dict[StageName, tuple[StageName, ...]]()
    for name in known:
        parents = [parent for parent in upstream[name] if parent in known]
        deepest = max(parents, key=depth.__getitem__, default=None)
        depth[name] = 0 if deepest is None else depth[deepest] + 1
        children.setdefault(deepest, []).append(name)
        others[name] = tuple(parent for parent in parents if parent != deepest)
    rows = list[OutlineRow]()
    pending = list(reversed(children.get(None, [])))
    while pending:
        name = pending.pop()
        rows.append(OutlineRow(name, depth[name], others[name]))
        pending.extend(reversed(children.get(name, [])))
    return rows


class _Writers:
    """Finds the stages that write a path; sorted so that each look-up costs its matches, not all outs."""

    def __init__(self, stages: list[Stage]) -> None:
        self._files: dict[str, StageName] = {}
        self._below: dict[str, dict[StageName, None]] = {}
        for stage in stages:
            for out in stage.out_paths:
                self._files[out.removesuffix("/")] = stage.name
                parts = out.removesuffix("/").split("/")
                for end in range(1, len(parts)):
                    self._below.setdefault("/".join(parts[:end]), {})[stage.name] = None

    def of(self, path: ArtifactPath) -> tuple[StageName, ...]:
        """Returns the writers of ``path`` itself, of a directory around it, or of files below it."""
        plain = path.removesuffix("/")
        parts = plain.split("/")
        around = ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]
        found = {self._files[part]: None for part in around if part in self._files}
        if path.endswith("/"):
            found.update(self._below.get(plain, {}))
        return tuple(found)


def _is_variant(name: str, target: str) -> bool:
    return name == target or name.startswith(f"{target}@")


def _touches(path: str, out: str) -> bool:
    """Tells whether ``out`` is ``path``, lies below it, or is a directory around it."""
    return (
        out == path
        or (path.endswith("/") and out.startswith(path))
        or (out.endswith("/") and path.startswith(out))
    )


def _closure(
    names: Iterable[StageName], edges: Mapping[StageName, tuple[StageName, ...]]
) -> set[StageName]:
    found = set(names)
    pending = list(found)
    while pending:
        for name in edges[pending.pop()]:
            if name not in found:
                found.add(name)
                pending.append(name)
    return found


def _name_clashes(stages: list[Stage]) -> list[DefinitionError]:
    first = dict[StageName, Stage]()
    problems = list[DefinitionError]()
    for stage in stages:
        other = first.setdefault(stage.name, stage)
        if other is not stage:
            problems.append(
                DefinitionError(
                    f"two stages are named '{stage.name}'",
                    f"{other.defined} and {stage.defined}",
                    "give one of them another name with `name=` or `variant=`",
                )
            )
    return problems


def _path_clashes(stages: list[Stage]) -> list[DefinitionError]:
    problems = list[DefinitionError]()
    owners = dict[str, tuple[Stage, ArtifactPath]]()
    for stage in stages:
        for path in stage.out_paths:
            key = _folded(path.removesuffix("/"))
            if key in owners:
                problems.append(_same_path(owners[key], (stage, path)))
            else:
                owners[key] = (stage, path)
    for stage, path in owners.values():
        parts = _folded(path.removesuffix("/")).split("/")
        for end in range(1, len(parts)):
            around = owners.get("/".join(parts[:end]))
            if around is not None:
                problems.append(_inside(around, (stage, path)))
    return problems


def _folded(path: str) -> str:
    """Two names that fold to the same text are one file on some file systems."""
    return unicodedata.normalize("NFC", path).casefold()


def _same_path(one: tuple[Stage, ArtifactPath], two: tuple[Stage, ArtifactPath]) -> DefinitionError:
    if one[0] is two[0]:
        what = f"stage '{one[0].name}' writes '{two[1]}' twice"
    elif one[1] == two[1]:
        what = f"two stages write '{one[1]}'"
    else:
        what = f"'{one[1]}' and '{two[1]}' are one file where names ignore case or Unicode form"
    return DefinitionError(what, _where(one[0], two[0]), "give one of them another path")


def _inside(
    around: tuple[Stage, ArtifactPath], within: tuple[Stage, ArtifactPath]
) -> DefinitionError:
    return DefinitionError(
        f"output '{within[1]}' lies inside output '{around[1]}'",
        _where(around[0], within[0]),
        f"write '{within[1]}' to a place outside '{around[1]}'",
    )


def _where(one: Stage, two: Stage) -> str:
    if one is two:
        return f"stage '{one.name}' ({one.defined})"
    return f"stages '{one.name}' and '{two.name}' ({one.defined}, {two.defined})"


def _sort(
    stages: Mapping[StageName, Stage], edges: Mapping[StageName, tuple[StageName, ...]]
) -> list[StageName]:
    """Returns a topological order by depth-first search; raises ``DefinitionError`` for the cycles it meets."""
    order = list[StageName]()
    state = dict[StageName, bool]()  # False while on the path, True when ordered
    cycles = list[DefinitionError]()
    for root in stages:
        if root in state:
            continue
        path = [(root, iter(edges[root]))]
        state[root] = False
        while path:
            name, parents = path[-1]
            parent = next(parents, None)
            if parent is None:
                state[name] = True
                order.append(name)
                path.pop()
            elif parent not in state:
                state[parent] = False
                path.append((parent, iter(edges[parent])))
            elif not state[parent]:
                names = [step for step, _ in path]
                cycles.append(_cycle(stages, names[names.index(parent) :]))
    if cycles:
        raise DefinitionError(*cycles[0].args, others=tuple(cycles[1:]))
    return order


def _cycle(stages: Mapping[StageName, Stage], names: list[StageName]) -> DefinitionError:
    """Shows the cycle in the direction in which data flows."""
    shown = list(reversed(names))
    closed = " → ".join([*shown, shown[0]])
    what = (
        f"stage '{names[0]}' reads its own output"
        if len(names) == 1
        else f"stages depend on each other: {closed}"
    )
    where = ", ".join(f"'{name}' ({stages[name].defined})" for name in shown)
    return DefinitionError(what, where, "remove or rename one of the inputs that closes the cycle")
