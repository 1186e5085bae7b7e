"""Owns single values as people read them: numbers to six places, how far one has moved, and what differs."""

import json

from pivot_core.cli.result_records import ValueChangeRecord
from pivot_core.compare import leaf
from pivot_core.compare.leaf import Difference, LeafChange, is_number, is_same
from pivot_core.model.ids import Json
from pivot_core.port.results import Metrics

type Changed = tuple[str, LeafChange]
"""A file, and a value of it."""

_LONG = 40
MARKS = {Difference.ADDED: "+", Difference.REMOVED: "-", Difference.CHANGED: "~"}
STYLES = {Difference.ADDED: "added", Difference.REMOVED: "removed", Difference.CHANGED: "due"}


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


def record(path: str, change: LeafChange) -> ValueChangeRecord:
    """Returns one change as JSON has it."""
    is_kept = change.difference is Difference.CHANGED and is_same(change.old, change.new)
    return ValueChangeRecord(
        path=path,
        name=change.name,
        difference="same" if is_kept else change.difference.value,
        old=change.old,
        new=change.new,
        step=change.step,
    )


def cells(change: LeafChange) -> tuple[str, str, str, str]:
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


def metric_changes(before: Metrics, after: Metrics) -> tuple[list[Changed], int]:
    """Returns the metrics that differ, and how many do not; a file that one side could not read is left out."""
    changes, unchanged = list[Changed](), 0
    unread = before.problems.keys() | after.problems.keys()
    for path in dict.fromkeys([*before.files, *after.files]):
        if path in unread:
            continue
        found = leaf.compare(before.files.get(path, {}), after.files.get(path, {}))
        changes += [(path, change) for change in found.changes]
        unchanged += found.unchanged
    return changes, unchanged


def _cut(text: str) -> str:
    return text if len(text) <= _LONG else text[: _LONG - 1] + "…"
