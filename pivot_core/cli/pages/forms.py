"""Owns what the source tells of a class of values: its fields, their types in the words of JSON, what they mean.

A form is a ``TypedDict`` or a frozen dataclass with a JSON form by codec, an enum, or an alias of several of these.
"""

import ast
import dataclasses
import functools
import inspect
import itertools
import json
import re
import textwrap
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import cast

from pivot_core.frozen import frozen
from pivot_core.model import codec
from pivot_core.model.ids import Json

if typing.TYPE_CHECKING:
    from _typeshed import DataclassInstance

_FEW = 2


@frozen
class Field:
    """One field of a form."""

    name: str
    form: object
    """The annotation, evaluated."""
    meaning: str
    is_optional: bool
    """Whether it may be left out."""
    default: object
    """What holds then; ``dataclasses.MISSING`` where nothing plain does."""


@functools.cache
def fields(form: type) -> tuple[Field, ...]:
    """Returns the fields of a record or a value, in order."""
    hints = cast("dict[str, object]", typing.get_type_hints(form, include_extras=True))
    told = meanings(form)
    found = list[Field]()
    for name, (is_optional, default) in _defaults(form).items():
        found.append(Field(name, hints[name], told.get(name, ""), is_optional, default))
    return tuple(found)


def members(form: type[Enum]) -> dict[str, str]:
    """Returns the values of an enum, each with what it means."""
    told = meanings(form)
    return {str(member.value): told.get(member.name, "") for member in form}


def meanings(form: type) -> dict[str, str]:
    """Returns the docstrings that follow fields or members, by name."""
    node = ast.parse(textwrap.dedent(inspect.getsource(form))).body[0]
    body = node.body if isinstance(node, ast.ClassDef) else []
    found = dict[str, str]()
    for line, after in itertools.pairwise(body):
        match line, after:
            case (
                ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                found[name] = _marked(text)
            case _:
                pass
    return found


def meaning(form: object) -> str:
    """Returns what a class is, without line breaks inside paragraphs, in Markdown."""
    text = inspect.cleandoc(getattr(form, "__doc__", None) or "")
    return "\n\n".join(_marked(part) for part in text.split("\n\n"))


def title(form: object) -> str:
    """Returns ``run started`` for ``RunStartedRecord``; other forms keep their names, which JSON may hold."""
    name = str(getattr(form, "__name__", form))
    if not name.endswith("Record"):
        return name
    words = re.sub("(?=[A-Z])", " ", name.removesuffix("Record"))
    return words.lower().strip()


def named(form: object) -> object | None:
    """Returns the form that has a section of its own: a class, or an alias of several; ``None`` for a plain type."""
    if isinstance(form, typing.TypeAliasType) and form is not Json:
        return form if len(codec.alternatives(codec.resolve(form))) > _FEW else None
    plain = codec.resolve(form)
    return plain if isinstance(plain, type) and _has_fields(plain) else None


def parts(form: object) -> Iterator[object]:
    """Yields the named forms that stand in the annotation ``form``, not those inside them."""
    found = named(form)
    if found is not None:
        yield found
        return
    for part in codec.alternatives(codec.resolve(form)) or _arguments(form):
        yield from parts(part)


def inside(form: object) -> Iterator[object]:
    """Yields the named forms directly below a named one."""
    if isinstance(form, typing.TypeAliasType):
        yield from codec.alternatives(codec.resolve(form))
    elif isinstance(form, type) and not _is_enum(form):
        yield from itertools.chain.from_iterable(parts(field.form) for field in fields(form))


def closure(forms: Iterable[object]) -> list[object]:
    """Returns the forms and all below them, each once, as they come up."""
    found = dict[object, None]()
    waiting = list(forms)
    while waiting:
        form = waiting.pop(0)
        if form not in found:
            found[form] = None
            waiting.extend(inside(form))
    return list(found)


def kind(form: object, places: Mapping[object, str] | None = None) -> str:
    """Says a type in the words of JSON, with links; ``places`` says on which page forms stand that are elsewhere."""
    linked = named(form)
    if linked is not None:
        name = title(linked)
        page = (places or {}).get(linked, "")
        return f"[{name}]({page}#{name.lower().replace(' ', '-')})"
    plain = codec.resolve(form)
    several = codec.alternatives(plain)
    if several:
        rest = [kind(each, places) for each in several if each is not types.NoneType]
        return " or ".join([*rest, *(["null"] if types.NoneType in several else [])])
    origin, given = typing.get_origin(plain), _arguments(plain)
    if origin in (list, tuple):
        is_fixed = origin is tuple and Ellipsis not in given
        inner = [kind(each, places) for each in given if each is not Ellipsis]
        return f"[{', '.join(inner)}]" if is_fixed else f"list of {inner[0]}"
    if origin in (dict, Mapping):
        return f"object of {kind(given[1], places)}"
    words = {str: "string", int: "integer", float: "number", bool: "boolean", object: "any"}
    return words[cast("type", plain)]


def section(form: object, places: Mapping[object, str] | None = None) -> str:
    """Returns the section of a named form: a heading, what it is, and a table."""
    lines = [f"### {title(form)}\n"]
    if isinstance(form, typing.TypeAliasType):
        names = ", ".join(kind(each, places) for each in codec.alternatives(form.__value__))
        lines.append(f"One of these, `type` says which: {names}.")
    else:
        lines.extend([meaning(form), *table(cast("type", form), places)])
    return "\n".join([*lines, ""])


def table(form: type, places: Mapping[object, str] | None = None) -> list[str]:
    """Returns the lines of a table of fields, or of the values of an enum; none where there are none."""
    if _is_enum(form):
        told = members(cast("type[Enum]", form))
        values = [f"| `{value}` | {text} |" for value, text in told.items()]
        return ["", "| value | |", "| --- | --- |", *values]
    rows = [
        f"| `{field.name}` | {kind(field.form, places)} | {_told(field)} |"
        for field in fields(form)
    ]
    return ["", "| field | type | |", "| --- | --- | --- |", *rows] if rows else []


def _told(field: Field) -> str:
    """Returns what a field means, and what holds where it is left out."""
    if not field.is_optional:
        return field.meaning
    is_plain = field.default is not dataclasses.MISSING
    default = codec.to_json(field.form, field.default) if is_plain else {}
    return f"{field.meaning} Default: `{json.dumps(default)}`.".strip()


def _has_fields(form: type) -> bool:
    return _is_enum(form) or typing.is_typeddict(form) or dataclasses.is_dataclass(form)


def _is_enum(form: type) -> bool:
    return issubclass(form, Enum)


def _arguments(form: object) -> tuple[object, ...]:
    return cast("tuple[object, ...]", typing.get_args(codec.resolve(form)))


def _defaults(form: type) -> dict[str, tuple[bool, object]]:
    """Returns for each field whether it may be left out, and what holds then."""
    if typing.is_typeddict(form):
        return dict.fromkeys(form.__annotations__, (False, dataclasses.MISSING))
    missing = dataclasses.MISSING
    return {
        field.name: (
            field.default is not missing or field.default_factory is not missing,
            cast("object", field.default),
        )
        for field in dataclasses.fields(cast("type[DataclassInstance]", form))
    }


def _marked(text: str) -> str:
    return " ".join(text.split()).replace("``", "`")
