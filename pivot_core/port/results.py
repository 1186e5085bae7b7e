"""Owns what a front end is told of results: metrics, params, plots, how an artifact differs between revisions."""

from collections.abc import Mapping

from pivot_core.compare.leaf import Difference, LeafDifference
from pivot_core.compare.lines import ByteDifference, LineDifference
from pivot_core.compare.pairing import RowDifference
from pivot_core.compare.series import Figure
from pivot_core.frozen import frozen
from pivot_core.model.ids import Json, StageName
from pivot_core.model.stage import ParamOrigin


@frozen
class Side:
    """One of the two revisions that are compared, or the one that is shown."""

    name: str
    detail: str
    """The commit's or the run's id; empty for the workspace."""


@frozen
class Metrics:
    """The values of metrics, by file."""

    side: Side
    files: Mapping[str, Mapping[str, Json]]
    problems: Mapping[str, str]
    """Why a file has no values."""


@frozen
class Param:
    """One param."""

    value: Json
    origin: ParamOrigin | None
    """``None`` where what gave it its value is not known: for past runs, and what a commit's files do not tell."""


@frozen
class Params:
    """The params of stages, by stage and dotted name."""

    side: Side
    stages: Mapping[StageName, Mapping[str, Param]]


@frozen
class Plots:
    """What plots show, by file."""

    side: Side
    figures: Mapping[str, Figure]
    problems: Mapping[str, str]


@frozen
class FileDifference:
    """How two directories differ: the files that came, went or hold other bytes."""

    changes: Mapping[str, Difference]
    """The first of them, by path."""
    added: int
    removed: int
    changed: int
    unchanged: int


type Detail = RowDifference | LeafDifference | LineDifference | ByteDifference | FileDifference


@frozen
class Comparison:
    """How an artifact differs between two revisions."""

    path: str
    old: Side
    new: Side
    absent: tuple[bool, bool]
    """Whether the older and the newer one have nothing there."""
    detail: Detail | None
    """``None`` where it does not differ."""


@frozen
class Copy:
    """One file that was brought back."""

    path: str
    """As the revision has it."""
    to: str
    """Where it was put."""
    size_bytes: int
    origin: str
    """``git``, ``store`` (the cache, or a remote by way of it), or ``workspace``."""
    is_new: bool
    """Unset where the same bytes lay there already."""


@frozen
class Wish:
    """How an artifact is to be compared."""

    limit: int
    key: tuple[str, ...] | None
    """Columns that pair rows; ``None`` to look for one, empty to pair rows by position."""
