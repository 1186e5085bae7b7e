"""Owns the keys of ``pivot.yaml``, and the JSON Schema of it by which editors complete, explain and check.

The reader knows its keys from here. What the schema refuses the reader refuses; which functions, inputs and params
there are the reader alone knows.
"""

from collections.abc import Mapping

from pivot_core.model.ids import Json

type Schema = Mapping[str, Json]

_SCALAR: list[Json] = ["string", "number", "boolean"]
_SCALARS: Json = {"type": "array", "items": {"type": _SCALAR}}
_NAME: Json = {"type": "string", "minLength": 1}

STAGE: dict[str, Json] = {
    "python": {
        "description": "The function that the stage runs, as `module.function`.",
        "type": "string",
        "pattern": r"^[^.\s]+(\.[^.\s]+)+$",
    },
    "deps": {
        "description": "Paths of inputs in place of those of the annotations, by parameter of the function.",
        "type": ["object", "null"],
        "additionalProperties": {"anyOf": [_NAME, {"type": "array", "items": _NAME}]},
    },
    "outs": {
        "description": "Paths of outputs in place of those of the annotations, by field (`return` for a single one).",
        "type": ["object", "null"],
        "additionalProperties": _NAME,
    },
    "params": {
        "description": "Values of fields of the params class; `params.yaml` wins over them.",
        "type": ["object", "null"],
    },
    "matrix": {
        "description": "Lists of values, or `${name}` of one under `vars`: a stage for each combination.",
        "type": "object",
        "minProperties": 1,
        "additionalProperties": {
            "anyOf": [
                {"type": "array", "items": {"type": _SCALAR}, "minItems": 1},
                {"type": "string", "pattern": r"^\$\{[^}]*\}$"},
            ]
        },
    },
    "mutex": {
        "description": "Names of what is used alone: stages that share one never run at the same time.",
        "anyOf": [_NAME, {"type": "array", "items": _NAME}],
    },
    "timeout": {
        "description": "Seconds that one attempt may take.",
        "type": ["number", "null"],
        "exclusiveMinimum": 0,
        "exclusiveMaximum": 1e9,
    },
    "retries": {
        "description": "How often a failed attempt is repeated.",
        "type": "integer",
        "minimum": 0,
    },
}
"""What each key of a stage takes."""

TOP: dict[str, Json] = {
    "pipeline": {"description": "The pipeline's name.", "type": ["string", "null"]},
    "vars": {
        "description": "Values that `${name}` stands for in stages; lists serve as dimensions of a matrix.",
        "type": ["object", "null"],
        "additionalProperties": {"anyOf": [{"type": _SCALAR}, _SCALARS]},
    },
    "stages": {
        "description": "The stages by name; `name@variant` is a variant.",
        "type": ["object", "null"],
        "additionalProperties": {"$ref": "#/$defs/stage"},
    },
}
"""What each key of the file takes."""


def document() -> Schema:
    """Returns the schema, of draft 2020-12."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pivot.yaml",
        "description": "The stages of a Pivot project.",
        "type": ["object", "null"],
        "properties": TOP,
        "additionalProperties": False,
        "$defs": {
            "stage": {
                "type": "object",
                "properties": STAGE,
                "required": ["python"],
                "additionalProperties": False,
            }
        },
    }
