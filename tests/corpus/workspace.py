"""A project of the corpus on disk: written, edited, copied without what Pivot made, and put back."""

import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.corpus.cases import (
    REGISTER,
    STAGES,
    Env,
    Layout,
    Mode,
    Move,
    Op,
    Project,
    Replace,
    Touch,
    Write,
    laid_out,
)

_UNCOPIED = frozenset({".pivot", "__pycache__"})


@dataclass(frozen=True)
class _Entry:
    """What lay at one path: the bytes of a file, the target of a link, or a directory."""

    path: Path
    mode: int
    content: bytes | str | None


class Workspace:
    """One project in one layout."""

    def __init__(self, root: Path, project: Project, layout: Layout) -> None:
        self.root: Path = root
        self.environment: dict[str, str | None] = {}
        """The variables that edits have set or unset."""
        self._project: Project = project
        self._layout: Layout = layout
        self._texts: dict[str, str | None] = {STAGES: project.stages, REGISTER: project.register_}
        self._made: frozenset[str] = frozenset()
        self._before: list[tuple[Path, list[_Entry]]] = []
        given = dict(project.files)
        if project.params:
            given["params.yaml"] = project.params
        for name, text in {**given, **self._laid_out()}.items():
            self._put(root / name, text)

    def note_outs(self, given: frozenset[str]) -> None:
        """Takes what lies there beyond the paths of ``given`` for what Pivot has made."""
        self._made = frozenset(self.paths()) - given

    def paths(self) -> Iterator[str]:
        """Yields the paths of all files, but for Pivot's own."""
        for directory, names, files in os.walk(self.root):
            names[:] = [name for name in names if name not in _UNCOPIED]
            links = [name for name in names if os.path.islink(os.path.join(directory, name))]
            for name in (*files, *links):
                yield os.path.relpath(os.path.join(directory, name), self.root)

    def copy(self, to: Path) -> None:
        """Copies the project as a person wrote it: without outs, state and cache."""
        for name in self.paths():
            if name not in self._made:
                (to / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.root / name, to / name, follow_symlinks=False)
        shutil.copytree(self.root / ".pivot", to / ".pivot", ignore=_all_but_settings)

    # --- edits --------------------------------------------------------------------------------------------------------

    def apply(self, ops: Sequence[Op]) -> None:
        """Does an edit; it can be undone together with those before."""
        for op in ops:
            match op:
                case Env(name=name, value=value):
                    self.environment[name] = value or None
                case Replace(file="stages" | "register"):
                    self._edit_layout(op)
                case Write(file="stages" | "register", op=kind, text=text):
                    old = self._texts[op.file] or "" if kind == "append" else ""
                    self._lay_out({**self._texts, op.file: old + text})
                case Touch(op="touch", file="stages" | "register"):
                    for name in self._laid_out():
                        self._change(Touch(op="touch", file=name))
                case _:
                    self._change(op)

    def undo(self) -> None:
        """Writes back what was there before all edits."""
        for path, entries in reversed(self._before):
            _remove(path)
            for entry in entries:
                _restore(entry)
        self._before.clear()
        self._texts = {STAGES: self._project.stages, REGISTER: self._project.register_}
        self.environment.clear()

    def _edit_layout(self, op: Replace) -> None:
        text = _replaced(self._texts[op.file] or "", op)
        self._lay_out({**self._texts, op.file: text}, is_stealthy=op.op == "stealth")

    def _lay_out(self, texts: Mapping[str, str | None], *, is_stealthy: bool = False) -> None:
        before = self._laid_out()
        self._texts.update(texts)
        for name, text in self._laid_out().items():
            if text == before.get(name):
                continue
            self._keep(self.root / name)
            if is_stealthy:
                _put_stealthily(self.root / name, text)
            else:
                self._put(self.root / name, text)

    def _laid_out(self) -> dict[str, str]:
        return laid_out(self._layout, self._texts[STAGES] or "", self._texts[REGISTER])

    def _change(self, op: Op) -> None:
        assert not isinstance(op, Env)
        path = self.root / op.file
        assert isinstance(op, Write | Move) or os.path.lexists(path), f"there is no '{op.file}'"
        self._keep(path)
        match op:
            case Replace(op="replace"):
                self._put(path, _replaced(path.read_text(), op))
            case Replace():
                _put_stealthily(path, _replaced(path.read_text(), op))
            case Write(op="append", text=text):
                self._put(path, path.read_text() + text)
            case Write(text=text):
                self._put(path, text)
            case Touch(op="remove"):
                _remove(path)
            case Touch():
                os.utime(path)
            case Move(op="rename", to=to):
                self._keep(self.root / to)
                (self.root / to).parent.mkdir(parents=True, exist_ok=True)
                path.rename(self.root / to)
            case Move(op="copy", to=to):
                self._keep(self.root / to)
                shutil.copy(path, self.root / to)
            case Move(to=to):
                _remove(path)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to(to)
            case Mode(mode=mode):
                path.chmod(int(mode, 8))

    def _keep(self, path: Path) -> None:
        """Notes what lies at a path that is about to change, or that nothing of the way to it is there."""
        while not os.path.lexists(path.parent):
            path = path.parent
        self._before.append((path, list(_entries(path))))

    def _put(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            path.chmod(path.stat().st_mode | stat.S_IWUSR)
        path.write_text(text)


def _replaced(text: str, op: Replace) -> str:
    found = text.count(op.old)
    assert found == op.count, f"{op.old!r} stands {found} times in '{op.file}'"
    return text.replace(op.old, op.new)


def _put_stealthily(path: Path, text: str) -> None:
    """Overwrites a file in place so that neither its size nor the time of its last change differs."""
    was, data = path.stat(), text.encode()
    assert len(data) == was.st_size, "a stealthy edit keeps the size"
    path.chmod(was.st_mode | stat.S_IWUSR)
    with path.open("r+b") as file:
        file.write(data)
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


def _entries(path: Path) -> Iterator[_Entry]:
    if not os.path.lexists(path):
        return
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        yield _Entry(path, mode, str(path.readlink()))
    elif stat.S_ISDIR(mode):
        yield _Entry(path, mode, None)
        for inner in sorted(path.iterdir()):
            yield from _entries(inner)
    else:
        yield _Entry(path, mode, path.read_bytes())


def _restore(entry: _Entry) -> None:
    match entry.content:
        case None:
            entry.path.mkdir()
        case str(target):
            entry.path.symlink_to(target)
        case bytes(data):
            entry.path.write_bytes(data)
    if not stat.S_ISLNK(entry.mode):
        entry.path.chmod(stat.S_IMODE(entry.mode) | stat.S_IWUSR)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _all_but_settings(directory: str, names: list[str]) -> list[str]:
    inside = os.path.basename(directory) != ".pivot"
    return [name for name in names if inside or not name.startswith(("config", ".gitignore"))]
