"""Owns what a command means that names no stages: the pipeline around the working directory, or every one."""

from collections.abc import Callable

import click

from pivot_core import quick
from pivot_core.cli import look
from pivot_core.cli.session import Session
from pivot_core.cli.targets import typed
from pivot_core.errors import UsageError


def all_option[F: Callable[..., object]](command: F) -> F:
    """Adds the option ``--all`` to a command, as its argument ``every``."""
    return click.option(
        "-a", "--all", "every", is_flag=True, help="Every pipeline, wherever one stands."
    )(command)


def targets(
    session: Session, root: str, given: tuple[str, ...], *, every: bool, is_told: bool = True
) -> tuple[str, ...]:
    """Returns the targets that a command means, project-relative; none for every stage.

    Says on stdout which pipeline is meant where none is named, if ``is_told``. Raises ``UsageError`` for targets beside
    ``every``.
    """
    if given and every:
        raise UsageError("'--all' and TARGETs exclude each other", hint="leave one of them out")
    if given or every:
        return typed(root, given)
    home = look.home(root)
    if home is None:
        return ()
    if is_told and not session.is_quiet:
        session.out.line((quick.scope(home), "faint"))
    return (f"{home}/" if home else ".",)
