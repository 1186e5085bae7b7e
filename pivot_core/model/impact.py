"""Owns the impact of a change: which stages would run if one file or definition were another, and why."""

from enum import Enum

from pivot_core.frozen import frozen
from pivot_core.model.ids import StageName


class Bond(Enum):
    """How a stage depends on what would change."""

    CODE = "code"
    """Its function uses it; a value that its code reads on import counts too."""
    INPUT = "input"
    """It reads it, or something below or around it."""
    PARAMS = "params"
    """The file may give its params."""
    DEFINITION = "definition"
    """It is defined there."""
    LOCK = "lock"
    """Its last result is recorded there."""
    IGNORE = "ignore"
    """It reads a directory, of which the file says what counts."""
    UPSTREAM = "upstream"
    """It reads what an affected stage writes."""


@frozen
class Affected:
    """One stage that a change would reach."""

    stage: StageName
    bond: Bond
    path: tuple[str, ...]
    """Step by step: symbols from the stage's function on (CODE), the dep (INPUT, IGNORE), stages from one that is
    affected directly to this one (UPSTREAM); else empty."""


@frozen
class Impact:
    """What would follow from a change of one file or definition."""

    target: str
    """As it was asked for."""
    names: tuple[str, ...]
    """The symbols that it stands for; empty for a path."""
    direct: tuple[Affected, ...]
    """Stages that would run, in topological order."""
    downstream: tuple[Affected, ...]
    """Stages that would run after those, should their outs come out different; in topological order."""
    makers: tuple[StageName, ...] = ()
    """Stages that write the path: they put it back, should somebody change it by hand."""
    is_loaded: bool = False
    """Whether loading the definition reads the file, so that the stages themselves may be others."""
