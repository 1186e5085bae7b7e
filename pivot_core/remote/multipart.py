"""Owns moving one large object: in parts, side by side, going on where a killed process stopped.

Up: one reader takes the file in order and hashes it; each part is sent by a task of its own, as far as memory allows.
Down: ranges are written to their places in a `Partial`, and hashed in order as they become whole.
"""

import asyncio
import base64
import contextlib
import functools
import hashlib
import io
import os
from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING, override

import xxhash

from pivot_core.model.ids import ContentHash
from pivot_core.remote.base import Meter
from pivot_core.remote.crew import crew
from pivot_core.remote.diagnosis import NOT_IMPLEMENTED, Answer
from pivot_core.remote.errors import Absent, Corrupt, RemoteFault
from pivot_core.remote.pace import wait_s
from pivot_core.remote.partial import Partial
from pivot_core.remote.wire import TRIES, Wire
from pivot_core.store import hashing
from pivot_core.store.cache import BadObject

if TYPE_CHECKING:
    from aiobotocore.response import StreamingBody
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_s3.type_defs import CompletedPartTypeDef

PART_BYTES = 8 << 20
_PARTS_MAX = 10_000
_CHUNK = 1 << 20
_TAKEN = 256 << 10
"""So much of a body goes to the socket at once."""
_ABORT_S = 5.0
_ROUNDS = 3
"""Uploads of one object that are begun; each but the first because somebody else ended the one before."""


class Body(io.BytesIO):
    """Bytes on their way up; the meter counts what was taken from them.

    The HTTP library asks for 64 KiB at a time, and goes round the event loop for each: it is given more than that.
    """

    def __init__(self, data: bytes, meter: Meter) -> None:
        super().__init__(data)
        self.md5: str = hashlib.md5(data, usedforsecurity=False).hexdigest()
        self._meter: Meter = meter
        self._counted: int = 0

    @property
    def content_md5(self) -> str:
        """The value of the header that makes every service check what arrives."""
        return base64.b64encode(bytes.fromhex(self.md5)).decode()

    def rewind(self) -> "Body":
        """Begins anew, for another try."""
        self._meter.bytes_done -= self._counted
        self._counted = 0
        self.seek(0)
        return self

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size if size is None or size < 0 else max(size, _TAKEN))
        self._counted += len(data)
        self._meter.bytes_done += len(data)
        return data


def part_bytes(size_bytes: int) -> int:
    """Returns how large the parts of an object are: a service takes 10,000 of them at most."""
    needed = -(-size_bytes // _PARTS_MAX)
    return max(PART_BYTES, -(-needed // _CHUNK) * _CHUNK)


# --- up --------------------------------------------------------------------------------------------------------------


class Upload:
    """One large object on its way up."""

    def __init__(
        self, wire: Wire, bucket: str, key: str, source: str, size_bytes: int, meter: Meter
    ) -> None:
        self._wire: Wire = wire
        self._bucket: str = bucket
        self._key: str = key
        self._source: str = source
        self._size: int = size_bytes
        self._part: int = part_bytes(size_bytes)
        self._meter: Meter = meter

    async def run(self, wanted: ContentHash, *, replace: bool) -> None:
        """Sends the file; an upload that an ended process left unfinished is gone on with."""
        for number in range(1, _ROUNDS + 1):
            name, there = await self._unfinished() if number == 1 else ("", dict[int, str]())
            name = name or await self._begin()
            try:
                sent = await self._send_all(name, there, wanted)
                await self._complete(name, there, sent, replace=replace)
            except RemoteFault as fault:
                await self._abort(name)
                if fault.ends_batch or fault.is_transient:
                    raise
                # Another process may have ended this upload, or was faster; services word that in many ways.
                if not replace and await self._is_there():
                    break
                if number == _ROUNDS:
                    raise
                self._meter.retries += 1
            except BaseException:
                # Also when cancelled: what is left would be paid for and perhaps never be used.
                await self._abort(name)
                raise
            else:
                break
        self._meter.bytes_done = self._size

    async def _send_all(self, name: str, there: dict[int, str], wanted: ContentHash) -> str:
        """Sends the parts that are not ``there`` and adds them; returns the tag of an object that is made of them."""
        self._meter.bytes_done = 0
        digest, digests = xxhash.xxh3_128(), hashlib.md5(usedforsecurity=False)
        fd, found = await self._wire.do(hashing.open_regular, self._source)
        try:
            async with crew() as group:
                for number, (begin, length) in enumerate(self._ranges(), 1):
                    await self._wire.budget.take(length)
                    give = functools.partial(self._give, length)
                    try:
                        body = await self._wire.do(self._load, fd, begin, length, digest)
                    except BaseException:
                        give()
                        raise
                    digests.update(bytes.fromhex(body.md5))
                    if there.get(number) == body.md5:
                        self._meter.bytes_done += length
                        give()
                    else:
                        # A task that is cancelled before it begins calls back too.
                        sending = group.create_task(self._send(name, number, body, there))
                        sending.add_done_callback(give)
        finally:
            os.close(fd)
        if digest.hexdigest() != wanted or found.st_size != self._size:
            raise BadObject(wanted, "holds other bytes", self._source)
        return f"{digests.hexdigest()}-{len(there)}"

    def _ranges(self) -> Iterator[tuple[int, int]]:
        for begin in range(0, self._size, self._part):
            yield begin, min(self._part, self._size - begin)

    def _load(self, fd: int, begin: int, length: int, digest: xxhash.xxh3_128) -> Body:
        try:
            data = os.pread(fd, length, begin)
        except OSError as error:
            raise hashing.read_error(error, self._source) from error
        digest.update(data)
        return Body(data, self._meter)

    def _give(self, length: int, _: object = None) -> None:
        self._wire.budget.give(length)

    async def _send(self, name: str, number: int, body: Body, there: dict[int, str]) -> None:
        async def send(client: "S3Client") -> str:
            answer = await client.upload_part(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=name,
                PartNumber=number,
                Body=body.rewind(),
                ContentMD5=body.content_md5,
            )
            return answer["ETag"].strip('"')

        there[number] = await self._wire.ask(send, self._meter, self._key)

    async def _unfinished(self) -> tuple[str, dict[int, str]]:
        """Returns an upload of this object that somebody left, with the MD5 of each part that it has."""
        try:
            found = await self._wire.brief(
                lambda client: client.list_multipart_uploads(Bucket=self._bucket, Prefix=self._key),
                self._key,
            )
            for upload in found.get("Uploads", ()):
                if upload.get("Key") == self._key and "UploadId" in upload:
                    return upload["UploadId"], await self._parts(upload["UploadId"])
        except RemoteFault as fault:
            if fault.ends_batch:
                raise
        return "", {}  # a service that cannot tell, or does not want to

    async def _parts(self, name: str) -> dict[int, str]:
        there, marker = dict[int, str](), 0
        while True:
            page = await self._wire.brief(
                lambda client, after=marker: client.list_parts(
                    Bucket=self._bucket, Key=self._key, UploadId=name, PartNumberMarker=after
                ),
                self._key,
            )
            for part in page.get("Parts", ()):
                if "PartNumber" in part and "ETag" in part:
                    there[part["PartNumber"]] = part["ETag"].strip('"')
            if not page.get("IsTruncated") or max(there, default=0) <= marker:
                return there
            marker = max(there)

    async def _begin(self) -> str:
        answer = await self._wire.brief(
            lambda client: client.create_multipart_upload(Bucket=self._bucket, Key=self._key),
            self._key,
        )
        return answer["UploadId"]

    async def _complete(
        self, name: str, there: dict[int, str], sent: str, *, replace: bool
    ) -> None:
        """Has the service make the object of its parts; ``sent`` is the tag that it then has with most services."""
        parts: list[CompletedPartTypeDef] = [
            {"PartNumber": number, "ETag": f'"{there[number]}"'}
            for number, _ in enumerate(self._ranges(), 1)
        ]

        async def complete(client: "S3Client") -> str:
            if replace or not self._wire.has_conditions:
                answer = await client.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=self._key,
                    UploadId=name,
                    MultipartUpload={"Parts": parts},
                )
            else:
                answer = await client.complete_multipart_upload(
                    Bucket=self._bucket,
                    Key=self._key,
                    UploadId=name,
                    MultipartUpload={"Parts": parts},
                    IfNoneMatch="*",
                )
            return answer.get("ETag", "").strip('"')

        try:
            made = await self._wire.ask(complete, self._meter, self._key)
        except Answer as answer:
            if answer.status != NOT_IMPLEMENTED or replace or not self._wire.has_conditions:
                raise
            self._wire.has_conditions = False
            made = await self._wire.ask(complete, self._meter, self._key)
        if made == sent:
            return  # another request would be slow: some services hash the whole object for it
        for tries in range(1, TRIES):
            if await self._is_there():
                return
            await asyncio.sleep(wait_s(tries))  # a service that replaces it at this moment
        raise self._wire.doctor.interrupted(self._key)

    async def _is_there(self) -> bool:
        try:
            found = await self._wire.brief(
                lambda client: client.head_object(Bucket=self._bucket, Key=self._key), self._key
            )
        except Absent:
            return False
        return found["ContentLength"] == self._size

    async def _abort(self, name: str) -> None:
        with contextlib.suppress(RemoteFault, TimeoutError):
            async with asyncio.timeout(_ABORT_S):
                await self._wire.brief(
                    lambda client: client.abort_multipart_upload(
                        Bucket=self._bucket, Key=self._key, UploadId=name
                    ),
                    self._key,
                )


# --- down ------------------------------------------------------------------------------------------------------------


class Download:
    """One object on its way down, in ranges."""

    def __init__(
        self, wire: Wire, bucket: str, key: str, partial: Partial, size_bytes: int, meter: Meter
    ) -> None:
        self._wire: Wire = wire
        self._bucket: str = bucket
        self._key: str = key
        self._partial: Partial = partial
        self._size: int = size_bytes
        self._meter: Meter = meter
        self._hashing: asyncio.Lock = asyncio.Lock()
        self._begun: asyncio.Event = asyncio.Event()
        """Set when the first answer has begun."""

    async def run(self) -> None:
        """Brings every part that is not there, and hashes them all.

        The first request goes ahead: some services hash the whole object before they answer, once if they may.
        """
        count = -(-self._size // PART_BYTES)
        self._meter.bytes_done = sum(
            self._end(part) - part * PART_BYTES for part in self._partial.done
        )
        missing = iter([part for part in range(count) if part not in self._partial.done])

        async def work() -> None:
            for part in missing:
                await self._bring(part)
                await self._hash(count)

        async with crew() as group:
            first = group.create_task(work())
            first.add_done_callback(lambda _: self._begun.set())
            await self._begun.wait()
            for _ in range(min(self._wire.jobs, count) - 1):
                group.create_task(work())
        await self._hash(count)

    def _end(self, part: int) -> int:
        return min((part + 1) * PART_BYTES, self._size)

    async def _bring(self, part: int) -> None:
        at, end = part * PART_BYTES, self._end(part)

        async def bring(client: "S3Client") -> None:
            nonlocal at  # another try goes on where this one broke
            asking = ranged(
                client, self._bucket, self._key, at, end, self._size, self._wire.answer_s
            )
            async with asking as body:
                self._begun.set()
                async for chunks in gathered(body, end - at):
                    await self._wire.do(self._partial.write, chunks, at)
                    count = sum(map(len, chunks))
                    at += count
                    self._meter.bytes_done += count

        await self._wire.ask(bring, self._meter, self._key)
        await self._wire.do(self._partial.record, part)

    async def _hash(self, count: int) -> None:
        """Hashes the parts that are whole up to the first that is not, while others still come."""
        if self._hashing.locked() and len(self._partial.done) < count:
            return  # whoever is at it, or comes last, sees to these
        async with self._hashing:
            whole = next((part for part in range(count) if part not in self._partial.done), count)
            await self._wire.do(self._partial.hash_up_to, min(whole * PART_BYTES, self._size))


@contextlib.asynccontextmanager
async def ranged(
    client: "S3Client",
    bucket: str,
    key: str,
    begin: int,
    end: int,
    size_bytes: int,
    answer_s: float,
) -> AsyncGenerator["StreamingBody"]:
    """Asks for bytes of an object that must have ``size_bytes`` of them; gives the body once it has begun."""
    is_whole = begin == 0 and end == size_bytes
    async with asyncio.timeout(answer_s):
        if is_whole:
            answer = await client.get_object(Bucket=bucket, Key=key)
        else:
            answer = await client.get_object(
                Bucket=bucket, Key=key, Range=f"bytes={begin}-{end - 1}"
            )
    body = answer["Body"]
    try:
        whole = (
            answer["ContentLength"]
            if is_whole
            else answer.get("ContentRange", "").rpartition("/")[2]
        )
        if str(whole) != str(size_bytes):
            raise Corrupt(
                f"the object has {whole or 'an unknown number of'} bytes on the remote, not {size_bytes}",
                f"s3://{bucket}/{key}",
                "remove it there and push it again from where it is whole",
            )
        yield body
    finally:
        body.close()  # pyright: ignore[reportUnknownMemberType] its stub has no annotations


async def gathered(body: "StreamingBody", length: int) -> AsyncGenerator[list[bytes]]:
    """Yields what comes in lists of about a megabyte; raises when it is not ``length`` bytes in all."""
    chunks, held = list[bytes](), 0
    while chunk := await body.read(_CHUNK):
        chunks.append(chunk)
        held += len(chunk)
        length -= len(chunk)
        if length < 0:
            break
        if held >= _CHUNK:
            yield chunks
            chunks, held = list[bytes](), 0
    if length:
        raise asyncio.IncompleteReadError(b"", max(length, 0))
    if chunks:
        yield chunks
