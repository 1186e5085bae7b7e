"""Several commands in one project share one engine, and none harms another's run."""

import json
import signal
import socket
import time
from collections import Counter
from pathlib import Path

import pytest

from pivot_core.store.layout import Layout
from tests.chaos.pipes import Pipes
from tests.support import launcher
from tests.support.launcher import Launcher
from tests.support.oracle import Layered
from tests.support.project import Project

SLOW = """
def slow() -> Annotated[str, Out("slow.txt", Text())]:
    note("slow")
    meet("slow")
    return "slow"

def quick() -> Annotated[str, Out("quick.txt", Text())]:
    note("quick")
    return "quick"

pipeline.register(slow)
pipeline.register(quick)
"""


def _together(pivot: Launcher, root: Path, count: int, rounds: int) -> None:
    made = Layered(root, 8)
    names = {"one", "two", "three", *(f"layer@{number}" for number in range(8))}
    for _ in range(rounds):
        made.edit_all()
        started = [pivot.start(root, "repro") for _ in range(count)]
        done = [command.wait() for command in started]
        assert [each.code for each in done] == [0] * count, [each.err for each in done]
        assert made.found() == made.expected()
        assert Counter(made.project.ran_log()) == Counter(names)
        assert launcher.gone_within(root, 15.0) == []


def test_two_at_once_run_each_stage_once(pivot: Launcher, root: Path) -> None:
    _together(pivot, root, 2, rounds=1)


@pytest.mark.long
def test_eight_at_once_run_each_stage_once(pivot: Launcher, root: Path) -> None:
    _together(pivot, root, 8, rounds=5)


@pytest.fixture
def slow(root: Path) -> Project:
    return Project(root, SLOW)


def _wait_until_handed_over(root: Path) -> None:
    """Waits until the live engine has two requests."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(Layout.at(str(root)).socket_path)
        line.sendall(b'{"jsonrpc":"2.0","id":1,"method":"subscribe"}\n')
        with line.makefile() as lines:
            for text in lines:
                told = json.loads(text)
                snapshot = told.get("result")
                if (snapshot and snapshot["queue"]) or "RunQueued" in text or "run_queued" in text:
                    return


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_the_end_of_a_client_ends_its_own_request_alone(
    pivot: Launcher, slow: Project, number: signal.Signals
) -> None:
    pipes = Pipes(slow.root)
    first = pivot.start(slow.root, "repro")
    pipes.here()
    second = pivot.start(slow.root, "repro", "--force")
    _wait_until_handed_over(slow.root)
    second.signal(number)
    codes = {signal.SIGKILL: -9, signal.SIGINT: 130, signal.SIGTERM: 143}
    assert second.wait().code == codes[number]
    pipes.go()
    is_pending = number is signal.SIGKILL  # nobody took the request back: it moves on
    done = first.wait()
    assert done.code == 0, done
    if is_pending:
        pipes.here()
        pipes.go()
    left = launcher.gone_within(slow.root, 15.0)
    assert left == [], launcher.describe(left)
    assert Counter(slow.ran_log()) == {"slow": 1 + is_pending, "quick": 1 + is_pending}
    pipes.close()


def test_a_request_outlives_the_command_that_was_its_engine(pivot: Launcher, slow: Project) -> None:
    pipes = Pipes(slow.root)
    first = pivot.start(slow.root, "repro")
    pipes.here()
    second = pivot.start(slow.root, "repro", "--force")
    _wait_until_handed_over(slow.root)
    pipes.go()
    assert first.wait().code == 0
    pipes.here()
    pipes.go()
    done = second.wait()
    assert done.code == 0, done
    assert Counter(slow.ran_log()) == {"slow": 2, "quick": 2}
    left = launcher.gone_within(slow.root, 15.0)
    assert left == [], launcher.describe(left)
    pipes.close()


def test_the_engines_end_by_kill_lets_the_client_become_the_engine(
    pivot: Launcher, slow: Project
) -> None:
    pipes = Pipes(slow.root)
    first = pivot.start(slow.root, "repro")
    pipes.here()
    second = pivot.start(slow.root, "repro")
    _wait_until_handed_over(slow.root)
    first.signal(signal.SIGKILL)
    assert first.wait().code == -9
    pipes.here()
    pipes.go()
    done = second.wait()
    assert done.code == 0, done
    assert slow.get("slow.txt") == "slow"
    pipes.close()


def test_another_environment_waits_and_says_for_whom(pivot: Launcher, slow: Project) -> None:
    pipes = Pipes(slow.root)
    first = pivot.start(slow.root, "repro")
    pipes.here()
    second = pivot.start(slow.root, "repro", PIVOT_SOMETHING="else")
    deadline = time.monotonic() + 20
    while "waiting for" not in second.complained() and time.monotonic() < deadline:
        assert not second.ended_within(0.05)
    assert f"pid {first.pid}" in second.complained()
    pipes.go()
    assert first.wait().code == 0
    assert second.wait().code == 0
    assert Counter(slow.ran_log()) == {"slow": 1, "quick": 1}
    pipes.close()
