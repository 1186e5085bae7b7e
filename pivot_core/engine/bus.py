"""Owns the delivery of events to subscribers: each has its own bounded queue, and none can slow the engine down."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import override

from pivot_core.model.ids import StageName
from pivot_core.port.events import TICKS, Event, LogGrew, Published, StageChanged, Tick
from pivot_core.port.protocol import Subscription
from pivot_core.port.snapshot import Snapshot

LATE_FROM = 1_000
"""State changes that one subscriber may leave unread; of more, only the last one of each stage is kept."""
PENDING_LIMIT = 20_000
"""Of yet more, none is kept: a new snapshot stands for them."""


class Bus:
    """Numbers events and hands them to every subscriber; used from the engine's event loop only."""

    def __init__(self, snapshot: Callable[[int], Snapshot]) -> None:
        """``snapshot`` builds what the events so far add up to, given the sequence number."""
        self._snapshot = snapshot
        self._seq = 0
        self._subscribers: set[Subscriber] = set()

    @property
    def snapshot(self) -> Snapshot:
        """What the events so far add up to."""
        return self._snapshot(self._seq)

    def publish(self, event: Event) -> None:
        """Tells everyone; a tick does not advance the sequence number."""
        if not isinstance(event, TICKS):
            self._seq += 1
        published = Published(self._seq, event)
        for subscriber in self._subscribers:
            subscriber.push(published)

    def subscribe(self, late_from: int = LATE_FROM, limit: int = PENDING_LIMIT) -> "Subscriber":
        """Begins a subscription with a snapshot of this moment."""
        subscriber = Subscriber(lambda: self.snapshot, self._subscribers.discard, late_from, limit)
        self._subscribers.add(subscriber)
        return subscriber

    def end(self) -> None:
        """Ends every subscription once it has been read to its end."""
        for subscriber in list(self._subscribers):
            subscriber.end()
        self._subscribers.clear()


class Subscriber(Subscription):
    """One reader's queue.

    Overflow rule: ticks of one attempt, or of one transfer, replace one another. From ``late_from`` unread changes on
    so do those of one stage, until all has been read; more than ``limit`` are dropped together, and a new snapshot
    stands for them.
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        forget: Callable[["Subscriber"], None],
        late_from: int,
        limit: int,
    ) -> None:
        self._take = snapshot
        self._forget = forget
        self._late_from = late_from
        self._limit = limit
        self._snapshot = snapshot()
        self._changes: OrderedDict[int | StageName, Published] = OrderedDict()
        """By number; by stage once there are many."""
        self._ticks: OrderedDict[object, Published] = OrderedDict()
        self._seq = self._snapshot.seq
        """The number that the reader knows."""
        self._is_late = False
        self._is_behind = False
        self._is_ended = False
        self._wake = asyncio.Event()

    @property
    @override
    def snapshot(self) -> Snapshot:
        return self._snapshot

    @property
    @override
    def unread(self) -> int:
        return len(self._changes) + len(self._ticks)

    def push(self, published: Published) -> None:
        """Takes an event in; never waits."""
        event = published.event
        if isinstance(event, TICKS):
            self._ticks[_subject(event)] = published
        elif not self._is_behind:
            self._keep(published)
            if len(self._changes) == self._late_from and not self._is_late:
                self._is_late = True
                unread, self._changes = self._changes, OrderedDict()
                for each in unread.values():
                    self._keep(each)
            if len(self._changes) > self._limit:
                self._changes.clear()
                self._is_behind = True
        self._wake.set()

    def _keep(self, published: Published) -> None:
        match published.event:
            case StageChanged(stage=stage) if self._is_late:
                self._changes[stage] = published
                self._changes.move_to_end(stage)
            case _:
                self._changes[published.seq] = published

    def end(self) -> None:
        """Lets the reader finish what is queued, then ends the iteration."""
        self._is_ended = True
        self._wake.set()

    @override
    async def __aiter__(self) -> AsyncIterator[Published | Snapshot]:
        while True:
            self._wake.clear()
            if self._is_behind:
                self._is_behind = False
                taken = self._take()
                self._seq = taken.seq
                yield taken
            while self._changes:
                yield self._told(self._changes.popitem(last=False)[1])
            self._is_late = False
            while self._ticks:
                yield self._ticks.popitem(last=False)[1]
            if self._is_ended and not self._changes and not self._is_behind:
                return
            await self._wake.wait()

    def _told(self, published: Published) -> Published:
        known, self._seq = self._seq, published.seq
        return published if published.seq == known + 1 else replace(published, since=known + 1)

    @override
    async def close(self) -> None:
        self._forget(self)
        self.end()


def _subject(tick: Tick) -> object:
    """Returns what a tick is about: a newer one of the same replaces it."""
    if isinstance(tick, LogGrew):
        return tick.run_id, tick.stage, tick.attempt
    return tick.transfer_id
