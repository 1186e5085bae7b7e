"""Owns which of many lines are on screen, where each takes one row or several; pure.

The place is an anchor (line, row within it): there is no table of heights. What is on screen is found by walking down
from the anchor, or up from the end while that is followed.
"""

from collections.abc import Callable

type Place = tuple[int, int]
"""A line, and a row within it."""


class Window:
    """A window on the lines ``first`` to ``end``, which may grow at both ends."""

    def __init__(self, rows: Callable[[int], int]) -> None:
        """``rows`` tells how many rows a line takes; at least one."""
        self._rows: Callable[[int], int] = rows
        self._top: Place = (0, 0)
        self._is_at_first: bool = False
        self.height: int = 1
        self.first: int = 0
        self.end: int = 0
        self.follows: bool = True
        """Whether the end stays on screen."""

    def begin(self) -> None:
        """Follows the end of other lines."""
        self._top = (0, 0)
        self._is_at_first = False
        self.follows = True

    def bound(self, first: int, end: int) -> None:
        """Takes up how many lines there are now."""
        self.first, self.end = first, end
        if self._is_at_first:
            self._top = (first, 0)

    def follow(self, on: bool) -> None:
        """Follows the end, or stays at what is on screen."""
        if not on and self.follows:
            self._top = self._last_page()
        if on:
            self._is_at_first = False
        self.follows = on

    def anchor(self, line: int) -> None:
        """Puts a line at the top, the end out of mind."""
        self.follow(on=False)
        self._is_at_first = False
        self._top = (line, 0)

    def to_first(self) -> None:
        """Goes to the first line, also where an earlier one is found later."""
        self.follow(on=False)
        self._is_at_first = True
        self._top = (self.first, 0)

    def show(self, line: int) -> None:
        """Brings a line on screen, a third from the top where it was not there."""
        if line in {shown for shown, _ in self.places()}:
            self.follow(on=False)
            return
        self.anchor(line)
        for _ in range(self.height // 3):
            self._top = self._before(self._top) or self._top

    def scroll(self, rows: int) -> None:
        """Moves by so many rows; up stops following, down at the end begins it again."""
        if (rows > 0 and self.follows) or self._fits():
            return
        self.follow(on=False)
        self._is_at_first = False
        place, end = self._within(self._top), self._last_page()
        if rows > 0 and place >= end:
            self.follow(on=True)
            return
        for _ in range(abs(rows)):
            moved = self._after(place) if rows > 0 else self._before(place)
            if moved is None:
                break
            place = moved
        self._top = min(place, end)

    def places(self) -> list[Place]:
        """Returns what is on screen, from the top."""
        if self.first >= self.end:
            return []
        place: Place | None = self._last_page() if self.follows else self._within(self._top)
        found = list[Place]()
        while place is not None and len(found) < self.height:
            found.append(place)
            place = self._after(place)
        return found

    def _fits(self) -> bool:
        return self._last_page() == (self.first, 0)

    def _within(self, place: Place) -> Place:
        line = min(max(place[0], self.first), self.end - 1)
        row = min(place[1], self._rows(line) - 1) if line == place[0] else 0
        return min((line, row), self._last_page())

    def _after(self, place: Place) -> Place | None:
        line, row = place
        if row + 1 < self._rows(line):
            return line, row + 1
        return (line + 1, 0) if line + 1 < self.end else None

    def _before(self, place: Place) -> Place | None:
        line, row = place
        if row:
            return line, row - 1
        return (line - 1, self._rows(line - 1) - 1) if line > self.first else None

    def _last_page(self) -> Place:
        """Returns the place from which the end just fits."""
        if self.first >= self.end:
            return self.first, 0
        place = (self.end - 1, self._rows(self.end - 1) - 1)
        for _ in range(self.height - 1):
            before = self._before(place)
            if before is None:
                break
            place = before
        return place
