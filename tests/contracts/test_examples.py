"""Every example of the documentation is run: pages are followed as a reader would."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.project import HELPERS, Project
from tests.cli.test_import_dvc import lay_out
from tests.contracts import following
from tests.contracts.following import BLOCK, DASHBOARD, Reader
from tests.contracts.sources import ROOT, documents, shown


def nothing(_: Path) -> None:
    """Leaves the directory empty."""


def a_project(root: Path) -> None:
    """Makes a project of three stages: clean → train → report."""
    Project.toy(root)


def a_run(root: Path) -> None:
    """Makes the project, and a run of it."""
    Project.toy(root).pivot("repro").ok()


def a_repository(root: Path) -> None:
    """Makes the project, in git."""
    Project.toy(root).pivot("init").ok()
    in_git(root)


def in_git(root: Path) -> None:
    """Has git know all that is there."""
    for arguments in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *arguments], cwd=root, check=True)


def an_edited_project(root: Path) -> None:
    """Makes the project, a run of it in git, and an edit of code, params and input."""
    project = Project.toy(root)
    project.pivot("repro").ok()
    in_git(root)
    project.write("helpers.py", HELPERS.replace("value * 2", "value * 3"))
    project.write("params.yaml", "train:\n  rate: 0.1\n")
    project.write("raw.json", "[3, 1, 2, 5]")
    project.pivot("repro", "clean").ok()


def a_project_of_dvc(root: Path) -> None:
    """Makes a project that DVC has run."""
    lay_out(root, "reviews")


PAGES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "README.md": ("## A pipeline", nothing),
    "docs/getting-started.md": ("## Start a project", nothing),
    "docs/guide/ci.md": ("# ", a_project),
    "docs/guide/configuration.md": ("# ", a_project),
    "docs/guide/data.md": ("# ", nothing),
    "docs/guide/from-dvc.md": ("# ", a_project_of_dvc),
    "docs/guide/results.md": ("# ", nothing),
    "docs/guide/running.md": ("# ", a_project),
    "docs/guide/troubleshooting.md": ("# ", a_repository),
    "docs/guide/watch.md": ("# ", a_project),
    "docs/guide/why.md": ("# ", an_edited_project),
    "docs/reference/events.md": ("# ", a_run),
    "docs/reference/socket.md": ("# ", a_project),
    "docs/tutorials/first-pipeline.md": ("# ", nothing),
    "docs/tutorials/parameters.md": ("# ", nothing),
    "docs/tutorials/remote-and-ci.md": ("# ", nothing),
    "docs/tutorials/watching.md": ("# ", nothing),
}
"""The pages that are followed: from which heading on, and what is there before."""
COLD = {
    "docs/guide/from-dvc.md": "what is taken over is recorded by the command itself, which an engine does not share",
    "docs/guide/data.md": "what is tracked is recorded by the command itself, which an engine does not share",
    "docs/guide/watch.md": "it begins an engine",
    "docs/reference/socket.md": "it begins an engine",
}
"""Pages that are followed without an engine in the background, and why."""
ELSEWHERE = {
    "CONTRIBUTING.md": "what `make` does is what runs this",
    "docs/comparison.md": "`make bench` takes ten minutes",
    "docs/guide/pipelines.md": "tests/edge/test_define_guide.py loads each example",
    "pivot_core/demo/project/README.md": "the tour of `docs/tour.sh` takes its steps",
}
"""Pages with examples that are not followed, and why."""
NOT_RUN = {
    "docs/guide/ci.md": "shows a clone without data, and a log; the tutorial runs the like",
    "docs/guide/remotes.md": "needs a bucket",
    "docs/guide/troubleshooting.md": "shows troubles",
    "docs/guide/watch.md": "shows how a watch looks on a terminal",
}
"""Pages that show commands without running them, and why."""


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory with a short name: an engine's socket lies in it."""
    made = Path(tempfile.mkdtemp(prefix="page-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_can_be_followed(page: str, home: Path) -> None:
    heading, prepare = PAGES[page]
    text = (ROOT / page).read_text()
    reader = Reader(home, is_warm=page not in COLD)
    prepare(reader.root)
    reader.follow(text[text.index(heading) :])


def test_each_page_with_examples_is_followed() -> None:
    with_examples = {
        shown(page)
        for page in documents()
        if any(
            language in ("bash", "console", "python") and block != DASHBOARD
            for language, block in BLOCK.findall(page.read_text())
        )
    }
    assert with_examples - PAGES.keys() - ELSEWHERE.keys() == set()


def test_what_is_shown_to_be_typed_is_run() -> None:
    pretending = {
        shown(page)
        for page in documents()
        for language, block in BLOCK.findall(page.read_text())
        if language == "text" and block.startswith("$ ")
    }
    assert pretending <= NOT_RUN.keys()


def test_a_console_that_shows_something_else_is_found(home: Path) -> None:
    reader = Reader(home)
    reader.follow("```console\n$ echo one; echo two\ntwo\n…\n```\n")
    for wrong in ("one\n", "one\nthree\n"):
        with pytest.raises(AssertionError):
            following.differ("echo", wrong.splitlines(), "one\ntwo\n")
