"""Owns the one door for front ends: what an engine in this process and one behind a socket both offer."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import field
from typing import Protocol, overload

from pivot_core.frozen import frozen
from pivot_core.port.commands import Command, Reply
from pivot_core.port.events import Published
from pivot_core.port.queries import (
    Accounts,
    Artifacts,
    Attempts,
    CheckRemote,
    CompareRemote,
    Explain,
    ExplainRun,
    Explanations,
    FindAffected,
    FindLog,
    History,
    Impacts,
    ListArtifacts,
    ListAttempts,
    ListRemotes,
    LogAnswer,
    Query,
    RemoteFindings,
    RemoteRows,
    ShowRun,
    Summaries,
)
from pivot_core.port.snapshot import Snapshot
from pivot_core.port.transfers import RemoteReport
from pivot_core.port.values import RunReport


class Subscription(Protocol):
    """One client's view: a snapshot, then every state change after it, in order.

    Iteration ends when the engine ends or the connection is lost. A slow client loses progress ticks, never a state
    change, and never slows the engine down; one that falls behind too far gets a new ``Snapshot``.
    """

    @property
    def snapshot(self) -> Snapshot:
        """The state when the subscription began."""
        ...

    @property
    def unread(self) -> int:
        """How many events wait to be read."""
        ...

    def __aiter__(self) -> AsyncIterator[Published | Snapshot]:
        """Yields events; a ``Snapshot`` among them replaces all that went before."""
        ...

    async def close(self) -> None:
        """Ends the subscription."""
        ...


class Port(Protocol):
    """Commands in, events out, queries answered."""

    async def subscribe(self) -> Subscription:
        """Begins a subscription."""
        ...

    async def send(self, command: Command) -> Reply:
        """Hands a command over; raises ``ConnectionError`` when the engine is gone."""
        ...

    @overload
    async def ask(self, query: CheckRemote) -> RemoteFindings: ...
    @overload
    async def ask(self, query: CompareRemote) -> RemoteReport: ...
    @overload
    async def ask(self, query: ListRemotes) -> RemoteRows: ...
    @overload
    async def ask(self, query: Explain) -> Explanations: ...
    @overload
    async def ask(self, query: ExplainRun) -> Accounts: ...
    @overload
    async def ask(self, query: FindAffected) -> Impacts: ...
    @overload
    async def ask(self, query: FindLog) -> LogAnswer: ...
    @overload
    async def ask(self, query: History) -> Summaries: ...
    @overload
    async def ask(self, query: ListArtifacts) -> Artifacts: ...
    @overload
    async def ask(self, query: ListAttempts) -> Attempts: ...
    @overload
    async def ask(self, query: ShowRun) -> RunReport: ...
    async def ask(self, query: Query) -> object:
        """Answers a query; raises ``PivotError`` when it cannot, ``ConnectionError`` when the engine is gone."""
        ...

    async def close(self) -> None:
        """Lets go of the engine."""
        ...


@frozen
class Taste:
    """What the project's settings say of the dashboard."""

    theme: str = "auto"
    """``auto``, ``dark``, ``light``, ``ansi``, or the name of one that the dashboard's toolkit may have."""
    bell: str = "off"
    """How the end of a run is told: ``off``, ``bell`` or ``notify``."""
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """Actions that have other keys than their own."""


class Door(Protocol):
    """How a front end that is a command of its own reaches the project's engine; the command line hands it over."""

    @property
    def root(self) -> str:
        """The project's root directory, absolute."""
        ...

    @property
    def place(self) -> str:
        """The working directory, relative to the root; ``""`` for the root itself."""
        ...

    def taste(self) -> Taste:
        """Returns what the settings say of a dashboard; raises ``UsageError`` for bad ones."""
        ...

    def last(self) -> Snapshot | None:
        """Returns how everything stood when the last engine ended, to be shown until one is there.

        ``None`` where that is not known.
        """
        ...

    def branch(self) -> str:
        """Returns the branch of git that the project is on; empty where there is none. Reads two small files."""
        ...

    def wake(self) -> None:
        """Starts an engine where none is live, and does not wait for it: there is something else to do meanwhile."""
        ...

    async def attach(self, *, start: bool = True) -> Port:
        """Connects to the live engine; where there is none, starts one that stays while it is needed.

        Raises ``PivotError`` when none can be reached, and where none is live and ``start`` is unset.
        """
        ...
