"""A run as plain lines, and as a terminal shows it."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from pivot_core.cli.console import Console
from pivot_core.cli.follow import Follower, Printer
from pivot_core.cli.terminal import Terminal
from pivot_core.port import (
    Event,
    Problem,
    RunFinished,
    RunId,
    RunOptions,
    RunStarted,
    RunState,
    RunStatus,
    StageName,
    Status,
)
from tests.unit.cli_runs import (
    FAILURE,
    REQUEST_ID,
    STAGES,
    Screen,
    a_failing_run,
    a_run,
    ended,
    finished,
    published,
    running,
)

SNAPSHOTS = Path(__file__).parents[2] / "snapshots" / "cli"


def find_log(stage: StageName, run_id: RunId) -> str:
    return f".pivot/runs/{run_id}/logs/{stage}.1.log"


def show(printer: Printer, run: RunState, events: Sequence[Event]) -> None:
    follower = Follower(REQUEST_ID, printer)
    for item in published(events):
        follower.take(item)
    follower.close()
    follower.finish(run)


def a_good_run() -> tuple[RunState, list[Event]]:
    run = a_run()
    events: list[Event] = [RunStarted(run), ended("raw", Status.SAME)]
    for stage in STAGES[1:]:
        events.extend([running(stage), ended(stage)])
    return finished(run, events), events


@pytest.mark.parametrize(
    ("verbosity", "name"), [(0, "failing"), (1, "failing-verbose"), (-1, "failing-quiet")]
)
def test_a_failing_run_reads_as_recorded(verbosity: int, name: str) -> None:
    screen = Screen(verbosity=verbosity)
    run, events = a_failing_run()

    show(Console(screen.session, find_log), run, events)

    assert screen.text == (SNAPSHOTS / f"run-{name}.txt").read_text()


def test_a_failure_shows_traceback_log_and_what_it_blocks() -> None:
    screen = Screen()
    run, events = a_failing_run()

    show(Console(screen.session, find_log), run, events)

    told = screen.err.getvalue()
    for part in (*FAILURE.traceback.split("\n"), FAILURE.hint, "epoch 1", "train.1.log", "report"):
        assert part in told


def test_a_run_without_changes_is_one_line() -> None:
    screen = Screen()
    events: list[Event] = [RunStarted(a_run()), *(ended(stage, Status.SAME) for stage in STAGES)]

    show(Console(screen.session, find_log), finished(a_run(), events), events)

    assert screen.text == "up to date: 4 stages\n"


def test_no_commit_is_said_at_the_end() -> None:
    screen = Screen()
    run = a_run((STAGES[0],), RunOptions(commit=False))
    events: list[Event] = [RunStarted(run), ended("raw")]

    show(Console(screen.session, find_log), finished(run, events), events)

    assert screen.out.getvalue().endswith("done in 3.25s: 1 ran; nothing recorded (--no-commit)\n")


def test_problems_of_a_run_that_cannot_start_are_errors() -> None:
    screen = Screen()
    problem = Problem("two stages write 'a'", "pipeline.py:3", "give one another path")
    run = replace(
        a_run(()), status=RunStatus.FAILED, ended_at=100.5, exit_code=3, problems=(problem,)
    )

    show(Console(screen.session, find_log), run, [RunFinished(run)])

    assert screen.err.getvalue() == (
        "error: two stages write 'a'\n  where: pipeline.py:3\n  hint:  give one another path\n"
    )


def test_many_failures_are_told_in_part() -> None:
    stages = tuple(StageName(f"s{number}") for number in range(14))
    screen = Screen()
    run = a_run(stages)
    events: list[Event] = [RunStarted(run), *(ended(stage, Status.FAILED) for stage in stages)]

    show(Console(screen.session, find_log), finished(run, events), events)

    assert screen.err.getvalue().count("Traceback") == 10
    assert "… 4 more failed stages; `pivot show" in screen.err.getvalue()


# --- the terminal ----------------------------------------------------------------------------------------------------


class Clock:
    """Epoch seconds that the test moves."""

    def __init__(self) -> None:
        self.now: float = 100.0

    def __call__(self) -> float:
        self.now += 0.06  # each look a repaint later
        return self.now


def on_screen(written: str) -> list[str]:
    """Returns the rows that a terminal shows after ``written``, scrolled off ones included."""
    rows, row = [""], 0
    for token in re.findall("\x1b\\[[0-9;]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", written):
        if token == "\n":
            row += 1
            rows.extend([""] * (row + 1 - len(rows)))
        elif token == "\r" or token.endswith("m"):
            pass
        elif token.endswith("A"):
            row -= int(token[2:-1])
        elif token.endswith("J"):
            del rows[row:]
            rows.append("")
        else:
            rows[row] += token
    return rows


def test_a_terminal_keeps_each_finished_stage_once_and_no_progress() -> None:
    screen = Screen(is_terminal=True)
    run, events = a_good_run()

    show(Terminal(screen.session, find_log, Clock()), run, events)

    shown = on_screen(screen.out.getvalue())
    assert [row.split()[2] for row in shown if row.startswith("✓ ran")] == [
        "clean",
        "train",
        "report",
    ]
    assert not any("RUN" in row or "█" in row for row in shown)
    assert shown[-2] == "done in 3.25s: 3 ran, 1 same"


def test_what_runs_stands_below_with_its_progress() -> None:
    screen = Screen(is_terminal=True)
    printer = Terminal(screen.session, find_log, Clock())
    run = a_run()
    printer.begin(run, {})
    for event in (
        ended("clean"),
        running("train", expected_s=90.0),
        running("report", expected_s=5.0),
    ):
        printer.stage(run, event.stage, event.state)

    printer.tick()

    done, train, report, progress, _ = on_screen(screen.out.getvalue())
    assert done.startswith("✓ ran       clean")
    assert train.startswith("▶ RUN       train")
    assert "~1:29 left" in train
    assert report.startswith("▶ RUN       report")
    assert progress.startswith("█████···············  1/4  ✓1")


def test_the_time_left_is_told_when_every_stage_ran_before() -> None:
    screen = Screen(is_terminal=True)
    printer = Terminal(screen.session, find_log, Clock())
    printer.begin(a_run(), dict.fromkeys(STAGES, 60.0))
    printer.stage(a_run(), STAGES[0], running("raw").state)

    printer.tick()

    assert on_screen(screen.out.getvalue())[-2].endswith("~1:59 left")  # 4 × 60 s by two workers


def test_a_traceback_is_not_repeated_as_output() -> None:
    screen = Screen()
    run, events = a_failing_run()
    failed = ended("train", Status.FAILED)
    tail = ("epoch 1", *FAILURE.traceback.split("\n"))
    events[6] = replace(failed, state=replace(failed.state, log_tail=tail))

    show(Console(screen.session, find_log), run, events)

    assert screen.err.getvalue().count("KeyError: 'label'") == 2  # the headline and the traceback
    assert "│ epoch 1" in screen.err.getvalue()


def test_the_region_fits_the_terminal() -> None:
    screen = Screen(is_terminal=True, columns=40)
    printer = Terminal(screen.session, find_log, Clock())
    run = a_run(tuple(StageName(f"a_rather_long_name_of_a_stage_{n}") for n in range(20)))
    printer.begin(run, {})
    for stage in run.stages:
        printer.stage(run, stage, running(stage).state)

    printer.tick()

    rows = on_screen(screen.out.getvalue())
    assert max(map(len, rows)) < 40
    assert len(rows) == 11  # eight stages, how many more, progress, and the cursor's
    assert rows[8] == "  … and 12 more running"


def test_a_quiet_terminal_shows_failures_alone() -> None:
    screen = Screen(is_terminal=True, verbosity=-1)
    run, events = a_failing_run()

    show(Terminal(screen.session, find_log, Clock()), run, events)

    assert on_screen(screen.out.getvalue()) == [
        "warning: getattr on a computed name",
        "  where: helpers.py:3",
        "",
    ]
    assert "KeyError" in screen.err.getvalue()
