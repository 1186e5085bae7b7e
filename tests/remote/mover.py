"""A process of its own that moves objects, so that it can be killed: ``python -m tests.remote.mover FILE``.

The file holds ``{"verb": "push" or "fetch", "root": …, "url": …, "endpoint": …, "jobs": …, "wanted": {hash: size}}``.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict, cast

from pivot_core.model import ids
from pivot_core.model.ids import ContentHash
from pivot_core.remote import transfer
from pivot_core.remote.address import Address, remote_at
from pivot_core.remote.base import Remote
from pivot_core.remote.transfer import News, Report, Summary
from pivot_core.store.cache import Cache
from pivot_core.store.layout import Layout


class Task(TypedDict):
    """What is to be done."""

    verb: str
    root: str
    url: str
    endpoint: str
    jobs: int
    wanted: dict[str, int]


async def push(
    remote: Remote, cache: Cache, wanted: Mapping[ContentHash, int], jobs: int, report: Report
) -> Summary:
    """Pushes one batch by a connection of its own."""
    async with remote.connect(jobs) as connection:
        return await transfer.push(connection, cache, wanted, jobs, report)


async def fetch(
    remote: Remote, cache: Cache, wanted: Mapping[ContentHash, int], jobs: int, report: Report
) -> Summary:
    """Fetches one batch by a connection of its own."""
    async with remote.connect(jobs) as connection:
        return await transfer.fetch(connection, cache, wanted, jobs, report)


async def move(task: Task) -> int:
    """Does it; returns how many objects failed."""
    remote = remote_at(Address("origin", task["url"], endpoint_url=task["endpoint"]))
    cache = Cache(Layout.at(task["root"]))
    wanted = {ids.content_hash(name): size for name, size in task["wanted"].items()}
    verb = push if task["verb"] == "push" else fetch

    def report(_: News) -> None:
        pass

    return len((await verb(remote, cache, wanted, task["jobs"], report)).failed)


if __name__ == "__main__":
    sys.exit(asyncio.run(move(cast("Task", json.loads(Path(sys.argv[1]).read_text())))))
