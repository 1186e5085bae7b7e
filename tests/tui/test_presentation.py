"""How values read: spans, numbers, glyphs, rows, header, banner, reasons and the words at exit."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from pivot_core.port import (
    ArtifactPath,
    CodeChanged,
    DepChanged,
    Edit,
    Evidence,
    Failure,
    FailureKind,
    NeverRan,
    Origin,
    ParamChanged,
    RunStatus,
    Snapshot,
    SourceLocation,
    StageName,
    StageState,
    Status,
    Verdict,
)
from pivot_tui import format as fmt
from pivot_tui import glyphs, heading, reasons, rows, spans
from pivot_tui.arrangement import Form, View, arrange
from pivot_tui.board import Board, Link, apply
from pivot_tui.glyphs import LOOKS
from pivot_tui.keys import Scope
from pivot_tui.rows import Scene
from pivot_tui.spans import Line, Paint, plain
from tests.tui import scenes

WORDS = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Mn", "Me")), max_size=60)
CELLS = st.integers(1, 50)


def a_board(snapshot: Snapshot | None = None) -> Board:
    board = Board()
    apply(board, snapshot or scenes.a_run_in_progress())
    return board


# --- spans and numbers ---


@given(WORDS, CELLS)
def test_a_clipped_or_shortened_text_fits(words: str, cells: int) -> None:
    assert cell_len(spans.clip(words, cells)) <= cells
    assert cell_len(spans.middle(words, cells)) <= cells


@given(WORDS, CELLS)
def test_a_padded_text_takes_exactly_its_cells(words: str, cells: int) -> None:
    assert cell_len(spans.left(words, cells)) == cells
    assert cell_len(spans.right(words, cells)) == cells


@given(WORDS, st.integers(2, 50))
def test_wrapped_lines_fit_and_lose_no_letter(words: str, cells: int) -> None:
    lines = spans.wrap(words, cells)
    assert all(cell_len(line) <= cells for line in lines)
    assert "".join(lines).replace(" ", "") == words.replace(" ", "").replace("\n", "")


@given(WORDS, WORDS, CELLS)
def test_a_cropped_line_fits(first: str, second: str, cells: int) -> None:
    line = ((first, Paint.TEXT), (second, Paint.MUTED))
    assert spans.width(spans.crop(line, cells)) <= cells


def test_the_middle_goes_first_since_both_ends_tell_names_apart() -> None:
    assert spans.middle("compare_with_baseline", 12) == "compa…seline"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.04, "0.0s"),
        (0.42, "0.4s"),
        (9.94, "9.9s"),
        (9.97, "0:09"),
        (12, "0:12"),
        (3723, "1:02:03"),
    ],
)
def test_durations(seconds: float, shown: str) -> None:
    assert fmt.duration(seconds) == shown


def test_a_running_time_never_shows_a_fraction_or_a_minus() -> None:
    assert fmt.running(3.9) == "0:03"
    assert fmt.running(-2) == "0:00"


# --- glyphs ---


def test_every_status_has_its_own_glyph_and_word() -> None:
    assert set(LOOKS) == set(Status)
    for part in ("glyph", "ascii", "word"):
        assert len({getattr(look, part) for look in LOOKS.values()}) == len(Status)


def test_every_glyph_takes_one_cell() -> None:
    assert {cell_len(look.glyph) for look in LOOKS.values()} == {1}
    assert {cell_len(look.ascii) for look in LOOKS.values()} == {1}


@given(WORDS)
def test_ascii_is_ascii_and_as_wide(words: str) -> None:
    shown = glyphs.to_ascii(words)
    assert shown.isascii()
    assert cell_len(shown) == cell_len(words)


# --- rows ---


@pytest.mark.parametrize("cells", [20, 36, 50, 78, 200])
def test_a_row_fits_its_panel(cells: int) -> None:
    board = a_board()
    listed = arrange(board, View())
    widths = rows.columns(listed, cells)
    for row in listed:
        shown = rows.line(row, widths, Scene(board, scenes.NOW), selected=False)
        assert spans.width(shown) <= cells


def test_words_stand_in_one_column() -> None:
    board = a_board()
    listed = arrange(board, View())
    widths = rows.columns(listed, 78)
    starts = set[int]()
    for row in listed:
        shown = plain(rows.line(row, widths, Scene(board, scenes.NOW), selected=False))
        starts.add(shown.index(LOOKS[board.state(row.stages[0]).status].word, widths.name))
    assert len(starts) == 1


def a_row(view: View, key: str, *, words: str = "", marked: str = "", path: str = "") -> Line:
    board = a_board()
    listed = arrange(board, view)
    scene = Scene(board, scenes.NOW, words, {StageName(marked)}, {StageName(path)})
    row = next(row for row in listed if row.key == key)
    return rows.line(row, rows.columns(listed, 78), scene, selected=False)


def test_a_folded_row_counts_what_it_hides_by_state() -> None:
    said = plain(a_row(View(turned=frozenset({"train@large"})), "train@large"))
    assert "▸ ▶ train@large" in said
    assert "+4  ⊘1 ◌1 ○2" in said


def test_a_group_shows_its_worst_state_and_its_size() -> None:
    whole = scenes.a_run_in_progress()
    variants = tuple(scenes.stage_row(f"try@{at}") for at in range(12))
    states = {row.name: StageState(Status.RAN) for row in variants}
    states[variants[3].name] = StageState(Status.RUNNING, scenes.RUN)
    board = a_board(replace(whole, stages=variants, states=states))
    listed = arrange(board, View(Form.GROUPS))
    (shown,) = [
        plain(rows.line(row, rows.columns(listed, 78), Scene(board, scenes.NOW), selected=False))
        for row in listed
    ]
    assert shown.split() == ["▸", "▶", "try@*", "RUN", "12", "▶1", "✓11"]


def test_marks_matches_and_the_critical_path_are_seen_in_a_row() -> None:
    said = a_row(View(), "report", words="por", marked="report", path="report")
    assert ("•", Paint.STALE) in said
    assert (" ★ ", Paint.STALE) in said
    assert ("por", Paint.ACCENT) in said
    assert plain(said).split()[:3] == ["•", "○", "report"]


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (StageState(Status.RUNNING, started_at=scenes.NOW - 10, expected_s=70), "~1:00 left"),
        (StageState(Status.RUNNING, started_at=scenes.NOW - 80, expected_s=70), "any moment"),
        (StageState(Status.RUNNING, attempt=2, started_at=scenes.NOW), "attempt 2"),
        (StageState(Status.RUNNING, kill_at=scenes.NOW + 1.2), "ending, killed in 2 s"),
        (StageState(Status.RUNNING, kill_at=scenes.NOW - 1), "being killed"),
        (StageState(Status.BLOCKED, by=(StageName("a"), StageName("b"))), "by a, b"),
        (StageState(Status.STALE, reasons=(NeverRan("never ran here"),)), "never ran here"),
        (StageState(Status.STALE, reasons=(NeverRan("no lock"),) * 3), "no lock  +2"),
        (StageState(Status.RESTORED, tier=3), "from the run cache"),
        (StageState(Status.WAIT, expected_s=65), "~1:05"),
        (StageState(Status.SAME), ""),
        (StageState(Status.FAILED, failure=Failure(FailureKind.EXIT, "", exit_code=3)), "exit 3"),
        (
            StageState(Status.FAILED, failure=Failure(FailureKind.SIGNAL, "", signal="SIGKILL")),
            "SIGKILL",
        ),
        (StageState(Status.FAILED), ""),
    ],
)
def test_the_note_says_what_matters_now(state: StageState, said: str) -> None:
    assert rows.note(state, scenes.NOW) == said


# --- header, banner, farewell ---


@pytest.mark.parametrize("cells", [30, 44, 60, 80, 100, 160, 240])
def test_the_header_fits_and_names_the_project(cells: int) -> None:
    shown = heading.header(a_board(), scenes.NOW, cells)
    assert spans.width(shown) <= cells
    assert "churn" in plain(shown)


def test_a_wide_header_names_the_branch() -> None:
    board = a_board()
    board.branch = "exp/" + "lr" * 20
    shown = [heading.header(board, scenes.NOW, cells) for cells in (149, 150)]
    assert ["branch exp/" in plain(one) for one in shown] == [False, True]
    assert spans.width(shown[1]) <= 150
    board.branch = ""
    assert "branch" not in plain(heading.header(board, scenes.NOW, 150))


def test_a_lost_engine_is_said_at_every_width() -> None:
    board = a_board()
    board.link = Link.LOST
    for cells in (40, 60, 80, 160):
        assert "DISCONNECTED" in plain(heading.header(board, scenes.NOW, cells))


def test_the_banner_tells_the_gravest_matter_alone() -> None:
    board = a_board()
    assert "train_baseline failed: KeyError" in plain(heading.banner(board, 80)[0])
    apply(board, scenes.broken())
    assert "two stages write" in plain(heading.banner(board, 80)[0])
    board.link = Link.LOST
    assert "R: reconnect" in plain(heading.banner(board, 80)[0])
    assert len(heading.banner(board, 80)) == 1


def test_a_finished_run_stays_in_the_banner() -> None:
    board = a_board(scenes.a_run_that_is_done())
    assert plain(heading.banner(board, 80)[0]).startswith(" ✓ run a4f2 done in 3:37")


def test_nothing_to_say_is_no_banner() -> None:
    assert heading.banner(a_board(scenes.idle()), 80) == []


def test_a_footer_without_room_keeps_what_is_needed_most() -> None:
    wide = plain(heading.footer(Scope.STAGES, lambda _: False, 200))
    narrow = plain(heading.footer(Scope.STAGES, lambda _: False, 30))
    assert len(narrow) <= 30 < len(wide)
    assert "run…" in narrow


def test_leaving_during_a_run_says_that_it_continues() -> None:
    said = heading.farewell(a_board())
    assert said[0] == f"detached: run {scenes.RUN} continues, 6 of 10 stages done"
    assert "  failed train_baseline: KeyError: 'label'" in said
    assert any("pivot logs train_baseline" in line for line in said)


def test_leaving_names_the_log_of_a_failure_where_it_is_known() -> None:
    said = heading.farewell(a_board(), logs={StageName("train_baseline"): ".pivot/a.log"})
    assert "         log: .pivot/a.log" in said


def test_leaving_a_run_that_is_stopped_does_not_say_that_it_continues() -> None:
    assert heading.farewell(a_board(), stopped=True)[0].endswith("is being cancelled")


def test_leaving_after_a_run_names_the_slowest() -> None:
    said = heading.farewell(a_board(scenes.a_run_that_is_done()))
    assert said[0] == f"run {scenes.RUN} done"
    assert any("slowest" in line for line in said)


def test_leaving_without_a_run_says_nothing() -> None:
    assert heading.farewell(a_board(scenes.idle())) == []


def test_leaving_a_lost_engine_does_not_promise_that_the_run_continues() -> None:
    board = a_board()
    board.link = Link.LOST
    assert "engine lost" in heading.farewell(board)[0]


def test_leaving_never_floods_the_screen() -> None:
    rows_ = tuple(scenes.stage_row(f"stage_{number}") for number in range(200))
    failed = StageState(Status.FAILED, scenes.RUN, 1, failure=Failure(FailureKind.EXIT, "exit 1"))
    run = replace(scenes.run_state(RunStatus.FAILED), stages=tuple(row.name for row in rows_))
    states = {row.name: failed for row in rows_}
    whole = replace(scenes.a_run_in_progress(), stages=rows_, states=states, run=run)
    said = heading.farewell(a_board(whole))
    assert len(said) <= 20
    assert "more failures" in said[-1]


# --- reasons ---


def why(stage: str, cells: int = 76, *, unfolded: bool = False) -> str:
    board = a_board()
    name = StageName(stage)
    found = scenes.explanations().get(name)
    shown = reasons.lines(board.stages[name], board.state(name), found, unfolded, cells)
    return "\n".join(plain(line) for line in shown)


def test_the_verdict_comes_first_then_each_reason_with_old_and_new() -> None:
    said = why("train@large")
    assert said.startswith("WILL RUN because (3 reasons)")
    assert "learning_rate   0.001 → 0.0003" in said
    assert "model.Net.forward   model.py:41  changed  aaaaaa → 999999" in said
    assert "data/features.csv   777777 → cccccc  written by features" in said


def test_what_is_unchanged_is_folded() -> None:
    assert "11 other inputs unchanged" in why("train@large")
    assert "params.option_7" not in why("train@large")
    assert "params.option_7" in why("train@large", unfolded=True)


def changed_code(*, unfolded: bool, cells: int = 76) -> str:
    name = StageName("train@large")
    route = ("stages:train", "model:Net", "model:Net.forward")
    code = CodeChanged(
        "model:Net.forward", Edit.CHANGED, SourceLocation("model.py", 41),
        scenes.content("a"), scenes.content("9"), route,
    )  # fmt: skip
    dep = DepChanged(ArtifactPath("data/in.csv"), None, scenes.content("c"), StageName("features"))
    known = Evidence(
        {"model:Net.forward": "@@ -41 +41 @@\n-    return \x1b[2J x\n+    return 2 * x\n"},
        {dep.path: Origin(StageName("features"), scenes.RUN, scenes.NOW, False)},
    )
    found = replace(scenes.explanations()[name], reasons=(code, dep), evidence=known)
    board = a_board()
    shown = reasons.lines(board.stages[name], board.state(name), found, unfolded, cells)
    return "\n".join(plain(line) for line in shown)


def test_changed_code_is_shown_with_the_way_to_it_and_unfolded_with_its_lines() -> None:
    assert "via stages.train → model.Net → model.Net.forward" in changed_code(unfolded=False)
    assert "return 2 * x" not in changed_code(unfolded=False)
    said = changed_code(unfolded=True)
    assert "           -    return \\x1b[2J x\n           +    return 2 * x\n" in said
    assert all(cell_len(row) <= 20 for row in changed_code(unfolded=True, cells=20).split("\n"))


def test_an_input_is_shown_with_who_wrote_it() -> None:
    assert "written by features in run " in changed_code(unfolded=False)


def test_the_deciding_tier_is_said() -> None:
    assert "decided by output generations, tier 1" in why("clean")
    assert why("clean").startswith("UP TO DATE")


def test_a_failure_shows_the_users_traceback_first() -> None:
    said = why("train_baseline")
    assert said.startswith("FAILED  stages.py:41\n  KeyError: 'label'")
    assert 'return fit(frame["label"])' in said


def test_a_blocked_stage_names_what_blocks_it() -> None:
    assert why("compare_with_baseline").startswith("BLOCKED by train_baseline")


@given(st.integers(12, 120))
def test_no_line_of_reasons_is_wider_than_the_panel(cells: int) -> None:
    for stage in scenes.explanations():
        assert all(cell_len(line) <= cells for line in why(stage, cells).split("\n"))


def test_a_missing_value_reads_as_a_dash() -> None:
    name = StageName("clean")
    board = a_board()
    added = (ParamChanged("depth", None, [1, 2], False, True),)
    found = replace(scenes.explanations()[name], verdict=Verdict.WILL_RUN, reasons=added)
    shown = reasons.lines(board.stages[name], board.state(name), found, False, 80)
    assert any("depth   — → [1, 2]" in plain(line) for line in shown)


def test_control_characters_in_reasons_are_shown_and_not_sent() -> None:
    name = StageName("clean")
    board = a_board()
    evil = (ParamChanged("\x1b[2Jname", "a", "\x07b\u202e", True, True), NeverRan("x\x1b]0;t\x07"))
    found = replace(scenes.explanations()[name], verdict=Verdict.WILL_RUN, reasons=evil)
    shown = reasons.lines(board.stages[name], board.state(name), found, False, 80)
    assert not any(char in plain(line) for line in shown for char in "\x1b\x07\u202e")
