"""Owns ``pivot logs``: what a stage printed, also while it prints it."""

import click

from pivot_core.cli import logs, look, project, runs
from pivot_core.cli.session import Session
from pivot_core.cli.targets import complete
from pivot_core.model import suggestion
from pivot_core.port import FindLog, LogRef, RunId, ShowRun, StageName, UsageError


@click.command("logs")
@click.argument("stage", required=False, shell_complete=complete)
@click.option("--run", metavar="ID", help="Of this run; else of the newest that has a log.")
@click.option("--attempt", type=click.IntRange(min=1), metavar="N", help="Of this attempt.")
@click.option("-f", "--follow", is_flag=True, help="Go on until the stage, or the run, ends.")
@click.option("--stderr", "only_stderr", is_flag=True, help="Only what was written to stderr.")
@click.option("--time", "with_time", is_flag=True, help="With the time of each line.")
@click.pass_obj
def command(
    session: Session,
    stage: str | None,
    *,
    run: str | None,
    attempt: int | None,
    follow: bool,
    only_stderr: bool,
    with_time: bool,
) -> int:
    """Show what STAGE printed in its newest attempt; without STAGE, what all stages of a run printed.

    \b
    Examples:
      pivot logs train
      pivot logs train --follow --time
      pivot logs --run 20250301-124107-a1b2 --stderr
    """
    if attempt is not None and stage is None:
        raise UsageError("'--attempt' needs a stage", hint="`pivot logs STAGE --attempt N`")
    root = project.find_root(None)
    run_id = None if run is None else runs.find(root, run)
    name = None if stage is None else StageName(stage)
    style = logs.Style(with_time=with_time, with_stage=name is None, only_stderr=only_stderr)
    if follow and attempt is None and _follow(session, root, name, run_id, style):
        return 0
    for ref in [_one(root, name, run_id, attempt)] if name else _all(root, run_id):
        printer = logs.LogPrinter(session.out, ref, style)
        printer.advance()
        printer.close()
    return 0


def _follow(
    session: Session, root: str, stage: StageName | None, run_id: RunId | None, style: logs.Style
) -> bool:
    import asyncio

    async def go() -> bool:
        from pivot_core.cli import compose  # only who follows needs a live engine

        port = await compose.connect(root)
        if port is None:
            return False
        try:
            return await logs.follow(port, session.out, stage, run_id, style)
        finally:
            await port.close()

    return asyncio.run(go())


def _one(root: str, stage: StageName, run_id: RunId | None, attempt: int | None) -> LogRef:
    found = look.answer(root, FindLog(stage, run_id, attempt))
    if isinstance(found, LogRef):
        return found
    known = project.last_known(root)
    hint = found.why if stage in known else suggestion.hint(stage, known, found.why)
    raise UsageError(f"no log of '{stage}'", where=run_id or "", hint=hint)


def _all(root: str, run_id: RunId | None) -> list[LogRef]:
    report = look.answer(root, ShowRun(run_id or runs.find(root, None)))
    found = [
        look.answer(root, FindLog(stage, report.summary.run_id))
        for stage, state in report.states.items()
        if state.attempt
    ]
    refs = [ref for ref in found if isinstance(ref, LogRef)]
    if not refs:
        raise UsageError("no stage ran in this run", where=report.summary.run_id)
    return refs
