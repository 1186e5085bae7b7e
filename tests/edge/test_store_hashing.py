"""Content hashes, signatures and the walk."""

import contextlib
import os
import socket
import threading
import time
from pathlib import Path

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from pivot_core.errors import StoreError
from pivot_core.model.artifact import FileContent
from pivot_core.model.ids import ContentHash
from pivot_core.store import hashing
from pivot_core.store.hashing import BLOCK, Signature
from pivot_core.store.ignore import Ignore

S = 1_000_000_000


def test_the_hash_is_xxh3_128() -> None:
    assert hashing.hash_bytes(b"") == "99aa06d3014798d86001c324468d497f"


@pytest.mark.parametrize("size", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 7])
def test_reading_in_blocks_gives_the_hash_of_all_bytes(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    path = tmp_path / "f"
    path.write_bytes(data)
    assert hashing.hash_file(str(path)) == FileContent(
        ContentHash(xxhash.xxh3_128_hexdigest(data)), size
    )


def test_the_executable_bit_is_seen_through_a_link(tmp_path: Path) -> None:
    path = tmp_path / "run"
    path.touch(0o755)
    (tmp_path / "link").symlink_to(path)
    assert hashing.hash_file(str(tmp_path / "link")).executable


def test_a_hash_never_belongs_to_a_mixture_of_versions(tmp_path: Path) -> None:
    """A counter at both ends of a file: the tail may lag by one, and is never ahead."""
    path, size, ended = tmp_path / "f", 8 << 20, threading.Event()
    path.write_bytes(bytes(size))
    states = [(n, m) for n in range(31) for m in (n - 1, n) if m >= 0]
    middle = bytes(size - 2)
    known = {hashing.hash_bytes(bytes([n]) + middle + bytes([m])) for n, m in states}

    def write() -> None:
        with path.open("r+b", buffering=0) as file:
            for number in range(1, 31):
                time.sleep(0.011)  # longer than a tick of the file system's clock
                for place in (0, size - 1):
                    os.pwrite(file.fileno(), bytes([number]), place)
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while not ended.is_set():
            with contextlib.suppress(StoreError):
                assert hashing.hash_file(str(path)).hash in known
    finally:
        writer.join()


@pytest.mark.parametrize("kind", ["fifo", "socket", "directory", "device", "missing"])
def test_only_regular_files_are_hashed(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "x")
    with socket.socket(socket.AF_UNIX) as server:
        if kind == "fifo":
            os.mkfifo(path)
        elif kind == "socket":
            monkeypatch.chdir(tmp_path)
            server.bind("x")
        elif kind == "directory":
            os.mkdir(path)
        elif kind == "device":
            path = "/dev/null"
        with pytest.raises(StoreError):
            hashing.hash_file(path)


def test_a_signature_follows_links_and_is_none_for_nothing(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    (tmp_path / "link").symlink_to("f")
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    found = hashing.signature(str(path))
    assert found is not None
    assert found.size == 3
    assert hashing.signature(str(tmp_path / "link")) == found
    for name in ("broken", "loop", "none", "f/below"):
        assert hashing.signature(str(tmp_path / name)) is None


@pytest.mark.parametrize(
    ("mtime", "ctime", "clock", "is_settled"),
    [
        (5 * S + 1, 5 * S + 1, 5 * S + 2, True),
        (5 * S + 1, 5 * S + 1, 5 * S + 1, False),
        (5 * S + 1, 5 * S + 9, 5 * S + 5, False),
        (9 * S + 1, 5 * S + 1, 6 * S, False),
        (5 * S, 5 * S, 6 * S, False),
        (5 * S, 5 * S, 7 * S, True),
        (5 * S, 5 * S + 1, 6 * S, True),
    ],
)
def test_a_signature_is_trusted_once_the_clock_is_past_it(
    mtime: int, ctime: int, clock: int, is_settled: bool
) -> None:
    assert hashing.is_settled(Signature(1, mtime, ctime, 1, 1), clock) == is_settled


def test_the_clock_is_the_file_systems(tmp_path: Path) -> None:
    first = hashing.fs_clock_ns(str(tmp_path))
    (tmp_path / "f").touch()
    assert first <= (tmp_path / "f").stat().st_mtime_ns <= hashing.fs_clock_ns(str(tmp_path))


FILES = st.dictionaries(
    st.text("ab/\n", min_size=1, max_size=5).filter(lambda path: not path.startswith("/")),
    st.integers(0, 3).map(lambda number: ContentHash(f"{number:032x}")),
    max_size=4,
)


@given(FILES, FILES)
def test_trees_have_one_hash_exactly_when_they_are_equal(
    one: dict[str, ContentHash], other: dict[str, ContentHash]
) -> None:
    backwards = dict(reversed(list(one.items())))
    assert hashing.tree_hash(one) == hashing.tree_hash(backwards)
    assert (hashing.tree_hash(one) == hashing.tree_hash(other)) == (one == other)


def test_a_tree_has_relative_paths() -> None:
    with pytest.raises(ValueError, match="an absolute path"):
        hashing.tree_hash({"/etc/passwd": ContentHash("0" * 32)})


def test_a_walk_finds_every_file_in_the_order_of_whole_paths(tmp_path: Path) -> None:
    names = ["a/x", "a-b", "a.c/y", "b", "z/1/2/3", "z/1.txt", "new\nline", "caf\udce9", ".hidden"]
    for name in names:
        path = os.path.join(tmp_path, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w"):
            pass
    (tmp_path / "empty").mkdir()
    found = [inside for inside, _ in hashing.walk(str(tmp_path) + "/")]
    assert found == sorted(names)
    assert all(
        os.path.samefile(full, tmp_path / inside) for inside, full in hashing.walk(str(tmp_path))
    )


def test_a_walk_passes_over_what_is_no_file_and_ends_in_loops(tmp_path: Path) -> None:
    (tmp_path / "sub" / ".git").mkdir(parents=True)
    (tmp_path / "sub" / ".git" / "x").touch()
    (tmp_path / ".pivot").mkdir()
    (tmp_path / ".pivot" / "y").touch()
    (tmp_path / "sub" / "f").touch()
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "sub" / "up").symlink_to("..")
    (tmp_path / "other").symlink_to("sub")
    found = [inside for inside, _ in hashing.walk(str(tmp_path))]
    assert found == ["other/f", "sub/f"]


def test_a_walk_leaves_out_what_the_rules_name(tmp_path: Path) -> None:
    for name in ("data/a.csv", "data/a.tmp", "data/old/b.csv", "data/keep.tmp"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    ignore = Ignore.parse(str(tmp_path), "*.tmp\n!keep.tmp\n/data/old/\n")
    assert [inside for inside, _ in hashing.walk(str(tmp_path / "data"), ignore)] == [
        "a.csv",
        "keep.tmp",
    ]
    elsewhere = Ignore.parse(str(tmp_path / "other"), "*")
    assert len(list(hashing.walk(str(tmp_path / "data"), elsewhere))) == 4


def test_a_very_deep_directory_is_walked(tmp_path: Path) -> None:
    deep = os.path.join(tmp_path, *["d"] * 500)
    os.makedirs(deep)
    with open(deep + "/f", "w"):
        pass
    assert [inside for inside, _ in hashing.walk(str(tmp_path))] == ["d/" * 500 + "f"]


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot read"):
        list(hashing.walk(str(tmp_path / "none")))
