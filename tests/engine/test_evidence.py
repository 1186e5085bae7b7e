"""What a live engine knows beyond its reasons, asked over its socket: who wrote an input, which packages, past runs."""

from pathlib import Path
from typing import cast

import pytest

from pivot_core.engine import origin
from pivot_core.model.decision import CodeChanged, DepChanged
from pivot_core.model.ids import RunId, StageName
from pivot_core.model.impact import Affected, Bond
from pivot_core.port.client import SocketPort
from pivot_core.port.protocol import Port
from pivot_core.port.queries import Depth, Explain, ExplainRun, FindAffected
from pivot_core.port.values import Evidence, Explanation, Verdict
from pivot_core.store.layout import Layout
from pivot_core.store.state import State
from tests.support.project import Live, Project

PIPELINE = """
import click
import rules

def clean(raw: Annotated[str, Dep("raw.txt", Text())]) -> Annotated[str, Out("clean.txt", Text())]:
    return rules.strip(raw)

def parts(
    text: Annotated[str, Dep("clean.txt", Text())]
) -> Annotated[dict, DirectoryOut("parts/", Text())]:
    return {"a.txt": text, "b.txt": "b"}

def first(text: Annotated[str, Dep("parts/a.txt", Text())]) -> Annotated[str, Out("first.txt", Text())]:
    return text

pipeline.register(clean)
pipeline.register(parts)
pipeline.register(first)
"""
RULES = "def strip(text):\n    return text.strip()\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path, PIPELINE)
    project.put("rules.py", RULES)
    project.put("raw.txt", " a ")
    return project


async def connect(live: Live) -> Port:
    return await SocketPort.connect(Layout.at(live.engine.about().root).socket_path)


async def explain(live: Live, *targets: str, depth: Depth = Depth.ALL) -> dict[str, Explanation]:
    """Asks as a front end in another process does."""
    port = await connect(live)
    try:
        return {each.stage: each for each in await port.ask(Explain(targets, depth=depth))}
    finally:
        await port.close()


def evidence(found: Explanation) -> Evidence:
    assert found.evidence is not None
    return found.evidence


async def test_evidence_is_given_for_what_it_was_asked_for(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        plain = await explain(live, "parts", depth=Depth.REASONS)
        named = await explain(live, "parts", depth=Depth.TARGETS)
        everything = await explain(live, depth=Depth.TARGETS)

    assert [each.evidence for each in plain.values()] == [None, None]
    assert [name for name, each in named.items() if each.evidence] == ["parts"]
    assert all(each.evidence for each in everything.values())
    assert evidence(named["parts"]).same_code == ("pipeline:parts",)
    assert evidence(named["parts"]).same_deps == ("clean.txt",)


async def test_an_input_inside_a_directory_has_the_author_of_the_directory(
    project: Project,
) -> None:
    async with project.live() as live:
        await live.run()
        project.put("raw.txt", " z ")
        ran = await live.run("parts")
        found = await explain(live, "first")
        project.put("parts/a.txt", "by hand")
        altered = await explain(live, "first")

    (reason,) = found["first"].reasons
    assert isinstance(reason, DepChanged)
    author = evidence(found["first"]).origins[reason.path]
    assert (author.stage, author.run_id, author.is_restored) == ("parts", ran.run.run_id, False)
    assert evidence(altered["first"]).origins == {}


async def test_a_result_from_the_run_cache_is_known_as_restored(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        project.put("raw.txt", " z ")
        await live.run()
        project.put("raw.txt", " a ")
        restored = await live.run("clean")
        found = await explain(live, "parts")

    author = evidence(found["parts"]).origins
    assert [(each.run_id, each.is_restored) for each in author.values()] == [
        (restored.run.run_id, True)
    ]


async def test_an_upstream_that_would_be_restored_has_not_written_yet(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        project.put("raw.txt", " z ")
        await live.run()
        project.put("raw.txt", " a ")
        found = await explain(live, "parts")

    assert found["clean"].verdict is Verdict.RESTORE
    assert any(isinstance(reason, DepChanged) for reason in found["parts"].reasons)
    assert evidence(found["parts"]).origins == {}


async def test_packages_come_with_the_version_that_outs_were_made_with(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        found = await explain(live, "clean")
    state = State.open(project.layout)
    record = cast("list[object]", state.get("wrote:clean.txt"))
    versions = {**origin.installed(), "click": "0.1"}
    state.put({f"packages:{record[5]}": [1.0, dict(versions)]})
    state.close()
    async with project.live() as live:
        other = await explain(live, "clean")

    (same,) = evidence(found["clean"]).packages
    (package,) = evidence(other["clean"]).packages
    assert (same.name, same.before) == ("click", same.version)
    assert (package.version, package.before) == (same.version, "0.1")


def test_only_so_many_sets_of_packages_are_kept(tmp_path: Path) -> None:
    project = Project(tmp_path)
    state = State.open(project.layout)
    state.put({f"packages:{number:016}": [float(number), {}] for number in range(40)})

    signer = origin.Signer(state, RunId("run"))
    state.put(signer.sign(StageName("clean"), {}, 100.0, is_restored=False))

    kept = sorted(key for key, _ in state.scan("packages:"))
    assert len(kept) == 20
    assert f"packages:{39:016}" in kept
    assert f"packages:{20:016}" not in kept
    state.close()


async def test_a_past_run_and_a_change_to_come_are_told_over_the_socket(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        project.put("rules.py", RULES.replace("strip()", "strip('a ')"))
        ran = await live.run("parts")
        project.put("rules.py", RULES)
        port = await connect(live)
        accounts = await port.ask(ExplainRun(ran.run.run_id, ("clean",)))
        (impact,) = await port.ask(FindAffected(("rules.strip",)))
        await port.close()

    (account,) = accounts
    (reason,) = account.state.reasons
    assert isinstance(reason, CodeChanged)
    assert reason.route == ("pipeline:clean", "rules:strip")
    assert "+    return text.strip('a ')\n" in account.evidence.diffs["rules:strip"]
    assert impact.direct == (Affected(StageName("clean"), Bond.CODE, reason.route),)
    assert [each.path for each in impact.downstream] == [
        ("clean", "parts"), ("clean", "parts", "first"),
    ]  # fmt: skip
