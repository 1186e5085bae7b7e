"""How few requests it takes to learn what a remote has."""

from collections.abc import Sequence
from typing import override

import pytest

from pivot_core.model.ids import ContentHash
from pivot_core.remote import transfer
from pivot_core.remote.base import Connection, Entry, Key, Meter, Page, Upload, object_key
from pivot_core.store import hashing


class Shelf(Connection):
    """A remote in memory with short pages, which counts what it is asked."""

    def __init__(
        self, names: Sequence[ContentHash], page: int, *, begins_anew: bool = False
    ) -> None:
        self._keys: list[Key] = sorted(map(object_key, names))
        self._page: int = page
        self._begins_anew: bool = begins_anew
        self.pages: int = 0
        self.heads: int = 0

    @override
    async def page(self, prefix: str, after: str = "") -> Page:
        self.pages += 1
        begin = "" if self._begins_anew else after
        keys = [key for key in self._keys if key.startswith(prefix) and key > begin]
        entries = tuple([Entry(key, 7, 0.0) for key in keys[: self._page]])
        return Page(entries, is_last=len(keys) <= self._page)

    @override
    async def size(self, key: Key) -> int | None:
        self.heads += 1
        return 7 if key in self._keys else None

    @override
    async def get(
        self, wanted: ContentHash, size_bytes: int, target: str, scratch: str, meter: Meter
    ) -> None:
        raise NotImplementedError

    @override
    async def put(
        self,
        wanted: ContentHash,
        size_bytes: int,
        source: str,
        meter: Meter,
        *,
        replace: bool = False,
    ) -> None:
        raise NotImplementedError

    @override
    async def read(self, key: Key) -> bytes | None:
        raise NotImplementedError

    @override
    async def write(self, key: Key, data: bytes) -> None:
        raise NotImplementedError

    @override
    async def delete(self, keys: Sequence[Key]) -> None:
        raise NotImplementedError

    @override
    async def uploads(self) -> tuple[Upload, ...]:
        raise NotImplementedError

    @override
    async def abort(self, upload: Upload) -> None:
        raise NotImplementedError


def names(count: int, begin: int = 0) -> list[ContentHash]:
    return [hashing.hash_bytes(str(number).encode()) for number in range(begin, begin + count)]


@pytest.mark.parametrize(
    ("there", "wanted", "pages", "heads"),
    [
        (1000, 1000, 1, 0),  # one page has them all
        (0, 1000, 1, 0),
        (10, 1000, 1, 0),
        (5000, 1, 0, 1),
        (5000, 0, 0, 0),
        (5000, 5000, 9, 0),  # the listing, in ranges, each a page more at most
        (100_000, 20, 1, 20),  # a page tells of one or none: asked for alone
    ],
)
async def test_it_takes_no_more_requests_than_this(
    there: int, wanted: int, pages: int, heads: int
) -> None:
    shelf = Shelf(names(there), page=1000)
    asked = [*names(wanted // 2), *names(wanted - wanted // 2, begin=there)]

    found = await transfer.present(shelf, asked, jobs=20)

    assert set(found) == set(asked) & set(names(there))
    assert shelf.pages <= pages
    assert shelf.heads <= heads


async def test_a_service_that_always_lists_from_the_beginning_is_asked_for_each() -> None:
    shelf = Shelf(names(300), page=100, begins_anew=True)
    asked = names(400)

    found = await transfer.present(shelf, asked, jobs=20)

    assert set(found) == set(names(300))
    assert shelf.heads <= 400
