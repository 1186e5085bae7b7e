"""Owns the JUnit report: a run as XML in the form that CI servers read, one test case a stage.

The form is the one of Jenkins: ``testsuites`` > ``testsuite`` > ``testcase``, in which ``skipped``, ``error``,
``failure`` and ``system-out``. XML knows no control characters: they are shown as escapes.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from xml.etree import ElementTree

from pivot_core.cli import console, logs
from pivot_core.cli.results import Finding
from pivot_core.frozen import frozen
from pivot_core.port import (
    FailureKind,
    Problem,
    RunState,
    StageName,
    StageState,
    Status,
    printable,
)

type Tail = Callable[[StageName, StageState], Sequence[str]]
"""Returns the last lines of a stage's log."""

_NO_CHARACTERS = re.compile("[\ufffe\uffff]")
_DEATHS = (FailureKind.EXIT, FailureKind.SIGNAL, FailureKind.LOST, FailureKind.DISK)
"""The process ended, whatever the stage's code had in mind."""


class _Outcome(Enum):
    PASSED = ""
    SKIPPED = "skipped"
    FAILED = "failure"
    BROKEN = "error"


@frozen
class _Case:
    name: str
    outcome: _Outcome = _Outcome.PASSED
    message: str = ""
    kind: str = ""
    body: str = ""
    took_s: float = 0.0
    output: Sequence[str] = ()


def of_run(suite: str, run: RunState, states: Mapping[StageName, StageState], tail: Tail) -> bytes:
    """Returns the report of a run that ended; ``suite`` names the project."""
    cases = [_of_stage(stage, states.get(stage), tail) for stage in run.stages]
    cases += map(_of_problem, run.problems)
    started = run.queued_at if run.started_at is None else run.started_at
    return _document(suite, cases, started, max(0.0, (run.ended_at or started) - started))


def of_problems(suite: str, problems: Sequence[Problem], at: float) -> bytes:
    """Returns the report of a command that could not do its work; ``at`` is epoch seconds."""
    return _document(suite, list(map(_of_problem, problems)), at, 0.0)


def of_findings(suite: str, found: Sequence[Finding], at: float, took_s: float) -> bytes:
    """Returns the report of what ``verify`` found; where that is nothing, one case that passed."""
    cases = [
        _Case(
            each.stage or each.path,
            _Outcome.FAILED if each.fails else _Outcome.SKIPPED,
            each.message,
            each.kind.value,
            each.message,
        )
        for each in found
    ]
    return _document(suite, cases or [_Case("verify", took_s=took_s)], at, took_s)


def _of_stage(stage: StageName, state: StageState | None, tail: Tail) -> _Case:
    if state is None or state.status in (Status.WAIT, Status.QUEUED):
        return _Case(stage, _Outcome.SKIPPED, "not run")
    took_s, output = state.duration_s or 0.0, tail(stage, state) if state.attempt else ()
    match state.status:
        case Status.SAME:
            return _Case(stage, _Outcome.SKIPPED, "up to date")
        case Status.RESTORED:
            said = f"restored: {console.because(state.reasons)}"
            return _Case(stage, _Outcome.SKIPPED, said.removesuffix(": "), took_s=took_s)
        case Status.BLOCKED:
            return _Case(stage, _Outcome.SKIPPED, f"blocked by {', '.join(state.by)}")
        case Status.CANCELLED if not state.attempt:
            return _Case(stage, _Outcome.SKIPPED, "cancelled before it began")
        case Status.CANCELLED:
            said = "cancelled while it ran"
            return _Case(stage, _Outcome.BROKEN, said, "cancelled", said, took_s, output)
        case Status.FAILED:
            return _of_failure(stage, state, took_s, output)
        case _:
            return _Case(stage, took_s=took_s, output=output)


def _of_failure(stage: StageName, state: StageState, took_s: float, output: Sequence[str]) -> _Case:
    found = state.failure
    if found is None:
        return _Case(stage, _Outcome.FAILED, "failed", "failed", "", took_s, output)
    outcome = _Outcome.BROKEN if found.kind in _DEATHS else _Outcome.FAILED
    at = f"at {found.where}" if found.where else ""
    body = "\n".join(filter(None, (found.traceback or found.message, at, found.hint)))
    return _Case(stage, outcome, found.message, found.kind.value, body, took_s, output)


def _of_problem(found: Problem) -> _Case:
    body = "\n".join(filter(None, (found.what, found.where, found.hint, found.detail)))
    return _Case("pivot", _Outcome.BROKEN, found.what, "problem", body)


def _document(suite: str, cases: Sequence[_Case], at: float, took_s: float) -> bytes:
    said = {"tests": str(len(cases))}
    for name, outcome in (("failures", _Outcome.FAILED), ("errors", _Outcome.BROKEN)):
        said[name] = str(sum(case.outcome is outcome for case in cases))
    skipped = str(sum(case.outcome is _Outcome.SKIPPED for case in cases))
    whole = {"name": "pivot", "time": f"{took_s:.3f}", **said}
    root = ElementTree.Element("testsuites", _clean(whole))
    when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
    named = {"name": suite, "timestamp": when, "time": f"{took_s:.3f}", **said, "skipped": skipped}
    inner = ElementTree.SubElement(root, "testsuite", _clean(named))
    for case in cases:
        _add(inner, suite, case)
    ElementTree.indent(root)
    return ElementTree.tostring(root, "utf-8", xml_declaration=True) + b"\n"


def _add(parent: ElementTree.Element, suite: str, case: _Case) -> None:
    given = {"classname": suite, "name": case.name, "time": f"{case.took_s:.3f}"}
    element = ElementTree.SubElement(parent, "testcase", _clean(given))
    if case.outcome is not _Outcome.PASSED:
        said = {"message": case.message}
        if case.kind:
            said["type"] = case.kind
        ElementTree.SubElement(element, case.outcome.value, _clean(said)).text = _shown(case.body)
    if case.output:
        lines = [_shown(logs.inert(line, keep_colour=False)) for line in case.output]
        ElementTree.SubElement(element, "system-out").text = "\n".join(lines) + "\n"


def _clean(given: Mapping[str, str]) -> dict[str, str]:
    return {name: _shown(value) for name, value in given.items()}


def _shown(value: str) -> str:
    """Returns a text that XML can hold."""
    return _NO_CHARACTERS.sub("\ufffd", printable(value))
