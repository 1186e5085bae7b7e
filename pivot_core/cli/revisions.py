"""Owns the arguments that name revisions, and the options that all commands which look at results share."""

from collections.abc import Callable

import click

from pivot_core.cli import result_records
from pivot_core.cli.session import Session
from pivot_core.cli.targets import complete
from pivot_core.port.results import Side

WORKSPACE = "workspace"
HEAD = "HEAD"
_SHORT = 7


def pair(old: str | None, new: str | None) -> tuple[str, str]:
    """Returns the revisions to compare: the last commit and the workspace, where nothing else is said."""
    return old or HEAD, new or WORKSPACE


def options[F: Callable[..., object]](*, limit: int) -> Callable[[F], F]:
    """Adds ``--limit``, ``--json`` and ``--markdown`` to a command."""

    def add(command: F) -> F:
        shown = click.option(
            "--limit", type=click.IntRange(min=0), default=limit, show_default=True, metavar="N",
            help="Show at most so many; how many more there are is said.",
        )  # fmt: skip
        json = click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
        markdown = click.option(
            "--markdown", "as_markdown", is_flag=True, help="Write a table in Markdown."
        )
        return shown(json(markdown(command)))

    return add


def target_option[F: Callable[..., object]](what: str) -> Callable[[F], F]:
    """Adds ``--target`` to a command, which may be given several times."""
    return click.option(
        "-t", "--target", "targets", multiple=True, metavar="TARGET", help=what,
        shell_complete=complete,
    )  # fmt: skip


def two_revisions[F: Callable[..., object]](command: F) -> F:
    """Adds the arguments ``OLD`` and ``NEW`` to a command."""
    return click.argument("old", required=False)(click.argument("new", required=False)(command))


def title(side: Side) -> str:
    """Returns a revision as people know it: ``HEAD (1a2b3c4)``, ``last~1 (20260314-091500-d0ce)``."""
    if not side.detail or side.detail == side.name:
        return side.name
    is_run = "-" in side.detail
    return f"{side.name} ({side.detail if is_run else side.detail[:_SHORT]})"


def record(side: Side) -> result_records.RevisionRecord:
    """Returns a revision as JSON has it."""
    return result_records.RevisionRecord(name=side.name, id=side.detail)


def say(session: Session) -> Callable[[str], None]:
    """Returns what tells of work that takes its time, on stderr."""

    def told(what: str) -> None:
        if not session.is_quiet:
            session.err.line(what)
            session.err.flush()

    return told
