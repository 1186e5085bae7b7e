"""Owns the params of a stage: the model that authors derive from, and its effective values; imports pydantic."""

import json
from collections.abc import Iterable, Mapping
from typing import Annotated, cast, get_args, get_origin

import pydantic

from pivot_core.model.ids import Json


class StageParams(pydantic.BaseModel):
    """The params of a stage: a frozen pydantic model that refuses unknown fields.

    Defaults live in the class; ``params.yaml``, ``pivot.yaml`` and ``register(params=)`` only override.
    """

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True, validate_by_name=True)


type Layer = Mapping[str, object]
"""Overrides from one place: field → value; nested models may be given in part."""


def overrides_of(params: StageParams) -> dict[str, object]:
    """Returns the fields that were given when ``params`` was made."""
    return params.model_dump(exclude_unset=True, round_trip=True)


def effective(model: type[StageParams], layers: list[Layer]) -> StageParams:
    """Builds the params from overrides, the strongest layer last.

    Raises ``pydantic.ValidationError``.
    """
    merged = dict[str, object]()
    for layer in layers:
        merged = _merge(model, merged, layer)
    return model.model_validate(merged)


def to_json(params: StageParams) -> dict[str, Json]:
    """Returns the JSON form, of which ``from_json`` makes equal params; sets are sorted.

    Raises ``ValueError`` when there is none.
    """
    dumped = cast("dict[str, Json]", params.model_dump(mode="json", round_trip=True))
    data = {
        name: _with_sorted_sets(item, getattr(params, name, None)) for name, item in dumped.items()
    }
    rebuilt = from_json(type(params), data)
    if rebuilt != params:
        lost = [
            name
            for name in type(params).model_fields
            if _value(rebuilt, name) != _value(params, name)
        ]
        raise ValueError(f"'{lost[0] if lost else 'a field'}' has a value that JSON cannot carry")
    return data


def from_json(model: type[StageParams], data: Mapping[str, Json]) -> StageParams:
    """Rebuilds params in another process."""
    return model.model_validate_json(json.dumps(data))


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


def _with_sorted_sets(data: Json, value: object) -> Json:
    """Returns the JSON form of ``value``, with the members of sets in an order that no process can change."""
    if isinstance(data, dict):
        if isinstance(value, Mapping):  # its keys may be anything, those of its form are strings
            values = list(cast("Mapping[object, object]", value).values())
        else:
            values = [getattr(value, name, None) for name in data]
        if len(values) == len(data):
            return {
                name: _with_sorted_sets(item, of)
                for (name, item), of in zip(data.items(), values, strict=True)
            }
    elif isinstance(data, list) and isinstance(value, (list, tuple, set, frozenset)):
        values = list(cast("Iterable[object]", value))
        if len(values) == len(data):
            items = [_with_sorted_sets(item, of) for item, of in zip(data, values, strict=True)]
            return sorted(items, key=json.dumps) if isinstance(value, (set, frozenset)) else items
    return data  # a serializer of the author's made something else


def _value(params: StageParams, name: str) -> object:
    return cast("object", getattr(params, name))
