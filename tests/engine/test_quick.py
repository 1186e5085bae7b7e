"""When tier 0 answers, and when it leaves the answer to the full path."""

import os
from pathlib import Path

import pytest

from pivot_core import quick
from pivot_core.define import observe
from pivot_core.store.layout import Layout
from tests.support.project import Gate, Project

ONE = """
    import os

    def one(text: Annotated[str, Dep("in.txt", Text())]) -> Annotated[str, Out("one.txt", Text())]:
        return text + os.environ.get("MARK", "")

    def two(text: Annotated[str, Dep("one.txt", Text())]) -> Annotated[str, Out("two.txt", Text())]:
        return text

    pipeline.register(one)
    pipeline.register(two)
"""


def project(root: Path, source: str = ONE) -> Project:
    made = Project(root, source)
    made.put("in.txt", "text")
    return made


def said(made: Project, *arguments: str) -> str | None:
    return quick.answer(
        ["-C", str(made.root), *(arguments or ("repro",))], os.environ, is_terminal=False
    )


async def test_it_answers_once_everything_is_up_to_date(tmp_path: Path) -> None:
    made = project(tmp_path)
    assert said(made) is None
    await made.run()
    assert said(made) == "up to date: 2 stages\n"
    assert said(made, "verify") == "verified\n"
    made.put("in.txt", "other")
    assert said(made) is None
    await made.run()
    assert said(made) == "up to date: 2 stages\n"


async def test_targets_count_with_what_they_need(tmp_path: Path) -> None:
    made = project(tmp_path)
    await made.run()
    assert said(made, "repro", "one") == "up to date: 1 stage\n"
    assert said(made, "repro", "two.txt") == "up to date: 2 stages\n"
    assert said(made, "repro", "two", "one") == "up to date: 2 stages\n"
    assert said(made, "repro", str(tmp_path / "one.txt")) == "up to date: 1 stage\n"
    for unknown in ("three", "on", "./three.txt", ""):
        assert said(made, "repro", unknown) is None


async def test_all_variants_of_a_stage_are_one_target(tmp_path: Path) -> None:
    source = """
        def part() -> Annotated[str, Out("x.txt", Text())]:
            return "part"

        for n in ("1", "2"):
            pipeline.register(part, variant=n, outs={"return": f"{n}.txt"})
    """
    made = project(tmp_path, source)
    await made.run()
    assert said(made, "status", "part") == "up to date: 2 stages\n"
    assert said(made, "status", "part@1") == "up to date: 1 stage\n"


async def test_what_is_unusual_is_left_to_the_full_path(tmp_path: Path) -> None:
    made = project(tmp_path)
    await made.run()
    assert said(made, "repro", "-q") == ""
    for unusual in (
        ["repro", "--force"], ["repro", "-n"], ["repro", "-v"], ["repro", "--json"], ["repro", "--"], ["list"],
        ["nothing"], ["-C", "missing", "repro"], ["repro", "-C"], ["status", "--help"], ["-V", "repro"],
        ["repro", "-qv"],
    ):  # fmt: skip
        assert said(made, *unusual) is None, unusual


async def test_it_holds_beside_a_live_engine_and_not_while_that_runs_something(
    tmp_path: Path,
) -> None:
    made = Project(
        tmp_path,
        """
        def one() -> Annotated[str, Out("one.txt", Text())]:
            meet("one")
            return "1"

        pipeline.register(one)
        """,
    )
    gate = Gate(made)
    async with made.live() as live:
        for force in (False, True):
            going = await live.begin(force=force)
            await gate.here("one")
            assert said(made) is None
            gate.go()
            await going.end()
            assert said(made) is not None
    gate.close()
    Path(made.layout.pending_path).write_text("[]")
    assert said(made) is None


async def test_only_a_whole_and_committed_run_proves_anything(tmp_path: Path) -> None:
    made = project(tmp_path)
    await made.run(commit=False)
    assert said(made) is None
    await made.run("one")
    assert said(made) is None
    made.replace("pipeline.py", "return text\n", "raise ValueError\n")
    await made.run()
    assert said(made) is None


async def test_a_definition_that_cannot_be_observed_is_never_proven(tmp_path: Path) -> None:
    source = """
        import subprocess

        WHO = subprocess.run(["true"], check=True).returncode

        def one() -> Annotated[str, Out("one.txt", Text())]:
            return "one"

        pipeline.register(one)
    """
    made = project(tmp_path, source)
    assert any("starts a process" in notice for notice in (await made.run()).notices)
    assert said(made) is None


async def test_a_module_that_lists_its_plugins_is_proven_by_their_names(tmp_path: Path) -> None:
    source = """
        import importlib

        def one(name: Annotated[str, Dep("in.txt", Text())]) -> Annotated[str, Out("one.txt", Text())]:
            return importlib.import_module(f"plugins.{name}").__doc__

        pipeline.register(one)
    """
    made = project(tmp_path, source)
    made.put("in.txt", "first")
    made.put("plugins/__init__.py", "")
    made.put("plugins/first.py", '"first"\n')
    await made.run()
    assert said(made) == "up to date: 1 stage\n"
    made.put("plugins/second.py", '"second"\n')
    assert said(made) is None


async def test_what_lies_beside_the_modules_does_not_matter(tmp_path: Path) -> None:
    made = project(tmp_path)
    await made.run()
    made.put(".pipeline.py.swp", "an editor's")
    made.put("notes.txt", "")
    assert said(made) == "up to date: 2 stages\n"
    made.put("params.yaml", "one: {}\n")
    assert said(made) is None


async def test_a_damaged_proof_says_nothing(tmp_path: Path) -> None:
    made = project(tmp_path)
    await made.run()
    place = tmp_path / quick.PLACE
    whole = place.read_bytes()
    for at in range(0, len(whole), 7):
        place.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert said(made) is None, at
        place.write_bytes(whole[:at])
        assert said(made) is None, at
    place.unlink()
    place.mkdir()
    assert said(made) is None
    place.rmdir()
    place.write_bytes(whole)
    assert said(made) is not None


async def test_a_state_that_is_not_the_one_of_the_proof_is_looked_at(tmp_path: Path) -> None:
    made = project(tmp_path)
    await made.run()
    data = Path(made.layout.state_path, "data.mdb")
    data.write_bytes(data.read_bytes())
    assert said(made) is None


async def test_variables_that_the_definition_reads_count_and_are_kept_as_a_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "correct horse")
    source = """
        KEY = os.environ["SECRET_KEY"]

        def one() -> Annotated[str, Out("one.txt", Text())]:
            return str(len(KEY))

        pipeline.register(one)
    """
    made = project(tmp_path, source)
    await made.run()
    assert said(made) == "up to date: 1 stage\n"
    assert b"correct horse" not in (tmp_path / quick.PLACE).read_bytes()
    monkeypatch.setenv("UNRELATED", "x")
    assert said(made) is not None
    monkeypatch.setenv("SECRET_KEY", "battery staple")
    assert said(made) is None


def test_it_sees_what_the_full_path_sees(tmp_path: Path) -> None:
    """It must not import the modules that own these."""
    for name in ("a.py", "b.txt", "c/d.py", "e.so", "not-a-name/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "linked").symlink_to("c")
    (tmp_path / "loose").symlink_to("gone")
    (tmp_path / ".pivot").mkdir()
    for path in (*map(str, tmp_path.iterdir()), str(tmp_path), "/nowhere"):
        assert quick.names_hash(path, ()) == observe.names_hash(path)
        for sought in ((), ("c", "linked", "loose"), ("b", "not-a-name")):
            found = quick.module_names_hash(path, sought)
            assert found == observe.module_names_hash(path, sought)
    assert f"{tmp_path}/{quick.PLACE}".startswith(Layout.at(str(tmp_path)).state_path)
