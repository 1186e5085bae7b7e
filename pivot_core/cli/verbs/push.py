"""Owns ``pivot push``: sends results to a remote."""

import click

from pivot_core.cli import moves, project
from pivot_core.cli.session import Session
from pivot_core.cli.targets import target_argument, typed
from pivot_core.port import TransferKind, TransferOptions, UsageError


@click.command("push")
@target_argument()
@click.option("-r", "--remote", metavar="NAME", help="Not the default remote.")
@click.option("-a", "--all", "whole", is_flag=True, help="Everything that the cache holds.")
@click.option("-n", "--dry-run", is_flag=True, help="Tell what would be sent, and send nothing.")
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
    """Send what a remote lacks of the outputs of TARGETs (else all stages).

    What current lock files name is sent, and the run-cache entries that let others skip the same
    work. A TARGET is a stage, or the path of an output. What fails is listed, the rest is sent,
    and the exit code is 5; running it again goes on from there.

    \b
    Examples:
      pivot push
      pivot push train --remote backup
      pivot push --dry-run
    """
    if whole and targets:
        raise UsageError(
            "'--all' takes no targets", hint="it sends everything that the cache holds"
        )
    root = project.find_root(None)
    options = TransferOptions(remote, jobs, dry_run, whole)
    wanted = typed(root, targets)
    return moves.execute(session, root, TransferKind.PUSH, wanted, options, as_json=as_json)
