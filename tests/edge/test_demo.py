"""The example project: how it is written to disk, and what its functions give when called without Pivot."""

import json
import os
import subprocess
import sys
import xml.etree.ElementTree
from pathlib import Path
from typing import cast

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


def test_a_fresh_repository_or_project_counts_as_empty(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    (tmp_path / ".pivot").mkdir()

    assert DATA in demo.create(str(tmp_path))


def test_an_interrupted_copy_is_taken_up_again(tmp_path: Path) -> None:
    (tmp_path / ".pivot-demo.tmp").write_text("date,precip")

    demo.create(str(tmp_path))

    assert (tmp_path / DATA).read_text().startswith("date,precipitation,")
    assert not list(tmp_path.rglob("*.tmp"))


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


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo whose stages ran once, with fewer epochs."""
    return run_by_hand(tmp_path_factory.mktemp("demo"))


def run_by_hand(target: Path) -> Path:
    demo.create(str(target))
    params = target / "params.yaml"
    params.write_text(params.read_text().replace("4000", "300").replace("10000", "200"))
    subprocess.run(
        [sys.executable, "-m", "tests.support.by_hand", str(target)],
        check=True,
        stdout=subprocess.DEVNULL,
        cwd=os.path.dirname(os.path.dirname(os.path.dirname(__file__))),
    )
    return target


def test_the_chosen_model_beats_the_answers_that_need_none(finished: Path) -> None:
    scores = cast("dict[str, float]", json.loads((finished / "metrics/test.json").read_text()))

    assert scores["accuracy"] > scores["accuracy_always_dry"] + 0.1
    assert scores["accuracy"] > scores["accuracy_as_today"]


def test_the_report_answers_for_the_day_after_the_last_row(finished: Path) -> None:
    report = (finished / "reports/tomorrow.txt").read_text()

    assert report.startswith("Seattle, Friday 01 January 2016: ")
    assert "umbrella" in report


def test_the_plots_are_pictures_with_a_curve_for_each_variant(finished: Path) -> None:
    learning = xml.etree.ElementTree.parse(finished / "plots/learning.svg")
    forecast = xml.etree.ElementTree.parse(finished / "plots/forecast.svg")

    svg = "{http://www.w3.org/2000/svg}"
    assert len(learning.findall(f"{svg}polyline")) == 3
    assert len(forecast.findall(f"{svg}polyline")) == 1
    assert len(forecast.findall(f"{svg}rect")) > 52


def test_two_runs_write_the_same_bytes(finished: Path, tmp_path: Path) -> None:
    again = run_by_hand(tmp_path)

    assert contents(again) == contents(finished)


def contents(directory: Path) -> dict[Path, bytes]:
    return {
        path.relative_to(directory): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }
