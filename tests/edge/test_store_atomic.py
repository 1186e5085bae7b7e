"""Writing files whole, and the durability points."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pivot_core.errors import StoreError, UsageError
from pivot_core.store import atomic

WRITE = "import sys; from pivot_core.store import atomic; atomic.write_file(sys.argv[1], b'new')"


def test_a_written_file_has_the_mode_that_the_umask_leaves(tmp_path: Path) -> None:
    atomic.write_file(str(tmp_path / "a" / "b" / "c"), b"x", mode=0o600)
    found = tmp_path / "a" / "b" / "c"
    assert found.read_bytes() == b"x"
    assert found.stat().st_mode & 0o777 == 0o600
    assert os.listdir(found.parent) == ["c"]


def test_a_crash_at_any_point_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    target = tmp_path / "f"
    seen = list[bytes]()
    for number in range(1, 10):
        target.write_bytes(b"old")
        env = {**os.environ, "PIVOT_FAULT": f"crash:{number}"}
        done = subprocess.run([sys.executable, "-c", WRITE, str(target)], env=env, check=False)
        seen.append(target.read_bytes())
        if done.returncode == 0:
            break
        assert done.returncode == 137
    assert seen == [b"old", b"old", b"new", b"new"]
    assert atomic.sweep(str(tmp_path)) == 1
    assert os.listdir(tmp_path) == ["f"]


def test_a_full_disk_at_any_point_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "f"
    target.write_bytes(b"old")
    for number in (1, 2):
        monkeypatch.setenv("PIVOT_FAULT_COUNTER", str(tmp_path.parent / f"count{number}"))
        monkeypatch.setenv("PIVOT_FAULT", f"enospc:{number}")
        with pytest.raises(StoreError) as caught:
            atomic.write_file(str(target), b"new")
        assert "no space left on device" in caught.value.what
        assert "MiB are free on the disk" in caught.value.hint
        assert os.listdir(tmp_path) == ["f"]
        assert target.read_bytes() == b"old"


def test_points_are_counted_over_processes(tmp_path: Path) -> None:
    counter = tmp_path / "counter"
    env = {**os.environ, "PIVOT_FAULT": "crash:1000", "PIVOT_FAULT_COUNTER": str(counter)}
    for _ in range(2):
        subprocess.run([sys.executable, "-c", WRITE, str(tmp_path / "f")], env=env, check=True)
    assert counter.stat().st_size == 6


def test_a_fault_that_is_not_understood_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIVOT_FAULT", "flood:x")
    with pytest.raises(UsageError, match="PIVOT_FAULT"):
        atomic.point("anything")


def test_only_files_of_the_prefix_are_swept(tmp_path: Path) -> None:
    for name in (".pivot-tmp-1-1", "mine", ".pivot-tmp-2-9"):
        (tmp_path / name).touch()
    assert atomic.sweep(str(tmp_path)) == 2
    assert os.listdir(tmp_path) == ["mine"]
    assert atomic.sweep(str(tmp_path / "none")) == 0


def test_a_note_leads_the_sweep_to_a_file_elsewhere(tmp_path: Path) -> None:
    tmp, elsewhere = tmp_path / "tmp", tmp_path / "data"
    elsewhere.mkdir()
    stale, precious = elsewhere / ".pivot-tmp-5-5", elsewhere / "precious"
    stale.touch()
    precious.touch()
    atomic.note_beside(str(tmp), str(stale))
    atomic.note_beside(str(tmp), str(precious))
    assert atomic.sweep(str(tmp)) == 2
    assert os.listdir(elsewhere) == ["precious"]
    assert os.listdir(tmp) == []


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (errno.EDQUOT, "are free"),
        (errno.EACCES, "owner and permissions"),
        (errno.EROFS, "read-only"),
        (errno.EIO, ""),
    ],
)
def test_an_error_says_what_path_and_why(tmp_path: Path, code: int, hint: str) -> None:
    path = str(tmp_path / "no" / "such" / "file")
    error = atomic.store_error(OSError(code, os.strerror(code)), "write", path)
    assert error.what.startswith(f"cannot write '{path}': ")
    assert hint in error.hint
    assert error.exit_code == 4


def test_a_barrier_flushes_and_a_missing_path_is_an_error(tmp_path: Path) -> None:
    atomic.barrier(str(tmp_path))
    with pytest.raises(OSError, match="No such file"):
        atomic.barrier(str(tmp_path / "none"))


def test_the_boot_has_a_name() -> None:
    assert atomic.boot_id() == atomic.boot_id() != ""
