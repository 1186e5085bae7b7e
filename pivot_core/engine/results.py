"""Owns gathering what stages made, as of a revision: metrics, params, plots, any artifact beside another version."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

from pivot_core import yaml12
from pivot_core.compare import leaf, lines, pairing, series, table
from pivot_core.compare.leaf import Difference, LeafDifference
from pivot_core.compare.pairing import UnknownColumn
from pivot_core.compare.series import Figure
from pivot_core.engine import export
from pivot_core.engine.opener import Opener
from pivot_core.engine.revision import Commit, Revision, Revisions, Run, Source, Workspace
from pivot_core.errors import PivotError, UsageError
from pivot_core.model import suggestion
from pivot_core.model.ids import Json, StageName
from pivot_core.model.stage import OutKind, ParamLayer, ParamOrigin, SourceLocation
from pivot_core.port.results import (
    Comparison,
    Copy,
    Detail,
    FileDifference,
    Metrics,
    Param,
    Params,
    Plots,
    Side,
    Wish,
)
from pivot_core.store.cache import Cache
from pivot_core.store.config import Config
from pivot_core.store.layout import Layout
from pivot_core.store.state import State
from pivot_core.yaml12 import Document

if TYPE_CHECKING:
    from pivot_core.engine.plan import Plan

PARAMS = "params.yaml"
DEFINITIONS = ("pivot.yaml", "pivot.yml")
_DOCUMENT_MAX = 64 << 20


class Results:
    """What the stages of one project made, whenever that was; to be asked from a thread without an event loop."""

    def __init__(
        self,
        here: Layout,
        config: Config,
        cache: Cache,
        state: State,
        plan: "Callable[[], Plan]",
        say: Callable[[str], None],
    ) -> None:
        """``plan`` gives the definition as it is now, ``say`` is told what is fetched from a remote."""
        self._here: Layout = here
        self._plan: Callable[[], Plan] = plan
        self._say: Callable[[str], None] = say
        self.revisions: Revisions = Revisions(here, state, plan)
        self.opener: Opener = Opener(here, config, cache, self.revisions.repository, say)

    def metrics(self, names: Sequence[str], targets: Sequence[str]) -> list[Metrics]:
        """Returns the metrics of some revisions; which files are metrics is told by the definition as it is now."""
        found = self._found(names)
        paths = _outs_of(self._plan(), OutKind.METRIC, targets)
        return [_metrics(each, self.opener, paths) for each in found]

    def params(self, names: Sequence[str], targets: Sequence[str]) -> list[Params]:
        """Returns the params that results were made with; of the workspace, those that the next run takes."""
        found = [_params(each, self.opener, self._plan) for each in self._found(names)]
        return _chosen(found, targets)

    def plots(
        self, names: Sequence[str], targets: Sequence[str], axis: str | None, columns: Sequence[str]
    ) -> list[Plots]:
        """Returns what the plots of some revisions show."""
        found = self._found(names)
        paths = _outs_of(self._plan(), OutKind.PLOT, targets)
        return [_plots(each, self.opener, paths, axis, columns) for each in found]

    def compare(self, path: str, names: tuple[str, str], wish: Wish) -> Comparison:
        """Returns how an artifact differs between two revisions; raises ``UsageError`` where neither knows it."""
        old, new = self._found(names)
        return _compare(old, new, self.opener, path, wish)

    def export(self, target: str, name: str, to: str | None, *, force: bool) -> list[Copy]:
        """Brings back what a target was as of a revision; see `export.export`."""
        (revision,) = self._found((name,))
        done = list(export.export(self._here, revision, self.opener, target, to, force=force))
        from_git = {each.path for each in done if each.origin == export.GIT}
        if from_git:
            export.tell_apart(revision, self.opener, from_git, self._say)
        return done

    def read(self, target: str, name: str, take: Callable[[BinaryIO], None]) -> None:
        """Hands the bytes of one file as of a revision to ``take``."""
        (revision,) = self._found((name,))
        with export.open_one(revision, self.opener, target) as file:
            take(file)

    def _found(self, names: Sequence[str]) -> list[Revision]:
        return [self.revisions.find(name) for name in names]


def _side_of(revision: Revision) -> Side:
    """Returns a revision's name and id."""
    return Side(revision.name, revision.detail)


# --- metrics ---------------------------------------------------------------------------------------------------------


def _metrics(revision: Revision, opener: Opener, paths: Iterable[str]) -> Metrics:
    """Returns the values in some metric files."""
    found = _Gathered(revision, opener, paths)
    values = dict[str, Mapping[str, Json]]()
    for path, file in found.open():
        with file:
            data = file.read(_DOCUMENT_MAX + 1)
        try:
            if len(data) > _DOCUMENT_MAX:
                raise ValueError("larger than 64 MiB")
            values[path] = leaf.leaves(leaf.parse(path, data))
        except ValueError as error:
            found.problems[path] = str(error)
    return Metrics(_side_of(revision), values, found.problems)


def _plots(
    revision: Revision,
    opener: Opener,
    paths: Iterable[str],
    axis: str | None,
    columns: Sequence[str],
) -> Plots:
    """Returns what some plot files show; of a directory, every file."""
    found = _Gathered(revision, opener, paths)
    figures = dict[str, Figure]()
    for path, file in found.open():
        with file:
            try:
                figures[path] = series.read(path, file, axis, columns)
            except UnknownColumn as error:
                found.problems[path] = f"it has no column '{error}'"
            except ValueError as error:
                found.problems[path] = str(error)
    return Plots(_side_of(revision), figures, found.problems)


def _outs_of(plan: "Plan", kind: OutKind, targets: Sequence[str]) -> list[str]:
    """Returns the outs of a kind that the stages of a definition have, or those that some targets name.

    A target is a stage or a path; raises ``UsageError`` for one that is neither.
    """
    wanted = {stage for target in targets for stage in plan.graph.resolve(target)}
    paths = [
        str(out.path)
        for name, stage in plan.graph.stages.items()
        for out in stage.outs
        if out.kind is kind and (not targets or name in wanted)
    ]
    exact = [path for path in paths if any(_is_at(path, target) for target in targets)]
    return exact or paths


def _is_at(path: str, target: str) -> bool:
    plain = target.removeprefix("./").rstrip("/")
    return path.rstrip("/") == plain or path.startswith(f"{plain}/")


class _Gathered:
    """Files of one revision, opened one after the other; what cannot be had is a problem and no end."""

    def __init__(self, revision: Revision, opener: Opener, paths: Iterable[str]) -> None:
        self.problems = dict[str, str]()
        self._opener = opener
        self._sources = dict[str, Source]()
        for path in paths:
            found = revision.sources(path)
            self._sources.update(found)
            if not found and isinstance(revision, Run):
                self.problems[path] = "what that run made is not known any more"
        opener.prepare(self._sources.values())

    def open(self) -> Iterable[tuple[str, BinaryIO]]:
        """Yields each file that can be had; the caller closes it."""
        for path, source in self._sources.items():
            try:
                yield path, self._opener.open(path, source)
            except PivotError as error:
                self.problems[path] = error.what


# --- params ----------------------------------------------------------------------------------------------------------


def _params(revision: Revision, opener: Opener, plan: "Callable[[], Plan]") -> Params:
    if isinstance(revision, Workspace):
        stages = {
            name: {key: Param(value, stage.origin(key)) for key, value in _leaves(stage.params)}
            for name, stage in plan().graph.stages.items()
        }
    else:
        sheets = _Sheets(revision, opener)
        stages = {
            name: {
                key: Param(value, sheets.origin(name, key, value))
                for key, value in _leaves(made.params)
            }
            for name, made in revision.made.items()
        }
    return Params(_side_of(revision), stages)


def _chosen(found: Sequence[Params], targets: Sequence[str]) -> list[Params]:
    """Returns the params of the stages that targets name; raises ``UsageError`` for a name that no revision has."""
    for target in targets:
        if not any(_is_stage(name, target) for each in found for name in each.stages):
            known = {name for each in found for name in each.stages}
            hint = suggestion.hint(target, known, "`pivot list` shows the stages")
            raise UsageError(f"no stage '{target}'", hint=hint)
    return [
        replace(
            each,
            stages={
                name: values
                for name, values in each.stages.items()
                if values and (not targets or any(_is_stage(name, target) for target in targets))
            },
        )
        for each in found
    ]


def _is_stage(name: StageName, target: str) -> bool:
    return name == target or name.startswith(f"{target}@")


def _leaves(values: Mapping[str, Json], above: str = "") -> Iterable[tuple[str, Json]]:
    """Yields the single values of params; a list counts as one, as it is overridden as one."""
    for name, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{above}{name}.")
        else:
            yield above + name, value


class _Sheets:
    """The YAML files of a commit that params can come from."""

    def __init__(self, revision: Revision, opener: Opener) -> None:
        self._found = list[tuple[ParamLayer, str, Document]]()
        if not isinstance(revision, Commit):
            return
        for path in (PARAMS, *DEFINITIONS):
            for name, source in revision.sources(path).items():
                opener.prepare([source])
                with opener.open(name, source) as file, contextlib.suppress(yaml12.YamlError):
                    document = yaml12.parse(
                        file.read(yaml12.MAX_BYTES + 1), aliases=True, name=name
                    )
                    layer = ParamLayer.PARAMS if path == PARAMS else ParamLayer.DEFINITION
                    self._found.append((layer, name, document))

    def origin(self, stage: StageName, key: str, value: Json) -> ParamOrigin | None:
        """Returns the line that gives a param the value that it had; ``None`` where no line does."""
        base, fields = stage.partition("@")[0], key.split(".")
        for layer, file, document in self._found:
            for entry in (stage, base):
                keys = (
                    (entry, *fields)
                    if layer is ParamLayer.PARAMS
                    else ("stages", entry, "params", *fields)
                )
                if _at(document.value, keys) == (value,):
                    return ParamOrigin(layer, SourceLocation(file, document.line(keys)))
        return None


def _at(value: Json, keys: Iterable[str]) -> tuple[Json, ...]:
    """Returns what lies at the end of a path of keys, in a tuple; an empty one for nothing."""
    for key in keys:
        if not isinstance(value, dict) or key not in value:
            return ()
        value = value[key]
    return (value,)


# --- any artifact ----------------------------------------------------------------------------------------------------


def _compare(old: Revision, new: Revision, opener: Opener, path: str, wish: Wish) -> Comparison:
    """Returns how an artifact differs; raises ``UsageError`` where neither revision knows it."""
    sources = [revision.sources(path) for revision in (old, new)]
    before, after = sources
    if not before and not after:
        otherwise = "name a file, a directory, or an output of a stage"
        hint = suggestion.hint(path, {*old.outs(), *new.outs()}, otherwise)
        raise UsageError(f"nothing is known of '{path}' in {old.name} and {new.name}", hint=hint)
    plain = path.rstrip("/")
    absent = (not before, not after)

    def found(detail: Detail | None) -> Comparison:
        return Comparison(path, _side_of(old), _side_of(new), absent, detail)

    if any(absent) or plain not in before or plain not in after:
        return found(_compare_files(before, after, opener, wish.limit))
    opener.prepare([before[plain], after[plain]])
    with opener.open(plain, before[plain]) as one, opener.open(plain, after[plain]) as two:
        return found(_compare_bytes(plain, one, two, wish))


def _compare_files(
    before: Mapping[str, Source], after: Mapping[str, Source], opener: Opener, limit: int
) -> FileDifference | None:
    changes = dict[str, Difference]()
    both = [path for path in before if path in after]
    opener.prepare([*(before[path] for path in both), *(after[path] for path in both)])
    for path in sorted({*before, *after}):
        if path not in before:
            changes[path] = Difference.ADDED
        elif path not in after:
            changes[path] = Difference.REMOVED
        elif opener.digest(path, before[path]) != opener.digest(path, after[path]):
            changes[path] = Difference.CHANGED
    if not changes:
        return None
    counts = [list(changes.values()).count(kind) for kind in Difference]
    shown = dict(list(changes.items())[:limit])
    return FileDifference(shown, *counts, unchanged=len(both) - counts[2])


def _compare_bytes(path: str, old: BinaryIO, new: BinaryIO, wish: Wish) -> Detail | None:
    difference = lines.compare(old, new, limit=wish.limit)
    if difference is None:
        return None
    try:
        tables = [table.table_of(path, file) for file in (old, new)]
        if tables[0] is not None and tables[1] is not None:
            found = pairing.compare(tables[0], tables[1], limit=wish.limit, key=wish.key)
            return difference if found.is_same else found
        if path.endswith((".json", ".yaml", ".yml")):
            return _compare_values(path, old, new) or difference
    except UnknownColumn as error:
        hint = "`--key` takes a column that both versions have"
        raise UsageError(f"'{path}' has no column '{error}'", hint=hint) from error
    except ValueError:
        pass  # it is not what its name says: compared as text
    return difference


def _compare_values(path: str, old: BinaryIO, new: BinaryIO) -> LeafDifference | None:
    read = list[dict[str, Json]]()
    for file in (old, new):
        file.seek(0)
        data = file.read(_DOCUMENT_MAX + 1)
        if len(data) > _DOCUMENT_MAX:
            return None
        read.append(leaf.leaves(leaf.parse(path, data)))
    found = leaf.compare_values(*read)
    return found if found.changes else None
