"""After ``kill -9`` of the engine at any moment the next run succeeds, skips nothing wrongly, and nothing is left."""

import random
import signal
import time
from pathlib import Path

import pytest

from tests.support import launcher
from tests.support.launcher import Launcher
from tests.support.oracle import Layered


def _kill_and_recover(pivot: Launcher, root: Path, kills: int, seed: int) -> None:
    made = Layered(root, 20, seed)
    chance = random.Random(seed)
    assert pivot.run(root, "repro").code == 0
    made.edit_all()
    began = time.monotonic()
    assert pivot.run(root, "repro").code == 0
    whole_s = time.monotonic() - began
    assert made.found() == made.expected()
    for number in range(kills):
        did = [made.edit() for _ in range(chance.randint(1, 3))]
        if number % 2:
            made.edit_all()
        command = pivot.start(root, "repro")
        ended = command.ended_within(chance.uniform(0.0, whole_s))
        if not ended:
            command.signal(signal.SIGKILL)
        assert command.wait().code in (0, -9)
        left = launcher.gone_within(root, 2.0)
        assert left == [], launcher.describe(left)
        done = pivot.run(root, "repro")
        assert done.code == 0, (did, done.err)
        assert made.found() == made.expected(), did
        assert made.project.leftovers() == [], did
        assert launcher.gone_within(root, 2.0) == []
    made.project.ran_log()
    assert pivot.run(root, "repro").out.startswith("up to date")
    assert made.project.ran_log() == []


def test_a_killed_engine_leaves_a_project_that_goes_on(pivot: Launcher, root: Path) -> None:
    _kill_and_recover(pivot, root, kills=3, seed=int(time.time()))


@pytest.mark.long
@pytest.mark.timeout(900)
def test_fifty_killed_engines_leave_a_project_that_goes_on(pivot: Launcher, root: Path) -> None:
    _kill_and_recover(pivot, root, kills=50, seed=int(time.time()))
