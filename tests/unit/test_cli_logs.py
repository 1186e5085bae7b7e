"""What a stage printed, as people see it: whole lines, nothing obeyed; and what targets on a command line mean."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivot_core.cli import targets
from pivot_core.cli.logs import LogPrinter, Style
from pivot_core.port import LogRef, StageName
from tests.unit.cli_runs import RUN_ID, Screen
from tests.unit.test_cli_paper import is_inert


def shown(
    path: Path, *records: bytes, style: Style | None = None, is_terminal: bool = False
) -> str:
    path.write_bytes(b"".join(b"1700000000123" + record + b"\n" for record in records))
    screen = Screen(is_terminal=is_terminal)
    ref = LogRef(RUN_ID, StageName("train"), 1, str(path), ())
    printer = LogPrinter(screen.session.out, ref, style or Style())
    printer.advance()
    printer.close()
    return screen.out.getvalue()


def test_pieces_of_a_long_line_are_one_line_again(tmp_path: Path) -> None:
    assert shown(tmp_path / "log", b"O one ", b"e other", b"o line") == "other\none line\n"


def test_stderr_alone_keeps_what_pivot_notes(tmp_path: Path) -> None:
    records = (b"o out", b"e err", b"p cancelled")
    said = shown(tmp_path / "log", *records, style=Style(only_stderr=True, with_stage=True))
    assert said == "train | err\ntrain | [pivot] cancelled\n"


def test_colours_of_a_stage_are_kept_on_a_terminal_and_dropped_elsewhere(tmp_path: Path) -> None:
    record = b"o \x1b[31mred\x1b]0;title\x07"
    assert shown(tmp_path / "log", record) == "red\\x1b]0;title\\x07\n"
    assert shown(tmp_path / "log", record, is_terminal=True) == (
        "\x1b[31mred\\x1b]0;title\\x07\x1b[0m\n"
    )


def test_every_other_byte_is_inert(tmp_path: Path) -> None:
    every = bytes(byte for byte in range(256) if byte != ord("\n"))
    assert is_inert(shown(tmp_path / "log", b"o " + every).replace("\t", ""))


def test_a_log_that_is_not_there_shows_nothing(tmp_path: Path) -> None:
    screen = Screen()
    ref = LogRef(RUN_ID, StageName("train"), 1, str(tmp_path / "none"), ())
    LogPrinter(screen.session.out, ref, Style()).advance()
    assert screen.out.getvalue() == ""


def test_paths_are_made_project_relative_and_names_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/clean.csv").touch()
    (tmp_path / "data/train").touch()
    monkeypatch.chdir(tmp_path / "data")
    given = ("train", "clean.csv", "./train", "../models/", str(tmp_path / "x.csv"), "other.csv")
    assert targets.inside(str(tmp_path), given) == (
        "train", "data/clean.csv", "data/train", "models/", "x.csv", "other.csv",
    )  # fmt: skip


@given(st.from_regex(r"[a-z@_]{1,12}", fullmatch=True))
def test_a_bare_name_is_a_name(name: str) -> None:
    assert targets.inside(os.sep, (name,)) == (name,)
