"""Owns what the options that every command has add up to: how much to say, and where to say it."""

import os
from functools import cached_property
from typing import TYPE_CHECKING, override

if TYPE_CHECKING:  # `pivot --help` needs neither
    from pivot_core.cli.paper import Paper
    from pivot_core.port import Door


class Session:
    """One invocation of ``pivot``."""

    def __init__(self) -> None:
        self.verbosity: int = 0
        """-1 or less: results and errors only; 1: more detail; 2 or more: log lines too."""
        self.is_ci: bool = False
        """Whether ``--ci`` was given."""
        self.junit: str | None = None
        """Where a JUnit report is to be written."""
        self.summary: str | None = None
        """Where a job summary is to be written."""
        self.is_profiled: bool = False
        """Whether it is to be told where the time of a run goes."""
        self.trace: str | None = None
        """Where that is to be written as a trace."""

    @property
    def is_workflow(self) -> bool:
        """Whether output goes into the log of a workflow: asked for, or under GitHub Actions."""
        return self.is_ci or os.environ.get("GITHUB_ACTIONS") == "true"

    @property
    def is_quiet(self) -> bool:
        """Whether only results and errors are wanted."""
        return self.verbosity < 0

    @property
    def is_verbose(self) -> bool:
        """Whether more detail is wanted."""
        return self.verbosity > 0

    def show_log_lines(self) -> None:
        """Writes what our own modules log to stderr from now on."""
        import logging

        paper = self.err

        class Handler(logging.Handler):
            @override
            def emit(self, record: logging.LogRecord) -> None:
                paper.line((f"{record.name}: ", "faint"), record.getMessage())
                paper.flush()

        ours = logging.getLogger("pivot_core")
        ours.addHandler(Handler())
        ours.setLevel(logging.DEBUG)

    @cached_property
    def out(self) -> "Paper":
        """Where results go."""
        from pivot_core.cli import paper

        return paper.standard_output(plain=self.is_ci)

    @cached_property
    def err(self) -> "Paper":
        """Where everything else goes."""
        from pivot_core.cli import paper

        return paper.standard_error(plain=self.is_ci)

    def door(self) -> "Door":
        """Returns the way to the project's engine, for a command that another package contributes.

        Raises ``UsageError`` outside a project.
        """
        from pivot_core.cli import door, project

        return door.ProjectDoor(project.find_root())
