"""Fixtures of the chaos tests."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support import launcher
from tests.support.launcher import Launcher


@pytest.fixture(scope="session")
def pivot(tmp_path_factory: pytest.TempPathFactory) -> Generator[Launcher]:
    """Starts ``pivot`` commands."""
    with launcher.launcher(tmp_path_factory.mktemp("said")) as started:
        yield started


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A place for a project."""
    return tmp_path / "project"
