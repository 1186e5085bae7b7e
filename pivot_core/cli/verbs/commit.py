"""Owns ``pivot commit``: takes the workspace as the stages' results."""

import click

from pivot_core.cli import changes, look, project
from pivot_core.cli.session import Session
from pivot_core.cli.targets import target_argument, typed


@click.command("commit")
@target_argument()
@click.pass_obj
def command(session: Session, targets: tuple[str, ...]) -> int:
    """Record what lies in the workspace as the results of TARGETs (else all stages).

    Writes cache and lock files without running anything: for outputs made elsewhere, after
    `--no-commit`, or after an edit to the code that you know changes nothing.

    \b
    Examples:
      pivot commit
      pivot commit train
    """
    root = project.find_root(None)
    return changes.show(session, look.commit(root, typed(root, targets)), "recorded")
