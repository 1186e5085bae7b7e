"""What is kept of recent runs."""

import os
import stat
from pathlib import Path

import pytest

from pivot_core.model.ids import RunId
from pivot_core.store import journal
from pivot_core.store.journal import Journal
from pivot_core.store.layout import Layout

RUN = RunId("20260102-030405-abcd")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / ".pivot").mkdir()
    return Layout.at(str(tmp_path))


def test_records_come_back_in_order(layout: Layout) -> None:
    with Journal(layout, RUN) as kept:
        kept.append([{"a": 1}, {"b": "é\n"}])
        kept.append([])
        kept.append([{"c": None}])
    assert list(journal.read(layout, RUN)) == [{"a": 1}, {"b": "é\n"}, {"c": None}]


def test_torn_and_foreign_lines_are_passed_over(layout: Layout) -> None:
    with Journal(layout, RUN) as kept:
        kept.append([{"a": 1}])
    with open(layout.journal_path(RUN), "ab") as file:
        file.write(b'\xff\x00\n[1]\n"x"\n' + b"[" * 100_000 + b'\n{"b": 2}\n{"c": ')
    assert list(journal.read(layout, RUN)) == [{"a": 1}, {"b": 2}]


def test_a_missing_journal_has_no_records(layout: Layout) -> None:
    assert list(journal.read(layout, RUN)) == []
    assert journal.runs(layout) == []


def test_runs_are_private(layout: Layout) -> None:
    Journal(layout, RUN).close()
    assert stat.S_IMODE(os.stat(layout.runs_dir).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(layout.run_dir(RUN)).st_mode) == 0o700
    assert stat.S_IMODE(os.stat(layout.journal_path(RUN)).st_mode) == 0o600


def test_the_oldest_runs_go_and_a_running_one_stays(layout: Layout) -> None:
    runs = [RunId(f"2026010{day}-000000-aaaa") for day in range(1, 6)]
    for run in runs:
        Journal(layout, run).close()
    (Path(layout.run_dir(runs[1])) / "logs" / "x.1.log").write_text("hello")
    (Path(layout.runs_dir) / "notes").mkdir()
    assert journal.runs(layout) == runs[::-1]
    journal.retain(layout, 2, except_for=[runs[0]])
    assert journal.runs(layout) == [runs[4], runs[3], runs[0]]
    assert "notes" in os.listdir(layout.runs_dir)


def test_the_last_state_is_kept_whole(layout: Layout) -> None:
    assert journal.read_last(layout) is None
    journal.write_last(layout, {"stages": [1, 2]})
    assert journal.read_last(layout) == {"stages": [1, 2]}
    Path(layout.last_path).write_bytes(b'{"sta')
    assert journal.read_last(layout) is None


def test_names_of_runs_sort_by_the_time_they_were_asked_for() -> None:
    second = 1_800_000_000.0

    names = [journal.name_run(second + step / 4096) for step in range(8192)]

    assert names[0] == "20270115-080000-0000"
    assert names == sorted(names)
    assert len(set(names)) == len(names)
