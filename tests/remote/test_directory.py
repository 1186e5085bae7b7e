"""What is particular to the remote that is a directory."""

import os
import stat
from pathlib import Path

import pytest

from pivot_core.errors import RemoteError
from pivot_core.model.ids import ContentHash
from pivot_core.remote.address import Address, remote_at
from pivot_core.remote.base import Key, Meter, Verdict, object_key
from pivot_core.remote.errors import NoBucket
from pivot_core.store import hashing

NAME = hashing.hash_bytes(b"some bytes")


def remote(path: Path, name: str = "origin"):
    return remote_at(Address(name, str(path)))


async def test_a_directory_is_made_on_demand_where_its_parent_is_there(tmp_path: Path) -> None:
    share = tmp_path / "share"
    assert not await remote(share / "inside").make(is_real=True)
    assert await remote(share).make(is_real=False)
    assert os.listdir(tmp_path) == []
    assert await remote(share).make(is_real=True)
    assert not await remote(share).make(is_real=True)
    assert os.listdir(tmp_path) == ["share"]


async def test_a_share_that_was_unmounted_is_not_made_by_who_uses_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"some bytes")
    async with remote(tmp_path / "share").connect(2) as connection:
        with pytest.raises(NoBucket):
            await connection.page("files/")
        with pytest.raises(NoBucket):
            await connection.size(object_key(NAME))
        with pytest.raises(NoBucket):
            await connection.put(NAME, 10, str(tmp_path / "file"), Meter())
        with pytest.raises(NoBucket):
            await connection.get(NAME, 10, str(tmp_path / "to"), str(tmp_path), Meter())
        with pytest.raises(NoBucket):
            await connection.write(object_key(NAME), b"")
    findings = [finding async for finding in remote(tmp_path / "share").check()]

    assert [(each.subject, each.verdict) for each in findings] == [("bucket", Verdict.BAD)]
    assert os.listdir(tmp_path) == ["file"]


async def test_files_there_are_read_only_and_lie_where_the_format_says(tmp_path: Path) -> None:
    (tmp_path / "share").mkdir()
    (tmp_path / "file").write_bytes(b"some bytes")
    async with remote(tmp_path / "share").connect(2) as connection:
        await connection.put(NAME, 10, str(tmp_path / "file"), Meter())

    found = tmp_path / "share" / "files" / NAME[:2] / NAME[2:]
    assert found.read_bytes() == b"some bytes"
    assert stat.S_IMODE(found.stat().st_mode) & 0o333 == 0
    assert os.listdir(tmp_path / "share" / "tmp") == []


async def test_unfinished_files_are_listed_and_thrown_away(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    left = tmp_path / "tmp" / f"{object_key(NAME).replace('/', '.')}~1"
    left.write_bytes(b"some")
    (tmp_path / "tmp" / "foreign").write_bytes(b"")
    async with remote(tmp_path).connect(2) as connection:
        (upload,) = await connection.uploads()
        assert upload.key == object_key(NAME)
        await connection.abort(upload)
        assert await connection.uploads() == ()
    assert os.listdir(tmp_path / "tmp") == ["foreign"]


async def test_what_is_no_object_of_ours_is_not_listed(tmp_path: Path) -> None:
    for inside in ("files/ab/short", f"files/abc/{'0' * 29}", f"files/AB/{'0' * 30}", "files/x"):
        (tmp_path / inside).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / inside).write_bytes(b"")
    (tmp_path / "files/ab" / ("0" * 30)).symlink_to(tmp_path / "files/x")
    async with remote(tmp_path).connect(2) as connection:
        assert (await connection.page("files/")).entries == ()
        assert await connection.size(Key(f"files/ab/{'0' * 30}")) is None


@pytest.mark.parametrize("url", ["relative", "ftp://host/x", "file://host/x", "s3:bucket", ""])
def test_a_url_of_no_known_kind_is_refused(url: str) -> None:
    with pytest.raises(RemoteError, match="no known kind"):
        remote_at(Address("origin", url))


def test_what_is_shown_of_a_url_holds_no_secret() -> None:
    shown = Address("origin", "s3://key:secret@bucket/prefix?token=secret#secret").shown_url
    assert shown == "s3://bucket/prefix"


def test_a_file_url_is_a_path(tmp_path: Path) -> None:
    assert remote_at(Address("origin", f"file://{tmp_path}/a%20b")).url == f"{tmp_path}/a b"
    assert remote_at(Address("origin", str(tmp_path) + "/")).url == str(tmp_path)
    assert ContentHash(NAME) == NAME
