"""The JUnit report: what CI servers read of it, and that whatever a stage says is XML."""

from collections.abc import Sequence
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivot_core.cli import junit
from pivot_core.cli.results import Finding, FindingKind
from pivot_core.port import (
    Failure,
    FailureKind,
    Problem,
    RunState,
    StageChanged,
    StageName,
    StageState,
    Status,
)
from tests.unit.cli_runs import RUN_ID, a_failing_run, ended

# The form's elements with the attributes that each may have; those that it must have begin with ``!``.
FORM = {
    "testsuites": {"name", "time", "tests", "failures", "errors"},
    "testsuite": {"!name", "!tests", "timestamp", "time", "failures", "errors", "skipped"},
    "testcase": {"!name", "classname", "time"},
    "skipped": {"message", "type"},
    "error": {"message", "type"},
    "failure": {"message", "type"},
    "system-out": set[str](),
}
WITHIN = {
    "testsuites": ["testsuite"],
    "testsuite": ["testcase"],
    "testcase": ["skipped", "error", "failure", "system-out"],
}


def checked(data: bytes) -> ElementTree.Element:
    """Returns the only suite of a report that has the form, and counts that are true."""
    root = ElementTree.fromstring(data)
    assert root.tag == "testsuites"
    for element in root.iter():
        known = FORM[element.tag]
        assert {name.removeprefix("!") for name in known} >= set(element.keys())
        assert {name[1:] for name in known if name.startswith("!")} <= set(element.keys())
        order = [WITHIN[element.tag].index(child.tag) for child in element]
        assert order == sorted(order)
    (suite,) = root
    for tag, count in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert suite.get(count) == str(len(list(suite.iter(tag))))
    assert suite.get("tests") == str(len(suite)) == root.get("tests")
    return suite


def saying(*lines: str) -> junit.Tail:
    """Returns what finds these lines at the end of every log."""

    def tail(stage: StageName, state: StageState) -> Sequence[str]:
        del stage, state
        return lines

    return tail


def of(state: StageState, output: Sequence[str] = ()) -> ElementTree.Element:
    """Returns the test case of a stage in a state."""
    run = replace(a_failing_run()[0], stages=(StageName("train"),))
    return checked(junit.of_run("toy", run, {StageName("train"): state}, saying(*output)))[0]


def failed(kind: FailureKind, **given: str) -> StageState:
    failure = Failure(kind, given.get("message", "it failed"), given.get("traceback", ""))
    return replace(ended("train", Status.FAILED).state, failure=failure)


def test_each_stage_is_a_case_in_the_order_of_the_run() -> None:
    run, events = a_failing_run()
    states = {each.stage: each.state for each in events if isinstance(each, StageChanged)}
    suite = checked(junit.of_run("toy", run, states, saying("said")))
    told = [(case.get("name"), [child.tag for child in case]) for case in suite]
    assert told == [
        ("raw", ["skipped"]),
        ("clean", ["system-out"]),
        ("train", ["failure", "system-out"]),
        ("report", ["skipped"]),
    ]
    assert [case.get("time") for case in suite] == ["0.000", "1.500", "1.500", "0.000"]
    assert suite.get("timestamp") == "1970-01-01T00:01:40"
    assert suite.get("time") == "3.250"


@pytest.mark.parametrize(
    ("state", "tag", "said"),
    [
        (StageState(Status.SAME, RUN_ID), "skipped", "up to date"),
        (StageState(Status.RESTORED, RUN_ID), "skipped", "restored"),
        (StageState(Status.BLOCKED, by=(StageName("raw"),)), "skipped", "blocked by raw"),
        (StageState(Status.CANCELLED), "skipped", "cancelled before it began"),
        (StageState(Status.CANCELLED, attempt=1), "error", "cancelled while it ran"),
        (StageState(Status.WAIT), "skipped", "not run"),
        (failed(FailureKind.EXCEPTION), "failure", "it failed"),
        (failed(FailureKind.TIMEOUT), "failure", "it failed"),
        (failed(FailureKind.SIGNAL), "error", "it failed"),
        (failed(FailureKind.LOST), "error", "it failed"),
    ],
)
def test_a_status_has_its_element(state: StageState, tag: str, said: str) -> None:
    (element,) = of(state)
    assert (element.tag, element.get("message")) == (tag, said)


@given(st.text())
def test_whatever_a_stage_says_is_xml(said: str) -> None:
    state = failed(FailureKind.EXCEPTION, message=said, traceback=f"{said}\n]]>{said}")
    case = of(state, [said, f"\x1b[31m{said}\x1b[0m\x00\uffff"])
    assert case.findtext("system-out")


def test_control_characters_and_colours_do_not_arrive() -> None:
    said = of(ended("train").state, ["\x1b[31mred\x1b[0m \x00 \ufffe <b>&"]).findtext("system-out")
    assert said == "red \\x00 \ufffd <b>&\n"


def test_what_kept_a_run_from_starting_is_an_error() -> None:
    problem = Problem("no module 'x'", "pipeline.py:1", "install it", "Traceback\n  x")
    run: RunState = replace(a_failing_run()[0], stages=(), problems=(problem,))
    for data in (
        junit.of_run("toy", run, {}, saying()),
        junit.of_problems("toy", [problem], 0),
    ):
        (error,) = checked(data)[0]
        assert (error.tag, error.get("message")) == ("error", "no module 'x'")
        assert error.text == "no module 'x'\npipeline.py:1\ninstall it\nTraceback\n  x"


def test_findings_are_cases_and_nothing_found_is_one_that_passed() -> None:
    found = [
        Finding(FindingKind.WOULD_RUN, "no result yet", StageName("train")),
        Finding(FindingKind.ON_REMOTE, "it is on the remote", path="data.csv"),
    ]
    suite = checked(junit.of_findings("toy", found, 0, 1.0))
    assert [(case.get("name"), case[0].tag) for case in suite] == [
        ("train", "failure"),
        ("data.csv", "skipped"),
    ]
    (passed,) = checked(junit.of_findings("toy", [], 0, 1.0))
    assert (passed.get("name"), len(passed)) == ("verify", 0)
