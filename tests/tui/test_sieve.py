"""Searching, filtering and merging logs: what is found does not depend on slices, directions or the time of growing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pivot_core.port.logfile import Stream
from pivot_core.port.loglines import LogLines
from pivot_tui import pattern
from pivot_tui.logreader import LogReader
from pivot_tui.merged import Merged
from pivot_tui.patience import TooSlowError
from pivot_tui.sieve import Sieve, bare
from pivot_tui.window import Window

TEXTS = st.lists(st.tuples(st.sampled_from("oe"), st.sampled_from(["cat", "dog", "Cat dog", ""])))


def record(stream: str, text: str, time_ms: int = 1_790_000_000_123) -> bytes:
    return f"{time_ms}{stream} {text}\n".encode()


def a_log(path: Path, *records: bytes) -> LogLines:
    path.write_bytes(b"".join(records))
    lines = LogLines(str(path))
    while lines.grow() or lines.dig():
        pass
    return lines


def found(lines: LogLines | Merged, sieve: Sieve) -> list[str]:
    return [lines.line(sieve.at(number)).text for number in range(sieve.first, sieve.end)]


def test_case_counts_only_where_a_pattern_has_capitals() -> None:
    texts = ["Error", "error", "no"]
    assert pattern.parse("error").matching(texts) == [0, 1]
    assert pattern.parse("Error").matching(texts) == [0]
    assert pattern.parse(r"e\S+r").matching(texts) == [0, 1]
    assert pattern.parse(r"E\S+r").matching(texts) == [0]


def test_a_pattern_is_inverted_by_its_first_character() -> None:
    texts = ["epoch 1", "!x", "done"]
    assert pattern.parse("!epoch", invertible=True).matching(texts) == [1, 2]
    assert pattern.parse("!x").matching(texts) == [1]
    assert pattern.parse("!^epoch \\d", invertible=True).spans("epoch 1") == []
    assert pattern.parse("o").spans("epoch foo") == [(2, 3), (7, 8), (8, 9)]


@pytest.mark.parametrize("words", ["(", "[a", "a{2,1}", "*"])
def test_a_pattern_that_cannot_be_read_says_why(words: str) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        pattern.parse(words)


@hypothesis_settings(max_examples=80, deadline=None)
@given(old=TEXTS, new=TEXTS, origin=st.integers(-30, 30), ahead=st.lists(st.booleans(), min_size=3))
def test_a_sieve_finds_the_same_from_everywhere(
    old: list[tuple[str, str]],
    new: list[tuple[str, str]],
    origin: int,
    ahead: list[bool],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    lines = a_log(path, *(record(*one) for one in old))
    at = min(max(origin, lines.first), lines.end)
    sieve = Sieve(lines, at, (pattern.parse("cat"),), only_err=True)
    for direction in ahead:
        sieve.scan(direction)
    with path.open("ab") as file:
        file.writelines(record(*one) for one in new)
    while lines.grow() or lines.dig():
        pass
    while sieve.scan(ahead=True):
        pass
    assert sieve.is_complete
    wanted = [text for stream, text in old + new if stream == "e" and "cat" in text.lower()]
    assert found(lines, sieve) == wanted
    for line in range(lines.first, lines.end):
        number = sieve.find(line)
        assert number == sieve.end or sieve.at(number) >= line
        assert number == sieve.first or sieve.at(number - 1) < line


def test_what_is_shown_is_what_is_searched(tmp_path: Path) -> None:
    lines = a_log(
        tmp_path / "log",
        record("o", "a \x1b[31mred\x1b[0m word"),
        record("o", "10%\r20%"),
        record("o", "1790000000123"),
    )
    for words, number in (("red word", 1), ("10%", 0), ("^20%$", 1), ("17900", 1), ("123o", 0)):
        sieve = Sieve(lines, lines.first, (pattern.parse(words),))
        while sieve.scan(ahead=True):
            pass
        assert sieve.end - sieve.first == number, words


def test_a_line_that_goes_on_is_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = a_log(path, record("o", "begin"), record("E", "\r10%"))
    sieve = Sieve(lines, 0, (pattern.parse("10%"),))
    sieve.scan(ahead=True)
    assert found(lines, sieve) == ["10%"]
    with path.open("ab") as file:
        file.write(record("E", "\r20%"))
    lines.grow()
    sieve.scan(ahead=True)
    assert found(lines, sieve) == []


# --- several logs as one ---

TIMES = st.lists(st.integers(1, 40), max_size=25).map(sorted)


@hypothesis_settings(max_examples=80, deadline=None)
@given(times=st.lists(TIMES, min_size=1, max_size=4), new=st.lists(st.integers(41, 60)).map(sorted))
def test_lines_of_several_logs_come_by_time(
    times: list[list[int]], new: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    merged = Merged()
    for number, moments in enumerate(times):
        path = folder / f"{number}.log"
        path.write_bytes(b"".join(record("o", f"{one}", 10**12 + one) for one in moments))
        merged.add(f"stage_{number}", str(path), is_new=False)
    while merged.grow() or merged.dig():
        pass
    assert merged.is_whole
    with (folder / "0.log").open("ab") as file:
        file.writelines(record("o", f"{one}", 10**12 + one) for one in new)
    merged.grew("stage_0")
    merged.grow()
    shown = [merged.line(at) for at in range(merged.first, merged.end)]
    everything = sorted(one for moments in times for one in moments) + new
    assert [int(line.text) for line in shown] == everything
    assert [line[15:] for line in merged.raw(merged.first, merged.end)] == [
        line.text for line in shown
    ]


def test_a_log_that_comes_later_follows_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(record("o", "one", 10**12))
    (tmp_path / "b").write_bytes(record("e", "two", 10**12 + 1))
    merged = Merged()
    merged.add("a", str(tmp_path / "a"), is_new=False)
    while merged.grow() or merged.dig():
        pass
    merged.add("b", str(tmp_path / "b"), is_new=True)
    merged.grow()
    lines = [merged.line(at) for at in range(merged.first, merged.end)]
    assert [(line.label, line.text) for line in lines] == [("a", "one"), ("b", "two")]
    assert lines[1].stream is Stream.ERR
    assert merged.labels == ["a", "b"]
    assert merged.began_ms() == 10**12


def test_a_log_that_is_replaced_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(record("o", "one") * 3)
    merged = Merged()
    merged.add("a", str(tmp_path / "a"), is_new=False)
    while merged.grow() or merged.dig():
        pass
    (tmp_path / "a").write_bytes(record("o", "new"))
    merged.grew("a")
    while merged.grow() or merged.dig():
        pass
    assert merged.generation == 1
    assert [merged.line(at).text for at in range(merged.first, merged.end)] == ["new"]


# --- patterns that take long ---

ENDLESS = "(a+)+$"
"""Takes twice as long with each ``a`` more."""


def test_a_pattern_without_end_is_interrupted() -> None:
    endless = pattern.parse(ENDLESS)
    with pytest.raises(TooSlowError):
        endless.matching(["a" * 40 + "!"])
    assert endless.spans("a" * 40 + "!") == []
    assert endless.matching(["aaa", "b"]) == [0]


def test_a_pattern_that_takes_the_square_of_a_long_line_is_interrupted() -> None:
    with pytest.raises(TooSlowError):
        pattern.parse("x.*y").matching(["x" * 60_000])


def test_a_line_whose_beginning_is_not_read_yet_is_neither_searched_nor_settled(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log"
    pieces = [record("O", f"piece {number} ") for number in range(40)]
    path.write_bytes(
        record("o", "first") + b"".join(pieces) + record("o", "end") + record("o", "x")
    )
    lines = LogLines(str(path))
    sieve = Sieve(lines, 0, (pattern.parse("piece 0"),))
    lines.grow()
    while not lines.is_whole:
        assert lines.is_open(lines.first)
        lines.dig(200)
        sieve.scan(ahead=False)
    assert not lines.is_open(lines.first)
    while sieve.scan(ahead=False):
        pass
    (line,) = found(lines, sieve)
    assert line.startswith("piece 0 piece 1 ")


@pytest.mark.parametrize(
    ("words", "text", "found"),
    [
        (r"b\d+c$", "b" * 50_000 + "b123c", True),
        ("^a.*z", "a" + "b" * 10_000 + "z" * 50_000, True),
        ("^z", "a" * 40_000 + "z" * 40_000, False),
        ("b$", "b" * 40_000 + "a", False),
        ("^b+$", "b" * 40_000, True),
        ("ab", "a" * 32_767 + "ab" + "c" * 9, True),
        ("begin.*end", "begin" + "b" * 60_000 + "end", True),
        (r"^\[\d+(, \d+)*\]$", f"[{', '.join(map(str, range(9_000)))}]", True),
    ],
)
def test_a_long_line_is_searched_in_pieces(words: str, text: str, found: bool) -> None:
    assert pattern.parse(words).matching([text]) == ([0] if found else [])


def test_a_search_that_one_line_holds_up_is_given_up_and_says_so(tmp_path: Path) -> None:
    records = [record("o", f"line {at}") for at in range(300)]
    lines = a_log(tmp_path / "log", *records, record("o", "a" * 40 + "!"), *records)
    reader = LogReader(lines, Window(lambda _: 1))
    reader.sift(pattern.parse("!line 7", invertible=True), only_err=False)
    reader.look_for(pattern.parse(ENDLESS), lines.first, ahead=True)
    while reader.step():
        pass
    assert (reader.search, reader.gave_up) == (None, ENDLESS)
    assert reader.said == "takes too long, given up"
    assert reader.filter is not None
    assert reader.is_filtered
    reader.look_for(pattern.parse("line 299"), lines.first, ahead=True)
    while reader.step():
        pass
    assert reader.said == "1/2"


def test_a_filter_that_one_line_holds_up_is_given_up_too(tmp_path: Path) -> None:
    lines = a_log(tmp_path / "log", record("e", "a" * 40 + "!"), record("o", "b"))
    reader = LogReader(lines, Window(lambda _: 1))
    reader.sift(pattern.parse(ENDLESS), only_err=True)
    while reader.step():
        pass
    assert reader.gave_up == ENDLESS
    assert reader.filter is None
    assert reader.only_err


WORDY = st.lists(
    st.tuples(
        st.sampled_from("ooeO"),
        st.lists(st.sampled_from(["Ki", "k", "\u212a", "\u0130", "é", "\x1b[1m", "\r", " "])),
    ),
    max_size=12,
)


@hypothesis_settings(max_examples=150, deadline=None)
@given(records=WORDY, words=st.sampled_from(["k", "ki", "i", "é", "K", "k k"]))
def test_lines_that_hold_words_are_never_passed_over(
    records: list[tuple[str, list[str]]], words: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("log") / "log"
    lines = a_log(path, *(record(stream, "".join(parts)) for stream, parts in records))
    numbers = range(lines.first, lines.end)

    worth = lines.holding(lines.first, lines.end, words)

    texts = [bare(raw) for raw in lines.raw(lines.first, lines.end)] if numbers else []
    kept = [numbers[at] for at in pattern.parse(words).matching(texts)]
    assert set(kept) <= set(worth)
    sieve = Sieve(lines, 0, (pattern.parse(words),))
    while sieve.scan(ahead=True):
        pass
    assert [sieve.at(number) for number in range(sieve.first, sieve.end)] == kept


def test_few_lines_of_many_are_found_in_their_bytes(tmp_path: Path) -> None:
    records = [record("o", f"needle {at}" if at % 500 == 7 else f"hay {at}") for at in range(5000)]
    lines = a_log(tmp_path / "log", *records)

    worth = lines.holding(lines.first, lines.end, "NEEDLE")

    assert [lines.line(at).text for at in worth] == [f"needle {at}" for at in range(7, 5000, 500)]
    sieve = Sieve(lines, lines.first, (pattern.parse("needle"),))
    while sieve.scan(ahead=True):
        pass
    assert found(lines, sieve) == [f"needle {at}" for at in range(7, 5000, 500)]
