"""Owns single values as people read them: numbers to six places, and how far one has moved."""

import json

from pivot_core.compare.leaf import Difference, LeafChange, is_number, is_same
from pivot_core.model.ids import Json

_LONG = 40


def value(given: Json) -> str:
    """Returns a value in few characters; JSON output has it in full."""
    if isinstance(given, float):
        return format(given, ".6g")
    if isinstance(given, str):
        return (
            given if given and len(given) <= _LONG else json.dumps(_cut(given), ensure_ascii=False)
        )
    return _cut(json.dumps(given, ensure_ascii=False))


def both(old: Json, new: Json) -> tuple[str, str]:
    """Returns two values that differ, so that one sees it."""
    shown = value(old), value(new)
    if shown[0] != shown[1]:
        return shown
    return _cut(json.dumps(old)), _cut(json.dumps(new))


def step(old: Json, new: Json) -> str:
    """Returns how far a number moved, ``+0.02 (+2.2%)``; nothing for anything else."""
    if not isinstance(old, (int, float)) or not isinstance(new, (int, float)):
        return ""
    if not is_number(old) or not is_number(new):
        return ""
    moved = new - old
    share = f" ({moved / abs(old):+.1%})" if old and abs(moved / old) < 100 else ""
    return f"{moved:+.6g}{share}"


def value_cells(change: LeafChange) -> tuple[str, str, str, str]:
    """Returns name, old and new value, and how far it moved."""
    match change.difference:
        case Difference.ADDED:
            return change.name, "", value(change.new), "added"
        case Difference.REMOVED:
            return change.name, value(change.old), "", "removed"
        case Difference.CHANGED if is_same(change.old, change.new):
            return change.name, value(change.old), value(change.new), ""
        case Difference.CHANGED:
            shown = both(change.old, change.new)
            return change.name, *shown, step(change.old, change.new)


def _cut(text: str) -> str:
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"
