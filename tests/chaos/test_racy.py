"""An edit within the clock's granularity, of the same size and with its time put back, is never skipped."""

import os
import random
from pathlib import Path

import pytest

from tests.support.project import Project

STAGES = """
def join(
    texts: Annotated[list[str], Dep(FILES, Text())]
) -> Annotated[str, Out("joined.txt", Text())]:
    return "".join(texts)

def copy(
    folder: Annotated[Path, Dep("folder/", PathOnly())]
) -> Annotated[str, Out("copied.txt", Text())]:
    return "".join(path.read_text() for path in sorted(folder.iterdir()))

pipeline.register(join)
pipeline.register(copy)
"""
COUNT = 5


async def _edit_and_run(root: Path, rounds: int) -> None:
    names = [f"in{number}.txt" for number in range(COUNT)]
    members = [f"folder/{number}.txt" for number in range(COUNT)]
    project = Project(root, STAGES.replace("FILES", repr(names)))
    chance = random.Random(rounds)
    for name in (*names, *members):
        project.put(name, "aaaa")
    async with project.live(jobs=2) as live:
        await live.run()
        for _ in range(rounds):
            edited = chance.sample(names, 1) + chance.sample(members, 1)
            for name in edited:
                path = root / name
                before = path.stat()
                with open(path, "r+") as file:
                    file.write(f"{chance.randrange(10000):04d}")
                os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            ended = await live.run()
            assert ended.run.exit_code == 0
            for out, inputs in (("joined.txt", names), ("copied.txt", members)):
                assert project.get(out) == "".join(map(project.get, inputs)), edited


async def test_forty_racy_edits_are_all_noticed(tmp_path: Path) -> None:
    await _edit_and_run(tmp_path, 20)


@pytest.mark.long
@pytest.mark.timeout(600)
async def test_five_hundred_racy_edits_are_all_noticed(tmp_path: Path) -> None:
    await _edit_and_run(tmp_path, 250)
