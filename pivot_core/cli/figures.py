"""Owns values that differ, as the command line tells of them."""

from pivot_core.cli.result_records import ValueChangeRecord
from pivot_core.compare import leaf
from pivot_core.compare.cells import value as value
from pivot_core.compare.leaf import Difference, LeafChange, is_same
from pivot_core.port.results import Metrics

type Changed = tuple[str, LeafChange]
"""A file, and a value of it."""

MARKS = {Difference.ADDED: "+", Difference.REMOVED: "-", Difference.CHANGED: "~"}
STYLES = {Difference.ADDED: "added", Difference.REMOVED: "removed", Difference.CHANGED: "due"}


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


def metric_changes(before: Metrics, after: Metrics) -> tuple[list[Changed], int]:
    """Returns the metrics that differ, and how many do not; a file that one side could not read is left out."""
    changes, unchanged = list[Changed](), 0
    unread = before.problems.keys() | after.problems.keys()
    for path in dict.fromkeys([*before.files, *after.files]):
        if path in unread:
            continue
        found = leaf.compare_values(before.files.get(path, {}), after.files.get(path, {}))
        changes += [(path, change) for change in found.changes]
        unchanged += found.unchanged
    return changes, unchanged
