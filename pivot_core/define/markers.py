"""Owns the markers that an author puts into annotations; what they mean together is read by ``signature``."""

from collections.abc import Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, ClassVar

from pivot_core.define.formats import JSON, Loader, Reader, Writer
from pivot_core.frozen import frozen
from pivot_core.model.stage import OutKind

if TYPE_CHECKING:
    from os import PathLike

type Path = str | PathLike[str]


@frozen
class Dep:
    """A parameter that is read from ``path``: a file, a directory (ends in ``/``), or a list of them.

    It stands in the annotation, ``rows: Annotated[Rows, Dep("clean.csv", CSV())]``. The function gets what ``reader``
    makes of the file; for a list of paths, a list with the value of each. The path is relative to the file that makes
    the pipeline, may lie outside of the project, and is replaced by ``register(deps={"rows": ...})``.
    """

    path: Path | Sequence[Path]
    reader: Reader[object]


@frozen
class PlaceholderDep:
    """A parameter whose path each registration gives: ``register(func, deps={"rows": "clean.csv"})``."""

    reader: Reader[object]


@frozen
class Out:
    """A value that is written to ``path``; with ``cache=False`` Pivot keeps no copy of it.

    It stands in the return annotation, ``-> Annotated[Rows, Out("clean.csv", CSV())]``, or, where a stage writes
    several, in those of the ``TypedDict`` that it returns. ``writer`` turns the value into the file. One stage writes a
    path, which lies in the project; ``register(outs={"return": ...})`` replaces it.
    """

    path: Path
    writer: Writer[Any]
    cache: bool = True

    kind: ClassVar[OutKind] = OutKind.OUT


@frozen
class Metric(Out):
    """Numbers about a run, small enough for git: JSON unless another writer is given.

    ``pivot metrics`` shows and compares them.
    """

    writer: Writer[Any] = field(default_factory=JSON)

    kind: ClassVar[OutKind] = OutKind.METRIC


@frozen
class Plot(Out):
    """A picture, or the data of one: a table is drawn column by column. ``pivot plots`` shows and compares them."""

    kind: ClassVar[OutKind] = OutKind.PLOT


@frozen
class DirectoryOut(Out):
    """A directory that holds exactly the files of the returned dict (relative name → value).

    ``path`` ends in ``/``; ``writer`` writes each file. In the cache each is kept by itself, so that one that changes
    costs one file.
    """

    kind: ClassVar[OutKind] = OutKind.DIRECTORY


@frozen
class IncrementalOut:
    """An out that the stage also gets back: the previous value, or ``None`` the first time.

    Stands on a parameter and on the return, with the same path. The previous value takes no part in deciding whether
    the stage runs, and such a stage is never restored from the run cache.
    """

    path: Path
    loader: Loader[Any, Any]
    cache: bool = True

    kind: ClassVar[OutKind] = OutKind.INCREMENTAL

    @property
    def writer(self) -> Writer[Any]:
        """The loader, under the name that it has in every other out."""
        return self.loader


type AnyDep = Dep | PlaceholderDep
type AnyOut = Out | IncrementalOut
