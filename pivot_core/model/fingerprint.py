"""Owns the fingerprint of a stage's code: the symbols that its function reaches, each with a hash.

What project code read while it was loaded counts with the statements that read it.
"""

from enum import Enum

from pivot_core.frozen import frozen
from pivot_core.model.ids import ContentHash
from pivot_core.model.stage import SourceLocation


@frozen
class Symbol:
    """One definition that a stage's function reaches."""

    name: str
    """``module:qualname``; ``module:*`` where the whole module counts; ``reading_symbol`` for what was read."""
    hash: ContentHash
    """Of the normalised syntax tree: comments, formatting and docstrings do not count. Or of what was read."""


class ReadingKind(Enum):
    """What was read; the value stands in the symbol."""

    VARIABLE = "env"
    FILE = "file"
    LISTING = "listing"
    """The names in a directory."""
    TEST = "exists"
    """Whether something lies at a path, and what; its size where that was asked for."""
    PACKAGE = "package"
    """The version of an installed package; it counts where ``fingerprint.packages`` says so."""
    COMMAND = "command"
    """What a stage runs in place of a function; the name is the stage's."""
    SCRIPT = "script"
    """A file that a command names."""

    @property
    def label(self) -> str:
        """What it is called before its name."""
        match self:
            case ReadingKind.VARIABLE:
                return "variable"
            case ReadingKind.FILE:
                return "file"
            case ReadingKind.LISTING:
                return "names in"
            case ReadingKind.TEST:
                return "presence of"
            case ReadingKind.PACKAGE:
                return "package"
            case ReadingKind.COMMAND:
                return "command"
            case ReadingKind.SCRIPT:
                return "script"


@frozen
class Reading:
    """Something that project code read while the definition was loaded; the value is known by its hash alone."""

    kind: ReadingKind
    name: str
    """A variable, ``*`` for all of them; a path, below the project relative to it, else ``.../`` and its last part."""
    hash: ContentHash
    taken_at: SourceLocation
    """The line of the module-level statement that took the value; ``file`` is absolute here and in ``through``."""
    through: tuple[SourceLocation, ...]
    """The functions of the project that the statement called to read it, innermost first."""

    @property
    def symbol(self) -> str:
        """The name under which it counts in a fingerprint; no module can have one like it."""
        return reading_symbol(self.kind, self.name)

    @property
    def where(self) -> SourceLocation:
        """The line that reads it."""
        return self.through[0] if self.through else self.taken_at


def reading_symbol(kind: ReadingKind, name: str) -> str:
    """Returns the name under which a value that was read counts."""
    return f"<{kind.value}>:{name}"


def reading_of(symbol: str) -> tuple[ReadingKind, str] | None:
    """Returns what was read, and its name, when ``symbol`` stands for that; ``None`` for anything else."""
    mark, _, name = symbol.partition(":")
    for kind in ReadingKind:
        if mark == f"<{kind.value}>":
            return kind, name
    return None


@frozen
class Caveat:
    """Something that source alone cannot tell, which made a fingerprint wider."""

    message: str
    where: SourceLocation


@frozen
class Fingerprint:
    """All code that can influence a stage's result."""

    digest: ContentHash
    """Two stages' code is equal exactly when their digests are."""
    symbols: tuple[Symbol, ...]
    """Sorted by name; recorded in the lock file so that a change can be named."""


@frozen
class Analysis:
    """What static analysis tells of one stage."""

    fingerprint: Fingerprint
    locations: tuple[tuple[str, SourceLocation], ...]
    """Where each symbol of the fingerprint is defined, in the same order."""
    caveats: tuple[Caveat, ...]
    preload: tuple[str, ...]
    """Third-party modules that the stage's project modules import, for a worker to import before it forks."""
    sources: tuple[str, ...]
    """Absolute paths of the project modules that importing the stage's function executes, for a worker to compile."""
    reached_from: tuple[int, ...] = ()
    """For each symbol of the fingerprint the place, in the same list, of the one that reaches it most directly.

    What the function's own definition reaches has the function's symbol, and so has that one itself.
    """

    def route(self, symbol: str) -> tuple[str, ...]:
        """Returns the symbols from the stage's function to ``symbol``, each used by the one before it.

        Empty when the fingerprint has no such symbol.
        """
        names = [each.name for each in self.fingerprint.symbols]
        if symbol not in names or len(self.reached_from) != len(names):
            return ()
        at = names.index(symbol)
        steps = {at: None}
        while self.reached_from[at] not in steps:
            at = self.reached_from[at]
            steps[at] = None
        return tuple(names[step] for step in reversed(steps))
