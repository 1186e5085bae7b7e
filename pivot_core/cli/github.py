"""Owns how a run reads in a workflow's log, as GitHub has it: a folded group a stage, an annotation at file and line.

GitHub takes a line that begins with ``::`` for a command, wherever it comes from. So command processing is stopped
while anything of a stage is shown, and resumed only for a command of ours.
"""

import re
from collections.abc import Callable, Sequence
from typing import override

from pivot_core.cli import failures, logs, text, words
from pivot_core.cli.console import Console, FindLog, because
from pivot_core.cli.session import Session
from pivot_core.port import (
    Level,
    Notice,
    Problem,
    RunId,
    RunState,
    SourceLocation,
    StageName,
    StageState,
    Status,
    headline,
    one_line,
)
from pivot_core.port.loglines import last_state

type Place = Callable[[str], str]
"""Takes a path as the project has it, and returns it from the top of the repository."""
type ReadTail = Callable[[RunId, StageName, int, int], tuple[str, Sequence[str]]]
"""Takes a run, a stage, an attempt and a limit; returns where the log lies, and that many of its last lines."""

_LOG_LINES = 400
_PLACE = re.compile(r"([^\s(),:']+):([0-9]+)")
_GROUPED = (Status.RAN, Status.RESTORED, Status.FAILED, Status.CANCELLED)


class Workflow(Console):
    """Writes a run for a workflow's log; everything goes to stdout, so that the order holds."""

    def __init__(
        self, session: Session, find_log: FindLog, read_tail: ReadTail, place: Place
    ) -> None:
        super().__init__(session, find_log)
        self.err = session.out
        self._read_tail: ReadTail = read_tail
        self._place: Place = place
        self._token: str = ""

    @override
    def stage(self, run: RunState, stage: StageName, state: StageState) -> None:
        is_told = self.is_told(state) and not self._is_quiet
        if state.status in _GROUPED and (is_told or state.status is Status.FAILED):
            self._group(run, stage, state)
        elif is_told:
            self._plainly()
            super().stage(run, stage, state)
        self.out.flush()

    @override
    def notice(self, notice: Notice) -> None:
        if notice.level is Level.WARNING:
            self._command("warning", message=" ".join(filter(None, (notice.message, notice.where))))
        else:
            self._plainly()
            super().notice(notice)

    @override
    def finish(self, run: RunState, states: dict[StageName, StageState]) -> None:
        for found in run.problems:
            self._send(annotation(found, self._place))
        self._plainly()
        super().finish(run, states)
        self._resume()

    @override
    def failure(self, run: RunState, stage: StageName, states: dict[StageName, StageState]) -> None:
        failures.show(self.out, run.stages, stage, states)

    def _group(self, run: RunState, stage: StageName, state: StageState) -> None:
        """Writes why a stage ran and what it said, folded below one line."""
        took = "" if state.duration_s is None else text.duration(state.duration_s)
        note = state.failure.message if state.failure else because(state.reasons)
        title = (words.STATUS[state.status].word, stage, took, note)
        self._command("group", message="  ".join(filter(None, title)))
        for reason in state.reasons:
            self.out.line(("because: ", "faint"), headline(reason))
        if state.attempt:
            path, lines = self._read_tail(run.run_id, stage, state.attempt, _LOG_LINES)
            if len(lines) == _LOG_LINES:
                self.out.line((f"the last {_LOG_LINES} lines of {path}", "faint"))
            for line in lines:
                shown = logs.inert(last_state(line), keep_colour=self.out.has_colour)
                self.out.write(shown + "\n")
        self._command("endgroup")
        if state.failure is not None:
            where, title = state.failure.where, f"stage '{stage}' failed"
            self._send(error(self._place, where, title, state.failure.message))

    def _command(self, name: str, message: str = "") -> None:
        self._send(command(name, {}, message))

    def _send(self, line: str) -> None:
        self._resume()
        self.out.write(line)
        self._plainly()

    def _plainly(self) -> None:
        """Has what follows taken for text."""
        import secrets  # costs 6 ms, elsewhere for nothing

        if not self._token:
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


def annotation(found: Problem, place: Place) -> str:
    """Returns the command that shows a problem at its first file and line."""
    named = _PLACE.search(found.where)
    where = None if named is None else SourceLocation(named[1], int(named[2]))
    return error(place, where, "pivot", "; ".join(filter(None, (found.what, found.hint))))


def error(place: Place, where: SourceLocation | None, title: str, message: str) -> str:
    """Returns the command that shows an error at its place."""
    at = {} if where is None else {"file": place(where.file), "line": str(where.line)}
    return command("error", {**at, "title": title}, message)


def _data(value: str) -> str:
    """Escapes as the runner unescapes; ``one_line`` has left no newline."""
    return one_line(value).replace("%", "%25")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
