"""The schema of ``pivot.yaml`` takes what the reader takes, and refuses nothing else."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest

from pivot_core import yaml12
from pivot_core.define import schema
from pivot_core.model.ids import Json
from tests.support import loading

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "pipelines.md"
STAGES = loading.HEAD + (
    "class P(StageParams):\n    rate: float = 0.1\n"
    'def a(p: P, raw: Annotated[str, Dep("raw.txt", Text())]) -> Annotated[str, Out("a.txt", Text())]: ...\n'
)
GOOD = [
    "",
    "pipeline:\nvars:\nstages:\n",
    """\
pipeline: p
vars: {one: 1, two: [x, 2, true], rates: [1, 2]}
stages:
  a: {python: stages.a, deps: , outs: , params: , timeout: }
  b@c: {python: stages.a, deps: {raw: x}, outs: {return: b}, params: {rate: 2}}
  d: {python: stages.a, outs: {return: d}, mutex: gpu, timeout: 1.5, retries: 2}
  e: {python: stages.a, outs: {return: e}, mutex: [gpu, net], timeout: 3}
  f:
    python: stages.a
    matrix: {r: "${rates}", s: [x]}
    outs: {return: "${r}${s}"}
    params: {rate: "${r}"}
""",
]
BAD = [
    "[]\n",
    "pipeline: 3\n",
    "stage: {}\n",
    "stages: [a]\n",
    "vars: {n: {a: 1}}\n",
    "vars: {n: [[1]]}\n",
]
BAD_STAGES = [
    "",
    "{}",
    "{python: 3}",
    "{python: a}",
    *(
        f"{{python: stages.a, {key}}}"
        for key in (
            *("dep: {}", "deps: [x]", "deps: {raw: 3}", "outs: {return: ''}", "params: [x]"),
            *("matrix: {}", "matrix: {n: 3}", "matrix: {n: []}", "matrix: {n: [[1]]}"),
            *(
                "mutex: ['']",
                "mutex: ",
                "timeout: 0",
                "timeout: soon",
                "retries: -1",
                "retries: 1.5",
            ),
        )
    ),
]
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}
OPEN = {"description", "title", "$schema", "$defs"}
"""Keywords that refuse nothing."""


def refusals(value: Json, rule: Json, path: str = "") -> list[str]:
    """Returns what JSON Schema has against a value; knows the keywords that ours is written with."""
    rules = cast("Mapping[str, Json]", rule)
    found = list[str]()
    for word in rules.keys() - OPEN:
        found += _refused(word, rules, value, path)
    return found


def _refused(word: str, rules: Mapping[str, Json], value: Json, path: str) -> list[str]:
    said = rules[word]
    match word, value:
        case "$ref", _:
            name = cast("str", said).removeprefix("#/$defs/")
            return refusals(
                value, cast("Mapping[str, Json]", schema.document()["$defs"])[name], path
            )
        case "anyOf", _:
            tried = [refusals(value, each, path) for each in cast("Sequence[Json]", said)]
            holds = any(not each for each in tried)
        case "type", _:
            wanted = [said] if isinstance(said, str) else cast("Sequence[str]", said)
            holds = any(_is(value, name) for name in wanted)
        case "properties", dict():
            known = cast("Mapping[str, Json]", said)
            each = (
                refusals(value[key], known[key], f"{path}/{key}") for key in known.keys() & value
            )
            return [one for some in each for one in some]
        case "additionalProperties", dict():
            known = cast("Mapping[str, Json]", rules.get("properties", {}))
            others = value.keys() - known.keys()
            if said is False:
                return [f"{path}/{key}: unknown" for key in others]
            each = (refusals(value[key], said, f"{path}/{key}") for key in others)
            return [one for some in each for one in some]
        case "items", list():
            return [one for item in value for one in refusals(item, said, f"{path}/-")]
        case "required", dict():
            holds = value.keys() >= set(cast("Sequence[str]", said))
        case ("minProperties", dict()) | ("minItems", list()) | ("minLength", str()):
            holds = len(value) >= cast("int", said)
        case "pattern", str():
            holds = re.search(cast("str", said), value) is not None
        case "minimum", int() | float():
            holds = value >= cast("float", said)
        case "exclusiveMinimum", int() | float():
            holds = value > cast("float", said)
        case "exclusiveMaximum", int() | float():
            holds = value < cast("float", said)
        case _:
            holds = word in KEYWORDS
    return [] if holds else [f"{path}: {word}"]


KEYWORDS = {
    *("properties", "additionalProperties", "items", "required", "minProperties", "minItems"),
    *("minLength", "pattern", "minimum", "exclusiveMinimum", "exclusiveMaximum"),
}
"""Those that hold for any value of another type than theirs; one that is unknown here holds for none."""


def _is(value: Json, name: str) -> bool:
    is_number = name in ("integer", "number")
    return isinstance(value, TYPES[name]) and not (is_number and isinstance(value, bool))


def of(yaml: str) -> list[str]:
    return refusals(
        yaml12.load(yaml, aliases=True, name="pivot.yaml"), cast("Json", schema.document())
    )


def files(yaml: str) -> dict[str, str]:
    return {"stages.py": STAGES, "pivot.yaml": yaml}


@pytest.mark.parametrize("yaml", GOOD)
def test_what_the_schema_takes_the_reader_takes(tmp_path: Path, yaml: str) -> None:
    assert of(yaml) == []
    loading.stages(tmp_path, files(yaml))


@pytest.mark.parametrize("yaml", BAD)
def test_what_the_schema_refuses_the_reader_refuses(tmp_path: Path, yaml: str) -> None:
    assert of(yaml)
    assert loading.errors(tmp_path, files(yaml))


def test_each_stage_that_the_schema_refuses_the_reader_refuses(tmp_path: Path) -> None:
    lines = [f"  s{number}: {stage}\n" for number, stage in enumerate(BAD_STAGES)]
    assert [line for line in lines if not of(f"stages:\n{line}")] == []
    found = loading.errors(tmp_path, files("stages:\n" + "".join(lines)))
    said = {error["where"].rpartition("pivot.yaml:")[2].rstrip(")") for error in found}
    assert said >= {str(number + 2) for number in range(len(lines))}


def test_the_example_of_the_guide_is_sound_and_uses_every_key() -> None:
    found = re.search(
        r"^```yaml\n(# pivot.yaml\n.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert found is not None
    assert of(found[1]) == []
    given = cast(
        "dict[str, dict[str, dict[str, Json]]]",
        yaml12.load(found[1], aliases=True, name="pivot.yaml"),
    )
    assert given.keys() == schema.TOP.keys()
    used = set[str]().union(*given["stages"].values())
    assert used == schema.STAGE.keys()


def test_each_key_is_described() -> None:
    keys = {**schema.TOP, **schema.STAGE}
    assert [
        key for key, rule in keys.items() if "description" not in cast("Mapping[str, Json]", rule)
    ] == []
