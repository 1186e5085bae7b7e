"""Owns what a plot's file shows: columns of numbers over an axis, or an image; thinned where rows are too many."""

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from pivot_core.compare.pairing import UnknownColumn
from pivot_core.compare.table import Row, number, row, table_of
from pivot_core.frozen import frozen
from pivot_core.model.ids import Json

POINTS_MAX = 2_000
"""More rows than this are thinned: every second one, every fourth …"""
COLUMNS_MAX = 8
"""More columns than this are drawn when they are named."""

IMAGES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".gif": "image/gif",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
_IMAGE_MAX = 32 << 20
_DOCUMENT_MAX = 64 << 20
_SAMPLE = 200
_ORDERS = ("step", "epoch", "iteration", "x", "index", "time", "date", "day", "threshold")


@frozen
class Image:
    """A picture as its file has it."""

    media_type: str
    data: bytes


@frozen
class Series:
    """One column over the axis; both have as many points."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@frozen
class Chart:
    """Columns of numbers that share an axis."""

    axis: str
    """The column on the horizontal axis; empty for the number of the row."""
    labels: tuple[str, ...] | None
    """What stands at 0, 1, 2 … on an axis of texts; ``None`` on one of numbers."""
    series: tuple[Series, ...]
    rows: int
    step: int
    """Every how many rows one is drawn."""
    omitted: tuple[str, ...] = ()
    """Columns of numbers beyond those that are drawn."""


type Figure = Image | Chart


def read(path: str, file: BinaryIO, axis: str | None, columns: Sequence[str]) -> Figure:
    """Returns what a plot's file shows; ``axis`` and ``columns`` where they are not to be guessed.

    Raises ``UnknownColumn`` for one that is not there, and ``ValueError`` for a file that shows nothing.
    """
    suffix = "." + path.lower().rpartition(".")[2]
    if suffix in IMAGES:
        file.seek(0)
        data = file.read(_IMAGE_MAX + 1)
        if len(data) > _IMAGE_MAX:
            raise ValueError("larger than 32 MiB")
        return Image(IMAGES[suffix], data)
    table = table_of(path, file)
    rows = _document_rows(file) if table is None and suffix == ".json" else None
    if table is None and rows is None:
        raise ValueError("neither a table nor an image")
    collected = _Thinned()
    collected.take(table.rows() if table is not None else rows or ())
    return _chart(collected, axis, columns)


@dataclass(slots=True)
class _Thinned:
    """Rows, every ``step``-th of them."""

    step: int = 1
    count: int = 0
    kept: list[Row] = field(default_factory=list[Row])

    def take(self, rows: Iterable[Row]) -> None:
        for each in rows:
            if self.count % self.step == 0:
                self.kept.append(each)
                if len(self.kept) >= 2 * POINTS_MAX:
                    del self.kept[1::2]
                    self.step *= 2
            self.count += 1


def _chart(rows: _Thinned, axis: str | None, columns: Sequence[str]) -> Chart:
    names = list(dict.fromkeys(name for each in rows.kept[:_SAMPLE] for name in each))
    for name in (*columns, *((axis,) if axis else ())):
        if name not in names:
            raise UnknownColumn(name)
    numeric = [name for name in names if _is_numeric(rows.kept, name)]
    chosen = axis if axis is not None else _axis(rows.kept, names, numeric)
    drawn = list(columns) or [name for name in numeric if name != chosen]
    if not drawn:
        raise ValueError("no column of numbers")
    labels = None
    places = [float(index) * rows.step + 1 for index in range(len(rows.kept))]
    if chosen in numeric:
        places = [number(each.get(chosen)) for each in rows.kept]
    elif chosen:
        labels = tuple(_label(each.get(chosen)) for each in rows.kept)
        places = [float(index) for index in range(len(rows.kept))]
    series = [_series(name, places, rows.kept) for name in drawn[: len(columns) or COLUMNS_MAX]]
    rest = tuple(drawn[len(series) :])
    return Chart(chosen, labels, tuple(series), rows.count, rows.step, rest)


def _series(name: str, places: Sequence[float | None], rows: Sequence[Row]) -> Series:
    points = [
        (place, value)
        for place, each in zip(places, rows, strict=True)
        if place is not None
        and (value := number(each.get(name))) is not None
        and not math.isinf(value)
        and not math.isnan(value)
    ]
    return Series(name, tuple(x for x, _ in points), tuple(y for _, y in points))


def _axis(rows: Sequence[Row], names: Sequence[str], numeric: Sequence[str]) -> str:
    """Returns a column that orders the rows: the first one if it names or counts them, or one that is called so."""
    if len(names) < 2 or not numeric:
        return ""
    first = names[0]
    if first not in numeric:
        return first
    for name in (first, *(name for name in names if name.lower() in _ORDERS)):
        if name in numeric and len(numeric) > 1:
            values = [number(each.get(name)) or 0.0 for each in rows]
            if all(one < two for one, two in itertools.pairwise(values)):
                return name
    return ""


def _is_numeric(rows: Sequence[Row], name: str) -> bool:
    values = [each[name] for each in rows[:_SAMPLE] if each.get(name) is not None]
    return bool(values) and all(number(value) is not None for value in values)


def _label(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _document_rows(file: BinaryIO) -> Iterator[Row]:
    """Yields the rows in a JSON document: numbers in a list or by name, lists by column, or the first table in it."""
    file.seek(0)
    data = file.read(_DOCUMENT_MAX + 1)
    if len(data) > _DOCUMENT_MAX:
        raise ValueError("a JSON document larger than 64 MiB")
    try:
        value = cast("Json", json.loads(data))
    except (ValueError, RecursionError) as error:
        raise ValueError("not valid JSON") from error
    yield from _rows_of(value)


def _rows_of(value: Json) -> Iterator[Row]:
    if isinstance(value, list):
        yield from map(row, value)
    elif isinstance(value, dict):
        lists = {name: item for name, item in value.items() if isinstance(item, list)}
        tables = [item for item in lists.values() if item and isinstance(item[0], dict)]
        if tables:
            yield from _rows_of(tables[0])
        elif lists:
            length = max(map(len, lists.values()))
            for index in range(length):
                yield {name: item[index] for name, item in lists.items() if index < len(item)}
        else:
            for name, item in value.items():
                if number(item) is not None:
                    yield {"name": name, "value": item}
