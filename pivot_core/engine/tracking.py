"""Owns tracked data in a project: what may be tracked, what targets mean of it, how it stands in the workspace."""

import os
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pivot_core.engine.observe import Observer, touches
from pivot_core.errors import StoreError, UsageError
from pivot_core.model import ids, suggestion
from pivot_core.model.artifact import Missing
from pivot_core.model.graph import Graph, meanings
from pivot_core.model.ids import ArtifactPath, StageName
from pivot_core.port.values import Action, Change, TrackedRow, TrackedState
from pivot_core.store import gitignore, tracked
from pivot_core.store.cache import Cache
from pivot_core.store.ignore import Ignore
from pivot_core.store.layout import Layout
from pivot_core.store.tracked import Tracked

if TYPE_CHECKING:
    from pivot_core.store.config import Config

NOBODY = StageName("")
"""Stands where others name the stage that an artifact belongs to."""


# --- what is tracked -------------------------------------------------------------------------------------------------


def known(layout: Layout, graph: Graph) -> list[Tracked]:
    """Returns everything that is tracked in the project.

    Raises ``StoreError`` for a record that is not sound, ``UsageError`` for one of what a stage makes by now.
    """
    found = tracked.find(layout.root, Ignore.load(layout.root))
    for each in found:
        maker = _maker(graph, each.path)
        if maker is not None:
            raise UsageError(
                f"'{each.path}' is tracked, and stage '{maker}' makes it",
                tracked.record_path(each.path),
                f"`pivot track --remove {each.path}` leaves it to the stage",
            )
    return found


class Named(NamedTuple):
    """What targets mean."""

    data: list[Tracked]
    others: tuple[str, ...]
    """Targets that name no tracked data."""


def choose(layout: Layout, graph: Graph, targets: Sequence[str]) -> Named:
    """Returns the tracked data that targets name, or their stages read; everything without targets."""
    found = known(layout, graph)
    if not targets:
        return Named(found, ())
    data, others = split(found, targets)
    stages = {stage for target in others for stage in graph.resolve(target)}
    read = [path for name in graph.ancestors(stages) for path in graph.stages[name].dep_paths]
    return Named([*data, *(each for each in read_by(found, read) if each not in data)], others)


def split(
    found: Iterable[Tracked], targets: Sequence[str]
) -> tuple[list[Tracked], tuple[str, ...]]:
    """Returns what targets mean of the tracked data, a directory with all in it, and the targets that mean none."""
    data, named = list(found), set[str]()
    chosen = dict[ArtifactPath, Tracked]()
    for target in targets:
        for plain in (meaning.rstrip("/") for meaning in meanings(target)):
            inside = [each for each in data if f"{each.path.rstrip('/')}/".startswith(f"{plain}/")]
            if inside:
                chosen.update((each.path, each) for each in inside)
                named.add(target)
                break
    return list(chosen.values()), tuple(target for target in targets if target not in named)


def read_by(found: Iterable[Tracked], paths: Iterable[ArtifactPath]) -> list[Tracked]:
    """Returns the tracked data that some inputs are, or touch."""
    wanted = list(paths)
    return [each for each in found if any(touches(each.path, path) for path in wanted)]


def hint(layout: Layout, path: str) -> str:
    """Returns what brings an input that is not there: it may be tracked."""
    try:
        found = tracked.around(layout.root, path)
    except StoreError:
        found = None
    if found is None:
        return "put the file there, or correct the path"
    return f"it is tracked: `pivot checkout {found.path}` restores it, `pivot pull {found.path}` brings it"


def absent(layout: Layout, graph: Graph, stages: Iterable[StageName]) -> list[Tracked]:
    """Returns the tracked data that some stages read and that is not in the workspace."""
    read = [path for name in stages for path in graph.stages[name].dep_paths]
    return [
        each
        for each in read_by(known(layout, graph), read)
        if not os.path.lexists(layout.absolute(each.path))
    ]


def rows(observer: Observer, found: Iterable[Tracked]) -> list[TrackedRow]:
    """Returns how tracked data stands."""
    return [TrackedRow(each.path, _state(observer, each)) for each in found]


def _state(observer: Observer, each: Tracked) -> TrackedState:
    row = observer.row(each.path)
    if row is not None:
        return TrackedState.SAME if row.found == each.content else TrackedState.CHANGED
    if observer.has(each.content):
        return TrackedState.CACHED
    return TrackedState.REMOTE if observer.can_give(each.content) else TrackedState.ABSENT


# --- tracking --------------------------------------------------------------------------------------------------------


def track(
    layout: Layout, config: "Config", cache: Cache, graph: Graph, paths: Sequence[str]
) -> Iterator[Change]:
    """Caches files and directories, and records each beside it.

    ``paths`` are project-relative. Raises ``UsageError``, before anything is written, for what may not be tracked.
    """
    ignore = Ignore.load(layout.root)
    places = [_place(layout, graph, path) for path in paths]
    for path in places:
        before = tracked.read(layout.root, path)
        held = cache.put(layout.absolute(path), ignore)
        if isinstance(held, Missing):
            yield Change(NOBODY, path, Action.REFUSED, f"'{path}' is not there")
            continue
        now = Tracked(path, held)
        if now != before:
            tracked.write(layout.root, now, layout.tmp_dir)
        if config.git_ignore:
            gitignore.ignore_tracked(layout.root, _beside(layout, ignore, path))
        yield Change(NOBODY, path, Action.UNCHANGED if now == before else Action.RECORDED)


def untrack(layout: Layout, config: "Config", paths: Sequence[str]) -> Iterator[Change]:
    """Removes the records of tracked data, which itself stays; raises ``UsageError`` for what is not tracked."""
    ignore = Ignore.load(layout.root)
    found = [tracked.read(layout.root, path) for path in paths]
    for path, each in zip(paths, found, strict=True):
        if each is None:
            raise UsageError(f"'{path}' is not tracked", "", "`pivot status -v` lists what is")
    for each in found:
        if each is not None:
            try:
                os.unlink(os.path.join(layout.root, tracked.record_path(each.path)))
            except OSError as error:
                raise StoreError(
                    f"cannot remove the record of '{each.path}': {error.strerror}"
                ) from error
            if config.git_ignore:
                gitignore.ignore_tracked(layout.root, _beside(layout, ignore, each.path))
            yield Change(NOBODY, each.path, Action.REMOVED)


def _beside(layout: Layout, ignore: Ignore, path: ArtifactPath) -> dict[str, list[ArtifactPath]]:
    """Returns what is tracked in the directory that holds ``path``, by that directory."""
    directory = path.rstrip("/").rpartition("/")[0]
    found = tracked.find(layout.root, ignore, below=directory)
    return {
        directory: [
            each.path for each in found if each.path.rstrip("/").rpartition("/")[0] == directory
        ]
    }


def _place(layout: Layout, graph: Graph, path: str) -> ArtifactPath:
    """Returns a path as it is tracked; raises ``UsageError`` for one that may not be."""
    plain = path.rstrip("/")
    full = os.path.join(layout.root, plain)
    if path.startswith("/") or plain in ("", ".", "..") or plain.startswith("../"):
        raise UsageError(
            f"'{path}' lies outside the project", layout.root, "copy it into the project"
        )
    try:
        place = ids.inside_project(plain + ("/" if os.path.isdir(full) else ""))
    except ValueError as error:
        raise UsageError(
            f"'{path}' cannot be tracked: {error}"[:300], "", "name another path"
        ) from error
    if not os.path.lexists(full):
        try:
            beside = os.listdir(os.path.dirname(os.path.abspath(path)))
        except OSError:
            beside = list[str]()
        hint = suggestion.hint(os.path.basename(path), beside, "name a file or a directory")
        raise UsageError(f"'{path}' is not there", "", hint)
    real = os.path.realpath(full)
    inside = real.removeprefix(f"{layout.root}/")
    for each in (plain, inside) if inside != real else (plain,):
        if (maker := _maker(graph, ArtifactPath(each))) is not None:
            raise UsageError(
                f"'{path}' is made by stage '{maker}'", "", "an output is cached as it is"
            )
    if real.startswith(f"{layout.pivot_dir}/") or plain.endswith(tracked.SUFFIX):
        raise UsageError(f"'{path}' is Pivot's own", "", "track data")
    around = tracked.around(layout.root, plain)
    if around is not None and around.path.rstrip("/") != plain:
        raise UsageError(
            f"'{path}' lies in '{around.path}', which is tracked", "", f"track '{around.path}' anew"
        )
    if place.endswith("/"):
        within = tracked.find(layout.root, Ignore.load(layout.root), below=plain)
        if within:
            raise UsageError(
                f"'{within[0].path}' in '{path}' is tracked",
                "",
                f"`pivot track --remove {within[0].path}` first",
            )
    return place


def _maker(graph: Graph, path: ArtifactPath) -> StageName | None:
    """Returns a stage with an out that is a path, lies in it, or is a directory around it."""
    plain = f"{path.rstrip('/')}/"
    for name, stage in graph.stages.items():
        for out in stage.out_paths:
            whole = f"{out.rstrip('/')}/"
            if plain.startswith(whole) or whole.startswith(plain):
                return name
    return None
