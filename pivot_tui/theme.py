"""Owns the colours of the three themes; ``theme.tcss`` gives them their places."""

from textual.theme import BUILTIN_THEMES, Theme

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
