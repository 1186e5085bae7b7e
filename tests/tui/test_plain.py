"""The plain stream: what it says, and that each thing is said once."""

import io
from dataclasses import replace
from typing import override

import pytest

from pivot_core.port import (
    FilesChanged,
    Level,
    Notice,
    PivotError,
    PlanBroken,
    Problem,
    Published,
    RequestId,
    RunFinished,
    RunStarted,
    RunStatus,
    Snapshot,
    StageChanged,
    StageName,
    StageState,
    Status,
    StoreError,
    WatchChanged,
)
from pivot_tui import board as fold
from pivot_tui import plain
from pivot_tui.board import Board
from pivot_tui.plain import Teller
from tests.support.scripted_port import ScriptedPort
from tests.tui import scenes


class Listener:
    """A board with somebody who reads what is said of it."""

    def __init__(self) -> None:
        self.board = Board()
        self.said = list[str]()
        self.teller = Teller(self.board, self.said.append)

    def take(self, item: Published | Snapshot) -> list[str]:
        """Returns what one item makes it say."""
        before = len(self.said)
        self.teller.tell(fold.apply(self.board, item))
        return self.said[before:]


def test_the_first_lines_say_where_everything_stands() -> None:
    said = Listener().take(scenes.a_run_in_progress())
    assert said[0] == "attached: churn, 10 stages"
    assert said[1] == f"run {scenes.RUN}: running, 6 of 10 stages done"
    assert "features: ran in 1:08" in said
    assert "train@large: run" in said
    assert "train_baseline: fail in 7.3s (KeyError: 'label')" in said
    assert "compare_with_baseline: blocked (by train_baseline)" in said
    assert not any(line.startswith("evaluate@large") for line in said)


def test_a_change_is_said_once_and_the_end_of_the_run_after_its_stages() -> None:
    listener = Listener()
    listener.take(scenes.a_run_in_progress())
    train = StageName("train@large")
    ran = StageChanged(train, StageState(Status.RAN, scenes.RUN, 1, duration_s=246.0))
    assert listener.take(Published(41, ran)) == ["train@large: ran in 4:06"]
    assert listener.take(Published(42, ran)) == []
    run = scenes.run_state(RunStatus.FAILED)
    assert listener.take(Published(43, RunFinished(run))) == [
        f"run {scenes.RUN}: failed, 7 of 10 stages done"
    ]


def test_a_definition_that_cannot_be_used_and_notices_are_said() -> None:
    listener = Listener()
    listener.take(scenes.idle())
    broken = PlanBroken((Problem("two stages write 'x'", "", ""),))
    assert listener.take(Published(4, broken)) == ["pipeline: two stages write 'x'"]
    again = scenes.plan_changed(scenes.idle().stages, scenes.idle().states)
    assert "pipeline: whole again" in listener.take(Published(5, again))
    notice = Notice(Level.WARNING, "the cache is slow")
    assert listener.take(Published(6, notice)) == ["warning: the cache is slow"]


def test_what_is_watched_and_what_changed_is_said_and_no_run_that_found_nothing() -> None:
    listener = Listener()
    listener.take(scenes.a_run_that_is_done())
    on = WatchChanged(scenes.watch())
    run = replace(scenes.run_state(), run_id=scenes.OLDER, request_id=RequestId("watch.1"))
    said = [
        listener.take(Published(number, event))
        for number, event in enumerate(
            (
                on,
                FilesChanged(("model.py",), 4),
                RunStarted(run),
                *scenes.all_of(scenes.OLDER, Status.SAME),
                RunFinished(replace(run, status=RunStatus.DONE)),
                WatchChanged(None),
            ),
            91,
        )
    ]
    assert [line for lines in said for line in lines] == [
        "watching the whole pipeline",
        "changed: model.py and 3 more",
        "watching ended",
    ]


def test_it_ends_with_an_error_when_the_engine_is_gone() -> None:
    port = ScriptedPort(scenes.idle())

    class Out(io.StringIO):
        @override
        def write(self, s: str, /) -> int:
            if "attached: churn" in s:
                port.drop()
            return super().write(s)

    out = Out()
    with pytest.raises(StoreError, match="the engine is gone: the connection ended"):
        plain.run(port.connect, out)
    assert "engine lost: the connection ended" in out.getvalue()


def test_no_engine_is_an_error_that_says_why() -> None:
    async def connect() -> ScriptedPort:
        raise PivotError("no engine is live", "", "start one")

    with pytest.raises(StoreError, match="no engine is live"):
        plain.run(connect, io.StringIO())
