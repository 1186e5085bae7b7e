"""Owns ``pivot verify``: the gate for CI."""

import os
from collections.abc import Sequence

import click

from pivot_core.cli import ci, jsonl, look, project, records, text
from pivot_core.cli.results import Finding
from pivot_core.cli.session import Session
from pivot_core.cli.targets import target_argument, typed
from pivot_core.errors import EXIT_OK, EXIT_STAGE
from pivot_core.port import PivotError, SourceLocation, UsageError


@click.command("verify")
@target_argument()
@click.option("--cache", is_flag=True, help="Hash every object of the cache instead.")
@click.option("--allow-missing", is_flag=True, help="Outputs may be on the remote alone.")
@click.option("-r", "--remote", metavar="NAME", help="With --allow-missing: not the default one.")
@ci.options
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.pass_obj
def command(
    session: Session,
    targets: tuple[str, ...],
    *,
    cache: bool,
    allow_missing: bool,
    remote: str | None,
    as_json: bool,
) -> int:
    """Check that nothing would run, and that every output is in the workspace or the cache.

    Exits 1 when something is found. An output that is merely not checked out is said and passes.
    With --allow-missing so does one that only the remote holds, and an input that no stage makes
    may be absent: the check for a clone without data.

    \b
    Examples:
      pivot verify
      pivot verify --allow-missing
      pivot verify --cache
    """
    if cache and targets:
        raise UsageError("'--cache' takes no targets", hint="it looks at every object of the cache")
    if cache and allow_missing:
        raise UsageError(
            "'--cache' and '--allow-missing' exclude each other", hint="the cache is what is here"
        )
    if remote is not None and not allow_missing:
        raise UsageError("'--remote' needs '--allow-missing'", hint="without it no remote is asked")
    ci.check_form(session, as_json=as_json)
    root = project.find_root(None)
    reports = ci.Reports(session, root)
    try:
        if cache:
            found = list(look.verify_cache(root))
        else:
            wanted = typed(root, targets)
            found = look.verify(root, wanted, may_be_absent=allow_missing, remote=remote)
    except PivotError as error:
        reports.refused(error)
        raise
    reports.findings(found)
    ok = not any(finding.fails for finding in found)
    if as_json:
        record = records.VerifyRecord(
            schema=records.SCHEMA, ok=ok, findings=[jsonl.finding(given) for given in found]
        )
        jsonl.show(session, record)
    else:
        _show(session, found, ok=ok)
        if session.is_workflow:
            _annotate(session, root, found)
    return EXIT_OK if ok else EXIT_STAGE


def _show(session: Session, found: Sequence[Finding], *, ok: bool) -> None:
    session.out.table(
        [
            (
                (given.kind.value.replace("_", " "), "bad" if given.fails else "due"),
                given.stage or given.path,
                given.message,
            )
            for given in found
            if given.fails or not session.is_quiet
        ]
    )
    if not session.is_quiet:
        failing = sum(given.fails for given in found)
        said = ("verified", "good") if ok else (text.plural(failing, "finding"), "bad")
        session.out.line(said)


def _annotate(session: Session, root: str, found: Sequence[Finding]) -> None:
    """Shows what fails at the stage's definition, or at the file that records the data."""
    from pivot_core.cli import github

    failing = [given for given in found if given.fails]
    is_stage = any(given.stage for given in failing)
    rows = look.stage_rows(root)[1] if is_stage else ()
    places = {row.name: row.where for row in rows}
    for given in failing:
        where = places.get(given.stage) if given.stage else None
        if where is None and given.path and not os.path.isabs(given.path):
            where = SourceLocation(f"{given.path.rstrip('/')}.pvt", 1)
        title = " ".join(filter(None, ("pivot verify:", given.stage or given.path)))
        session.out.write(github.error(ci.places(root), where, title, given.message))
