"""Judges the corpus, or some files of it, in parallel.

python -m tests.corpus [FILES] [-k TEXT] [-j N] [--layout L] [--real]
"""

import argparse
import os
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from tests.corpus import cases
from tests.corpus.cases import Layout, Project
from tests.corpus.command import Forked, Installed
from tests.corpus.judge import Judgement, Known, Verdict, judge


@dataclass(frozen=True)
class _Task:
    """One project."""

    area: str
    project: Project
    layouts: tuple[Layout, ...]
    text: str
    is_real: bool


def _judged(task: _Task) -> list[tuple[Layout, Judgement]]:
    directory = Path(tempfile.mkdtemp(prefix="corpus-"))
    known: Known = {}
    try:
        kind = Installed if task.is_real else Forked
        with kind(directory / "home") as commands:
            return [
                (layout, found)
                for layout in task.layouts
                for found in judge(
                    task.project, layout, directory / layout, commands, known, task.text
                )
            ]
    finally:
        shutil.rmtree(directory)


def main() -> int:
    """Returns 1 when an edit is not as its case says."""
    parser = argparse.ArgumentParser(prog="python -m tests.corpus", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="files of the corpus; else all")
    parser.add_argument("-k", dest="text", default="", help="only edits whose name holds this")
    parser.add_argument(
        "-p", dest="project", default="", help="only projects whose name holds this"
    )
    parser.add_argument("-j", dest="jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--layout", choices=(*cases.LAYOUTS, "yaml"), help="only this one")
    parser.add_argument("--quick", action="store_true", help="only what `make test` judges")
    parser.add_argument("--real", action="store_true", help="start the installed command each time")
    asked = parser.parse_args()
    tasks = [
        _Task(path.parent.name, project, layouts, asked.text, asked.real)
        for path in asked.files or cases.files()
        for project in cases.load(path)
        if asked.project in project.name and (project.quick or not asked.quick)
        if (layouts := _asked(project, asked.layout))
    ]
    tasks.sort(key=lambda task: -len(task.project.edit))  # the long ones first
    began = time.perf_counter()
    counts = dict[str, Counter[Verdict]]()
    # Threads: all the work is done in processes.
    with ThreadPoolExecutor(asked.jobs) as pool:
        running = {pool.submit(_judged, task): task for task in tasks}
        for done in as_completed(running):
            task = running[done]
            judged = done.result()
            counts.setdefault(task.area, Counter()).update(each.verdict for _, each in judged)
            for layout, each in judged:
                if not each.is_fine:
                    _tell(task, layout, each)
    _summarise(counts)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall_s, cpu_s = time.perf_counter() - began, used.ru_utime + used.ru_stime
    print(f"{len(tasks)} projects in {wall_s:.0f} s, {cpu_s:.0f} s of CPU")
    total = sum(counts.values(), Counter[Verdict]())
    return 0 if total.total() and not _wrong(total) else 1


def _asked(project: Project, layout: str | None) -> tuple[Layout, ...]:
    return tuple(each for each in project.layouts if layout in (None, each))


def _tell(task: _Task, layout: Layout, judgement: Judgement) -> None:
    where = f"{task.area}: {task.project.name} [{layout}]: {judgement.edit}"
    said = judgement.said.replace("\n", "\n    ")
    print(f"{judgement.verdict.value.upper()}  {where}\n    {said}", flush=True)


def _summarise(counts: dict[str, Counter[Verdict]]) -> None:
    columns = [each for each in Verdict if each is not Verdict.RIGHT]
    print(f"{'area':<16}{'edits':>7}" + "".join(f"{each.value:>17}" for each in columns))
    total = sum(counts.values(), Counter[Verdict]())
    for area, found in [*sorted(counts.items()), ("total", total)]:
        cells = "".join(f"{found[each]:>17}" for each in columns)
        print(f"{area:<16}{found.total():>7}{cells}")
    needless = total[Verdict.NEEDLESS] + total[Verdict.KNOWN]
    print(f"needless: {100 * needless / max(1, total.total()):.1f} %")


def _wrong(total: Counter[Verdict]) -> int:
    return total[Verdict.WRONG_SKIP] + total[Verdict.ERROR] + total[Verdict.NEEDLESS]


if __name__ == "__main__":
    sys.exit(main())
