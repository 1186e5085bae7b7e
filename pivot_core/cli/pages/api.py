"""Owns the reference page on the names that pipelines are written with, from their docstrings."""

import inspect
import re
import typing
from collections.abc import Callable, Iterator
from typing import cast

import pivot_core
from pivot_core.cli.pages import forms

_INTRO = """\
# Python API

The names that a pipeline is written with, all of them in `pivot_core`. [Defining pipelines](../guide/pipelines.md)
shows them at work. Importing the package imports none of pandas, NumPy, matplotlib or pydantic: each comes when it is
used.
"""
_GROUPS = {
    "Pipelines": ("Pipeline", "StageParams"),
    "What a stage reads": ("Dep", "PlaceholderDep"),
    "What a stage writes": ("Out", "Metric", "Plot", "DirectoryOut", "IncrementalOut"),
    "Loaders": (
        *("CSV", "JSON", "JSONL", "YAML", "Text", "Bytes", "Pickle", "PathOnly", "Parquet"),
        *("NumPy", "MatplotlibFigure"),
    ),
    "Loaders of your own": ("Reader", "Writer", "Loader"),
}
_WIDTH = 96
_PLACE = re.compile(r"\b(?:\w+\.)+(?=[A-Za-z_])")
"""The module in front of a type's name."""


def page() -> str:
    """Returns ``api.md``; a public name that no group has stands at its end."""
    grouped = [name for names in _GROUPS.values() for name in names]
    more = tuple([name for name in pivot_core.__all__ if name not in grouped])
    parts = [_INTRO]
    for title, names in {**_GROUPS, **({"More": more} if more else {})}.items():
        parts.append(f"## {title}\n")
        parts.extend(_entry(name, cast("object", getattr(pivot_core, name))) for name in names)
    return "\n".join(parts)


def _entry(name: str, value: object) -> str:
    lines = [f"### {name}\n", "```py", _signature(name, value), "```", "", forms.meaning(value)]
    if isinstance(value, type):
        rows = [f"| `{field}` | {text} |" for field, text in forms.meanings(value).items()]
        lines.extend(["", "| setting | |", "| --- | --- |", *rows] if rows else [])
        for method in _methods(value):
            made = _signature(f"{name}.{method.__name__}", method)
            lines.extend(["", "```py", made, "```", "", forms.meaning(method)])
    return "\n".join([*lines, ""])


def _methods(form: type) -> Iterator[Callable[..., object]]:
    """Yields the methods that an author calls or writes; those of loaders are told once, by their protocols."""
    is_told = typing.is_protocol(form) or form is pivot_core.Pipeline
    for name, member in vars(form).items() if is_told else ():
        if inspect.isfunction(member) and not name.startswith("_"):
            yield member


def _signature(name: str, value: object) -> str:
    """Returns how something is called, one parameter a line where one line is too short."""
    if not callable(value) or (isinstance(value, type) and typing.is_protocol(value)):
        return f"class {name}"
    if value is pivot_core.StageParams:
        return f"class MyParams({name}): ..."
    shown = list[str]()
    signature = inspect.signature(value)
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in shown:
            shown.append("*")
        if parameter.name != "self":
            shown.append(_parameter(parameter))
    result = "" if isinstance(value, type) else f" -> {_kind(signature.return_annotation)}"
    line = f"{name}({', '.join(shown)}){result}"
    if len(line) <= _WIDTH:
        return line
    return f"{name}(\n" + "".join(f"    {each},\n" for each in shown) + f"){result}"


def _parameter(parameter: inspect.Parameter) -> str:
    kind = _kind(parameter.annotation)
    if parameter.default is parameter.empty:
        return f"{parameter.name}: {kind}"
    default = repr(cast("object", parameter.default))
    return f"{parameter.name}: {kind} = {'...' if default == '<factory>' else default}"


def _kind(annotation: object) -> str:
    return _PLACE.sub("", inspect.formatannotation(annotation)).replace("'", "")
