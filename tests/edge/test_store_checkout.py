"""Putting cached contents in their place."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pivot_core.errors import StoreError
from pivot_core.model.artifact import Content, FileContent, TreeContent
from pivot_core.model.ids import ArtifactPath, ContentHash
from pivot_core.store import atomic, checkout, content
from pivot_core.store.cache import LINKS, BadObject, Cache
from pivot_core.store.hashing import BLOCK, Signature
from pivot_core.store.ignore import Ignore
from pivot_core.store.layout import Layout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "project"
    (path / ".pivot").mkdir(parents=True)
    return path


@pytest.fixture
def cache(root: Path) -> Cache:
    return Cache(Layout.at(str(root)))


def put(cache: Cache, data: bytes, mode: int = 0o644) -> FileContent:
    path = Path(cache.layout.root) / ".pivot" / "source"
    path.write_bytes(data)
    path.chmod(mode)
    found = cache.put_file(str(path))
    path.unlink()
    return found


def put_tree(cache: Cache, files: dict[str, bytes]) -> TreeContent:
    return content.tree(tuple([(path, put(cache, data)) for path, data in sorted(files.items())]))


def restore(cache: Cache, path: str, wanted: Content, *links: str) -> checkout.Verified:
    return checkout.restore(cache, ArtifactPath(path), wanted, links=links or None)


def files_below(path: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()
    }


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("size", [0, 5, 2 * BLOCK + 1])
def test_a_file_is_restored_in_each_way(cache: Cache, root: Path, link: str, size: int) -> None:
    data = os.urandom(size)
    found = put(cache, data)
    path = root / "a" / "b" / "f"
    for _ in range(2):
        restore(cache, "a/b/f", found, link)
        assert path.read_bytes() == data
        is_link = link in ("hardlink", "symlink")
        assert path.samefile(cache.layout.object_path(found.hash)) == is_link
        assert stat.S_IMODE(path.stat().st_mode) == (0o444 if is_link else 0o644)
    assert os.listdir(cache.layout.tmp_dir) == []
    assert os.listdir(path.parent) == ["f"]


def test_a_moved_project_keeps_its_symbolic_links(cache: Cache, root: Path) -> None:
    restore(cache, "a/f", put(cache, b"x"), "symlink")
    moved = root.rename(root.with_name("moved"))
    assert (moved / "a" / "f").read_bytes() == b"x"


@pytest.mark.parametrize("link", LINKS)
def test_the_executable_bit_comes_back_and_only_where_it_was(
    cache: Cache, root: Path, link: str
) -> None:
    restore(cache, "run", put(cache, b"same", 0o755), link)
    restore(cache, "text", put(cache, b"same"), link)
    assert os.access(root / "run", os.X_OK)
    assert (root / "text").stat().st_mode & 0o111 == 0


def test_a_private_file_stays_private(cache: Cache, root: Path) -> None:
    restore(cache, "f", put(cache, b"secret", 0o700))
    assert stat.S_IMODE((root / "f").stat().st_mode) == 0o700


@pytest.mark.parametrize("before", ["file", "read-only", "symlink", "broken", "directory", "fifo"])
def test_whatever_lies_there_is_replaced(cache: Cache, root: Path, before: str) -> None:
    path, other = root / "f", root / "other"
    other.write_bytes(b"other")
    match before:
        case "file":
            path.write_bytes(b"old")
        case "read-only":
            path.write_bytes(b"old")
            path.chmod(0o400)
        case "symlink":
            path.symlink_to("other")
        case "broken":
            path.symlink_to("nowhere")
        case "directory":
            (path / "sub").mkdir(parents=True)
            (path / "sub" / "x").touch()
        case _:
            os.mkfifo(path)
    restore(cache, "f", put(cache, b"new"))
    assert path.read_bytes() == b"new"
    assert not path.is_symlink()
    assert other.read_bytes() == b"other"


def test_a_directory_holds_exactly_its_files(cache: Cache, root: Path) -> None:
    old = put_tree(
        cache, {"a": b"1", "sub/b": b"2", "gone/deep/c": b"3", "kind": b"4", "d/e": b"5"}
    )
    new_files = {"a": b"1", "sub/b": b"22", "kind/f": b"6", "d": b"7"}
    restore(cache, "out/", old)
    before = (root / "out" / "a").stat()
    (root / "out" / "link").symlink_to("/etc")
    (root / "out" / "empty" / "dir").mkdir(parents=True)
    restore(cache, "out/", put_tree(cache, new_files))
    assert files_below(root / "out") == new_files
    assert sorted(os.listdir(root / "out")) == ["a", "d", "kind", "sub"]
    assert (root / "out" / "a").stat() == before
    restore(cache, "out/", content.tree(()))
    assert os.listdir(root / "out") == []


@pytest.mark.parametrize("link", LINKS)
def test_a_directory_is_restored_in_each_way(cache: Cache, root: Path, link: str) -> None:
    files = {"a": b"1", "sub/b": os.urandom(BLOCK)}
    tree = put_tree(cache, files)
    restore(cache, "out/", tree, link)
    assert files_below(root / "out") == files
    assert cache.measure(str(root / "out")) == tree


def test_a_file_in_place_of_the_directory_is_replaced(cache: Cache, root: Path) -> None:
    (root / "out").write_bytes(b"a file")
    restore(cache, "out/", put_tree(cache, {"a/b": b"1"}))
    assert files_below(root / "out") == {"a/b": b"1"}


def test_ignored_files_in_a_directory_are_left_alone(cache: Cache, root: Path) -> None:
    ignore = Ignore.parse(str(root), ".DS_Store\n/out/scratch/\n")
    for name in ("sub/.DS_Store", "scratch/x", "other/y"):
        (root / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (root / "out" / name).write_bytes(b"!")
    checkout.restore(cache, ArtifactPath("out/"), put_tree(cache, {"a": b"1"}), ignore=ignore)
    assert files_below(root / "out") == {"a": b"1", "sub/.DS_Store": b"!", "scratch/x": b"!"}


def test_a_file_of_the_same_size_with_other_bytes_is_replaced(cache: Cache, root: Path) -> None:
    tree = put_tree(cache, {"a": b"good"})
    restore(cache, "out/", tree)
    (root / "out" / "a").write_bytes(b"evil")
    restore(cache, "out/", tree)
    assert files_below(root / "out") == {"a": b"good"}


@pytest.mark.parametrize(
    "path",
    ["../canary/f", "/tmp/canary/f", "a/../../canary/f", "", ".git/hooks/post-commit", ".pivot/config.yaml",
     "a\\..\\b", "a//b", "./f", "link/f", "link/", "deep/link/f"],
)  # fmt: skip
def test_nothing_is_written_outside_the_project(cache: Cache, root: Path, path: str) -> None:
    canary = root.parent / "canary"
    canary.mkdir()
    (canary / "f").write_bytes(b"precious")
    (root / "deep").mkdir()
    (root / "link").symlink_to(canary)
    (root / "deep" / "link").symlink_to(canary)
    wanted = put_tree(cache, {"f": b"evil"}) if path.endswith("/") else put(cache, b"evil")
    with pytest.raises(StoreError, match="refusing to write"):
        restore(cache, path, wanted)
    assert files_below(canary) == {"f": b"precious"}
    assert os.listdir(root) == sorted(os.listdir(root), key=os.listdir(root).index)


def test_a_link_inside_a_directory_is_replaced_and_not_followed(cache: Cache, root: Path) -> None:
    canary = root.parent / "canary"
    canary.mkdir()
    (canary / "f").write_bytes(b"precious")
    (root / "out").mkdir()
    (root / "out" / "sub").symlink_to(canary)
    restore(cache, "out/", put_tree(cache, {"sub/f": b"ours"}))
    assert files_below(root / "out") == {"sub/f": b"ours"}
    assert files_below(canary) == {"f": b"precious"}


@pytest.mark.parametrize("link", LINKS)
@pytest.mark.parametrize("size", [50, 2 * BLOCK])
def test_a_bad_object_is_never_handed_out(cache: Cache, root: Path, link: str, size: int) -> None:
    found = put(cache, os.urandom(size))
    path = Path(cache.layout.object_path(found.hash))
    data = bytearray(path.read_bytes())
    data[size // 2] ^= 1
    path.unlink()
    path.write_bytes(data)
    (root / "f").write_bytes(b"old")
    with pytest.raises(BadObject, match="holds other bytes"):
        restore(cache, "f", found, link)
    assert (root / "f").read_bytes() == b"old"
    assert not cache.has(found.hash, size)
    assert os.listdir(cache.layout.corrupt_dir) == [found.hash]
    assert os.listdir(cache.layout.tmp_dir) == []
    with pytest.raises(BadObject, match="is missing"):
        restore(cache, "f", found, link)


def test_what_was_hashed_is_reported_so_that_it_can_be_trusted(cache: Cache) -> None:
    found = put(cache, b"data")
    known = dict(restore(cache, "f", found, "hardlink"))
    answers = list[bool]()

    def trusted(content_hash: ContentHash, sign: Signature) -> bool:
        answers.append(known.get(content_hash) == sign)
        return answers[-1]

    for path in ("f", "g"):
        known.update(
            checkout.restore(cache, ArtifactPath(path), found, links=("hardlink",), trusted=trusted)
        )
    assert answers == [True, True]


@pytest.mark.parametrize("link", LINKS)
def test_a_full_disk_at_any_point_leaves_the_old_file(
    cache: Cache, root: Path, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = put(cache, b"new")
    (root / "f").write_bytes(b"old")
    for number in (1, 2):
        monkeypatch.setenv("PIVOT_FAULT_COUNTER", str(root.parent / f"count{number}"))
        monkeypatch.setenv("PIVOT_FAULT", f"enospc:{number}")
        with pytest.raises(StoreError, match="cannot restore"):
            restore(cache, "f", found, link)
        assert (root / "f").read_bytes() == b"old"
        assert sorted(os.listdir(root)) == [".pivot", "f"]
        assert os.listdir(cache.layout.tmp_dir) == []


RESTORE = """
import sys
from pivot_core.store import cache, checkout, content, layout
source = cache.Cache(layout.Layout.at(sys.argv[1]))
tree = source.measure(sys.argv[1] + "/wanted")
checkout.restore(source, "out/", tree)
"""


def test_after_a_crash_at_any_point_every_file_is_whole(cache: Cache, root: Path) -> None:
    for name in ("a", "b"):
        path = root / "wanted" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(name.encode() * 10)
    wanted = cache.put_tree(str(root / "wanted"))
    for number in range(1, 20):
        (root / "out").mkdir(exist_ok=True)
        for name in ("a", "b"):
            (root / "out" / name).write_bytes(b"old")
        env = {**os.environ, "PIVOT_FAULT": f"crash:{number}"}
        done = subprocess.run([sys.executable, "-c", RESTORE, str(root)], env=env, check=False)
        left = files_below(root / "out")
        assert left.items() <= {("a", b"old"), ("b", b"old"), ("a", b"a" * 10), ("b", b"b" * 10)}
        if done.returncode == 0:
            break
        assert done.returncode == 137
        atomic.sweep(cache.layout.tmp_dir)
        assert os.listdir(cache.layout.tmp_dir) == []
    assert cache.measure(str(root / "out")) == wanted


def test_a_place_on_another_file_system_gets_its_file_too(cache: Cache, root: Path) -> None:
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == root.stat().st_dev:
        pytest.skip("there is one file system only")
    tmp = shm / f"pivot-test-{os.getpid()}"
    tmp.mkdir()
    try:
        # Temporary files are elsewhere: the same as a directory of the project that is a mount.
        (root / ".pivot" / "tmp").symlink_to(tmp)
        found = put(cache, b"data")
        restore(cache, "f", found)
        assert (root / "f").read_bytes() == b"data"
        assert sorted(os.listdir(root)) == [".pivot", "f"]
        assert os.listdir(tmp) == []
    finally:
        subprocess.run(["rm", "-rf", str(tmp)], check=True)


def test_a_manifest_that_contradicts_itself_is_refused(cache: Cache) -> None:
    file = put(cache, b"x")
    for tree in (
        TreeContent(file.hash, (("a", file), ("a/b", file))),
        TreeContent(file.hash, (("a/b", file), ("a", file))),
    ):
        with pytest.raises(StoreError, match="both a file and a directory"):
            restore(cache, "out/", tree)
