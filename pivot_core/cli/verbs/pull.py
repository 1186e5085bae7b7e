"""Owns ``pivot pull``: brings results from a remote into the workspace."""

import click

from pivot_core.cli import moves, project
from pivot_core.cli.session import Session
from pivot_core.cli.targets import target_argument, typed
from pivot_core.port import TransferKind, TransferOptions


@click.command("pull")
@target_argument()
@click.option("-r", "--remote", metavar="NAME", help="Not the default remote.")
@click.option("-f", "--force", is_flag=True, help="Overwrite outputs that were changed, too.")
@click.option("-n", "--dry-run", is_flag=True, help="Tell what would come, and bring nothing.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="Objects at once.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line.")
@click.pass_obj
def command(
    session: Session,
    targets: tuple[str, ...],
    *,
    remote: str | None,
    force: bool,
    dry_run: bool,
    jobs: int | None,
    as_json: bool,
) -> int:
    """Bring the outputs of TARGETs (else all stages), and of what they need, into the workspace.

    Only what the cache lacks is downloaded, and checked before it is used. An output that was
    changed here is left alone, and the exit code is 1, unless --force is given. What others made
    from the same code and inputs comes too, so that it is not made again.

    \b
    Examples:
      pivot pull
      pivot pull train
      pivot pull models/model.json --dry-run
    """
    root = project.find_root(None)
    options = TransferOptions(remote, jobs, dry_run, force=force)
    wanted = typed(root, targets)
    return moves.execute(session, root, TransferKind.PULL, wanted, options, as_json=as_json)
