"""The example project: how it is written to disk, and what its functions give when called without Pivot."""

import os
from pathlib import Path

import pytest

from pivot_core import demo
from pivot_core.errors import StoreError, UsageError

DATA = "data/raw/seattle-weather.csv"


def test_a_new_directory_gets_every_file_of_the_demo(tmp_path: Path) -> None:
    target = tmp_path / "some" / "where"

    written = demo.create(str(target))

    found = sorted(
        os.path.relpath(os.path.join(parent, name), target)
        for parent, _, names in os.walk(target)
        for name in names
    )
    assert written == found
    assert {"pipeline.py", "params.yaml", "README.md", DATA} <= set(found)


def test_an_empty_directory_is_filled(tmp_path: Path) -> None:
    assert DATA in demo.create(str(tmp_path))


def test_a_demo_keeps_its_edits_and_gets_back_what_is_gone(tmp_path: Path) -> None:
    demo.create(str(tmp_path))
    edited = tmp_path / "pipeline.py"
    edited.write_text("# mine\n")
    (tmp_path / "params.yaml").unlink()

    assert demo.create(str(tmp_path)) == ["params.yaml"]
    assert edited.read_text() == "# mine\n"


def test_a_directory_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")

    with pytest.raises(UsageError, match="is not empty"):
        demo.create(str(tmp_path))

    assert os.listdir(tmp_path) == ["thesis.tex"]


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "demo").write_text("")

    with pytest.raises(UsageError, match="not a directory"):
        demo.create(str(tmp_path / "demo"))


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StoreError, match="cannot write the demo") as caught:
        demo.create(str(tmp_path / "file" / "demo"))

    assert str(tmp_path / "file") in caught.value.where


def test_no_temporary_file_stays(tmp_path: Path) -> None:
    demo.create(str(tmp_path))

    assert not list(tmp_path.rglob("*.tmp"))
