"""Owns ``pivot checkout``: puts outputs into the workspace as the lock files have them."""

import click

from pivot_core.cli import changes, look, project
from pivot_core.cli.session import Session
from pivot_core.cli.targets import target_argument, typed


@click.command("checkout")
@target_argument()
@click.option("-f", "--force", is_flag=True, help="Overwrite outputs that were changed, too.")
@click.pass_obj
def command(session: Session, targets: tuple[str, ...], *, force: bool) -> int:
    """Restore the outputs of TARGETs (else all stages) from the cache, as their lock files say.

    A file that was changed since is left alone, and the exit code is 1, unless --force is given.

    \b
    Examples:
      pivot checkout
      pivot checkout models/model.json --force
    """
    root = project.find_root(None)
    done = look.checkout(root, typed(root, targets), force=force)
    return changes.show(session, done, "restored")
