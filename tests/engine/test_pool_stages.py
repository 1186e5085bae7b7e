"""What a stage is given and what becomes of what it returns; and that nothing leaks from one stage to the next."""

import json
import os
from pathlib import Path

import pytest

from pivot_core.model.failure import FailureKind
from tests.support.stage_project import Project, failure, running

STAGES = """
    import random
    from pivot_core import StageParams

    class Params(StageParams):
        size: int = 1

    class Two(TypedDict):
        left: Annotated[str, Out("left.txt", Text())]
        right: Annotated[str, Out("right.txt", Text())]

    def reads(
        one: Annotated[str, Dep("one.txt", Text())],
        many: Annotated[list[str], Dep(["one.txt", "two.txt"], Text())],
        path: Annotated[Path, Dep("data/", PathOnly())],
        params: Params,
        variant: str,
    ) -> Annotated[Any, Out("reads.json", JSON())]:
        return [one, many, str(path), params.size, variant, os.getcwd()]

    def reads_one(one: Annotated[Any, Dep("one.txt", JSON())]) -> Annotated[str, Out("reads_one.txt", Text())]:
        return ""

    def two() -> Two:
        return Two(left="l", right="r")

    def half() -> Two:
        return {"left": "l"}

    def extra() -> Two:
        return {"left": "l", "right": "r", "middle": "m"}

    def not_a_dict() -> Two:
        return 3

    def wrong_type() -> Annotated[str, Out("wrong_type.txt", Text())]:
        return 3

    def writes_itself() -> Annotated[Path, Out("deep/er/file.bin", PathOnly())]:
        path = Path("deep/er/file.bin")
        path.write_bytes(b"bytes")
        return path

    def forgets_to_write() -> Annotated[Path, Out("nothing.bin", PathOnly())]:
        return Path("nothing.bin")

    def other_path() -> Annotated[Path, Out("declared.bin", PathOnly())]:
        Path("other.bin").write_bytes(b"")
        return Path("other.bin")

    def directory() -> Annotated[dict[str, str], DirectoryOut("dir/", Text())]:
        return {"a.txt": "a", "sub/b.txt": "b"}

    def directory_escapes() -> Annotated[dict[str, str], DirectoryOut("dir/", Text())]:
        return {"../a.txt": "a"}

    def directory_untold() -> Annotated[dict[str, str], DirectoryOut("dir/", Text())]:
        os.makedirs("dir", exist_ok=True)
        Path("dir/untold.txt").write_text("")
        return {"a.txt": "a"}

    def counts(
        before: Annotated[Any, IncrementalOut("count.json", JSON())],
    ) -> Annotated[Any, IncrementalOut("count.json", JSON())]:
        return 1 if before is None else before + 1

    def counts_and_fails(
        before: Annotated[Any, IncrementalOut("count.json", JSON())],
    ) -> Annotated[Any, IncrementalOut("count.json", JSON())]:
        Path("count.json").write_text("torn")
        raise ValueError

    def appends(
        log: Annotated[Path | None, IncrementalOut("log.txt", PathOnly())],
    ) -> Annotated[Path, IncrementalOut("log.txt", PathOnly())]:
        with open("log.txt", "a") as file:
            file.write("line\\n")
        return Path("log.txt")

    def second_fails() -> Two:
        return {"left": "new", "right": 3}

    def opens_for_writing(one: Annotated[Path, Dep("one.txt", PathOnly())]) -> Annotated[str, Out("w.txt", Text())]:
        try:
            open(one, "a")
        except Exception:
            return "went on"
        return "went on"

    def removes(one: Annotated[Path, Dep("one.txt", PathOnly())]) -> Annotated[str, Out("w.txt", Text())]:
        os.remove(os.path.abspath(one))
        return ""

    def renames_over(one: Annotated[Path, Dep("one.txt", PathOnly())]) -> Annotated[str, Out("w.txt", Text())]:
        Path("tmp.txt").write_text("x")
        os.rename("tmp.txt", one)
        return ""

    def through_a_link(one: Annotated[Path, Dep("one.txt", PathOnly())]) -> Annotated[str, Out("w.txt", Text())]:
        os.symlink("one.txt", "alias.txt")
        open("alias.txt", "r+")
        return ""

    def writes_into(data: Annotated[Path, Dep("data/", PathOnly())]) -> Annotated[str, Out("w.txt", Text())]:
        (data / "new.txt").write_text("x")
        return ""

    def writes_beside(one: Annotated[Path, Dep("one.txt", PathOnly())]) -> Annotated[str, Out("w.txt", Text())]:
        Path("scratch.txt").write_text("x")
        os.remove("scratch.txt")
        return one.read_text()

    def pollutes() -> Annotated[Any, Out("pollutes.json", JSON())]:
        import helper
        import json as module
        helper.VALUE = module.LEAKED = "polluted"
        os.environ["LEAKED"] = "yes"
        os.chdir("/")
        sys.path.insert(0, "/leaked")
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        random.seed(1)
        return random.random()

    def observes() -> Annotated[Any, Out("observes.json", JSON())]:
        import helper
        import json as module
        return {
            "value": helper.VALUE,
            "module": hasattr(module, "LEAKED"),
            "environ": "LEAKED" in os.environ,
            "cwd": os.getcwd(),
            "path": "/leaked" in sys.path,
            "interrupt": signal.getsignal(signal.SIGINT) is signal.default_int_handler,
            "random": random.random(),
            "bytecode": os.path.exists("__pycache__"),
        }
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "one.txt").write_text("1")
    (tmp_path / "two.txt").write_text("2")
    (tmp_path / "helper.py").write_text("VALUE = 'clean'\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.txt").write_text("x")
    return Project(tmp_path, STAGES)


async def test_a_stage_gets_its_deps_params_and_variant_in_the_project_root(
    project: Project,
) -> None:
    info = project.info(
        "reads",
        deps={"one": "one.txt", "many": ["one.txt", "two.txt"], "path": "data/"},
        outs={"return": "reads.json"},
        params={"size": 7},
        params_param="params",
        variant_param="variant",
    )
    async with running(project) as run:
        assert (await run.pool.run(info))["outcome"] == "done"
    found = json.loads((project.root / "reads.json").read_text())
    assert found == ["1", ["1", "2"], "data", 7, "small", str(project.root)]


async def test_a_dep_that_is_missing_or_unreadable_is_named(project: Project) -> None:
    info = project.info("reads_one", deps={"one": "one.txt"})
    (project.root / "one.txt").write_text("{")
    async with running(project) as run:
        unreadable = failure(await run.pool.run(info))
        (project.root / "one.txt").unlink()
        missing = failure(await run.pool.run(info))
    assert (unreadable.kind, missing.kind) == (FailureKind.INPUT, FailureKind.INPUT)
    assert unreadable.message.startswith("cannot read 'one.txt': json.decoder.JSONDecodeError")
    assert missing.message.startswith("cannot read 'one.txt': FileNotFoundError")


async def test_every_field_of_a_typed_dict_is_written(project: Project) -> None:
    async with running(project) as run:
        report = await run.pool.run(
            project.info("two", outs={"left": "left.txt", "right": "right.txt"})
        )
    assert sorted(report["outs"]) == ["left.txt", "right.txt"]
    assert (project.root / "right.txt").read_text() == "r"


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("half", "returned no 'right'"),
        ("extra", "returned 'middle', which no out is declared for"),
        ("not_a_dict", "returned int, declared is a dict with 'left', 'right'"),
    ],
)
async def test_fields_must_be_as_declared(project: Project, function: str, said: str) -> None:
    async with running(project) as run:
        told = failure(
            await run.pool.run(
                project.info(function, outs={"left": "left.txt", "right": "right.txt"})
            )
        )
    assert (told.kind, told.message) == (FailureKind.OUTPUT, said)


async def test_a_value_that_the_writer_refuses_fails(project: Project) -> None:
    async with running(project) as run:
        told = failure(await run.pool.run(project.info("wrong_type")))
    assert told.kind is FailureKind.OUTPUT
    assert told.message == "cannot write 'wrong_type.txt': TypeError: Text() saves a str, not int"


async def test_a_stage_may_write_its_out_itself(project: Project) -> None:
    async with running(project) as run:
        info = project.info("writes_itself", outs={"return": "deep/er/file.bin"})
        os.makedirs(project.root / "deep/er")
        report = await run.pool.run(info)
    assert report["outs"]["deep/er/file.bin"]["hash"]


@pytest.mark.parametrize(
    ("function", "path", "said"),
    [
        ("forgets_to_write", "nothing.bin", "did not write 'nothing.bin'"),
        ("other_path", "declared.bin", "returned 'other.bin', declared is 'declared.bin'"),
    ],
)
async def test_what_the_stage_writes_itself_is_checked(
    project: Project, function: str, path: str, said: str
) -> None:
    async with running(project) as run:
        told = failure(await run.pool.run(project.info(function, outs={"return": path})))
    assert told.kind is FailureKind.OUTPUT
    assert said in told.message


async def test_a_directory_holds_exactly_what_was_returned(project: Project) -> None:
    (project.root / "dir").mkdir()
    (project.root / "dir" / "old.txt").write_text("old")
    async with running(project) as run:
        info = project.info("directory", outs={"return": "dir/"}, kind="directory")
        report = await run.pool.run(info)
    assert sorted(os.listdir(project.root / "dir")) == ["a.txt", "sub"]
    (found,) = report["outs"].values()
    assert "files" in found
    assert sorted(found["files"]) == ["a.txt", "sub/b.txt"]


@pytest.mark.parametrize("function", ["directory_escapes", "directory_untold"])
async def test_a_directory_must_be_told_whole(project: Project, function: str) -> None:
    (project.root / "dir").mkdir()
    (project.root / "dir" / "old.txt").write_text("old")
    async with running(project) as run:
        info = project.info(function, outs={"return": "dir/"}, kind="directory")
        assert failure(await run.pool.run(info)).kind is FailureKind.OUTPUT
    assert os.listdir(project.root / "dir") == ["old.txt"]


async def test_an_incremental_out_comes_back_and_survives_a_failure(project: Project) -> None:
    def info(function: str):
        return project.info(
            function, outs={"return": "count.json"}, kind="incremental", incremental="before"
        )

    async with running(project) as run:
        for expected in ("1\\n", "2\\n"):
            assert (await run.pool.run(info("counts")))["outcome"] == "done"
            assert (project.root / "count.json").read_text() == expected.replace("\\n", "\n")
        assert (await run.pool.run(info("counts_and_fails")))["outcome"] == "failed"
    assert (project.root / "count.json").read_text() == "2\n"


async def test_an_incremental_file_is_changed_in_place(project: Project) -> None:
    info = project.info(
        "appends", outs={"return": "log.txt"}, kind="incremental", incremental="log"
    )
    async with running(project) as run:
        await run.pool.run(info)
        await run.pool.run(info)
    assert (project.root / "log.txt").read_text() == "line\nline\n"


async def test_old_outs_are_put_back_and_nothing_is_cached_when_one_out_fails(
    project: Project,
) -> None:
    (project.root / "left.txt").write_text("old")
    async with running(project) as run:
        info = project.info("second_fails", outs={"left": "left.txt", "right": "right.txt"})
        assert failure(await run.pool.run(info)).kind is FailureKind.OUTPUT
    assert (project.root / "left.txt").read_text() == "old"
    assert not os.path.lexists(project.root / "right.txt")
    assert not os.path.exists(project.layout.cache_dir)
    assert not os.listdir(project.layout.aside_dir)


@pytest.mark.parametrize(
    "function", ["opens_for_writing", "removes", "renames_over", "through_a_link"]
)
async def test_a_stage_that_changes_its_input_fails_at_once(
    project: Project, function: str
) -> None:
    async with running(project) as run:
        report = await run.pool.run(
            project.info(function, deps={"one": "one.txt"}, outs={"return": "w.txt"})
        )
    told = failure(report)
    assert (told.kind, told.message) == (FailureKind.MODIFIED_INPUT, "modified its input 'one.txt'")
    assert f"in {function}" in told.traceback
    assert report["inputs_modified"] == ["one.txt"]
    assert (project.root / "one.txt").read_text() == "1"


async def test_writing_into_a_directory_dep_fails(project: Project) -> None:
    async with running(project) as run:
        info = project.info("writes_into", deps={"data": "data/"}, outs={"return": "w.txt"})
        assert failure(await run.pool.run(info)).message == "modified its input 'data/'"
    assert os.listdir(project.root / "data") == ["x.txt"]


async def test_files_beside_the_inputs_may_be_written(project: Project) -> None:
    async with running(project) as run:
        info = project.info("writes_beside", deps={"one": "one.txt"}, outs={"return": "w.txt"})
        assert (await run.pool.run(info))["outcome"] == "done"


async def test_nothing_leaks_from_one_stage_to_the_next(project: Project) -> None:
    clean = {
        "value": "clean",
        "module": False,
        "environ": False,
        "cwd": str(project.root),
        "path": False,
        "interrupt": True,
        "bytecode": False,
    }
    drawn = set[float]()
    async with running(project) as run:
        for _ in range(2):
            polluting = await run.pool.run(
                project.info("pollutes", outs={"return": "pollutes.json"})
            )
            assert polluting["outcome"] == "done"
            await run.pool.run(project.info("observes", outs={"return": "observes.json"}))
            seen = json.loads((project.root / "observes.json").read_text())
            drawn.add(seen.pop("random"))
            assert seen == clean
    assert len(drawn) == 2


async def test_code_is_never_stale(project: Project) -> None:
    info = project.info("observes", outs={"return": "observes.json"})
    async with running(project) as run:
        for value in ("one", "two"):
            (project.root / "helper.py").write_text(f"VALUE = {value!r}\n")
            os.utime(project.root / "helper.py", ns=(1, 1))
            await run.pool.run(info)
            assert json.loads((project.root / "observes.json").read_text())["value"] == value


async def test_an_unimportable_module_is_shown_with_its_own_frames(project: Project) -> None:
    async with running(project) as run:
        project.write("import nowhere_to_be_found\n")
        missing = failure(await run.pool.run(project.info("one")))
        project.write("def broken(:\n")
        broken = failure(await run.pool.run(project.info("one", preload=("nowhere_to_be_found",))))
    assert missing.kind is FailureKind.IMPORT
    assert missing.message == "ModuleNotFoundError: No module named 'nowhere_to_be_found'"
    assert "pivot_core" not in missing.traceback
    assert broken.kind is FailureKind.IMPORT
    assert broken.message.startswith("SyntaxError")
    assert broken.where is not None
    assert broken.where.file == "pipeline.py"
