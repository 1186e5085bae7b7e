"""Owns what a stage is: its function, deps, outs and params, as the registry defines them."""

from collections.abc import Mapping
from dataclasses import field, replace
from enum import Enum
from typing import override

from pivot_core.frozen import frozen
from pivot_core.model.ids import ArtifactPath, Json, StageName


class OutKind(Enum):
    """What becomes of an out: where it is kept, and how it is written."""

    OUT = "out"
    METRIC = "metric"
    """Tracked by git; the cache keeps a copy."""
    PLOT = "plot"
    DIRECTORY = "directory"
    """Holds exactly the files that the stage returned."""
    INCREMENTAL = "incremental"
    """Restored before the stage runs and passed in; never restored from the run cache."""


@frozen
class SourceLocation:
    """A line of a source file; ``file`` is project-relative where the file lies in the project."""

    file: str
    line: int

    @override
    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class ParamLayer(Enum):
    """Where a param can get its value; a later one wins over an earlier one."""

    DEFAULT = "default"
    """The class of the params."""
    REGISTER = "register"
    """``pipeline.register(params=)``."""
    DEFINITION = "pivot.yaml"
    PARAMS = "params.yaml"


@frozen
class ParamOrigin:
    """What gave a param its value."""

    layer: ParamLayer
    where: SourceLocation | None
    """The line; ``None`` where that is not known, and for ``register``: the stage itself tells it."""


@frozen
class FunctionRef:
    """Names a module-level function without importing it."""

    base: str
    """Project-relative directory of the definition file, ``""`` for the root; it is first on ``sys.path``."""
    module: str
    """Dotted name as imported with ``base`` on ``sys.path``; ``pipeline`` for ``pipeline.py``."""
    qualname: str
    where: SourceLocation
    ahead: tuple[str, ...] = ()
    """What is first on ``sys.path`` instead, ``base`` and the root among it, where loading the definition has put
    directories there; project-relative inside the project, absolute elsewhere."""
    behind: tuple[str, ...] = ()
    """The directories that it has put last."""


@frozen
class Dep:
    """One parameter that is read from one or several artifacts."""

    param: str
    paths: tuple[ArtifactPath, ...]
    is_list: bool
    """Whether the parameter gets a list of values (the path was declared as a list or tuple)."""
    loader: str
    """The reader's class name, for people."""


@frozen
class Out:
    """One artifact that the stage writes."""

    field: str
    """``return`` for a single out, else the TypedDict field."""
    path: ArtifactPath
    kind: OutKind
    is_cached: bool
    loader: str
    """The writer's class name, for people."""
    param: str | None = None
    """The parameter that gets the previous value; ``None`` unless ``kind`` is INCREMENTAL."""


@frozen
class ShellCommand:
    """What a stage runs in place of a function."""

    lines: tuple[str, ...]
    """Each is given to a shell of its own, one after the other, until one fails."""
    shell: str
    """The program that runs a line, with ``-c`` before it."""
    cwd: str
    """Project-relative directory, ``""`` for the root."""
    scripts: tuple[str, ...] = ()
    """Project-relative files that count as code, those that are not there included."""
    param_files: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Project-relative files of which the scripts read some keys → those keys."""


@frozen
class Stage:
    """One node of the graph."""

    name: StageName
    func: FunctionRef
    """Of a stage that is a command it names nothing, and ``where`` is the line of the command."""
    deps: tuple[Dep, ...]
    outs: tuple[Out, ...]
    params: Mapping[str, Json]
    """Effective values in JSON form; empty when the function takes no params."""
    params_param: str | None
    """The function's parameter that takes the params model; ``None`` when it takes none."""
    variant: str
    """The part of the name after ``@``; empty without one."""
    variant_param: str | None
    """The parameter that gets ``variant``; ``None`` when the function has none."""
    mutex: tuple[str, ...]
    timeout_s: float | None
    """Wall seconds for one attempt; ``None`` for no limit."""
    retries: int
    """How often a failed attempt is repeated."""
    defined: SourceLocation
    """The ``register`` call or the entry of ``pivot.yaml``."""
    params_given: Mapping[str, Json] | None = None
    """The overrides, for another process to make the params of; ``None`` when ``params`` themselves give them again."""
    params_from: Mapping[str, ParamOrigin] = field(default_factory=dict[str, ParamOrigin])
    """What gave the overridden params their values, by dotted name (``model.depth``); all others have their default."""
    command: ShellCommand | None = None
    """``None`` for a stage that is a function."""

    def origin(self, name: str) -> ParamOrigin:
        """Returns what gave a param its value, also one that lies inside an overridden one."""
        while name not in self.params_from:
            name, dot, _ = name.rpartition(".")
            if not dot:
                return ParamOrigin(ParamLayer.DEFAULT, None)
        found = self.params_from[name]
        return replace(found, where=self.defined) if found.layer is ParamLayer.REGISTER else found

    @property
    def homes(self) -> tuple[str, ...]:
        """The project-relative directories of its pipeline: of the definition, and of the file that registers it."""
        registered = self.defined.file.rpartition("/")[0]
        return (self.func.base,) if not registered else (self.func.base, registered)

    @property
    def dep_paths(self) -> tuple[ArtifactPath, ...]:
        """Every path that the stage reads, in order, each once; an incremental out is none of them."""
        return tuple(dict.fromkeys(path for dep in self.deps for path in dep.paths))

    @property
    def out_paths(self) -> tuple[ArtifactPath, ...]:
        """Every path that the stage writes, in order."""
        return tuple(out.path for out in self.outs)

    @property
    def reads(self) -> Mapping[str, Json]:
        """Each parameter with the path that it gets the value of, or the list of them."""
        return {dep.param: list(dep.paths) if dep.is_list else dep.paths[0] for dep in self.deps}

    @property
    def writes(self) -> Mapping[str, Json]:
        """Each field of the result with the path that it is written to."""
        return {out.field: out.path for out in self.outs}

    @property
    def is_incremental(self) -> bool:
        """Whether an earlier result is an input; the run cache then does not apply."""
        return any(out.kind is OutKind.INCREMENTAL for out in self.outs)
