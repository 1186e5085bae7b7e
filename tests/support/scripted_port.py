"""Owns a ``Port`` whose every event and answer the test decides; real asyncio, no engine."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import override

from pivot_core.port import (
    TICKS,
    Accepted,
    Account,
    ArtifactRow,
    Attempt,
    Command,
    CompareRemote,
    Event,
    Explain,
    ExplainRun,
    Explanation,
    FindLog,
    History,
    ListArtifacts,
    ListAttempts,
    ListRemotes,
    LogAnswer,
    NoLog,
    PivotError,
    Port,
    Published,
    Query,
    RemoteReport,
    RemoteRow,
    Reply,
    RunId,
    RunReport,
    ShowRun,
    Snapshot,
    StageName,
    Subscription,
    UsageError,
)


class ScriptedSubscription(Subscription):
    """Yields what the test publishes, then ends when the test says so."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._queue: asyncio.Queue[Published | Snapshot | None] = asyncio.Queue()
        self.is_closed = False

    @property
    @override
    def snapshot(self) -> Snapshot:
        return self._snapshot

    @property
    @override
    def unread(self) -> int:
        return self._queue.qsize()

    def push(self, item: Published | Snapshot | None) -> None:
        """Adds an item; ``None`` ends the subscription."""
        self._queue.put_nowait(item)

    @override
    async def __aiter__(self) -> AsyncIterator[Published | Snapshot]:
        while (item := await self._queue.get()) is not None:
            yield item

    @override
    async def close(self) -> None:
        self.is_closed = True


class ScriptedPort(Port):
    """Records commands, answers from its tables, and publishes what it is told."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.seq = snapshot.seq
        self.sent: list[Command] = []
        self.asked: list[Query] = []
        self.reply: Reply = Accepted()
        self.explanations: dict[StageName, Explanation] = {}
        self.logs: dict[StageName, LogAnswer] = {}
        self.artifacts: dict[StageName, tuple[ArtifactRow, ...]] = {}
        self.attempts: dict[StageName, tuple[Attempt, ...]] = {}
        self.older: dict[tuple[StageName, RunId], LogAnswer] = {}
        self.accounts: dict[RunId, tuple[Account, ...]] = {}
        self.remotes: tuple[RemoteRow, ...] = ()
        self.reports: dict[RunId, RunReport] = {}
        self.report: RemoteReport | None = None
        self.trouble: PivotError | None = None
        """What every question is answered with."""
        self.is_gone = False
        self._subscriptions: list[ScriptedSubscription] = []

    async def connect(self) -> Port:
        """Stands for the way to the engine; fails while the engine is gone."""
        if self.is_gone:
            raise ConnectionRefusedError("no engine listens")
        return self

    def publish(self, *events: Event) -> None:
        """Sends events to every subscriber, numbered as an engine numbers them."""
        for event in events:
            if not isinstance(event, TICKS):
                self.seq += 1
            for subscription in self._subscriptions:
                subscription.push(Published(self.seq, event))

    def drop(self) -> None:
        """Ends every subscription without a word, as a killed engine does."""
        self.is_gone = True
        self.end()

    def end(self) -> None:
        """Ends every subscription."""
        for subscription in self._subscriptions:
            subscription.push(None)
        self._subscriptions.clear()

    @override
    async def subscribe(self) -> Subscription:
        subscription = ScriptedSubscription(replace(self.snapshot, seq=self.seq))
        self._subscriptions.append(subscription)
        return subscription

    @override
    async def send(self, command: Command) -> Reply:
        if self.is_gone:
            raise ConnectionResetError("the engine is gone")
        self.sent.append(command)
        return self.reply

    @override
    async def ask(self, query: Query) -> object:  # pyright: ignore[reportIncompatibleMethodOverride] the overloads are this by type of query
        if self.is_gone:
            raise ConnectionResetError("the engine is gone")
        self.asked.append(query)
        if self.trouble is not None:
            raise self.trouble
        match query:
            case Explain():
                return tuple(self.explanations.values())
            case ExplainRun(run_id, targets):
                return tuple([one for one in self.accounts.get(run_id, ()) if one.stage in targets])
            case History(limit):
                return tuple(report.summary for report in self.reports.values())[:limit]
            case ShowRun(run_id) if run_id in self.reports:
                return self.reports[run_id]
            case ListRemotes():
                return self.remotes
            case CompareRemote() if self.report is not None:
                return self.report
            case ListArtifacts(stage):
                return self.artifacts.get(stage, ())
            case ListAttempts(stage):
                return self.attempts.get(stage, ())
            case FindLog(stage, run_id) if run_id is not None and (stage, run_id) in self.older:
                return self.older[stage, run_id]
            case FindLog(stage):
                return self.logs.get(stage, NoLog("not started yet"))
            case _:
                raise UsageError(f"nothing scripted for {query}")

    @override
    async def close(self) -> None:
        """Leaves the script as it is, so that a test may connect again."""
