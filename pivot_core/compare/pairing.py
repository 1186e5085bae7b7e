"""Owns how two tables differ: rows paired by key or by position, columns, and as many of the changes as are wanted.

Memory does not grow with the files. Small tables are paired in memory; large ones are first split into files by the
hash of the key, so that both sides of a pair meet in the same small part (a hash join with partitions).
"""

import contextlib
import itertools
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO, NamedTuple, cast

from pivot_core.compare.leaf import Difference
from pivot_core.compare.table import Columns, Row, Table
from pivot_core.frozen import frozen
from pivot_core.model.ids import Json

PART_BYTES = 16 << 20
"""About how much of a table is paired in memory at once."""

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
"""Made once: `json.dumps` with options makes one for each row."""
_SAMPLE = 1000
_RANKS = {Difference.REMOVED: 0, Difference.CHANGED: 1, Difference.ADDED: 2}
"""The order of changes at one place."""
_KEY_TYPES = ("integer", "text")
_KEY_NAME = re.compile(
    r"(.*_)?(id|key|uuid|name|date|day|time|timestamp|step|epoch|index)", re.IGNORECASE
)


class UnknownColumn(ValueError):
    """A key was asked for that one of the tables does not have."""


@frozen
class CellChange:
    """One cell of a row; ``None`` where it is empty, and where there is no such row."""

    column: str
    old: Json
    new: Json


@frozen
class RowChange:
    """One row that differs."""

    difference: Difference
    key: tuple[Json, ...]
    """The values of the key; without a key the row's number, from 1."""
    cells: tuple[CellChange, ...]
    """Of a changed row the cells that differ, else all, without the key."""


@frozen
class ColumnChange:
    """One column that came, went, or holds another type; ``None`` where there is no such column."""

    name: str
    old: str | None
    new: str | None


@frozen
class RowDifference:
    """How two tables differ."""

    key: tuple[str, ...]
    """The columns by which rows were paired; empty where that was done by position."""
    columns: tuple[ColumnChange, ...]
    old_rows: int
    new_rows: int
    added: int
    removed: int
    changed: int
    """Rows with a cell that differs; what a column that came or went holds does not count."""
    changes: tuple[RowChange, ...]
    """The first of them, in the order of the files."""

    @property
    def is_same(self) -> bool:
        """Whether rows and columns are equal."""
        return not (self.added or self.removed or self.changed or self.columns)


def compare(
    old: Table,
    new: Table,
    *,
    limit: int,
    key: Sequence[str] | None = None,
    part_bytes: int = PART_BYTES,
) -> RowDifference:
    """Returns how two tables differ, with the first ``limit`` changes.

    Without a ``key`` one is looked for; with an empty one rows are paired by position. Rows of one key are paired in
    their order. Raises ``UnknownColumn``, and ``ValueError`` for a file that cannot be read.
    """
    samples = [list(itertools.islice(table.rows(), _SAMPLE)) for table in (old, new)]
    names = [
        dict.fromkeys([*table.head(), *(name for row in sample for name in row)], "")
        for table, sample in zip((old, new), samples, strict=True)
    ]
    if key is None:
        chosen = _find_key(samples, names, is_loose=old.is_loose)
    else:
        chosen = tuple(key)
        for name in chosen:
            if any(
                name not in known and sample for known, sample in zip(names, samples, strict=True)
            ):
                raise UnknownColumn(name)
    only = frozenset(names[0].keys() ^ names[1].keys()) if all(samples) else frozenset[str]()
    befores, afters = Columns(old.is_loose, names[0]), Columns(new.is_loose, names[1])
    work = _Work(chosen, only, limit, befores, afters)
    if chosen:
        size = max(_size(old), _size(new))
        _by_key(work, old, new, parts=size // part_bytes + 1)
    else:
        _by_position(work, old, new)
    return work.result()


class _Keyed(NamedTuple):
    """One row on its way to its pair."""

    position: int
    key: str
    """The key's values as JSON, with how many rows of that key came before."""
    row: str
    """As JSON, with sorted columns: equal rows are equal texts."""


@dataclass(slots=True)
class _Work:
    """What has been found so far."""

    key: tuple[str, ...]
    only: frozenset[str]
    """Columns that one side lacks altogether."""
    limit: int
    old_columns: Columns
    new_columns: Columns
    old_rows: int = 0
    new_rows: int = 0
    counts: dict[Difference, int] = field(default_factory=dict[Difference, int])
    found: list[tuple[int, RowChange]] = field(default_factory=list[tuple[int, RowChange]])

    def pair(self, position: int, key: tuple[Json, ...], old: Row | None, new: Row | None) -> None:
        """Takes two rows that belong together and differ, or one that has no other."""
        before, after = old or {}, new or {}
        names = dict.fromkeys([*before, *after])
        is_pair = old is not None and new is not None
        cells = tuple(
            CellChange(name, before.get(name), after.get(name))
            for name in names
            if name not in self.key
            and (not is_pair or (name not in self.only and before.get(name) != after.get(name)))
        )
        if is_pair and not cells:
            return
        kind = (
            Difference.CHANGED
            if is_pair
            else Difference.ADDED
            if old is None
            else Difference.REMOVED
        )
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.found.append((position, RowChange(kind, key, cells)))
        if len(self.found) > 2 * self.limit + 1000:
            self._cut()

    def _cut(self) -> None:
        self.found.sort(key=lambda each: (each[0], _RANKS[each[1].difference]))
        del self.found[self.limit :]

    def result(self) -> RowDifference:
        """Returns what was found."""
        self._cut()
        old, new = self.old_columns.types, self.new_columns.types
        columns = [
            ColumnChange(name, old.get(name), new.get(name))
            for name in dict.fromkeys([*old, *new])
            if old.get(name) != new.get(name) and self.old_rows and self.new_rows
        ]
        return RowDifference(
            self.key,
            tuple(columns),
            self.old_rows,
            self.new_rows,
            self.counts.get(Difference.ADDED, 0),
            self.counts.get(Difference.REMOVED, 0),
            self.counts.get(Difference.CHANGED, 0),
            tuple(change for _, change in self.found),
        )


def _by_position(work: _Work, old: Table, new: Table) -> None:
    pairs = itertools.zip_longest(old.rows(), new.rows())
    for position, (before, after) in enumerate(pairs, 1):
        if before is not None:
            work.old_rows += 1
            work.old_columns.take(before)
        if after is not None:
            work.new_rows += 1
            work.new_columns.take(after)
        if before != after:
            work.pair(position, (position,), before, after)


def _by_key(work: _Work, old: Table, new: Table, *, parts: int) -> None:
    with contextlib.ExitStack() as stack:
        befores = _split(_keyed(work, old, work.old_columns), parts, stack)
        work.old_rows = sum(before.count for before in befores)
        afters = _split(_keyed(work, new, work.new_columns), parts, stack)
        work.new_rows = sum(after.count for after in afters)
        for before, after in zip(befores, afters, strict=True):
            _join(work, before.rows(), after.rows())


def _join(work: _Work, befores: Iterable[_Keyed], afters: Iterable[_Keyed]) -> None:
    waiting = {each.key: each for each in befores}
    for after in afters:
        before = waiting.pop(after.key, None)
        if before is None or before.row != after.row:
            old = None if before is None else _parsed(before.row)
            work.pair(after.position, _key_of(after.key), old, _parsed(after.row))
    for before in waiting.values():
        work.pair(before.position, _key_of(before.key), _parsed(before.row), None)


def _keyed(work: _Work, table: Table, columns: Columns) -> Iterator[_Keyed]:
    """Yields the rows with their keys, and counts their columns on the way."""
    for position, row in enumerate(table.rows(), 1):
        columns.take(row)
        yield _Keyed(position, _dumped([row.get(name) for name in work.key]), _dumped(row))


class _Part:
    """Some rows of one side, in memory or in a file; those of one key are numbered."""

    def __init__(self, file: IO[str] | None) -> None:
        self._file = file
        self._rows = list[_Keyed]()
        self.count = 0

    def add(self, each: _Keyed) -> None:
        """Takes one more row."""
        self.count += 1
        if self._file is None:
            self._rows.append(each)
        else:
            self._file.write(f"{each.position}\t{each.key}\t{each.row}\n")

    def rows(self) -> Iterator[_Keyed]:
        """Yields the rows in their order."""
        seen = dict[str, int]()
        for each in self._rows if self._file is None else self._read(self._file):
            again = seen[each.key] = seen.get(each.key, 0) + 1
            yield each if again == 1 else each._replace(key=f"{each.key}\t{again}")

    def _read(self, file: IO[str]) -> Iterator[_Keyed]:
        file.seek(0)
        for line in file:
            position, key, row = line.rstrip("\n").split("\t")
            yield _Keyed(int(position), key, row)


def _split(rows: Iterable[_Keyed], parts: int, stack: contextlib.ExitStack) -> list[_Part]:
    """Deals rows out by the hash of their key; one part stays in memory, several go to files without a name."""
    made = [_Part(_spilled(stack) if parts > 1 else None) for _ in range(parts)]
    for each in rows:
        made[hash(each.key) % parts].add(each)
    return made


def _spilled(stack: contextlib.ExitStack) -> IO[str]:
    return stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8"))


def _find_key(
    samples: Sequence[Sequence[Row]], names: Sequence[Iterable[str]], *, is_loose: bool
) -> tuple[str, ...]:
    """Returns a column that tells rows apart on both sides and that both sides agree about; none where there is none.

    Numbers with a fraction are measured and not given, so they name nothing. A column that is called like a key comes
    first, then the leftmost.
    """
    old, new = samples
    if not old or not new:
        return ()
    known = set(names[1])
    shared = [name for name in names[0] if name in known]
    for name in sorted(shared, key=lambda name: _KEY_NAME.fullmatch(name) is None):
        columns = Columns(is_loose)
        for row in (*old, *new):
            columns.take({name: row.get(name)})
        values = [[_dumped(row.get(name)) for row in sample] for sample in samples]
        kept = set(values[0]) & set(values[1])
        if (
            columns.types[name] in _KEY_TYPES
            and all(len(set(each)) == len(each) and "null" not in each for each in values)
            and 2 * len(kept) >= min(map(len, values))
        ):
            return (name,)
    return ()


def _size(table: Table) -> int:
    return table.file.seek(0, 2)


def _dumped(value: object) -> str:
    return _ENCODER.encode(value)


def _parsed(row: str) -> Row:
    return cast("Row", json.loads(row))


def _key_of(key: str) -> tuple[Json, ...]:
    return tuple(cast("list[Json]", json.loads(key.partition("\t")[0])))
