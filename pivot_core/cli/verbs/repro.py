"""Owns ``pivot repro``: runs what must run, or tells what that is."""

import click
from click.core import ParameterSource

from pivot_core.cli import ci, look, profile, project, running, scope
from pivot_core.cli.session import Session
from pivot_core.cli.targets import target_argument
from pivot_core.port import Depth, Explain, RunOptions, UsageError, Watch

_NEEDED = {
    "--remote": ("--pull", "without it no remote is asked"),
    "--no-initial": ("--watch", "without it there is one run, now"),
    "--debounce": ("--watch", "without it nothing is waited for"),
    "--explain": ("--dry-run", "`pivot explain` tells it too"),
}
_CLASHING = {
    ("--pull", "--no-commit"): "what is pulled is recorded",
    ("--pull", "--dry-run"): "`pivot pull --dry-run` tells what comes",
    ("--watch", "--pull"): "`pivot pull` first, then watch",
    ("--watch", "--dry-run"): "`pivot status` tells what would run",
    ("--watch", "--junit"): "watching has no end to report",
    ("--watch", "--summary"): "watching has no end to report",
    ("--dry-run", "--junit"): "it reports what ran",
    ("--dry-run", "--summary"): "it reports what ran",
    ("--watch", "--profile"): "watching has no end to report",
    ("--watch", "--trace"): "watching has no end to report",
    ("--dry-run", "--profile"): "it tells of a run",
    ("--dry-run", "--trace"): "it tells of a run",
    ("--ci", "--json"): "choose one form",
    (
        "--watch",
        "--no-commit",
    ): "a result that is not recorded would be made again with every change",
}


@click.command("repro")
@target_argument()
@scope.all_option
@click.option("-n", "--dry-run", is_flag=True, help="Tell what would run, and run nothing.")
@click.option("--explain", is_flag=True, help="With --dry-run: tell every reason.")
@click.option("-f", "--force", is_flag=True, help="Run TARGETs (else everything) though unchanged.")
@click.option("-k", "--keep-going", is_flag=True, help="After a failure run what does not need it.")
@click.option("-j", "--jobs", type=click.IntRange(min=1), metavar="N", help="Workers at once.")
@click.option("-w", "--watch", is_flag=True, help="Run again whenever something changes.")
@click.option("--no-initial", is_flag=True, help="With --watch: run nothing before a change.")
@click.option(
    "--debounce",
    type=click.IntRange(min=1, max=60_000),
    metavar="MS",
    help="With --watch: how long nothing may change before a run begins; 100.",
)
@click.option("--pull", is_flag=True, help="Fetch what a remote has instead of running.")
@click.option("-r", "--remote", metavar="NAME", help="With --pull: not the default remote.")
@click.option("--no-commit", is_flag=True, help="Write no lock file, no state, no cache object.")
@ci.options
@profile.options
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object a line.")
@click.pass_obj
def command(
    session: Session,
    targets: tuple[str, ...],
    *,
    every: bool,
    dry_run: bool,
    explain: bool,
    force: bool,
    keep_going: bool,
    jobs: int | None,
    watch: bool,
    no_initial: bool,
    debounce: int | None,
    pull: bool,
    remote: str | None,
    no_commit: bool,
    as_json: bool,
) -> int:
    """Run what must run to bring TARGETs (else everything) up to date.

    A TARGET is a stage, all variants of one, the path of an output, or the directory of a
    pipeline; what it needs runs first. In a project of several pipelines everything is the one
    around the working directory, if there is one, with what it needs of the others.

    With --pull a stage whose result the remote has is not run. Only what a stage that runs will
    read is downloaded, and the outputs of the TARGETs; the rest stays where it is.

    With --watch every change of an input, of code that counts, of params or of a definition runs
    what it affects, until Ctrl-C. A running stage that is out of date begins anew.

    \b
    Examples:
      pivot repro                     everything
      pivot repro --all               every pipeline
      pivot repro train --dry-run     what would run for 'train'?
      pivot repro data/clean.csv -j 4
      pivot repro train --pull
      pivot repro --watch
    """
    options = RunOptions(
        force=force,
        keep_going=keep_going,
        jobs=jobs,
        commit=not no_commit,
        pull=pull,
        remote=remote,
    )
    _check_options(click.get_current_context())
    root = project.find_root(None)
    wanted = scope.targets(session, root, targets, every=every, is_told=not as_json)
    if watch:
        request = Watch(running.new_request(), wanted, options, debounce or 100, not no_initial)
        return running.watch(session, root, request, as_json=as_json)
    if not dry_run:
        return running.execute(session, root, wanted, options, as_json=as_json)
    _show_plan(
        session, root, Explain(wanted, options, Depth.ALL if explain else Depth.REASONS), as_json
    )
    return 0


def _check_options(context: click.Context) -> None:
    """Raises ``UsageError`` for an option without the one that it needs, and for two that exclude each other."""
    given = {
        parameter.opts[-1]
        for parameter in context.command.params
        if context.get_parameter_source(parameter.name or "") is ParameterSource.COMMANDLINE
    }
    for option, (needed, hint) in _NEEDED.items():
        if option in given and needed not in given:
            raise UsageError(f"'{option}' needs '{needed}'", hint=hint)
    for (option, other), hint in _CLASHING.items():
        if {option, other} <= given:
            raise UsageError(f"'{option}' and '{other}' exclude each other", hint=hint)


def _show_plan(session: Session, root: str, query: Explain, as_json: bool) -> None:
    from pivot_core.cli import causes, plans

    plan = look.answer(root, query)
    if as_json:
        plans.show_json(session, plan)
    elif query.depth is Depth.ALL:
        causes.show_plan(session, plan)
    else:
        plans.show_lines(session, plan, all_stages=session.is_verbose)
