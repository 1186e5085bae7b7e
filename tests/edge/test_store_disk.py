"""What a file system is like, tried on the one of the tests."""

import os
from pathlib import Path

from pivot_core.store import disk
from pivot_core.store.disk import Nature


def test_the_file_system_of_a_path_is_that_of_its_mount(tmp_path: Path) -> None:
    found = disk.file_system(str(tmp_path / "not" / "there"))
    assert found.nature is not Nature.UNKNOWN
    assert os.path.ismount(found.mount)
    assert disk.file_system("/proc/self").kind == "proc"
    if os.path.ismount("/dev/shm"):
        shared = disk.file_system("/dev/shm")
        assert (shared.nature, shared.mount) == (Nature.MEMORY, "/dev/shm")


def test_links_are_tried_and_nothing_is_left(tmp_path: Path) -> None:
    here, there = tmp_path / "a", tmp_path / "b"
    found = disk.links(str(here), str(there))
    assert set(found) == {"reflink", "hardlink", "symlink"}
    assert found["hardlink"] == found["symlink"] == ""
    assert [*here.iterdir(), *there.iterdir()] == []


def test_a_link_between_two_file_systems_says_why_not(tmp_path: Path) -> None:
    found = disk.links(str(tmp_path), "/proc/self")
    assert found["hardlink"] != ""


def test_the_clock_moves_and_is_this_machine_s(tmp_path: Path) -> None:
    found = disk.clock(str(tmp_path))
    assert found.step_ns is None or found.step_ns > 0
    assert abs(found.ahead_s) < 2
    assert list(tmp_path.iterdir()) == []


def test_there_is_room(tmp_path: Path) -> None:
    found = disk.room(str(tmp_path))
    assert 0 < found.free_bytes <= found.total_bytes
