"""Owns ``pivot show``: one past run, stage by stage."""

import os

import click

from pivot_core.cli import console, failures, jsonl, look, project, records, text, words
from pivot_core.cli.paper import Part
from pivot_core.cli.runs import find
from pivot_core.cli.session import Session
from pivot_core.port import FindLog, LogRef, RunReport, ShowRun, StageState


@click.command("show")
@click.argument("run", required=False)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.pass_obj
def command(session: Session, run: str | None, *, as_json: bool) -> int:
    """Show what became of each stage in RUN (else the newest run), failures in full.

    RUN is `last`, `last~1` for the one before, an id of `pivot history`, or enough of its beginning
    or end to tell it from the others.

    \b
    Examples:
      pivot show
      pivot show last~1
      pivot show 20250301-124107-a1b2
    """
    root = project.find_root(None)
    report = look.answer(root, ShowRun(find(root, run)))
    if as_json:
        record = records.ShowRecord(
            schema=records.SCHEMA,
            run=jsonl.summary(report.summary),
            stages=[jsonl.stage_state(name, state) for name, state in report.states.items()],
        )
        jsonl.show(session, record)
    else:
        _show(session, root, report)
    return 0


def _show(session: Session, root: str, report: RunReport) -> None:
    out, run = session.out, report.summary
    took = "" if run.duration_s is None else f" in {text.duration(run.duration_s)}"
    out.line(
        (run.run_id, "strong"), "  ", out.mark(words.RUN[run.status]),
        f"{took}: {text.counts(run.counts)}",
    )  # fmt: skip
    out.line((f"{text.moment(run.started_at)}  {run.command}", "faint"))
    out.table([_row(session, name, state) for name, state in report.states.items()])
    order = list(report.states)
    for stage in failures.failed(order, report.states):
        failures.show(out, order, stage, report.states)
        found = look.answer(root, FindLog(stage, run.run_id))
        path = os.path.relpath(found.path) if isinstance(found, LogRef) else None
        failures.show_log(out, report.states[stage], path)


def _row(session: Session, name: str, state: StageState) -> tuple[Part, ...]:
    note = console.because(state.reasons)
    if state.failure is not None:
        note = state.failure.message
    elif state.by:
        note = "by " + ", ".join(state.by)
    took = "" if state.duration_s is None else text.duration(state.duration_s)
    return (session.out.mark(words.STATUS[state.status]), name, took, (note, "faint"))
