"""Owns what would run if a file or a definition changed: the stages that depend on it, and those downstream of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from pivot_core.model.fingerprint import Analysis, ReadingKind, reading_of
from pivot_core.model.graph import Graph
from pivot_core.model.ids import StageName
from pivot_core.model.impact import Affected, Bond, Impact
from pivot_core.model.stage import Stage

PARAMS_FILE = "params.yaml"
IGNORE_FILE = ".pivotignore"

_FILES = (ReadingKind.FILE, ReadingKind.LISTING, ReadingKind.TEST, ReadingKind.SCRIPT)

type Analyses = Mapping[StageName, Analysis]


def of_symbols(graph: Graph, analyses: Analyses, target: str, names: Sequence[str]) -> Impact:
    """Returns what follows from a change of some symbols."""
    direct = [
        found for name in graph.stages if (found := _by_code(name, analyses[name], set(names)))
    ]
    return Impact(target, tuple(names), tuple(direct), _downstream(graph, direct))


def of_path(
    graph: Graph,
    analyses: Analyses,
    target: str,
    path: str,
    locks: Mapping[StageName, str],
    *,
    is_loaded: bool,
    is_there: bool = True,
) -> Impact:
    """Returns what follows from a change of a file, or of anything below a directory.

    ``path`` and the values of ``locks`` are relative to the project, or absolute like those of source files outside
    it; ``is_loaded`` says whether loading the definition reads it, ``is_there`` whether there is such a file.
    """
    direct = list[Affected]()
    for name, stage in graph.stages.items():
        analysis = analyses[name]
        symbols = {
            symbol
            for symbol, place in analysis.locations
            if _is_read(symbol, path, is_there=is_there)
            or (_is_written(symbol) and _holds(path, place.file))
        }
        found = _by_code(name, analysis, symbols) or _by_file(stage, path, locks[name])
        if found is not None:
            direct.append(found)
    makers = tuple(
        name
        for name, stage in graph.stages.items()
        if any(_holds(out, path) or _holds(path, out) for out in stage.out_paths)
    )
    return Impact(target, (), tuple(direct), _downstream(graph, direct), makers, is_loaded)


def named(analyses: Analyses, target: str) -> tuple[str, ...]:
    """Returns the symbols that a name stands for, among those that stages reach; none for an unknown one.

    ``lib.shapes:Circle``, ``lib.shapes.Circle``, ``lib/shapes.py:Circle``, ``Circle`` where it is enough, each also
    with attributes behind it (a class counts as a whole), and ``lib.shapes`` for all that the module defines.
    """
    places = {symbol: where.file for each in analyses.values() for symbol, where in each.locations}
    for name in candidates(target):
        if name in places:
            return (name,)
    file, colon, label = target.rpartition(":")
    label = label.partition(".")[0]
    module = f"{target}:"
    return tuple(
        sorted(
            symbol
            for symbol, place in places.items()
            if (place == file and symbol.endswith(f":{label}"))
            or (not colon and (symbol.endswith(f":{target}") or symbol.startswith(module)))
        )
    )


def candidates(target: str) -> Iterator[str]:
    """Yields the symbols that a dotted name may mean: ``a.b:c`` and ``a:b`` for ``a.b.c``."""
    module, colon, name = target.partition(":")
    if colon:
        yield f"{module}:{name.partition('.')[0]}"
        return
    parts = target.split(".")
    for end in range(len(parts) - 1, 0, -1):
        yield f"{'.'.join(parts[:end])}:{parts[end]}"


def vocabulary(graph: Graph, analyses: Analyses) -> set[str]:
    """Returns everything that can be asked for, to find the nearest name for an unknown one."""
    symbols = {symbol for each in analyses.values() for symbol, _ in each.locations}
    plain = [symbol for symbol in symbols if reading_of(symbol) is None]
    return {
        *(symbol.replace(":", ".") for symbol in plain),
        *(symbol.partition(":")[2] for symbol in plain),
        *plain,
        *(where.file for each in analyses.values() for _, where in each.locations),
        *(path for stage in graph.stages.values() for path in (*stage.dep_paths, *stage.out_paths)),
        *(stage.defined.file for stage in graph.stages.values()),
        PARAMS_FILE,
    }


def _by_code(name: StageName, analysis: Analysis, symbols: Iterable[str]) -> Affected | None:
    """Returns how a stage's function uses one of ``symbols``, most directly; ``None`` when it uses none."""
    reached = {symbol for symbol, _ in analysis.locations}.intersection(symbols)
    routes = [analysis.route(symbol) or (symbol,) for symbol in sorted(reached)]
    return Affected(name, Bond.CODE, min(routes, key=len)) if routes else None


def _by_file(stage: Stage, path: str, lock: str) -> Affected | None:
    for dep in stage.dep_paths:
        if _holds(dep, path) or _holds(path, dep):
            return Affected(stage.name, Bond.INPUT, (dep,))
    home = stage.func.base
    own = f"{home}/{PARAMS_FILE}" if home else PARAMS_FILE
    is_overridden = path in (PARAMS_FILE, own) and stage.params_param is not None
    if is_overridden or (stage.command is not None and path in stage.command.param_files):
        return Affected(stage.name, Bond.PARAMS, ())
    if _holds(path, stage.defined.file):
        return Affected(stage.name, Bond.DEFINITION, ())
    if _holds(path, lock):
        return Affected(stage.name, Bond.LOCK, ())
    directories = [dep for dep in stage.dep_paths if dep.endswith("/")]
    if path == IGNORE_FILE and directories:
        return Affected(stage.name, Bond.IGNORE, (directories[0],))
    return None


def _is_written(symbol: str) -> bool:
    """Tells whether a symbol stands for something that the author wrote at its place."""
    kind, _ = reading_of(symbol) or (None, "")
    return kind in (None, ReadingKind.COMMAND)


def _is_read(symbol: str, path: str, *, is_there: bool) -> bool:
    """Tells whether a symbol is a script, or a value that code took from the file on import.

    One that is not there yet changes what a listing of its directory gives.
    """
    kind, name = reading_of(symbol) or (None, "")
    is_listed = kind is ReadingKind.LISTING and not is_there
    return kind in _FILES and (_holds(path, name) or (is_listed and _holds(name, path)))


def _holds(path: str, inner: str) -> bool:
    """Tells whether ``inner`` is ``path``, or lies below it."""
    plain = path.removesuffix("/")
    if plain == ".":
        return not inner.startswith(("/", "../"))
    return inner.removesuffix("/") == plain or inner.startswith(f"{plain}/")


def _downstream(graph: Graph, direct: Sequence[Affected]) -> tuple[Affected, ...]:
    """Returns the stages that follow from others, each with the shortest way to it."""
    ways: dict[StageName, tuple[StageName, ...]] = {each.stage: (each.stage,) for each in direct}
    pending = list(ways)
    for name in pending:
        for child in graph.downstream[name]:
            if child not in ways:
                ways[child] = (*ways[name], child)
                pending.append(child)
    known = {each.stage for each in direct}
    return tuple(
        Affected(name, Bond.UPSTREAM, ways[name])
        for name in graph.stages
        if name in ways and name not in known
    )
