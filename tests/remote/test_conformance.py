"""What every remote must do, whatever it is: one suite for all kinds."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pivot_core.model.ids import ContentHash
from pivot_core.remote import transfer
from pivot_core.remote.address import Address, remote_at
from pivot_core.remote.base import (
    OBJECTS,
    RUNS,
    Connection,
    Key,
    Meter,
    Remote,
    Verdict,
    object_key,
    run_key,
)
from pivot_core.remote.errors import Absent, Corrupt
from pivot_core.remote.transfer import Failed, News, Progress, Summary
from pivot_core.store import hashing
from pivot_core.store.cache import BadObject, Cache
from tests.remote import mover
from tests.remote.conftest import Services, a_cache, fill, quiet

JOBS = 8


class Place:
    """A remote, and a project that uses it."""

    def __init__(self, remote: Remote, root: Path) -> None:
        self.remote: Remote = remote
        self.root: Path = root

    def clone(self, name: str) -> Cache:
        """Makes a project with an empty cache."""
        return a_cache(self.root / name)


@pytest.fixture
def place(address: Address, tmp_path: Path) -> Place:
    return Place(remote_at(address), tmp_path)


@pytest.fixture
def cache(place: Place) -> Cache:
    return place.clone("here")


@pytest.fixture
async def connection(place: Place) -> AsyncIterator[Connection]:
    async with place.remote.connect(JOBS) as connection:
        yield connection


async def push(place: Place, cache: Cache, wanted: dict[ContentHash, int]) -> Summary:
    return await mover.push(place.remote, cache, wanted, JOBS, quiet)


async def fetch(place: Place, cache: Cache, wanted: dict[ContentHash, int]) -> Summary:
    return await mover.fetch(place.remote, cache, wanted, JOBS, quiet)


def bad(cache: Cache) -> list[tuple[ContentHash, str]]:
    return list(cache.verify())


# --- batches ---------------------------------------------------------------------------------------------------------


async def test_what_is_pushed_here_is_fetched_there(place: Place, cache: Cache) -> None:
    wanted = fill(cache, 12) | fill(cache, 1, size=0) | fill(cache, 1, size=300_000)
    there = place.clone("there")

    pushed = await push(place, cache, wanted)
    fetched = await fetch(place, there, wanted)

    assert (set(pushed.moved), pushed.present, pushed.failed) == (set(wanted), 0, ())
    assert (set(fetched.moved), fetched.present, fetched.failed) == (set(wanted), 0, ())
    assert fetched.bytes_moved == sum(wanted.values())
    assert {name for name, _ in there.objects()} == set(wanted)
    assert bad(there) == []
    assert not os.listdir(there.layout.partial_dir)


async def test_large_objects_go_up_and_come_down_whole(place: Place, cache: Cache) -> None:
    wanted = fill(cache, 1, size=(16 << 20) + 3) | fill(cache, 1, size=(8 << 20) + 1)
    there = place.clone("there")
    heard = list[News]()

    pushed = await mover.push(place.remote, cache, wanted, JOBS, heard.append)
    fetched = await mover.fetch(place.remote, there, wanted, JOBS, heard.append)

    assert (pushed.failed, fetched.failed) == ((), ())
    assert {
        each.bytes_done for each in heard if isinstance(each, Progress) and not each.active
    } >= {sum(wanted.values())}
    assert max(each.bytes_done for each in heard if isinstance(each, Progress)) == sum(
        wanted.values()
    )
    assert bad(there) == []
    assert not os.listdir(there.layout.partial_dir)
    async with place.remote.connect(JOBS) as connection:
        assert await connection.uploads() == ()


async def test_only_what_is_missing_moves(place: Place, cache: Cache) -> None:
    first, second = fill(cache, 3, seed=1), fill(cache, 2, seed=2)
    await push(place, cache, first)

    again = await push(place, cache, first)
    more = await push(place, cache, first | second)

    assert (again.moved, again.present) == ((), 3)
    assert (set(more.moved), more.present) == (set(second), 3)


async def test_an_emptied_remote_is_filled_again(place: Place, cache: Cache) -> None:
    wanted = fill(cache, 5)
    await push(place, cache, wanted)
    async with place.remote.connect(JOBS) as connection:
        await connection.delete([object_key(name) for name in wanted])

    assert set((await push(place, cache, wanted)).moved) == set(wanted)


async def test_what_a_remote_does_not_have_is_listed_and_the_rest_comes(
    place: Place, cache: Cache
) -> None:
    wanted = fill(cache, 3, seed=1)
    await push(place, cache, wanted)
    unknown = ContentHash("ab" * 16)
    there = place.clone("there")
    heard = list[News]()

    fetched = await mover.fetch(place.remote, there, wanted | {unknown: 7}, JOBS, heard.append)

    assert set(fetched.moved) == set(wanted)
    assert [(each.hash, type(each.error)) for each in fetched.failed] == [(unknown, Absent)]
    assert [each for each in heard if isinstance(each, Failed)] == list(fetched.failed)
    last = [each for each in heard if isinstance(each, Progress)][-1]
    assert (last.files_done, last.files_total, last.failed, last.active) == (3, 4, 1, ())


async def test_an_object_that_was_swapped_is_refused_and_the_rest_comes(
    place: Place, cache: Cache
) -> None:
    wanted = fill(cache, 4)
    await push(place, cache, wanted)
    victim, *_ = wanted
    async with place.remote.connect(JOBS) as connection:
        await connection.write(object_key(victim), b"x" * wanted[victim])
    there = place.clone("there")

    fetched = await fetch(place, there, wanted)

    assert [(each.hash, type(each.error)) for each in fetched.failed] == [(victim, Corrupt)]
    assert {name for name, _ in there.objects()} == set(wanted) - {victim}


async def test_an_object_of_another_size_is_sent_again(place: Place, cache: Cache) -> None:
    wanted = fill(cache, 3)
    await push(place, cache, wanted)
    victim, *_ = wanted
    async with place.remote.connect(JOBS) as connection:
        await connection.write(object_key(victim), b"cut")

    pushed = await push(place, cache, wanted)

    assert pushed.moved == (victim,)
    assert (await fetch(place, place.clone("there"), wanted)).failed == ()


async def test_a_bad_object_of_the_cache_is_set_aside_and_not_sent(
    place: Place, cache: Cache
) -> None:
    wanted = fill(cache, 3)
    victim, *_ = wanted
    path = Path(cache.layout.object_path(victim))
    path.chmod(0o644)
    path.write_bytes(b"x" * wanted[victim])

    pushed = await push(place, cache, wanted)

    assert [(each.hash, type(each.error)) for each in pushed.failed] == [(victim, BadObject)]
    assert not path.exists()
    assert (Path(cache.layout.corrupt_dir) / victim).exists()
    async with place.remote.connect(JOBS) as connection:
        assert await connection.size(object_key(victim)) is None


async def test_many_pushers_of_the_same_objects_all_succeed(place: Place, cache: Cache) -> None:
    wanted = fill(cache, 10)

    pushes = await asyncio.gather(*[push(place, cache, wanted) for _ in range(8)])

    assert all(each.failed == () for each in pushes)
    assert (await fetch(place, place.clone("there"), wanted)).failed == ()


async def test_pushers_of_one_large_object_all_succeed(place: Place, cache: Cache) -> None:
    wanted = fill(cache, 1, size=(16 << 20) + 1)

    pushes = await asyncio.gather(*[push(place, cache, wanted) for _ in range(4)])

    assert [each.failed for each in pushes] == [()] * 4
    async with place.remote.connect(JOBS) as connection:
        assert await connection.uploads() == ()
        (name,) = wanted
        assert await connection.size(object_key(name)) == wanted[name]


# --- single requests -------------------------------------------------------------------------------------------------


async def test_small_objects_are_written_read_and_deleted(connection: Connection) -> None:
    key = run_key(ContentHash("0123456789abcdef" * 2))

    assert await connection.read(key) is None
    await connection.write(key, b"one")
    await connection.write(key, b"two")
    assert (await connection.read(key), await connection.size(key)) == (b"two", 3)

    await connection.delete([key, key])
    assert (await connection.read(key), await connection.size(key)) == (None, None)


async def test_a_listing_has_all_keys_of_a_prefix_in_order(connection: Connection) -> None:
    names = [hashing.hash_bytes(str(number).encode()) for number in range(30)]
    for name in names:
        await connection.write(object_key(name), b"12345")
    await connection.write(run_key(names[0]), b"{}")

    async def listed(prefix: str) -> list[Key]:
        return [entry.key async for entry in transfer.listing(connection, prefix)]

    assert await listed(OBJECTS) == sorted(map(object_key, names))
    assert await listed(RUNS) == [run_key(names[0])]
    half = f"{OBJECTS}{names[0][:2]}/"
    assert await listed(half) == sorted(
        object_key(name) for name in names if name[:2] == names[0][:2]
    )
    page = await connection.page(OBJECTS, after=object_key(sorted(names)[20]))
    assert [entry.key for entry in page.entries] == sorted(map(object_key, names))[21:]
    assert {entry.size_bytes for entry in page.entries} == {5}


async def test_an_object_that_is_there_is_replaced_only_on_request(
    connection: Connection, cache: Cache, address: Address, services: Services
) -> None:
    ((name, size),) = fill(cache, 1).items()
    path = cache.layout.object_path(name)
    await connection.write(object_key(name), b"y" * size)

    meter = Meter()
    await connection.put(name, size, path, meter)
    assert meter.bytes_done == size
    if address.endpoint_url in (
        None,
        services("ministack").endpoint,
    ):  # the others ignore conditions
        assert await connection.read(object_key(name)) == b"y" * size

    await connection.put(name, size, path, Meter(), replace=True)
    assert await connection.read(object_key(name)) == Path(path).read_bytes()


async def test_a_cancelled_download_publishes_nothing(
    connection: Connection, cache: Cache, place: Place
) -> None:
    wanted = fill(cache, 1, size=5_000_000)
    ((name, size),) = wanted.items()
    await connection.put(name, size, cache.layout.object_path(name), Meter())
    layout = place.clone("there").layout
    target = layout.object_path(name)

    getting = asyncio.create_task(connection.get(name, size, target, layout.partial_dir, Meter()))
    await asyncio.sleep(0)  # it begins
    getting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await getting

    assert not os.path.exists(target)


async def test_a_check_finds_a_good_remote_good(place: Place) -> None:
    findings = [finding async for finding in place.remote.check()]

    assert [each.subject for each in findings if each.verdict is Verdict.BAD] == []
    assert {"bucket", "write", "read"} <= {each.subject for each in findings}
    async with place.remote.connect(1) as connection:
        assert [entry async for entry in transfer.listing(connection, "")] == []
