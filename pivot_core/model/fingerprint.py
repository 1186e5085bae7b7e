"""Owns the fingerprint of a stage's code: the symbols that its function reaches, each with a hash."""

from dataclasses import dataclass

from pivot_core.model.ids import ContentHash
from pivot_core.model.stage import SourceLocation


@dataclass(frozen=True, slots=True)
class Symbol:
    """One definition that a stage's function reaches."""

    name: str
    """``module:qualname``; ``module:*`` where the whole module counts."""
    hash: ContentHash
    """Of the normalised syntax tree: comments, formatting and docstrings do not count."""


@dataclass(frozen=True, slots=True)
class Caveat:
    """Something that source alone cannot tell, which made a fingerprint wider."""

    message: str
    where: SourceLocation


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """All code that can influence a stage's result."""

    digest: ContentHash
    """Two stages' code is equal exactly when their digests are."""
    symbols: tuple[Symbol, ...]
    """Sorted by name; recorded in the lock file so that a change can be named."""


@dataclass(frozen=True, slots=True)
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
