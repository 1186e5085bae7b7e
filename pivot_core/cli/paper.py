"""Owns what is written to stdout and stderr: every text made inert, colour only where a terminal wants it."""

import contextlib
import os
import sys
from collections.abc import Generator, Iterable, Sequence
from typing import TextIO

from pivot_core.cli import text
from pivot_core.cli.words import Mark
from pivot_core.port import StoreError, one_line, printable

type Part = str | tuple[str, str]
"""Text, or text with a style."""

STYLES = {
    "good": "36",  # cyan: tells from red and orange without telling red from green
    "busy": "94",
    "bad": "1;91",
    "due": "33",
    "held": "35",
    "faint": "2",
    "strong": "1",
    "added": "36",
    "removed": "31",
}


class Paper:
    """One output stream; on a terminal with colour and glyphs, otherwise plain and stable."""

    def __init__(self, stream: TextIO, *, is_terminal: bool, columns: int | None = None) -> None:
        """``columns`` is the width of the terminal, ``None`` to ask for it."""
        self._stream: TextIO = stream
        self._columns: int | None = columns
        self.is_terminal: bool = is_terminal
        forced = os.environ.get("FORCE_COLOR")
        self.has_colour: bool = bool(is_terminal or forced) and not os.environ.get("NO_COLOR")
        self.has_glyphs: bool = (
            (stream.encoding or "").lower().replace("-", "").startswith("utf")
            and not os.environ.get("PIVOT_ASCII")
        )  # fmt: skip

    @property
    def columns(self) -> int:
        """The width of the terminal."""
        if self._columns is not None:
            return self._columns
        try:
            return os.get_terminal_size(self._stream.fileno()).columns or 80
        except (OSError, ValueError):
            return 80

    def line(self, *parts: Part) -> None:
        """Writes one line; newlines and control characters inside ``parts`` are shown as escapes."""
        self.write(self.render(parts) + "\n")

    def block(self, body: str, *, indent: str = "", style: str = "") -> None:
        """Writes a text of several lines; what is not printable in it is shown as escapes."""
        for row in printable(body).rstrip("\n").split("\n"):
            self.write(self.render([indent, (row.replace("\t", "    "), style)]) + "\n")

    def folded(self, row: str, *, indent: str = "", style: str = "") -> None:
        """Writes one line of a text; what a terminal's width does not hold goes on below, indented as far."""
        shown = one_line(row.replace("\t", "    "))
        room = max(self.columns - text.cells(indent), 20) if self.is_terminal else None
        for piece in text.fold(shown, room):
            self.write(self.render([indent, (piece, style)]) + "\n")

    def table(self, rows: Iterable[Sequence[Part]], *, indent: str = "") -> None:
        """Writes aligned columns; the last one is left ragged, on a terminal cut to its width."""
        given = [[(_text(part), _style(part)) for part in row] for row in rows]
        widths = dict[int, int]()
        for row in given:
            for column, (cell, _) in enumerate(row[:-1]):
                widths[column] = max(widths.get(column, 0), text.cells(cell))
        for row in given:
            last = max((at for at, (cell, _) in enumerate(row) if cell), default=0)
            parts = list[Part]([indent])
            for column, (cell, style) in enumerate(row[: last + 1]):
                pad = widths[column] - text.cells(cell) + 2 if column < last else 0
                parts.extend([(cell, style), " " * pad])
            self.line(*(fit(parts, self.columns) if self.is_terminal else parts))

    def mark(self, mark: Mark) -> Part:
        """Returns a status as it is shown here: glyph and word on a terminal, the word alone elsewhere."""
        if not self.is_terminal:
            return mark.word
        return f"{self.glyph(mark)} {mark.word}", mark.style

    def glyph(self, mark: Mark) -> str:
        """Returns the status's symbol in the characters that the stream can show."""
        return mark.glyph if self.has_glyphs else mark.ascii

    def render(self, parts: Iterable[Part]) -> str:
        """Returns one line's text with its colours, without an end."""
        return "".join(self._paint(part) for part in parts)

    def write(self, rendered: str) -> None:
        """Writes text that ``render`` or a constant of ours made; raises ``StoreError`` when it cannot be."""
        with _reported():
            self._stream.write(rendered)

    def flush(self) -> None:
        """Hands everything to the operating system; raises ``StoreError`` when it cannot be written."""
        with _reported():
            self._stream.flush()

    def _paint(self, part: Part) -> str:
        body, style = _text(part), _style(part)
        return f"\x1b[{STYLES[style]}m{body}\x1b[0m" if style and self.has_colour and body else body


def fit(parts: Iterable[Part], width: int) -> list[Part]:
    """Cuts a line's parts so that together they take at most ``width`` columns."""
    fitted = list[Part]()
    for part in parts:
        shown = text.crop(_text(part), width)
        fitted.append((shown, _style(part)))
        width -= text.cells(shown)
        if width <= 0:
            break
    return fitted


def standard_output(*, plain: bool = False) -> Paper:
    """Returns stdout: where results go; ``plain`` as where no terminal is."""
    return Paper(sys.stdout, is_terminal=not plain and _is_terminal(sys.stdout))


def standard_error(*, plain: bool = False) -> Paper:
    """Returns stderr: where everything else goes; ``plain`` as where no terminal is."""
    return Paper(sys.stderr, is_terminal=not plain and _is_terminal(sys.stderr))


def _is_terminal(stream: TextIO) -> bool:
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _text(part: Part) -> str:
    return one_line(part if isinstance(part, str) else part[0])


def _style(part: Part) -> str:
    return "" if isinstance(part, str) else part[1]


@contextlib.contextmanager
def _reported() -> Generator[None]:
    """Turns a full disk and the like into an error for people; a reader that went away is none."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise StoreError(
            "cannot write the output", hint=(error.strerror or str(error)).lower()
        ) from error
