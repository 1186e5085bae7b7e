"""Owns ``pivot explain``: every reason why a stage would run, or would not."""

import click

from pivot_core.cli import compose, plans
from pivot_core.cli.session import Session
from pivot_core.cli.targets import inside, target_argument
from pivot_core.port import Explain


@click.command("explain")
@target_argument()
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.pass_obj
def command(session: Session, targets: tuple[str, ...], *, as_json: bool) -> int:
    """Tell in full why TARGETs (else all stages) would run, or not.

    Names the changed symbol with file and line, the param with old and new value, the input with
    old and new hash, and the skip tier that decided. -v lists what is unchanged too.

    \b
    Examples:
      pivot explain train
      pivot explain models/model.json -v
    """
    root = compose.find_root(None)
    wanted = inside(root, targets)
    plan = plans.named(root, compose.answer(root, Explain(wanted)), wanted)
    if as_json:
        plans.show_json(session, plan)
    else:
        plans.show_in_full(session, plan)
    return 0
