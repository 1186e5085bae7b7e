"""Short texts for people: durations, counts, and texts cut to a width."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivot_core.cli import text
from pivot_core.cli.words import STATUS
from pivot_core.port import Status, one_line

SHOWN = st.text().map(one_line)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.0, "0.00s"), (0.123, "0.12s"), (9.99, "9.99s"), (9.996, "10.0s"), (59.94, "59.9s"),
     (59.96, "0:59"), (60.0, "1:00"), (151.9, "2:31"), (3751.0, "1:02:31")],
)  # fmt: skip
def test_a_duration_takes_the_unit_that_suits_it(seconds: float, said: str) -> None:
    assert text.duration(seconds) == said


def test_a_size_takes_the_unit_that_suits_it() -> None:
    assert [text.size(512), text.size(1536), text.size(5 << 40)] == ["512 B", "1.5 KiB", "5.0 TiB"]


def test_counts_name_what_matters_most_first() -> None:
    assert (
        text.counts({"same": 8, "ran": 3, "failed": 1, "blocked": 0}) == "1 failed, 3 ran, 8 same"
    )
    assert text.counts({}) == "no stages"


@given(SHOWN, st.integers(min_value=0, max_value=40))
def test_a_cut_text_fits(body: str, width: int) -> None:
    assert text.cells(text.cut(body, width)) <= width
    assert text.cells(text.crop(body, width)) <= width


@given(SHOWN)
def test_a_text_that_fits_is_left_alone(body: str) -> None:
    width = text.cells(body)
    assert text.cut(body, width) == text.crop(body, width) == body


def test_a_name_is_cut_in_its_middle() -> None:
    assert text.cut("train@learning_rate_small", 11) == "train…small"


def test_wide_characters_take_two_cells() -> None:
    assert text.cells("データ") == 6


def test_every_status_has_a_word_and_a_glyph_of_its_own() -> None:
    assert set(STATUS) == set(Status)
    for marks in (
        [mark.word for mark in STATUS.values()],
        [mark.glyph for mark in STATUS.values()],
        [mark.ascii for mark in STATUS.values()],
    ):
        assert len(set(marks)) == len(marks)
