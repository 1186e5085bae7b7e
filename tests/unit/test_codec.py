"""The JSON form of values."""

from dataclasses import dataclass

import pytest

from pivot_core.frozen import frozen
from pivot_core.model import codec
from pivot_core.model.artifact import Content, FileContent, Missing, TreeContent
from pivot_core.model.decision import (
    CodeChanged,
    Decision,
    Edit,
    Execute,
    Forced,
    ParamChanged,
    Restore,
    Skip,
)
from pivot_core.model.ids import ArtifactPath, ContentHash
from pivot_core.model.stage import SourceLocation

HASH = ContentHash("0" * 32)


@pytest.mark.parametrize(
    "decision",
    [
        Skip(1),
        Execute(
            (Forced(), CodeChanged("m:f", Edit.CHANGED, SourceLocation("m.py", 3), HASH, None))
        ),
        Restore(
            3,
            ((ArtifactPath("a"), FileContent(HASH, 1)),),
            (ParamChanged("lr", [1, {"a": None}], 0.5, True, True),),
        ),
    ],
)
def test_a_decision_survives_its_json_form(decision: Decision) -> None:
    assert codec.from_json(Decision, codec.to_json(Decision, decision)) == decision  # pyright: ignore[reportArgumentType] an alias of a union


@dataclass(frozen=True, slots=True)
class Shelf:
    content: Content
    found: Content | Missing | None
    many: dict[str, Content]


def test_unions_of_dataclasses_nest() -> None:
    tree = TreeContent(HASH, (("a/b", FileContent(HASH, 3, True)),))
    shelf = Shelf(tree, Missing(), {"x": tree, "y": FileContent(HASH, 1)})
    assert codec.from_json(Shelf, codec.to_json(Shelf, shelf)) == shelf


@pytest.mark.parametrize(
    "data",
    [None, [], {"hash": 3, "size_bytes": 1}, {"hash": "a"}, {"hash": "a", "size_bytes": True}],
)
def test_another_shape_is_a_value_error(data: object) -> None:
    with pytest.raises(ValueError, match="FileContent"):
        codec.from_json(FileContent, data)


@frozen
class _Optional:
    name: str = ""


@pytest.mark.parametrize("data", [[], "name", 1, True])
def test_what_is_no_object_is_not_taken_for_defaults(data: object) -> None:
    with pytest.raises(ValueError, match="not a _Optional"):
        codec.from_json(_Optional, data)
