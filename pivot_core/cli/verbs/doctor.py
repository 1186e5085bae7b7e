"""Owns ``pivot doctor``: whether machine and project are as they should be, and what mends what is not."""

import itertools

import click

from pivot_core.cli import jsonl, look, machine, project, records, text
from pivot_core.cli import result_records as forms
from pivot_core.cli.session import Session
from pivot_core.errors import EXIT_OK, EXIT_STAGE, UsageError
from pivot_core.port.checkup import Check, Grade

_STYLES = {Grade.OK: "good", Grade.WARNING: "due", Grade.PROBLEM: "bad"}


@click.command("doctor")
@click.option("--offline", is_flag=True, help="Ask no remote.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.pass_obj
def command(session: Session, *, offline: bool, as_json: bool) -> int:
    """Look at machine and project: one line each, with what mends it.

    Links, clock, socket and watching are tried for real, the definition is loaded, and remotes are
    asked as `pivot remote check` does. Outside a project only the machine is looked at. With -q
    nothing is shown that is well. The exit code is 1 when there is a problem, not for warnings.

    \b
    Examples:
      pivot doctor
      pivot doctor --offline --json
    """
    try:
        root = project.find_root(None)
    except UsageError:
        root = None
    looks = (machine.checks(), () if root is None else look.checkup(root, is_offline=offline))
    found = list[Check]()
    for each in itertools.chain(*looks):
        found.append(each)
        if not as_json:
            _show(session, each)
    problems = sum(each.grade is Grade.PROBLEM for each in found)
    if as_json:
        record = forms.DoctorRecord(
            schema=records.SCHEMA,
            ok=not problems,
            root=root,
            checks=[_record(each) for each in found],
        )
        jsonl.show(session, record)
    elif not session.is_quiet:
        _close(session, root, problems, sum(each.grade is Grade.WARNING for each in found))
    return EXIT_STAGE if problems else EXIT_OK


def _show(session: Session, found: Check) -> None:
    if found.grade is Grade.OK and session.is_quiet:
        return
    word = (found.grade.value.ljust(8), _STYLES[found.grade])
    session.out.table([(word, found.subject.ljust(13), found.detail)])
    if found.hint:
        session.out.line(("  hint:  ", "faint"), found.hint)
    session.out.flush()


def _close(session: Session, root: str | None, problems: int, warnings: int) -> None:
    if root is None:
        session.err.line("not in a Pivot project: only the machine was looked at")
    counts = [
        text.plural(count, noun)
        for count, noun in ((problems, "problem"), (warnings, "warning"))
        if count
    ]
    style = "bad" if problems else "due" if warnings else "good"
    session.out.line((", ".join(counts) or "all is well", style))


def _record(found: Check) -> forms.CheckRecord:
    return forms.CheckRecord(
        area=found.area.value,
        subject=found.subject,
        grade=found.grade.value,
        detail=found.detail,
        hint=found.hint,
    )
