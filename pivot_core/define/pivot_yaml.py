"""Owns what ``pivot.yaml`` says: variables, matrix, substitution; gives registrations, unchecked like Python's."""

import importlib
import itertools
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import cast

from pivot_core.define import importing, names, schema, trace, yaml_file
from pivot_core.define.pipeline import Paths, Registration
from pivot_core.define.shell import Shell
from pivot_core.define.yaml_file import YamlFile
from pivot_core.errors import DefinitionError
from pivot_core.model.ids import Json
from pivot_core.yaml12 import Path

_SUBSTITUTE = re.compile(r"\$\$\{|\$\{([^}]*)\}")

type _Scalar = str | int | float | bool
type _Values = Mapping[str, _Scalar | list[_Scalar]]


def read(path: str) -> tuple[str | None, list[Registration], list[DefinitionError]]:
    """Returns the pipeline's name, a registration for each stage and variant, and all mistakes.

    The functions are imported.
    """
    file = yaml_file.read(path)
    reading = _Reading(file)
    registrations = reading.run()
    name = reading.top.get("pipeline")
    if name is not None and not isinstance(name, str):
        reading.problem("'pipeline' is not a name", ("pipeline",), "give the name as text")
        name = None
    return name, registrations, reading.problems


class _Mistake(Exception):
    """One entry is wrong; what stands beside it is still read."""

    def __init__(self, what: str, keys: Path, hint: str) -> None:
        super().__init__(what)
        self.keys: Path = keys
        self.hint: str = hint


class _Reading:
    """One pass over one file."""

    def __init__(self, file: YamlFile) -> None:
        self.file: YamlFile = file
        self.problems: list[DefinitionError] = []
        self.top: Mapping[str, Json] = {}
        self._importable: dict[str, bool] = {}
        self._lines_of: dict[Path, dict[str, int]] = {}

    def run(self) -> list[Registration]:
        try:
            self.top = self._mapping(self.file.data, ())
            self._known(self.top, tuple(schema.TOP), ())
            variables = self._variables()
            stages = self._mapping(self.top.get("stages"), ("stages",))
        except _Mistake as mistake:
            self.problem(str(mistake), mistake.keys, mistake.hint)
            return []
        registrations = list[Registration]()
        for name in stages:
            try:
                registrations.extend(self._stage(name, stages[name], variables))
            except _Mistake as mistake:
                self.problem(str(mistake), mistake.keys, mistake.hint)
        return registrations

    def problem(self, what: str, keys: Path, hint: str, detail: str = "") -> None:
        """Notes a mistake."""
        self.problems.append(DefinitionError(what, self.file.place(*keys), hint, detail=detail))

    def _variables(self) -> dict[str, _Scalar | list[_Scalar]]:
        found = dict[str, _Scalar | list[_Scalar]]()
        given = self._mapping(self.top.get("vars"), ("vars",))
        for name, value in given.items():
            keys = ("vars", name)
            if not names.is_variable_name(name):
                self.problem(f"'{name}' cannot be a variable", keys, "use letters, digits and _")
            elif isinstance(value, list):
                found[name] = self._scalars(cast("list[Json]", value), keys)
            elif _is_scalar(value):
                found[name] = cast("_Scalar", value)
            else:
                self.problem(f"variable '{name}' is no scalar and no list", keys, "flatten it")
        return found

    def _stage(self, name: str, given: Json, variables: _Values) -> Iterable[Registration]:
        keys = ("stages", name)
        entry = self._mapping(given, keys)
        self._known(entry, tuple(schema.STAGE), keys)
        func = self._function(entry, keys)
        plain, _, named = name.partition("@")
        variants = self._variants(entry, keys, variables)
        if named and "matrix" in entry:
            raise _Mistake(
                f"stage '{name}' names a variant and has a matrix", keys, f"call it '{plain}'"
            )
        if func is None:
            return
        for values in variants:
            known = {**variables, **values}
            variant = "_".join(map(_text, values.values())) if values else named or None
            try:
                yield self._registration(plain, variant, func, entry, keys, known)
            except _Mistake as mistake:
                self.problem(str(mistake), mistake.keys, mistake.hint)
                return  # the other variants have the same mistake

    def _registration(
        self,
        name: str,
        variant: str | None,
        func: Callable[..., object] | Shell,
        entry: Mapping[str, Json],
        keys: Path,
        values: _Values,
    ) -> Registration:
        def section(part: str) -> Mapping[str, Json]:
            below = (*keys, part)
            found = self._mapping(entry.get(part), below)
            return {
                key: self._substitute(value, values, (*below, key)) for key, value in found.items()
            }

        mutex = self._substitute(entry.get("mutex", []), values, (*keys, "mutex"))
        return Registration(
            func=func,
            name=name,
            variant=variant,
            params=section("params") or None,
            deps=cast("Mapping[str, Paths]", section("deps")),
            outs=cast("Mapping[str, str]", section("outs")),
            mutex=cast("Sequence[str]", mutex),
            timeout=cast("float | None", entry.get("timeout")),
            retries=cast("int", entry.get("retries", 0)),
            base=os.path.dirname(self.file.path),
            file=self.file.path,
            line=self.file.document.line(keys),
            lines=self._lines(keys),
        )

    def _lines(self, keys: Path) -> dict[str, int]:
        """Returns the lines of a stage's entries by their dotted names."""
        if keys not in self._lines_of:
            self._lines_of = {}
            for path, line in self.file.document.lines.items():
                name = ".".join(map(str, path[2:]))
                self._lines_of.setdefault(path[:2], {})[name] = line
        return self._lines_of.get(keys, {})

    def _function(
        self, entry: Mapping[str, Json], keys: Path
    ) -> Callable[..., object] | Shell | None:
        reference = entry.get("python")
        hint = "write `python: module.function`"
        if reference is None:
            raise _Mistake(f"stage '{keys[1]}' names no function", keys, hint)
        below = (*keys, "python")
        module, _, function = reference.rpartition(".") if isinstance(reference, str) else ("",) * 3
        if not module or not all(part.isidentifier() for part in f"{module}.{function}".split(".")):
            raise _Mistake(f"{reference!r:.100} names no function", below, hint)
        if not self._is_importable(module, below):
            return None
        if isinstance(found := getattr(sys.modules[module], function, None), Shell):
            return found
        try:
            return importing.resolve(module, function)
        except ImportError as error:
            near = get_close_matches(function, _functions(module), n=1)
            raise _Mistake(
                str(error), below, f"did you mean '{module}.{near[0]}'?" if near else hint
            ) from None

    def _is_importable(self, module: str, keys: Path) -> bool:
        """Imports ``module`` once; says once why it cannot be."""
        if module not in self._importable:
            try:
                importlib.import_module(module)
                self._importable[module] = True
            except (SystemExit, Exception) as error:  # noqa: BLE001 raised by the author's module, shown as such
                self._importable[module] = False
                problem = trace.unimportable(f"module '{module}'", error)
                places = [self.file.place(*keys), problem.where]
                self.problems.append(
                    DefinitionError(
                        problem.what,
                        ", ".join(filter(None, places)),
                        problem.hint,
                        detail=problem.detail,
                    )
                )
        return self._importable[module]

    def _variants(
        self, entry: Mapping[str, Json], keys: Path, variables: _Values
    ) -> list[dict[str, _Scalar]]:
        if "matrix" not in entry:
            return [{}]
        keys = (*keys, "matrix")
        dimensions = dict[str, list[_Scalar]]()
        for name, given in self._mapping(entry["matrix"], keys).items():
            below = (*keys, name)
            value = self._substitute(given, variables, below)
            if not names.is_variable_name(name) or not isinstance(value, list) or not value:
                raise _Mistake(
                    f"matrix dimension '{name}' is no list of values",
                    below,
                    f"write `{name}: [a, b]`, or ${{name}} of a list under `vars`",
                )
            dimensions[name] = self._scalars(cast("list[Json]", value), below)
        if not dimensions:
            raise _Mistake("the matrix is empty", keys, "write `matrix: {size: [small, large]}`")
        product = itertools.product(*dimensions.values())
        return [dict(zip(dimensions, values, strict=True)) for values in product]

    def _substitute(self, value: Json, values: _Values, keys: Path) -> Json:
        """Replaces ``${name}``; one that fills a whole string keeps the type of the value."""
        if isinstance(value, dict):
            return {
                key: self._substitute(item, values, (*keys, key)) for key, item in value.items()
            }
        if isinstance(value, list):
            return [
                self._substitute(item, values, (*keys, index)) for index, item in enumerate(value)
            ]
        if not isinstance(value, str) or "${" not in value:
            return value
        whole = _SUBSTITUTE.fullmatch(value)
        if whole is not None and whole[1] is not None:
            return cast("Json", self._value(whole[1], values, keys))

        def replace(match: re.Match[str]) -> str:
            if match[1] is None:
                return "${"
            found = self._value(match[1], values, keys)
            if isinstance(found, list):
                raise _Mistake(
                    f"'${{{match[1]}}}' is a list inside a text", keys, "use it as a whole value"
                )
            return _text(found)

        return _SUBSTITUTE.sub(replace, value)

    def _value(self, name: str, values: _Values, keys: Path) -> _Scalar | list[_Scalar]:
        name = name.strip()
        if name in values:
            return values[name]
        raise _Mistake(f"unknown variable '${{{name}}}'", keys, names.nearest(name, list(values)))

    def _scalars(self, items: list[Json], keys: Path) -> list[_Scalar]:
        for index, item in enumerate(items):
            if not _is_scalar(item):
                raise _Mistake(
                    f"{item!r:.80} is not a text, number or boolean",
                    (*keys, index),
                    "replace it",
                )
        return cast("list[_Scalar]", items)

    def _mapping(self, value: Json, keys: Path) -> Mapping[str, Json]:
        """Returns a mapping; nothing at all is an empty one."""
        if value is None:
            return {}
        if isinstance(value, dict):
            return value
        name = f"'{keys[-1]}'" if keys else "the file"
        raise _Mistake(f"{name} is not a mapping", keys, "write `key: value` lines below it")

    def _known(self, given: Mapping[str, Json], known: Sequence[str], keys: Path) -> None:
        for key in given:
            if key not in known:
                self.problem(f"unknown key '{key}'", (*keys, key), names.nearest(key, known))


def _functions(module: str) -> list[str]:
    values = vars(sys.modules[module]).items()
    return [name for name, value in values if callable(value) or isinstance(value, Shell)]


def _is_scalar(value: Json) -> bool:
    return isinstance(value, (str, int, float))


def _text(value: _Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
