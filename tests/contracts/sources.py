"""The repository as text: its modules with their syntax trees, and its documents."""

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("pivot_core", "pivot_tui")
_MADE = {"__pycache__", "build", "dist"}


@dataclass(frozen=True)
class Module:
    """One Python file."""

    path: Path

    @property
    def name(self) -> str:
        """The dotted name; a package's for its ``__init__``."""
        parts = self.path.relative_to(ROOT).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @cached_property
    def text(self) -> str:
        """The source."""
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text)


def _modules(*packages: str) -> list[Module]:
    paths = [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]
    project = ROOT / "pivot_core" / "demo" / "project"
    return [Module(path) for path in paths if project not in path.parents]


OURS = _modules(*PACKAGES)
"""Every module of the packages; the demo's project is a user's and follows no rule of ours."""
TESTS = _modules("tests")


def texts() -> Iterator[Path]:
    """Yields every file of the repository that is text, without what tools make."""
    for parent, folders, names in os.walk(ROOT):
        if parent == str(ROOT):
            folders[:] = [name for name in folders if not name.startswith(".") or name == ".ci"]
        folders[:] = sorted(set(folders) - _MADE)
        for name in sorted(names):
            path = Path(parent, name)
            is_made = parent == str(ROOT) and name.startswith(".coverage")
            if not is_made and b"\0" not in path.read_bytes():
                yield path


def documents() -> list[Path]:
    """Returns the Markdown pages."""
    return [path for path in texts() if path.suffix == ".md"]


def shown(path: Path) -> str:
    """Returns a path as people refer to it."""
    return str(path.relative_to(ROOT))
