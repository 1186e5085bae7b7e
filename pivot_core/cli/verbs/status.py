"""Owns ``pivot status``: what would run and why, a line each."""

import click

from pivot_core.cli import look, plans, project
from pivot_core.cli.session import Session
from pivot_core.cli.targets import inside, target_argument
from pivot_core.port import Explain


@click.command("status")
@target_argument()
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.pass_obj
def command(session: Session, targets: tuple[str, ...], *, as_json: bool) -> int:
    """Tell what `pivot repro` would do for TARGETs (else everything), and why; nothing is run.

    Stages that are up to date are only counted; -v lists them too. The exit code is 0 either way:
    `pivot verify` is the check for CI.

    \b
    Examples:
      pivot status
      pivot status train -v
    """
    root = project.find_root(None)
    plan = look.answer(root, Explain(inside(root, targets)))
    if as_json:
        plans.show_json(session, plan)
    else:
        plans.show_lines(session, plan, all_stages=session.is_verbose)
    return 0
