"""Owns the ``[TARGET]...`` argument: stage names and artifact paths, and their completion in a shell."""

import os
from collections.abc import Callable

import click

from pivot_core import quick
from pivot_core.errors import UsageError


def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Returns the stages and outputs, as they were last known, that begin with what was typed."""
    del ctx, param
    from pivot_core.cli import project

    try:
        root = project.find_root()
    except UsageError:
        return []
    return [name for name in project.last_known(root) if name.startswith(incomplete)]


def target_argument[F: Callable[..., object]](
    *, required: bool = False, stages: bool = False
) -> Callable[[F], F]:
    """Adds the argument ``targets`` to a command; with ``stages`` set its usage speaks of stages alone."""
    return click.argument(
        "targets",
        nargs=-1,
        required=required,
        shell_complete=complete,
        metavar="STAGE..." if stages else "[TARGET]...",
    )


def typed(root: str, targets: tuple[str, ...]) -> tuple[str, ...]:
    """Returns ``targets`` as ``inside`` does; of a name that several pipelines have, the nearest one is meant."""
    return tuple(quick.typed(root, os.getcwd(), target) for target in targets)


def inside(root: str, targets: tuple[str, ...]) -> tuple[str, ...]:
    """Returns ``targets`` with paths made project-relative; a name stays what it is."""
    return tuple(quick.inside(root, os.getcwd(), target) for target in targets)
