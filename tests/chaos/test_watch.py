"""Watching at length: of a thousand edits none is lost, and each of five hundred runs exactly its code."""

import asyncio
import hashlib
import os
import random
from pathlib import Path

import pytest

from pivot_core.model.decision import Status
from tests.support.project import Project
from tests.support.vigil import Vigil, watching

pytestmark = pytest.mark.long

EDITS = 1000
FILES = 200
LIMIT_S = 20.0

JOIN = """
    import hashlib
    import time
    import model

    def join(there: Annotated[Path, Dep("raw/", PathOnly())]) -> Annotated[str, Out("out.txt", Text())]:
        time.sleep(0.02)
        digest = hashlib.sha256()
        for path in sorted(there.rglob("*.txt")):
            digest.update(path.name.encode() + path.read_bytes())
        return f"{model.value()} {digest.hexdigest()}"

    pipeline.register(join)
"""


def expected(project: Project, value: int) -> str:
    digest = hashlib.sha256()
    for path in sorted((project.root / "raw").rglob("*.txt")):
        digest.update(path.name.encode() + path.read_bytes())
    return f"{value} {digest.hexdigest()}"


class Edits:
    """Makes one edit after the other, each of a kind that the number decides."""

    def __init__(self, project: Project, vigil: Vigil) -> None:
        self.project = project
        self.vigil = vigil
        self.value = 0
        self.dice = random.Random(7)

    async def make(self, number: int) -> None:
        kinds = (self.in_place, self.renamed, self.made_anew, self.burst, self.during_a_run)
        await kinds[number % len(kinds)](number)

    async def in_place(self, number: int) -> None:
        self.value = number
        self.project.put("model.py", f"def value():\n    return {number}\n")

    async def renamed(self, number: int) -> None:
        name = f"raw/{self.dice.randrange(FILES)}.txt"
        self.project.put(f"{name}~", f"renamed {number}")
        os.replace(self.project.root / f"{name}~", self.project.root / name)

    async def made_anew(self, number: int) -> None:
        name = f"raw/{self.dice.randrange(FILES)}.txt"
        self.project.remove(name)
        await asyncio.sleep(self.dice.choice((0, 0.01, 0.08)))
        self.project.put(name, f"anew {number}")

    async def burst(self, number: int) -> None:
        for index in range(FILES):
            self.project.put(f"raw/{index}.txt", f"burst {number}")

    async def during_a_run(self, number: int) -> None:
        began = sum(1 for e in self.vigil.told if "RUNNING" in repr(e))
        self.project.put("raw/0.txt", f"first {number}")
        await asyncio.wait_for(self.vigil.until("join", Status.RUNNING, began + 1), LIMIT_S)
        await asyncio.sleep(self.dice.random() * 0.05)
        await self.in_place(number)


async def test_of_a_thousand_edits_none_is_lost(tmp_path: Path) -> None:
    project = Project(tmp_path, JOIN)
    project.put("model.py", "def value():\n    return 0\n")
    for index in range(FILES):
        project.put(f"raw/{index}.txt", "0")
    lost = list[int]()
    async with watching(project, jobs=2) as vigil:
        await vigil.ran()
        edits = Edits(project, vigil)
        for number in range(EDITS):
            await edits.make(number)
            wanted = expected(project, edits.value)
            try:
                async with asyncio.timeout(LIMIT_S):
                    while not _holds(project, wanted):
                        await vigil.next()
            except TimeoutError:
                lost.append(number)
                await edits.in_place(number)  # what was lost is found by any other change
            vigil.told.clear()
    assert lost == []


def _holds(project: Project, wanted: str) -> bool:
    try:
        return project.get("out.txt") == wanted
    except FileNotFoundError:  # set aside while the stage runs
        return False


async def test_each_of_500_edits_of_a_helper_runs_exactly_that_code(tmp_path: Path) -> None:
    project = Project(
        tmp_path,
        """
        import model

        def made() -> Annotated[str, Out("out.txt", Text())]:
            return model.value()

        pipeline.register(made)
        """,
    )
    project.put("model.py", "def value():\n    return '000'\n")
    before = os.stat(project.root / "model.py")
    async with watching(project, jobs=2) as vigil:
        assert await vigil.ran() == ["made"]
        for number in range(1, 501):
            project.put("model.py", f"def value():\n    return '{number:03}'\n")
            if number % 2:  # the same size, and a time that says nothing
                times = (before.st_atime_ns, before.st_mtime_ns)
                os.utime(project.root / "model.py", ns=times)
            assert await vigil.ran() == ["made"]
            assert project.get("out.txt") == f"{number:03}"
