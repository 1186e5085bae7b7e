"""Owns ``pivot run``: runs the named stages alone."""

import click

from pivot_core.cli import ci, project, running
from pivot_core.cli.session import Session
from pivot_core.cli.targets import target_argument, typed
from pivot_core.port import RunOptions, Selection


@click.command("run")
@target_argument(required=True, stages=True)
@click.option("-f", "--force", is_flag=True, help="Run them though nothing changed.")
@click.option("-k", "--keep-going", is_flag=True, help="After a failure run the others.")
@click.option("--no-commit", is_flag=True, help="Write no lock file, no state, no cache object.")
@ci.options
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line.")
@click.pass_obj
def command(
    session: Session,
    targets: tuple[str, ...],
    *,
    force: bool,
    keep_going: bool,
    no_commit: bool,
    as_json: bool,
) -> int:
    """Run only the named STAGEs, one after the other in the given order.

    What they need is taken as it is; what is up to date is skipped.

    \b
    Examples:
      pivot run train
      pivot run train evaluate --force
    """
    ci.check_form(session, as_json=as_json)
    options = RunOptions(
        selection=Selection.ONLY, force=force, keep_going=keep_going, commit=not no_commit
    )
    root = project.find_root(None)
    return running.execute(session, root, typed(root, targets), options, as_json=as_json)
