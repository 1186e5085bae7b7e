"""The lines of a log, numbered from its end: whatever the slices, whatever was written in pieces."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pivot_core.port.logfile import Stream
from pivot_core.port.loglines import LogLine, LogLines

RECORDS = st.lists(st.tuples(st.sampled_from("ooeOE"), st.text("ab\té", max_size=12)), max_size=40)
LIMITS = st.integers(1, 200)


def record(stream: str, text: str, time_ms: int = 1_790_000_000_123) -> bytes:
    return f"{time_ms}{stream} {text}\n".encode()


def joined(records: list[tuple[str, str]]) -> list[str]:
    """Returns what the lines are: a piece goes on in a record of its stream that follows it at once."""
    lines = list[str]()
    before = ""
    for stream, text in records:
        if before in ("O", "E") and before.lower() == stream.lower():
            lines[-1] += text
        else:
            lines.append(text)
        before = stream
    return lines


def whole(path: Path, dig: int = 1 << 20) -> LogLines:
    lines = LogLines(str(path))
    while lines.grow() or lines.dig(dig):
        pass
    return lines


def texts(lines: LogLines) -> list[str]:
    return [lines.line(at).text for at in range(lines.first, lines.end)]


@hypothesis_settings(max_examples=200, deadline=None)
@given(old=RECORDS, new=RECORDS, dig=LIMITS, grow=LIMITS)
@example(old=[("E", "a"), ("E", "b")], new=[("e", "c"), ("o", "d")], dig=1, grow=1)
def test_every_line_is_found_whatever_the_slices(
    old: list[tuple[str, str]],
    new: list[tuple[str, str]],
    dig: int,
    grow: int,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(b"".join(record(*one) for one in old))
    lines = LogLines(str(path))
    lines.grow(grow)
    with path.open("ab") as file:
        file.write(b"".join(record(*one) for one in new))
    while lines.grow(grow) or lines.dig(dig):
        pass
    assert texts(lines) == joined(old + new)
    assert lines.is_whole
    raw = lines.raw(lines.first, lines.end)
    assert [line[15:] for line in raw] == joined(old + new)


@hypothesis_settings(max_examples=50, deadline=None)
@given(records=st.lists(st.tuples(st.sampled_from("oeE"), st.text("ab", max_size=9)), min_size=1))
def test_slices_cover_every_line_in_both_directions(
    records: list[tuple[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(b"".join(record(*one) for one in records))
    lines = whole(path, 64)
    at, ahead = lines.first, list[str]()
    while at < lines.end:
        to = lines.reach(at, ahead=True)
        ahead += lines.raw(at, to)
        at = to
    back = list[str]()
    while at > lines.first:
        to = lines.reach(at, ahead=False)
        back = lines.raw(to, at) + back
        at = to
    assert ahead == back == lines.raw(lines.first, lines.end)


def test_the_last_line_is_known_at_once_and_keeps_its_number(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(record("o", f"line {number}") for number in range(50)))
    lines = LogLines(str(path))
    lines.grow()
    assert lines.line(0).text == "line 49"
    assert not lines.is_whole
    with path.open("ab") as file:
        file.write(record("e", "more"))
    while lines.grow() or lines.dig(100):
        pass
    assert (lines.first, lines.end) == (-49, 2)
    assert lines.line(0).text == "line 49"
    assert lines.line(1) == LogLine(1_790_000_000_123, Stream.ERR, "more")
    assert lines.line(lines.first).text == "line 0"


def test_a_progress_bar_is_one_line_in_its_last_state(tmp_path: Path) -> None:
    path = tmp_path / "log"
    bar = [record("E", f"\r{number}% done", 1_790_000_000_000 + number) for number in range(99)]
    path.write_bytes(record("o", "begin") + b"".join(bar))
    lines = whole(path, 512)
    assert texts(lines) == ["begin", "98% done"]
    assert lines.line(lines.end - 1).time_ms == 1_790_000_000_098
    assert lines.settled == lines.end - 1
    with path.open("ab") as file:
        file.write(record("e", "\r100% done\r") + record("o", "end"))
    lines.grow()
    assert texts(lines) == ["begin", "100% done", "end"]
    assert lines.settled == lines.end


def test_a_line_of_many_pieces_is_one_line_cut_where_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(record("O", "x" * 65_536) * 40 + record("o", "end") + record("o", "next"))
    lines = whole(path)
    assert lines.end - lines.first == 2
    line = lines.line(lines.first, 100)
    assert (line.text, line.clipped) == ("x" * 100, True)
    assert lines.reach(lines.first, ahead=True) == lines.first + 1
    assert len(lines.raw(lines.first, lines.first + 1)[0]) < 1 << 21


def test_a_file_that_comes_later_or_begins_anew_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = LogLines(str(path))
    assert not lines.grow()
    assert (lines.first, lines.end, lines.began_ms()) == (0, 0, 0)
    path.write_bytes(record("o", "one") + record("o", "two"))
    lines.grow()
    assert lines.line(0).text == "two"
    path.write_bytes(record("o", "new"))
    lines.grow()
    assert lines.generation == 1
    assert texts(lines) == ["new"]
    assert lines.began_ms() == 1_790_000_000_123


def test_junk_without_line_ends_or_prefixes_is_survived(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\xff\x00junk\n\nOOOOOOOOOOOOOO\nrest without an end")
    assert texts(whole(path, 3)) == ["\ufffd\x00junk", "", "OOOOOOOOOOOOOO"]
    path.write_bytes(b"\x00" * (3 << 20))
    lines = LogLines(str(path))
    assert not lines.grow()
    assert texts(lines) == []


def test_a_line_outside_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(record("o", "one"))
    lines = whole(path)
    for at in (lines.first - 1, lines.end):
        with pytest.raises(IndexError):
            lines.line(at)
