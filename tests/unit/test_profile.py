"""Where the time of a run went: own time, the stages that cost most, and the trace."""

import itertools
import json

from hypothesis import given
from hypothesis import strategies as st

from pivot_core.cli import profile
from pivot_core.port.profile import CALL, Profile, Span
from tests.unit.cli_runs import Screen

FOUND = Profile(
    10.0,
    14.0,
    (
        Span("start", 10.0, 11.0),
        Span("hash", 11.25, 11.75, stage="train"),
        Span("settle", 11.0, 12.0, 0.5, "train"),
        Span("settle", 12.0, 12.25, 0.0, "report"),
        Span(CALL, 12.5, 13.5, 0.0, "train", is_in_worker=True),
        Span("end", 13.5, 13.75, 0.0, "train", is_in_worker=True),
    ),
)


def test_each_step_has_its_own_time_only() -> None:
    told = [(each.step, each.times, each.own_s) for each in FOUND.totals()]
    assert told == [
        ("start", 1, 1.0),
        ("settle", 2, 0.75),
        ("hash", 1, 0.5),
        (CALL, 1, 1.0),
        ("end", 1, 0.25),
    ]


def test_the_table_ends_with_the_stages_that_cost_most() -> None:
    screen = Screen()
    profile.show(screen.session.err, FOUND, is_elsewhere=False)
    rows = [line.split() for line in screen.err.getvalue().splitlines()]
    assert rows[1] == ["profile:", "4.00s", "from", "start", "to", "end"]
    assert ["nothing", "of", "the", "above", "0.500s"] in rows
    assert [row[:3] for row in rows[-2:]] == [
        ["train", "1.250s", "1.000s"],
        ["report", "0.250s", "0.000s"],
    ]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 9), st.booleans())))
def test_in_a_trace_nothing_overlaps_in_its_lane(given: list[tuple[int, int, bool]]) -> None:
    spans = tuple(Span("x", at, at + took, 0.0, "s", far) for at, took, far in given)
    events = [
        each
        for each in json.loads(profile.trace(Profile(0.0, 60.0, spans)))["traceEvents"]
        if each["ph"] == "X"
    ]
    assert len(events) == len(spans)
    lanes = {(each["pid"], each["tid"]) for each in events}
    for lane in lanes:
        inside = [each for each in events if (each["pid"], each["tid"]) == lane]
        for before, after in itertools.pairwise(inside):
            assert before["ts"] + before["dur"] <= after["ts"]


def test_a_command_line_without_what_asks_for_a_profile() -> None:
    assert profile.plain(["-C", "x", "repro", "--profile", "train", "--trace", "t.json"]) == [
        "repro",
        "train",
    ]
    assert profile.plain(["-Cx", "repro", "--trace=t.json", "--force"]) == ["repro", "--force"]
