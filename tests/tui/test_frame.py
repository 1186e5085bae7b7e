"""Where the panels lie, for every size of a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivot_tui import frame
from pivot_tui.frame import Frame, Place, Shape, Zoom
from pivot_tui.keys import DETAILS, PANELS, Scope


@pytest.mark.parametrize(
    ("cells", "lines", "kind"),
    [
        (39, 50, Shape.TINY),
        (200, 9, Shape.TINY),
        (40, 10, Shape.SINGLE),
        (59, 60, Shape.SINGLE),
        (200, 14, Shape.SINGLE),
        (60, 15, Shape.STACKED),
        (99, 60, Shape.STACKED),
        (100, 15, Shape.COLUMNS),
        (149, 60, Shape.COLUMNS),
        (200, 39, Shape.COLUMNS),
        (150, 40, Shape.WIDE),
    ],
)
def test_the_size_of_the_terminal_decides(cells: int, lines: int, kind: Shape) -> None:
    assert frame.shape(cells, lines) is kind


def framed(
    cells: int,
    lines: int,
    focus: Scope = Scope.STAGES,
    tab: Scope = Scope.LOGS,
    zoom: Zoom = Zoom.NORMAL,
    stages: int = 10,
) -> Frame:
    """Returns the frame of a terminal, of which header and footer take two lines."""
    kind = frame.shape(cells, lines)
    return frame.frame(kind, cells, lines - 2, focus, tab, zoom, stages)


def cells_of(place: Place) -> set[tuple[int, int]]:
    return {
        (x, y)
        for x in range(place.x, place.x + place.width)
        for y in range(place.y, place.y + place.height)
    }


@given(
    st.integers(20, 220),
    st.integers(6, 70),
    st.sampled_from(PANELS),
    st.sampled_from(DETAILS),
    st.sampled_from(Zoom),
    st.integers(0, 300),
)
def test_the_places_fill_the_body_without_overlap(
    cells: int, lines: int, focus: Scope, tab: Scope, zoom: Zoom, stages: int
) -> None:
    shown = framed(cells, lines, focus, focus if focus in DETAILS else tab, zoom, stages)
    places = [*shown.panels.values(), *([shown.between] if shown.between else [])]
    covered = [cells_of(place) for place in places]
    assert (
        sum(map(len, covered)) == len(set[tuple[int, int]]().union(*covered)) == cells * (lines - 2)
    )
    assert all(place.height >= 3 for place in shown.panels.values())
    if frame.shape(cells, lines) is not Shape.TINY:
        assert focus in shown.panels


def test_the_stages_take_no_more_than_their_rows_need() -> None:
    assert framed(80, 24, stages=4).panels[Scope.STAGES].height == 6
    assert framed(80, 24, stages=400).panels[Scope.STAGES].height == 11


def test_a_wide_terminal_shows_every_panel() -> None:
    assert set(framed(150, 40).panels) == set(PANELS)


@pytest.mark.parametrize("size", [(80, 24), (120, 30), (160, 48)])
@pytest.mark.parametrize("focus", PANELS)
def test_the_focused_panel_grows_by_steps(size: tuple[int, int], focus: Scope) -> None:
    tab = focus if focus in DETAILS else Scope.LOGS
    areas = list[int]()
    for zoom in Zoom:
        place = framed(*size, focus, tab, zoom).panels[focus]
        areas.append(place.width * place.height)
    assert areas == sorted(set(areas))
    assert areas[-1] == size[0] * (size[1] - 2)
