"""The window on a log file: its index, its records, and what a damaged one does."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pivot_core.port.logfile import LogFile, LogRecord, Stream

LINES = st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")), max_size=30)


def a_log(path: Path, content: bytes) -> LogFile:
    path.write_bytes(content)
    log = LogFile(str(path))
    while log.refresh():
        pass
    return log


def line(text: str, stream: str = "o", time_ms: int = 1_790_000_000_123) -> bytes:
    return f"{time_ms}{stream} {text}\n".encode()


@hypothesis_settings(max_examples=60)
@given(lines=LINES, limit=st.integers(1, 64))
def test_every_line_is_found_whatever_the_slices(
    lines: list[bytes], limit: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(b"".join(b"1790000000123o " + text + b"\n" for text in lines))
    log = LogFile(str(path))
    while log.refresh(limit):
        pass
    assert log.count == len(lines)
    found = [log.record(index).text for index in range(log.count)]
    assert found == [text.decode(errors="replace") for text in lines]
    log.close()


def test_a_record_tells_time_stream_and_text(tmp_path: Path) -> None:
    log = a_log(tmp_path / "log", line("hello") + line("oops", "e") + line("piece", "O"))
    assert log.record(0) == LogRecord(1_790_000_000_123, Stream.OUT, "hello", False)
    assert log.record(1).stream is Stream.ERR
    assert log.record(2).continues
    log.close()


def test_a_line_without_its_end_is_not_there_yet(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = a_log(path, line("one") + b"1790000000123o tw")
    assert log.count == 1
    with path.open("ab") as file:
        file.write(b"o\n")
    log.refresh()
    assert log.record(1).text == "two"
    log.close()


def test_a_file_that_comes_later_is_found(tmp_path: Path) -> None:
    log = LogFile(str(tmp_path / "log"))
    assert not log.refresh()
    assert log.count == 0
    (tmp_path / "log").write_bytes(line("at last"))
    log.refresh()
    assert log.record(0).text == "at last"
    log.close()


def test_a_file_that_became_shorter_is_read_anew(tmp_path: Path) -> None:
    log = a_log(tmp_path / "log", line("one") + line("two"))
    (tmp_path / "log").write_bytes(line("new"))
    log.refresh()
    assert [log.record(index).text for index in range(log.count)] == ["new"]
    log.close()


def test_a_line_without_a_prefix_is_shown_as_it_is(tmp_path: Path) -> None:
    log = a_log(tmp_path / "log", b"\xff\x00junk\n\n")
    assert log.record(0) == LogRecord(0, Stream.OUT, "\ufffd\x00junk", False)
    assert log.record(1).text == ""
    log.close()


def test_a_long_line_is_cut_where_it_is_read(tmp_path: Path) -> None:
    log = a_log(tmp_path / "log", line("x" * 50_000))
    record = log.record(0, 100)
    assert record.text == "x" * 100
    assert record.clipped
    assert not log.record(0).clipped
    log.close()


def test_a_line_outside_is_an_error(tmp_path: Path) -> None:
    log = a_log(tmp_path / "log", line("one"))
    for index in (-1, 1):
        with pytest.raises(IndexError):
            log.record(index)
    log.close()
