"""Owns what happens inside a stage's process: import, read deps, call the function, write, hash and cache its outs."""

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn, TypedDict, cast

from pivot_core.define import importing, pipeline, signature
from pivot_core.define.formats import PathOnly
from pivot_core.define.importing import CodeCache
from pivot_core.define.markers import AnyOut
from pivot_core.define.signature import RETURN, StageSignature
from pivot_core.frozen import frozen
from pivot_core.model import codec
from pivot_core.model.artifact import Missing
from pivot_core.model.failure import Failure, FailureKind
from pivot_core.model.ids import ArtifactPath, Json
from pivot_core.model.stage import OutKind
from pivot_core.store import content, hashing, place
from pivot_core.store.cache import Cache
from pivot_core.store.content import ContentJson
from pivot_core.store.layout import Layout
from pivot_core.worker import failure, nested, shell_command
from pivot_core.worker.guard import Guard
from pivot_core.worker.job import CommandInfo, OutInfo, WorkerStageInfo

_COPIES = ("reflink", "copy")
"""How git-tracked outs are cached, whatever ``cache.link`` says: git must see a file."""


class ChildReport(TypedDict):
    """What the stage's process tells the worker."""

    failure: Json
    outs: dict[str, ContentJson]
    signs: dict[str, dict[str, list[int]]]
    executed: dict[str, str]
    marks: dict[str, float]
    """As in ``StageReport``."""
    inputs_modified: list[str]


@frozen
class Task:
    """One attempt, as the worker prepared it."""

    info: WorkerStageInfo
    layout: Layout
    codes: CodeCache
    previous: Mapping[str, str]
    """Artifact path of an incremental out → absolute path of its previous value."""


def perform(task: Task) -> str:
    """Runs the stage in this process; returns the JSON text of a `ChildReport`.

    Raises KeyboardInterrupt alone.
    """
    info = task.info
    os.chdir(info["project_root"])
    guard = Guard(path for dep in info["deps"] for path in dep["paths"])
    failed: Failure | None = None
    outs = dict[str, ContentJson]()
    work = _Performance(task, guard)
    try:
        outs = work.run()
    except _FailedError as error:
        failed = error.failure
        _show(failed)
    if guard.modified and failed is None:
        failed = Failure(FailureKind.MODIFIED_INPUT, f"modified its input '{guard.modified[0]}'")
    if failed is not None and failed.kind is FailureKind.MODIFIED_INPUT:
        hint = "write to a path of its own, and declare it as an Out or an IncrementalOut"
        failed = Failure(failed.kind, failed.message, failed.traceback, failed.where, hint=hint)
    guard.disarm()
    return json.dumps(
        ChildReport(
            failure=None if failed is None else codec.to_json(Failure, failed),
            outs={} if failed is not None else outs,
            signs={} if failed is not None else work.signs,
            executed={path: hashing.hash_bytes(code) for path, code in work.executed.items()},
            marks=work.marks,
            inputs_modified=guard.modified,
        )
    )


class _FailedError(Exception):
    """Carries a failure out of the step that met it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure: Failure = failure


class _Performance:
    """The steps of one stage, in order."""

    def __init__(self, task: Task, guard: Guard) -> None:
        self._task: Task = task
        self._info: WorkerStageInfo = task.info
        self._guard: Guard = guard
        self._root: str = task.info["project_root"]
        self.signs: dict[str, dict[str, list[int]]] = {}
        self.executed: Mapping[str, bytes] = {}
        self.marks: dict[str, float] = {}
        self._has_links: bool = not {"hardlink", "symlink"}.isdisjoint(task.info["links"])

    def run(self) -> dict[str, ContentJson]:
        """Returns the contents of the outs; raises `_FailedError`."""
        if self._info["command"] is not None:
            return self._run_command(self._info["command"])
        func, declared = self._import()
        self._mark("imported")
        self._guard.arm()
        arguments = self._arguments(declared)
        self._mark("read")
        with self._blame(FailureKind.EXCEPTION):
            value = func(**arguments)
        self._mark("called")
        os.chdir(self._root)  # the stage may have gone elsewhere
        del arguments  # the deps may be large, and the outs are written from here on
        self._write(value, declared.outs)
        with self._blame(FailureKind.EXCEPTION):
            nested.shut_down()
        self._mark("written")
        return self._keep()

    def _run_command(self, given: CommandInfo) -> dict[str, ContentJson]:
        for out in self._info["outs"]:
            self._prepare_place(out["path"])
        self._mark("read")
        failed = shell_command.run(self._info, given)
        self._mark("called")
        if failed is not None:
            raise _FailedError(failed)
        for out in self._info["outs"]:
            if not os.path.lexists(out["path"]):
                said = f"the command wrote nothing to '{out['path']}'"
                self._fail(FailureKind.OUTPUT, said)
        return self._keep()

    def _import(self) -> tuple[Callable[..., object], StageSignature]:
        named = self._info["func"]
        with self._blame(FailureKind.IMPORT):
            pipeline.stop_recording()
            self.executed = importing.install(
                self._root, named["base"], self._task.codes, named["ahead"], named["behind"]
            )
            nested.prepare()
            func = importing.resolve(named["module"], named["qualname"])
            return func, signature.inspect_stage(func)

    def _arguments(self, declared: StageSignature) -> dict[str, object]:
        info = self._info
        given = dict[str, object]()
        for dep in info["deps"]:
            reader = declared.deps[dep["param"]].reader
            values = list[object]()
            for path in dep["paths"]:
                with self._blame(FailureKind.INPUT, f"cannot read '{path}'"):
                    values.append(reader.load(Path(path)))
            given[dep["param"]] = values if dep["is_list"] else values[0]
        for out in info["outs"]:
            if out["param"] is not None:
                with self._blame(FailureKind.INPUT, f"cannot read the previous '{out['path']}'"):
                    given[out["param"]] = self._previous(out, declared.outs[out["field"]])
        if info["params_param"] is not None:
            given[info["params_param"]] = self._params(declared)
        if info["variant_param"] is not None:
            given[info["variant_param"]] = info["variant"]
        return given

    def _params(self, declared: StageSignature) -> object:
        from pivot_core.define import params  # imports pydantic

        with self._blame(FailureKind.IMPORT, "cannot build the params"):
            if declared.params is None:
                raise TypeError("the function takes no params model")
            info = self._info
            return params.rebuilt(declared.params[1], info["params"], info["params_given"])

    def _previous(self, out: OutInfo, marker: AnyOut) -> object:
        if out["path"] not in self._task.previous:
            return None
        kept = self._task.previous[out["path"]]
        if not isinstance(marker.writer, PathOnly):
            return cast("Any", marker.writer).load(Path(kept))
        _copy(kept, out["path"])
        return Path(out["path"])

    def _write(self, value: object, markers: Mapping[str, AnyOut]) -> None:
        outs = self._info["outs"]
        if not outs:
            return
        values = {RETURN: value} if outs[0]["field"] == RETURN else self._fields(value, outs)
        for out in outs:
            path = out["path"]
            self._prepare_place(path)
            with self._blame(FailureKind.OUTPUT, f"cannot write '{path}'"):
                writer = markers[out["field"]].writer
                if out["kind"] == OutKind.DIRECTORY.value:
                    _write_directory(values[out["field"]], writer, path)
                else:
                    writer.save(values[out["field"]], Path(path))
            if not os.path.lexists(path):
                said = f"{type(writer).__name__}() wrote nothing to '{path}'"
                self._fail(FailureKind.OUTPUT, said)

    def _prepare_place(self, path: str) -> None:
        """Makes the directory that an out lies in; refuses one behind a link out of the project."""
        with (
            self._blame(FailureKind.OUTPUT, f"cannot write '{path}'"),
            place.opened(self._root, ArtifactPath(path), create=True),
        ):
            pass

    def _fields(self, value: object, outs: list[OutInfo]) -> Mapping[str, object]:
        wanted = [out["field"] for out in outs]
        if not isinstance(value, Mapping):
            said = f"returned {type(value).__name__}, declared is a dict with {_listed(wanted)}"
            self._fail(FailureKind.OUTPUT, said)
        given = cast("Mapping[str, object]", value)
        if missing := [name for name in wanted if name not in given]:
            self._fail(FailureKind.OUTPUT, f"returned no {_listed(missing)}")
        if extra := [str(name) for name in given if name not in wanted]:
            said = f"returned {_listed(extra)}, which no out is declared for"
            self._fail(FailureKind.OUTPUT, said, "add the field to the TypedDict, or leave it out")
        return given

    def _keep(self) -> dict[str, ContentJson]:
        """Hashes the outs, and caches them once all are written."""
        layout, info = self._task.layout, self._info
        linked, copied = Cache(layout, info["links"]), Cache(layout, _COPIES)
        found = dict[str, ContentJson]()
        for out in info["outs"]:
            absolute = layout.absolute(ArtifactPath(out["path"]))
            cache = copied if out["kind"] == OutKind.METRIC.value else linked
            with self._blame(FailureKind.OUTPUT, f"cannot keep '{out['path']}'"):
                keep = cache.put if info["commit"] and out["is_cached"] else cache.measure
                # Before the hashing: what changes afterwards then has another signature. A link into the cache is
                # another file, whose signature exists only now.
                signs = _signs(absolute)
                kept = keep(absolute)
                self.signs[out["path"]] = _signs(absolute) if self._has_links else signs
            if isinstance(kept, Missing):
                self._fail(FailureKind.OUTPUT, f"'{out['path']}' vanished after it was written")
            found[out["path"]] = content.to_json(kept)
        self._mark("kept")
        return found

    def _mark(self, step: str) -> None:
        """Notes that a step is over."""
        self.marks[step] = time.monotonic()

    def _fail(self, kind: FailureKind, message: str, hint: str = "") -> NoReturn:
        raise _FailedError(Failure(kind, message, hint=hint))

    def _blame(self, kind: FailureKind, doing: str = "") -> "_Blame":
        return _Blame(kind, self._root, doing)


class _Blame:
    """Turns what is raised inside the ``with`` block into a `_FailedError` of one kind."""

    def __init__(self, kind: FailureKind, root: str, doing: str) -> None:
        self._kind: FailureKind = kind
        self._root: str = root
        self._doing: str = doing

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _at: TracebackType | None,
    ) -> None:
        if error is not None and not isinstance(error, (_FailedError, KeyboardInterrupt)):
            told = failure.of_exception(self._kind, error, self._root, self._doing)
            raise _FailedError(told) from error


def _write_directory(value: object, writer: Any, path: str) -> None:
    members = signature.directory_members(value)
    os.makedirs(path, exist_ok=True)
    for name, item in members.items():
        target = path + name
        os.makedirs(os.path.dirname(target), exist_ok=True)
        writer.save(item, Path(target))
    for directory, _, names in os.walk(path):
        for name in names:
            inside = os.path.relpath(os.path.join(directory, name), path)
            if inside not in members:
                raise ValueError(f"'{path}{inside}' was written and not returned")


def _copy(source: str, target: str) -> None:
    import shutil

    if os.path.isdir(source):
        shutil.copytree(source, target, symlinks=True)
    else:
        os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
        shutil.copy2(source, target)
        os.chmod(target, os.stat(target).st_mode | 0o200)


def _show(failed: Failure) -> None:
    """Puts the failure into the log too, so that the log is whole."""
    text = failed.traceback or f"{failed.message}\n"
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # the stage may have closed or replaced it
            continue
    try:
        os.write(2, text.encode("utf-8", "backslashreplace"))
    except OSError:
        return


def _signs(absolute: str) -> dict[str, list[int]]:
    """Returns the stat signature of each file of an out."""
    there = hashing.walk(absolute) if os.path.isdir(absolute) else [("", absolute)]
    found = [(inside, hashing.signature(path)) for inside, path in there]
    return {inside: list(sign) for inside, sign in found if sign is not None}


def _listed(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
