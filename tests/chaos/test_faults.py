"""A crash, or a full disk, at each moment between two writes costs work at most."""

from pathlib import Path

import pytest

from tests.support import launcher
from tests.support.launcher import Launcher
from tests.support.oracle import Layered


class _Walk:
    """One project whose runs are made to fail at the n-th durability point, n = 1 … end."""

    def __init__(self, pivot: Launcher, root: Path, width: int) -> None:
        self._pivot: Launcher = pivot
        self._root: Path = root
        self.made: Layered = Layered(root, width)
        self.recover()

    def recover(self) -> None:
        """Runs without a fault; everything must be as from scratch, and stay so."""
        done = self._pivot.run(self._root, "repro")
        assert done.code == 0, done.err
        assert self.made.found() == self.made.expected()
        assert self.made.project.leftovers() == []

    def fail(self, fault: str) -> tuple[launcher.Done, int]:
        """Runs with a fault; returns how it ended and how many points it passed."""
        counter = self._root.parent / "points"
        counter.unlink(missing_ok=True)
        done = self._pivot.run(
            self._root, "repro", PIVOT_FAULT=fault, PIVOT_FAULT_COUNTER=str(counter)
        )
        return done, counter.stat().st_size if counter.exists() else 0


def _walk_crashes(pivot: Launcher, root: Path, step: int) -> int:
    walk = _Walk(pivot, root, width=2)
    point = 1
    while True:
        walk.made.edit_all()
        if point % 3 == 0:
            walk.made.edit()
        done, points = walk.fail(f"crash:{point}")
        left = launcher.gone_within(root, 2.0)
        assert left == [], (point, launcher.describe(left))
        assert "Traceback" not in done.err, (point, done.err)
        if points < point:
            assert done.code == 0
            return points
        walk.recover()
        point += step


def _walk_full_disks(pivot: Launcher, root: Path, step: int) -> int:
    walk = _Walk(pivot, root, width=2)
    project = walk.made.project
    point = 1
    while True:
        walk.made.edit_all()
        before, locks = walk.made.found(), _locks(root)
        done, points = walk.fail(f"enospc:{point}")
        if points < point:
            assert done.code == 0
            return points
        assert "Traceback" not in done.err + done.out, (point, done)
        assert done.code in (0, 1, 4), (point, done)
        if done.code:
            assert "no space left" in (done.err + done.out).lower(), (point, done)
        assert _is_whole(walk.made, before), point
        for path, text in _locks(root).items():
            assert text.endswith("}\n"), (point, path, text)
        assert set(locks) == set(_locks(root)), point
        assert project.leftovers() == [], point
        walk.recover()
        point += step


def _is_whole(made: Layered, before: dict[str, str]) -> bool:
    """Tells whether each out is the old one or the new one, and none is lost."""
    wanted, found = made.expected(), made.found()
    return found.keys() == before.keys() and all(
        text in (before[path], wanted[path]) for path, text in found.items()
    )


def _locks(root: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (root / ".pivot/stages").iterdir()}


def test_a_crash_between_two_writes_costs_work_at_most(pivot: Launcher, root: Path) -> None:
    assert _walk_crashes(pivot, root, step=43) > 30


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_crash_at_every_point_costs_work_at_most(pivot: Launcher, root: Path) -> None:
    assert _walk_crashes(pivot, root, step=1) > 30


def test_a_disk_that_fills_up_fails_plainly(pivot: Launcher, root: Path) -> None:
    assert _walk_full_disks(pivot, root, step=43) > 30


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_disk_full_at_every_point_fails_plainly(pivot: Launcher, root: Path) -> None:
    assert _walk_full_disks(pivot, root, step=1) > 30
