"""The cases of the corpus: projects, edits of them, and the stages that each edit must run again."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

DATA = Path(__file__).parent
STAGES, REGISTER = "stages", "register"
"""Names for what has its file by the layout: the module text with the stages, and what registers them."""

type Layout = Literal["pipeline", "module", "yaml"]
"""The two of every project, and stages in ``steps.py`` for a ``pivot.yaml`` among the files to name."""

LAYOUTS: tuple[Layout, ...] = ("pipeline", "module")
"""Stages in ``pipeline.py`` itself, or in ``steps.py``, from which it imports them."""

_OUTS = re.compile(r"\b(Out|DirectoryOut|IncrementalOut|Metric|Plot)\(")


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Replace(_Data):
    """Replaces text; with ``stealth`` in place, by as many bytes, and the time of the last change is put back."""

    op: Literal["replace", "stealth"]
    file: str
    old: str
    new: str
    count: int = 1
    """How often ``old`` occurs."""


class Write(_Data):
    """Writes a file, or adds to one."""

    op: Literal["write", "append"]
    file: str
    text: str


class Touch(_Data):
    """Removes a file or directory, or gives a file a new time of its last change."""

    op: Literal["remove", "touch"]
    file: str


class Move(_Data):
    """Renames or copies, replacing what is there; or makes ``file`` a symbolic link to ``to``, as it is written."""

    op: Literal["rename", "copy", "symlink"]
    file: str
    to: str


class Mode(_Data):
    """Changes permissions, given as octal digits."""

    op: Literal["chmod"]
    file: str
    mode: str


class Env(_Data):
    """Sets a variable of the commands that follow; the empty value unsets it."""

    op: Literal["env"]
    name: str
    value: str


type Op = Annotated[Replace | Write | Touch | Move | Mode | Env, Field(discriminator="op")]


class Edit(_Data):
    """Something that a person does to a project, and what must come of it."""

    name: str
    do: tuple[Op, ...]
    reruns: frozenset[str] = frozenset()
    """The stages that must be executed, and no others."""
    reason: str = ""
    needless: frozenset[str] = frozenset()
    """Stages that are known to be executed though they need not; told in docs/reference/change-detection.md."""
    fails: str = ""
    """What the command says instead of running."""
    then: tuple[Op, ...] = ()
    """A second edit on top, judged by itself."""
    then_reruns: frozenset[str] = frozenset()
    undo_reruns: frozenset[str] = frozenset()
    """The stages that cannot be restored when the edit is undone."""

    @model_validator(mode="after")
    def _is_whole(self) -> "Edit":
        if not self.reason and not self.fails:
            raise ValueError(f"edit '{self.name}' gives no reason")
        if self.then_reruns and not self.then:
            raise ValueError(f"edit '{self.name}' has 'then_reruns' without 'then'")
        return self


class Project(_Data):
    """A project and its edits."""

    name: str
    stages: str
    register_: str | None = Field(default=None, alias="register")
    layouts: tuple[Layout, ...] = LAYOUTS
    files: dict[str, str] = {}
    params: str = ""
    """The text of ``params.yaml``."""
    quick: bool = False
    """Whether it is judged in ``make test``."""
    unlike_scratch: frozenset[str] = frozenset()
    """Outs that a run from scratch makes otherwise, because they grow."""
    edit: tuple[Edit, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Project":
        names = [edit.name for edit in self.edit]
        if len(set(names)) < len(names):
            raise ValueError(f"project '{self.name}' has two edits of one name")
        return self


class _File(_Data):
    project: tuple[Project, ...]


def load(path: Path) -> tuple[Project, ...]:
    """Reads one file of the corpus."""
    projects = _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).project
    assert len({each.name for each in projects}) == len(projects), f"{path}: two of one name"
    return projects


def files() -> list[Path]:
    """Returns the files of the corpus."""
    return sorted(DATA.glob("*/*.toml"))


def laid_out(layout: Layout, stages: str, register: str | None) -> dict[str, str]:
    """Returns the files that hold the stages and what registers them."""
    if layout == "yaml":
        return {"steps.py": stages}
    tree = ast.parse(stages)
    if register is None:
        names = _stage_functions(tree)
        register = "".join(f"pipeline.register({name})\n" for name in names)
    define = f'pipeline = Pipeline("corpus")\n{register}'
    if layout == "pipeline":
        return {"pipeline.py": f"{stages}\nfrom pivot_core import Pipeline\n\n{define}"}
    used = [name for name in dict.fromkeys(_loaded(register)) if name in set(_bound(tree))]
    taken = f"from steps import {', '.join(used)}\n" if used else ""
    return {
        "steps.py": stages,
        "pipeline.py": f"from pivot_core import Pipeline\n{taken}\n{define}",
    }


def _loaded(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id


def _bound(tree: ast.Module) -> Iterator[str]:
    """Yields the names that the top level of a module binds."""
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.TypeAlias(name=ast.Name(id=name)):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                for alias in names:
                    yield alias.asname or alias.name.partition(".")[0]
            case _:
                for inner in ast.walk(node):
                    match inner:
                        case ast.Name(id=name, ctx=ast.Store()):
                            yield name
                        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                            yield name
                        case _:
                            pass


def _stage_functions(tree: ast.Module) -> list[str]:
    """Returns the public functions whose return annotation holds an out, itself or under a name."""
    texts = {
        name: ast.unparse(node)
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.Assign | ast.TypeAlias)
        for name in _bound(ast.Module([node], []))
    }
    found = list[str]()
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name[0] == "_":
            continue
        returns = "" if node.returns is None else ast.unparse(node.returns)
        if _OUTS.search(returns) or _OUTS.search(texts.get(returns.strip("'"), "")):
            found.append(node.name)
    return found
