"""Owns reading rows: CSV, JSON lines and JSON lists of objects, one row after the other and never the whole file."""

import csv
import io
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from pivot_core.frozen import frozen
from pivot_core.model.ids import Json

type Row = dict[str, Json]
"""One row by column; what CSV leaves empty or out is not in it."""

_CHUNK = 1 << 16
_VALUE_MAX = 64 << 20
_SPACE = re.compile(r"[ \t\r\n]*")
_INTEGER = re.compile(r"[+-]?(0|[1-9]\d*)")
_NUMBER = re.compile(
    r"[+-]?((0|[1-9]\d*)\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE
)
_ROWS = {".csv": ",;\t|", ".tsv": "\t", ".jsonl": "", ".ndjson": "", ".json": ""}
"""The suffixes of tables, with the delimiters that each may use."""


@frozen
class Table:
    """A file of rows, which can be read more than once."""

    file: BinaryIO
    suffix: str

    @property
    def is_loose(self) -> bool:
        """Whether every cell is text, and its type a matter of how it looks."""
        return self.suffix in (".csv", ".tsv")

    def head(self) -> list[str]:
        """Returns the columns that the file itself names, also those in which nothing stands; none but for CSV."""
        if not self.is_loose:
            return []
        self.file.seek(0)
        text = io.TextIOWrapper(self.file, "utf-8-sig", "replace", newline="")
        try:
            return _head(text, _ROWS[self.suffix])[1]
        finally:
            text.detach()

    def rows(self) -> Iterator[Row]:
        """Yields the rows; raises ``ValueError`` where the file is not what its name says."""
        self.file.seek(0)
        text = io.TextIOWrapper(self.file, "utf-8-sig", "replace", newline="")
        try:
            match self.suffix:
                case ".csv" | ".tsv":
                    yield from _from_csv(text, _ROWS[self.suffix])
                case ".json":
                    yield from _from_json(text)
                case _:
                    yield from _from_lines(text)
        finally:
            text.detach()


@dataclass(slots=True)
class Columns:
    """The columns that rows have, each with the type of what stands in it."""

    is_loose: bool
    """Whether numbers are told by how their text looks."""
    types: dict[str, str] = field(default_factory=dict[str, str])
    """``integer``, ``number``, ``boolean``, ``text``, ``object``, ``list``, ``mixed``; empty where nothing stands."""

    def take(self, row: Row) -> None:
        """Counts one more row."""
        types = self.types
        settled = "text" if self.is_loose else "mixed"
        for name, value in row.items():
            known = types.get(name, "")
            if known != settled:
                types[name] = _joined(known, _type(value, is_loose=self.is_loose), settled)


def table_of(path: str, file: BinaryIO) -> Table | None:
    """Returns a file as a table; ``None`` when it is named or begins like none."""
    suffix = next((each for each in _ROWS if path.lower().endswith(each)), None)
    if suffix == ".json":
        file.seek(0)
        start = file.read(_CHUNK).removeprefix(b"\xef\xbb\xbf").split(None, 1)
        if b"".join(start)[:1] != b"[" or b"".join(start)[1:].lstrip()[:1] != b"{":
            return None
    return None if suffix is None else Table(file, suffix)


def number(value: Json) -> float | None:
    """Returns a cell as a number; ``None`` when it is none."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value)
    return None


def _type(value: Json, *, is_loose: bool) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return _look(value) if is_loose else "text"
        case list():
            return "list"
        case dict():
            return "object"


def _look(text: str) -> str:
    if _INTEGER.fullmatch(text):
        return "integer"
    if _NUMBER.fullmatch(text):
        return "number"
    return "boolean" if text.lower() in ("true", "false") else "text"


def _joined(one: str, two: str, otherwise: str) -> str:
    if one == two or not two:
        return one
    if not one:
        return two
    return "number" if {one, two} == {"integer", "number"} else otherwise


def _head(text: io.TextIOWrapper, delimiters: str) -> tuple[Iterator[list[str]], list[str]]:
    """Returns the lines below the first one, and the names in that."""
    csv.field_size_limit(sys.maxsize >> 1)
    first = text.readline()
    text.seek(0)
    lines = csv.reader(text, delimiter=max(delimiters, key=first.count))
    return lines, _unique(next(lines, list[str]()))


def _from_csv(text: io.TextIOWrapper, delimiters: str) -> Iterator[Row]:
    try:
        lines, names = _head(text, delimiters)
        for line in lines:
            if not line:
                continue
            row: Row = {name: cell for name, cell in zip(names, line, strict=False) if cell}
            for index in range(len(names), len(line)):
                row[f"#{index + 1}"] = line[index]
            yield row
    except csv.Error as error:
        raise ValueError(f"not valid CSV: {error}") from error


def _unique(names: Iterable[str]) -> list[str]:
    """Gives columns without a name, or with one that is taken, a name of their own."""
    found = dict[str, None]()
    for index, name in enumerate(names):
        found[name if name and name not in found else f"{name}#{index + 1}"] = None
    return list(found)


def _from_lines(text: io.TextIOWrapper) -> Iterator[Row]:
    for number_, line in enumerate(text, 1):
        if line.strip():
            try:
                yield row(cast("Json", json.loads(line)))
            except (ValueError, RecursionError) as error:
                raise ValueError(f"not valid JSON lines: line {number_}") from error


def _from_json(text: io.TextIOWrapper) -> Iterator[Row]:
    """Yields the members of a list as they come, holding one at a time."""
    decoder = json.JSONDecoder()
    stream = _Stream(text.read)
    if not stream.skip("["):
        raise ValueError("not a JSON list")
    is_first = True
    while not stream.skip("]"):
        if not is_first and not stream.skip(","):
            raise ValueError("not valid JSON: a comma or the end of the list is missing")
        is_first = False
        yield row(stream.value(decoder))


def row(value: Json) -> Row:
    """Returns a value as a row: an object is one, anything else stands in a column ``value``."""
    return value if isinstance(value, dict) else {"value": value}


class _Stream:
    """JSON text as it arrives."""

    def __init__(self, read: Callable[[int], str]) -> None:
        self._read = read
        self._text = ""
        self._at = 0

    def skip(self, char: str) -> bool:
        """Passes over ``char`` if it comes next, white space aside."""
        while True:
            found = _SPACE.match(self._text, self._at)
            self._at = found.end() if found else self._at
            if self._at < len(self._text):
                break
            if not self._more():
                raise ValueError("not valid JSON: it ends in the middle")
        if self._text[self._at] != char:
            return False
        self._at += 1
        return True

    def value(self, decoder: json.JSONDecoder) -> Json:
        """Returns the next value."""
        self.skip("\0")
        size = _CHUNK
        while True:
            try:
                value, end = cast("tuple[Json, int]", decoder.raw_decode(self._text, self._at))
            except (json.JSONDecodeError, RecursionError) as error:
                if len(self._text) - self._at > _VALUE_MAX or not self._more(size):
                    raise ValueError("not valid JSON") from error
                size *= 2
                continue
            if end < len(self._text) or not self._more():
                self._at = end
                return value

    def _more(self, size: int = _CHUNK) -> bool:
        """Reads on; false at the end."""
        more = self._read(size)
        self._text, self._at = self._text[self._at :] + more, 0
        return bool(more)
