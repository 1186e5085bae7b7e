"""Owns which statement took what was read while the definition was loaded."""

import ast
from collections.abc import Iterable, Iterator

from pivot_core.fingerprint.scope import FUNCTIONS
from pivot_core.fingerprint.source import Unit
from pivot_core.model.fingerprint import Reading, ReadingKind

_KEEPING_NOTHING = frozenset({"property", "staticmethod", "classmethod", "overload", "override"})

type _Span = tuple[int, int]
"""First and last line."""


class Readings:
    """Finds readings by the statements that took them."""

    def __init__(self, readings: Iterable[Reading] = (), executed: Iterable[str] = ()) -> None:
        """``executed`` are the modules that ran when the definition was loaded, by absolute path."""
        self._executed: frozenset[str] = frozenset(executed)
        self._taken: dict[str, list[Reading]] = {}
        self._through: dict[str, list[tuple[int, Reading]]] = {}
        self._paths_read: dict[str, set[int]] = {}
        for reading in readings:
            self._taken.setdefault(reading.taken_at.file, []).append(reading)
            for place in reading.through:
                self._through.setdefault(place.file, []).append((place.line, reading))
            if reading.kind is not ReadingKind.VARIABLE:
                for place in (reading.taken_at, *reading.through):
                    self._paths_read.setdefault(place.file, set()).add(place.line)

    def of(self, path: str, unit: Unit) -> list[Reading]:
        """Returns what counts for who reaches a statement of the file at ``path``, sorted by symbol.

        What the statement took, and what decorated functions in it read for another one: they may keep it.
        """
        found = dict[Reading, None]()
        if path in self._taken:
            spans = list(_spans(unit))
            for reading in self._taken[path]:
                if _holds(spans, reading.taken_at.line):
                    found[reading] = None
        if path in self._through:
            spans = list(_keeping(unit))
            for line, reading in self._through[path]:
                if _holds(spans, line):
                    found[reading] = None
        return sorted(found, key=lambda reading: (reading.symbol, reading.hash))

    def ran(self, path: str) -> bool:
        """Whether a module ran, so that what it reads when it is imported was noticed."""
        return path in self._executed

    def reads_path(self, path: str, unit: Unit) -> bool:
        """Whether a statement was noticed to read a file or directory."""
        spans = list(_spans(unit))
        return any(_holds(spans, line) for line in self._paths_read.get(path, ()))


def _holds(spans: Iterable[_Span], line: int) -> bool:
    return any(first <= line <= last for first, last in spans)


def _spans(unit: Unit) -> Iterator[_Span]:
    """Yields where a statement and the conditions that guard it stand."""
    for node in (unit.node, *(test for test, _ in unit.guards)):
        yield _span(node)


def _keeping(unit: Unit) -> Iterator[_Span]:
    """Yields where the functions of a statement stand that a decorator may make keep what they found."""
    for node in ast.walk(unit.node):
        if isinstance(node, FUNCTIONS):
            names = {ast.unparse(decorator) for decorator in node.decorator_list}
            if not names <= _KEEPING_NOTHING:
                yield _span(node)


def _span(node: ast.stmt | ast.expr) -> _Span:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    first = min([node.lineno, *(decorator.lineno for decorator in decorators)])
    return first, node.end_lineno or node.lineno
