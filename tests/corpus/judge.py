"""Judges the edits of a project in one layout, by what the command does and by what a run from scratch gives."""

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import cast

from pivot_core.cli.records import StateRecord
from tests.corpus.cases import Edit, Layout, Project
from tests.corpus.command import Commands, Done
from tests.corpus.workspace import Workspace

type Known = dict[tuple[str, int], dict[str, bytes]]
"""What runs of a project from scratch gave, by edit and step. Layouts share it: it is mostly the same in all."""


class Verdict(Enum):
    """What is to be said of one edit."""

    RIGHT = "right"
    WRONG_SKIP = "wrong skip"
    ERROR = "error"
    NEEDLESS = "needless"
    """A stage was executed that need not be, and no entry of ``needless`` says so."""
    KNOWN = "needless, known"


@dataclass(frozen=True)
class Judgement:
    """How one edit went; ``said`` is told when it is wrong."""

    edit: str
    verdict: Verdict
    said: str = ""

    @property
    def is_fine(self) -> bool:
        """Whether it is as the case says."""
        return self.verdict in (Verdict.RIGHT, Verdict.KNOWN)


@dataclass
class _Finding:
    """What is wrong with one edit so far."""

    skips: list[str] = field(default_factory=list[str])
    errors: list[str] = field(default_factory=list[str])
    needless: list[str] = field(default_factory=list[str])
    is_known: bool = False

    def judgement(self, edit: str) -> Judgement:
        """Returns the worst of it."""
        said = "\n".join([*self.skips, *self.errors, *self.needless])
        if self.skips:
            return Judgement(edit, Verdict.WRONG_SKIP, said)
        if self.errors:
            return Judgement(edit, Verdict.ERROR, said)
        if self.needless:
            return Judgement(edit, Verdict.NEEDLESS, said)
        return Judgement(edit, Verdict.KNOWN if self.is_known else Verdict.RIGHT)


def judge(
    project: Project,
    layout: Layout,
    directory: Path,
    commands: Commands,
    known: Known | None = None,
    text: str = "",
) -> Iterator[Judgement]:
    """Yields a judgement for each edit whose name holds ``text``; works in ``directory``, which must be empty.

    In its first layout each edit is undone before the next, and that is judged too; in the others the next edit finds
    what the last one left, and must do no more for it than restore.
    """
    judge = _Judge(project, layout, directory, commands, {} if known is None else known)
    edits = [edit for edit in project.edit if text in edit.name]
    if not edits:
        return
    wrong = judge.prepare()
    if wrong:
        yield Judgement("(before any edit)", Verdict.ERROR, wrong)
        return
    for edit in edits:
        yield judge.edit(edit)
    if layout != project.layouts[0]:
        end = judge.end()
        if not end.is_fine:
            yield end


class _Judge:
    def __init__(
        self,
        project: Project,
        layout: Layout,
        directory: Path,
        commands: Commands,
        known: Known,
    ) -> None:
        self._project: Project = project
        self._layout: Layout = layout
        self._commands: Commands = commands
        self._known: Known = known
        self._scratch: Path = directory / "scratch"
        self._root: Path = directory / "project"
        self._root.mkdir(parents=True)
        self._workspace: Workspace = Workspace(self._root, project, layout)
        self._outs: dict[str, bytes] = {}

    def prepare(self) -> str:
        """Runs the project for the first time; returns what is wrong."""
        given = frozenset(self._workspace.paths())
        done = self._pivot(self._root, "init", "-q")
        if done.code == 0:
            done = self._pivot(self._root, "repro", "--json")
        self._workspace.note_outs(given)
        self._outs = self._contents(self._root, given)
        return "" if done.code == 0 else _shown(done)

    def edit(self, edit: Edit) -> Judgement:
        """Does an edit, judges it, and undoes it."""
        found = _Finding()
        try:
            self._step(edit, 0, found)
            if edit.then and not found.errors:
                self._step(edit, 1, found)
        finally:
            self._workspace.undo()
        if self._layout == self._project.layouts[0] or edit.undo_reruns or edit.fails:
            self._undone(edit.undo_reruns, found)
        return found.judgement(edit.name)

    def end(self) -> Judgement:
        """Judges that everything is as before when the last edit is undone."""
        found = _Finding()
        self._undone(frozenset(), found)
        return found.judgement("(all edits undone)")

    def _step(self, edit: Edit, step: int, found: _Finding) -> None:
        reruns = (edit.reruns, edit.then_reruns)[step]
        try:
            self._workspace.apply((edit.do, edit.then)[step])
        except (AssertionError, SyntaxError) as error:
            found.errors.append(f"the edit cannot be done: {error}")
            return
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._workspace.copy(self._scratch)
        done = self._pivot(self._root, "repro", "--json")
        if edit.fails:
            if done.code == 0 or edit.fails not in done.stdout + done.stderr:
                found.errors.append(f"should say {edit.fails!r}:\n{_shown(done)}")
            return
        if done.code != 0:
            found.errors.append(_shown(done))
            return
        self._compare((edit.name, step), found, done)
        executed = _executed(done)
        for stage in sorted(reruns - executed):
            found.skips.append(f"'{stage}' was not executed: {edit.reason}")
        extra = executed - reruns
        for stage in sorted(extra - edit.needless):
            found.needless.append(f"'{stage}' was executed: {_why(done, stage)}")
        for stage in sorted(edit.needless - extra):
            found.errors.append(f"'{stage}' is no longer executed needlessly")
        found.is_known = bool(extra)

    def _compare(self, key: tuple[str, int], found: _Finding, done: Done) -> None:
        """Compares the outs with those of a run from scratch."""
        given = frozenset(
            path.relative_to(self._scratch).as_posix() for path in self._scratch.rglob("*")
        )
        there = self._contents(self._root, given)
        if key in self._known and not _differences(self._known[key], there):
            return
        scratch = self._pivot(self._scratch, "repro", "--json")
        if scratch.code != 0:
            found.errors.append(f"from scratch:\n{_shown(scratch)}")
            return
        expected = self._known[key] = self._contents(self._scratch, given)
        if not expected:
            found.errors.append("a run from scratch makes nothing")
        found.skips += _differences(expected, there)
        if found.skips:
            found.skips.append(_shown(done))

    def _undone(self, reruns: frozenset[str], found: _Finding) -> None:
        done = self._pivot(self._root, "repro", "--json")
        if done.code != 0:
            found.errors.append(f"when undone:\n{_shown(done)}")
            return
        executed = _executed(done)
        for stage in sorted(executed - reruns):
            found.needless.append(f"when undone, '{stage}' was executed: {_why(done, stage)}")
        for stage in sorted(reruns - executed):
            found.errors.append(f"when undone, '{stage}' was not executed")
        there = self._contents(self._root, frozenset())
        wrong = _differences(self._outs, there)
        if wrong:
            found.skips += [f"when undone, {each}" for each in wrong]

    def _pivot(self, directory: Path, *arguments: str) -> Done:
        return self._commands.run(directory, arguments, self._workspace.environment)

    def _contents(self, root: Path, given: frozenset[str]) -> dict[str, bytes]:
        """Returns the bytes of all files that Pivot has made."""
        left_out = given | self._project.unlike_scratch
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file()
            and path.name != ".gitignore"
            and not {".pivot", "__pycache__"} & set(path.relative_to(root).parts)
            and path.relative_to(root).as_posix() not in left_out
        }


def _differences(expected: Mapping[str, bytes], there: Mapping[str, bytes]) -> list[str]:
    found = list[str]()
    for path, content in sorted(expected.items()):
        if path not in there:
            found.append(f"'{path}' is not there")
        elif there[path] != content:
            found.append(f"'{path}' holds {there[path][:80]!r}, not {content[:80]!r}")
    return found


def _states(done: Done) -> Iterator[StateRecord]:
    for line in done.stdout.splitlines():
        record = json.loads(line)
        if record["event"] == "stage":
            yield cast("StateRecord", record["state"])


def _executed(done: Done) -> frozenset[str]:
    """Returns the stages that were executed, and not restored or up to date."""
    return frozenset(
        state["stage"] for state in _states(done) if state["status"] in ("running", "ran")
    )


def _why(done: Done, stage: str) -> str:
    """Returns the reasons of a stage."""
    for state in _states(done):
        if state["stage"] == stage and state["reasons"]:
            return "; ".join(reason["text"] for reason in state["reasons"])
    return "for no reason"


def _shown(done: Done) -> str:
    """Returns what a command said, without the records of stages that were up to date."""
    said = [line for line in done.stdout.splitlines() if '"same"' not in line]
    return "\n".join([f"exit code {done.code}", *said[-12:], done.stderr]).strip()
