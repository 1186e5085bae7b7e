from datetime import date
from typing import cast

import pydantic
import pytest

from pivot_core import StageParams
from pivot_core.define import params


class Optimizer(StageParams):
    name: str = "sgd"
    rate: float = 0.1


class Train(StageParams):
    epochs: int = 3
    optimizer: Optimizer = Optimizer(name="adam")
    fallback: Optimizer | None = None
    weights: dict[str, float] = pydantic.Field(default_factory=dict[str, float])
    start: date = date(2024, 1, 1)
    alias: int = pydantic.Field(default=1, alias="other_name")


class Inner(pydantic.BaseModel):
    words: set[str]


def test_the_strongest_layer_comes_last() -> None:
    found = params.effective(Train, [{"epochs": 5}, {"epochs": 7}])
    assert isinstance(found, Train)
    assert found.epochs == 7


def test_a_nested_model_is_overridden_in_part() -> None:
    found = params.effective(Train, [{"optimizer": {"rate": 0.5}}, {"fallback": {"rate": 2}}])
    assert isinstance(found, Train)
    assert found.optimizer == Optimizer(name="adam", rate=0.5)
    assert found.fallback == Optimizer(rate=2)


def test_a_mapping_that_is_no_model_is_replaced() -> None:
    found = params.effective(Train, [{"weights": {"a": 1}}, {"weights": {"b": 2}}])
    assert isinstance(found, Train)
    assert found.weights == {"b": 2}


def test_the_json_form_gives_equal_params() -> None:
    given = Train(epochs=9, start=date(2025, 2, 3), other_name=4)
    data = params.to_json(given)
    assert data["start"] == "2025-02-03"
    assert params.from_json(Train, data) == given


def test_sets_have_one_order() -> None:
    class Sets(StageParams):
        names: set[str]
        pairs: frozenset[tuple[str, int]]
        nested: dict[int, list[set[str]]]
        inner: list[Inner]

    given = Sets(
        names=set("gfedcba"),
        pairs=frozenset(zip("dcba", range(4), strict=True)),
        nested={1: [set("zyxw")]},
        inner=[Inner(words=set("srqp"))],
    )
    data = params.to_json(given)
    assert data == {
        "names": list("abcdefg"),
        "pairs": [["a", 3], ["b", 2], ["c", 1], ["d", 0]],
        "nested": {"1": [list("wxyz")]},
        "inner": [{"words": list("pqrs")}],
    }
    assert params.from_json(Sets, data) == given


def test_mappings_and_lists_keep_their_order() -> None:
    given = Train(weights={"b": 1.0, "a": 2.0})
    data = params.to_json(given)
    assert list(cast("dict[str, float]", data["weights"])) == ["b", "a"]


def test_unknown_fields_are_refused() -> None:
    with pytest.raises(pydantic.ValidationError, match="Extra inputs"):
        params.effective(Train, [{"epoch": 1}])


def test_params_cannot_be_changed() -> None:
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        Train().epochs = 2


def test_only_given_fields_override() -> None:
    assert params.overrides_of(Train(epochs=3)) == {"epochs": 3}


def test_a_value_that_json_cannot_carry_is_refused() -> None:
    class Odd(StageParams):
        rate: float = 0.0
        secret: pydantic.SecretStr = pydantic.SecretStr("x")

    with pytest.raises(ValueError, match="'secret' has a value that JSON cannot carry"):
        params.to_json(Odd())
    with pytest.raises(ValueError, match="'rate'"):
        params.to_json(Odd(rate=float("nan"), secret=pydantic.SecretStr("**********")))


def test_known_fields_are_listed_for_nested_models() -> None:
    assert params.field_names(Train, ("optimizer",)) == ["name", "rate"]
    assert params.field_names(Train, ("weights",)) == []
