"""A window on lines of several rows: what is on screen after moves, and while lines come at both ends."""

from hypothesis import given
from hypothesis import strategies as st

from pivot_tui.window import Window

HEIGHTS = [1, 3, 1, 2, 1, 1, 4, 1]


def a_window(first: int = 0, end: int = 100, height: int = 10) -> Window:
    window = Window(lambda line: HEIGHTS[line % len(HEIGHTS)])
    window.height = height
    window.bound(first, end)
    return window


def test_the_end_is_followed_until_something_else_is_asked() -> None:
    window = a_window()
    assert window.places()[-1] == (99, 1)
    window.bound(-50, 104)
    assert window.places()[-1] == (103, 0)
    window.scroll(-1)
    shown = window.places()
    window.bound(-90, 120)
    assert window.places() == shown
    assert not window.follows
    window.follow(on=True)
    assert window.places()[-1][0] == 119


def test_scrolling_past_the_end_follows_again() -> None:
    window = a_window()
    window.scroll(-5)
    window.scroll(5)
    assert not window.follows
    window.scroll(1)
    assert window.follows


def test_the_first_line_stays_on_top_while_earlier_ones_are_found() -> None:
    window = a_window()
    window.to_first()
    window.bound(-70, 100)
    assert window.places()[0] == (-70, 0)
    window.scroll(1)
    window.bound(-80, 100)
    assert window.places()[0] == (-69, 0)


def test_a_line_is_shown_where_it_is_or_a_third_from_the_top() -> None:
    window = a_window()
    window.show(99)
    assert window.places()[-1] == (99, 1)
    window.show(40)
    assert (40, 0) in window.places()[3:]
    window.show(0)
    assert window.places()[0] == (0, 0)


def test_nothing_scrolls_where_all_lines_fit() -> None:
    window = a_window(end=3)
    window.scroll(-4)
    assert window.follows
    assert window.places() == [(0, 0), (1, 0), (1, 1), (1, 2), (2, 0)]
    assert a_window(end=0).places() == []


@given(
    st.lists(
        st.one_of(
            st.integers(-40, 40).map(lambda rows: ("scroll", rows)),
            st.integers(-30, 90).map(lambda line: ("show", line)),
            st.integers(-30, 200).map(lambda line: ("anchor", line)),
            st.integers(0, 60).map(lambda number: ("bound", number)),
            st.just(("first", 0)),
        )
    ),
    st.integers(1, 30),
)
def test_the_screen_is_always_full_and_in_order(moves: list[tuple[str, int]], height: int) -> None:
    window = a_window(first=-30, end=90, height=height)
    for name, number in moves:
        match name:
            case "scroll":
                window.scroll(number)
            case "show":
                window.show(min(max(number, window.first), window.end - 1))
                assert number in {line for line, _ in window.places()} or number >= window.end
            case "anchor":
                window.anchor(number)
            case "bound":
                window.bound(window.first - number, window.end + number)
            case _:
                window.to_first()
        places = window.places()
        assert len(places) == height
        assert places == sorted(set(places))
