"""Owns the JSON Schemas (draft 2020-12) of what commands write, of events, and of what the socket carries.

They are made from the same classes as the pages. Fields that are not named may come, as a later version may add some.
"""

import re
import types
import typing
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import cast

from pivot_core.cli import records
from pivot_core.cli.pages import forms
from pivot_core.model import codec
from pivot_core.model.ids import Json
from pivot_core.port import EngineInfo, Event, Published, Reply, Snapshot, rpc
from pivot_core.port.queries import ANSWERS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_WORDS = re.compile(r"(?:`\w+`(?:, | or ))*`\w+`\.")
"""A meaning that is nothing but a list of values."""
_PLAIN: Mapping[object, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    types.NoneType: "null",
}


def document(title: str, description: str, of: Iterable[object]) -> dict[str, Json]:
    """Returns the schema of a document, or of a line, that is one of some forms."""
    definitions = dict[str, Json]()
    allowed = [_schema(form, definitions) for form in of]
    head: dict[str, Json] = {"$schema": DIALECT, "title": title, "description": description}
    body: dict[str, Json] = {"anyOf": allowed}
    if len(allowed) == 1:
        body = cast("dict[str, Json]", allowed[0])
    return {**head, **body, "$defs": dict(sorted(definitions.items()))}


def of_events() -> dict[str, Json]:
    """Returns the schema of an event, as journals hold them."""
    told = "One event: a line of `events.jsonl` after the first, and `event` of a notification."
    return document("An event of Pivot", told, [Event])


def of_socket() -> dict[str, Json]:
    """Returns the schema of a line on the socket, whoever sends it."""
    definitions = dict[str, Json]()
    calls = [
        _request(name, _schema(form, definitions))
        for name, form in {**rpc.COMMANDS, **rpc.QUERIES}.items()
    ]
    calls.extend(_request(name, {"type": "object"}) for name in (rpc.HELLO, rpc.SUBSCRIBE))
    results = [EngineInfo, Snapshot, Reply, *ANSWERS.values()]
    definitions["result"] = {"anyOf": [_schema(form, definitions) for form in results]}
    told: dict[str, Json] = {
        rpc.EVENT: _schema(Published, definitions),
        rpc.SNAPSHOT: _schema(Snapshot, definitions),
    }
    text: Json = {"type": "string"}
    definitions["error"] = _object(
        {
            "code": {"type": "integer"},
            "message": text,
            "data": _object({"where": text, "hint": text, "detail": text}),
        }
    )
    answers: list[Json] = [
        _line({"id": True, "result": {"$ref": "#/$defs/result"}}),
        _line({"id": True, "error": {"$ref": "#/$defs/error"}}),
    ]
    notices = [_line({"method": {"const": name}, "params": form}) for name, form in told.items()]
    return {
        "$schema": DIALECT,
        "title": "A line on Pivot's socket",
        "description": "A request of a client, an answer to one, or a notification of the engine.",
        "anyOf": [*calls, *answers, *notices],
        "$defs": dict(sorted(definitions.items())),
    }


def _request(name: str, params: Json) -> Json:
    line = cast("dict[str, Json]", _line({"id": True, "method": {"const": name}, "params": params}))
    return {**line, "required": ["jsonrpc", "id", "method"]}


def _line(members: dict[str, Json]) -> Json:
    return _object({"jsonrpc": {"const": "2.0"}, **members})


def _object(members: dict[str, Json]) -> Json:
    return {"type": "object", "properties": members, "required": list(members)}


def _schema(form: object, definitions: dict[str, Json]) -> Json:
    """Returns the schema of a type; what has a name goes into ``definitions`` and is referred to."""
    plain = codec.resolve(form)
    several = codec.alternatives(plain)
    if several:
        return _alternatives(form, several, definitions)
    if forms.named(plain) is not None:
        name = forms.title(plain).replace(" ", "_")
        if name not in definitions:
            definitions[name] = True  # a form may hold itself
            definitions[name] = _definition(cast("type", plain), definitions)
        return {"$ref": f"#/$defs/{name}"}
    origin = typing.get_origin(plain)
    given = cast("tuple[object, ...]", typing.get_args(plain))
    if origin in (dict, Mapping):
        return {"type": "object", "additionalProperties": _schema(given[1], definitions)}
    if origin in (list, tuple):
        items = [_schema(each, definitions) for each in given if each is not Ellipsis]
        if origin is list or Ellipsis in given:
            return {"type": "array", "items": items[0]}
        return {"type": "array", "prefixItems": items, "items": False, "minItems": len(items)}
    return {"type": _PLAIN[plain]} if plain in _PLAIN else True


def _alternatives(form: object, several: tuple[object, ...], definitions: dict[str, Json]) -> Json:
    """Returns the schema of a union; of several values with fields each says in ``type`` which it is."""
    tagged = [each for each in several if forms.named(each) and not _is_enum(each)]
    schemas = list[Json]()
    for each in several:
        schema = _schema(each, definitions)
        if len(tagged) > 1 and each in tagged:
            needed: Json = ["type"]
            schema = {**cast("dict[str, Json]", schema), "required": needed}
        schemas.append(schema)
    if forms.named(form) is None:
        return {"anyOf": schemas}
    name = forms.title(form)
    definitions[name] = {"anyOf": schemas}
    return {"$ref": f"#/$defs/{name}"}


def _definition(form: type, definitions: dict[str, Json]) -> Json:
    told: dict[str, Json] = {"description": forms.meaning(form)}
    if _is_enum(form):
        return {**told, "enum": list[Json](forms.members(cast("type[Enum]", form)))}
    properties = dict[str, Json]()
    if not typing.is_typeddict(form):
        properties["type"] = {"const": form.__name__}
    needed = list[Json]()
    for field in forms.fields(form):
        properties[field.name] = _property(field, definitions)
        if not field.is_optional:
            needed.append(field.name)
    return {**told, "type": "object", "properties": properties, "required": needed}


def _property(field: forms.Field, definitions: dict[str, Json]) -> Json:
    schema = _schema(field.form, definitions)
    found: dict[str, Json] = {} if schema is True else dict(cast("dict[str, Json]", schema))
    if field.meaning:
        found["description"] = field.meaning
    if field.name == "schema":
        found["const"] = records.SCHEMA
    elif field.form is str and _WORDS.fullmatch(field.meaning):
        found["enum"] = list[Json](re.findall(r"`(\w+)`", field.meaning))
    return found


def _is_enum(form: object) -> bool:
    return isinstance(form, type) and issubclass(form, Enum)
