"""What lies at an out's place always becomes what the inputs give: restored where the cache has it, else made again."""

import json
import os
import shutil
from pathlib import Path

import pytest

from pivot_core.model.decision import NotInCache, OutAltered, OutMissing
from pivot_core.model.ids import ArtifactPath
from tests.support.project import WAYS, Project

CHAIN = """
def first(raw: Annotated[str, Dep("raw.txt", Text())]) -> Annotated[str, Out("first.txt", Text())]:
    note("first")
    return raw.upper()

def second(
    text: Annotated[str, Dep("first.txt", Text())]
) -> Annotated[str, Out("second.txt", Text())]:
    note("second")
    return text * 2

pipeline.register(first)
pipeline.register(second)
"""
KINDS = """
class Outs(TypedDict):
    kept: Annotated[str, Out("kept.txt", Text())]
    local: Annotated[str, Out("local.txt", Text(), cache=False)]
    score: Annotated[dict, Metric("score.json")]

def several(raw: Annotated[str, Dep("raw.txt", Text())]) -> Outs:
    note("several")
    return Outs(kept=raw + "k", local=raw + "l", score={"length": len(raw)})

def parts(
    raw: Annotated[str, Dep("raw.txt", Text())]
) -> Annotated[dict[str, str], DirectoryOut("parts/", Text())]:
    note("parts")
    return {f"{word}/part.txt": word * 2 for word in raw.split()}

def joined(
    folder: Annotated[Path, Dep("parts/", PathOnly())]
) -> Annotated[Path, Out("joined.txt", PathOnly())]:
    note("joined")
    target = Path("joined.txt")
    target.write_text(",".join(path.read_text() for path in sorted(folder.rglob("*.txt"))))
    return target

def both(
    texts: Annotated[list[str], Dep(["raw.txt", "joined.txt"], Text())]
) -> Annotated[str, Out("both.txt", Text())]:
    note("both")
    return "|".join(texts)

for stage in (several, parts, joined, both):
    pipeline.register(stage)
"""
LOG = """
def total(
    raw: Annotated[str, Dep("raw.txt", Text())],
    known: Annotated[list | None, IncrementalOut("total.json", JSON())],
) -> Annotated[list, IncrementalOut("total.json", JSON())]:
    note("total")
    return [*(known or []), raw]

pipeline.register(total)
"""


@pytest.fixture
def chain(tmp_path: Path) -> Project:
    project = Project(tmp_path, CHAIN)
    project.put("raw.txt", "ab")
    return project


@pytest.fixture
def kinds(tmp_path: Path) -> Project:
    project = Project(tmp_path, KINDS)
    project.put("raw.txt", "x y")
    return project


async def test_a_deleted_out_is_restored(chain: Project) -> None:
    async with chain.live() as live:
        await live.run()
        chain.remove("first.txt")
        ended = await live.run()
    assert ended.final == {"first": "restored", "second": "same"}
    assert ended.states["first"].reasons == (OutMissing(ArtifactPath("first.txt")),)
    assert chain.get("first.txt") == "AB"


async def test_an_altered_out_is_restored_and_nothing_downstream_runs(chain: Project) -> None:
    async with chain.live() as live:
        await live.run()
        chain.ran_log()
        chain.put("first.txt", "forged")
        ended = await live.run()
    assert ended.final == {"first": "restored", "second": "same"}
    assert isinstance(ended.states["first"].reasons[0], OutAltered)
    assert chain.get("first.txt") == "AB"
    assert chain.ran_log() == []


async def test_an_out_altered_under_its_old_size_and_time_is_restored(chain: Project) -> None:
    out = chain.root / "first.txt"
    async with chain.live() as live:
        await live.run()
        before = out.stat()
        out.write_text("XY")
        os.utime(out, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (await chain.run()).final == {"first": "restored", "second": "same"}
    assert chain.get("first.txt") == "AB"


async def test_an_out_made_a_directory_is_restored(chain: Project) -> None:
    async with chain.live() as live:
        await live.run()
        chain.remove("first.txt")
        chain.put("first.txt/inside", "")
        ended = await live.run()
    assert ended.final == {"first": "restored", "second": "same"}
    assert chain.get("first.txt") == "AB"


@pytest.mark.parametrize("damage", ["altered", "cut", "gone", "directory"])
async def test_a_damaged_object_makes_its_stage_run_and_heal(chain: Project, damage: str) -> None:
    async with chain.live() as live:
        await live.run()
        stored = chain.object_of("first.txt")
        os.chmod(stored, 0o644)
        match damage:
            case "altered":
                stored.write_text("XX")
            case "cut":
                stored.write_text("")
            case "gone":
                stored.unlink()
            case _:
                stored.unlink()
                stored.mkdir()
        chain.remove("first.txt")
        ended = await live.run()
        assert ended.run.exit_code == 0
        assert ended.final == {"first": "ran", "second": "same"}
        assert stored.read_text() == chain.get("first.txt") == "AB"
        if damage in ("cut", "gone"):
            assert NotInCache in map(type, ended.states["first"].reasons)
        assert (await live.run()).final == {"first": "same", "second": "same"}


async def test_without_cache_and_outs_everything_runs_again(chain: Project) -> None:
    await chain.run()
    shutil.rmtree(chain.layout.cache_dir)
    chain.remove("first.txt")
    chain.remove("second.txt")
    assert (await chain.run()).ran == ["first", "second"]


async def test_a_lost_cache_alone_runs_nothing(chain: Project) -> None:
    await chain.run()
    shutil.rmtree(chain.layout.cache_dir)
    assert (await chain.run()).ran == []


@pytest.mark.parametrize("link", ["hardlink", "symlink", "copy"])
async def test_each_way_to_link_skips_and_restores(chain: Project, link: str) -> None:
    chain.put(".pivot/config.yaml", f"cache: {{link: [{link}]}}\n")
    assert (await chain.run()).ran == ["first", "second"]
    assert (await chain.run()).ran == []
    chain.remove("first.txt")
    assert (await chain.run()).final == {"first": "restored", "second": "same"}
    assert (chain.root / "first.txt").is_symlink() == (link == "symlink")
    assert (await chain.run()).final == {"first": "same", "second": "same"}


@pytest.mark.parametrize("link", ["hardlink", "symlink"])
async def test_writing_through_a_link_damages_no_result(chain: Project, link: str) -> None:
    chain.put(".pivot/config.yaml", f"cache: {{link: [{link}]}}\n")
    await chain.run()
    out = chain.root / "first.txt"
    os.chmod(out.resolve(), 0o644)
    with open(out, "r+") as file:
        file.write("zz")
    ended = await chain.run()
    assert ended.run.exit_code == 0
    assert chain.get("first.txt") == "AB"
    assert chain.get("second.txt") == "ABAB"


async def test_a_run_of_one_stage_keeps_the_outs_of_others_out_of_git(chain: Project) -> None:
    async with chain.live() as live:
        await live.run()
        whole = chain.get(".gitignore")
        assert "/first.txt\n/second.txt\n" in whole
        await live.run("second", force=True)
    assert chain.get(".gitignore") == whole


# --- kinds of outs ---------------------------------------------------------------------------------------------------


async def test_all_kinds_are_made_and_then_skipped(kinds: Project) -> None:
    ended = await kinds.run()
    assert ended.ran == ["both", "joined", "parts", "several"]
    assert kinds.get("both.txt") == "x y|xx,yy"
    assert json.loads(kinds.get("score.json")) == {"length": 3}
    assert (await kinds.run()).final == dict.fromkeys(ended.final, "same")


async def test_one_changed_member_is_restored_alone(kinds: Project) -> None:
    async with kinds.live() as live:
        await live.run()
        kept = (kinds.root / "parts/y/part.txt").stat()
        kinds.put("parts/x/part.txt", "forged")
        ended = await live.run()
    assert ended.final["parts"] == "restored"
    assert ended.final["joined"] == "same"
    assert kinds.get("parts/x/part.txt") == "xx"
    assert kept.st_size == (kinds.root / "parts/y/part.txt").stat().st_size


async def test_a_file_too_many_in_a_directory_out_goes(kinds: Project) -> None:
    async with kinds.live() as live:
        await live.run()
        kinds.put("parts/z/part.txt", "extra")
        ended = await live.run()
    assert ended.final["parts"] == "restored"
    assert not (kinds.root / "parts/z").exists()
    assert kinds.get("both.txt") == "x y|xx,yy"


async def test_a_directory_out_holds_exactly_what_was_returned(kinds: Project) -> None:
    async with kinds.live() as live:
        await live.run()
        kinds.put("raw.txt", "y z")
        await live.run()
    members = sorted(
        str(path.relative_to(kinds.root)) for path in kinds.root.glob("parts/**/*.txt")
    )
    assert members == ["parts/y/part.txt", "parts/z/part.txt"]
    assert kinds.get("both.txt") == "y z|yy,zz"


async def test_a_metric_is_restored_from_the_caches_copy(kinds: Project) -> None:
    async with kinds.live() as live:
        await live.run()
        kinds.remove("score.json")
        ended = await live.run()
    assert ended.final["several"] == "restored"
    assert json.loads(kinds.get("score.json")) == {"length": 3}


async def test_an_uncached_out_is_made_again(kinds: Project) -> None:
    async with kinds.live() as live:
        await live.run()
        kinds.remove("local.txt")
        ended = await live.run()
        assert ended.courses["several"] == list(WAYS)
        assert [type(reason) for reason in ended.states["several"].reasons] == [
            OutMissing,
            NotInCache,
        ]
    objects = {path.read_text() for path in kinds.objects()}
    assert "x yl" not in objects
    assert "x yk" in objects


async def test_a_stage_with_an_uncached_out_runs_again_after_a_revert(kinds: Project) -> None:
    async with kinds.live() as live:
        await live.run()
        kinds.put("raw.txt", "y z")
        await live.run()
        kinds.put("raw.txt", "x y")
        ended = await live.run()
    assert ended.final == {
        "several": "ran",
        "parts": "restored",
        "joined": "restored",
        "both": "restored",
    }
    assert kinds.get("local.txt") == "x yl"


async def test_an_incremental_out_grows_and_its_past_is_no_input(tmp_path: Path) -> None:
    project = Project(tmp_path, LOG)
    project.put("raw.txt", "a")
    async with project.live() as live:
        await live.run()
        assert (await live.run()).final == {"total": "same"}
        project.put("raw.txt", "b")
        assert (await live.run()).ran == ["total"]
        assert json.loads(project.get("total.json")) == ["a", "b"]
        project.put("raw.txt", "a")
        assert (await live.run()).ran == ["total"]
        assert json.loads(project.get("total.json")) == ["a", "b", "a"]
        project.remove("total.json")
        assert (await live.run()).final == {"total": "restored"}
        assert json.loads(project.get("total.json")) == ["a", "b", "a"]


async def test_a_deleted_incremental_out_is_restored_before_the_stage_runs(tmp_path: Path) -> None:
    project = Project(tmp_path, LOG)
    project.put("raw.txt", "a")
    async with project.live() as live:
        await live.run()
        project.remove("total.json")
        project.put("raw.txt", "b")
        assert (await live.run()).ran == ["total"]
    assert json.loads(project.get("total.json")) == ["a", "b"]


async def test_an_executable_out_stays_executable(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        """
def tool() -> Annotated[Path, Out("tool.sh", PathOnly())]:
    path = Path("tool.sh")
    path.write_text("#!/bin/sh")
    path.chmod(0o755)
    return path

pipeline.register(tool)
""",
    )
    async with project.live() as live:
        await live.run()
        project.remove("tool.sh")
        assert (await live.run()).final == {"tool": "restored"}
    assert os.access(project.root / "tool.sh", os.X_OK)


async def test_an_out_of_a_failed_stage_is_as_it_was(chain: Project) -> None:
    async with chain.live() as live:
        await live.run()
        locks = [path.read_bytes() for path in sorted((chain.root / ".pivot/stages").iterdir())]
        objects = chain.objects()
        chain.replace(
            "pipeline.py", "return text * 2", "Path('second.txt').write_text('part'); 1 / 0"
        )
        ended = await live.run()
    assert ended.final == {"first": "same", "second": "failed"}
    assert ended.run.exit_code == 1
    assert chain.get("second.txt") == "ABAB"
    assert locks == [path.read_bytes() for path in sorted((chain.root / ".pivot/stages").iterdir())]
    assert objects == chain.objects()
    assert chain.leftovers() == []


async def test_pivotignore_leaves_files_out_of_sources_and_never_out_of_what_a_stage_made(
    tmp_path: Path,
) -> None:
    project = Project(
        tmp_path,
        """
def copied(
    folder: Annotated[Path, Dep("given/", PathOnly())]
) -> Annotated[dict[str, str], DirectoryOut("made/", Text())]:
    note("copied")
    return {"a.txt": (folder / "a.txt").read_text(), "a.tmp": "kept"}

def counted(folder: Annotated[Path, Dep("made/", PathOnly())]) -> Annotated[str, Out("n.txt", Text())]:
    return str(len(list(folder.iterdir())))

for stage in (copied, counted):
    pipeline.register(stage)
""",
    )
    project.put(".pivotignore", "*.tmp\n")
    project.put("given/a.txt", "a")
    project.put("given/noise.tmp", "1")
    await project.run()
    assert project.get("n.txt") == "2"
    project.put("given/noise.tmp", "2")
    assert set((await project.run()).final.values()) == {"same"}
    project.remove("made/a.tmp")
    assert (await project.run()).final == {"copied": "restored", "counted": "same"}
    assert project.get("made/a.tmp") == "kept"
