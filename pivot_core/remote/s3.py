"""Owns the remote that is a bucket of an S3 service."""

import asyncio
import contextlib
import os
import uuid
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, override
from urllib.parse import unquote, urlsplit

import xxhash
from aiobotocore.session import AioSession

from pivot_core.model.ids import ContentHash
from pivot_core.remote import multipart
from pivot_core.remote.address import Address
from pivot_core.remote.base import (
    OBJECTS,
    Connection,
    Entry,
    Finding,
    Key,
    Meter,
    Page,
    Remote,
    Upload,
    Verdict,
    hash_of,
    object_key,
)
from pivot_core.remote.diagnosis import (
    CONFLICT,
    NOT_IMPLEMENTED,
    PRECONDITION_FAILED,
    Answer,
    Doctor,
)
from pivot_core.remote.errors import (
    Absent,
    ClockSkew,
    Corrupt,
    Denied,
    Expired,
    NoCredentials,
    Refused,
    RemoteFault,
)
from pivot_core.remote.multipart import Body
from pivot_core.remote.pace import wait_s
from pivot_core.remote.partial import Partial, land
from pivot_core.remote.wire import TRIES, Wire, new_session
from pivot_core.store import hashing
from pivot_core.store.cache import BadObject

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_s3.type_defs import ListObjectsV2OutputTypeDef

_SINGLE_BYTES = 16 << 20
"""Larger objects go up in parts."""
_SMALL_BYTES = 1 << 20
"""Smaller objects come down through memory."""
_WRONG = 4
"""Further tries for an object whose bytes are wrong."""
_DELETE_MAX = 1000
_SAMPLE = b"pivot looks whether it may write here"


class S3Remote(Remote):
    """A bucket, and a prefix in it."""

    def __init__(self, address: Address) -> None:
        parts = urlsplit(address.url)
        self._address: Address = address
        self._bucket: str = parts.netloc.rpartition("@")[2]
        path = unquote(parts.path).strip("/")
        self._prefix: str = f"{path}/" if path else ""
        self._session: AioSession = new_session(address)
        self._doctor: Doctor = Doctor(address, self._bucket)

    @property
    @override
    def url(self) -> str:
        return self._address.shown_url

    @property
    @override
    def read_only(self) -> bool:
        return self._address.read_only

    @override
    async def make(self, *, is_real: bool) -> bool:
        return False  # a bucket has an owner, a region and a price

    @override
    @contextlib.asynccontextmanager
    async def connect(self, jobs: int) -> AsyncGenerator[Connection]:
        async with Wire.open(self._address, self._session, self._doctor, jobs) as wire:
            yield _S3Connection(wire, self._bucket, self._prefix)

    @override
    async def check(self) -> AsyncGenerator[Finding]:
        try:
            async with Wire.open(self._address, self._session, self._doctor, 1) as wire:
                async for finding in _Check(wire, self._bucket, self._prefix, self.url).run(
                    self.read_only
                ):
                    yield finding
        except RemoteFault as fault:
            yield Finding("credentials", Verdict.BAD, fault.what, fault.hint)


class _S3Connection(Connection):
    def __init__(self, wire: Wire, bucket: str, prefix: str) -> None:
        self._wire: Wire = wire
        self._bucket: str = bucket
        self._prefix: str = prefix

    @override
    async def page(self, prefix: str, after: str = "") -> Page:
        inside, token = self._prefix + prefix, ""
        start = max(inside, self._prefix + after)  # some services refuse one outside the prefix
        while True:

            async def ask(client: "S3Client", token: str = token) -> "ListObjectsV2OutputTypeDef":
                if token:
                    return await client.list_objects_v2(
                        Bucket=self._bucket, Prefix=inside, ContinuationToken=token
                    )
                return await client.list_objects_v2(
                    Bucket=self._bucket, Prefix=inside, StartAfter=start
                )

            answer = await self._wire.brief(ask, inside)
            entries = [
                Entry(
                    Key(each["Key"].removeprefix(self._prefix)),
                    each["Size"],
                    each["LastModified"].timestamp(),
                )
                for each in answer.get("Contents", ())
                if "Key" in each and "Size" in each and "LastModified" in each
            ]
            token = answer.get("NextContinuationToken", "")
            is_last = not answer.get("IsTruncated", False)
            if entries or is_last or not token:
                return Page(tuple(entries), is_last or not entries)

    @override
    async def size(self, key: Key) -> int | None:
        full = self._prefix + key

        async def head(client: "S3Client") -> int:
            return (await client.head_object(Bucket=self._bucket, Key=full))["ContentLength"]

        try:
            return await self._wire.brief(head, full)
        except Absent:
            return None
        except (Denied, Refused):
            # The answer to this kind of request has no body that could say why; that to another has.
            await self.page(key)
            return await self._wire.brief(head, full)

    @override
    async def get(
        self, wanted: ContentHash, size_bytes: int, target: str, scratch: str, meter: Meter
    ) -> None:
        full = self._prefix + object_key(wanted)
        bring = self._bring_small if size_bytes <= _SMALL_BYTES else self._bring_large
        try:
            for _ in range(_WRONG):
                if await bring(full, wanted, size_bytes, target, scratch, meter):
                    return
                meter.retries += 1
            if await bring(full, wanted, size_bytes, target, scratch, meter):
                return
        except Absent as error:
            raise self._wire.doctor.absent(f"object {wanted}", full) from error
        raise Corrupt(
            f"object {wanted} holds other bytes on the remote",
            f"s3://{self._bucket}/{full}",
            "remove it there and push it again from where it is whole",
        )

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
        full = self._prefix + object_key(wanted)
        if size_bytes > _SINGLE_BYTES:
            upload = multipart.Upload(self._wire, self._bucket, full, source, size_bytes, meter)
            await upload.run(wanted, replace=replace)
            return
        async with self._wire.budget.hold(size_bytes):
            body, found = await self._wire.do(_load, source, meter)
            if found != wanted:
                raise BadObject(wanted, "holds other bytes", source)
            await self._put(Key(object_key(wanted)), body, size_bytes, meter, replace=replace)

    @override
    async def read(self, key: Key) -> bytes | None:
        full = self._prefix + key

        async def read(client: "S3Client") -> bytes:
            answer = await client.get_object(Bucket=self._bucket, Key=full)
            body = answer["Body"]
            data = await body.read()
            if len(data) != answer["ContentLength"]:
                raise asyncio.IncompleteReadError(data, answer["ContentLength"])
            return data

        try:
            return await self._wire.brief(read, full)
        except Absent:
            return None

    @override
    async def write(self, key: Key, data: bytes) -> None:
        await self._put(key, Body(data, Meter()), len(data), Meter(), replace=True)

    @override
    async def delete(self, keys: Sequence[Key]) -> None:
        for begin in range(0, len(keys), _DELETE_MAX):
            some = [self._prefix + key for key in keys[begin : begin + _DELETE_MAX]]

            async def delete(client: "S3Client", some: list[str] = some) -> None:
                answer = await client.delete_objects(
                    Bucket=self._bucket,
                    Delete={"Objects": [{"Key": key} for key in some], "Quiet": True},
                )
                for error in answer.get("Errors", ()):
                    raise self._wire.doctor.refused(error.get("Code", ""), error.get("Key", ""))

            await self._wire.ask(delete, key=self._prefix)

    @override
    async def uploads(self) -> tuple[Upload, ...]:
        found, key_marker, id_marker = list[Upload](), "", ""
        while True:
            page = await self._wire.brief(
                lambda client, key=key_marker, name=id_marker: client.list_multipart_uploads(
                    Bucket=self._bucket,
                    Prefix=self._prefix + OBJECTS,
                    KeyMarker=key,
                    UploadIdMarker=name,
                ),
                self._prefix + OBJECTS,
            )
            for each in page.get("Uploads", ()):
                if "Key" in each and "UploadId" in each and "Initiated" in each:
                    key = Key(each["Key"].removeprefix(self._prefix))
                    if hash_of(key) is not None:
                        found.append(Upload(key, each["UploadId"], each["Initiated"].timestamp()))
            after = page.get("NextKeyMarker", ""), page.get("NextUploadIdMarker", "")
            if not page.get("IsTruncated") or after == (key_marker, id_marker):
                return tuple(sorted(found, key=lambda upload: upload.begun_s))
            key_marker, id_marker = after

    @override
    async def abort(self, upload: Upload) -> None:
        full = self._prefix + upload.key
        try:
            await self._wire.brief(
                lambda client: client.abort_multipart_upload(
                    Bucket=self._bucket, Key=full, UploadId=upload.name
                ),
                full,
            )
        except Answer as answer:
            if answer.code != "NoSuchUpload":
                raise

    # --- inside --------------------------------------------------------------------------------------------------

    async def _put(
        self, key: Key, body: Body, size_bytes: int, meter: Meter, *, replace: bool
    ) -> None:
        """Sends a body; under the condition that nothing is there, where the service knows conditions."""
        full = self._prefix + key
        is_free = replace  # it is sent whatever is there

        async def put(client: "S3Client") -> None:
            if is_free or not self._wire.has_conditions:
                await client.put_object(
                    Bucket=self._bucket, Key=full, Body=body.rewind(), ContentMD5=body.content_md5
                )
            else:
                await client.put_object(
                    Bucket=self._bucket,
                    Key=full,
                    Body=body.rewind(),
                    ContentMD5=body.content_md5,
                    IfNoneMatch="*",
                )

        for tries in range(1, TRIES + 1):
            try:
                return await self._wire.ask(put, meter, full)
            except Answer as answer:
                if answer.status == CONFLICT and tries < TRIES:
                    meter.retries += 1
                    await asyncio.sleep(wait_s(tries))
                    continue
                if is_free or answer.status not in (PRECONDITION_FAILED, NOT_IMPLEMENTED):
                    raise
                if answer.status == NOT_IMPLEMENTED:
                    self._wire.has_conditions = False
            if await self.size(key) == size_bytes:
                meter.bytes_done = size_bytes
                return None
            is_free = True
        return None

    async def _bring_small(
        self,
        full: str,
        wanted: ContentHash,
        size_bytes: int,
        target: str,
        scratch: str,
        meter: Meter,
    ) -> bool:
        async def bring(client: "S3Client") -> list[bytes]:
            asking = multipart.ranged(
                client, self._bucket, full, 0, size_bytes, size_bytes, self._wire.answer_s
            )
            async with asking as body:
                return [
                    chunk
                    async for chunks in multipart.gathered(body, size_bytes)
                    for chunk in chunks
                ]

        chunks = await self._wire.ask(bring, meter, full)
        digest = xxhash.xxh3_128()
        for chunk in chunks:
            digest.update(chunk)
        if digest.hexdigest() != wanted:
            return False
        await self._wire.do(land, chunks, scratch, target)
        meter.bytes_done = size_bytes
        return True

    async def _bring_large(
        self,
        full: str,
        wanted: ContentHash,
        size_bytes: int,
        target: str,
        scratch: str,
        meter: Meter,
    ) -> bool:
        part = multipart.PART_BYTES
        partial = await self._wire.do(Partial.resume, scratch, wanted, size_bytes, part)
        try:
            await multipart.Download(
                self._wire, self._bucket, full, partial, size_bytes, meter
            ).run()
            if partial.hash == wanted:
                await self._wire.do(partial.publish, target)
                return True
            await self._wire.do(partial.start_over)
            return False
        finally:
            partial.close()


class _Check:
    """Tries what transfers need, with an object that is removed again."""

    def __init__(self, wire: Wire, bucket: str, prefix: str, url: str) -> None:
        self._wire: Wire = wire
        self._bucket: str = bucket
        self._key: Key = Key(f"check/{uuid.uuid4().hex}")
        self._full: str = prefix + self._key
        self._connection: _S3Connection = _S3Connection(wire, bucket, prefix)
        self._url: str = url

    async def run(self, read_only: bool) -> AsyncGenerator[Finding]:
        """Yields one finding after the other."""
        try:
            await self._connection.page(OBJECTS)
        except RemoteFault as fault:
            is_known = not isinstance(fault, (NoCredentials, Expired, ClockSkew))
            subject = "bucket" if is_known else "credentials"
            yield Finding(subject, Verdict.BAD, fault.what, fault.hint)
            return
        yield Finding("credentials", Verdict.GOOD, "the service knows them")
        yield Finding("bucket", Verdict.GOOD, f"'{self._url}' can be listed")
        if read_only:
            return
        subject = "write"
        try:
            await self._connection.write(self._key, _SAMPLE)
            yield Finding(subject, Verdict.GOOD, "an object was written")
            subject = "read"
            if await self._connection.read(self._key) != _SAMPLE:
                yield Finding(subject, Verdict.BAD, "the object reads back as something else")
                return
            yield Finding(subject, Verdict.GOOD, "and read back as it was")
            yield await self._checksums()
            yield await self._conditions()
        except RemoteFault as fault:
            yield Finding(subject, Verdict.BAD, fault.what, fault.hint)
        finally:
            with contextlib.suppress(RemoteFault):
                await self._connection.delete([self._key])

    async def _checksums(self) -> Finding:
        wrong = Body(b"other bytes", Meter()).content_md5
        try:
            await self._wire.ask(
                lambda client: client.put_object(
                    Bucket=self._bucket, Key=self._full, Body=_SAMPLE, ContentMD5=wrong
                ),
                tries=1,
            )
        except RemoteFault:
            return Finding("checksums", Verdict.GOOD, "damaged uploads are refused")
        return Finding(
            "checksums",
            Verdict.MISSING,
            "damaged uploads are not noticed by the service, only by who downloads them",
        )

    async def _conditions(self) -> Finding:
        try:
            await self._wire.ask(
                lambda client: client.put_object(
                    Bucket=self._bucket, Key=self._full, Body=_SAMPLE, IfNoneMatch="*"
                ),
                tries=1,
            )
        except RemoteFault as fault:
            if isinstance(fault, Answer) and fault.status == PRECONDITION_FAILED:
                return Finding("conditions", Verdict.GOOD, "what is there is not written again")
        return Finding(
            "conditions",
            Verdict.MISSING,
            "two pushers at once may both send an object; it is the same one",
        )


def _load(source: str, meter: Meter) -> tuple[Body, ContentHash]:
    """Reads a file that fits into memory; returns its bytes and their hash."""
    fd, found = hashing.open_regular(source)
    try:
        data = os.read(fd, found.st_size + 1)
    except OSError as error:
        raise hashing.read_error(error, source) from error
    finally:
        os.close(fd)
    return Body(data, meter), hashing.hash_bytes(data)
