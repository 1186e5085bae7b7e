"""The state: what it keeps, and how it survives whatever happens to its files."""

import os
import random
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import lmdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivot_core.errors import StoreError
from pivot_core.model.ids import Json
from pivot_core.store.layout import Layout
from pivot_core.store.state import State


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / ".pivot").mkdir()
    return Layout.at(str(tmp_path))


def fill(layout: Layout, count: int = 300) -> dict[str, Json]:
    records: dict[str, Json] = {
        f"hash:data/{number}.csv": {"n": number, "pad": "x" * (number % 50)}
        for number in range(count)
    }
    state = State.open(layout)
    state.put(records)
    state.close()
    return records


def data_file(layout: Layout) -> Path:
    return Path(layout.state_path) / "data.mdb"


def test_putting_nothing_leaves_the_file_alone(layout: Layout) -> None:
    fill(layout)
    before = os.stat(data_file(layout)).st_mtime_ns, data_file(layout).read_bytes()
    state = State.open(layout)
    seal = Path(layout.state_path) / "seal"
    state.put({})
    assert seal.exists()
    state.close()
    assert (os.stat(data_file(layout)).st_mtime_ns, data_file(layout).read_bytes()) == before


VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
KEYS = st.text(st.characters(exclude_characters="\0"), max_size=10).map(
    "hash:".__add__
) | st.integers(400, 700).map(lambda length: "gen:" + "é" * length)


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_what_is_put_is_got_after_closing(records: dict[str, Json]) -> None:
    with tempfile.TemporaryDirectory() as root:
        notices = list[str]()
        layout = Layout.at(root)
        state = State.open(layout, notices=notices)
        state.put(records)
        state.close()
        state = State.open(layout, read_only=True, notices=notices)
        found, hashes, others = (
            state.get_many(records),
            dict(state.scan("hash:")),
            dict(state.scan("gen:")),
        )
        state.close()
    assert found == list(records.values())
    assert {**hashes, **others} == records
    assert all(key.startswith("hash:") for key in hashes)
    assert notices == []


def test_none_deletes_and_what_is_missing_is_none(layout: Layout) -> None:
    state = State.open(layout)
    state.put({"a:1": 1, "a:2": 2})
    state.put({"a:1": None, "a:3": None})
    assert state.get_many(["a:1", "a:2", "a:3"]) == [None, 2, None]
    assert list(state.scan("a:")) == [("a:2", 2)]
    state.close()


def test_files_are_private(layout: Layout) -> None:
    fill(layout, 1)
    assert stat.S_IMODE(os.stat(layout.state_path).st_mode) == 0o700
    for name in os.listdir(layout.state_path):
        assert stat.S_IMODE(os.stat(f"{layout.state_path}/{name}").st_mode) & 0o077 == 0


def test_the_map_grows_by_itself(layout: Layout) -> None:
    state = State.open(layout, max_bytes=64 << 20)
    for batch in range(10):
        state.put({f"x:{batch}:{number}": "y" * 4000 for number in range(1000)})
    assert len(list(state.scan("x:"))) == 10_000
    state.close()


def test_a_full_state_begins_anew(layout: Layout) -> None:
    notices = list[str]()
    state = State.open(layout, max_bytes=1 << 20, notices=notices)
    for batch in range(8):
        state.put({f"x:{batch}:{number}": "y" * 4000 for number in range(50)})
    assert len(list(state.scan("x:7:"))) == 50
    assert [line for line in notices if "reached its limit of 1 MiB" in line] != []
    with pytest.raises(StoreError, match="does not fit"):
        state.put({"x": "y" * (2 << 20)})
    state.put({"z:1": 1})
    assert state.get("z:1") == 1
    state.close()


def test_threads_share_a_state(layout: Layout) -> None:
    state = State.open(layout, max_bytes=64 << 20)
    wrong = list[object]()

    def work(name: str) -> None:
        for number in range(100):
            state.put({f"{name}:{number}": name * 40_000})
            if state.get(f"{name}:{number}") != name * 40_000:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(list(state.scan("a:"))) == 100
    state.close()


READ = """
import sys
from pivot_core.store import layout, state
notices = []
found = state.State.open(layout.Layout.at(sys.argv[1]), read_only=True, notices=notices)
print(found.get("live:1"), len(list(found.scan("hash:"))), notices)
"""


def test_another_process_reads_while_the_engine_writes(layout: Layout) -> None:
    fill(layout)
    state = State.open(layout)
    state.put({"live:1": 7})
    done = subprocess.run(
        [sys.executable, "-c", READ, layout.root], capture_output=True, text=True, check=True
    )
    assert done.stdout == "7 300 []\n"
    state.close()


def test_a_reader_needs_no_state_at_all(layout: Layout) -> None:
    notices = list[str]()
    state = State.open(layout, read_only=True, notices=notices)
    assert state.get("x:1") is None
    state.put({"x:1": 1})
    assert state.get("x:1") == 1
    assert list(state.scan("x:")) == [("x:1", 1)]
    state.close()
    assert not os.path.exists(layout.state_path)
    assert notices == []


def test_two_states_in_one_process_are_no_error(layout: Layout) -> None:
    state, notices = State.open(layout), list[str]()
    state.put({"x:1": 1})
    other = State.open(layout, read_only=True, notices=notices)
    assert other.get("x:1") is None
    assert len(notices) == 1
    other.close()
    state.close()


# --- damage ----------------------------------------------------------------------------------------------------------

DAMAGES = [
    "truncate", "empty", "garbage", "flip", "flips", "no meta", "directory", "fifo", "no data",
    "lock garbage", "lock missing", "seal garbage", "a file", "other program", "dangling",
]  # fmt: skip


def damage(layout: Layout, kind: str, chance: random.Random) -> None:
    path = data_file(layout)
    data = bytearray(path.read_bytes())
    match kind:
        case "truncate":
            path.write_bytes(data[: chance.randrange(1, len(data))])
        case "empty":
            path.write_bytes(b"")
        case "garbage":
            path.write_bytes(chance.randbytes(len(data)))
        case "flip" | "flips":
            for _ in range(1 if kind == "flip" else 50):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            path.write_bytes(data)
        case "no meta":
            data[: 2 * 4096] = bytes(2 * 4096)
            path.write_bytes(data)
        case "directory":
            path.unlink()
            path.mkdir()
        case "fifo":
            path.unlink()
            os.mkfifo(path)
        case "no data":
            path.unlink()
        case "lock garbage":
            path.with_name("lock.mdb").write_bytes(chance.randbytes(8192))
        case "lock missing":
            path.with_name("lock.mdb").unlink()
        case "seal garbage":
            path.with_name("seal").write_bytes(b"\xff\0")
        case "a file":
            subprocess.run(["rm", "-rf", layout.state_path], check=True)
            Path(layout.state_path).write_bytes(b"?")
        case "dangling":
            subprocess.run(["rm", "-rf", layout.state_path], check=True)
            os.symlink("nowhere", layout.state_path)
        case _:
            env = lmdb.open(layout.state_path)
            with env.begin(write=True) as txn:
                txn.put(b"header", b"not ours")
            env.close()


@pytest.mark.parametrize("kind", DAMAGES)
@pytest.mark.parametrize("sealed", [True, False])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_damaged_state_is_never_believed_and_heals(
    layout: Layout, kind: str, sealed: bool, seed: int
) -> None:
    records = fill(layout)
    if not sealed:
        (Path(layout.state_path) / "seal").unlink()
    if sealed or kind != "seal garbage":
        damage(layout, kind, random.Random(seed))
    notices = list[str]()
    for read_only in (True, False, False) if sealed else (False, False):
        notices = list[str]()
        state = State.open(layout, read_only=read_only, notices=notices)
        for key, value in records.items():
            assert state.get(key) in (None, value)
        assert all(records[key] == value for key, value in state.scan("hash:"))
        state.put({"new:1": 1})
        assert state.get("new:1") == 1
        state.close()
        assert len(notices) <= 1
    assert notices == []


def test_the_damaged_state_is_kept_for_a_look(layout: Layout) -> None:
    fill(layout)
    notices = list[str]()
    data_file(layout).write_bytes(b"?" * 100_000)
    State.open(layout, notices=notices).close()
    assert data_file(layout).with_name("data.mdb").parent.with_name("state.lmdb.bad").is_dir()
    assert notices[0].startswith("state is damaged (changed by another program")


def test_another_version_begins_anew_with_one_notice(layout: Layout) -> None:
    fill(layout)
    damage(layout, "other program", random.Random(1))
    (Path(layout.state_path) / "seal").unlink()
    notices = list[str]()
    state = State.open(layout, notices=notices)
    assert list(state.scan("")) == []
    state.close()
    assert ["written by another version" in line for line in notices] == [True]


KILLED = """
import os, sys
from pivot_core.store import layout, state
found = state.State.open(layout.Layout.at(sys.argv[1]))
for number in range(20):
    found.put({f"hash:{number}:{part}": part for part in range(50)})
    found.put({f"hash:{number - 3}:{part}": None for part in range(50)})
found.close()
"""


def test_a_kill_at_any_point_loses_nothing_that_was_put(layout: Layout) -> None:
    for number in range(1, 100, 7):
        env = {**os.environ, "PIVOT_FAULT": f"crash:{number}"}
        done = subprocess.run([sys.executable, "-c", KILLED, layout.root], env=env, check=False)
        notices = list[str]()
        state = State.open(layout, notices=notices)
        assert notices == []
        batches = {key.split(":")[1] for key, _ in state.scan("hash:")}
        assert len(list(state.scan("hash:"))) == 50 * len(batches)
        state.close()
        if done.returncode == 0:
            break
        assert done.returncode == 137


def test_a_full_disk_is_an_error_and_the_state_goes_on(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = State.open(layout)
    state.put({"x:1": 1})
    monkeypatch.setenv("PIVOT_FAULT", "enospc:1")
    monkeypatch.setenv("PIVOT_FAULT_COUNTER", f"{layout.root}/count")
    with pytest.raises(StoreError, match="no space left"):
        state.put({"x:1": 2})
    state.put({"x:2": 2})
    assert state.get_many(["x:1", "x:2"]) == [1, 2]
    state.close()


# --- a machine that went down ----------------------------------------------------------------------------------------

RECORDS: dict[str, Json] = {
    "hash:a": 1, "object:b": 2, "plan:c": 3, "gen:d": 4, "dep:e": 5, "runcache:f": 6, "dur:h": 8
}  # fmt: skip


@pytest.mark.parametrize("read_only", [True, False])
def test_after_a_power_loss_no_signature_is_believed(layout: Layout, read_only: bool) -> None:
    state = State.open(layout, boot_id="one")
    state.put(RECORDS)
    state.close()
    assert State.open(layout, boot_id="one", read_only=True).get("hash:a") == 1
    state = State.open(layout, boot_id="two", read_only=read_only)
    assert dict(state.scan("")).keys() == {"dep:e", "runcache:f", "dur:h"}
    assert state.get("hash:a") is None
    state.put({"hash:a": 9})
    assert state.get("hash:a") == 9
    state.close()


def test_after_a_barrier_everything_is_believed(layout: Layout) -> None:
    state = State.open(layout, boot_id="one")
    state.put(RECORDS)
    state.barrier()
    state.barrier()
    state.close()
    state = State.open(layout, boot_id="two")
    assert state.get_many(RECORDS) == list(RECORDS.values())
    state.put({"hash:z": 1})
    state.close()
    state = State.open(layout, boot_id="three")
    assert state.get_many(["hash:a", "hash:z", "dep:e"]) == [None, None, 5]
    state.close()


def test_a_put_during_the_barrier_is_not_vouched_for(layout: Layout) -> None:
    state = State.open(layout, boot_id="one")
    ended = threading.Event()

    def put() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            state.put({"hash:a": number})

    writer = threading.Thread(target=put)
    writer.start()
    for _ in range(5):
        state.barrier()
    ended.set()
    writer.join()
    state.put({"hash:a": 0})
    state.close()
    state = State.open(layout, boot_id="two")
    assert state.get("hash:a") is None
    state.close()


def test_without_a_boot_id_only_a_barrier_counts(layout: Layout) -> None:
    state = State.open(layout, boot_id="unknown")
    state.put(RECORDS)
    state.close()
    state = State.open(layout, boot_id="unknown")
    assert state.get("hash:a") is None
    state.close()
