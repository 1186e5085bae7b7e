"""How one line of a log is drawn: what is cut, broken, marked, and which character lies under a cell."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from pivot_core.port.logfile import Stream
from pivot_core.port.loglines import LogLine
from pivot_tui import pattern
from pivot_tui.widgets.logrow import Clock, Drawn, Inks, Layout, draw

PLAIN = Style()
HIT = Style(reverse=True)
INKS = Inks(PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, HIT)


def drawn(text: str, cells: int = 30, wraps: bool = True, search: str = "") -> Drawn:
    wanted = pattern.parse(search) if search else None
    layout = Layout(cells, wraps, Clock.OFF, 0, 0, 0, is_ascii=False, pattern=wanted)
    return draw(
        LogLine(0, Stream.OUT, text), None, is_here=False, mark="", layout=layout, inks=INKS
    )


def hits(line: Drawn) -> str:
    parts = [part for row in line.rows for part in row.strip]
    return "".join(part.text if part.style == HIT else "|" for part in parts)


def test_what_is_searched_is_marked_across_colours_and_rows() -> None:
    assert hits(drawn("a\x1b[1mbc\x1b[0mda bc", search="bc")).count("|bc|") == 1
    line = drawn("x" * 25 + "needle" + "x" * 9, cells=30, search="needle")
    assert hits(line).replace("|", "") == "needle"
    assert len(line.rows) == 2


@given(
    text=st.text("aé漢\tb ", max_size=60),
    cells=st.integers(10, 40),
    x=st.integers(0, 45),
    wraps=st.booleans(),
)
def test_rows_are_as_wide_as_the_panel_and_lose_nothing(
    text: str, cells: int, x: int, wraps: bool
) -> None:
    line = drawn(text, cells, wraps)
    assert all(cell_len(row.strip.text) == cells for row in line.rows)
    if wraps:
        shown = "".join(row.strip.text[2:].rstrip() for row in line.rows)
        assert shown.replace(" ", "") == text.expandtabs(8).replace(" ", "")
    for number in range(len(line.rows)):
        at = line.char_at(number, x)
        assert line.rows[number].start <= at <= len(line.text)
        assert line.lit(number, 0, at, HIT).cell_length == cells
