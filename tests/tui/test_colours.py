"""Colours that can be read, and the only escapes of a log that are obeyed."""

from hypothesis import given
from hypothesis import strategies as st
from rich.color import Color
from textual.color import Color as Shade

from pivot_tui import theme
from pivot_tui.widgets import sgr


def test_every_text_colour_can_be_read_on_every_ground() -> None:
    for one in (theme.DARK, theme.LIGHT):  # the third has the colours of the terminal
        shades = {
            name.removeprefix("pv-"): Shade.parse(value) for name, value in one.variables.items()
        }
        for ground in ("ground", "raised", "cursor"):
            for ink in ("ink", "muted", "blue", "teal", "orange", "violet", "yellow"):
                ratio = _contrast(shades[ink], shades[ground])
                assert ratio >= 4.5, (one.name, ink, ground, ratio)


def _contrast(one: Shade, two: Shade) -> float:
    light, dark = sorted((_luminance(one), _luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(shade: Shade) -> float:
    parts = [value / 255 for value in (shade.r, shade.g, shade.b)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


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
