"""Owns what makes a screen the same everywhere: no animation, one time zone; and where its pictures lie."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import override

import pytest
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation

os.environ["TEXTUAL_ANIMATIONS"] = "none"  # read when Textual is imported

SNAPSHOTS = Path(__file__).parents[2] / "snapshots" / "tui"


class Picture(SingleFileSnapshotExtension):
    """One SVG a test, below ``snapshots/tui`` in a folder for its module."""

    file_extension = "svg"
    _write_mode = WriteMode.TEXT

    @classmethod
    @override
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        return str(SNAPSHOTS / test_location.basename)


@pytest.fixture
def picture(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    """The picture as it was last reviewed; ``--snapshot-update`` replaces it."""
    return snapshot.use_extension(Picture)


@pytest.fixture(autouse=True)
def the_same_terminal_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    for name in ("NO_COLOR", "COLORFGBG", "PIVOT_ASCII"):
        monkeypatch.delenv(name, raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
