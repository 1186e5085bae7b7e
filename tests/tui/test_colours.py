"""Colours that can be read, and the only escapes of a log that are obeyed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color
from textual.color import Color as Shade
from textual.theme import BUILTIN_THEMES

from pivot_core.port import UsageError
from pivot_tui import theme
from pivot_tui.widgets import sgr


@pytest.mark.parametrize("name", [name for name in theme.NAMES if name != "ansi"])
def test_every_text_colour_can_be_read_on_every_ground(name: str) -> None:
    # The one that is left out has the colours of the terminal.
    known = {one.name: one for one in theme.THEMES} | BUILTIN_THEMES
    one = known[theme.full_name(name)]
    shades = {
        place.removeprefix("pv-"): Shade.parse(value)
        for place, value in {**one.variables, **theme.places(one)}.items()
        if place.startswith("pv-")
    }
    for ground in ("ground", "raised", "cursor"):
        for ink in ("ink", "muted", "blue", "teal", "orange", "violet", "yellow"):
            ratio = theme.contrast(shades[ink], shades[ground])
            assert ratio >= 4.5, (ink, ground, ratio)


def test_a_theme_that_is_mistyped_is_refused_with_the_nearest() -> None:
    with pytest.raises(UsageError) as told:
        theme.full_name("grubox")
    assert (told.value.what, told.value.hint) == ("no theme 'grubox'", "did you mean 'gruvbox'?")
    assert [theme.full_name(name) for name in ("light", "nord")] == ["pivot-light", "nord"]


def test_contrast_is_that_of_wcag() -> None:
    assert theme.contrast(Shade(0, 0, 0), Shade(255, 255, 255)) == pytest.approx(21)
    assert theme.contrast(Shade.parse("#767676"), Shade(255, 255, 255)) == pytest.approx(4.54, 0.01)


@given(st.text(st.characters(max_codepoint=0x2FFF), max_size=80))
def test_no_text_of_a_log_can_send_a_control_character(text: str) -> None:
    shown = "".join(words for words, _ in sgr.parse("\x1b[1m" + text + "\x1b["))
    assert not any(ord(char) < 32 and char != "\t" for char in shown)
    assert not any(0x7F <= ord(char) < 0xA0 for char in shown)


def test_colours_are_obeyed_and_end_with_the_line() -> None:
    pieces = sgr.parse("a\x1b[1;31mb\x1b[0mc\x1b[38;5;200md\x1b[48;2;1;2;3me")
    assert [words for words, _ in pieces] == list("abcde")
    styles = [style for _, style in pieces]
    assert styles[0].color is None
    assert styles[1].bold
    assert styles[2].color is None
    assert styles[3].color == Color.from_ansi(200)
    assert styles[4].bgcolor == Color.from_rgb(1, 2, 3)
    assert sgr.parse("x")[0][1].color is None


def test_nonsense_among_the_colours_is_passed_over() -> None:
    assert [words for words, _ in sgr.parse("\x1b[38;5;999;38;9;;777mx")] == ["x"]
