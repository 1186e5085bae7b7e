"""Owns where the panels lie: a pure function from the size of the terminal, the focus and the zoom to rectangles."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import assert_never

from pivot_core.frozen import frozen
from pivot_tui.keys import Scope

_FRAME = 2  # a panel's border
_LEAST = 3  # a border and a line
_STAGES_BESIDE = 5
"""Lines that the stages keep while a detail panel is grown to half."""
_HALF = 2
"""A panel that is grown to half weighs as much as this many times all its neighbours."""

_LEFT = ((Scope.STAGES, 5), (Scope.TIMELINE, 4))
_MIDDLE = ((Scope.LOGS, 9), (Scope.WHY, 6), (Scope.IN_OUT, 5))
_RIGHT = ((Scope.HISTORY, 5), (Scope.REMOTE, 4), (Scope.ERRORS, 6))
_COLUMNS = ((_LEFT, 14), (_MIDDLE, 15), (_RIGHT, 11))


class Shape(Enum):
    """How the panels share the screen."""

    TINY = "tiny"
    """No room for any; counts alone."""
    SINGLE = "single"
    """The one with the focus."""
    STACKED = "stacked"
    """Stages above, one of the others below."""
    COLUMNS = "columns"
    """Stages at the left, one of the others at the right."""
    WIDE = "wide"
    """All, in three columns."""


class Zoom(Enum):
    """How far the focused panel has grown."""

    NORMAL = 0
    HALF = 1
    FULL = 2


@frozen
class Place:
    """A rectangle in cells."""

    x: int
    y: int
    width: int
    height: int


@frozen
class Frame:
    """The places of what is on screen."""

    panels: Mapping[Scope, Place]
    between: Place | None
    """The line of tabs, the counts where there is room for nothing else; ``None`` where there are neither."""


def shape(cells: int, lines: int) -> Shape:
    """Returns how a terminal of this size is shared."""
    if cells < 40 or lines < 10:
        return Shape.TINY
    if cells < 60 or lines < 15:
        return Shape.SINGLE
    if cells < 100:
        return Shape.STACKED
    return Shape.WIDE if cells >= 150 and lines >= 40 else Shape.COLUMNS


def frame(
    kind: Shape, cells: int, lines: int, focus: Scope, tab: Scope, zoom: Zoom, stages: int
) -> Frame:
    """Returns the places within a body of ``cells`` and ``lines``.

    ``tab`` is the detail panel on show where there is room for one; ``stages`` is how many lines the Stages panel
    could fill.
    """
    if kind is Shape.TINY:
        return Frame({}, Place(0, 0, cells, lines))
    if kind is Shape.SINGLE or zoom is Zoom.FULL:
        return Frame({focus: Place(0, 0, cells, lines)}, None)
    grown = zoom is Zoom.HALF
    match kind:
        case Shape.STACKED:
            return _stacked(cells, lines, tab, _upper(lines, focus, grown, stages))
        case Shape.COLUMNS:
            left = cells * (2 if focus is Scope.STAGES else 1) // 3 if grown else cells * 12 // 22
            tabs = Place(left, 0, cells - left, 1)
            places = {
                Scope.STAGES: Place(0, 0, left, lines),
                tab: Place(left, 1, cells - left, lines - 1),
            }
            return Frame(places, tabs)
        case Shape.WIDE:
            return Frame(_three(cells, lines, focus, grown), None)
        case _:
            assert_never(kind)


def _upper(lines: int, focus: Scope, grown: bool, stages: int) -> int:
    """Returns the height of the Stages panel above another one: no more than its rows need."""
    needed = max(stages, _LEAST) + _FRAME
    if not grown:
        return max(min(needed, lines // 2), min(_LEAST + _FRAME, lines - 1 - _LEAST))
    if focus is Scope.STAGES:
        return lines * 2 // 3
    return min(needed, _STAGES_BESIDE + _FRAME)


def _stacked(cells: int, lines: int, tab: Scope, upper: int) -> Frame:
    places = {
        Scope.STAGES: Place(0, 0, cells, upper),
        tab: Place(0, upper + 1, cells, lines - upper - 1),
    }
    return Frame(places, Place(0, upper, cells, 1))


def _three(cells: int, lines: int, focus: Scope, grown: bool) -> Mapping[Scope, Place]:
    def holds(column: Sequence[tuple[Scope, int]]) -> bool:
        return grown and any(scope is focus for scope, _ in column)

    widths = split(cells, [(weight, holds(column)) for column, weight in _COLUMNS])
    places = dict[Scope, Place]()
    x = 0
    for (column, _), width in zip(_COLUMNS, widths, strict=True):
        heights = split(lines, [(weight, grown and scope is focus) for scope, weight in column])
        y = 0
        for (scope, _), height in zip(column, heights, strict=True):
            places[scope] = Place(x, y, width, height)
            y += height
        x += width
    return places


def split(total: int, shares: Sequence[tuple[int, bool]]) -> list[int]:
    """Shares ``total`` by weight; one that is grown weighs twice as much as all others together."""
    others = max(sum(weight for weight, grown in shares if not grown), 1)
    weights = [others * _HALF if grown else weight for weight, grown in shares]
    ends = [total * sum(weights[: at + 1]) // sum(weights) for at in range(len(weights))]
    return [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
