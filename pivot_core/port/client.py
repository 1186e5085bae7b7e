"""Owns the way from a front end to a live engine: a ``Port`` over the project's Unix socket.

One task reads the socket and hands answers to those who asked and events to the subscription; a subscription that is
not read makes the task wait, the socket fill up, and the engine coalesce. A burst of events is taken in by the chunk:
a task switch for each would cost more than the event.
"""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator
from typing import cast, override

from pivot_core.errors import Bug
from pivot_core.model import codec
from pivot_core.model.ids import Json
from pivot_core.port import rpc
from pivot_core.port.commands import Command, Reply
from pivot_core.port.events import Published
from pivot_core.port.protocol import Port, Subscription
from pivot_core.port.queries import ANSWERS, Query
from pivot_core.port.snapshot import EngineInfo, Snapshot

_UNREAD_LIMIT = 1_000
_CHUNK = 1 << 18


class SocketPort(Port):
    """A connection to an engine in another process."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Json]] = {}
        self._subscription: _SocketSubscription | None = None
        self._task = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, path: str) -> "SocketPort":
        """Connects to the engine's socket at ``path``; raises ``OSError`` when none listens there."""
        reader, writer = await asyncio.open_unix_connection(path, limit=_CHUNK)
        return cls(reader, writer)

    async def hello(self) -> EngineInfo:
        """Returns who is at the other end."""
        return codec.from_json(EngineInfo, await self._call(rpc.HELLO))

    @override
    async def subscribe(self) -> Subscription:
        if self._subscription is not None:
            raise Bug("a connection carries one subscription")
        self._subscription = _SocketSubscription()
        try:
            taken = await self._call(rpc.SUBSCRIBE)
        except BaseException:
            self._subscription = None
            raise
        self._subscription.begin(codec.from_json(Snapshot, taken))
        return self._subscription

    @override
    async def send(self, command: Command) -> Reply:
        return codec.from_json(cast("type[Reply]", Reply), await self._call(command))

    @override
    async def ask(self, query: Query) -> object:  # pyright: ignore[reportIncompatibleMethodOverride] the protocol's overloads are this by type of query
        answer = await self._call(query)
        return codec.from_json(cast("type[object]", ANSWERS[type(query)]), answer)

    @override
    async def close(self) -> None:
        self._task.cancel()
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    async def _call(self, call: Command | Query | str) -> Json:
        if self._task.done():
            raise ConnectionResetError("the engine is gone")
        self._number += 1
        number = self._number
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(rpc.request(number, call))
            await self._writer.drain()
            return await future
        finally:
            del self._waiting[number]

    async def _read(self) -> None:
        rest = bytearray()
        try:
            while len(rest) <= rpc.MESSAGE_LIMIT and (chunk := await self._reader.read(_CHUNK)):
                rest += chunk
                if b"\n" not in chunk:
                    continue
                *lines, rest = rest.split(b"\n")
                for line in lines:
                    self._take(cast("dict[str, Json]", json.loads(line.decode())))
                if self._subscription is not None:
                    await self._subscription.has_room()
        except (OSError, ValueError):
            pass  # a torn line or a reset: the same as an engine that is gone
        finally:
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(ConnectionResetError("the engine is gone"))
            if self._subscription is not None:
                self._subscription.end()

    def _take(self, message: dict[str, Json]) -> None:
        if "method" in message:
            if self._subscription is None:
                return
            if message["method"] == rpc.SNAPSHOT:
                self._subscription.push(codec.from_json(Snapshot, message["params"]))
            elif message["method"] == rpc.EVENT:
                self._subscription.push(codec.from_json(Published, message["params"]))
            return
        future = self._waiting.get(cast("int", message.get("id")))
        if future is None or future.done():
            return
        if "error" in message:
            future.set_exception(rpc.error_from(message["error"]))
        else:
            future.set_result(message["result"])


class _SocketSubscription(Subscription):
    """The events of one connection, in order."""

    def __init__(self) -> None:
        self._unread: deque[Published | Snapshot] = deque()
        self._snapshot: Snapshot | None = None
        self._is_ended = False
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    @property
    @override
    def snapshot(self) -> Snapshot:
        if self._snapshot is None:
            raise Bug("a subscription is used before it began")
        return self._snapshot

    @property
    @override
    def unread(self) -> int:
        return len(self._unread)

    def begin(self, snapshot: Snapshot) -> None:
        """Sets the snapshot that the subscription began with."""
        self._snapshot = snapshot

    def push(self, item: Published | Snapshot) -> None:
        """Takes an event in."""
        if self._is_ended:
            return
        self._unread.append(item)
        self._arrived.set()
        if len(self._unread) >= _UNREAD_LIMIT:
            self._room.clear()

    async def has_room(self) -> None:
        """Waits while the reader is behind, so that the engine's side coalesces."""
        await self._room.wait()

    def end(self) -> None:
        """Ends the iteration once what is queued has been read."""
        self._is_ended = True
        self._arrived.set()

    @override
    async def __aiter__(self) -> AsyncIterator[Published | Snapshot]:
        while True:
            while self._unread:
                yield self._unread.popleft()
            self._room.set()
            if self._is_ended:
                return
            self._arrived.clear()
            await self._arrived.wait()

    @override
    async def close(self) -> None:
        self._unread.clear()
        self.end()
        self._room.set()
