"""Owns the JSON form of frozen values, so that each value that crosses a process or a socket is defined once.

A dataclass becomes an object of its fields, but for those that have their default; where a field may hold one of
several dataclasses the object also says which (``"type": "DepChanged"``). Enums become their value, tuples become
lists. A converter is built once a type from its annotations, those of a union's members when such a value is met.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Mapping
from enum import Enum
from typing import cast

from pivot_core.model.ids import Json

_TAG = "type"
_ALIAS_UNION = typing.Union  # pyright: ignore[reportDeprecated] what `Alias | None` gives before Python 3.14

_SCALARS = frozenset({bool, int, float, str, type(None)})

type _Decode = Callable[[object], object]
type _Encode = Callable[[object], Json]


def to_json(form: object, value: object) -> Json:
    """Returns the JSON form of ``value``, which must be an instance of ``form`` (a class, union or alias)."""
    return _encoder(form)(value)


def from_json[T](form: type[T], data: object) -> T:
    """Returns the value whose JSON form is ``data``.

    Unknown keys are ignored. Raises ``ValueError`` naming the field when ``data`` has another shape.
    """
    try:
        return cast("T", _decoder(form)(data))
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"not a {getattr(form, '__name__', form)}: {error!r:.200}") from error


def resolve(form: object) -> object:
    """Follows ``type`` aliases and ``NewType`` to what they stand for; ``Json`` stays opaque."""
    while form is not Json:
        if isinstance(form, typing.TypeAliasType):
            form = cast("object", form.__value__)
        elif isinstance(form, typing.NewType):
            form = cast("object", form.__supertype__)
        else:
            return form
    return object


def alternatives(form: object) -> tuple[object, ...]:
    """Returns the members of a union with nested aliases opened, ``()`` for anything else."""
    if not isinstance(form, types.UnionType) and typing.get_origin(form) is not _ALIAS_UNION:
        return ()
    found = list[object]()
    for member in typing.get_args(form):
        resolved = resolve(cast("object", member))
        found.extend(alternatives(resolved) or [resolved])
    return tuple(found)


@functools.cache
def _encoder(form: object) -> _Encode:
    form = resolve(form)
    members = alternatives(form)
    if members:
        return _union_encoder(members)
    origin = typing.get_origin(form)
    if isinstance(form, type) and issubclass(form, Enum):
        return lambda value: cast("Enum", value).value
    if _is_dataclass(cast("object", form)):
        return _dataclass_encoder(cast("type", form))
    if origin in (tuple, list):
        return _sequence_encoder(typing.get_args(form))
    if origin in (dict, Mapping, types.MappingProxyType) or form is Mapping:
        item = _encoder(typing.get_args(form)[1])
        return lambda value: {
            str(key): item(member) for key, member in cast("Mapping[str, object]", value).items()
        }
    return lambda value: cast("Json", value)


@functools.cache
def _decoder(form: object) -> _Decode:
    form = resolve(form)
    members = alternatives(form)
    if members:
        return _union_decoder(members)
    origin = typing.get_origin(form)
    if isinstance(form, type) and issubclass(form, Enum):
        return {cast("object", member.value): member for member in form}.__getitem__
    if _is_dataclass(cast("object", form)):
        return _dataclass_decoder(cast("type", form))
    if origin is tuple:
        args = typing.get_args(form)
        if len(args) == 2 and args[1] is Ellipsis:
            item, scalar = _decoder(args[0]), _scalar(args[0])
            return lambda data: tuple(
                [member if type(member) is scalar else item(member) for member in _listed(data)]
            )
        items = [_decoder(arg) for arg in args]
        return lambda data: tuple(
            [decode(member) for decode, member in zip(items, _listed(data), strict=True)]
        )
    if origin in (dict, Mapping):
        member = _decoder(typing.get_args(form)[1])
        return lambda data: {
            key: member(value) for key, value in cast("dict[str, object]", data).items()
        }
    if form is float:
        return _number
    if form in (int, str, bool):
        return _scalar_decoder(cast("type", cast("object", form)))
    return lambda data: data


def _scalar_decoder(kind: type) -> _Decode:
    def decode(data: object) -> object:
        if type(data) is kind:  # JSON has no subclasses, and a bool is no int there
            return data
        raise TypeError(f"{data!r:.60} is not {kind.__name__}")

    return decode


def _number(data: object) -> object:
    if type(data) is float or type(data) is int:
        return float(data)
    raise TypeError(f"{data!r:.60} is not a number")


def _listed(data: object) -> list[object]:
    if not isinstance(data, list):
        raise TypeError(f"{data!r:.60} is not a list")
    return cast("list[object]", data)


def _dataclass_encoder(form: type) -> _Encode:
    names: dict[str, object] = {"scalars": _SCALARS}
    lines = ["def convert(value):", " data = {}"]
    for field, hint in _fields(form):
        at = len(names)
        names |= {f"default{at}": field.default, f"item{at}": _encoder(hint)}
        # Equal to its default is not enough to be left out: True == 1.
        lines += [
            f" member = value.{field.name}",
            f" if member is not default{at}:",
            f"  data[{field.name!r}] = member if type(member) in scalars else item{at}(member)",
        ]
    return cast("_Encode", _written([*lines, " return data"], names))


def _dataclass_decoder(form: type) -> _Decode:
    fields = _fields(form)
    slots = [getattr(form, field.name, None) for field, _ in fields]
    # What `frozen` makes is filled through its slots: that is what its `__init__` does, and takes a third of the time.
    is_plain = not hasattr(form, "__post_init__")
    fills = is_plain and all(type(slot) is types.MemberDescriptorType for slot in slots)
    names: dict[str, object] = {"form": form, "new": object.__new__}
    # Where every field has a default nothing else would tell that this is no object.
    lines = ["def convert(data):", " data.keys", " this = new(form)" if fills else " return form("]
    for (field, hint), slot in zip(fields, slots, strict=True):
        at = len(names)
        scalar, key = _scalar(hint), repr(field.name)
        names |= {f"scalar{at}": scalar, f"item{at}": _decoder(hint)}
        given = f"member if type(member := data[{key}]) is scalar{at} else item{at}(member)"
        if field.default is not dataclasses.MISSING:
            names[f"default{at}"] = field.default
            given = f"({given}) if {key} in data else default{at}"
        elif field.default_factory is not dataclasses.MISSING:
            names[f"default{at}"] = field.default_factory
            given = f"({given}) if {key} in data else default{at}()"
        if fills:
            names[f"fill{at}"] = cast("types.MemberDescriptorType", slot).__set__
            lines.append(f" fill{at}(this, {given})")
        else:
            lines.append(f"  {field.name}={given},")
    return cast("_Decode", _written([*lines, " return this" if fills else " )"], names))


def _written(lines: list[str], names: dict[str, object]) -> object:
    """Returns the function ``convert`` of a source text; one for each class is twice as fast as one for all."""
    exec("\n".join(lines), names)
    return names["convert"]


def _scalar(form: object) -> type | None:
    """Returns the type of which values are their own JSON form; ``None`` where that is not all there is to it."""
    form = resolve(form)
    members = [member for member in alternatives(form) if member is not type(None)] or [form]
    only = members[0]
    return cast("type", only) if len(members) == 1 and cast("type", only) in _SCALARS else None


def _sequence_encoder(args: tuple[object, ...]) -> _Encode:
    if len(args) == 1 or (len(args) == 2 and args[1] is Ellipsis):
        item = _encoder(args[0])
        return lambda value: [
            cast("Json", member) if type(member) in _SCALARS else item(member)
            for member in cast("list[object]", value)
        ]
    items = [_encoder(arg) for arg in args]
    return lambda value: [
        encode(member) for encode, member in zip(items, cast("list[object]", value), strict=True)
    ]


def _union_encoder(members: tuple[object, ...]) -> _Encode:
    tagged = {cast("type", form) for form in members if _is_dataclass(form)}
    plain = [form for form in members if form is not type(None) and not _is_dataclass(form)]
    rest = _encoder(plain[0]) if len(plain) == 1 else None

    def encode(value: object) -> Json:
        if value is None:
            return None
        kind = type(value)
        if kind in tagged:
            data = cast("dict[str, Json]", _encoder(kind)(value))
            return {_TAG: kind.__name__, **data} if len(tagged) > 1 else data
        return rest(value) if rest else cast("Json", value)

    return encode


def _union_decoder(members: tuple[object, ...]) -> _Decode:
    tagged = {cast("type", form).__name__: form for form in members if _is_dataclass(form)}
    plain = [form for form in members if form is not type(None) and not _is_dataclass(form)]
    rest = _decoder(plain[0]) if len(plain) == 1 else None
    only = next(iter(tagged.values())) if len(tagged) == 1 else None

    def decode(data: object) -> object:
        if data is None:
            return None
        if only is not None and not plain:
            return _decoder(only)(data)
        if tagged and isinstance(data, dict):
            given = cast("dict[str, object]", data)
            return _decoder(tagged[cast("str", given[_TAG])])(given)
        return rest(data) if rest else data

    return decode


def _is_dataclass(form: object) -> bool:
    return isinstance(form, type) and dataclasses.is_dataclass(form)


def _fields(form: type) -> "list[tuple[dataclasses.Field[object], object]]":
    hints = typing.get_type_hints(form)
    return [(field, cast("object", hints[field.name])) for field in dataclasses.fields(form)]
