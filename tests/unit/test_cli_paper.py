"""What reaches a stream: inert text, colour only on a terminal, aligned columns."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivot_core.cli.paper import STYLES
from tests.unit.cli_runs import Screen

OURS = re.compile(
    "\x1b\\[(?:" + "|".join(re.escape(code) for code in [*STYLES.values(), "0"]) + ")m"
)


def is_inert(written: str) -> bool:
    """Tells whether nothing but printable characters and line ends is left beside our own colours."""
    rest = OURS.sub("", written)
    return (
        all(char == "\n" or char >= " " for char in rest)
        and "\x9b" not in rest
        and "\u202e" not in rest
    )


@given(st.text(), st.sampled_from(["", *STYLES]), st.booleans())
def test_whatever_is_written_is_inert(body: str, style: str, is_terminal: bool) -> None:
    screen = Screen(is_terminal=is_terminal)
    paper = screen.session.out

    paper.line(body, (body, style))
    paper.block(body, indent="  ", style=style)
    paper.table([[body, (body, style)], ["x", body]])

    assert is_inert(screen.out.getvalue())


@given(st.text())
def test_a_line_is_one_line(body: str) -> None:
    screen = Screen()

    screen.session.out.line(body)

    assert screen.out.getvalue().count("\n") == 1


def test_colour_is_for_terminals_alone() -> None:
    piped, shown = Screen(), Screen(is_terminal=True)

    piped.session.out.line(("ran", "good"))
    shown.session.out.line(("ran", "good"))

    assert piped.out.getvalue() == "ran\n"
    assert shown.out.getvalue() == "\x1b[36mran\x1b[0m\n"


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Screen(is_terminal=True)

    screen.session.out.line(("ran", "good"))

    assert screen.out.getvalue() == "ran\n"


def test_columns_line_up_whatever_their_characters() -> None:
    screen = Screen()

    screen.session.out.table([["データ", "x", "1"], ["ab", "", "2"], ["c"]])

    assert screen.out.getvalue() == "データ  x  1\nab         2\nc\n"


def test_a_row_fits_a_terminal_and_is_whole_elsewhere() -> None:
    narrow, piped = Screen(is_terminal=True, columns=10), Screen()

    for screen in (narrow, piped):
        screen.session.out.table([["a", "0123456789"]])

    assert narrow.out.getvalue() == "a  012345…\n"
    assert piped.out.getvalue() == "a  0123456789\n"
