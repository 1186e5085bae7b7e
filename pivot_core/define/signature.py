"""Owns what a stage function's annotations say: what it reads and writes, its params; paths are not judged here."""

import builtins
import inspect
import sys
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, cast, override

from pivot_core.define.markers import AnyDep, AnyOut, Dep, IncrementalOut, Out, PlaceholderDep
from pivot_core.errors import DefinitionError
from pivot_core.frozen import frozen
from pivot_core.model.ids import inside_project

if TYPE_CHECKING:
    from collections.abc import Callable

    from pivot_core.define.params import StageParams

RETURN = "return"
"""The field of a function's only out."""

_MARKERS = (Dep, PlaceholderDep, Out, IncrementalOut)


@frozen
class StageSignature:
    """What a stage function takes and gives, with the markers as the author wrote them."""

    deps: Mapping[str, AnyDep] = field(default_factory=dict[str, AnyDep])
    """By parameter."""
    outs: Mapping[str, AnyOut] = field(default_factory=dict[str, AnyOut])
    """By field of the returned TypedDict; ``return`` alone where the function returns its only out."""
    params: "tuple[str, type[StageParams]] | None" = None
    """The parameter that takes the params model, and the model."""
    variant_param: str | None = None
    incremental: Mapping[str, str] = field(default_factory=dict[str, str])
    """The parameter that takes a previous value → the field of ``outs`` that it comes from."""


def inspect_stage(func: "Callable[..., object]") -> StageSignature:
    """Reads the annotations of ``func``.

    Raises ``DefinitionError`` for the first mistake, with the others in it.
    """
    reading = _Reading(func)
    signature = reading.run()
    if reading.problems:
        first, *others = reading.problems
        raise DefinitionError(first.what, first.where, first.hint, tuple(others))
    return signature


def directory_members(value: object) -> dict[str, object]:
    """Returns the files that a function gave for a ``DirectoryOut``: relative name → value.

    Raises ``TypeError`` or ``ValueError`` unless it is a dict of names that stay inside the directory.
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"a DirectoryOut takes a dict of name to value, not {type(value).__name__}")
    members = dict[str, object]()
    for name, item in cast("Mapping[object, object]", value).items():
        path = inside_project(name)
        if path.endswith("/"):
            raise ValueError(f"a file name that ends in '/': {name!r:.200}")
        members[path] = item
    for name in members:
        for position, char in enumerate(name):
            if char == "/" and name[:position] in members:
                raise ValueError(f"'{name[:position]}' is a file and the directory of '{name}'")
    return members


@dataclass(slots=True)
class _Parameters:
    deps: dict[str, AnyDep] = field(default_factory=dict[str, AnyDep])
    previous: dict[str, IncrementalOut] = field(default_factory=dict[str, IncrementalOut])
    params: "tuple[str, type[StageParams]] | None" = None
    variant: str | None = None


class _Reading:
    """One pass over one function."""

    def __init__(self, func: "Callable[..., object]") -> None:
        self.func: Callable[..., object] = func
        self.name: str = getattr(func, "__name__", "function")
        code = getattr(inspect.unwrap(func), "__code__", None)
        self.where: str = f"{code.co_filename}:{code.co_firstlineno}" if code else self.name
        self.problems: list[DefinitionError] = []

    def run(self) -> StageSignature:
        if inspect.iscoroutinefunction(self.func) or inspect.isasyncgenfunction(self.func):
            self._problem(
                f"'{self.name}' is async", "write a plain function; it may call asyncio.run"
            )
        elif inspect.isgeneratorfunction(self.func):
            self._problem(
                f"'{self.name}' is a generator", "return the value instead of yielding it"
            )
        hints = self._hints(self.func)
        if hints is None:
            return StageSignature()
        taken = _Parameters()
        for param in inspect.signature(self.func).parameters.values():
            if param.kind not in (param.VAR_POSITIONAL, param.VAR_KEYWORD):
                self._parameter(param, _open(hints.get(param.name, param.empty)), taken)
        outs = self._outs(hints)
        incremental = self._incremental(taken.previous, outs)
        return StageSignature(taken.deps, outs, taken.params, taken.variant, incremental)

    def _parameter(self, param: inspect.Parameter, hint: object, taken: "_Parameters") -> None:
        name = param.name
        subject = f"parameter '{name}' of '{self.name}'"
        marker = self._marker(hint, subject)
        if param.kind is param.POSITIONAL_ONLY:
            self._problem(
                f"{subject} is positional-only",
                "remove the '/' of the signature: Pivot passes values by name",
            )
        if isinstance(marker, (Dep, PlaceholderDep)):
            taken.deps[name] = marker
            self._check_loader(marker.reader, ("load",), f"the reader of '{name}'")
        elif isinstance(marker, IncrementalOut):
            taken.previous[name] = marker
            self._check_out(marker, subject)
        elif isinstance(marker, Out):
            self._problem(
                f"{subject} is marked {_kind(marker)}",
                "mark what is read with Dep; what is written stands at the return annotation",
            )
        elif name == "variant" and hint is str:
            taken.variant = name
        elif _is_params(hint):
            if taken.params is not None:
                self._problem(
                    f"'{self.name}' takes two params models: '{taken.params[0]}' and '{name}'",
                    "put all fields into one class",
                )
            taken.params = (name, cast("type[StageParams]", hint))
        elif marker is None and param.default is param.empty:
            self._unmarked(name, hint)

    def _outs(self, hints: Mapping[str, object]) -> dict[str, AnyOut]:
        if RETURN not in hints:
            self._problem(
                f"'{self.name}' has no return annotation",
                "write -> Annotated[..., Out(path, writer)], or -> None when it writes nothing",
            )
            return {}
        hint = _open(hints[RETURN])
        if hint is None or hint is type(None):
            return {}
        if typing.is_typeddict(hint):
            return self._fields(cast("type", hint))
        marker = self._marker(hint, f"the return annotation of '{self.name}'")
        if isinstance(marker, (Out, IncrementalOut)):
            self._check_out(marker, f"the out of '{self.name}'")
            return {RETURN: marker}
        if marker is not False:
            self._problem(
                f"the return annotation of '{self.name}' names no out",
                "write Annotated[..., Out(path, writer)], or return a TypedDict of such fields",
            )
        return {}

    def _fields(self, form: type) -> dict[str, AnyOut]:
        outs = dict[str, AnyOut]()
        hints = self._hints(form)
        for name, given in (hints or {}).items():
            subject = f"field '{name}' of '{form.__name__}'"
            hint = _open(given)
            marker = self._marker(hint, subject)
            if isinstance(marker, (Out, IncrementalOut)):
                outs[name] = marker
                self._check_out(marker, subject)
            elif marker is not False:
                self._problem(f"{subject} names no out", "write Annotated[..., Out(path, writer)]")
            if name in getattr(form, "__optional_keys__", ()):
                self._problem(
                    f"{subject} is not required", "a stage writes all its outs in each run"
                )
            if name == RETURN:
                self._problem(f"{subject} has a reserved name", "give it another name")
        return outs

    def _incremental(
        self, previous: Mapping[str, IncrementalOut], outs: Mapping[str, AnyOut]
    ) -> dict[str, str]:
        incremental = dict[str, str]()
        for name, marker in previous.items():
            fields = [
                key
                for key, out in outs.items()
                if isinstance(out, IncrementalOut) and out.path == marker.path
            ]
            if fields:
                incremental[name] = fields[0]
            else:
                self._problem(
                    f"parameter '{name}' of '{self.name}' gets '{marker.path}', which is not returned",
                    "put the same IncrementalOut on the return annotation",
                )
        for key, out in outs.items():
            if isinstance(out, IncrementalOut) and key not in incremental.values():
                self._problem(
                    f"'{self.name}' returns the IncrementalOut '{out.path}', and no parameter gets it",
                    "put the same IncrementalOut on a parameter, or use Out",
                )
        return incremental

    def _marker(self, hint: object, subject: str) -> AnyDep | AnyOut | bool | None:
        """Returns the one marker of an annotation; ``None`` for none, ``False`` when a problem was noted."""
        if isinstance(hint, _Unknown):
            self._unknown(subject, [hint.__name__])
            return False
        metadata = _metadata(hint)
        found = [item for item in metadata if isinstance(item, _MARKERS)]
        bare = [item for item in metadata if isinstance(item, type) and issubclass(item, _MARKERS)]
        unknown = [item.__name__ for item in metadata if isinstance(item, _Unknown)]
        if unknown:
            self._unknown(subject, unknown)
            return False
        if bare:
            self._problem(
                f"{subject} names the class {bare[0].__name__}",
                f"write {bare[0].__name__}(path, ...)",
            )
            return False
        if len(found) > 1:
            self._problem(
                f"{subject} has several markers: {', '.join(map(_kind, found))}", "keep one of them"
            )
            return False
        return found[0] if found else None

    def _check_out(self, marker: AnyOut, subject: str) -> None:
        methods = ("load", "save") if isinstance(marker, IncrementalOut) else ("save",)
        self._check_loader(marker.writer, methods, f"the writer of {subject}")

    def _check_loader(self, loader: object, methods: Iterable[str], subject: str) -> None:
        if isinstance(loader, type):
            self._problem(f"{subject} is the class {loader.__name__}", f"write {loader.__name__}()")
            return
        missing = [name for name in methods if not callable(getattr(loader, name, None))]
        if missing:
            kind = type(loader).__name__
            self._problem(
                f"{subject} is {kind}, which has no method '{missing[0]}'",
                "use a loader such as JSON() or CSV(), or a class with that method",
            )

    def _unmarked(self, name: str, hint: object) -> None:
        subject = f"parameter '{name}' of '{self.name}'"
        if hint is inspect.Parameter.empty:
            what, hint_text = (
                f"{subject} has no annotation",
                "write Annotated[..., Dep(path, reader)]",
            )
        elif _is_model(hint):
            what = f"{subject} is a {cast('type', hint).__name__}, which is no StageParams"
            hint_text = "derive the class from pivot_core.StageParams"
        else:
            what = f"{subject} has no Dep"
            hint_text = "write Annotated[..., Dep(path, reader)], or give the parameter a default"
        self._problem(what, hint_text)

    def _unknown(self, subject: str, names: list[str]) -> None:
        self._problem(
            f"{subject} uses '{names[0]}', which is not defined when the module has been imported",
            "import it at the top of the module and not only under TYPE_CHECKING",
        )

    def _hints(self, form: object) -> dict[str, object] | None:
        try:
            try:
                return typing.get_type_hints(form, include_extras=True)
            except NameError:
                return typing.get_type_hints(form, localns=_Names(form), include_extras=True)
        except Exception as error:  # noqa: BLE001 evaluates the author's text; `load` shows what it raised
            name = getattr(form, "__name__", str(form))
            self._problem(
                f"the annotations of '{name}' cannot be read: {type(error).__name__}: {error}",
                "correct the annotation",
            )
            return None

    def _problem(self, what: str, hint: str) -> None:
        self.problems.append(DefinitionError(what, self.where, hint))


class _Unknown(type):
    """Stands for a name that exists for the type checker alone; anything may be done to it."""

    def __getattr__(cls, name: str) -> "_Unknown":
        if name.startswith("__"):
            raise AttributeError(name)
        return _Unknown(f"{cls.__name__}.{name}", (), {})

    def __getitem__(cls, item: object) -> "_Unknown":
        return cls

    @override
    def __call__(cls, *args: object, **kwargs: object) -> "_Unknown":
        return cls


class _Names(dict[str, object]):
    """Local names for evaluating annotations: gives what is defined nowhere else a stand-in."""

    def __init__(self, form: object) -> None:
        super().__init__()
        inner = inspect.unwrap(form) if callable(form) and not isinstance(form, type) else form
        module = sys.modules.get(getattr(form, "__module__", ""))
        self._globals: dict[str, object] = getattr(inner, "__globals__", vars(module or builtins))

    def __missing__(self, name: str) -> object:
        if name in self._globals or hasattr(builtins, name):
            raise KeyError(name)
        return _Unknown(name, (), {})


def _open(hint: object) -> object:
    """Follows ``type`` aliases and takes off ``Required`` and ``ReadOnly``."""
    while True:
        if isinstance(hint, typing.TypeAliasType):
            hint = cast("object", hint.__value__)
        elif typing.get_origin(hint) in (typing.Required, typing.NotRequired, typing.ReadOnly):
            hint = cast("object", typing.get_args(hint)[0])
        else:
            return hint


def _metadata(hint: object) -> tuple[object, ...]:
    """Returns what stands beside the type in ``Annotated``, through aliases of the type itself."""
    if typing.get_origin(hint) is not Annotated:
        return ()
    args = cast("tuple[object, ...]", typing.get_args(hint))
    return (*_metadata(_open(args[0])), *args[1:])


def _is_params(hint: object) -> bool:
    module = sys.modules.get("pivot_core.define.params")  # not imported: nobody can have a model
    return module is not None and isinstance(hint, type) and issubclass(hint, module.StageParams)


def _is_model(hint: object) -> bool:
    module = sys.modules.get("pydantic")
    return module is not None and isinstance(hint, type) and issubclass(hint, module.BaseModel)


def _kind(marker: object) -> str:
    return type(marker).__name__
