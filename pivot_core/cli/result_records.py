"""Owns the shape of the ``--json`` output of what looks at results; part of ``docs/reference/json.md``."""

from typing import TypedDict

from pivot_core.cli.records import LocationRecord
from pivot_core.model.ids import Json


class RevisionRecord(TypedDict):
    """One state of the project."""

    name: str
    """`workspace`, or as it was asked for."""
    id: str
    """Of the commit or the run; empty for the workspace."""


class UnreadRecord(TypedDict):
    """A file that shows nothing."""

    path: str
    revision: str
    why: str


class ValueRecord(TypedDict):
    """One value of a metric file."""

    path: str
    name: str
    value: Json


class MetricsRecord(TypedDict):
    """`metrics show --json`."""

    schema: int
    revision: RevisionRecord
    values: list[ValueRecord]
    more: int
    """Values beyond `--limit`."""
    unread: list[UnreadRecord]


class ValueChangeRecord(TypedDict):
    """One value of two revisions."""

    path: str
    """Empty within one file."""
    name: str
    difference: str
    """`added`, `removed`, `changed`, or `same` with `--all`."""
    old: Json
    """Null also where it was added."""
    new: Json
    step: float | None
    """New less old, for numbers."""


class MetricsDiffRecord(TypedDict):
    """`metrics diff --json`."""

    schema: int
    old: RevisionRecord
    new: RevisionRecord
    changes: list[ValueChangeRecord]
    unchanged: int
    more: int
    unread: list[UnreadRecord]


class OriginRecord(TypedDict):
    """What gave a param its value."""

    layer: str
    """`params.yaml`, `pivot.yaml`, `register` (`pipeline.register(params=)`) or `default` (the class)."""
    where: LocationRecord | None


class ParamRecord(TypedDict):
    """One param of a stage."""

    stage: str
    name: str
    value: Json
    origin: OriginRecord | None
    """Null where it is not known, as of past runs."""


class ParamsRecord(TypedDict):
    """`params show --json`."""

    schema: int
    revision: RevisionRecord
    params: list[ParamRecord]
    more: int


class ParamChangeRecord(TypedDict):
    """One param of two revisions."""

    stage: str
    name: str
    difference: str
    old: Json
    new: Json
    step: float | None
    origin: OriginRecord | None
    """Of the newer value."""


class ParamsDiffRecord(TypedDict):
    """`params diff --json`."""

    schema: int
    old: RevisionRecord
    new: RevisionRecord
    changes: list[ParamChangeRecord]
    unchanged: int
    more: int


class SeriesRecord(TypedDict):
    """One column of a plot in one revision."""

    path: str
    revision: str
    column: str
    axis: str
    """The column on the horizontal axis; empty for the number of the row."""
    x: list[Json]
    """Numbers, or the texts of the axis."""
    y: list[float]
    rows: int
    step: int
    """Every how many rows one is here."""


class PlotImageRecord(TypedDict):
    """A plot that is a picture."""

    path: str
    revision: str
    media_type: str
    size_bytes: int


class PlotsRecord(TypedDict):
    """`plots show --json` and `plots diff --json`."""

    schema: int
    revisions: list[RevisionRecord]
    """One, or the older and the newer one."""
    series: list[SeriesRecord]
    images: list[PlotImageRecord]
    unread: list[UnreadRecord]


class CopyRecord(TypedDict):
    """One file that was brought back."""

    path: str
    """As the revision has it."""
    to: str
    """Where it is now; absolute."""
    size_bytes: int
    origin: str
    """`git`, `store` (the cache, or a remote by way of it) or `workspace`."""
    is_new: bool
    """False where the same bytes lay there already."""


class GetRecord(TypedDict):
    """`get --json`."""

    schema: int
    files: list[CopyRecord]


class CellChangeRecord(TypedDict):
    """One cell of a row; null where it is empty."""

    column: str
    old: Json
    new: Json


class RowChangeRecord(TypedDict):
    """One row that differs."""

    difference: str
    key: list[Json]
    """The key's values, or the row's number from 1."""
    cells: list[CellChangeRecord]
    """Of a changed row those that differ, else all without the key."""


class ColumnChangeRecord(TypedDict):
    """One column that came, went, or holds another type; null where there is none."""

    name: str
    old: str | None
    """`integer`, `number`, `boolean`, `text`, `object`, `list`, `mixed`, or empty for a column without values."""
    new: str | None


class RowsRecord(TypedDict):
    """How two tables differ."""

    key: list[str]
    """The columns that pair rows; empty where that was done by position."""
    columns: list[ColumnChangeRecord]
    old_rows: int
    new_rows: int
    added: int
    removed: int
    changed: int
    changes: list[RowChangeRecord]
    more: int


class TextRecord(TypedDict):
    """How two texts differ."""

    added: int
    removed: int
    lines: list[str]
    """A unified diff."""
    more: int


class BytesRecord(TypedDict):
    """Two files that are no text, or too large to be compared as such."""

    old_bytes: int
    new_bytes: int
    at: int
    """The first byte that differs, from 0."""


class FileRecord(TypedDict):
    """A file of a directory."""

    path: str
    difference: str


class FilesRecord(TypedDict):
    """How two directories differ."""

    files: list[FileRecord]
    added: int
    removed: int
    changed: int
    unchanged: int
    more: int


class DiffRecord(TypedDict):
    """`diff --json`; of the five last fields the one that `form` names is not null."""

    schema: int
    path: str
    old: RevisionRecord
    new: RevisionRecord
    form: str
    """`same`, `rows`, `values`, `text`, `bytes` or `files`."""
    rows: RowsRecord | None
    values: list[ValueChangeRecord] | None
    text: TextRecord | None
    bytes: BytesRecord | None
    files: FilesRecord | None


class CheckRecord(TypedDict):
    """One thing that `doctor` looked at."""

    area: str
    """`machine` or `project`."""
    subject: str
    grade: str
    """`ok`, `warning` or `problem`."""
    detail: str
    hint: str
    """What mends it; empty where nothing needs to be done."""


class DoctorRecord(TypedDict):
    """`doctor --json`."""

    schema: int
    ok: bool
    """Whether there is no problem; there may be warnings."""
    root: str | None
    """The project that was looked at; null outside one."""
    checks: list[CheckRecord]
