"""The Remote panel: what it shows of remotes and transfers, and what its keys ask for."""

from dataclasses import replace
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from pivot_core.port import (
    ArtifactPath,
    CancelTransfer,
    CompareRemote,
    FailedItem,
    Fetch,
    Item,
    ObjectFailed,
    Phase,
    Problem,
    Progress,
    Published,
    Pull,
    Push,
    RemoteArtifact,
    RemoteReport,
    RemoteRow,
    RequestId,
    StageName,
    Tally,
    TransferFinished,
    TransferId,
    TransferKind,
    TransferOptions,
    TransferProgress,
    TransferQueued,
    TransferStarted,
    TransferState,
    TransferStatus,
)
from pivot_tui import board as fold
from pivot_tui import heading, transfer
from pivot_tui.board import Board
from pivot_tui.spans import plain
from tests.support.scripted_port import ScriptedPort
from tests.tui import scenes
from tests.tui.driving import Driver, opened

ORIGIN = RemoteRow("origin", "s3://team/churn", True, False, 20)
BACKUP = RemoteRow("backup", "/mnt/share/churn", False, True, 8)
FIRST, SECOND = TransferId("t1"), TransferId("t2")


def out(path: str, there: int, here: int) -> RemoteArtifact:
    sizes = (here * 1_000_000, there * 1_000_000)
    name = StageName(path.removesuffix(".csv").rpartition("/")[2])
    return RemoteArtifact(name, ArtifactPath(path), 3, 3_000_000, here, there, 0, *sizes)


REPORT = RemoteReport(
    ORIGIN,
    scenes.NOW - 90,
    (out("data/clean.csv", 0, 0), out("data/features.csv", 2, 0), out("data/report.csv", 0, 1)),
    Tally(9, 9_000_000),
    to_push=Tally(2, 2_000_000),
    to_fetch=Tally(1, 1_000_000),
    runs=8,
    runs_absent_there=2,
)


def item(path: str, size: int, done: int = 0) -> Item:
    return Item(path, scenes.content("a"), size, done)


MOVING = Progress(
    Phase.MOVING,
    files=231,
    size_bytes=3_000_000_000,
    files_done=148,
    bytes_done=1_920_000_000,
    retries=2,
    bytes_per_s=38_200_000,
    left_s=28.3,
    active=(
        item("models/checkpoints/ckpt_12.pt", 41_000_000, 29_000_000),
        item("data/features.parquet", 212_000_000, 70_000_000),
    ),
)


def state(status: TransferStatus = TransferStatus.RUNNING, **given: object) -> TransferState:
    begun = TransferState(
        FIRST,
        RequestId("r"),
        TransferKind.PUSH,
        (),
        TransferOptions(),
        status,
        scenes.NOW - 51,
        scenes.NOW - 50,
        remote="origin",
        url=ORIGIN.url,
        progress=MOVING,
    )
    return replace(begun, **given)


def lost(path: str) -> FailedItem:
    return FailedItem(item(path, 9), Problem("access denied: s3:PutObject", "", ""))


def text(shown: TransferState, cells: int = 78) -> str:
    return "\n".join(plain(line) for line in transfer.lines(shown, scenes.NOW, cells))


def a_port(folder: Path) -> ScriptedPort:
    port = scenes.port(scenes.a_run_that_is_done(), folder)
    port.remotes, port.report = (ORIGIN, BACKUP), REPORT
    return port


# --- as values ---


def test_a_transfer_under_way_tells_how_far_it_is() -> None:
    said = text(state())
    assert "▶ ↑ pushing origin  0:50" in said
    assert "64%  148/231 files" in said
    assert "1.9 GB of 3.0 GB  38 MB/s  ~0:28 left" in said
    assert "2 retries" in said
    assert "nothing moved" not in said
    assert said.splitlines()[-1].split()[:2] == ["↑", "data/features.parquet"]


def test_a_stall_is_said() -> None:
    assert "nothing moved for 0:07" in text(state(progress=replace(MOVING, silent_s=7.2)))


def test_a_transfer_that_lost_something_lists_it_with_its_reason() -> None:
    progress = replace(MOVING, files_done=230, failures=1)
    done = state(
        TransferStatus.FAILED,
        ended_at=scenes.NOW,
        progress=progress,
        failed=(lost("data/x.csv"),),
        present=9,
        exit_code=5,
    )
    said = text(done)
    assert "✗ ↑ pushed origin  230 files, 1.9 GB, 9 were there in 0:50" in said
    assert "1 failed, r tries again" in said
    assert "✗ data/x.csv\n   access denied: s3:PutObject" in said


def test_a_dry_run_lists_what_would_travel() -> None:
    listed = (item("a.csv", 1_000), item("b.csv", 2_000_000))
    said = text(state(TransferStatus.DONE, options=TransferOptions(dry_run=True), items=listed))
    assert "would travel: 2 files, 2.0 MB" in said
    assert "1.0 kB  a.csv" in said


@pytest.mark.parametrize("cells", [38, 78])
def test_no_line_is_too_long(cells: int) -> None:
    shown = state(failed=(lost("x" * 90),), problems=(Problem("y " * 90, "", "z " * 90),))
    assert all(len(plain(line)) <= cells for line in transfer.lines(shown, scenes.NOW, cells))
    assert all(
        len(plain(line)) <= cells for line in transfer.remote(ORIGIN, REPORT, scenes.NOW, cells)
    )


def test_a_remote_says_what_is_missing_where() -> None:
    def said(report: RemoteReport | None) -> str:
        return "\n".join(plain(one) for one in transfer.remote(ORIGIN, report, scenes.NOW, 60))

    assert "u asks what it has" in said(None)
    assert "↑ 2 files, 2.0 MB to push  1:30 ago" in said(REPORT)
    assert "↓ 1 file, 1.0 MB to fetch" in said(REPORT)
    assert "✓ in sync" in said(replace(REPORT, to_push=Tally(), to_fetch=Tally()))
    gone = replace(REPORT, artifacts=(), problem=Problem("no bucket 'team'", "", "make it"))
    assert "no bucket 'team'" in said(gone)
    assert "u asks" in said(replace(REPORT, remote=BACKUP))


def test_events_of_transfers_are_folded_into_the_board() -> None:
    board = Board()
    fold.apply(board, scenes.idle())
    waits = replace(state(TransferStatus.QUEUED), transfer_id=SECOND)
    seq = board.seq
    for event in (TransferStarted(state()), TransferQueued(waits), ObjectFailed(FIRST, lost("a"))):
        seq += 1
        assert fold.apply(board, Published(seq, event)).transfer
    further = replace(MOVING, files_done=200)
    fold.apply(board, Published(seq, TransferProgress(FIRST, further)))
    assert board.moving is not None
    assert board.moving.progress == further
    assert [one.item.path for one in board.moving.failed] == ["a"]
    assert board.transfers == [waits]
    assert "origin ↑64% 38 MB/s" in plain(heading.header(board, scenes.NOW, 160))
    fold.apply(board, Published(seq + 1, TransferFinished(state(TransferStatus.DONE))))
    assert board.moving is None
    assert board.transfer is not None
    fold.apply(board, Published(seq + 2, TransferStarted(replace(waits, progress=None))))
    assert (board.transfer.transfer_id, board.transfers) == (SECOND, [])


# --- on screen ---


async def panel(driver: Driver) -> None:
    await driver.press("7")
    await driver.until(lambda: "backup" in driver.text(7))


async def test_what_is_missing_is_asked_for_and_never_unasked(tmp_path: Path) -> None:
    async with opened(a_port(tmp_path)) as driver:
        await panel(driver)
        assert not any(isinstance(query, CompareRemote) for query in driver.port.asked)
        await driver.press("u")
        await driver.until(lambda: "2 files, 2.0 MB to push" in driver.text(7))
        assert "data/report.csv" in driver.text(7)
        assert "data/clean.csv" not in driver.text(7)


async def test_a_push_is_shown_before_it_is_sent(tmp_path: Path) -> None:
    async with opened(a_port(tmp_path)) as driver:
        await driver.press("P")
        await driver.until(lambda: "2 files, 2.0 MB to s3://team/churn" in driver.popup_text)
        await driver.press("enter")
        assert not driver.port.sent
        await driver.press("P")
        await driver.until(lambda: "2 files" in driver.popup_text)
        await driver.press("y")
        await driver.until(lambda: bool(driver.port.sent))
        (sent,) = driver.port.sent
        assert isinstance(sent, Push)
        assert (sent.targets, sent.command) == ((), "pivot push")


async def test_marked_paths_travel_and_marked_stages(tmp_path: Path) -> None:
    async with opened(a_port(tmp_path)) as driver:
        await panel(driver)
        await driver.press("u")
        await driver.until(lambda: "data/report.csv" in driver.text(7))
        await driver.press("j", "space", "f")
        await driver.until(lambda: len(driver.port.sent) == 1)
        sent = driver.port.sent[0]
        assert isinstance(sent, Fetch)
        assert sent.targets == ("data/report.csv",)
        await driver.press("1", "space", "p")
        await driver.until(lambda: "1 file, 1.0 MB from" in driver.popup_text)
        await driver.press("y")
        await driver.until(lambda: len(driver.port.sent) == 2)
        pulled = driver.port.sent[1]
        assert isinstance(pulled, Pull)
        assert pulled.targets == driver.dag.chosen


async def test_a_transfer_is_cancelled_once_confirmed_and_taken_up_again(tmp_path: Path) -> None:
    async with opened(a_port(tmp_path)) as driver:
        await panel(driver)
        await driver.press("x")
        assert driver.toasts == ["nothing travels"]
        driver.port.publish(TransferStarted(state()))
        await driver.until(lambda: "pushing origin" in driver.text(7))
        await driver.press("x", "enter")
        assert not driver.port.sent
        await driver.press("x", "y")
        await driver.until(lambda: driver.port.sent == [CancelTransfer(FIRST)])
        ended = state(TransferStatus.CANCELLED, ended_at=scenes.NOW, exit_code=130)
        driver.port.publish(TransferFinished(ended))
        await driver.until(lambda: "cancelled origin" in driver.text(7))
        await driver.press("r")
        await driver.until(lambda: len(driver.port.sent) == 2)
        assert isinstance(driver.port.sent[1], Push)


async def test_another_remote_is_chosen(tmp_path: Path) -> None:
    async with opened(a_port(tmp_path)) as driver:
        await driver.press("colon", *"another", "enter")
        await driver.until(lambda: "backup" in driver.popup_text)
        await driver.press("2", "7")
        await panel(driver)
        await driver.press("D")
        await driver.until(lambda: len(driver.port.sent) == 1)
        sent = driver.port.sent[0]
        assert isinstance(sent, Push)
        assert sent.options == TransferOptions(remote="backup", dry_run=True)
        assert sent.command == "pivot push --remote backup --dry-run"


@pytest.mark.parametrize("size", ["80x24", "160x48"])
async def test_a_push_under_way(size: str, picture: SnapshotAssertion, tmp_path: Path) -> None:
    width, height = map(int, size.split("x"))
    async with opened(a_port(tmp_path), (width, height)) as driver:
        await panel(driver)
        await driver.press("u")
        await driver.until(lambda: "data/report.csv" in driver.text(7))
        driver.port.publish(TransferStarted(state()), ObjectFailed(FIRST, lost("data/x.csv")))
        await driver.until(lambda: "access denied" in driver.text(7))
        await driver.pilot.pause()
        assert driver.picture == picture
