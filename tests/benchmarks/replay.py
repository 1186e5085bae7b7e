"""An engine that only tells: it holds a project's socket and publishes what its standard input asks for, line by line.

``steady RATE SECONDS`` changes so many stages a second, ``burst COUNT`` as many as there are in one second, and
``chatter LINES RATE SECONDS`` changes stages while the log of the first one grows by so many lines a second; each line
is answered on standard output with the time at which the last event was published, and so is each subscription.
"""

import asyncio
import os
import sys
import time
from typing import override

from pivot_core.engine.bus import Bus
from pivot_core.engine.lease import Lease
from pivot_core.engine.serve import Server
from pivot_core.model.decision import Status
from pivot_core.model.failure import Failure, FailureKind
from pivot_core.model.ids import ArtifactPath, RequestId, RunId, StageName
from pivot_core.model.stage import OutKind, SourceLocation
from pivot_core.port import (
    Accepted,
    Command,
    EngineInfo,
    FindLog,
    LogGrew,
    LogRef,
    NoLog,
    OutRow,
    Port,
    Query,
    Reply,
    RunOptions,
    RunState,
    RunStatus,
    Snapshot,
    StageChanged,
    StageRow,
    StageState,
    Subscription,
    UsageError,
)
from pivot_core.port.snapshot import PROTOCOL
from pivot_core.store.layout import Layout

FAILED = "the last event"
"""What the last event of a burst says."""
_RUN = RunId("20260921-130613-a4f2")
_TICK_S = 0.02


class Replay(Port):
    """A graph in the middle of a run."""

    def __init__(self, root: str, count: int) -> None:
        self._root = root
        self._rows = tuple(_row(number) for number in range(count))
        self._states = {row.name: StageState(Status.WAIT, _RUN) for row in self._rows}
        self._bus = Bus(self._snapshot)
        self._log = f"{root}/replay.log"

    async def steady(self, rate: int, seconds: float) -> None:
        """Changes the stages at the top in turn, so many a second, in small steps."""
        began, number = time.perf_counter(), 0
        while (now := time.perf_counter() - began) < seconds:
            while number < now * rate:
                running = number // 30 % 2 == 0
                self._set(number % 30 + 2, Status.RUNNING if running else Status.RAN)
                number += 1
            await asyncio.sleep(_TICK_S)

    async def chatter(self, lines: int, rate: int, seconds: float) -> None:
        """Appends lines to the log of the first stage while others change."""
        changing = asyncio.create_task(self.steady(rate, seconds))
        began, written = time.perf_counter(), 0
        with open(self._log, "wb", buffering=0) as log:
            while (now := time.perf_counter() - began) < seconds:
                wanted = int(now * lines)
                stamp = f"{time.time_ns() // 1_000_000}o line"
                log.write(
                    "".join(
                        [f"{stamp} {at:08} and more\n" for at in range(written, wanted)]
                    ).encode()
                )
                written = wanted
                self._bus.publish(LogGrew(_RUN, self._rows[0].name, 1, log.tell()))
                await asyncio.sleep(_TICK_S)
        await changing

    async def burst(self, count: int) -> None:
        """Changes stages as often as asked, over one second; at the end one has failed and all others ran."""
        size = len(self._rows)
        began = time.perf_counter()
        for number in range(count - 1):
            left = count - number
            self._set(number % size, Status.RAN if left <= size + 1 else Status.RUNNING)
            if number % 500 == 0:
                await asyncio.sleep(max(began + number / count - time.perf_counter(), 0))
        self._set(0, Status.FAILED)

    def _set(self, number: int, status: Status) -> None:
        failure = Failure(FailureKind.EXCEPTION, FAILED) if status is Status.FAILED else None
        state = StageState(
            status, _RUN, 1, time.time(), duration_s=1.0, expected_s=3.0, failure=failure
        )
        name = self._rows[number].name
        self._states[name] = state
        self._bus.publish(StageChanged(name, state))

    def about(self) -> EngineInfo:
        """Says that it is an engine like any other."""
        return EngineInfo(PROTOCOL, "", 0, self._root, "replay", "pivot serve", {})

    def _snapshot(self, seq: int) -> Snapshot:
        run = RunState(
            _RUN,
            RequestId("replay"),
            (),
            RunOptions(),
            RunStatus.RUNNING,
            time.time(),
            time.time(),
            stages=tuple(self._states),
        )
        return Snapshot(seq, self.about(), self._rows, dict(self._states), run, (), ())

    @override
    async def subscribe(self) -> Subscription:
        print(time.perf_counter(), flush=True)
        return self._bus.subscribe()

    @override
    async def send(self, command: Command) -> Reply:
        return Accepted()

    @override
    async def ask(self, query: Query) -> object:  # pyright: ignore[reportIncompatibleMethodOverride] the overloads are this by type of query
        if isinstance(query, FindLog):
            if query.stage == self._rows[0].name and os.path.exists(self._log):
                return LogRef(_RUN, query.stage, 1, self._log, ((_RUN, 1),))
            return NoLog("a replay writes but one")
        raise UsageError("a replay knows nothing of that")

    @override
    async def close(self) -> None:
        """There is nothing to let go of."""


def _row(number: int) -> StageRow:
    above = (StageName(f"s{number // 10}"),) if number else ()
    name = StageName(f"s{number}")
    return StageRow(
        name,
        above,
        tuple(ArtifactPath(f"out/{upstream}.txt") for upstream in above),
        (OutRow(ArtifactPath(f"out/{name}.txt"), OutKind.OUT, True),),
        {},
        (),
        f"pipeline.{name}",
        SourceLocation("pipeline.py", number + 1),
    )


async def main(root: str, count: int) -> None:
    """Serves until standard input ends."""
    layout = Layout.at(root)
    lease = Lease(layout)
    if not lease.acquire("replay"):
        sys.exit("the project has a live engine")
    replay = Replay(root, count)
    server = Server(replay, replay.about, lambda _: None)
    await server.start(layout.socket_path)
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        verb, *numbers = line.split()
        match verb:
            case "steady":
                await replay.steady(int(numbers[0]), float(numbers[1]))
            case "chatter":
                await replay.chatter(int(numbers[0]), int(numbers[1]), float(numbers[2]))
            case _:
                await replay.burst(int(numbers[0]))
        print(time.perf_counter(), flush=True)
    await server.stop()
    lease.release()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
