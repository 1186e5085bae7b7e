"""A worker that is killed costs its stage another attempt, and nothing else."""

import os
import signal
from collections import Counter
from pathlib import Path

from tests.chaos.pipes import Pipes
from tests.support import launcher
from tests.support.launcher import Launcher
from tests.support.project import Project

STAGES = """
def met(variant: str) -> Annotated[str, Out("out.txt", Text())]:
    note(variant)
    with open(f"pid.{variant}", "w") as file:
        file.write(f"{os.getppid()}")
    meet(variant)
    return variant

for number in range(2):
    pipeline.register(met, variant=f"v{number}", outs={"return": f"{number}.txt"})
"""


def test_a_stage_whose_worker_is_killed_runs_again(pivot: Launcher, root: Path) -> None:
    project = Project(root, STAGES)
    pipes = Pipes(root)
    command = pivot.start(root, "repro", "--jobs", "2")
    pipes.here(2)
    os.kill(int(project.get("pid.v0")), signal.SIGKILL)
    pipes.here(1)
    pipes.go(2)
    done = command.wait()
    assert done.code == 0, done
    noted = Counter(project.ran_log())
    assert noted["v0"] == 2
    assert noted["v1"] in (1, 2)
    assert (project.get("0.txt"), project.get("1.txt")) == ("v0", "v1")
    left = launcher.gone_within(root, 2.0)
    assert left == [], launcher.describe(left)
    assert project.leftovers() == []
    pipes.close()


def test_a_stage_whose_worker_is_killed_twice_fails_and_says_so(
    pivot: Launcher, root: Path
) -> None:
    project = Project(root, STAGES.replace("range(2)", "range(1)"))
    pipes = Pipes(root)
    command = pivot.start(root, "repro")
    for _ in range(2):
        pipes.here(1)
        os.kill(int(project.get("pid.v0")), signal.SIGKILL)
    done = command.wait()
    assert done.code == 1, done
    assert "worker" in done.out + done.err
    left = launcher.gone_within(root, 2.0)
    assert left == [], launcher.describe(left)
    restart = pivot.start(root, "repro")
    pipes.here(1)
    pipes.go(1)
    assert restart.wait().code == 0
    assert project.get("0.txt") == "v0"
    pipes.close()
