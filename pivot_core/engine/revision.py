"""Owns one state of the project that can be looked at: the workspace, a commit, or a past run.

name ──Revisions.find──► Revision: what each stage was given and made
                            │ sources(path): where the bytes of a path lie, as of then
                            └──► Lying in the workspace │ Blob of git │ Stored under its hash
"""

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, override

from pivot_core.engine.holdings import files
from pivot_core.engine.observe import run_cache_record
from pivot_core.errors import StoreError, UsageError
from pivot_core.frozen import frozen
from pivot_core.model import codec, ids, suggestion
from pivot_core.model.artifact import Content, FileContent
from pivot_core.model.ids import ArtifactPath, Json, RunId, StageName
from pivot_core.model.lock import Lock
from pivot_core.model.stage import Stage
from pivot_core.port.values import Inputs
from pivot_core.store import content, hashing, journal, lockfile, tracked
from pivot_core.store.ignore import Ignore
from pivot_core.store.layout import Layout
from pivot_core.store.repository import Blob, Repository
from pivot_core.store.state import State

if TYPE_CHECKING:
    from pivot_core.engine.plan import Plan

WORKSPACE = "workspace"
HEAD = "HEAD"
_STAGES = ".pivot/stages"
_RUN = re.compile(r"\d{8}-\d{6}-[0-9a-z]+")


@frozen
class Made:
    """What a stage was given, and what it made of that."""

    stage: StageName
    params: Mapping[str, Json]
    outs: Mapping[ArtifactPath, Content]


@frozen
class Lying:
    """A file of the workspace."""

    path: str
    """Absolute."""


@frozen
class Stored:
    """A file whose bytes are kept under its hash: in the cache, or on a remote."""

    content: FileContent


type Source = Lying | Blob | Stored


class Revision:
    """One state of the project."""

    def __init__(self, name: str, detail: str, load: Callable[[], Iterator[Made]]) -> None:
        self.name: str = name
        """As people name it: ``workspace``, ``HEAD``, ``last~1``."""
        self.detail: str = detail
        """What that is: the commit, the run; empty for the workspace."""
        self._load: Callable[[], Iterator[Made]] = load

    @cached_property
    def made(self) -> Mapping[StageName, Made]:
        """What each stage had made; read when it is first asked for."""
        return {each.stage: each for each in self._load()}

    def outs(self) -> set[str]:
        """Returns the paths that stages had written."""
        return {str(path) for each in self.made.values() for path in each.outs}

    def sources(self, path: str) -> dict[str, Source]:
        """Returns where the bytes of a file lie, or of every file of a directory, by their paths; empty for nothing."""
        found = dict(_at(path, self.tracked(path)))
        if path in found:
            return found  # no stage writes it
        for each in self.made.values():
            found.update(_at(path, each.outs.items()))
        return found

    def tracked(self, path: str) -> Iterable[tuple[ArtifactPath, Content]]:
        """Returns what is tracked at, around or below a path."""
        del path
        return ()


class Workspace(Revision):
    """The files as they lie here now; what is not here stands as its lock file has it."""

    def __init__(self, here: Layout, read: "Reader") -> None:
        super().__init__(WORKSPACE, "", lambda: map(_made, read.locks(_lock_files(here))))
        self._here: Layout = here

    @override
    def sources(self, path: str) -> dict[str, Source]:
        plain = path.rstrip("/")
        full = self._here.absolute(ArtifactPath(plain))
        if os.path.isfile(full):
            return {plain: Lying(full)}
        if os.path.isdir(full):
            rules = Ignore.load(self._here.root)
            found = hashing.walk(full, rules)
            return {f"{plain}/{inside}": Lying(member) for inside, member in found}
        return super().sources(path)

    @override
    def tracked(self, path: str) -> Iterable[tuple[ArtifactPath, Content]]:
        found = tracked.around(self._here.root, path)
        return () if found is None else ((found.path, found.content),)


class Commit(Revision):
    """A commit of git: its files, and what its lock files name."""

    def __init__(self, name: str, commit: str, repository: Repository, read: "Reader") -> None:
        def load() -> Iterator[Made]:
            blobs = [
                each for each in repository.blobs(commit, _STAGES) if each.path.endswith(".lock")
            ]
            texts = zip((each.path for each in blobs), repository.read(blobs), strict=True)
            return map(_made, read.locks(texts))

        super().__init__(name, commit, load)
        self.repository: Repository = repository

    @override
    def sources(self, path: str) -> dict[str, Source]:
        plain = path.rstrip("/")
        blobs = {blob.path: blob for blob in self.repository.blobs(self.detail, plain)}
        if plain in blobs:
            return {plain: blobs[plain]}
        return super().sources(path) or dict(blobs)

    @override
    def tracked(self, path: str) -> Iterable[tuple[ArtifactPath, Content]]:
        records = [tracked.record_path(place) for place in tracked.places(path)]
        blobs = [
            blob
            for blob in self.repository.blobs(self.detail, path, *records)
            if blob.path.endswith(tracked.SUFFIX)
        ]
        for blob, data in zip(blobs, self.repository.read(blobs), strict=True):
            found = tracked.parse(data, blob.path)
            yield found.path, found.content


class Run(Revision):
    """What lay there when a past run was over, as far as that is still known."""


class Revisions:
    """Finds the states of one project by their names."""

    def __init__(self, here: Layout, state: State, plan: "Callable[[], Plan]") -> None:
        """``plan`` gives the definition as it is now; only past runs need it."""
        self._here: Layout = here
        self._state: State = state
        self._plan: Callable[[], Plan] = plan
        self.repository: Repository = Repository(here.root)
        self._reader: Reader = Reader()

    def find(self, name: str) -> Revision:
        """Returns ``workspace``, a run (its id or a part of it, ``last``, ``last~1``), or a commit.

        Raises ``UsageError`` for a name that is none of these.
        """
        if name == WORKSPACE:
            return Workspace(self._here, self._reader)
        known = journal.runs(self._here)
        if ids.age_of_run(name) is not None or name in known:
            return self._run(name, named_run(known, name))
        commit = None if _RUN.fullmatch(name) else self._commit(name, known)
        if commit is not None:
            return Commit(name, commit, self.repository, self._reader)
        return self._run(name, named_run(known, name))

    def _commit(self, name: str, known: list[RunId]) -> str | None:
        if any(_has_part(run, name) for run in known):
            try:
                return self.repository.find(name)
            except UsageError:
                return None  # runs are there without a repository, too
        found = self.repository.find(name)
        if found is None:
            is_plain = not set("~^:@").intersection(name)
            words = (WORKSPACE, "last", *self.repository.names()) if is_plain else ()
            otherwise = "make a commit first" if name == HEAD else "`git log` lists commits"
            hint = suggestion.hint(name, words, otherwise)
            raise UsageError(f"no such commit '{name}'", self._here.root, hint)
        return found

    def _run(self, name: str, run: RunId) -> Revision:
        return Run(name, run, lambda: _after_run(self._here, self._state, self._plan(), run))


def named_run(known: list[RunId], name: str) -> RunId:
    """Returns the run that a name means: ``last~2``, an id, or a part that only one has; ``known`` is newest first.

    Raises ``UsageError``.
    """
    age = ids.age_of_run(name)
    if age is not None and age < len(known):
        return known[age]
    if age is not None:
        hint = f"{len(known)} are kept" if known else "`pivot repro` makes one"
        raise UsageError(f"no run '{name}'", hint=hint)
    if name in known:
        return RunId(name)
    found = [run for run in known if _has_part(run, name)]
    if not found:
        hint = suggestion.hint(name, ("last", *known), "`pivot history` lists the runs")
        raise UsageError(f"no run '{name}'", hint=hint)
    if len(found) > 1:
        raise UsageError(
            f"{len(found)} runs match '{name}'", hint=f"the newest of them is {found[0]}"
        )
    return found[0]


def _has_part(run: RunId, name: str) -> bool:
    return bool(name) and (run.startswith(name) or run.endswith(name))


# --- what was made ---------------------------------------------------------------------------------------------------


class Reader:
    """Reads lock files, each text once: most are the same in two revisions."""

    def __init__(self) -> None:
        self._known: dict[bytes, Lock | None] = {}

    def locks(self, found: Iterable[tuple[str, bytes]]) -> Iterator[Lock]:
        """Yields the locks in some files; one that cannot be read tells nothing."""
        for path, data in found:
            if data not in self._known:
                try:
                    self._known[data] = lockfile.parse(data, None, path)
                except (ValueError, StoreError):
                    self._known[data] = None
            lock = self._known[data]
            if lock is not None:
                yield lock


def _made(lock: Lock) -> Made:
    return Made(lock.stage, lock.params, lock.outs)


def _lock_files(here: Layout) -> Iterator[tuple[str, bytes]]:
    with contextlib.suppress(FileNotFoundError):
        for name in sorted(os.listdir(here.stages_dir)):
            if name.endswith(".lock"):
                path = f"{here.stages_dir}/{name}"
                try:
                    with open(path, "rb") as file:
                        yield path, file.read(lockfile.MAX_BYTES + 1)
                except OSError as error:
                    raise hashing.read_error(error, path) from error


def _at(path: str, held: Iterable[tuple[ArtifactPath, Content]]) -> Iterator[tuple[str, Source]]:
    """Yields the files at or below a path."""
    plain = path.rstrip("/")
    for out, content_ in held:
        whole = out.rstrip("/")
        if whole == plain or whole.startswith(f"{plain}/") or plain.startswith(f"{whole}/"):
            for member, file in files(out, content_):
                if member == plain or member.startswith(f"{plain}/"):
                    yield member, Stored(file)


def _after_run(here: Layout, state: State, plan: "Plan", run: RunId) -> Iterator[Made]:
    """Yields what each stage had made once a run was over, as journals, lock files and the run cache tell."""
    runs = journal.runs(here)
    at = runs.index(run)
    later = {stage for each in runs[:at] for stage in _succeeded(here, each)}
    inputs = dict[StageName, Inputs]()
    for each in runs[at:]:
        if inputs.keys() >= plan.graph.stages.keys():
            break
        for stage, given in _succeeded(here, each).items():
            inputs.setdefault(stage, given)
    for name, stage in plan.graph.stages.items():
        lock = lockfile.read(here.lock_path(name), name)
        if isinstance(lock, Lock) and name not in later:
            yield _made(lock)  # nothing has changed it since
        elif name in inputs:
            outs = cached_outs(state, stage, inputs[name])
            if outs is not None:
                yield Made(name, inputs[name].params, outs)


def _succeeded(here: Layout, run: RunId) -> dict[StageName, Inputs]:
    """Returns what went into each stage that a run ran, or whose result it put back, to a good end."""
    inputs, ended = dict[StageName, Inputs](), set[StageName]()
    for record in journal.read(here, run, holding='"stage"'):
        stage = StageName(str(record.get("stage")))
        if record.get("type") == "Inputs":
            try:
                inputs[stage] = codec.from_json(Inputs, record.get("inputs"))
            except ValueError:
                continue
        state = record.get("state")
        if isinstance(state, dict) and state.get("status") in ("ran", "restored"):
            ended.add(stage)
    return {stage: given for stage, given in inputs.items() if stage in ended}


def cached_outs(state: State, stage: Stage, given: Inputs) -> Mapping[ArtifactPath, Content] | None:
    """Returns the outs that the run cache has for some inputs; ``None`` where it has none."""
    deps = {path: FileContent(digest, 0) for path, digest in given.deps.items() if digest}
    if not deps.keys() >= set(stage.dep_paths):
        return None
    entry = state.get(run_cache_record(replace(stage, params=given.params), given.code, deps))
    if not isinstance(entry, dict):
        return None
    try:
        return {ArtifactPath(path): content.from_json(each) for path, each in entry.items()}
    except ValueError:
        return None
