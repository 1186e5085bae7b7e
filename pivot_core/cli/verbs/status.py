"""Owns ``pivot status``: what would run and why, a line each; or what is missing where."""

from collections.abc import Sequence

import click

from pivot_core.cli import jsonl, look, plans, problem, project, scope, text
from pivot_core.cli.paper import Part
from pivot_core.cli.session import Session
from pivot_core.cli.targets import target_argument
from pivot_core.errors import EXIT_OK
from pivot_core.port import (
    CompareRemote,
    Explain,
    RemoteArtifact,
    RemoteError,
    RemoteReport,
    TrackedRow,
    TrackedState,
)

_DEFAULT = "\0"
"""``--remote`` without a name, which no remote can have."""


@click.command("status")
@target_argument()
@scope.all_option
@click.option(
    "-r",
    "--remote",
    is_flag=False,
    flag_value=_DEFAULT,
    metavar="[=NAME]",
    help="Tell what is missing here and on a remote.",
)
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.pass_obj
def command(
    session: Session,
    targets: tuple[str, ...],
    *,
    every: bool,
    remote: str | None,
    as_json: bool,
) -> int:
    """Tell what `pivot repro` would do for TARGETs (else everything), and why; nothing is run.

    Tracked data that is not as it was recorded is named first.

    Stages that are up to date are only counted; -v lists them too. The exit code is 0 either way:
    `pivot verify` is the check for CI.

    With --remote it tells instead which outputs a push would send and a pull would bring, asking
    the remote itself; put --remote behind the TARGETs, or write --remote=NAME.

    \b
    Examples:
      pivot status
      pivot status train -v
      pivot status --remote
    """
    root = project.find_root(None)
    wanted = scope.targets(session, root, targets, every=every, is_told=not as_json)
    if remote is not None:
        name = None if remote == _DEFAULT else remote
        report = look.answer(root, CompareRemote(name, wanted))
        return _show_remote(session, report, as_json=as_json)
    plan, data = look.status(root, Explain(wanted))
    if as_json:
        plans.show_json(session, plan, data)
    else:
        _show_tracked(session, data)
        if plan or not data:
            plans.show_lines(session, plan, all_stages=session.is_verbose)
    return EXIT_OK


_TRACKED: dict[TrackedState, tuple[str, str, str]] = {
    TrackedState.SAME: ("same", "faint", "tracked"),
    TrackedState.CHANGED: ("changed", "due", "tracked: `pivot track` records it anew"),
    TrackedState.CACHED: ("not here", "due", "tracked: `pivot checkout` restores it"),
    TrackedState.REMOTE: ("not here", "due", "tracked: `pivot pull` brings it"),
    TrackedState.ABSENT: ("absent", "bad", "tracked: `pivot pull` brings it, if a remote has it"),
}


def _show_tracked(session: Session, data: Sequence[TrackedRow]) -> None:
    """Writes how tracked data stands, what is as recorded only with ``-v``."""
    session.out.table(
        [
            ((word, style), row.path, (note, "faint"))
            for row in data
            if row.state is not TrackedState.SAME or session.is_verbose
            for word, style, note in (_TRACKED[row.state],)
        ]
    )


def _show_remote(session: Session, report: RemoteReport, *, as_json: bool) -> int:
    if as_json:
        jsonl.show(session, jsonl.remote_report(report))
    elif report.problem is not None:
        problem.show(session.err, (report.problem,))
    else:
        _show_artifacts(session, report)
    return EXIT_OK if report.problem is None else RemoteError.exit_code


def _show_artifacts(session: Session, report: RemoteReport) -> None:
    found = report.artifacts
    session.out.table(
        [
            (_state(each), each.path, (_detail(each), "faint"))
            for each in found
            if session.is_verbose or each.absent_here or each.absent_there
        ]
    )
    if session.is_quiet:
        return
    counts = {
        f"to push ({text.size(report.to_push.size_bytes)})": report.to_push.objects,
        f"to fetch ({text.size(report.to_fetch.size_bytes)})": report.to_fetch.objects,
        "in neither cache nor remote": report.lost.objects,
        "run-cache entries to push": report.runs_absent_there,
    }
    objects = text.plural(report.objects.objects, "object")
    said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    session.out.line((report.remote.name, "strong"), f": {objects}, {said or 'all here and there'}")


def _state(each: RemoteArtifact) -> Part:
    """Returns the word for how an output stands."""
    if each.absent_both:
        return "lost", "bad"
    if each.absent_there:
        return "push", "due"
    return ("fetch", "due") if each.absent_here else ("same", "faint")


def _detail(each: RemoteArtifact) -> str:
    missing = max(each.absent_here, each.absent_there)
    size = text.size(each.size_bytes)
    if each.files == 1 or not missing:
        return size if each.files == 1 else f"{text.plural(each.files, 'file')}, {size}"
    return f"{missing} of {text.plural(each.files, 'file')}, {size} in all"
