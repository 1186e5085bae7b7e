"""Owns the params of a stage: the model that authors derive from, and its effective values; imports pydantic."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from pathlib import PurePath
from types import NoneType
from typing import Annotated, cast, get_args, get_origin
from uuid import UUID

import pydantic
from pydantic_core import to_jsonable_python

from pivot_core.model.ids import Json


class StageParams(pydantic.BaseModel):
    """The params of a stage: a frozen pydantic model that refuses unknown fields.

    Defaults live in the class; ``params.yaml``, ``pivot.yaml`` and ``register(params=)`` only override. A stage takes
    them by a parameter that is annotated with the class, ``def train(params: TrainParams, ...)``. Only values in effect
    count: to write a default down changes nothing.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, validate_by_name=True)


_PLAIN = (
    *(bool, int, float, str, bytes, Decimal, date, time, timedelta, UUID, PurePath, Enum),
    NoneType,
)
"""What the JSON form tells, given the type."""

type Layer = Mapping[str, object]
"""Overrides from one place: field → value; nested models may be given in part."""


def overrides_of(params: StageParams) -> dict[str, object]:
    """Returns the fields that were given when ``params`` was made."""
    return params.model_dump(exclude_unset=True, round_trip=True)


def merged(model: type[StageParams], layers: list[Layer]) -> dict[str, object]:
    """Returns all overrides as one, of ``layers`` with the strongest last."""
    found = dict[str, object]()
    for layer in layers:
        found = _merge(model, found, layer)
    return found


def effective(model: type[StageParams], layers: list[Layer]) -> StageParams:
    """Builds the params from overrides, the strongest layer last.

    Raises ``pydantic.ValidationError``.
    """
    return model.model_validate(merged(model, layers))


def to_json(params: StageParams) -> dict[str, Json]:
    """Returns the values in JSON form; sets are sorted."""
    return cast("dict[str, Json]", _with_sorted_sets(_dump(params), params))


def carried(params: StageParams, overrides: Layer) -> dict[str, Json] | None:
    """Returns what `rebuilt` needs besides the JSON form of params that were made of ``overrides``.

    That is ``None`` where the values alone make equal params, and the overrides where a validator would change a value
    a second time, or does not take its own result. Raises ``ValueError`` when JSON cannot carry a value.
    """
    model, data = type(params), to_json(params)
    if _makes(lambda: model.model_validate_json(json.dumps(data)), params):
        return None
    given = cast("dict[str, Json]", to_jsonable_python(overrides))
    lost = [
        name for name, item in _dump(params).items() if not _is_faithful(item, _value(params, name))
    ]
    if lost or not _makes(lambda: model.model_validate(given), params):
        raise ValueError(f"'{lost[0] if lost else 'a field'}' has a value that JSON cannot carry")
    return given


def rebuilt(
    model: type[StageParams], data: Mapping[str, Json], given: Mapping[str, Json] | None
) -> StageParams:
    """Makes equal params in another process, of their JSON form and what `carried` returned.

    Raises ``ValueError`` when a factory or a validator gives something else this time.
    """
    if given is None:
        return model.model_validate_json(json.dumps(data))
    made = model.model_validate(given)
    if to_json(made) != data:
        raise ValueError(
            f"{model.__name__} is not the same each time: a default or a validator changes"
        )
    return made


def field_names(model: type[pydantic.BaseModel], path: tuple[str, ...] = ()) -> list[str]:
    """Returns the names that may be given, in the nested model that ``path`` leads to."""
    for name in path:
        nested = _nested(model, name)
        if nested is None:
            return []
        model = nested
    return list(model.model_fields)


def _merge(model: type[pydantic.BaseModel], base: Layer, over: Layer) -> dict[str, object]:
    """Lays ``over`` upon ``base``; only nested models are merged, other mappings are replaced."""
    merged = dict(base)
    for name, value in over.items():
        nested = _nested(model, name)
        if nested is not None and isinstance(value, Mapping):
            below = merged[name] if name in merged else _default(model, name)
            known = cast("Layer", below if isinstance(below, Mapping) else {})
            value = _merge(nested, known, cast("Layer", value))
        merged[name] = value
    return merged


def _nested(model: type[pydantic.BaseModel], name: str) -> type[pydantic.BaseModel] | None:
    """Returns the model that a field holds, also an optional one; ``None`` for every other field."""
    info = model.model_fields.get(name)
    return None if info is None else _only_model(info.annotation)


def _only_model(hint: object) -> type[pydantic.BaseModel] | None:
    if isinstance(hint, type) and issubclass(hint, pydantic.BaseModel):
        return hint
    origin = get_origin(hint)
    if origin is None or (isinstance(origin, type) and issubclass(origin, (Mapping, list, tuple))):
        return None
    args = get_args(hint)[:1] if origin is Annotated else get_args(hint)
    found = [model for model in map(_only_model, args) if model is not None]
    return found[0] if len(found) == 1 else None


def _default(model: type[pydantic.BaseModel], name: str) -> object:
    """Returns what a nested model's default instance sets, so that an override of one field keeps the others."""
    info = model.model_fields[name]
    if info.default_factory_takes_validated_data:
        return None
    default = info.get_default(call_default_factory=True)
    return default.model_dump(round_trip=True) if isinstance(default, pydantic.BaseModel) else None


def _dump(params: StageParams) -> dict[str, Json]:
    return cast("dict[str, Json]", params.model_dump(mode="json", round_trip=True))


def _makes(make: Callable[[], StageParams], wanted: StageParams) -> bool:
    try:
        return make() == wanted
    except Exception:  # noqa: BLE001 a validator of the author's that does not take its own result
        return False


def _is_faithful(data: Json, value: object) -> bool:
    """Whether the JSON form of a value surely tells it, which that of a secret or of no number does not."""
    pairs = _pairs(data, value)
    if pairs is not None:
        return all(_is_faithful(item, of) for item, of in pairs)
    is_plain = isinstance(value, _PLAIN) and not (isinstance(value, float) and not isfinite(value))
    return is_plain and to_jsonable_python(value) == data


def _pairs(data: Json, value: object) -> list[tuple[Json, object]] | None:
    """Returns the members of a JSON form, each with what it is the form of; ``None`` for a single value."""
    if isinstance(data, dict):
        items = list(data.values())
        if isinstance(value, Mapping):  # its keys may be anything, those of its form are strings
            values = list(cast("Mapping[object, object]", value).values())
        else:
            values = [getattr(value, name, None) for name in data]
    elif isinstance(data, list) and isinstance(value, (list, tuple, set, frozenset)):
        items, values = data, list(cast("Iterable[object]", value))
    else:
        return None
    if len(items) != len(values):
        return None  # a serializer of the author's made something else
    return list(zip(items, values, strict=True))


def _with_sorted_sets(data: Json, value: object) -> Json:
    """Returns the JSON form of ``value``, with the members of sets in an order that no process can change."""
    pairs = _pairs(data, value)
    if pairs is None:
        return data
    items = [_with_sorted_sets(item, of) for item, of in pairs]
    if isinstance(data, dict):
        return dict(zip(data, items, strict=True))
    return sorted(items, key=json.dumps) if isinstance(value, (set, frozenset)) else items


def _value(params: pydantic.BaseModel, name: str) -> object:
    return cast("object", getattr(params, name))
