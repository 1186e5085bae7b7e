"""Owns what the options that every command has add up to: how much to say, and where to say it."""

from dataclasses import dataclass, field

from pivot_core.cli import paper
from pivot_core.cli.paper import Paper


@dataclass(slots=True)
class Session:
    """One invocation of ``pivot``."""

    verbosity: int = 0
    """-1 or less: results and errors only; 1: more detail; 2 or more: log lines too."""
    out: Paper = field(default_factory=paper.standard_output)
    err: Paper = field(default_factory=paper.standard_error)

    @property
    def is_quiet(self) -> bool:
        """Whether only results and errors are wanted."""
        return self.verbosity < 0

    @property
    def is_verbose(self) -> bool:
        """Whether more detail is wanted."""
        return self.verbosity > 0
