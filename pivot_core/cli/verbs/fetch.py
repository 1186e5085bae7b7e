"""Owns ``pivot fetch``: brings results from a remote into the cache."""

import click

from pivot_core.cli import moves, project
from pivot_core.cli.session import Session
from pivot_core.cli.targets import target_argument, typed
from pivot_core.port import TransferKind, TransferOptions, UsageError


@click.command("fetch")
@target_argument()
@click.option("-r", "--remote", metavar="NAME", help="Not the default remote.")
@click.option("-a", "--all", "whole", is_flag=True, help="Everything that the remote holds.")
@click.option("-n", "--dry-run", is_flag=True, help="Tell what would come, and bring nothing.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="Objects at once.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line.")
@click.pass_obj
def command(
    session: Session,
    targets: tuple[str, ...],
    *,
    remote: str | None,
    whole: bool,
    dry_run: bool,
    jobs: int | None,
    as_json: bool,
) -> int:
    """Bring what the cache lacks of TARGETs (else all stages) and of what they need.

    The workspace stays as it is: `pivot checkout` restores outputs from the cache, `pivot pull`
    does both.

    \b
    Examples:
      pivot fetch
      pivot fetch models/model.json
    """
    if whole and targets:
        raise UsageError("'--all' takes no targets", hint="it brings everything the remote holds")
    root = project.find_root(None)
    options = TransferOptions(remote, jobs, dry_run, whole)
    wanted = typed(root, targets)
    return moves.execute(session, root, TransferKind.FETCH, wanted, options, as_json=as_json)
