"""What programs read, held against the JSON Schemas of the reference: nothing is there that they do not name."""

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from jsonschema import Draft202012Validator

from pivot_core.model.ids import Json

SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "schemas"


def check(name: str, value: Json) -> None:
    """Fails unless ``value`` is what the schema ``name`` describes, and no more than that."""
    error = next(iter(_validator(name).iter_errors(value)), None)  # pyright: ignore[reportUnknownMemberType]
    assert error is None, f"{name}: {error.message} at {error.json_path}"


def check_output(arguments: Sequence[str], out: str) -> None:
    """Checks what ``pivot`` wrote if it was asked for JSON: line by line, or all of it where that is one object."""
    if "--json" not in arguments or not out:
        return
    places = {at + 1 for at, word in enumerate(arguments) if word == "-C"}
    words = [
        word for at, word in enumerate(arguments) if not word.startswith("-") and at not in places
    ]
    name = next(name for name in ("-".join(words[:2]), words[0]) if name in names())
    for text in [out] if out.startswith("{\n") else out.splitlines():
        check(name, cast("Json", json.loads(text)))


@functools.cache
def names() -> frozenset[str]:
    """Returns the schemas that there are."""
    return frozenset(path.stem for path in SCHEMAS.iterdir())


@functools.cache
def _validator(name: str) -> Draft202012Validator:
    schema = cast("Json", json.loads((SCHEMAS / f"{name}.json").read_text()))
    return Draft202012Validator(cast("dict[str, Json]", _closed(schema)))


def _closed(schema: Json) -> Json:
    """Returns a schema that refuses what it does not name."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed: dict[str, Json] = {key: _closed(each) for key, each in schema.items()}
    if "properties" in closed and closed.get("type") == "object":
        closed["additionalProperties"] = False
    return closed
