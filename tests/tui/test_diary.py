"""The event log: what it tells, and with which command."""

from dataclasses import replace
from pathlib import Path

from pivot_core.port import (
    CancelStage,
    Failure,
    FailureKind,
    Level,
    LogGrew,
    Notice,
    RequestId,
    Run,
    RunFinished,
    RunStarted,
    RunStatus,
    StageChanged,
    StageName,
    StageState,
    Status,
)
from pivot_tui import diary
from pivot_tui.diary import Entry
from pivot_tui.screens.dialog import Dialog
from pivot_tui.screens.finder import Finder
from tests.tui import scenes
from tests.tui.driving import opened

TRAIN = StageName("train@large")


def test_what_happened_names_the_command_that_shows_it() -> None:
    failure = Failure(FailureKind.EXCEPTION, "KeyError: 'label'")
    failed = StageState(Status.FAILED, scenes.RUN, 1, failure=failure)
    over = replace(scenes.run_state(), status=RunStatus.FAILED)
    told = [
        diary.happened(event, 5.0)
        for event in (
            RunStarted(scenes.run_state()),
            StageChanged(TRAIN, failed),
            RunFinished(over),
            Notice(Level.WARNING, "the disk is nearly full", "/data"),
        )
    ]
    assert told == [
        Entry(5.0, "run a4f2 began: 10 stages"),
        Entry(5.0, "train@large failed: KeyError: 'label'", "pivot logs train@large"),
        Entry(5.0, "run a4f2 ended: failed", f"pivot show {scenes.RUN}"),
        Entry(5.0, "the disk is nearly full (/data)"),
    ]


def test_what_the_panels_say_well_enough_is_left_out() -> None:
    running = StageState(Status.RUNNING, scenes.RUN, 1)
    assert diary.happened(StageChanged(TRAIN, running), 5.0) is None
    assert diary.happened(LogGrew(scenes.RUN, TRAIN, 1, 9), 5.0) is None


def test_what_was_asked_is_told_as_a_command_line() -> None:
    run = Run(RequestId("r"), ("clean",), command="pivot repro clean")
    assert diary.asked(run, 5.0) == Entry(5.0, "asked for a run", "pivot repro clean")
    assert diary.asked(CancelStage(scenes.RUN, TRAIN), 5.0).command == ""


async def test_the_event_log_lists_the_newest_first_and_copies_a_command(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.a_run_in_progress(), tmp_path)) as driver:
        await driver.press("x")
        await driver.until(lambda: isinstance(driver.app.screen, Dialog))
        await driver.press("y")
        await driver.until(lambda: bool(driver.port.sent))
        over = replace(scenes.run_state(), status=RunStatus.FAILED)
        driver.port.publish(RunFinished(over))
        await driver.until(lambda: driver.app.board.active is None)
        await driver.press("at")
        assert isinstance(driver.app.screen, Finder)
        await driver.press("enter")
        assert driver.app.clipboard == f"pivot show {scenes.RUN}"
