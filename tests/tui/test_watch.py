"""Watching: how it reads in header, banner and event log, and what its keys do."""

from dataclasses import replace
from pathlib import Path

import pytest

from pivot_core.port import (
    FilesChanged,
    LogRef,
    PlanBroken,
    PlanChanged,
    Problem,
    Published,
    Refused,
    RequestId,
    RunFinished,
    RunOptions,
    RunStarted,
    RunStatus,
    Snapshot,
    StageName,
    StageState,
    Status,
    Unwatch,
    Watch,
    WatchChanged,
    WatchState,
)
from pivot_tui import heading, requests, watch
from pivot_tui.board import Board, Link, apply
from pivot_tui.diary import Diary
from pivot_tui.requests import Asked, Choice
from pivot_tui.spans import plain, width
from tests.tui import scenes
from tests.tui.driving import opened

TRAIN = StageName("train@large")
LIMIT = Problem("cannot watch 12 directories: the limit is reached", "", "raise the limit")
FILES = FilesChanged(("model.py", "data/labels.csv"), 4)


def a_board(snapshot: Snapshot, state: WatchState | None) -> Board:
    board = Board()
    apply(board, replace(snapshot, watch=state))
    return board


def header(board: Board, cells: int, aside: str = "") -> str:
    line = heading.header(board, scenes.NOW, cells, 119.0, aside)
    assert width(line) <= cells
    return plain(line)


# --- header and banner ---


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (None, "watch off"),
        (scenes.watch(), "watch on "),
        (scenes.watch("train@large"), "watch train@large "),
        (scenes.watch("evaluate_with_all_the_metrics", "b", "c"), "watch evaluat…_metrics +2 "),
        (replace(scenes.watch("train@large"), problem=LIMIT), "watch ! "),
    ],
)
def test_the_header_says_what_is_watched(state: WatchState | None, said: str) -> None:
    assert said in header(a_board(scenes.idle(), state), 80)


def test_that_nothing_is_watched_gives_way_first_and_what_is_watched_before_the_counts() -> None:
    whole = scenes.a_run_in_progress()
    assert "watch off" not in header(a_board(whole, None), 100)
    assert "watch off" in header(a_board(whole, None), 160)
    board = a_board(whole, scenes.watch("train@large"))
    assert "watch train@large  attached" in header(board, 120)
    assert "watch on" in header(board, 90)
    assert "attached" not in header(board, 90)
    assert "watch" not in header(board, 80)
    assert "≡1" in header(board, 80)


def test_what_is_watched_is_not_known_without_an_engine() -> None:
    board = a_board(scenes.idle(), scenes.watch())
    board.link = Link.LOST
    assert "watch" not in header(board, 160)


def test_files_that_changed_are_said_where_nothing_moves_for_it() -> None:
    board = a_board(scenes.a_run_that_is_done(), scenes.watch())
    said = watch.changed(FILES)
    assert said == "changed model.py +3"
    with_it, without = header(board, 140, said), header(board, 140)
    assert said in with_it
    assert with_it.replace(said, " " * len(said)) == without
    assert said not in header(board, 80, said)
    assert watch.changed(FilesChanged((), 2_000)) == "changed 2,000 files"


def test_a_look_that_takes_long_is_said() -> None:
    board = a_board(scenes.idle(), scenes.watch())
    run = replace(scenes.run_state(), request_id=RequestId("watch.0"))
    for ago_s, said in ((1.0, "watch on"), (3.0, "watch looks")):
        started = RunStarted(replace(run, started_at=scenes.NOW - ago_s))
        apply(board, Published(board.seq + 1, started))
        assert said in header(board, 80)


def test_why_nothing_can_be_watched_stands_in_the_banner_before_failures() -> None:
    state = replace(scenes.watch(), problem=LIMIT)
    board = a_board(scenes.a_run_in_progress(), state)
    said = "\n".join(map(plain, heading.banner(board, 80)))
    assert "cannot watch 12 directories" in said
    assert "raise the limit" in said
    apply(board, replace(scenes.broken(), watch=state))
    assert "two stages write" in plain(heading.banner(board, 80)[0])


def test_while_runs_follow_one_another_the_banner_stays() -> None:
    whole = scenes.a_run_in_progress()
    going = replace(whole, states={TRAIN: StageState(Status.RUNNING, scenes.RUN, 1)})
    assert heading.banner(a_board(going, None), 80) == []
    (line,) = heading.banner(a_board(going, scenes.watch()), 80)
    assert plain(line) == " ▶ run a4f2   train@large"
    (beside,) = heading.beside([line], "changed model.py", 80)
    assert plain(beside) == plain(line) + "changed model.py ".rjust(80 - width(line))
    assert heading.beside([line], "changed model.py", 40) == [line]
    failed = heading.banner(a_board(whole, scenes.watch()), 80)
    assert heading.beside(failed, "changed model.py", 80) == failed


def test_a_broken_definition_says_that_it_is_loaded_again() -> None:
    told = [
        "\n".join(map(plain, heading.banner(a_board(scenes.broken(), state), 100)))
        for state in (None, scenes.watch())
    ]
    assert [watch.LOADED_AGAIN in one for one in told] == [False, True]
    assert "give one of them another path; fix it" in told[1]


def test_leaving_says_when_watching_ends() -> None:
    board = a_board(scenes.idle(), scenes.watch())
    assert heading.farewell(board) == [watch.LEFT]
    assert heading.farewell(a_board(scenes.a_run_in_progress(), scenes.watch()))[-1] == watch.LEFT
    board.link = Link.LOST
    assert heading.farewell(board) == []


# --- event log ---


def told(diary: Diary) -> list[tuple[str, str]]:
    return [(entry.words, entry.command) for entry in diary.entries]


def test_the_event_log_tells_how_watching_goes() -> None:
    diary, board = Diary(), a_board(scenes.idle(), None)
    state = replace(scenes.watch("my stage"), directories=12)
    diary.asked(Watch(RequestId("w"), command="pivot repro --watch"), 1.0)
    diary.take(
        [
            WatchChanged(state),
            WatchChanged(replace(state, directories=13)),
            FilesChanged(("my model.py",), 3),
            WatchChanged(replace(state, problem=LIMIT)),
            WatchChanged(replace(state, problem=LIMIT, directories=2)),
            WatchChanged(state),
            WatchChanged(None),
        ],
        board,
        1.0,
    )
    line = "pivot repro --watch 'my stage'"
    assert told(diary) == [
        ("asked to run again after each change", "pivot repro --watch"),
        ("watching my stage in 12 directories", line),
        ("changed: my model.py and 2 more", "pivot affected 'my model.py'"),
        ("cannot watch 12 directories: the limit is reached", line),
        ("watching again: my stage in 12 directories", line),
        ("watching ended", ""),
    ]


def test_what_was_watched_before_the_dashboard_came_is_not_told_as_new() -> None:
    diary, board = Diary(), a_board(scenes.idle(), scenes.watch())
    diary.take((), board, 1.0)
    diary.take([WatchChanged(replace(scenes.watch(), directories=40))], board, 2.0)
    assert not diary.entries


def test_a_pipeline_loaded_again_tells_what_is_new_and_what_is_gone() -> None:
    diary, board = Diary(), a_board(scenes.idle(), scenes.watch())
    diary.take((), board, 1.0)
    rows = [row for row in scenes.idle().stages if row.name != "report"]
    added = [scenes.stage_row(f"new_{number}") for number in range(5)]
    plans = [(*rows, *added), tuple(rows), tuple(rows)]
    broken = PlanBroken((Problem("unexpected indent", "pipeline.py:7", ""),))
    diary.take([PlanChanged("churn", plan, {}) for plan in plans] + [broken], board, 1.0)
    assert [words for words, _ in told(diary)] == [
        "the pipeline was loaded: 14 stages; new: new_0, new_1, new_2 and 2 more; gone: report",
        "the pipeline was loaded: 9 stages; gone: new_0, new_1, new_2 and 2 more",
        "the pipeline was loaded: 9 stages",
        "the pipeline cannot be loaded: unexpected indent (pipeline.py:7)",
    ]


def test_of_a_run_that_left_no_record_none_is_named() -> None:
    diary, board = Diary(), a_board(scenes.idle(), None)
    idle = replace(scenes.run_state(RunStatus.DONE), counts={"same": 10})
    never = replace(scenes.run_state(RunStatus.FAILED), problems=(LIMIT,), stages=())
    diary.take([RunFinished(idle), RunFinished(never)], board, 1.0)
    assert told(diary) == [
        ("run a4f2 ended: nothing had to run", "pivot status"),
        (f"run a4f2 did not start: {LIMIT.what}", "pivot status"),
    ]


def test_of_runs_that_watching_begins_only_what_they_came_to_is_told() -> None:
    diary, board = Diary(), a_board(scenes.idle(), scenes.watch())
    diary.take((), board, 1.0)
    run = replace(scenes.run_state(), request_id=RequestId("watch.1"))
    over = replace(scenes.run_state(RunStatus.DONE), request_id=RequestId("watch.1"))
    broken = (Problem("unexpected indent", "pipeline.py:7", ""),)
    never = replace(over, status=RunStatus.FAILED, stages=(), problems=broken)
    events = [RunStarted(run), RunFinished(over), PlanBroken(broken), RunFinished(never)]
    diary.take([*events, PlanBroken(broken)], board, 1.0)
    assert [words for words, _ in told(diary)] == [
        "run a4f2 ended: done",
        "the pipeline cannot be loaded: unexpected indent (pipeline.py:7)",
    ]


# --- keys ---


def test_jobs_and_keep_going_are_as_for_the_last_run() -> None:
    asked = Asked(Choice.DOWNSTREAM, force=True, keep_going=True, jobs=3)
    given = requests.watching(asked, (StageName("my stage"),), RequestId("w"))
    assert given.options == RunOptions(keep_going=True, jobs=3)
    assert given.command == "pivot repro --watch 'my stage' --keep-going --jobs 3"


async def test_one_key_watches_and_watches_no_longer(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        assert "watch off" in driver.said("header")
        driver.port.reply = Refused(Problem("the engine watches for 'clean'", "", ""), 2)
        await driver.press("W")
        await driver.until(lambda: bool(driver.toasts))
        assert "watches for 'clean'" in driver.toasts[0]
        (asked,) = driver.port.sent
        assert isinstance(asked, Watch)
        assert (asked.targets, asked.command) == ((), "pivot repro --watch")
        driver.port.publish(WatchChanged(scenes.watch()), FILES)
        await driver.until(lambda: "changed model.py +3" in driver.said("header"))
        assert "watch on" in driver.said("header")
        over = scenes.run_state(RunStatus.DONE)
        driver.port.publish(RunStarted(scenes.run_state()), RunFinished(over), FILES)
        await driver.until(lambda: "changed model.py +3" in driver.said("banner"))
        assert "changed" not in driver.said("header")
        await driver.press("W")
        await driver.until(lambda: driver.port.sent[1:] == [Unwatch()])


async def test_marked_stages_are_watched_unless_something_is(tmp_path: Path) -> None:
    async with opened(scenes.port(scenes.idle(), tmp_path)) as driver:
        await driver.press("space", "j", "space", "colon", *"watch sel", "enter")
        await driver.until(lambda: bool(driver.port.sent))
        (asked,) = driver.port.sent
        assert isinstance(asked, Watch)
        assert asked.targets == ("fetch_raw", "clean")
        driver.port.publish(WatchChanged(scenes.watch(*asked.targets)))
        await driver.until(lambda: "watch fetch_raw +1" in driver.said("header"))
        await driver.press("colon", *"watch sel", "enter")
        assert "watching already" in driver.toasts[-1]
        assert driver.port.sent == [asked]


async def test_a_change_that_affects_nothing_is_said(tmp_path: Path) -> None:
    port = scenes.port(replace(scenes.idle(), watch=scenes.watch()), tmp_path)
    run = replace(scenes.run_state(), request_id=RequestId("watch.1"))
    async with opened(port) as driver:
        port.publish(FILES, RunStarted(run), *scenes.all_of(scenes.RUN, Status.SAME))
        port.publish(RunFinished(replace(run, status=RunStatus.DONE, counts={"same": 10})))
        said = "churn   changed model.py +3: nothing to run  "
        await driver.until(lambda: said in driver.said("header"))


async def test_the_log_is_that_of_what_is_on_show_though_a_newer_attempt_came_to_nothing(
    tmp_path: Path,
) -> None:
    port = scenes.port(replace(scenes.a_run_that_is_done(), watch=scenes.watch()), tmp_path)
    good = port.logs[TRAIN]
    assert isinstance(good, LogRef)
    port.older[TRAIN, scenes.RUN] = good
    scenes.write_text(tmp_path / "newer.log", "half done")
    both = ((scenes.OLDER, 1), (scenes.RUN, 1))
    port.logs[TRAIN] = LogRef(scenes.OLDER, TRAIN, 1, str(tmp_path / "newer.log"), both)
    async with opened(port) as driver:
        driver.dag.select(TRAIN)
        await driver.until(lambda: driver.log.count == scenes.LINES)
        assert "run a4f2" in str(driver.log.border_title)


async def test_a_run_with_nothing_to_do_moves_neither_cursor_nor_log(tmp_path: Path) -> None:
    port = scenes.port(replace(scenes.a_run_that_is_done(), watch=scenes.watch()), tmp_path)
    run = replace(scenes.run_state(), run_id=scenes.OLDER, request_id=RequestId("watch.1"))
    async with opened(port) as driver:
        driver.dag.select(TRAIN)
        await driver.until(lambda: driver.log.count == scenes.LINES)
        await driver.press("2", "k", "k", "k")
        place, header = driver.log.scroll_offset, driver.said("header")
        port.publish(RunStarted(run), *scenes.all_of(scenes.OLDER, Status.SAME))
        port.publish(RunFinished(replace(run, status=RunStatus.DONE, counts={"same": 10})))
        await driver.until(lambda: driver.app.board.seq == port.seq)
        await driver.pilot.pause()
        assert driver.dag.selected == "train@large"
        assert (driver.log.scroll_offset, driver.said("header")) == (place, header)
        assert driver.said("banner").startswith(" ✓ run a4f2 done")
