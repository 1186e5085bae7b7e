from datetime import date
from typing import Annotated, cast

import pydantic
import pytest

from pivot_core import StageParams
from pivot_core.define import params
from pivot_core.model.ids import Json


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


type Doubled = Annotated[int, pydantic.AfterValidator(lambda value: value * 2)]


class Doubling(pydantic.BaseModel):
    steps: int = 1

    @pydantic.field_validator("steps")
    @classmethod
    def double(cls, value: int) -> int:
        return value * 2


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
    assert params.carried(given, {}) is None
    assert params.rebuilt(Train, data, None) == given


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
    assert params.rebuilt(Sets, data, None) == given


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
        params.carried(Odd(), {})
    with pytest.raises(ValueError, match="'rate'"):
        params.carried(Odd(rate=float("nan"), secret=pydantic.SecretStr("**********")), {})


def test_a_hidden_value_is_refused_also_beside_a_validator_that_changes_its_own_result() -> None:
    class Odd(StageParams):
        secret: pydantic.SecretStr
        steps: Doubled = 1

    given = {"secret": "x", "steps": 2}
    with pytest.raises(ValueError, match="'secret'"):
        params.carried(params.effective(Odd, [given]), given)


@pytest.mark.parametrize("given", [{}, {"steps": 3}, {"tags": "a,b"}, {"inner": {"steps": 2}}])
def test_what_a_validator_made_is_not_made_again(given: dict[str, Json]) -> None:
    class Changing(StageParams):
        steps: Doubled = 1
        tags: Annotated[list[str], pydantic.BeforeValidator(lambda text: text.split(","))] = (
            pydantic.Field(default_factory=list[str])
        )
        inner: Doubling = Doubling()

    made = params.effective(Changing, [given])
    data, carried = params.to_json(made), params.carried(made, given)
    assert carried == given
    assert params.rebuilt(Changing, data, carried) == made
    assert type(params.rebuilt(Changing, data, carried)) is Changing


def test_params_that_are_others_each_time_are_not_used() -> None:
    numbers = iter(range(99))

    class Counting(StageParams):
        steps: Doubled = 1
        number: int = pydantic.Field(default_factory=lambda: next(numbers))

    made = Counting(number=100)
    carried = params.carried(made, {"number": 100})
    assert params.rebuilt(Counting, params.to_json(made), carried) == made
    with pytest.raises(ValueError, match="Counting is not the same each time"):
        params.rebuilt(Counting, {"steps": 1, "number": 5}, {})


def test_known_fields_are_listed_for_nested_models() -> None:
    assert params.field_names(Train, ("optimizer",)) == ["name", "rate"]
    assert params.field_names(Train, ("weights",)) == []
