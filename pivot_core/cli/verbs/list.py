"""Owns ``pivot list``: the stages as the definition has them."""

import click

from pivot_core.cli import jsonl, look, project, records, scope
from pivot_core.cli.session import Session


@click.command("list")
@scope.all_option
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.pass_obj
def command(session: Session, *, every: bool, as_json: bool) -> int:
    """List the stages, upstream before downstream: name, function, outputs.

    With -q only the names; with -v inputs, params and mutex groups too.

    \b
    Examples:
      pivot list
      pivot list -q | grep train
      pivot list --json | jq '.stages[].outs'
    """
    root = project.find_root(None)
    wanted = scope.targets(session, root, (), every=every, is_told=not as_json)
    name, rows = look.stage_rows(root, wanted)
    if as_json:
        record = records.ListRecord(
            schema=records.SCHEMA,
            project=name,
            stages=[jsonl.stage_row(row) for row in rows],
        )
        jsonl.show(session, record)
        return 0
    if session.is_quiet:
        for row in rows:
            session.out.line(row.name)
        return 0
    if not session.is_verbose:
        session.out.table(
            [
                (row.name, (str(row.where), "faint"), ", ".join(out.path for out in row.outs))
                for row in rows
            ]
        )
        return 0
    for row in rows:
        session.out.line((row.name, "strong"))
        facts = {
            "function": f"{row.function} ({row.where})",
            "upstream": ", ".join(row.upstream),
            "deps": ", ".join(row.deps),
            "outs": ", ".join(out.path for out in row.outs),
            "params": ", ".join(f"{name}={value!r}" for name, value in row.params.items()),
            "mutex": ", ".join(row.mutex),
        }
        session.out.table(
            [((name, "faint"), value) for name, value in facts.items() if value], indent="  "
        )
    return 0
