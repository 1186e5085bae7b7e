"""How far a running stage is, as its progress bar says."""

import asyncio
from pathlib import Path

import pytest

from pivot_core.port import LogGrew, LogRef, Published, StageChanged, StageName, StageState, Status
from pivot_tui import progress, rows, spans
from pivot_tui.arrangement import View, arrange
from pivot_tui.board import Board, Dirty, Link, apply
from pivot_tui.feed import Feed
from pivot_tui.rows import Scene
from tests.support.scripted_port import ScriptedPort
from tests.tui import scenes

TRAIN = StageName("train@large")
TQDM = (
    "\r 40%|####      | 20/50 [00:01<00:01, 20it/s]\r 62%|######2   | 31/50 [00:01<00:00, 20it/s]"
)


def record(stream: str, text: str) -> bytes:
    return f"1790000000123{stream} {text}\n".encode()


@pytest.mark.parametrize(
    ("tail", "told"),
    [
        (record("E", TQDM), 0.62),
        (record("E", TQDM) + record("E", "\r 64%|######"), 0.64),
        (record("E", TQDM) + record("o", "loss 0.3, 95% sure"), 0.62),
        (record("O", "\rEpoch 3/4"), 0.75),
        (record("E", "\r100.0 %\r"), 1.0),
        (record("E", TQDM) + record("e", "\r100%|##########|"), None),  # it has ended
        (record("o", "95% of the rows"), None),
        (record("O", "95% of"), None),  # a line that goes on, and is not written over
        (record("E", "\rworking, 2026/11/22 31it [00:01]"), None),
        (record("E", "\r12/0 8/4"), None),
        (b"cut off \r 31%\n", None),
        (b"\x00\xff\r\n\n", None),
        (b"", None),
    ],
)
def test_the_bar_that_is_being_printed_tells_the_share(tail: bytes, told: float | None) -> None:
    assert progress.share(tail) == told


async def test_running_stages_are_looked_at_and_what_ended_is_forgotten(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(record("o", "x" * 9_000) + record("E", TQDM))
    port = ScriptedPort(scenes.a_run_in_progress())
    port.logs[TRAIN] = LogRef(scenes.RUN, TRAIN, 1, str(log), ((scenes.RUN, 1),))
    board = Board()
    painted = asyncio.Event()

    def paint(_: Dirty) -> None:
        painted.set()

    async def looked() -> None:
        async with asyncio.TaskGroup() as looks:
            progress.Progress(board, feed, looks.create_task).look()

    feed = Feed(port.connect, board, paint)
    task = asyncio.create_task(feed.run())
    while board.link is not Link.ATTACHED:
        await painted.wait()
    await looked()
    assert board.progress == {}  # nothing says yet that it has a log
    apply(board, Published(board.seq, LogGrew(scenes.RUN, TRAIN, 1, 9_100)))
    await looked()
    assert board.progress == {TRAIN: 0.62}
    ended = StageState(Status.RAN, scenes.RUN, 1)
    apply(board, Published(board.seq + 1, StageChanged(TRAIN, ended)))
    await looked()
    assert board.progress == {}
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("cells", "said"), [(78, " 62%  ~1:35 left"), (110, "━━━━── 62%  ~1:35 left")]
)
def test_a_row_says_the_share_and_draws_a_bar_where_there_is_room(cells: int, said: str) -> None:
    board = Board()
    apply(board, scenes.a_run_in_progress())
    board.progress = {TRAIN: 0.62}
    listed = arrange(board, View())
    widths = rows.columns(listed, cells)
    shown = [
        spans.plain(rows.line(row, widths, Scene(board, scenes.NOW), selected=False))
        for row in listed
    ]
    assert [line for line in shown if said in line] == [line for line in shown if TRAIN in line][:1]
    assert "%" not in "".join(line for line in shown if said not in line)
