"""Going to past runs, to live ones, comparing two; and what the dashboard tells of itself."""

from pathlib import Path

from pivot_core.port import (
    LogRef,
    RunReport,
    RunStatus,
    RunSummary,
    StageName,
    StageState,
    Status,
)
from pivot_tui.screens.diagnostics import Diagnostics
from pivot_tui.screens.finder import Entries, Entry
from tests.support.scripted_port import ScriptedPort
from tests.tui import scenes
from tests.tui.driving import Driver, opened

TRAIN = StageName("train@large")
GONE = StageName("dropped")


def a_port(folder: Path) -> ScriptedPort:
    port = scenes.port(scenes.a_run_in_progress(), folder)
    newest = RunReport(
        RunSummary(scenes.RUN, RunStatus.RUNNING, "pivot repro", scenes.NOW - 227, None, {}),
        {TRAIN: StageState(Status.RUNNING, scenes.RUN, 1, scenes.NOW - 151)},
    )
    older = RunReport(
        RunSummary(
            scenes.OLDER, RunStatus.FAILED, "pivot repro train", scenes.NOW - 7_700, 251.0,
            {"ran": 1, "failed": 1},
        ),
        {
            TRAIN: StageState(Status.RAN, scenes.OLDER, 1, scenes.NOW - 7_600, 242.0),
            StageName("clean"): StageState(Status.SAME, scenes.OLDER),
            GONE: StageState(Status.FAILED, scenes.OLDER, 1, scenes.NOW - 7_610, 3.0),
        },
    )  # fmt: skip
    port.reports = {scenes.RUN: newest, scenes.OLDER: older}
    log = folder / "old.log"
    scenes.write_text(log, "what it printed then")
    attempts = ((scenes.OLDER, 1),)
    port.older = {(TRAIN, scenes.OLDER): LogRef(scenes.OLDER, TRAIN, 1, str(log), attempts)}
    return port


async def listed(driver: Driver, wanted: str) -> list[Entry]:
    """Waits until the list on screen has an entry with these words; returns all of it."""

    def entries() -> list[Entry]:
        found = driver.app.screen.query(Entries)
        return [row for row in found.first().rows if isinstance(row, Entry)] if found else []

    await driver.until(lambda: any(wanted in entry.label for entry in entries()))
    return entries()


async def palette(driver: Driver, *words: str) -> None:
    await driver.press("colon", *words, "enter")


async def test_a_past_run_leads_to_log_and_reasons_of_its_stages(tmp_path: Path) -> None:
    async with opened(a_port(tmp_path)) as driver:
        driver.dag.select(StageName("report"))
        await palette(driver, *"go to run")
        runs = await listed(driver, "pivot repro train")
        assert [run.shown for run in runs] == ["▶", "✗"]
        assert runs[1].aside == "1 ran, 1 failed"
        await driver.press("down", "enter")
        stages = {entry.label: entry.refusal for entry in await listed(driver, "dropped")}
        assert stages == {"train@large  ran": "", "clean  same": "", "dropped  FAIL": "no longer a stage"}  # fmt: skip
        await driver.press("enter")
        await driver.until(lambda: driver.log.count == 1)
        assert driver.dag.selected == TRAIN
        assert driver.log.text_on_screen[0].endswith("what it printed then")
        await driver.press("3")
        await driver.until(lambda: "RAN in run b331" in driver.why_text)


async def test_two_runs_are_compared_stage_by_stage(tmp_path: Path) -> None:
    async with opened(a_port(tmp_path)) as driver:
        await palette(driver, *"two runs")
        await listed(driver, "pivot repro train")
        await driver.press("enter")
        await driver.until(lambda: len(driver.app.screen.query(Entries)) == 1)
        (other,) = await listed(driver, "b331")
        assert "pivot repro train" in other.label
        await driver.press("enter")
        stages = await listed(driver, "train@large")
        assert [entry.label for entry in stages] == [
            "train@large  ran → RUN", "clean  only in the earlier one",
            "dropped  only in the earlier one",
        ]  # fmt: skip
        assert stages[0].aside == "4:02 → —"
        await driver.press("enter")
        await driver.until(lambda: "learning_rate" in driver.text(5).partition("b331 → a4f2")[2])


async def test_what_waits_cannot_be_attached_to_and_what_runs_can(tmp_path: Path) -> None:
    async with opened(a_port(tmp_path)) as driver:
        waits = scenes.run_state(RunStatus.QUEUED)
        driver.app.board.queue.append(waits)
        driver.dag.select(StageName("report"))
        await palette(driver, *"attach")
        runs = await listed(driver, "whole pipeline")
        assert [run.refusal for run in runs] == ["", "1 ahead of it; it comes on screen by itself"]
        await driver.press("enter")
        await driver.until(lambda: driver.log.has_focus)
        assert driver.dag.selected == TRAIN


async def test_all_logs_of_the_run_are_searched(tmp_path: Path) -> None:
    async with opened(a_port(tmp_path)) as driver:
        await palette(driver, *"search all")
        await driver.until(lambda: "all stages" in str(driver.log.border_title))
        await driver.press(*"epoch 12", "enter")
        await driver.until(lambda: "/epoch 12 " in str(driver.log.border_subtitle))


async def test_the_dashboard_tells_how_it_fares(tmp_path: Path) -> None:
    async with opened(a_port(tmp_path)) as driver:
        await palette(driver, *"diagnostics")
        assert isinstance(driver.app.screen, Diagnostics)
        await driver.until(lambda: " ms" in driver.popup_text.partition("answer after")[2][:9])
        assert "MB" in driver.popup_text
        await driver.press("escape")
        assert not isinstance(driver.app.screen, Diagnostics)
