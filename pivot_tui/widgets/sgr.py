"""Owns the one thing of a log line that is obeyed: its colours; every other escape is shown and does nothing."""

import re

from rich.ansi import SGR_STYLE_MAP
from rich.color import Color
from rich.style import Style

from pivot_core.port import printable

_SGR = re.compile(r"\x1b\[([0-9;:]*)m")
_NULL = Style.null()


def parse(text: str) -> list[tuple[str, Style]]:
    """Returns pieces of safe text with their style; colours end with the line."""
    style = _NULL
    pieces = list[tuple[str, Style]]()
    at = 0
    for match in _SGR.finditer(text):
        if match.start() > at:
            pieces.append((_safe(text[at : match.start()]), style))
        style = _next(style, match[1])
        at = match.end()
    if at < len(text):
        pieces.append((_safe(text[at:]), style))
    return pieces


def _safe(text: str) -> str:
    return printable(text).replace("\n", "\\n")


def _next(style: Style, codes: str) -> Style:
    numbers = [int(code) if code else 0 for code in re.split("[;:]", codes)[:32]]
    at = 0
    while at < len(numbers):
        code = numbers[at]
        at += 1
        if code == 0:
            style = _NULL
        elif code in (38, 48):
            color, used = _extended(numbers[at:])
            at += used
            if color is not None:
                style += Style(color=color) if code == 38 else Style(bgcolor=color)
        elif code in SGR_STYLE_MAP:
            style += Style.parse(SGR_STYLE_MAP[code])
    return style


def _extended(numbers: list[int]) -> tuple[Color | None, int]:
    """Reads ``5;n`` or ``2;r;g;b``; returns the colour and how many numbers it took."""
    match numbers:
        case [5, number, *_]:
            return (Color.from_ansi(number) if number < 256 else None), 2
        case [2, red, green, blue, *_]:
            is_color = max(red, green, blue) < 256
            return (Color.from_rgb(red, green, blue) if is_color else None), 4
        case _:
            return None, len(numbers)
