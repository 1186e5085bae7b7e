"""Owns the area between header and footer: lays its panels out where the frame says."""

from collections.abc import Callable, Mapping
from typing import override

from textual.containers import Container
from textual.geometry import NULL_OFFSET, NULL_SPACING, Region, Size
from textual.layout import ArrangeResult, Layout, WidgetPlacement
from textual.widget import Widget

from pivot_tui.frame import Frame
from pivot_tui.keys import Scope


class _Places(Layout):
    """Puts widgets where they are told; one without a place is left out."""

    name = "places"

    def __init__(self, places: Callable[[int, int], Mapping[Widget, Region]]) -> None:
        self._places: Callable[[int, int], Mapping[Widget, Region]] = places

    @override
    def arrange(
        self,
        parent: Widget,
        children: list[Widget],
        size: Size,
        greedy: bool = True,
    ) -> ArrangeResult:
        places = self._places(size.width, size.height)
        return [
            WidgetPlacement(places[widget], NULL_OFFSET, NULL_SPACING, widget)
            for widget in children
            if widget in places
        ]


class Body(Container):
    """All panels and the lines between them; what has no place in the frame is not displayed."""

    def __init__(
        self, plan: Callable[[int, int], Frame], panels: Mapping[Scope, Widget], between: Widget
    ) -> None:
        """``plan`` gives the frame for a size; ``between`` are the tabs."""
        super().__init__(*panels.values(), between, id="body")
        self._plan: Callable[[int, int], Frame] = plan
        self._panels: Mapping[Scope, Widget] = panels
        self._between: Widget = between
        self._places: Layout = _Places(self._regions)
        self._frame: Frame | None = None

    @property
    @override
    def layout(self) -> Layout:
        return self._places

    def arrange_anew(self) -> None:
        """Takes up another frame, where it is another."""
        frame = self._plan(self.size.width, self.size.height)
        if frame == self._frame:
            return
        self._frame = frame
        for scope, widget in self._panels.items():
            widget.display = scope in frame.panels
        self._between.display = frame.between is not None
        self._between.refresh(layout=True)

    def _regions(self, cells: int, lines: int) -> Mapping[Widget, Region]:
        frame = self._plan(cells, lines)
        places = {self._panels[scope]: place for scope, place in frame.panels.items()}
        if frame.between is not None:
            places[self._between] = frame.between
        return {
            widget: Region(place.x, place.y, place.width, place.height)
            for widget, place in places.items()
        }
