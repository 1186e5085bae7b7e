"""Owns the markers that an author puts into annotations; what they mean together is read by ``signature``."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from pivot_core.define.formats import JSON, Loader, Reader, Writer
from pivot_core.model.stage import OutKind

if TYPE_CHECKING:
    from os import PathLike

type Path = str | PathLike[str]


@dataclass(frozen=True, slots=True)
class Dep:
    """A parameter that is read from ``path``: a file, a directory (ends in ``/``), or a list of them."""

    path: Path | Sequence[Path]
    reader: Reader[object]


@dataclass(frozen=True, slots=True)
class PlaceholderDep:
    """A parameter whose path each registration gives."""

    reader: Reader[object]


@dataclass(frozen=True, slots=True)
class Out:
    """A value that is written to ``path``; with ``cache=False`` Pivot keeps no copy of it."""

    path: Path
    writer: Writer[Any]
    cache: bool = True

    kind: ClassVar[OutKind] = OutKind.OUT


@dataclass(frozen=True, slots=True)
class Metric(Out):
    """Numbers about a run, small enough for git."""

    writer: Writer[Any] = field(default_factory=JSON)

    kind: ClassVar[OutKind] = OutKind.METRIC


@dataclass(frozen=True, slots=True)
class Plot(Out):
    """A picture, or the data of one."""

    kind: ClassVar[OutKind] = OutKind.PLOT


@dataclass(frozen=True, slots=True)
class DirectoryOut(Out):
    """A directory that holds exactly the files of the returned dict (relative name → value)."""

    kind: ClassVar[OutKind] = OutKind.DIRECTORY


@dataclass(frozen=True, slots=True)
class IncrementalOut:
    """An out that the stage also gets back: the previous value, or ``None`` the first time.

    Stands on a parameter and on the return, with the same path.
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
