"""Owns ``pivot explain``: every reason why a stage would run, or would not, or did in a past run."""

from collections.abc import Sequence

import click

from pivot_core.cli import causes, jsonl, look, plans, project, records, scope
from pivot_core.cli.runs import find
from pivot_core.cli.session import Session
from pivot_core.cli.targets import target_argument
from pivot_core.port import Account, Depth, Explain, ExplainRun, RunId


@click.command("explain")
@target_argument()
@scope.all_option
@click.option("--run", "run_id", metavar="ID", help="Tell why stages ran in a past run.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.pass_obj
def command(
    session: Session,
    targets: tuple[str, ...],
    *,
    every: bool,
    run_id: str | None,
    as_json: bool,
) -> int:
    """Tell in full why TARGETs (else all stages) would run, or not.

    Names the changed symbol with file and line, the way from the stage's function to it and the
    lines that differ; the param with old and new value; the input with old and new hash and who
    wrote it; and the skip tier that decided. -v lists what is unchanged and which packages are
    installed, and cuts no diff.

    With --run it tells this of a run of `pivot history`; ID may be a part of its beginning or end.
    A TARGET is then a stage, or all variants of one.

    \b
    Examples:
      pivot explain train
      pivot explain models/model.json -v
      pivot explain --run 20250301-124107-a1b2 train
    """
    root = project.find_root(None)
    if run_id is not None:
        run = find(root, run_id)
        _show_past(session, run, look.answer(root, ExplainRun(run, targets)), as_json)
        return 0
    wanted = scope.targets(session, root, targets, every=every, is_told=not as_json)
    plan = look.answer(root, Explain(wanted, depth=Depth.TARGETS))
    plan = plans.named(root, plan, wanted)
    if as_json:
        plans.show_json(session, plan)
    else:
        causes.show_plan(session, plan)
    return 0


def _show_past(session: Session, run: RunId, accounts: Sequence[Account], as_json: bool) -> None:
    if as_json:
        stages = [jsonl.account(each) for each in accounts]
        record = records.AccountsRecord(schema=records.SCHEMA, run_id=run, stages=stages)
        jsonl.show(session, record)
    else:
        session.out.line(("run ", "faint"), (run, "strong"))
        causes.show_past(session, accounts)
