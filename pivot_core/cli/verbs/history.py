"""Owns ``pivot history``: past runs, a line each."""

import click

from pivot_core.cli import jsonl, look, project, records, text, words
from pivot_core.cli.session import Session
from pivot_core.port import History


@click.command("history")
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, metavar="N",
    help="How many runs.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.pass_obj
def command(session: Session, *, limit: int, as_json: bool) -> int:
    """List past runs, newest first.

    \b
    Examples:
      pivot history
      pivot history -n 100 --json
    """
    runs = look.answer(project.find_root(None), History(limit))
    if as_json:
        record = records.HistoryRecord(
            schema=records.SCHEMA, runs=[jsonl.summary(run) for run in runs]
        )
        jsonl.show(session, record)
        return 0
    session.out.table(
        [
            (
                run.run_id,
                session.out.mark(words.RUN[run.status]),
                text.moment(run.started_at),
                "" if run.duration_s is None else text.duration(run.duration_s),
                text.counts(run.counts),
                (run.command, "faint"),
            )
            for run in runs
        ]
    )
    if not runs and not session.is_quiet:
        session.err.line("no runs yet; `pivot repro` makes one")
    return 0
