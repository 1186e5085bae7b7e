"""Owns the colours of the themes, our own and those that Textual brings; ``theme.tcss`` gives them their places."""

from collections.abc import Iterable
from difflib import get_close_matches

from textual.color import Color
from textual.theme import BUILTIN_THEMES, Theme

from pivot_core.port import UsageError

_CONTRAST = 4.5
_STEP = 0.05

_DARK = {
    "ink": "#E6E6E6",
    "ground": "#121212",
    "raised": "#1C1F23",
    "cursor": "#22303C",
    "line": "#3C4248",
    "muted": "#A0A0A0",
    "blue": "#56B4E9",
    "teal": "#3DBE9B",
    "orange": "#FF8A5B",
    "violet": "#C79BFF",
    "yellow": "#F0E442",
}
_LIGHT = {
    "ink": "#1A1A1A",
    "ground": "#FFFFFF",
    "raised": "#F4F6F8",
    "cursor": "#E3EEF7",
    "line": "#C2C8CE",
    "muted": "#5A5A5A",
    "blue": "#005F9E",
    "teal": "#00664A",
    "orange": "#B03A00",
    "violet": "#6A3FB5",
    "yellow": "#7A5F00",
}


_ANSI = {
    "ink": "ansi_default",
    "ground": "ansi_default",
    "raised": "ansi_default",
    "cursor": "ansi_default",
    "line": "ansi_bright_black",
    "muted": "ansi_default",
    "blue": "ansi_blue",
    "teal": "ansi_green",
    "orange": "ansi_red",
    "violet": "ansi_magenta",
    "yellow": "ansi_yellow",
}
"""The terminal's own: the user chose them, for light or dark."""


def _theme(name: str, colors: dict[str, str], dark: bool, ansi: bool = False) -> Theme:
    own = BUILTIN_THEMES["ansi-dark"].variables if ansi else {}  # Textual's style sheet wants them
    return Theme(
        name=name,
        dark=dark,
        ansi=ansi,
        primary=colors["blue"],
        accent=colors["blue"],
        warning=colors["yellow"],
        error=colors["orange"],
        success=colors["teal"],
        foreground=colors["ink"],
        background=colors["ground"],
        surface=colors["ground"],
        panel=colors["raised"],
        variables={**own, **{f"pv-{color}": value for color, value in colors.items()}},
    )


DARK = _theme("pivot-dark", _DARK, dark=True)
LIGHT = _theme("pivot-light", _LIGHT, dark=False)
ANSI = _theme("pivot-ansi", _ANSI, dark=True, ansi=True)
THEMES = (DARK, LIGHT, ANSI)
NAMES = (
    *(one.name.removeprefix("pivot-") for one in THEMES),
    *(name for name, one in BUILTIN_THEMES.items() if not one.ansi),
)
"""As settings and palette name them: our own without ``pivot-``, then Textual's; ``ansi`` stands for its two."""


def full_name(name: str) -> str:
    """Returns what Textual calls a theme; raises ``UsageError`` where there is none of that name."""
    if name not in NAMES:
        near = get_close_matches(name, NAMES, 1, 0.5)
        raise UsageError(
            f"no theme '{name}'",
            "--theme, or ui.theme in the settings",
            f"did you mean '{near[0]}'?" if near else f"there are {', '.join(NAMES)}",
        )
    return name if name in BUILTIN_THEMES else f"pivot-{name}"


def places(theme: Theme) -> dict[str, str]:
    """Returns the colours of one of Textual's themes by their places; ours say so themselves.

    What text is written in is made lighter or darker until it can be read.
    """
    if theme.ansi or "pv-ink" in theme.variables:
        return {}
    given = theme.to_color_system().generate()
    color = {
        name: Color.parse(given[name])
        for name in (
            *("background", "surface", "foreground", "primary"),
            *("secondary", "success", "warning", "error"),
        )
    }
    ground, ink = color["background"], color["foreground"]
    behind = {
        "ground": ground,
        "raised": color["surface"],
        "cursor": ground.blend(color["primary"], 0.18),
    }
    inks = {
        "ink": ink,
        "muted": ink.blend(ground, 0.3),
        "blue": color["primary"],
        "teal": color["success"],
        "orange": color["error"],
        "violet": color["secondary"],
        "yellow": color["warning"],
    }
    pole = Color(255, 255, 255) if theme.dark else Color(0, 0, 0)
    found = {
        **behind,
        "line": ground.blend(ink, 0.25),
        **{name: _readable(one, behind.values(), pole) for name, one in inks.items()},
    }
    return {f"pv-{name}": one.hex6 for name, one in found.items()}


def contrast(one: Color, two: Color) -> float:
    """Returns how well one colour can be read on another: from 1 to 21, as WCAG counts."""
    light, dark = sorted((_luminance(one), _luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _readable(ink: Color, grounds: Iterable[Color], pole: Color) -> Color:
    """Returns the colour nearest to ``ink`` on the way to ``pole`` that can be read on every ground."""
    behind = list(grounds)
    shown, share = ink, 0.0
    while min(contrast(shown, ground) for ground in behind) < _CONTRAST and share < 1:
        share += _STEP
        shown = ink.blend(pole, share)
    return shown


def _luminance(color: Color) -> float:
    parts = [value / 255 for value in color.rgb]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
