"""Tests frozen values: what ``dataclass(frozen=True, slots=True)`` makes, whenever the methods are written."""

import dataclasses
import inspect
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, ClassVar, override

import pytest

from pivot_core.frozen import frozen


@frozen
class Base:
    name: str
    parts: tuple[str, ...] = ()
    unit: ClassVar[str] = "s"


@frozen
class Derived(Base):
    notes: list[str] = dataclasses.field(default_factory=list[str])

    @property
    def length(self) -> int:
        return len(self.parts)


@frozen
class Folded:
    text: str

    @override
    def __eq__(self, other: object) -> bool:
        return isinstance(other, Folded) and other.text.lower() == self.text.lower()


@frozen
class Box[T]:
    item: T

    def __post_init__(self) -> None:
        if self.item is None:
            raise ValueError("a box holds something")


class Loud(Base):
    @override
    def __repr__(self) -> str:
        return super().__repr__().upper()


def _fresh() -> Any:
    @frozen
    class Fresh:
        number: int
        text: str = "a"

    return Fresh


_USES: dict[str, Callable[[Any], object]] = {
    "made": lambda cls: cls(1).text == "a",
    "fields": lambda cls: [each.name for each in dataclasses.fields(cls)] == ["number", "text"],
    "equal": lambda cls: cls(1) == cls(1, "a") != cls(2),
    "hashed": lambda cls: len({cls(1), cls(1), cls(2)}) == 2,
    "shown": lambda cls: repr(cls(1)).endswith("Fresh(number=1, text='a')"),
    "replaced": lambda cls: dataclasses.replace(cls(1), text="b") == cls(1, "b"),
    "matched": lambda cls: cls.__match_args__ == ("number", "text"),
    "told": lambda cls: dataclasses.is_dataclass(cls),
    "documented": lambda cls: str(inspect.signature(cls)).startswith(
        "(number: int, text: str = 'a')"
    ),
    "slotted": lambda cls: not hasattr(cls(1), "__dict__"),
}


@pytest.mark.parametrize("use", _USES.values(), ids=_USES)
def test_whatever_is_asked_first(use: Callable[[Any], object]) -> None:
    assert use(_fresh())


def test_by_many_threads_at_once() -> None:
    barrier = Barrier(4)

    def make(cls: Any) -> object:
        barrier.wait()
        return cls(1)

    with ThreadPoolExecutor(4) as pool:
        for _ in range(20):
            cls = _fresh()
            assert set(pool.map(make, [cls] * 4)) == {cls(1)}


def test_derived() -> None:
    value = Derived("a", ("b", "c"))
    assert (value.length, value.notes, Derived.unit) == (2, [], "s")
    assert value != Base("a", ("b", "c"))
    assert repr(value) == "Derived(name='a', parts=('b', 'c'), notes=[])"
    assert repr(Loud("a")) == "LOUD(NAME='A', PARTS=())"
    assert Derived("a").notes is not Derived("a").notes


def test_cannot_be_changed() -> None:
    value = Base("a")
    for change in (lambda: setattr(value, "name", "b"), lambda: delattr(value, "name")):
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot change 'name' of a Base"):
            change()
    assert value.name == "a"


def test_own_methods_stay() -> None:
    assert Folded("a") == Folded("A") != Folded("b")
    assert Box(1) == Box(1)
    with pytest.raises(ValueError, match="holds something"):
        Box(None)


def test_crosses_processes() -> None:
    value = Derived("a", ("b",), ["c"])
    assert pickle.loads(pickle.dumps(value)) == value


def test_wrong_arguments_are_told_as_ever() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'number'"):
        _fresh()()
