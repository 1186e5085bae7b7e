"""The Logs panel by its keys: searching, filtering, merging, attempts, marks, saving, copying."""

from pathlib import Path
from typing import override

import pytest

from pivot_core.port import (
    FindLog,
    LogGrew,
    LogRef,
    Query,
    RunId,
    Snapshot,
    StageChanged,
    StageName,
    StageState,
    Status,
)
from pivot_core.port.loglines import LogLines
from pivot_tui import logtext
from tests.support.scripted_port import ScriptedPort
from tests.tui import scenes
from tests.tui.driving import Driver, opened

TRAIN = StageName("train@large")
OLD = RunId("20260920-090000-01d0")


class _Kept(ScriptedPort):
    """A port that keeps several attempts."""

    kept: dict[tuple[StageName, RunId, int], str]

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__(snapshot)
        self.kept = {}

    @override
    async def ask(self, query: Query) -> object:
        if isinstance(query, FindLog):
            found = [key for key in self.kept if key[0] == query.stage]
            attempts = tuple((run, number) for _, run, number in found)
            for stage, run, number in found:
                if query.run_id in (None, run) and query.attempt in (None, number):
                    path = self.kept[stage, run, number]
                    return LogRef(run, stage, number, path, attempts)
        return await super().ask(query)


def a_port(folder: Path) -> ScriptedPort:
    return scenes.port(scenes.a_run_in_progress(), folder)


def said(driver: Driver) -> str:
    return str(driver.log.border_subtitle)


async def test_a_search_jumps_counts_and_goes_on(tmp_path: Path) -> None:
    async with opened(a_port(tmp_path)) as driver:
        await driver.press("2", "slash", *"is slow")
        await driver.until(lambda: "6/6" in said(driver))
        await driver.press("enter", "N")
        await driver.until(lambda: "5/6" in said(driver))
        assert any("❯ DataLoader worker 3 is slow" in row for row in driver.log.text_on_screen)
        assert not driver.log.is_following
        await driver.press("n", "n")
        await driver.until(lambda: "1/6" in said(driver))
        await driver.press("escape")
        assert "is slow" not in said(driver)
        assert driver.log.has_focus


async def test_a_bad_pattern_is_said_and_given_up(tmp_path: Path) -> None:
    async with opened(a_port(tmp_path)) as driver:
        await driver.press("2", "slash", "(")
        prompt = driver.log.query_one("#prompt-note")
        await driver.until(lambda: "unterminated" in str(getattr(prompt, "lines", "")))
        await driver.press("escape")
        assert driver.log.is_following
        assert driver.log.has_focus


async def test_a_pattern_that_takes_too_long_is_given_up_and_esc_forgets_it(tmp_path: Path) -> None:
    async with opened(a_port(tmp_path)) as driver:
        scenes.write_text(tmp_path / "train@large.1.log", "a" * 40 + "!")
        driver.port.publish(scenes.log_grew())
        await driver.until(lambda: driver.log.count == scenes.LINES + 1)
        await driver.press("2", "slash", *"(a+)+$", "enter")
        await driver.until(lambda: "/(a+)+$ takes too long, given up" in said(driver))
        await driver.press("n")
        assert driver.dag.selected == TRAIN
        await driver.press("escape")
        assert "given up" not in said(driver)
        assert driver.log.has_focus


async def test_a_filter_narrows_inverts_and_keeps_up(tmp_path: Path) -> None:
    port = a_port(tmp_path)
    async with opened(port) as driver:
        await driver.press("2", "ampersand", *"epoch", "enter")
        await driver.until(lambda: driver.log.shown == 30)
        assert "30 of 60 lines" in said(driver)
        assert all("epoch" in row for row in driver.log.text_on_screen)
        scenes.write_log(tmp_path / "train@large.1.log", 10, 60)
        port.publish(scenes.log_grew())
        await driver.until(lambda: driver.log.shown == 35)
        await driver.press("ampersand", "home", "exclamation_mark", "enter")
        await driver.until(lambda: driver.log.shown == 35 and "&!epoch" in said(driver))
        assert not any("epoch" in row for row in driver.log.text_on_screen)
        await driver.press("i")
        await driver.until(lambda: driver.log.shown == 21)
        await driver.press("escape", "escape")
        await driver.until(lambda: driver.log.shown == 70)
        await driver.press("ampersand", *"trian", "enter")
        await driver.until(lambda: driver.log.none_said().startswith("0 of 70 lines match 'trian'"))
        await driver.press("escape", "escape")
        assert driver.dag.has_focus


async def test_columns_and_marks_come_and_go(tmp_path: Path) -> None:
    async with opened(a_port(tmp_path)) as driver:
        await driver.press("2", "number_sign")
        assert driver.log.text_on_screen[-1].startswith("  60 14:11:49")
        await driver.press("T")
        assert driver.log.text_on_screen[-1].startswith("  60   0:59.0")
        await driver.press("T", "number_sign")
        assert driver.log.text_on_screen[-1].startswith("  validation")
        await driver.press("m")
        assert driver.log.text_on_screen[-1].startswith("── ")


async def test_older_attempts_are_shown_and_left_again(tmp_path: Path) -> None:
    port = _Kept(scenes.a_run_in_progress())
    for run, lines in ((scenes.RUN, scenes.LINES), (OLD, 7)):
        path = tmp_path / run
        scenes.write_log(path, lines)
        port.kept[TRAIN, run, 1] = str(path)
    port.logs[TRAIN] = LogRef(scenes.RUN, TRAIN, 1, "", ())
    async with opened(port) as driver:
        await driver.press("2", "less_than_sign")
        await driver.until(lambda: driver.log.count == 7)
        assert "2 of 2" in str(driver.log.border_title)
        await driver.press("less_than_sign")
        await driver.until(lambda: any("no older log" in toast for toast in driver.toasts))
        await driver.press("greater_than_sign")
        await driver.until(lambda: driver.log.count == scenes.LINES)
        later = RunId("20260921-140000-beef")
        port.publish(StageChanged(TRAIN, StageState(Status.SAME, later)))
        await driver.until(lambda: "up to date" in driver.log.none_said())
        assert "< shows the log of run a4f2" in driver.log.none_said()
        await driver.press("less_than_sign")
        await driver.until(lambda: driver.log.count == scenes.LINES)


async def test_all_stages_of_the_run_are_one_log(tmp_path: Path) -> None:
    port = _Kept(scenes.a_run_in_progress())
    fetch = StageName("fetch_raw")
    for stage, lines in ((TRAIN, scenes.LINES), (fetch, 5)):
        path = tmp_path / stage
        scenes.write_log(path, lines)
        port.kept[stage, scenes.RUN, 1] = str(path)
    port.logs[TRAIN] = LogRef(scenes.RUN, TRAIN, 1, "", ())
    async with opened(port) as driver:
        await driver.press("2", "a")
        await driver.until(lambda: driver.log.count == 65)
        await driver.press("g")
        top = driver.log.text_on_screen
        assert {row.split()[1] for row in top[:10]} == {"fetch_raw", "train@large"}
        await driver.press("G")
        scenes.write_log(tmp_path / fetch, 3, 60)
        port.publish(LogGrew(scenes.RUN, fetch, 1, 10_000))
        await driver.until(lambda: driver.log.count == 68)
        assert "fetch_raw" in driver.log.text_on_screen[-1]
        await driver.press("a")
        await driver.until(lambda: driver.log.count == scenes.LINES)


async def test_a_log_is_saved_and_never_over_another_file_unasked(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("x") / "saved.txt"
    assert "_" not in str(path), "the driver takes it for a pause"
    async with opened(a_port(tmp_path)) as driver:
        await driver.press("2", "S", "ctrl+u", *str(path), "enter")
        await driver.until(lambda: any("wrote 60 lines" in toast for toast in driver.toasts))
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[2] == "warning gradient norm 14.2 clipped to 10.0"
        path.write_text("mine", encoding="utf-8")
        await driver.press("S", "ctrl+u", *str(path), "enter")
        note = driver.log.query_one("#prompt-note")
        await driver.until(lambda: "it exists" in str(getattr(note, "lines", "")))
        assert path.read_text(encoding="utf-8") == "mine"
        await driver.press("enter")
        await driver.until(lambda: len(path.read_text(encoding="utf-8").splitlines()) == 60)


async def test_dragging_copies_clean_text(tmp_path: Path) -> None:
    async with opened(a_port(tmp_path)) as driver:
        await driver.press("2")
        rows = driver.log.text_on_screen
        await driver.pilot.mouse_down(driver.log, offset=(11, 1))
        await driver.pilot.hover(driver.log, offset=(16, 3))
        assert driver.log.selection is not None
        await driver.pilot.mouse_up(driver.log, offset=(16, 3))
        copied = driver.app.clipboard.split("\n")
        assert len(copied) == 3
        assert copied[0].startswith(rows[0][10:60])
        assert copied[1].split() == rows[1].replace("▌", " ").replace("•", " ").split()
        assert copied[2] == rows[2][:16].replace("▌", " ").replace("•", " ")
        await driver.press("escape")
        assert driver.log.selection is None


def test_what_is_saved_sends_nothing_to_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "log"
    long = "x" * (3 << 20)
    path.write_text(f"1790000000123o a\x1b[31mb\x1b]0;c\x07\n1790000000124o {long}\n")
    assert logtext.save(LogLines(str(path)), str(tmp_path), "out", replace=False) == 2
    first, second = (tmp_path / "out").read_text(encoding="utf-8").splitlines()
    assert first.isprintable()
    assert first.startswith("ab")
    assert second == long
