"""What an engine tells of the last run of the one before it."""

from pathlib import Path

from pivot_core.engine.history import RunJournal, last_run
from pivot_core.model.decision import Status
from pivot_core.model.ids import RequestId, RunId, StageName
from pivot_core.port.events import StageChanged
from pivot_core.port.values import RunOptions, RunState, RunStatus, StageState
from pivot_core.store import config, journal
from pivot_core.store.layout import Layout
from tests.support.project import Project

CLEAN, FIT, REPORT = StageName("clean"), StageName("fit"), StageName("report")
PIPELINE = """
def clean(raw: Annotated[str, Dep("raw.txt", Text())]) -> Annotated[str, Out("clean.txt", Text())]:
    return raw

def fit(
    text: Annotated[str, Dep("clean.txt", Text())], how: Annotated[str, Dep("how.txt", Text())]
) -> Annotated[str, Out("fit.txt", Text())]:
    if how == "badly":
        raise ValueError(how)
    return text

def report(
    text: Annotated[str, Dep("fit.txt", Text())]
) -> Annotated[str, Out("report.txt", Text())]:
    return text

for stage in (clean, fit, report):
    pipeline.register(stage)
"""


async def test_the_last_run_is_told_by_the_next_engine_until_a_look_knows_better(
    tmp_path: Path,
) -> None:
    project = Project(tmp_path, PIPELINE)
    project.put("raw.txt", "raw")
    project.put("how.txt", "well")
    async with project.live() as live:
        await live.run()
        project.put("how.txt", "badly")
        failed = await live.run()
    assert failed.run.status is RunStatus.FAILED
    project.put("how.txt", "well")
    async with project.live() as live:
        subscription = await live.engine.subscribe()
        taken = subscription.snapshot
        assert taken.run == failed.run
        assert taken.states == {name: failed.states[name] for name in (FIT, REPORT)}
        async for item in subscription:
            if isinstance(getattr(item, "event", None), StageChanged):
                break
        states = live.engine.standing.states
        assert {name: states[name].status for name in (CLEAN, FIT, REPORT)} == dict.fromkeys(
            (CLEAN, FIT, REPORT), Status.SAME
        )
        await subscription.close()


def test_a_run_that_its_engine_did_not_end_is_cancelled_and_one_of_junk_is_passed_over(
    tmp_path: Path,
) -> None:
    here = Layout.at(str(tmp_path))
    assert last_run(here) is None
    run_id = RunId("20260921-130613-a4f2")
    run = RunState(
        run_id, RequestId("r"), (), RunOptions(), RunStatus.RUNNING, 1.0, 2.0, stages=(CLEAN, FIT)
    )
    kept = RunJournal(here, config.Config(), run, "pivot repro")
    kept.take(StageChanged(CLEAN, StageState(Status.RUNNING, run_id, 1, 2.0)))
    kept.take(StageChanged(CLEAN, StageState(Status.RAN, run_id, 1, 2.0, 0.5)))
    kept.take(StageChanged(REPORT, StageState(Status.SAME, run_id)))
    kept.take(StageChanged(FIT, StageState(Status.RUNNING, run_id, 1, 2.5, kill_at=9.0)))
    with Path(here.journal_path(run_id)).open("a") as file:
        file.write('{"type":"StageChanged","stage":7}\n{"type":"StageCh')
    later = Path(here.journal_path(journal.name_run(4_000_000_000)))
    later.parent.mkdir(parents=True)
    later.write_bytes(b'{"type":"RunStarted","run":7}\n\x00\xff\n[]\n')
    known = last_run(here)
    assert known is not None
    ended, states = known
    assert (ended.run_id, ended.status, ended.exit_code) == (run_id, RunStatus.CANCELLED, 130)
    assert ended.ended_at is not None
    assert states == {
        CLEAN: StageState(Status.RAN, run_id, 1, 2.0, 0.5),
        FIT: StageState(Status.CANCELLED, run_id, 1, 2.5),
    }
