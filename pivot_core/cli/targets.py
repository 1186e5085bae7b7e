"""Owns the ``[TARGET]...`` argument: stage names and artifact paths, and their completion in a shell."""

import os
from collections.abc import Callable

import click

from pivot_core.port import PivotError


def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Returns the stages and outputs that begin with what was typed."""
    del ctx, param
    from pivot_core.cli import compose

    try:
        _, rows = compose.stage_rows(compose.find_root(None))
    except PivotError:
        return []
    names = [row.name for row in rows] + [out.path for row in rows for out in row.outs]
    return [name for name in names if name.startswith(incomplete)]


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


def inside(root: str, targets: tuple[str, ...]) -> tuple[str, ...]:
    """Returns ``targets`` with paths made project-relative; a name stays what it is.

    Absolute paths and ``./`` or ``../`` paths are relative to the working directory; so is any other path with a
    slash or a dot in it that exists there. The rest are stage names or already project-relative.
    """
    return tuple(_inside(root, target) for target in targets)


def _inside(root: str, target: str) -> str:
    is_explicit = os.path.isabs(target) or target.split("/", 1)[0] in (".", "..")
    if not is_explicit and not (("/" in target or "." in target) and os.path.lexists(target)):
        return target
    # The directory is resolved, the last part is not: an output may be a link into the cache.
    parent, name = os.path.split(os.path.abspath(target))
    relative = os.path.relpath(os.path.join(os.path.realpath(parent), name), os.path.realpath(root))
    return relative + "/" if target.endswith("/") else relative
