"""The cache: what enters it, what it holds, what it refuses to hand out."""

import errno
import os
import pickle
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

import pytest

from pivot_core.errors import StoreError
from pivot_core.model.artifact import FileContent, Missing, TreeContent
from pivot_core.model.ids import ContentHash, Json
from pivot_core.store import hashing
from pivot_core.store.cache import BadObject, Cache
from pivot_core.store.hashing import BLOCK, Signature
from pivot_core.store.layout import Layout
from tests.support.loading import in_child

SIZES = [0, 1, 1000, BLOCK - 1, BLOCK, 2 * BLOCK + 3]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / ".pivot").mkdir()
    return Layout.at(str(tmp_path))


@pytest.fixture
def cache(layout: Layout) -> Cache:
    return Cache(layout)


def make(layout: Layout, name: str, data: bytes = b"some bytes", mode: int = 0o644) -> str:
    path = f"{layout.root}/{name}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, mode)
    return path


def object_of(layout: Layout, content: FileContent) -> Path:
    return Path(layout.object_path(content.hash))


@pytest.fixture(autouse=True)
def no_temporary_file_stays(layout: Layout) -> Iterator[None]:
    yield
    for directory in (layout.tmp_dir, layout.cache_tmp_dir):
        assert not os.path.exists(directory) or os.listdir(directory) == []


@pytest.mark.parametrize("size", SIZES)
def test_a_file_enters_under_its_hash_read_only(cache: Cache, layout: Layout, size: int) -> None:
    data = os.urandom(size)
    found = cache.put_file(make(layout, "f", data))
    assert found == FileContent(hashing.hash_bytes(data), size)
    assert object_of(layout, found).read_bytes() == data
    assert stat.S_IMODE(object_of(layout, found).stat().st_mode) == 0o444
    assert cache.has(found.hash, size)


def test_a_small_file_costs_one_look_and_one_temporary_file(cache: Cache, layout: Layout) -> None:
    cache.put_file(make(layout, "before", b"makes the directories"))
    path = make(layout, "f")

    def opened() -> list[Json]:
        found = list[Json]()
        sys.addaudithook(lambda event, given: event == "open" and found.append(str(given[0])))
        Cache(layout).put_file(path)
        return [*found]

    looked, written = cast("list[str]", in_child(opened))
    assert looked == path
    assert written.startswith(layout.cache_tmp_dir)


@pytest.mark.parametrize("size", SIZES)
def test_measuring_gives_the_same_content_and_caches_nothing(
    cache: Cache, layout: Layout, size: int
) -> None:
    path = make(layout, "f", os.urandom(size), 0o755)
    measured = cache.measure(path)
    assert not os.path.exists(layout.cache_dir)
    assert cache.put(path) == measured


def test_an_object_that_is_there_is_not_written_again(cache: Cache, layout: Layout) -> None:
    for size in (10, 2 * BLOCK):
        path = make(layout, "f", b"x" * size)
        found = cache.put_file(path)
        before = object_of(layout, found).stat()
        assert cache.put_file(path) == found
        assert object_of(layout, found).stat() == before


def test_a_directory_is_cached_file_by_file(cache: Cache, layout: Layout) -> None:
    make(layout, "d/a", b"a", 0o755)
    make(layout, "d/sub/b", b"b")
    found = cache.put(f"{layout.root}/d")
    assert isinstance(found, TreeContent)
    assert [path for path, _ in found.files] == ["a", "sub/b"]
    assert found.files[0][1].executable
    assert cache.has_all(found)
    os.unlink(layout.object_path(found.files[1][1].hash))
    assert not cache.has_all(found)
    assert cache.measure(f"{layout.root}/d") == found


def test_nothing_is_missing(cache: Cache, layout: Layout) -> None:
    assert cache.put(f"{layout.root}/none") == Missing() == cache.measure(f"{layout.root}/none")


@pytest.mark.parametrize(("mode", "expected"), [(0o600, 0o400), (0o640, 0o440), (0o200, 0o400)])
def test_an_object_is_no_wider_than_its_file(
    cache: Cache, layout: Layout, mode: int, expected: int
) -> None:
    for name, size in (("small", 3), ("big", BLOCK)):
        path = make(layout, name, name.encode() * size, mode)
        if os.access(path, os.R_OK):
            found = cache.put_file(path)
            assert stat.S_IMODE(object_of(layout, found).stat().st_mode) == expected


def test_the_umask_narrows_objects_and_directories(layout: Layout) -> None:
    make(layout, "f")
    code = (
        "import os,sys; os.umask(0o077); from pivot_core.store import cache, layout;"
        "here=layout.Layout.at(sys.argv[1]); cache.Cache(here).put_file(sys.argv[1]+'/f')"
    )
    subprocess.run([sys.executable, "-c", code, layout.root], check=True)
    found = hashing.hash_file(f"{layout.root}/f")
    assert stat.S_IMODE(object_of(layout, found).stat().st_mode) == 0o400
    assert stat.S_IMODE(os.stat(layout.objects_dir).st_mode) == 0o700


@pytest.mark.parametrize("link", ["hardlink", "symlink"])
@pytest.mark.parametrize("size", [10, 2 * BLOCK])
def test_a_cached_file_becomes_a_link_where_that_is_wanted(
    layout: Layout, link: str, size: int
) -> None:
    cache = Cache(layout, [link])
    data = os.urandom(size)
    for name in ("d/f", "d/g"):
        path = make(layout, name, data)
        found = cache.put_file(path)
        assert os.path.samefile(path, layout.object_path(found.hash))
        assert os.path.islink(path) == (link == "symlink")
        assert stat.S_IMODE(object_of(layout, found).stat().st_mode) == 0o444
        assert cache.put_file(path) == found
    assert (Path(layout.root) / "d" / "f").read_bytes() == data
    if link == "symlink":
        assert not os.path.isabs(os.readlink(f"{layout.root}/d/f"))


@pytest.mark.parametrize("link", ["hardlink", "symlink"])
def test_an_executable_file_is_never_a_link(layout: Layout, link: str) -> None:
    path = make(layout, "run", b"#!", 0o755)
    found = Cache(layout, [link]).put_file(path)
    assert found.executable
    assert not os.path.samefile(path, layout.object_path(found.hash))
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o755


def test_a_link_that_a_stage_wrote_through_gets_an_object_of_its_own(layout: Layout) -> None:
    cache = Cache(layout, ["hardlink"])
    path = make(layout, "f", b"one")
    old = cache.put_file(path)
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.write(b"two")
    new = cache.put_file(path)
    assert object_of(layout, new).read_bytes() == b"two"
    with pytest.raises(BadObject, match="holds other bytes"):
        cache.check(old)


def test_links_fall_back_to_a_copy_where_the_file_system_has_none(layout: Layout) -> None:
    shared = Layout(layout.root, "/dev/shm/" + os.path.basename(layout.root) + str(os.getpid()))
    if not os.path.isdir("/dev/shm") or os.stat("/dev/shm").st_dev == os.stat(layout.root).st_dev:
        pytest.skip("there is one file system only")
    path = make(layout, "f", b"x" * BLOCK)
    try:
        found = Cache(shared, ["hardlink"]).put_file(path)
        assert Cache(shared).has_all(found)
        assert os.stat(path).st_nlink == 1
    finally:
        subprocess.run(["rm", "-rf", shared.cache_dir], check=True)


def test_many_writers_of_one_object_agree(cache: Cache, layout: Layout) -> None:
    paths = [make(layout, f"f{number}", b"same" * BLOCK) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(cache.put_file, paths))
    assert len(set(found)) == 1
    assert list(cache.verify()) == []


def test_a_pipe_is_refused_at_once(cache: Cache, layout: Layout) -> None:
    os.mkfifo(f"{layout.root}/pipe")
    with pytest.raises(StoreError, match="not a regular file"):
        cache.put(f"{layout.root}/pipe")


@pytest.mark.parametrize("size", [10, 2 * BLOCK])
@pytest.mark.parametrize("links", [("copy",), ("hardlink",), ("symlink",)])
def test_a_full_disk_at_any_point_leaves_the_cache_right(
    layout: Layout, size: int, links: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = Cache(layout, links)
    failures = 0
    for number in range(1, 20):
        path = make(layout, f"f{number}", os.urandom(size))
        counter = Path(layout.root) / f"count{number}"
        monkeypatch.setenv("PIVOT_FAULT", f"enospc:{number}")
        monkeypatch.setenv("PIVOT_FAULT_COUNTER", str(counter))
        try:
            cache.put_file(path)
        except StoreError as error:
            failures += 1
            assert os.strerror(errno.ENOSPC)[1:] in error.what  # noqa: PT017  the last number succeeds
        if counter.stat().st_size < number:
            break
        assert list(cache.verify()) == []
    assert failures >= 2


DAMAGES = ["flip", "truncate", "empty", "directory", "symlink", "fifo", "missing"]


def damage(path: Path, kind: str) -> None:
    data = bytearray(path.read_bytes())
    path.unlink()
    match kind:
        case "flip":
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
        case "truncate":
            path.write_bytes(data[:-1])
        case "empty":
            path.touch()
        case "directory":
            path.mkdir()
            (path / "x").touch()
        case "symlink":
            path.with_name("elsewhere").write_bytes(data)
            path.symlink_to("elsewhere")
        case "fifo":
            os.mkfifo(path)
        case _:
            pass


@pytest.mark.parametrize("kind", DAMAGES)
def test_a_damaged_object_is_found_and_set_aside(cache: Cache, layout: Layout, kind: str) -> None:
    path = make(layout, "f", os.urandom(5000))
    found = cache.put_file(path)
    damage(object_of(layout, found), kind)
    assert (len(list(cache.verify())) == 1) == (kind != "missing")
    with pytest.raises(BadObject) as caught:
        cache.check(found)
    assert caught.value.content_hash == found.hash
    assert not os.path.lexists(layout.object_path(found.hash))
    cache.put_file(path)
    assert cache.check(found) is not None
    assert list(cache.verify()) == []


@pytest.mark.parametrize("kind", ["flip", "directory"])
def test_an_object_can_be_bad_twice(cache: Cache, layout: Layout, kind: str) -> None:
    path = make(layout, "f")
    for _ in range(3):
        found = cache.put_file(path)
        damage(object_of(layout, found), kind)
        with pytest.raises(BadObject):
            cache.check(found)


def test_a_trusted_object_is_not_hashed(cache: Cache, layout: Layout) -> None:
    found = cache.put_file(make(layout, "f"))
    sign = cache.check(found)
    seen = list[tuple[ContentHash, Signature]]()

    def trusted(content_hash: ContentHash, signature: Signature) -> bool:
        seen.append((content_hash, signature))
        return True

    assert cache.check(found, trusted) is None
    assert seen == [(found.hash, sign)]


def test_a_bad_object_survives_pickling() -> None:
    error = BadObject(ContentHash("0" * 32), "holds other bytes", "there")
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.what, copy.where, copy.why) == (error.what, "there", error.why)


def test_only_objects_are_listed(cache: Cache, layout: Layout) -> None:
    found = cache.put_file(make(layout, "f"))
    (Path(layout.objects_dir) / "README").touch()
    (object_of(layout, found).parent / "note").touch()
    assert [name for name, _ in cache.objects()] == [found.hash]


def test_unfinished_objects_of_this_project_are_swept(cache: Cache, layout: Layout) -> None:
    os.makedirs(layout.cache_tmp_dir)
    mine = Path(layout.cache_tmp_dir) / (layout.cache_tmp_prefix + "1-1")
    others = Path(layout.cache_tmp_dir) / "0000-1-1"
    mine.touch()
    others.touch()
    assert cache.sweep() == 1
    assert os.listdir(layout.cache_tmp_dir) == ["0000-1-1"]
    others.unlink()


def test_unfinished_downloads_are_kept_for_days_and_then_swept(cache: Cache) -> None:
    directory = Path(cache.layout.partial_dir)
    directory.mkdir(parents=True)
    (directory / "young").write_bytes(b"half")
    (directory / "old").write_bytes(b"half")
    days_ago = time.time() - 4 * 24 * 3600
    os.utime(directory / "old", (days_ago, days_ago))

    assert cache.sweep() == 1
    assert os.listdir(directory) == ["young"]
