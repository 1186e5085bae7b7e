"""Owns asking an S3 service: one client, tries until an answer comes, credentials read anew when they have expired.

The library's own retries are off: it does not see a body that ends early, and what is tried again must be counted.
"""

import asyncio
import base64
import contextlib
import hashlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, cast

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from botocore.awsrequest import AWSRequest
from botocore.utils import parse_timestamp

from pivot_core import __version__
from pivot_core.remote.address import Address
from pivot_core.remote.base import Meter
from pivot_core.remote.diagnosis import BROKEN, Doctor
from pivot_core.remote.errors import Busy, Expired, RemoteFault, Unreachable
from pivot_core.remote.pace import Budget, Pace, wait_s

if TYPE_CHECKING:
    from botocore.parsers import ResponseParserFactory
    from types_aiobotocore_s3 import S3Client

TRIES = 8
ANSWER_S = 10.0
"""How long the service may take to begin an answer, at most."""
_HOPELESS_S = 8.0
"""A service that cannot be reached for this long is given up."""
_FIRST_TRIES = 3
"""And one that has never answered after so many tries."""
_DEAD_S = 30.0
"""A service that has answered is taken for a slow one for so long."""
_MEMORY_BYTES = 40 << 20
_THREADS = 8

type Ask[R] = Callable[[S3Client], Awaitable[R]]


def new_session(address: Address) -> AioSession:
    """Makes a session, which reads the AWS configuration when it is first used."""
    session = AioSession(profile=address.profile)
    # The library's own parser guesses the format of each time: a tenth of a second for a page of a listing.
    parsers = cast("ResponseParserFactory", session.get_component("response_parser_factory"))
    parsers.set_parser_defaults(timestamp_parser=_moment)
    return session


def _moment(text: str) -> datetime:
    """Reads a time as listings have it; any other by the library's own parser."""
    with contextlib.suppress(
        ValueError, TypeError
    ):  # also a number, which not even the stubs know of
        if text[4:5] == "-":
            return datetime.fromisoformat(text)
    return parse_timestamp(text)


class Wire:
    """The connection behind one batch."""

    def __init__(
        self, address: Address, doctor: Doctor, jobs: int, threads: ThreadPoolExecutor
    ) -> None:
        self.doctor: Doctor = doctor
        self.jobs: int = jobs
        self.pace: Pace = Pace(jobs)
        self.budget: Budget = Budget(_MEMORY_BYTES)
        self.answer_s: float = min(ANSWER_S, address.read_timeout_s)
        """How long the service may take to begin an answer."""
        self.has_conditions: bool = True
        """Turns false once the service refused a condition as unknown."""
        self._address: Address = address
        self._threads: ThreadPoolExecutor = threads
        self._clients: contextlib.AsyncExitStack = contextlib.AsyncExitStack()
        self._client: S3Client | None = None
        self._renewal: asyncio.Lock = asyncio.Lock()
        self._is_renewed: bool = False
        self._answered_at: float | None = None
        """When the last good answer came."""

    @classmethod
    @contextlib.asynccontextmanager
    async def open(
        cls, address: Address, session: AioSession, doctor: Doctor, jobs: int
    ) -> AsyncGenerator["Wire"]:
        """Makes the client; all that it needs is released at the end."""
        with ThreadPoolExecutor(_THREADS, "remote") as threads:
            wire = cls(address, doctor, jobs, threads)
            async with wire._clients:
                wire._client = await wire._new_client(session)
                yield wire

    async def ask[R](
        self,
        ask: Ask[R],
        meter: Meter | None = None,
        key: str = "",
        *,
        limit_s: float | None = None,
        tries: int = TRIES,
    ) -> R:
        """Sends a request until it is answered; raises the ``RemoteFault`` that cannot be mended by another try.

        ``ask`` is called anew for each try and reads what the answer holds. ``limit_s`` is for the whole of it.
        """
        began = time.monotonic()
        for number in range(1, tries + 1):
            client = self._client
            assert client is not None
            try:
                async with self.pace.slot(), asyncio.timeout(limit_s):
                    answer = await ask(client)
                self.pace.went_well()
                self._answered_at = time.monotonic()
                self._is_renewed = False
                return answer
            except BROKEN as error:
                fault = self._fault(error, key)
                if isinstance(fault, Expired) and await self._renew(client):
                    continue
                if number == tries or not self._is_worth_another(fault, number, began):
                    raise fault from error
            if isinstance(fault, Busy):
                self.pace.slow_down()
            if meter is not None:
                meter.retries += 1
            await asyncio.sleep(wait_s(number))
        raise AssertionError("the last try returns or raises")

    async def brief[R](self, ask: Ask[R], key: str = "") -> R:
        """The same for a request without bytes of an object, whose answer begins soon or never."""
        return await self.ask(ask, key=key, limit_s=self.answer_s)

    async def do[*A, R](self, work: Callable[[*A], R], *args: *A) -> R:
        """Runs what would block in a thread, which is done when this is: also when cancelled, it uses no file later."""
        doing = asyncio.get_running_loop().run_in_executor(self._threads, work, *args)
        try:
            return await asyncio.shield(doing)
        except asyncio.CancelledError:
            await asyncio.gather(doing, return_exceptions=True)
            raise

    def _fault(self, error: BaseException, key: str) -> RemoteFault:
        if isinstance(error, TimeoutError):
            last = self._answered_at
            if last is None or time.monotonic() - last > _DEAD_S:
                return self.doctor.silent("it took too long")
            return self.doctor.interrupted(key)
        return self.doctor.fault(error, key)

    def _is_worth_another(self, fault: RemoteFault, number: int, began: float) -> bool:
        if isinstance(fault, Unreachable):
            is_unknown = self._answered_at is None and number >= _FIRST_TRIES
            if is_unknown or time.monotonic() - began >= _HOPELESS_S:
                return False
        return fault.is_transient

    async def _renew(self, stale: "S3Client") -> bool:
        """Reads the credentials anew, once between good answers; tells whether another try makes sense."""
        async with self._renewal:
            if self._client is not stale:
                return True
            if self._is_renewed:
                return False
            self._is_renewed = True
            self._client = await self._new_client(new_session(self._address))
            return True

    async def _new_client(self, session: AioSession) -> "S3Client":
        config = AioConfig(
            connect_timeout=self._address.connect_timeout_s,
            read_timeout=self._address.read_timeout_s,
            max_pool_connections=self.jobs,
            retries={"total_max_attempts": 1, "mode": "standard"},
            # Who asks; the library would put its own answer together anew for each request, a tenth of its work.
            user_agent=f"pivot/{__version__}",
            # Anything more makes ranged reads fail with one service, and we hash every byte ourselves.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            # Every body has a Content-MD5, which is signed: a second digest of it would tell nothing new.
            s3={"payload_signing_enabled": False},
        )
        try:
            making = session.create_client(  # pyright: ignore[reportUnknownMemberType] its stubs name services that are not installed
                "s3",
                region_name=self._address.region,
                endpoint_url=self._address.endpoint,
                config=config,
            )
            client = await self._clients.enter_async_context(making)
        except BROKEN as error:
            raise self.doctor.fault(error) from error
        client.meta.events.register("before-sign.s3.DeleteObjects", _add_md5)
        return client


def _add_md5(request: AWSRequest, **_: object) -> None:
    """Adds the digest that some services insist on here, where the library gives another one."""
    data = request.body
    assert isinstance(data, bytes)
    digest = hashlib.md5(data, usedforsecurity=False).digest()
    request.headers["Content-MD5"] = base64.b64encode(digest).decode()
