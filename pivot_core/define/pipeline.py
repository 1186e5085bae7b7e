"""Owns what ``pipeline.py`` says, as recorded registrations; what they mean, and what is wrong, ``load`` finds."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING

from pivot_core.define.markers import Path
from pivot_core.errors import DefinitionError
from pivot_core.frozen import frozen

if TYPE_CHECKING:
    from pivot_core.define.params import StageParams
    from pivot_core.define.shell import Shell

type Paths = Path | Sequence[Path]


@frozen
class Registration:
    """One stage as it was asked for, unchecked: any field may hold nonsense."""

    func: "Callable[..., object] | Shell"
    name: str
    """Without the variant."""
    variant: str | None
    params: "Mapping[str, object] | StageParams | None"
    deps: Mapping[str, Paths]
    outs: Mapping[str, Path]
    mutex: str | Sequence[str]
    timeout: float | None
    retries: int
    base: str
    """The absolute directory that paths are relative to."""
    file: str
    line: int
    lines: Mapping[str, int] = field(default_factory=dict[str, int])
    """Where single entries stand (``deps.raw``, ``params.rate``); what is not in it stands at ``line``."""

    @property
    def full_name(self) -> str:
        """The stage's name with its variant."""
        return self.name if self.variant is None else f"{self.name}@{self.variant}"

    def line_of(self, *keys: str | int) -> int:
        """Returns the line of an entry, or of the nearest one around it."""
        name = ".".join(map(str, keys))
        while name and name not in self.lines:
            name = name.rpartition(".")[0]
        return self.lines.get(name, self.line)


class Pipeline:
    """Collects stages; ``pipeline.py`` holds one in a variable named ``pipeline``.

    Paths are relative to the file that makes it.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name: str | None = name
        self._file: str = _caller()[0]
        self._registrations: list[Registration] = []

    def register(
        self,
        func: "Callable[..., object] | Shell",
        *,
        name: str | None = None,
        params: "Mapping[str, object] | StageParams | None" = None,
        deps: Mapping[str, Paths] | None = None,
        outs: Mapping[str, Path] | None = None,
        mutex: str | Sequence[str] = (),
        variant: str | None = None,
        timeout: float | None = None,
        retries: int = 0,
    ) -> None:
        """Makes ``func``, or a command (``shell``), a stage.

        ``deps`` and ``outs`` replace paths of annotations (``return`` stands for a single out), ``params`` replaces
        defaults of the params class. Stages that share a ``mutex`` never run at the same time. ``timeout`` is in
        seconds for one attempt; a failed attempt is repeated ``retries`` times.
        """
        if _Recording.is_off:
            return
        file, line = _caller()
        self._registrations.append(
            Registration(
                func=func,
                name=getattr(func, "__name__", "") if name is None else name,
                variant=variant,
                params=params,
                deps=_copied(deps),
                outs=_copied(outs),
                mutex=mutex,
                timeout=timeout,
                retries=retries,
                base=os.path.dirname(self._file),
                file=file,
                line=line,
            )
        )

    def include(self, other: "Pipeline") -> None:
        """Adds the stages that ``other`` has now; what is registered there later is not included.

        Raises ``DefinitionError``, and adds nothing, when a stage's name is taken.
        """
        if _Recording.is_off:
            return
        taken = {registration.full_name: registration for registration in self._registrations}
        for added in other.registrations:
            if added.full_name in taken:
                known = taken[added.full_name]
                file, line = _caller()
                raise DefinitionError(
                    f"the included pipeline has a stage '{added.full_name}' as well",
                    f"{file}:{line}, stages {known.file}:{known.line} and {added.file}:{added.line}",
                    "give one of them another name: register(..., name=...)",
                )
        self._registrations.extend(other.registrations)

    @property
    def registrations(self) -> tuple[Registration, ...]:
        """What was registered and included so far, in order."""
        return tuple(self._registrations)


def stop_recording() -> None:
    """Makes ``register`` and ``include`` return at once, for a process that only runs a stage."""
    _Recording.is_off = True


class _Recording:
    """The one switch of the process; a stage process turns it off and never on again."""

    is_off: bool = False


def _copied[T](given: Mapping[str, T] | None) -> Mapping[str, T]:
    if given is None:
        return {}
    return {**given} if isinstance(given, dict) else given


def _caller() -> tuple[str, int]:
    """Returns the absolute file and the line that called our caller."""
    frame = sys._getframe(2)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] inspect.stack costs milliseconds
    return os.path.abspath(frame.f_code.co_filename), frame.f_lineno
