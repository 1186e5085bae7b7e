"""Owns `shell`: a stage that is a command, as its author writes it; what that means ``registry`` finds."""

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from pivot_core.define.formats import PathOnly
from pivot_core.define.markers import AnyDep, AnyOut, Dep, Metric, Out, Path, Plot
from pivot_core.define.names import nearest
from pivot_core.define.signature import StageSignature

type Inputs = Sequence[Path] | Mapping[str, Path | Sequence[Path]]
type Outputs = Sequence[Path] | Mapping[str, Path]
type Keys = Sequence[str] | Mapping[str, Sequence[str]]

PARAMS = "params.yaml"
_SECTIONS = ("outs", "metrics", "plots")


@dataclass(frozen=True, slots=True, eq=False)
class Shell:
    """A command with what it reads and writes, unchecked: any field may hold nonsense."""

    command: str | Sequence[str]
    deps: Inputs
    outs: Outputs
    metrics: Outputs
    plots: Outputs
    uncached: Sequence[str]
    params: Keys
    cwd: Path
    executable: str
    file: str
    line: int


class BadShell(ValueError):
    """Something in a command's definition is wrong; says the mend too."""

    def __init__(self, what: str, hint: str) -> None:
        super().__init__(what)
        self.hint: str = hint


def shell(
    command: str | Sequence[str],
    *,
    deps: Inputs = (),
    outs: Outputs = (),
    metrics: Outputs = (),
    plots: Outputs = (),
    uncached: Sequence[str] = (),
    params: Keys = (),
    cwd: Path = ".",
    executable: str = "sh",
) -> Shell:
    """Makes a stage of a command: ``pipeline.register(shell("python train.py", ...), name="train")``.

    ``executable -c`` runs the text; several texts one after the other, until one fails. What it reads and writes is
    given as paths, or by names of lower-case letters, under which the command finds each in its environment
    (``"$data"``). Of ``uncached`` outs Pivot keeps no copy. ``params`` are the keys of ``params.yaml``, or of each of
    several files, that the command's scripts read: only those count. ``cwd`` is where the command runs; it and all
    paths are relative to the file that defines the pipeline.
    """
    frame = sys._getframe(1)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] as in Pipeline.register
    return Shell(
        command=command,
        deps=deps,
        outs=outs,
        metrics=metrics,
        plots=plots,
        uncached=uncached,
        params=params,
        cwd=cwd,
        executable=executable,
        file=os.path.abspath(frame.f_code.co_filename),
        line=frame.f_lineno,
    )


def lines_of(given: Shell) -> tuple[str, ...]:
    """Returns the texts of a command; raises ``BadShell``."""
    if not isinstance(cast("object", given.executable), str) or not given.executable.strip():
        raise BadShell(f"{given.executable!r:.80} is no program", "name a shell: executable='bash'")
    value = cast("object", given.command)
    lines = [value] if isinstance(value, str) else value
    if isinstance(lines, (list, tuple)) and lines:
        found = cast("Sequence[object]", lines)
        if all(isinstance(line, str) and line.strip() and "\0" not in line for line in found):
            return tuple(cast("Sequence[str]", found))
    raise BadShell(f"{value!r:.80} is no command", "write shell('python train.py', ...)")


def signature_of(given: Shell) -> StageSignature:
    """Returns what a command reads and writes, in the terms of a function; raises ``BadShell``."""
    deps = dict[str, AnyDep]()
    for name, path in _named(given.deps, "deps").items():
        deps[name] = Dep(cast("Path | Sequence[Path]", path), PathOnly())
    sections = {
        name: cast("dict[str, Path]", _named(cast("object", getattr(given, name)), name))
        for name in _SECTIONS
    }
    names = [*deps, *(name for section in sections.values() for name in section)]
    known = [name for section in sections.values() for name in section]
    for name in names:
        if names.count(name) > 1 and (is_variable(name) or known.count(name) > 1):
            raise BadShell(f"the command has two things named '{name}'", "rename one of them")
    uncached = _texts(given.uncached, "uncached")
    for name in uncached:
        if name not in known:
            raise BadShell(f"'{name}' is none of the command's outputs", nearest(name, known))
    outs = dict[str, AnyOut]()
    for kind, section in zip((Out, Metric, Plot), sections.values(), strict=True):
        for name, path in section.items():
            outs[name] = kind(path, PathOnly(), name not in uncached)
    return StageSignature(deps=deps, outs=outs)


def keys_of(given: Shell) -> dict[str, tuple[str, ...]]:
    """Returns the files whose params a command's scripts read, each with its keys; raises ``BadShell``."""
    value = cast("object", given.params)
    files = cast(
        "Mapping[object, object]",
        value if isinstance(value, Mapping) else {PARAMS: value} if value else {},
    )
    found = dict[str, tuple[str, ...]]()
    for file, keys in files.items():
        if not isinstance(file, (str, os.PathLike)) or not keys:
            raise BadShell("params name no keys", "write params=['train.rate'], or {file: [keys]}")
        found[os.fspath(cast("Path", file))] = _texts(keys, "params")
    return found


def is_variable(name: str) -> bool:
    """Tells whether a command finds a path in its environment by this name."""
    return name.isidentifier() and name.isascii() and name == name.lower()


def _named(given: object, section: str) -> dict[str, object]:
    """Returns paths by their names; those of a list are named as they are written."""
    if isinstance(given, Mapping):
        named = cast("Mapping[object, object]", given)
        for name in named:
            if not isinstance(name, str) or not is_variable(name):
                hint = "use lower-case letters, digits and _: the command's environment has it"
                raise BadShell(f"{name!r:.80} cannot be a name in {section}", hint)
        return cast("dict[str, object]", dict(named))
    if isinstance(given, (list, tuple)):
        paths = cast("Sequence[object]", given)
        if all(isinstance(path, (str, os.PathLike)) for path in paths):
            return {str(path): path for path in paths}
    raise BadShell(f"{section} is no list of paths", f"write {section}=['data/clean.csv']")


def _texts(given: object, section: str) -> tuple[str, ...]:
    if isinstance(given, (list, tuple)):
        texts = cast("Sequence[object]", given)
        if all(isinstance(text, str) and text for text in texts):
            return tuple(cast("Sequence[str]", texts))
    raise BadShell(f"{section} is no list of names: {given!r:.80}", f"write {section}=['name']")
