"""What networks and services do wrong, done on purpose: what is lost, what is said, what is never published."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pivot_core.model.ids import ContentHash
from pivot_core.remote import transfer
from pivot_core.remote.address import Address, remote_at
from pivot_core.remote.base import Verdict, object_key
from pivot_core.remote.errors import (
    ClockSkew,
    Corrupt,
    Denied,
    Expired,
    NoBucket,
    NoCredentials,
    RemoteFault,
    Unreachable,
)
from pivot_core.remote.transfer import News, Progress
from pivot_core.store.cache import Cache
from tests.remote import mover
from tests.remote.conftest import Services, a_cache, fill, quiet, s3_address
from tests.support import s3
from tests.support.fault_proxy import TRANSIENT, Asked, Fault, FaultProxy, first, share_of

JOBS = 8
LARGE = (16 << 20) + 3
"""Three parts up, three down."""


@pytest.fixture(params=["rclone"])
async def proxy(request: pytest.FixtureRequest, services: Services) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(services(request.param).endpoint) as proxy:
        yield proxy


@pytest.fixture
def address(proxy: FaultProxy, services: Services) -> Address:
    return replace(s3_address(services("rclone")), endpoint_url=proxy.url)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return a_cache(tmp_path / "here")


async def test_a_service_that_hashes_large_objects_is_not_made_to_do_so_twice(
    proxy: FaultProxy, address: Address, cache: Cache, tmp_path: Path
) -> None:
    wanted = fill(cache, 1, size=LARGE)
    under_way = list[int]()
    proxy.answered = lambda asked: under_way.append(sum(each.is_object for each in proxy.asked))

    await mover.push(remote_at(address), cache, wanted, JOBS, quiet)
    asked = [each.method for each in proxy.asked]
    assert (asked.count("HEAD"), asked[-1]) == (1, "POST")  # what is made of the parts is believed

    proxy.asked.clear()
    under_way.clear()
    await mover.fetch(remote_at(address), a_cache(tmp_path / "there"), wanted, JOBS, quiet)
    assert (under_way[0], len(under_way)) == (1, 3)  # the others wait for the first answer


# --- what another try gets over --------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [150, pytest.param(1000, marks=pytest.mark.long)])
async def test_a_tenth_of_all_requests_may_fail(
    proxy: FaultProxy, address: Address, cache: Cache, tmp_path: Path, count: int
) -> None:
    wanted = fill(cache, count)
    there = a_cache(tmp_path / "there")
    proxy.plan = share_of(0.1, seed=count)

    pushed = await mover.push(remote_at(address), cache, wanted, JOBS, quiet)
    fetched = await mover.fetch(remote_at(address), there, wanted, JOBS, quiet)

    assert (pushed.failed, fetched.failed) == ((), ())
    assert {name for name, _ in there.objects()} == set(wanted)
    assert list(there.verify()) == []
    assert pushed.retries > count / 40
    assert fetched.retries > count / 40
    assert set(proxy.faults) == set(TRANSIENT)
    assert os.listdir(there.layout.partial_dir) == []


async def test_large_objects_survive_faults_in_their_parts(
    proxy: FaultProxy, address: Address, cache: Cache, tmp_path: Path
) -> None:
    wanted = fill(cache, 1, size=LARGE)
    there = a_cache(tmp_path / "there")
    proxy.plan = lambda asked: (
        {0: Fault.RESET, 1: Fault.CUT if asked.method == "GET" else Fault.LOST}.get(asked.again)
        if asked.method in ("GET", "PUT")
        else None
    )

    pushed = await mover.push(remote_at(address), cache, wanted, JOBS, quiet)
    fetched = await mover.fetch(remote_at(address), there, wanted, JOBS, quiet)

    assert (pushed.failed, fetched.failed) == ((), ())
    assert (proxy.faults[Fault.RESET], proxy.faults[Fault.LOST], proxy.faults[Fault.CUT]) >= (
        6,
        3,
        3,
    )
    assert fetched.retries >= 3
    assert list(there.verify()) == []


async def test_a_flipped_bit_in_a_large_object_is_found_and_fetched_again(
    proxy: FaultProxy, address: Address, cache: Cache, tmp_path: Path
) -> None:
    wanted = fill(cache, 1, size=(8 << 20) + 1)
    there = a_cache(tmp_path / "there")
    await mover.push(remote_at(address), cache, wanted, JOBS, quiet)
    proxy.plan = first(1, Fault.FLIP, "GET")

    fetched = await mover.fetch(remote_at(address), there, wanted, JOBS, quiet)

    assert (fetched.failed, fetched.retries) == ((), 1)
    assert list(there.verify()) == []


async def test_a_service_that_asks_to_slow_down_gets_everything_in_the_end(
    proxy: FaultProxy, address: Address, cache: Cache
) -> None:
    wanted = fill(cache, 30)
    proxy.plan = first(1, Fault.SLOW_DOWN, "PUT")

    pushed = await mover.push(remote_at(address), cache, wanted, JOBS, quiet)

    assert set(pushed.moved) == set(wanted)
    assert pushed.retries == 30


async def test_two_pushers_of_one_object_may_be_told_of_a_conflict(
    proxy: FaultProxy, address: Address, cache: Cache
) -> None:
    wanted = fill(cache, 3)
    proxy.plan = first(2, Fault.CONFLICT, "PUT")

    pushed = await mover.push(remote_at(address), cache, wanted, JOBS, quiet)

    assert (set(pushed.moved), pushed.retries) == (set(wanted), 6)


async def test_a_service_that_knows_no_conditions_is_asked_without(
    proxy: FaultProxy, address: Address, cache: Cache
) -> None:
    wanted = fill(cache, 4) | fill(cache, 1, size=LARGE, seed=1)
    proxy.plan = lambda asked: Fault.NOT_IMPLEMENTED if asked.is_conditional else None

    pushed = await mover.push(remote_at(address), cache, wanted, 1, quiet)

    assert set(pushed.moved) == set(wanted)
    assert proxy.faults[Fault.NOT_IMPLEMENTED] == 1


async def test_credentials_that_expire_are_read_anew_once(
    proxy: FaultProxy, address: Address, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "STALE")

    def plan(asked: Asked) -> Fault | None:
        if "STALE" not in asked.authorization:
            return None
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.KEY)  # somebody logs in again
        return Fault.EXPIRED

    proxy.plan = plan
    wanted = fill(cache, 5)

    pushed = await mover.push(remote_at(address), cache, wanted, JOBS, quiet)

    assert set(pushed.moved) == set(wanted)


# --- what no try gets over -------------------------------------------------------------------------------------------


async def test_of_a_service_that_damages_everything_nothing_is_published(
    proxy: FaultProxy, address: Address, cache: Cache, tmp_path: Path
) -> None:
    wanted = fill(cache, 20) | fill(cache, 1, size=(1 << 20) + 1)
    there = a_cache(tmp_path / "there")
    await mover.push(remote_at(address), cache, wanted, JOBS, quiet)
    proxy.plan = lambda asked: Fault.FLIP if asked.is_object else None

    fetched = await mover.fetch(remote_at(address), there, wanted, JOBS, quiet)

    assert fetched.moved == ()
    assert {each.hash: type(each.error) for each in fetched.failed} == dict.fromkeys(
        wanted, Corrupt
    )
    assert all(each.hash in each.error.what for each in fetched.failed)
    assert list(there.objects()) == []
    assert proxy.faults[Fault.FLIP] == 5 * len(wanted)


async def test_a_failing_upload_leaves_nothing_on_the_remote(
    proxy: FaultProxy, address: Address, cache: Cache
) -> None:
    wanted = fill(cache, 1, size=LARGE)
    proxy.plan = lambda asked: Fault.DENIED if "partNumber=2" in asked.query else None

    pushed = await mover.push(remote_at(address), cache, wanted, JOBS, quiet)

    assert [type(each.error) for each in pushed.failed] == [Denied]
    async with remote_at(address).connect(1) as connection:
        assert await connection.uploads() == ()


async def test_a_cancelled_upload_leaves_nothing_on_the_remote(
    proxy: FaultProxy, address: Address, cache: Cache
) -> None:
    wanted = fill(cache, 1, size=LARGE)
    one_part_is_there = asyncio.Event()
    proxy.plan = lambda asked: Fault.HANG if "partNumber=2" in asked.query else None
    proxy.answered = lambda asked: (
        one_part_is_there.set() if "partNumber=1" in asked.query else None
    )

    pushing = asyncio.create_task(mover.push(remote_at(address), cache, wanted, JOBS, quiet))
    await one_part_is_there.wait()
    pushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pushing

    async with remote_at(address).connect(1) as connection:
        assert await connection.uploads() == ()
        assert [entry async for entry in transfer.listing(connection, "files/")] == []


async def test_one_object_that_is_denied_is_listed_and_the_rest_moves(
    proxy: FaultProxy, address: Address, cache: Cache
) -> None:
    wanted = fill(cache, 5)
    victim, *others = wanted
    key = object_key(victim)
    proxy.plan = lambda asked: (
        Fault.DENIED if asked.method == "PUT" and asked.path.endswith(key) else None
    )

    pushed = await mover.push(remote_at(address), cache, wanted, JOBS, quiet)

    assert set(pushed.moved) == set(others)
    ((name, error),) = [(each.hash, each.error) for each in pushed.failed]
    assert (name, type(error), error.exit_code) == (victim, Denied, 5)


async def test_progress_is_told_while_nothing_moves(
    proxy: FaultProxy, address: Address, cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "TICK_S", 0.01)
    monkeypatch.setattr(transfer, "SILENCE_S", 0.02)
    proxy.plan = lambda asked: Fault.HANG if asked.method == "PUT" else None
    told = asyncio.Event()

    def report(news: News) -> None:
        if isinstance(news, Progress) and news.active and news.silent_s > 0.1:
            told.set()

    pushing = asyncio.create_task(
        mover.push(remote_at(address), cache, fill(cache, 1), JOBS, report)
    )
    await told.wait()
    pushing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await pushing


type Trouble = Callable[[Address, FaultProxy, pytest.MonkeyPatch], Address]


def nobody_listens(address: Address, *_: object) -> Address:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return replace(address, endpoint_url=f"http://user:hidden@127.0.0.1:{port}")


def no_such_host(address: Address, *_: object) -> Address:
    return replace(address, endpoint_url="http://nowhere.invalid:9")


def silence(address: Address, proxy: FaultProxy, *_: object) -> Address:
    proxy.plan = lambda _: Fault.HANG
    return replace(address, read_timeout_s=0.2)


def no_bucket(address: Address, *_: object) -> Address:
    return replace(address, url="s3://elsewhere/prefix")


def a_wrong_secret(address: Address, _: FaultProxy, patch: pytest.MonkeyPatch) -> Address:
    patch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    return address


def no_credentials(address: Address, _: FaultProxy, patch: pytest.MonkeyPatch) -> Address:
    patch.delenv("AWS_ACCESS_KEY_ID")
    patch.delenv("AWS_SECRET_ACCESS_KEY")
    return address


def no_profile(address: Address, *_: object) -> Address:
    return replace(address, profile="unknown")


def always(fault: Fault) -> Trouble:
    def trouble(address: Address, proxy: FaultProxy, *_: object) -> Address:
        proxy.plan = lambda _: fault
        return address

    return trouble


TROUBLES: dict[str, tuple[Trouble, type[RemoteFault], str]] = {
    "nobody listens": (nobody_listens, Unreachable, "no answer from 'http://127.0.0.1:"),
    "no such host": (no_such_host, Unreachable, "no answer from 'http://nowhere.invalid:9'"),
    "silence": (silence, Unreachable, "it took too long"),
    "no bucket": (no_bucket, NoBucket, "the bucket 'elsewhere' does not exist"),
    "wrong secret": (a_wrong_secret, NoCredentials, "no valid credentials"),
    "no credentials": (no_credentials, NoCredentials, "no valid credentials"),
    "no profile": (no_profile, NoCredentials, "of the profile 'unknown'"),
    "expired": (always(Fault.EXPIRED), Expired, "have expired"),
    "clock": (always(Fault.SKEW), ClockSkew, "this machine's clock"),
    "denied": (always(Fault.DENIED), Denied, "does not allow this"),
}


@pytest.mark.parametrize("name", TROUBLES)
async def test_each_trouble_has_its_own_sentence(
    name: str,
    proxy: FaultProxy,
    address: Address,
    cache: Cache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trouble, kind, sentence = TROUBLES[name]
    address = trouble(address, proxy, monkeypatch)
    remote = remote_at(address)

    with pytest.raises(kind) as caught:
        await mover.push(remote, cache, fill(cache, 3), JOBS, quiet)
    findings = [finding async for finding in remote.check()]

    error = caught.value
    assert type(error) is kind
    assert sentence in error.what
    assert (error.exit_code, bool(error.where), bool(error.hint)) == (5, True, True)
    assert "hidden" not in str(error) + str(findings)
    assert s3.SECRET not in str(error) + str(findings)
    assert [each.verdict for each in findings][-1] is Verdict.BAD
    assert findings[-1].detail == error.what


async def test_a_push_that_finds_everything_there_is_one_request(
    proxy: FaultProxy, address: Address, cache: Cache
) -> None:
    wanted = fill(cache, 20)
    await mover.push(remote_at(address), cache, wanted, JOBS, quiet)
    proxy.asked.clear()

    pushed = await mover.push(remote_at(address), cache, wanted, JOBS, quiet)

    assert (pushed.moved, pushed.present) == ((), 20)
    assert len(proxy.asked) == 1


@pytest.mark.parametrize("name", ["no bucket", "wrong secret", "expired", "clock"])
async def test_a_single_object_meets_the_same_sentences(
    name: str,
    proxy: FaultProxy,
    address: Address,
    cache: Cache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trouble, kind, sentence = TROUBLES[name]
    remote = remote_at(trouble(address, proxy, monkeypatch))
    wanted = fill(cache, 1)
    try:
        pushed = await mover.push(remote, cache, wanted, JOBS, quiet)
        (failed,) = pushed.failed
        error = failed.error
    except RemoteFault as fault:
        error = fault

    assert type(error) is kind
    assert sentence in error.what


async def test_a_fetch_from_a_dead_service_lists_every_object(
    address: Address, cache: Cache
) -> None:
    wanted = dict.fromkeys([ContentHash(f"{number:032x}") for number in range(50)], 7)
    remote = remote_at(nobody_listens(address))

    fetched = await mover.fetch(remote, cache, wanted, JOBS, quiet)

    assert {each.hash for each in fetched.failed} == set(wanted)
    assert {type(each.error) for each in fetched.failed} == {Unreachable}
    assert fetched.retries <= 2 * JOBS
