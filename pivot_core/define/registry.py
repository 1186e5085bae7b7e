"""Owns how registrations become stages: every mistake is found here, and all of them are reported together."""

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import CodeType
from typing import cast

from pivot_core.define import importing, names, overrides, paths, shell_command
from pivot_core.define.markers import Dep, IncrementalOut
from pivot_core.define.overrides import ParamsFile
from pivot_core.define.param_file import Reader
from pivot_core.define.paths import BadPath
from pivot_core.define.pipeline import Registration
from pivot_core.define.shell import Shell
from pivot_core.define.signature import StageSignature, inspect_stage
from pivot_core.errors import DefinitionError
from pivot_core.model.ids import ArtifactPath, StageName
from pivot_core.model.stage import Dep as StageDep
from pivot_core.model.stage import FunctionRef, ParamOrigin, ShellCommand, SourceLocation, Stage
from pivot_core.model.stage import Out as StageOut


def build(
    registrations: Sequence[Registration],
    root: str,
    home: str,
    params_files: Sequence[ParamsFile],
    note: Callable[[str], None] = lambda _: None,
    search: tuple[tuple[str, ...], tuple[str, ...]] = ((), ()),
) -> tuple[list[Stage], list[DefinitionError]]:
    """Returns the stages that could be made, and all mistakes.

    ``root`` is the absolute project root, ``home`` the definition's directory in it; of ``params_files`` the last one
    is the strongest. ``note`` is told of other files before they are read; ``search`` is what ``importing.added``
    found.
    """
    building = _Building(root, home, params_files, note, search)
    stages = [stage for item in registrations if (stage := building.stage(item)) is not None]
    stages = shell_command.with_scripts(stages, root)
    for params in params_files:
        if not shell_command.reads(params.file.path, registrations):
            building.problems.extend(overrides.check_file(params, registrations))
    unique = {(problem.what, problem.where): problem for problem in building.problems}
    return stages, list(unique.values())


class _Building:
    def __init__(
        self,
        root: str,
        home: str,
        params_files: Sequence[ParamsFile],
        note: Callable[[str], None],
        search: tuple[tuple[str, ...], tuple[str, ...]],
    ) -> None:
        self.root: str = root
        self.home: str = home
        self.params_files: Sequence[ParamsFile] = params_files
        self.search: tuple[tuple[str, ...], tuple[str, ...]] = search
        self.param_files: Reader = Reader(root, note)
        self.problems: list[DefinitionError] = []
        self._signatures: dict[object, StageSignature | None] = {}

    def stage(self, given: Registration) -> Stage | None:
        """Returns the stage of one registration; ``None`` when it has mistakes, which are noted."""
        before = len(self.problems)
        mutex = self._mutex(given)
        timeout_s = self._timeout(given)
        retries = self._retries(given)
        func, command, params = given.func, cast("ShellCommand | None", None), overrides.NOTHING
        if isinstance(func, Shell):
            self._check_name(given)
            read = shell_command.judge(given, func, self.root, self.param_files)
            signature, command, params = read.signature, read.command, read.params
            self.problems.extend(read.problems)
            if command is None:
                return None
        else:
            signature = self._signature(given, func)
            if signature is not None:
                params = self._params(given, signature)
        if signature is None:
            return None
        deps = self._deps(given, signature)
        outs = self._outs(given, signature)
        # A command finds it in its environment.
        variant_param = (
            "variant" if command and given.variant else self._variant_param(given, signature)
        )
        if len(self.problems) > before:
            return None
        return Stage(
            name=StageName(given.full_name),
            func=self._reference(func),
            deps=deps,
            outs=outs,
            params=params.params,
            params_given=params.given,
            params_from={name: self._origin(each) for name, each in params.origins.items()},
            params_param=signature.params[0] if signature.params else None,
            variant=given.variant or "",
            variant_param=variant_param,
            mutex=mutex,
            timeout_s=timeout_s,
            retries=retries,
            defined=self._location(given.file, given.line),
            command=command,
        )

    def _check_name(self, given: Registration) -> None:
        name, variant = cast("object", given.name), cast("object", given.variant)
        if not name and isinstance(given.func, Shell):
            hint = "pass its name: register(shell(...), name='train')"
            self._problem(given, "a command has no name of its own", "", hint)
            return
        if isinstance(name, str) and "@" in name:
            hint = f"pass variant={name.partition('@')[2]!r}"
            self._problem(given, f"the name '{name}' holds '@'", "", hint)
            return
        for noun, text in (("name", name), ("variant", variant)):
            if text is not None and not names.is_stage_name(text):
                what = f"{text!r:.100} cannot be a stage's {noun}"
                self._problem(given, what, "", names.STAGE_RULE)

    def _mutex(self, given: Registration) -> tuple[str, ...]:
        value = cast("object", given.mutex)
        groups = [value] if isinstance(value, str) else value
        if isinstance(groups, (list, tuple, set, frozenset)):
            mutex = list(cast("Sequence[object]", groups))
            if all(isinstance(name, str) and name for name in mutex):
                return tuple(dict.fromkeys(cast("list[str]", mutex)))
        self._problem(given, f"mutex {value!r:.80} is no list of names", "mutex", "write ['gpu']")
        return ()

    def _timeout(self, given: Registration) -> float | None:
        value = cast("object", given.timeout)
        if value is None:
            return None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e9:
            return float(value)
        hint = "give the seconds that one attempt may take"
        self._problem(given, f"timeout {value!r:.80} is no number of seconds", "timeout", hint)
        return None

    def _retries(self, given: Registration) -> int:
        value = cast("object", given.retries)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        hint = "give how often a failed attempt is repeated"
        self._problem(given, f"retries {value!r:.80} is no count", "retries", hint)
        return 0

    def _signature(self, given: Registration, func: Callable[..., object]) -> StageSignature | None:
        refused = importing.why_not_importable(func)
        if refused is not None:
            reason, hint = refused
            name = getattr(func, "__qualname__", given.name or repr(func))
            self._problem(given, f"'{name}' cannot be a stage: it {reason}", "", hint)
            return None
        self._check_name(given)
        if func not in self._signatures:
            try:
                self._signatures[func] = inspect_stage(func)
            except DefinitionError as error:
                self._signatures[func] = None
                self.problems.extend([error, *error.others])
        return self._signatures[func]

    def _deps(self, given: Registration, signature: StageSignature) -> tuple[StageDep, ...]:
        given_paths = self._paths(given, "deps", given.deps, list(signature.deps), "input")
        found = list[StageDep]()
        for param, marker in signature.deps.items():
            key = f"deps.{param}"
            declared = marker.path if isinstance(marker, Dep) else None
            path = given_paths.get(param, declared)
            if path is None:
                hint = f"pass deps={{'{param}': path}}"
                self._problem(given, f"the input '{param}' has no path", key, hint)
                continue
            is_list = isinstance(path, (list, tuple))
            if declared is not None and is_list != isinstance(declared, (list, tuple)):
                expected = "one path" if is_list else "a list of paths"
                what = f"the input '{param}' takes {expected}, as its Dep says"
                self._problem(given, what, key, f"give {expected}")
                continue
            members = list(cast("Sequence[object]", path)) if is_list else [path]
            if not members:
                self._problem(given, f"the input '{param}' has no paths", key, "name at least one")
            resolved = [self._path(given, member, key) for member in members]
            if None not in resolved:
                paths_found = cast("list[ArtifactPath]", resolved)
                kind = type(marker.reader).__name__
                found.append(StageDep(param, tuple(paths_found), is_list, kind))
        return tuple(found)

    def _outs(self, given: Registration, signature: StageSignature) -> tuple[StageOut, ...]:
        given_paths = self._paths(given, "outs", given.outs, list(signature.outs), "output")
        previous = {name: param for param, name in signature.incremental.items()}
        found = list[StageOut]()
        for name, marker in signature.outs.items():
            key = f"outs.{name}"
            path = self._path(given, given_paths.get(name, marker.path), key, is_out=True)
            if path is None:
                continue
            if marker.kind is marker.kind.DIRECTORY:
                path = ArtifactPath(path.removesuffix("/") + "/")
            found.append(
                StageOut(
                    field=name,
                    path=path,
                    kind=marker.kind,
                    is_cached=bool(marker.cache),
                    loader=type(marker.writer).__name__,
                    param=previous.get(name) if isinstance(marker, IncrementalOut) else None,
                )
            )
        return tuple(found)

    def _path(
        self, given: Registration, path: object, key: str, *, is_out: bool = False
    ) -> ArtifactPath | None:
        try:
            found = paths.normalise(path, given.base, self.root)
            if is_out:
                paths.check_out(found, self.root)
        except BadPath as bad:
            self._problem(given, str(bad), key, bad.hint)
            return None
        return found

    def _paths(
        self, given: Registration, section: str, value: object, known: Sequence[str], noun: str
    ) -> Mapping[str, object]:
        """Returns the paths that a registration gives, of which each must belong to an annotation."""
        if not isinstance(value, Mapping):
            self._problem(given, f"{section} is not a mapping", section, "give {name: path}")
            return {}
        found = cast("Mapping[str, object]", value)
        for name in found:
            if name not in known:
                what = f"'{given.full_name}' has no {noun} '{name}'"
                self._problem(given, what, f"{section}.{name}", names.nearest(str(name), known))
        return found

    def _variant_param(self, given: Registration, signature: StageSignature) -> str | None:
        name = signature.variant_param
        if name is None or given.variant is not None:
            return name
        func = cast("Callable[..., object]", given.func)
        if inspect.signature(func).parameters[name].default is inspect.Parameter.empty:
            what = f"'{given.name}' takes `{name}`, and is registered without one"
            self._problem(given, what, "", "pass variant='...', or give the parameter a default")
        return None

    def _params(self, given: Registration, signature: StageSignature) -> overrides.Resolved:
        model = signature.params[1] if signature.params else None
        found = overrides.resolve(given, model, self.params_files)
        self.problems.extend(found.problems)
        return found

    def _origin(self, given: ParamOrigin) -> ParamOrigin:
        where = given.where
        return (
            given if where is None else replace(given, where=self._location(where.file, where.line))
        )

    def _reference(self, func: Callable[..., object] | Shell) -> FunctionRef:
        if isinstance(func, Shell):
            return FunctionRef(self.home, "", "", self._location(func.file, func.line))
        code = getattr(inspect.unwrap(func), "__code__", None)
        where = SourceLocation("", 1)
        if isinstance(code, CodeType):
            where = self._location(code.co_filename, code.co_firstlineno)
        module, qualname = func.__module__, cast("str", getattr(func, "__qualname__", ""))
        return FunctionRef(self.home, module, qualname, where, *self.search)

    def _location(self, file: str, line: int) -> SourceLocation:
        return SourceLocation(file.removeprefix(self.root + os.sep), line)

    def _problem(self, given: Registration, what: str, key: str, hint: str) -> None:
        line = given.line_of(*key.split("."))
        where = f"stage '{given.full_name}' ({given.file}:{line})"
        self.problems.append(DefinitionError(what, where, hint))
