"""Owns how a run reads under GitHub Actions: a folded group, an annotation at file and line, a job summary.

GitHub takes a line that begins with ``::`` for a command, wherever it comes from. So command processing is stopped
while anything of a stage is shown, and resumed only for a command of ours.
"""

import os
import re
from collections.abc import Mapping
from typing import override

from pivot_core.cli import console, failures, text
from pivot_core.cli.console import Console, FindLog
from pivot_core.cli.session import Session
from pivot_core.port import (
    Level,
    Notice,
    Problem,
    RunState,
    SourceLocation,
    StageName,
    StageState,
    Status,
    one_line,
)

_SUMMARY_STAGES = 200
_PLACE = re.compile(r"([^\s(),:']+):([0-9]+)")
_SUMMARY_ORDER = (Status.FAILED, Status.BLOCKED, Status.CANCELLED, Status.RAN, Status.RESTORED)


def is_here() -> bool:
    """Tells whether the process runs in a GitHub workflow."""
    return os.environ.get("GITHUB_ACTIONS") == "true"


class Workflow(Console):
    """Writes a run for a workflow's log; everything goes to stdout, so that the order holds."""

    def __init__(self, session: Session, find_log: FindLog) -> None:
        super().__init__(session, find_log)
        self.err = session.out
        self._token: str = ""
        self._is_folded: bool = False

    @override
    def begin(self, run: RunState, expected_s: Mapping[StageName, float]) -> None:
        super().begin(run, expected_s)
        self._command("group", message=f"pivot: {text.plural(len(run.stages), 'stage')}")
        self._is_folded = True

    @override
    def notice(self, notice: Notice) -> None:
        if notice.level is Level.WARNING:
            self._command("warning", message=" ".join(filter(None, (notice.message, notice.where))))
        else:
            super().notice(notice)

    @override
    def finish(self, run: RunState, states: dict[StageName, StageState]) -> None:
        if self._is_folded:
            self._command("endgroup")
        for found in run.problems:
            self._send(annotation(found))
        super().finish(run, states)
        self._resume()
        path = os.environ.get("GITHUB_STEP_SUMMARY")
        if path:
            with open(path, "a", encoding="utf-8", errors="backslashreplace") as file:
                file.write(job_summary(run, states))

    @override
    def failure(self, run: RunState, stage: StageName, states: dict[StageName, StageState]) -> None:
        found = states[stage].failure
        where = found.where if found else None
        message = found.message if found else "failed"
        self._send(_error(where, f"stage '{stage}' failed", message))
        failures.show(self.out, run.stages, stage, states)
        self._command("group", message=f"output of {stage}")
        failures.show_log(self.out, states[stage], self.find_log(stage, run.run_id))
        self._command("endgroup")

    def _command(self, name: str, message: str = "") -> None:
        self._send(command(name, {}, message))

    def _send(self, line: str) -> None:
        import secrets  # costs 6 ms, elsewhere for nothing

        self._resume()
        self.out.write(line)
        self._token = secrets.token_hex(16)
        self.out.write(f"::stop-commands::{self._token}\n")

    def _resume(self) -> None:
        if self._token:
            self.out.write(f"::{self._token}::\n")
        self._token = ""


def command(name: str, properties: dict[str, str], message: str) -> str:
    """Returns a workflow command as one line."""
    said = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name}{' ' if said else ''}{said}::{_data(message)}\n"


def annotation(found: Problem) -> str:
    """Returns the command that shows a problem at its first file and line."""
    place = _PLACE.search(found.where)
    where = None if place is None else SourceLocation(place[1], int(place[2]))
    return _error(where, "pivot", "; ".join(filter(None, (found.what, found.hint))))


def job_summary(run: RunState, states: dict[StageName, StageState]) -> str:
    """Returns the page that GitHub shows for the job, as Markdown: what was not simply up to date."""
    title = "".join(part if isinstance(part, str) else part[0] for part in console.summary(run))
    rows = [
        (stage, states[stage])
        for status in _SUMMARY_ORDER
        for stage in run.stages
        if stage in states and states[stage].status is status
    ]
    lines = [f"### pivot: {_markdown(title)}", ""]
    lines.extend(f"- {_markdown(found.what)} {_markdown(found.where)}" for found in run.problems)
    if rows:
        lines.extend(["| stage | status | duration | |", "| --- | --- | ---: | --- |"])
    for stage, state in rows[:_SUMMARY_STAGES]:
        took = "" if state.duration_s is None else text.duration(state.duration_s)
        note = console.because(state.reasons)
        if state.failure is not None:
            note = state.failure.message
        elif state.by:
            note = "by " + ", ".join(state.by)
        lines.append(f"| {_markdown(stage)} | {state.status.value} | {took} | {_markdown(note)} |")
    if len(rows) > _SUMMARY_STAGES:
        lines.append(f"\n… and {text.plural(len(rows) - _SUMMARY_STAGES, 'more stage')}")
    return "\n".join(lines) + "\n\n"


def _error(where: SourceLocation | None, title: str, message: str) -> str:
    place = {} if where is None else {"file": where.file, "line": str(where.line)}
    return command("error", {**place, "title": title}, message)


def _data(value: str) -> str:
    """Escapes as the runner unescapes; ``one_line`` has left no newline."""
    return one_line(value).replace("%", "%25")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def _markdown(value: str) -> str:
    """Makes text inert in a Markdown table."""
    shown = one_line(value).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{char}" if char in r"\`*_{}[]()#|!~@" else char for char in shown)
