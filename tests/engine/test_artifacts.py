"""What a live engine tells of a stage's artifacts and attempts, asked over its socket."""

import os
from pathlib import Path

import pytest

from pivot_core.engine import artifacts
from pivot_core.errors import UsageError
from pivot_core.model.decision import Status
from pivot_core.model.ids import StageName
from pivot_core.model.stage import OutKind
from pivot_core.port.client import SocketPort
from pivot_core.port.events import Published, StageChanged
from pivot_core.port.protocol import Port
from pivot_core.port.queries import ListArtifacts, ListAttempts
from pivot_core.port.values import ArtifactRow, Attempt
from pivot_core.store.layout import Layout
from tests.support.project import Live, Project

CLEAN, PARTS = StageName("clean"), StageName("parts")
PIPELINE = """
class Params(StageParams):
    mark: str = "a"

def clean(
    params: Params, raw: Annotated[str, Dep("raw.txt", Text())]
) -> Annotated[str, Out("clean.txt", Text())]:
    print("cleaning")
    if raw == "bad":
        raise ValueError(raw)
    return raw + params.mark

def parts(
    text: Annotated[str, Dep("clean.txt", Text())]
) -> Annotated[dict, DirectoryOut("parts/", Text())]:
    return {"a.txt": text, "b.txt": "b"}

pipeline.register(clean)
pipeline.register(parts)
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path, PIPELINE)
    project.put("raw.txt", "raw")
    return project


async def connect(live: Live) -> Port:
    return await SocketPort.connect(Layout.at(live.engine.about().root).socket_path)


async def listed(live: Live, stage: StageName) -> dict[str, ArtifactRow]:
    port = await connect(live)
    try:
        return {row.path: row for row in await port.ask(ListArtifacts(stage))}
    finally:
        await port.close()


async def attempts(live: Live, stage: StageName) -> tuple[Attempt, ...]:
    port = await connect(live)
    try:
        return await port.ask(ListAttempts(stage))
    finally:
        await port.close()


async def test_artifacts_before_and_after_a_run_and_after_an_edit(project: Project) -> None:
    async with project.live() as live:
        before = await listed(live, CLEAN)
        await live.run()
        after = await listed(live, CLEAN)
        directory = (await listed(live, PARTS))["parts/"]
        project.put("raw.txt", "other")
        project.remove("clean.txt")
        edited = await listed(live, CLEAN)

    raw = before["raw.txt"]
    assert (raw.kind, raw.recorded, raw.size_bytes, raw.is_cached) == (None, None, 3, False)
    assert raw.found is not None
    assert (before["clean.txt"].found, before["clean.txt"].size_bytes) == (None, None)
    assert after["raw.txt"].recorded == after["raw.txt"].found == raw.found
    out = after["clean.txt"]
    assert (out.kind, out.size_bytes, out.is_cached) == (OutKind.OUT, 4, True)
    assert (directory.files, directory.size_bytes) == (2, 5)
    assert edited["raw.txt"].recorded == raw.found != edited["raw.txt"].found
    assert edited["clean.txt"].recorded == out.found
    assert (edited["clean.txt"].found, edited["clean.txt"].is_cached) == (None, True)


async def test_a_look_tells_how_long_stages_took_before(project: Project) -> None:
    async with project.live() as live:
        await live.run()
    project.put("raw.txt", "other")
    async with project.live() as live:
        watching = await live.engine.subscribe()
        changes = list[StageChanged]()
        async for item in watching:
            if isinstance(item, Published) and isinstance(item.event, StageChanged):
                changes.append(item.event)
                break
        await watching.close()

    (change,) = changes
    assert (change.stage, change.state.status) == (CLEAN, Status.STALE)
    assert change.state.expected_s is not None


async def test_an_unknown_stage_is_told(project: Project) -> None:
    async with project.live() as live:
        with pytest.raises(UsageError, match="no stage 'clear'"):
            await listed(live, StageName("clear"))
        assert await attempts(live, StageName("clear")) == ()


async def test_what_is_large_and_has_changed_is_not_hashed_for_a_look(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        size = artifacts.HASHED_MAX_BYTES + 1
        os.truncate(project.root / "raw.txt", size)
        rows = await listed(live, CLEAN)

    raw = rows["raw.txt"]
    assert (raw.is_unread, raw.found, raw.size_bytes) == (True, None, size)
    assert raw.recorded is not None


async def test_attempts_tell_what_went_in_newest_first(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        await live.run()  # nothing to do, so no attempt
        project.put("raw.txt", "bad")
        await live.run()
        project.put("raw.txt", "raw")
        project.replace("pipeline.py", 'mark: str = "a"', 'mark: str = "b"')
        await live.run()
        found = await attempts(live, CLEAN)

    assert [each.status for each in found] == [Status.RAN, Status.FAILED, Status.RAN]
    newest, failed, oldest = [each.inputs for each in found]
    assert newest is not None
    assert failed is not None
    assert oldest is not None
    assert (oldest.params, newest.params) == ({"mark": "a"}, {"mark": "b"})
    assert oldest.deps == newest.deps != failed.deps
    assert oldest.code == failed.code
    assert all(each.has_log and each.number == 1 and each.duration_s is not None for each in found)
    assert found[1].failure is not None
    assert found[1].failure.message == "ValueError: bad"


SCORES = """
class Params(StageParams):
    rate: float = 0.5

def score(params: Params) -> Annotated[dict, Metric("score.json")]:
    return {"rate": params.rate, "by": {"day": [1, 2]}}

pipeline.register(score)
"""


async def test_attempts_tell_the_metrics_that_they_made(tmp_path: Path) -> None:
    project = Project(tmp_path, SCORES)
    async with project.live() as live:
        await live.run()
        project.put("params.yaml", "score: {rate: 0.75}")
        await live.run()
        project.put("score.json", "altered since")
        newest, first = await attempts(live, StageName("score"))
    assert newest.metrics == {"score.json": {"rate": 0.75, "by.day[0]": 1, "by.day[1]": 2}}
    assert first.metrics["score.json"]["rate"] == 0.5  # pyright: ignore[reportArgumentType]
