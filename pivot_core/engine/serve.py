"""Owns the engine's Unix socket: every client's requests in, its answers and events out.

A client costs one task that reads requests, one a request under way, and one that writes events; a client that reads
slowly holds up only its own.
"""

import asyncio
import contextlib
import os
import socket
import struct
import sys
from collections.abc import Callable
from typing import cast

from pivot_core.errors import Bug, PivotError, UsageError
from pivot_core.model import codec
from pivot_core.model.ids import Json
from pivot_core.port import rpc
from pivot_core.port.commands import Reply
from pivot_core.port.events import Published
from pivot_core.port.protocol import Port
from pivot_core.port.queries import ANSWERS, Query
from pivot_core.port.snapshot import EngineInfo, Snapshot

_TOGETHER = 1 << 14
"""Bytes of events, at least, that are written at once while more are unread."""


class Server:
    """Serves one engine on one socket; ``on_clients`` is called whenever their number changes."""

    def __init__(
        self, engine: Port, about: Callable[[], EngineInfo], on_clients: Callable[[int], None]
    ) -> None:
        self._engine = engine
        self._about = about
        self._on_clients = on_clients
        self._server: asyncio.Server | None = None
        self._clients: set[_Client] = set()

    @property
    def clients(self) -> int:
        """How many are connected."""
        return len(self._clients)

    async def start(self, path: str) -> None:
        """Listens at ``path``, readable by this user alone; a stale socket there is replaced.

        Only the holder of the engine's lock may call this, so whatever lies at ``path`` is nobody's.
        """
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        mask = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(
                self._connected, path, limit=rpc.REQUEST_LIMIT
            )
        finally:
            os.umask(mask)

    async def stop(self) -> None:
        """Stops listening and lets each client read what is queued for it, for a moment at most."""
        if self._server is not None:
            self._server.close()
        if self._clients:
            tasks = [asyncio.create_task(client.drain()) for client in self._clients]
            await asyncio.wait(tasks, timeout=1.0)
        for client in list(self._clients):
            client.abort()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if _peer_uid(writer) not in (None, os.getuid(), 0):
            writer.close()
            return
        client = _Client(self._engine, self._about, reader, writer)
        self._clients.add(client)
        self._on_clients(len(self._clients))
        try:
            await client.serve()
        except (OSError, asyncio.CancelledError):
            pass  # the client went away
        finally:
            self._clients.discard(client)
            client.abort()
            self._on_clients(len(self._clients))


class _Client:
    """One connection."""

    def __init__(
        self,
        engine: Port,
        about: Callable[[], EngineInfo],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._engine = engine
        self._about = about
        self._reader = reader
        self._writer = writer
        self._tasks: set[asyncio.Task[None]] = set()
        self._feed: asyncio.Task[None] | None = None

    async def serve(self) -> None:
        """Takes requests until the client goes; they are answered in the order in which they are done."""
        while True:
            try:
                line = await self._reader.readline()
            except ValueError:
                return  # a line over the limit: the connection cannot be used any more
            if not line:
                return
            try:
                request = rpc.read_request(line)
            except ValueError as error:
                self._writer.write(rpc.failure(None, UsageError(f"not a request: {error}")))
                continue
            task = asyncio.create_task(self._answer(request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def drain(self) -> None:
        """Waits until the events so far are written."""
        if self._feed is not None:
            await asyncio.wait((self._feed,))
        with contextlib.suppress(OSError):
            await self._writer.drain()

    def abort(self) -> None:
        """Drops the connection."""
        for task in self._tasks:
            task.cancel()
        if self._feed is not None:
            self._feed.cancel()
        self._writer.close()

    async def _answer(self, request: rpc.Request) -> None:
        try:
            line = rpc.result(request.id, await self._result(request))
        except PivotError as error:
            line = rpc.failure(request.id, error)
        except ValueError as error:
            line = rpc.failure(
                request.id, UsageError(f"bad parameters for '{request.method}': {error}")
            )
        except Exception as error:  # noqa: BLE001 the client sees it; the engine lives on
            line = rpc.failure(request.id, Bug(f"{type(error).__name__}: {error}"))
        with contextlib.suppress(OSError):
            self._writer.write(line)
            await self._writer.drain()

    async def _result(self, request: rpc.Request) -> Json:
        if request.method == rpc.HELLO:
            return codec.to_json(EngineInfo, self._about())
        if request.method == rpc.SUBSCRIBE:
            return await self._subscribe()
        if request.method in rpc.COMMANDS:
            command = codec.from_json(rpc.COMMANDS[request.method], request.params)
            return codec.to_json(Reply, await self._engine.send(command))
        if request.method in rpc.QUERIES:
            query = codec.from_json(rpc.QUERIES[request.method], request.params)
            ask = cast("Callable[[Query], asyncio.Future[object]]", self._engine.ask)
            return codec.to_json(ANSWERS[type(query)], await ask(query))
        known = ", ".join((rpc.HELLO, rpc.SUBSCRIBE, *rpc.COMMANDS, *rpc.QUERIES))
        raise UsageError(f"no method '{request.method}'", hint=f"there are: {known}")

    async def _subscribe(self) -> Json:
        if self._feed is not None:
            raise UsageError("this connection is subscribed already")
        subscription = await self._engine.subscribe()
        taken = codec.to_json(Snapshot, subscription.snapshot)

        async def feed() -> None:
            try:
                lines = bytearray()
                async for item in subscription:
                    if isinstance(item, Snapshot):
                        lines += rpc.notification(rpc.SNAPSHOT, codec.to_json(Snapshot, item))
                    else:
                        lines += rpc.notification(rpc.EVENT, codec.to_json(Published, item))
                    if len(lines) < _TOGETHER and subscription.unread:
                        continue  # one write for each would cost more than the event
                    self._writer.write(bytes(lines))
                    lines.clear()
                    await self._writer.drain()
            except OSError:
                pass  # the client went away; its reader ends too
            finally:
                await subscription.close()

        self._feed = asyncio.create_task(feed())
        return taken


def _peer_uid(writer: asyncio.StreamWriter) -> int | None:
    """Returns the user at the other end; ``None`` where the system does not tell (the directory is 0700)."""
    if sys.platform != "linux":
        return None
    peer = cast("socket.socket", writer.get_extra_info("socket"))
    size = struct.calcsize("3i")
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return int(struct.unpack("3i", credentials)[1])
