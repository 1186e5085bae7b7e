"""What of a log the tail of a failed attempt holds."""

from pathlib import Path

from pivot_core.engine import tail
from pivot_core.model.failure import Failure, FailureKind

TRACEBACK = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: no\n'


def a_log(path: Path, *records: str) -> str:
    log = path / "log"
    log.write_text("".join(f"1790000000123{record}\n" for record in records), encoding="utf-8")
    return str(log)


def raised(traceback: str = TRACEBACK) -> Failure:
    return Failure(FailureKind.EXCEPTION, "ValueError: no", traceback)


def test_standard_error_stands_apart_and_without_the_traceback(tmp_path: Path) -> None:
    ended = [f"e {line}" for line in TRACEBACK.splitlines()]
    path = a_log(tmp_path, "e late", "o step 1", "p 3 lines dropped", "e later", "o 2", *ended)
    found = tail.read(path, raised())
    assert found.errors == ("late", "later")
    assert found.lines[1:4] == ("step 1", "3 lines dropped", "later")


def test_the_pieces_of_a_long_line_are_one(tmp_path: Path) -> None:
    path = a_log(tmp_path, "E one ", "o between", "E two ", "e three", "e next")
    assert tail.read(path, None).errors == ("one two three", "next")


def test_a_warning_that_repeats_the_message_stays(tmp_path: Path) -> None:
    path = a_log(tmp_path, "e ValueError: no", "e so it ends")
    assert tail.read(path, raised()).errors == ("ValueError: no", "so it ends")


def test_of_a_very_long_traceback_nothing_is_left(tmp_path: Path) -> None:
    frames = "".join(f'  File "a.py", line {number}, in f\n' for number in range(9_000))
    ended = [f"e {line}" for line in f"{frames}ValueError: no".split("\n")]
    path = a_log(tmp_path, "e before", *ended)
    assert tail.read(path, raised(f"{frames}ValueError: no\n")).errors == ()


def test_without_a_log_there_is_no_tail(tmp_path: Path) -> None:
    assert tail.read(str(tmp_path / "none"), None) == ((), ())
