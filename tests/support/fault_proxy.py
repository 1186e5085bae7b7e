"""A proxy before an S3 service that does to requests and answers what networks and services do to them.

The ``Host`` header goes on as it was sent, or signatures would fail.
"""

import asyncio
import contextlib
import functools
import io
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import aiohttp
from aiohttp import web
from yarl import URL

_BLOCK = 1 << 16
_HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "expect"}


class Fault(Enum):
    """What is done to one request."""

    SLOW_DOWN = "503 SlowDown"
    FAILURE = "500 InternalError"
    RESET = "the connection is reset before anything is forwarded"
    LOST = "the request is carried out, its answer lost"
    HANG = "no answer, ever"
    CUT = "the answer's body ends early"
    FLIP = "one bit of the answer's body is another"
    FLIP_UP = "one bit of the request's body is another"
    EXPIRED = "400 ExpiredToken"
    SKEW = "403 RequestTimeTooSkewed"
    DENIED = "403 AccessDenied"
    CONFLICT = "409 ConditionalRequestConflict"
    NOT_IMPLEMENTED = "501 NotImplemented"


TRANSIENT = (
    *(Fault.SLOW_DOWN, Fault.FAILURE, Fault.RESET, Fault.LOST),
    *(Fault.CUT, Fault.FLIP, Fault.FLIP_UP),
)
"""What another try gets over, and no try takes long."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as a plan sees it."""

    method: str
    path: str
    query: str
    again: int
    """How often the same was asked before."""
    authorization: str
    is_conditional: bool

    @property
    def is_object(self) -> bool:
        """Whether the body of an object is asked for or sent."""
        return "/files/" in self.path and (
            self.method == "GET" or (self.method == "PUT" and "uploadId" not in self.query)
        )


type Plan = Callable[[Asked], Fault | None]


def share_of(share: float, seed: int, faults: Sequence[Fault] = TRANSIENT) -> Plan:
    """Hits a share of all requests by chance, the same ones for the same seed and order."""
    chance = random.Random(seed)

    def plan(_: Asked) -> Fault | None:
        return chance.choice(faults) if chance.random() < share else None

    return plan


def first(tries: int, fault: Fault, method: str) -> Plan:
    """Hits the first tries of each request of a method that asks for or sends an object."""
    return lambda asked: (
        fault if asked.is_object and asked.method == method and asked.again < tries else None
    )


class FaultProxy:
    """A proxy in the event loop of a test; ``plan`` may be replaced while it runs."""

    def __init__(self, upstream: str, plan: Plan = lambda _: None) -> None:
        self.plan: Plan = plan
        self.url: str = ""
        self.faults: Counter[Fault] = Counter()
        self.asked: list[Asked] = []
        self.answered: Callable[[Asked], None] = lambda _: None
        """Told of each request that the service has carried out, before its answer goes on."""
        self._open: contextlib.AsyncExitStack = contextlib.AsyncExitStack()
        self._upstream: URL = URL(upstream)
        self._seen: Counter[str] = Counter()

    async def __aenter__(self) -> "FaultProxy":
        client = await self._open.enter_async_context(
            aiohttp.ClientSession(
                auto_decompress=False, skip_auto_headers=("User-Agent", "Content-Type", "Accept")
            )
        )
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", functools.partial(self._handle, client))
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await runner.setup()
        self._open.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._open.aclose()

    async def _handle(
        self, client: aiohttp.ClientSession, request: web.Request
    ) -> web.StreamResponse:
        same = f"{request.method} {request.raw_path} {request.headers.get('Range', '')}"
        asked = Asked(
            request.method,
            request.path,
            request.query_string,
            self._seen[same],
            request.headers.get("Authorization", ""),
            "If-None-Match" in request.headers,
        )
        self._seen[same] += 1
        self.asked.append(asked)
        fault = self.plan(asked)
        if fault is not None:
            self.faults[fault] += 1
        match fault:
            case (
                Fault.SLOW_DOWN
                | Fault.FAILURE
                | Fault.EXPIRED
                | Fault.SKEW
                | Fault.DENIED
                | Fault.CONFLICT
                | Fault.NOT_IMPLEMENTED
            ):
                await request.read()
                return _refusal(fault)
            case Fault.RESET:
                return _break_off(request)
            case Fault.HANG:
                return await asyncio.Future[web.StreamResponse]()
            case _:
                return await self._forward(client, request, asked, fault)

    async def _forward(
        self, client: aiohttp.ClientSession, request: web.Request, asked: Asked, fault: Fault | None
    ) -> web.StreamResponse:
        body = bytearray(await request.read())
        if fault is Fault.FLIP_UP and body:
            body[len(body) // 2] ^= 1
        headers = {
            name: text for name, text in request.headers.items() if name.lower() not in _HOP_BY_HOP
        }
        url = self._upstream.join(URL(request.raw_path, encoded=True))
        async with client.request(
            request.method, url, headers=headers, data=io.BytesIO(body), allow_redirects=False
        ) as answer:
            self.answered(asked)
            if fault is Fault.LOST:
                return _break_off(request)
            response = web.StreamResponse(status=answer.status, reason=answer.reason)
            for name, text in answer.headers.items():
                if name.lower() not in _HOP_BY_HOP:
                    response.headers.add(name, text)
            await response.prepare(request)
            if request.method == "HEAD":
                return response
            data = bytearray(await answer.read())
            if fault is Fault.FLIP and data:
                data[len(data) // 2] ^= 1
            if fault is Fault.CUT:
                await response.write(bytes(data[: len(data) // 2]))
                return _break_off(request, response)
            for begin in range(0, len(data), _BLOCK):
                await response.write(bytes(data[begin : begin + _BLOCK]))
            await response.write_eof()
            return response


def _refusal(fault: Fault) -> web.Response:
    status, _, code = fault.value.partition(" ")
    text = f"<Error><Code>{code}</Code><Message>on purpose</Message></Error>"
    return web.Response(status=int(status), text=text, content_type="application/xml")


def _break_off(
    request: web.Request, response: web.StreamResponse | None = None
) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return response or web.Response(status=500)
