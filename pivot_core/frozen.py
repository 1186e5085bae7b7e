"""Makes the frozen values of which the program is built, and spends on a class only what it is used for.

``dataclass(frozen=True, slots=True)`` writes and compiles the methods of a class while its module is imported: half a
millisecond each, half of the start of a command, though most classes are never used by the same process. ``frozen``
makes the slots at once, and lets the standard library write the methods when the first of them is called.
"""

import contextlib
import dataclasses
from dataclasses import FrozenInstanceError, field, fields
from typing import Any, Never, cast, dataclass_transform

_METHODS = {"__init__": "init", "__repr__": "repr", "__eq__": "eq", "__hash__": "eq"}
"""What ``dataclass`` calls each when it is asked for it."""
_FACTS = ("__dataclass_fields__", "__dataclass_params__", "__match_args__", "__signature__")
"""What ``fields``, ``replace``, ``match`` and ``inspect.signature`` ask a class for."""


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen[T](cls: type[T], /) -> type[T]:
    """Makes of a class what ``dataclass(frozen=True, slots=True)`` makes of it."""
    return cast("type[T]", _Later(cls).made)


class _Later:
    """A class with slots, and what it still lacks."""

    def __init__(self, cls: type) -> None:
        self._namespace = {
            name: member
            for name, member in vars(cls).items()
            if name not in ("__dict__", "__weakref__")
        }
        names = [name for name, kind in cls.__annotations__.items() if "ClassVar" not in str(kind)]
        taken = {slot for base in cls.__mro__[1:-1] for slot in vars(base).get("__slots__", ())}
        # Where a class compares in its own way, Python itself sets `__hash__` to nothing.
        self._lacking = [name for name in _METHODS if self._namespace.get(name) is None]
        body = {name: member for name, member in self._namespace.items() if name not in names}
        body |= {name: self._method(name) for name in self._lacking}
        body |= {name: _Fact(self, name) for name in _FACTS}
        body |= _SHARED | {"__slots__": tuple([name for name in names if name not in taken])}
        self._lacking += _FACTS
        self.made: type = type(cls)(cls.__name__, cls.__bases__, body)
        self.made.__qualname__ = cls.__qualname__

    def complete(self, part: str = "") -> None:
        """Has some methods written; by two threads at once they are written twice, which does no harm."""
        # A class without a text is given its signature for one, which takes as long as the methods do.
        body = self._namespace | {"__doc__": self.made.__name__}
        likeness = type(self.made)(self.made.__name__, self.made.__bases__, body)
        written = vars(
            dataclasses.dataclass(
                init=part == "init", repr=part == "repr", eq=part == "eq", frozen=True
            )(likeness)
        )
        for name in self._lacking:
            if written.get(name) is not None:
                setattr(self.made, name, written[name])
        if part == "init":
            with contextlib.suppress(AttributeError):
                del self.made.__signature__  # it is that of `__init__`

    def _method(self, name: str) -> object:
        def first(this: object, *given: object, **named: object) -> object:
            self.complete(_METHODS[name])
            return getattr(self.made, name)(this, *given, **named)

        return first


class _Fact:
    """Stands in for an attribute of a class until it is read."""

    def __init__(self, later: _Later, name: str) -> None:
        self._later = later
        self._name = name

    def __get__(self, instance: object, owner: type) -> object:
        self._later.complete("init" if self._name == "__signature__" else "")
        return getattr(self._later.made, self._name)


def _refuse(this: object, name: str, *_: object) -> Never:
    raise FrozenInstanceError(f"cannot change {name!r} of a {type(this).__name__}: it is frozen")


def _state(this: Any) -> list[object]:
    return [getattr(this, each.name) for each in fields(this)]


def _restore(this: Any, state: list[object]) -> None:
    for each, member in zip(fields(this), state, strict=True):
        object.__setattr__(this, each.name, member)


_SHARED = {
    "__setattr__": _refuse,
    "__delattr__": _refuse,
    "__getstate__": _state,
    "__setstate__": _restore,
}
