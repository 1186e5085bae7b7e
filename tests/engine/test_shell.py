"""Stages that are commands: run once, and again after exactly what counts for them has changed."""

from pathlib import Path

import pytest

from pivot_core.model.decision import Status
from pivot_core.model.failure import FailureKind
from pivot_core.model.stage import SourceLocation
from pivot_core.port.commands import CancelRun
from tests.support.project import WAYS, Gate, Project

STAGES = """\
from pivot_core import Pipeline, shell

pipeline = Pipeline("test")
pipeline.register(
    shell(
        "sh src/upper.sh 'raw.txt' $upper",
        deps=["raw.txt"], outs={"upper": "out/deep/upper/"}, params=["upper.mark"],
    ),
    name="upper",
)
pipeline.register(
    shell(
        ["cat upper/* > $both", "echo '{}' > m.json"],
        deps={"upper": "out/deep/upper/"}, outs={"both": "out/both.txt"}, metrics=["out/deep/m.json"],
        cwd="out/deep",
    ),
    name="both", variant="v",
)
"""
UPPER = "mkdir $2 && tr a-z A-Z < $1 > $2/a.txt && grep -o 'mark: .' params.yaml >> $2/a.txt\n"
WAIT = """\
from pathlib import Path

try:
    Path("here").write_text("upper")
    Path("go").read_text()
except KeyboardInterrupt:
    Path("saved.txt").write_text("saved")
"""
"""Says that it is there, and writes something down when it is interrupted."""
PARAMS = "upper:\n  mark: 1\n  rest: 1\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    found = Project(tmp_path)
    found.put("pipeline.py", STAGES)
    found.put("src/upper.sh", UPPER)
    found.put("raw.txt", "a")
    found.put("params.yaml", PARAMS)
    return found


async def test_commands_run_when_what_they_name_has_changed(project: Project) -> None:
    async with project.live() as live:
        assert (await live.run()).ran == ["both@v", "upper"]
        assert project.get("out/both.txt") == "Amark: 1\n"
        assert (await live.run()).ran == []
        edits = {
            ("params.yaml", "rest: 1", "rest: 2"): [],
            ("params.yaml", "mark: 1", "mark: 2"): ["both@v", "upper"],
            ("src/upper.sh", "mkdir", "mkdir -p"): ["upper"],
            ("pipeline.py", "echo", "printf"): ["both@v"],
            ("pipeline.py", "pipeline = ", "# nothing\npipeline = "): [],
        }
        for edit, ran in edits.items():
            project.replace(*edit)
            assert (await live.run()).ran == ran, edit
        project.remove("out/both.txt")
        assert (await live.run()).final["both@v"] == "restored"


async def test_a_command_that_fails_leaves_what_was(project: Project) -> None:
    async with project.live() as live:
        await live.run()
        project.put("src/upper.sh", "echo before >&2\nmkdir $2\nexit 3\necho after\n")
        ended = await live.run()
        failure = ended.failure("upper")
        assert (failure.kind, failure.exit_code, failure.traceback) == (FailureKind.EXIT, 3, "")
        assert failure.message == "the command ended with exit code 3"
        assert failure.where == SourceLocation("pipeline.py", 5)
        assert ended.states["upper"].log_tail == ("before", failure.message)
        assert project.get("out/deep/upper/a.txt") == "Amark: 1\n"

        project.replace("src/upper.sh", "exit 3", "kill -9 $$")
        assert (await live.run()).failure("upper").signal == "SIGKILL"
        project.put("src/upper.sh", "true")
        said = "the command wrote nothing to 'out/deep/upper/'"
        assert (await live.run()).failure("upper").message == said
        project.replace("pipeline.py", "sh src/upper.sh", "no-such-program")
        assert "was not found" in (await live.run()).failure("upper").hint
    assert project.leftovers() == []


@pytest.mark.parametrize("isolation", ["fork", "worker"])
async def test_a_command_may_end_in_its_own_way_when_it_is_cancelled(
    project: Project, isolation: str
) -> None:
    project.put(".pivot/config.yaml", f"run:\n  isolation: {isolation}\n  grace: 20\n")
    project.put("src/upper.sh", "python src/wait.py\n")
    project.put("src/wait.py", WAIT)
    gate = Gate(project)
    async with project.live() as live:
        going = await live.begin()
        await gate.here("upper")
        await live.engine.send(CancelRun(going.run_id))
        ended = await going.end()
        assert ended.final["upper"] == Status.CANCELLED.value
    gate.close()
    assert project.get("saved.txt") == "saved"


async def test_what_changes_while_a_command_runs_is_not_what_it_read(project: Project) -> None:
    project.put("src/upper.sh", f"{UPPER}echo upper > here\nhead -c 1 go\n")
    gate = Gate(project)
    async with project.live() as live:
        going = await live.begin()
        await gate.here("upper")
        project.replace("params.yaml", "mark: 1", "mark: 2")
        gate.go()
        await gate.here("upper")
        project.replace("src/upper.sh", "grep -o", "grep  -o")
        gate.go()
        await gate.here("upper")
        gate.go()
        ended = await going.end()
        assert ended.courses["upper"] == ["queued", *["running", "wait", "queued"] * 2, *WAYS[1:]]
        assert project.get("out/both.txt") == "Amark: 2\n"
        assert (await live.run()).ran == []
    gate.close()


LIB = """\
def text():
    return "a"

def other():
    return "b"

if __name__ == "__main__":
    print(text(), other())
"""
BOTH = """
import lib
from pivot_core import shell

def use() -> Annotated[str, Out("use.txt", Text())]:
    return lib.text()

pipeline.register(use)
pipeline.register(shell("python lib.py > out.txt", outs=["out.txt"]), name="command")
"""


async def test_a_script_that_is_a_module_too_counts_as_a_whole(tmp_path: Path) -> None:
    project = Project(tmp_path, BOTH)
    project.put("lib.py", LIB)
    async with project.live() as live:
        assert (await live.run()).ran == ["command", "use"]
        project.replace("lib.py", '"b"', '"c"')
        assert (await live.run()).ran == ["command"]
        project.replace("lib.py", '"a"', '"d"')
        assert (await live.run()).ran == ["command", "use"]
    assert project.get("out.txt") == "d c\n"
