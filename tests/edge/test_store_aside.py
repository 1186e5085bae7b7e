"""Moving old outs aside, and putting them back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pivot_core.errors import StoreError
from pivot_core.model.ids import ArtifactPath
from pivot_core.store import aside
from pivot_core.store.layout import Layout

PATHS = [ArtifactPath(path) for path in ("data/a.csv", "data/dir/", "b", "none/at/all")]
OLD = {"data/a.csv": b"a", "data/dir/x/y": b"y", "b": b"b"}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "p" / ".pivot").mkdir(parents=True)
    return Layout.at(str(tmp_path / "p"))


def write(layout: Layout, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        path = Path(layout.root) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def read(layout: Layout) -> dict[str, bytes]:
    root = Path(layout.root)
    found = [
        path for path in root.rglob("*") if path.is_file() and root / ".pivot" not in path.parents
    ]
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def test_outs_go_aside_and_come_back(layout: Layout) -> None:
    write(layout, OLD)
    moved = aside.move_aside(layout, "run/stage@1/1", PATHS)
    assert read(layout) == {}
    where = moved.location(PATHS[0])
    assert where is not None
    assert Path(where).read_bytes() == b"a"
    assert moved.location(PATHS[3]) is None
    aside.put_back(moved)
    assert read(layout) == OLD
    assert os.listdir(layout.aside_dir) == []


def test_what_a_failed_attempt_left_is_removed(layout: Layout) -> None:
    write(layout, OLD)
    moved = aside.move_aside(layout, "k", PATHS)
    write(layout, {"data/a.csv": b"part", "data/dir/z": b"part", "none/at/all": b"part"})
    aside.put_back(moved)
    assert read(layout) == OLD


def test_partial_outs_go_even_when_there_were_none_before(layout: Layout) -> None:
    moved = aside.move_aside(layout, "k", PATHS)
    assert not os.path.exists(layout.aside_dir)
    write(layout, {"b": b"part"})
    aside.put_back(moved)
    aside.drop(moved)
    assert read(layout) == {}


def test_a_success_drops_the_old_outs(layout: Layout) -> None:
    write(layout, OLD)
    moved = aside.move_aside(layout, "k", PATHS)
    write(layout, {"b": b"new"})
    aside.drop(moved)
    assert read(layout) == {"b": b"new"}
    assert os.listdir(layout.aside_dir) == []


def test_links_are_moved_and_not_followed(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "canary").write_bytes(b"precious")
    (Path(layout.root) / "b").symlink_to(tmp_path / "canary")
    moved = aside.move_aside(layout, "k", [ArtifactPath("b")])
    aside.drop(moved)
    assert (tmp_path / "canary").read_bytes() == b"precious"


@pytest.mark.parametrize("path", ["link/b", "../canary", ".pivot/config.yaml"])
def test_nothing_outside_the_project_is_moved(layout: Layout, tmp_path: Path, path: str) -> None:
    (tmp_path / "canary").mkdir()
    (tmp_path / "canary" / "b").write_bytes(b"precious")
    (Path(layout.root) / "link").symlink_to(tmp_path / "canary")
    write(layout, {"a": b"a", ".pivot/config.yaml": b""})
    with pytest.raises(StoreError, match="refusing"):
        aside.move_aside(layout, "k", [ArtifactPath("a"), ArtifactPath(path)])
    assert read(layout)["a"] == b"a"
    assert (tmp_path / "canary" / "b").read_bytes() == b"precious"
    assert os.listdir(layout.aside_dir) == []


MOVE = """
import os, sys
from pivot_core.store import aside, layout
here = layout.Layout.at(sys.argv[1])
moved = aside.move_aside(here, "k", ["data/a.csv", "data/dir/", "b"])
if len(sys.argv) > 2:
    aside.put_back(moved)
"""


@pytest.mark.parametrize("more", [(), ("back",)])
def test_after_a_crash_at_any_point_the_sweep_puts_everything_back(
    layout: Layout, more: tuple[str, ...]
) -> None:
    for number in range(1, 30):
        write(layout, OLD)
        env = {**os.environ, "PIVOT_FAULT": f"crash:{number}"}
        command = [sys.executable, "-c", MOVE, layout.root, *more]
        done = subprocess.run(command, env=env, check=False)
        aside.sweep(layout)
        assert read(layout) == OLD
        assert os.listdir(layout.aside_dir) == []
        if done.returncode == 0:
            break
        assert done.returncode == 137
    else:
        pytest.fail("the points never end")


def test_the_sweep_leaves_a_new_out_where_it_is(layout: Layout) -> None:
    write(layout, OLD)
    aside.move_aside(layout, "k", PATHS)
    write(layout, {"b": b"new"})
    aside.sweep(layout)
    assert read(layout) == {**OLD, "b": b"new"}


@pytest.mark.parametrize(
    "manifest",
    [b"", b"{", b"[]", b'{"places": 3}', b'{"places": ["../../canary"]}', b'{"places": ["/canary"]}',
     b'{"places": [".git/hooks/x"]}', b"\xff", b"[" * 100_000],
)  # fmt: skip
def test_a_manifest_that_lies_puts_nothing_anywhere(
    layout: Layout, tmp_path: Path, manifest: bytes
) -> None:
    directory = Path(layout.aside_dir) / "k"
    directory.mkdir(parents=True)
    (directory / "manifest.json").write_bytes(manifest)
    (directory / "0").write_bytes(b"evil")
    aside.sweep(layout)
    assert read(layout) == {}
    assert os.listdir(tmp_path) == ["p"]
    assert os.listdir(layout.aside_dir) == []


def test_a_full_disk_at_any_point_leaves_the_outs(
    layout: Layout, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    write(layout, OLD)
    for number in range(1, 20):
        counter = tmp_path / f"count{number}"
        monkeypatch.setenv("PIVOT_FAULT", f"enospc:{number}")
        monkeypatch.setenv("PIVOT_FAULT_COUNTER", str(counter))
        try:
            aside.put_back(aside.move_aside(layout, "k", PATHS[:3]))
        except StoreError as error:
            assert "no space left" in error.what  # noqa: PT017  the last number succeeds
        monkeypatch.delenv("PIVOT_FAULT")
        aside.sweep(layout)
        assert read(layout) == OLD
        if counter.stat().st_size < number:
            break


def test_another_file_system_is_no_obstacle(layout: Layout) -> None:
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == os.stat(layout.root).st_dev:
        pytest.skip("there is one file system only")
    away = shm / f"pivot-aside-{os.getpid()}"
    away.mkdir()
    try:
        os.symlink(away, layout.aside_dir)
        write(layout, OLD)
        moved = aside.move_aside(layout, "k", PATHS)
        assert read(layout) == {}
        aside.put_back(moved)
        assert read(layout) == OLD
    finally:
        subprocess.run(["rm", "-rf", str(away)], check=True)
