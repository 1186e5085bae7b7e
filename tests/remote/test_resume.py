"""A process that is killed in the middle of a large object: the next one moves only what is missing."""

import asyncio
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pivot_core.model.ids import ContentHash
from pivot_core.remote import transfer
from pivot_core.remote.address import Address, remote_at
from pivot_core.remote.multipart import PART_BYTES
from pivot_core.remote.partial import Partial
from pivot_core.store.cache import Cache
from tests.remote import mover
from tests.remote.conftest import Services, a_cache, fill, quiet, s3_address
from tests.remote.mover import Task
from tests.support import s3
from tests.support.fault_proxy import Asked, Fault, FaultProxy

PARTS = 5
SIZE = (PARTS - 1) * PART_BYTES + 5
OTHERS = [kind for kind in s3.KINDS if kind != "juicefs"]
DONE = 3
"""Parts that are moved before the process is killed."""


def is_part_up(asked: Asked) -> bool:
    return asked.method == "PUT" and "partNumber=" in asked.query


def is_part_down(asked: Asked) -> bool:
    return asked.method == "GET" and "/files/" in asked.path


async def killed(proxy: FaultProxy, task: Task, is_part: Callable[[Asked], bool]) -> None:
    """Runs a mover one request at a time and kills it when it asks for the part after ``DONE``."""
    path = Path(task["root"]) / "task.json"
    path.write_text(json.dumps(task))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.remote.mover", str(path))
    )

    def plan(asked: Asked) -> Fault | None:
        if sum(map(is_part, proxy.asked)) <= DONE or not is_part(asked):
            return None
        process.kill()
        return Fault.HANG

    proxy.plan = plan
    await process.wait()
    assert process.returncode == -9
    proxy.plan = lambda _: None
    proxy.asked.clear()


def task(verb: str, cache: Cache, address: Address, wanted: dict[ContentHash, int]) -> Task:
    return Task(
        verb=verb,
        root=cache.layout.root,
        url=address.url,
        endpoint=address.endpoint_url or "",
        jobs=1,
        wanted={str(name): size for name, size in wanted.items()},
    )


@pytest.mark.parametrize(
    "kind", ["juicefs", *[pytest.param(kind, marks=pytest.mark.long) for kind in OTHERS]]
)
async def test_what_a_killed_process_has_moved_is_not_moved_again(
    kind: str, services: Services, tmp_path: Path
) -> None:
    here, there = a_cache(tmp_path / "here"), a_cache(tmp_path / "there")
    wanted = fill(here, 1, size=SIZE)
    async with FaultProxy(services(kind).endpoint) as proxy:
        address = replace(s3_address(services(kind)), endpoint_url=proxy.url)
        remote = remote_at(address)

        await killed(proxy, task("push", here, address, wanted), is_part_up)
        async with remote.connect(1) as connection:
            assert len(await connection.uploads()) == 1
            assert [entry async for entry in transfer.listing(connection, "files/")] == []
        pushed = await mover.push(remote, here, wanted, 4, quiet)
        assert pushed.failed == ()
        assert sum(map(is_part_up, proxy.asked)) == PARTS - DONE
        async with remote.connect(1) as connection:
            assert await connection.uploads() == ()

        proxy.asked.clear()
        await killed(proxy, task("fetch", there, address, wanted), is_part_down)
        assert list(there.objects()) == []
        fetched = await mover.fetch(remote, there, wanted, 4, quiet)
        assert fetched.failed == ()
        assert sum(map(is_part_down, proxy.asked)) == PARTS - DONE
    assert list(there.verify()) == []
    assert {name for name, _ in there.objects()} == set(wanted)
    assert os.listdir(there.layout.partial_dir) == []


NAME = ContentHash("0123456789abcdef" * 2)


def resume(tmp_path: Path, size: int = 10, part: int = 4) -> Partial:
    return Partial.resume(str(tmp_path), NAME, size, part)


def test_parts_in_the_journal_are_there_for_the_next_process(tmp_path: Path) -> None:
    first = resume(tmp_path)
    first.write([b"45", b"67"], 4)
    first.record(1)
    first.write([b"01"], 0)  # this part is not whole
    first.close()

    second = resume(tmp_path)

    assert second.done == {1}
    second.write([b"0123"], 0)
    second.record(0)
    second.write([b"89"], 8)
    second.record(2)
    second.hash_up_to(10)
    second.publish(str(tmp_path / "target"))
    assert (tmp_path / "target").read_bytes() == b"0123456789"
    assert os.listdir(tmp_path) == ["target"]


def test_a_download_that_another_process_is_at_is_left_to_it(tmp_path: Path) -> None:
    first = resume(tmp_path)
    first.write([b"0123"], 0)
    first.record(0)

    second = resume(tmp_path)
    second.write([b"xxxx"], 0)
    second.record(0)
    second.close()

    assert resume_path(tmp_path).read_bytes() == b"0123"
    first.close()
    assert resume(tmp_path).done == {0}


@pytest.mark.parametrize(
    ("journal", "data"),
    [
        (b"pivot-parts 1 10 4\n0\n", b"01"),  # shorter than the parts that are named
        (b"pivot-parts 1 10 4\n0\n", b"0" * 11),  # longer than the object
        (b"pivot-parts 1 12 4\n0\n", b"0123"),  # of another size
        (b"pivot-parts 1 10 8\n0\n", b"01234567"),  # in other parts
        (b"\xff\xfe nothing of ours\n0\n", b"0123"),
        (b"", b"0123"),
    ],
)
def test_a_journal_that_does_not_fit_counts_as_none(
    tmp_path: Path, journal: bytes, data: bytes
) -> None:
    resume_path(tmp_path).write_bytes(data)
    Path(f"{resume_path(tmp_path)}.parts").write_bytes(journal)

    begun = resume(tmp_path)

    assert begun.done == set()
    assert resume_path(tmp_path).read_bytes() == b""
    begun.record(2)
    begun.close()


def test_a_torn_line_of_the_journal_counts_as_none(tmp_path: Path) -> None:
    resume_path(tmp_path).write_bytes(b"0123456789")
    Path(f"{resume_path(tmp_path)}.parts").write_bytes(b"pivot-parts 1 10 4\n0\nx\n7\n99\n2")
    assert resume(tmp_path).done == {0}


def test_what_was_wrong_is_begun_anew(tmp_path: Path) -> None:
    first = resume(tmp_path)
    first.write([b"0123456789"], 0)
    for part in range(3):
        first.record(part)
    first.hash_up_to(10)
    wrong = first.hash
    first.start_over()
    first.write([b"01234"], 0)
    first.hash_up_to(5)

    assert (first.done, first.hash != wrong) == (set(), True)
    first.close()
    assert resume(tmp_path).done == set()


def resume_path(tmp_path: Path) -> Path:
    return tmp_path / NAME
