"""Owns the single values of nested data: which there are, each by its path, and which differ between two versions."""

import json
import math
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import cast

from pivot_core.frozen import frozen
from pivot_core.model.ids import Json

_YAML = (".yaml", ".yml")


class Difference(Enum):
    """How something stands in the newer of two versions."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@frozen
class LeafChange:
    """One value that differs; ``old`` of what was added and ``new`` of what was removed say nothing."""

    name: str
    """``scores.auc``, ``layers[0]``."""
    difference: Difference
    old: Json = None
    new: Json = None

    @property
    def step(self) -> float | None:
        """By how much a number grew; ``None`` for anything else."""
        if is_number(self.old) and is_number(self.new):
            return float(cast("float", self.new)) - float(cast("float", self.old))
        return None


@frozen
class LeafDifference:
    """What differs between two nested values."""

    changes: tuple[LeafChange, ...]
    unchanged: int


def parse(path: str, data: bytes) -> Json:
    """Returns what a file of values holds: YAML by its name, else JSON; raises ``ValueError``."""
    if path.endswith(_YAML):
        from pivot_core import yaml12  # a front end that compares values parses none

        try:
            return yaml12.load(data, aliases=True, name=path)
        except yaml12.YamlError as error:
            raise ValueError(f"not valid YAML: line {error.line}: {error.problem}") from error
    try:
        return cast("Json", json.loads(data))
    except json.JSONDecodeError as error:
        raise ValueError(f"not valid JSON: line {error.lineno}: {error.msg.lower()}") from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError("not valid JSON") from error


def leaves(value: Json) -> dict[str, Json]:
    """Returns every single value by its path; an empty list or mapping counts as one."""
    return dict(_walk(value, ""))


def compare_values(old: Mapping[str, Json], new: Mapping[str, Json]) -> LeafDifference:
    """Returns what differs between two tables of leaves, in the order of ``old``, then what was added."""
    changes = list[LeafChange]()
    for name, value in old.items():
        if name not in new:
            changes.append(LeafChange(name, Difference.REMOVED, old=value))
        elif not is_same(value, new[name]):
            changes.append(LeafChange(name, Difference.CHANGED, value, new[name]))
    changes += [
        LeafChange(name, Difference.ADDED, new=value)
        for name, value in new.items()
        if name not in old
    ]
    kept = sum(change.difference is not Difference.ADDED for change in changes)
    return LeafDifference(tuple(changes), len(old) - kept)


def is_number(value: Json) -> bool:
    """Tells whether a value is a number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_same(old: Json, new: Json) -> bool:
    """Tells whether two single values are equal; 1 and true are not, and one NaN is like another."""
    if isinstance(old, float) and isinstance(new, float) and math.isnan(old):
        return math.isnan(new)
    return old == new and isinstance(old, bool) == isinstance(new, bool)


def _walk(value: Json, path: str) -> Iterator[tuple[str, Json]]:
    if isinstance(value, dict) and value:
        for name, item in value.items():
            yield from _walk(item, f"{path}.{name}" if path else name)
    elif isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _walk(item, f"{path}[{index}]")
    else:
        yield path, value
