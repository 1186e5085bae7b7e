"""After an edit exactly the stages that it concerns run, and the engine says why."""

import json
import os
from pathlib import Path

import pytest

from pivot_core.model.decision import CodeChanged, DepChanged, ParamChanged
from pivot_core.model.ids import StageName
from tests.support.project import WAYS, Project

CHAIN = """
import rules

class CountParams(StageParams):
    least: int = 1

def clean(raw: Annotated[str, Dep("raw.txt", Text())]) -> Annotated[str, Out("clean.txt", Text())]:
    note("clean")
    return rules.strip(raw)

def count(
    params: CountParams, text: Annotated[str, Dep("clean.txt", Text())]
) -> Annotated[dict, Out("count.json", JSON())]:
    note("count")
    words = text.split()
    return {word: words.count(word) for word in words if words.count(word) >= params.least}

def report(
    text: Annotated[str, Dep("clean.txt", Text())], count: Annotated[dict, Dep("count.json", JSON())]
) -> Annotated[str, Out("report.txt", Text())]:
    note("report")
    return f"{len(count)} of {len(text)}"

pipeline.register(clean)
pipeline.register(count)
pipeline.register(report)
"""
RULES = """
LIMIT = 99

def strip(text):
    return text.strip()[:LIMIT]

def unused():
    return 1
"""
ALL = ["clean", "count", "report"]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path, CHAIN)
    project.put("rules.py", RULES)
    project.put("raw.txt", " a b b ")
    return project


async def test_the_first_run_runs_everything_in_order(project: Project) -> None:
    ended = await project.run()
    assert ended.courses == {name: list(WAYS) for name in ALL}
    assert project.ran_log() == ALL
    assert project.get("report.txt") == "2 of 5"
    assert ended.run.exit_code == 0
    assert ended.run.counts == {"ran": 3}
    assert project.leftovers() == []


async def test_a_second_run_runs_nothing_by_generations_alone(project: Project) -> None:
    await project.run()
    project.ran_log()
    ended = await project.run()
    assert ended.courses == {name: ["same"] for name in ALL}
    assert {state.tier for state in ended.states.values()} == {1}
    assert project.ran_log() == []


async def test_a_run_in_the_same_engine_runs_nothing_either(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        ended = await live.run()
    assert ended.courses == {name: ["same"] for name in ALL}


async def test_an_edited_input_runs_what_follows_from_it(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        project.put("raw.txt", "a b b c")
        ended = await live.run()
    assert ended.ran == ALL
    (reason,) = ended.states["clean"].reasons
    assert isinstance(reason, DepChanged)
    assert (reason.path, reason.producer) == ("raw.txt", None)
    assert project.get("report.txt") == "3 of 7"


async def test_an_upstream_that_writes_the_same_bytes_cuts_the_rest_off(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        project.put("raw.txt", "   a b b   ")
        ended = await live.run()
    assert ended.courses == {"clean": list(WAYS), "count": ["same"], "report": ["same"]}


async def test_an_edited_helper_in_another_module_runs_its_users_alone(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        project.replace("rules.py", "text.strip()", "text.strip().upper()")
        ended = await live.run()
    (reason,) = ended.states["clean"].reasons
    assert isinstance(reason, CodeChanged)
    assert reason.symbol == "rules:strip"
    assert reason.where is not None
    assert str(reason.where) == "rules.py:4"
    assert ended.ran == ALL
    assert project.get("clean.txt") == "A B B"


async def test_an_edited_constant_of_another_module_counts(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        project.replace("rules.py", "LIMIT = 99", "LIMIT = 3")
        ended = await live.run()
    assert ended.ran == ALL
    assert project.get("clean.txt") == "a b"


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("rules.py", "LIMIT = 99", "# the most\nLIMIT  =  99"),
        ("rules.py", "return 1", "return 2"),
        ("pipeline.py", '    note("report")', '    # tells\n    note("report")'),
    ],
    ids=["comment", "what nobody uses", "comment in a stage"],
)
async def test_an_edit_without_meaning_runs_nothing(
    project: Project, file: str, old: str, new: str
) -> None:
    async with project.live() as live:
        await live.run()
        project.replace(file, old, new)
        ended = await live.run()
    assert ended.final == dict.fromkeys(ALL, "same")


async def test_a_reverted_edit_is_restored_without_running(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        project.replace("rules.py", "text.strip()", "text.strip().upper()")
        await live.run()
        project.ran_log()
        project.replace("rules.py", "text.strip().upper()", "text.strip()")
        ended = await live.run()
    assert ended.final == dict.fromkeys(ALL, "restored")
    assert {state.tier for state in ended.states.values()} == {3}
    assert project.ran_log() == []
    assert project.get("clean.txt") == "a b b"
    assert (await project.run()).final == dict.fromkeys(ALL, "same")


async def test_a_changed_param_runs_the_stages_that_take_it(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        project.put("params.yaml", "count: {least: 2}\n")
        ended = await live.run()
    assert ended.courses == {
        "clean": ["same"],
        "count": list(WAYS),
        "report": list(WAYS),
    }
    assert ended.states["count"].reasons == (ParamChanged("least", 1, 2, had=True, has=True),)
    assert json.loads(project.get("count.json")) == {"b": 2}


async def test_a_param_set_to_its_default_changes_nothing(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        project.put("params.yaml", "count: {least: 1}\n")
        assert (await live.run()).ran == []


async def test_a_touched_input_runs_nothing(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        os.utime(project.root / "raw.txt")
        ended = await live.run()
    assert ended.final == dict.fromkeys(ALL, "same")


@pytest.mark.parametrize("fresh", [True, False], ids=["next engine", "same engine"])
async def test_an_edit_of_the_same_size_with_the_old_time_is_noticed(
    project: Project, fresh: bool
) -> None:
    raw = project.root / "raw.txt"
    async with project.live() as live:
        await live.run()
        before = raw.stat()
        raw.write_text(" x y y ")
        os.utime(raw, ns=(before.st_atime_ns, before.st_mtime_ns))
        if not fresh:
            assert (await live.run()).ran == ["clean", "count", "report"]
    if fresh:
        assert (await project.run()).ran == ["clean", "count", "report"]
    assert project.get("clean.txt") == "x y y"


async def test_an_added_stage_runs_alone(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        project.define(
            CHAIN
            + """
def extra(text: Annotated[str, Dep("clean.txt", Text())]) -> Annotated[str, Out("extra.txt", Text())]:
    return text * 2

pipeline.register(extra)
"""
        )
        ended = await live.run()
    assert ended.ran == ["extra"]
    assert set(ended.final) == {*ALL, "extra"}


async def test_a_removed_stage_leaves_the_others_alone(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        project.define(CHAIN.replace("pipeline.register(report)", ""))
        ended = await live.run()
    assert ended.final == {"clean": "same", "count": "same"}


async def test_a_renamed_stage_is_restored_by_its_inputs(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        project.define(
            CHAIN.replace("pipeline.register(report)", 'pipeline.register(report, name="told")')
        )
        ended = await live.run()
    assert ended.final == {"clean": "same", "count": "same", "told": "restored"}


async def test_a_moved_out_is_made_at_its_new_place(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        project.define(CHAIN.replace("clean.txt", "tidy.txt"))
        ended = await live.run()
    assert ended.final["clean"] == "ran"
    assert project.get("tidy.txt") == "a b b"
    assert project.get("report.txt") == "2 of 5"


async def test_without_the_state_the_lock_files_prove_it(project: Project) -> None:
    await project.run()
    for path in Path(project.layout.state_path).iterdir():
        path.unlink()
    ended = await project.run()
    assert ended.final == dict.fromkeys(ALL, "same")
    assert {state.tier for state in ended.states.values()} == {2}


@pytest.mark.parametrize("junk", [b"", b"<<<<<<< HEAD\n", b"\xff\xfe", b"- 1\n"])
async def test_a_broken_lock_file_is_no_lock_file(project: Project, junk: bytes) -> None:
    async with project.live() as live:
        await live.run()
        Path(project.layout.lock_path(StageName("count"))).write_bytes(junk)
        ended = await live.run()
    assert ended.final == {"clean": "same", "count": "restored", "report": "same"}


async def test_an_input_that_nothing_makes_is_a_definition_error(project: Project) -> None:
    project.remove("raw.txt")
    ended = await project.run()
    assert ended.run.exit_code == 3
    assert [problem.what for problem in ended.run.problems] == [
        "'raw.txt' is not there, and no stage makes it"
    ]
