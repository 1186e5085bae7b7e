"""Owns taking over a project of DVC: what is written for it, which results become Pivot's own, and what is left."""

import os
import posixpath
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from pivot_core.cli import look, project
from pivot_core.cli.results import Action, Change
from pivot_core.dvc import dvc_lock, translation
from pivot_core.dvc.definition import Definition, DvcStage, Note, read
from pivot_core.dvc.dvc_lock import Entry, Objects, StageEntry
from pivot_core.dvc.dvc_project import DvcProject, TrackedData
from pivot_core.errors import UsageError
from pivot_core.frozen import frozen

_DEFINITIONS = ("pivot.yaml", "pivot.yml", "pipeline.py")
_REACHED = ("s3://", "/")
"""How the remotes begin that Pivot has, too."""


@frozen
class Taken:
    """A stage, or tracked data, that was taken over; or was not, and why."""

    name: str
    why: tuple[str, ...]
    """Empty for what was taken over."""


@dataclass(slots=True)
class Adoption:
    """What became, or would become, of a project."""

    is_done: bool
    written: list[str] = field(default_factory=list[str])
    stages: list[Taken] = field(default_factory=list[Taken])
    tracked: list[Taken] = field(default_factory=list[Taken])
    notes: list[Note] = field(default_factory=list[Note])
    next: list[str] = field(default_factory=list[str])
    """Commands that somebody may want to go on with."""


def adopt(directory: str, *, force: bool, is_real: bool) -> Adoption:
    """Takes over a project, or tells what that would do; raises ``PivotError``."""
    root = os.path.realpath(directory)
    above = project.root_above(root)
    if above not in (None, root):
        raise UsageError("lies in a Pivot project", f"{root}, in {above}", "`pivot init` it first")
    given = DvcProject(root)
    adopting = _Adopting(given, [read(root, home) for home in given.homes], is_real=is_real)
    adopting.run(force=force)
    return adopting.made


class _Adopting:
    """The steps, in order."""

    def __init__(
        self, given: DvcProject, definitions: Sequence[Definition], *, is_real: bool
    ) -> None:
        self._root: str = given.root
        self._given: DvcProject = given
        self._definitions: Sequence[Definition] = definitions
        self._objects: Objects = Objects(given.cache)
        self._called: list[Mapping[str, str]] = [translation.names(d.stages) for d in definitions]
        self._counts: Counter[str] = Counter(
            name
            for called in self._called
            for name in {n.partition("@")[0] for n in called.values()}
        )
        self.made: Adoption = Adoption(is_real)

    def run(self, *, force: bool) -> None:
        locks = [dvc_lock.stages(self._root, each.home) for each in self._definitions]
        texts = dict[str, str]()
        for definition, called, lock in zip(self._definitions, self._called, locks, strict=True):
            is_tree = self._is_tree(definition, lock)
            self.made.notes += definition.notes
            place = posixpath.join(definition.home, f"{translation.MODULE}.py")
            texts[place] = translation.module(definition, called, is_tree)
            place = posixpath.join(definition.home, _DEFINITIONS[0])
            texts[place] = translation.pivot_yaml(definition, called)
            self._note_names(definition, called)
        self.made.written = sorted(texts)
        self._refuse(texts, force=force)
        tracked = list(self._given.tracked())
        data = [self._data(each) for each in tracked]
        stages = [
            self._stage(definition, stage, lock.get(stage.name))
            for definition, called, lock in zip(self._definitions, self._called, locks, strict=True)
            for stage in definition.stages
            if stage.name in called
        ]
        if self.made.is_done:
            stages, data = self._do(texts, stages, data)
        self.made.stages, self.made.tracked = stages, data
        self._suggest()

    # --- looking -----------------------------------------------------------------------------------------------------

    def _is_tree(
        self, definition: Definition, lock: Mapping[str, StageEntry]
    ) -> Callable[[str], bool]:
        trees, known = set[str](), set[str]()
        for stage in definition.stages:
            texts = [*stage.deps, *(out.path for out in stage.outs)]
            known.update(text.now for text in texts)
            if stage.name in lock:
                entry = lock[stage.name]
                trees.update(
                    dvc_lock.place(each["path"], stage)
                    for each in (*entry["deps"], *entry["outs"])
                    if dvc_lock.is_tree(each)
                )
        base = os.path.join(self._root, definition.home)

        def is_tree(path: str) -> bool:
            return (
                path in trees
                or os.path.isdir(os.path.join(base, path))
                or any(each.startswith(f"{path}/") for each in known)
            )

        return is_tree

    def _note_names(self, definition: Definition, called: Mapping[str, str]) -> None:
        for stage in definition.stages:
            made = called.get(stage.name)
            if made != stage.name:
                said = (
                    "another one is called alike: it is left out"
                    if made is None
                    else f"it is called '{made}' here"
                )
                self.made.notes.append(Note(definition.file, stage.line, stage.name, said))

    def _refuse(self, texts: Mapping[str, str], *, force: bool) -> None:
        """Raises ``UsageError`` for files in the way; another kind of definition is in the way in any case."""
        homes = {posixpath.dirname(path) for path in texts}
        others = [posixpath.join(home, name) for home in homes for name in _DEFINITIONS[1:]]
        for path in others if force else [*texts, *others]:
            if os.path.lexists(os.path.join(self._root, path)):
                hint = "remove it" if path in others else "`--force` overwrites it"
                raise UsageError(f"'{path}' is there already", self._root, hint)

    def _stage(self, definition: Definition, stage: DvcStage, entry: StageEntry | None) -> Taken:
        base = os.path.join(self._root, definition.home)
        own = {out.path.now.rstrip("/") for out in stage.outs}
        for recorded in entry["outs"] if entry is not None else ():
            if (path := dvc_lock.place(recorded["path"], stage)) in own:
                self._bring(recorded, os.path.join(base, path))
        why = dvc_lock.differences(stage, entry, definition.values, self._objects, base)
        for out in stage.outs:
            if _has_link(os.path.join(base, out.path.now)):
                hint = "`dvc config cache.type copy`, then `dvc checkout --relink`"
                why.append(f"output '{out.path.now}' has a symbolic link: {hint}")
        return Taken(self._name(definition, stage), tuple(why))

    def _name(self, definition: Definition, stage: DvcStage) -> str:
        """Returns what a stage is called in the project: pipelines may have stages of the same name."""
        called = self._called[self._definitions.index(definition)][stage.name]
        is_plain = not definition.home or self._counts[called.partition("@")[0]] == 1
        return called if is_plain else f"{definition.home}/{called}"

    def _data(self, each: TrackedData) -> Taken:
        full = os.path.join(self._root, each.path)
        if os.path.isabs(each.path) or each.path.startswith("../"):
            return Taken(each.path, ("it lies outside the project",))
        self._bring(each.entry, full)
        if each.origin:
            said = f"'{each.path}' was imported from {each.origin}: Pivot does not bring newer versions"
            self.made.notes.append(Note(each.file, each.line, "", said))
        if not self._objects.holds(each.entry, full):
            said = (
                "has changed since"
                if os.path.lexists(full)
                else "is not here: `dvc pull` brings it"
            )
            return Taken(each.path, (f"'{each.path}' {said}",))
        if _has_link(full):
            return Taken(each.path, (f"'{each.path}' has a symbolic link",))
        return Taken(each.path, ())

    def _bring(self, entry: Entry, path: str) -> None:
        """Puts what is not in the workspace there, where DVC's cache has all of it."""
        if os.path.lexists(path):
            return
        members = self._objects.members(entry, path)
        found = [(each, self._objects.find(each.md5)) for each in members or ()]
        if members is None or any(source is None for _, source in found):
            return
        if not os.path.realpath(path).startswith(f"{self._root}{os.sep}"):
            return  # behind a link that leads out of the project
        self._objects.assume(entry, path)
        if self.made.is_done:
            for member, source in found:
                project.put_copy(str(source), member.path)

    def _suggest(self) -> None:
        for index, (name, url) in enumerate(self._given.remotes().items()):
            if url.startswith(_REACHED):
                place = f"{url.rstrip('/')}/pivot"
                self.made.next.append(f"pivot config set remotes.{name} {place}")
                if index == 0:
                    self.made.next.append(f"pivot config set default_remote {name}")
            else:
                said = f"the remote '{name}' ({url.partition(':')[0]}) has no counterpart: Pivot has S3 and directories"
                line = self._given.remote_line(name)
                self.made.notes.append(Note(".dvc/config", line, "", said))

    # --- doing -------------------------------------------------------------------------------------------------------

    def _do(
        self, texts: Mapping[str, str], stages: list[Taken], data: list[Taken]
    ) -> tuple[list[Taken], list[Taken]]:
        if not os.path.isdir(os.path.join(self._root, ".pivot")):
            project.init(self._root, force=False)
        for path, text in texts.items():
            project.write_page(os.path.join(self._root, path), text)
        paths = tuple(each.name for each in data if not each.why)
        if paths:
            data = _judged(data, look.track(self._root, paths, remove=False), by_stage=False)
        names = tuple(each.name for each in stages if not each.why)
        if names:
            stages = _judged(stages, look.commit(self._root, names), by_stage=True)
        return stages, data


def _judged(given: Sequence[Taken], changes: Sequence[Change], *, by_stage: bool) -> list[Taken]:
    """Returns what was taken over, less what was refused."""
    problems = {
        str(each.stage if by_stage else each.path).rstrip("/"): each.problem
        for each in changes
        if each.action is Action.REFUSED
    }
    return [
        Taken(each.name, (*each.why, problems[each.name]) if each.name in problems else each.why)
        for each in given
    ]


def _has_link(path: str) -> bool:
    return any(os.path.islink(each) for each in (path, *_below(path)))


def _below(path: str) -> Iterator[str]:
    for directory, inner, names in os.walk(path):
        yield from (os.path.join(directory, name) for name in (*inner, *names))
