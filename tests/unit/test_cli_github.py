"""A run in a workflow's log: groups, annotations, a job summary, and nothing of a stage taken for a command."""

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from pivot_core.cli import github
from pivot_core.cli.github import Workflow
from pivot_core.port import (
    Failure,
    FailureKind,
    Problem,
    RunId,
    RunState,
    StageName,
    StageState,
    Status,
)
from tests.unit.cli_runs import STAGES, Screen, a_failing_run, ended


def no_log(stage: StageName, run_id: RunId) -> None:
    del stage, run_id


def no_tail(run: RunId, stage: StageName, attempt: int, limit: int) -> tuple[str, list[str]]:
    del run, stage, attempt, limit
    return "train.1.log", ["::error::from the log", "epoch 2"]


def in_flows(path: str) -> str:
    return f"flows/{path}"


def written(run: RunState, states: dict[str, StageState]) -> list[str]:
    screen = Screen()
    printer = Workflow(screen.session, no_log, no_tail, in_flows)
    printer.begin(run, {})
    for stage in run.stages:
        if stage in states:
            printer.stage(run, stage, states[stage])
    printer.finish(run, {stage: states[stage] for stage in run.stages if stage in states})
    return screen.out.getvalue().splitlines()


def obeyed(lines: list[str]) -> list[str]:
    """Returns the lines that GitHub takes for commands, as its runner reads them."""
    found, token = list[str](), ""
    for line in lines:
        stop = re.match(r"\s*::stop-commands::(.*)", line)
        if token:
            token = "" if line.strip() == f"::{token}::" else token
        elif stop:
            token = stop[1]
        elif line.lstrip().startswith("::") or "##[" in line:
            found.append(line)
    return found


@given(st.text() | st.sampled_from(["::set-env name=A::b", "##[error]x", "%0A::error::y"]))
def test_what_a_stage_says_is_never_a_command(said: str) -> None:
    failure = Failure(FailureKind.EXCEPTION, said, f"Traceback\n{said}\n  {said}", None, hint=said)
    state = replace(ended("train", Status.FAILED).state, failure=failure, log_tail=(said, said))
    run, _ = a_failing_run()

    names = [line.split("::")[1].split(" ")[0] for line in obeyed(written(run, {STAGES[2]: state}))]

    assert names == ["group", "endgroup", "error"]


def test_a_failure_is_annotated_at_its_line() -> None:
    run, _ = a_failing_run()
    lines = written(run, {STAGES[2]: ended("train", Status.FAILED).state})
    assert (
        "::error file=flows/train.py,line=3,title=stage 'train' failed::KeyError: 'label'" in lines
    )


def test_a_problem_is_annotated_at_its_first_place() -> None:
    problem = Problem(
        "two stages write 'a'", "stages 'x' and 'y' (pipeline.py:12, b.py:3)", "rename"
    )
    assert github.annotation(problem, in_flows) == (
        "::error file=flows/pipeline.py,line=12,title=pivot::two stages write 'a'; rename\n"
    )


def test_properties_and_messages_are_escaped() -> None:
    line = github.command("error", {"file": "a,b:c%"}, "50%\nx")
    assert line == "::error file=a%2Cb%3Ac%25::50%25\\nx\n"


def test_locations_without_a_place_are_annotated_without_one() -> None:
    assert (
        github.annotation(Problem("no stage 'x'", "", ""), in_flows)
        == "::error title=pivot::no stage 'x'\n"
    )
