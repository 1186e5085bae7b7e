"""Owns ``pivot repro``: runs what must run, or tells what that is."""

import click

from pivot_core.cli import look, project, running
from pivot_core.cli.session import Session
from pivot_core.cli.targets import inside, target_argument
from pivot_core.port import Depth, Explain, RunOptions, UsageError


@click.command("repro")
@target_argument()
@click.option("-n", "--dry-run", is_flag=True, help="Tell what would run, and run nothing.")
@click.option("--explain", is_flag=True, help="With --dry-run: tell every reason.")
@click.option("-f", "--force", is_flag=True, help="Run TARGETs (else everything) though unchanged.")
@click.option("-k", "--keep-going", is_flag=True, help="After a failure run what does not need it.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="Workers at once.")
@click.option("--pull", is_flag=True, help="Fetch what a remote has instead of running.")
@click.option("-r", "--remote", metavar="NAME", help="With --pull: not the default remote.")
@click.option("--no-commit", is_flag=True, help="Write no lock file, no state, no cache object.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line.")
@click.pass_obj
def command(
    session: Session,
    targets: tuple[str, ...],
    *,
    dry_run: bool,
    explain: bool,
    force: bool,
    keep_going: bool,
    jobs: int | None,
    pull: bool,
    remote: str | None,
    no_commit: bool,
    as_json: bool,
) -> int:
    """Run what must run to bring TARGETs (else everything) up to date.

    A TARGET is a stage, all variants of one, or the path of an output; what it needs runs first.

    With --pull a stage whose result the remote has is not run. Only what a stage that runs will
    read is downloaded, and the outputs of the TARGETs; the rest stays where it is.

    \b
    Examples:
      pivot repro                     everything
      pivot repro train --dry-run     what would run for 'train'?
      pivot repro data/clean.csv -j 4
      pivot repro train --pull
    """
    options = RunOptions(
        force=force,
        keep_going=keep_going,
        jobs=jobs,
        commit=not no_commit,
        pull=pull,
        remote=remote,
    )
    if remote is not None and not pull:
        raise UsageError("'--remote' needs '--pull'", hint="without it no remote is asked")
    if pull and (no_commit or dry_run):
        other = "--no-commit" if no_commit else "--dry-run"
        raise UsageError(
            f"'--pull' and '{other}' exclude each other",
            hint="`pivot pull --dry-run` tells what comes",
        )
    if explain and not dry_run:
        raise UsageError("'--explain' needs '--dry-run'", hint="`pivot explain` tells it too")
    root = project.find_root(None)
    wanted = inside(root, targets)
    if not dry_run:
        return running.execute(session, root, wanted, options, as_json=as_json)
    _show_plan(
        session, root, Explain(wanted, options, Depth.ALL if explain else Depth.REASONS), as_json
    )
    return 0


def _show_plan(session: Session, root: str, query: Explain, as_json: bool) -> None:
    from pivot_core.cli import causes, plans

    plan = look.answer(root, query)
    if as_json:
        plans.show_json(session, plan)
    elif query.depth is Depth.ALL:
        causes.show_plan(session, plan)
    else:
        plans.show_lines(session, plan, all_stages=session.is_verbose)
