"""Why, in full, as a terminal and a pipe show it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pivot_core.cli import causes
from pivot_core.port import (
    Account,
    CodeChanged,
    Edit,
    Evidence,
    Explanation,
    Origin,
    Package,
    Reason,
    SourceLocation,
    StageName,
    StageState,
    Status,
    Verdict,
)
from tests.unit.cli_runs import CODE, DEP, NEW, OLD, PARAM, RUN_ID, Screen
from tests.unit.test_cli_paper import is_inert

DIFF = "@@ -7,2 +7,2 @@\n def scale(x):\n-    return x\n+    return 2 * x\n"
ROUTED = replace(CODE, route=("pipeline:train", "pipeline:fit", "helpers:scale"))


def why(*reasons: Reason, evidence: Evidence | None = None, stage: str = "train") -> Explanation:
    return Explanation(
        StageName(stage), Verdict.WILL_RUN, None, reasons, (), (), OLD, evidence=evidence
    )


def said(*plan: Explanation, verbosity: int = 0) -> str:
    screen = Screen(verbosity=verbosity)
    causes.show_plan(screen.session, plan)
    return screen.text


def test_a_symbol_comes_with_the_way_to_it_and_its_lines() -> None:
    assert said(why(ROUTED, evidence=Evidence({"helpers:scale": DIFF}, {}))) == (
        "train  will run\n"
        "  ~ code changed: helpers.scale (helpers.py:7)\n"
        "      via   train → fit → helpers.scale\n"
        "\n"
        "      @@ -7,2 +7,2 @@\n"
        "       def scale(x):\n"
        "      -    return x\n"
        "      +    return 2 * x\n"
        "\n"
    )


def test_the_same_lines_are_shown_once() -> None:
    known = Evidence({"helpers:scale": DIFF}, {})

    text = said(why(CODE, evidence=known), why(CODE, evidence=known, stage="report"))

    assert text.count("+    return 2 * x") == 1
    assert text.endswith("      by the same lines as 'train'\n")


def test_a_symbol_whose_text_is_the_same_stands_back_behind_the_one_that_is_not() -> None:
    other = CodeChanged("helpers:other", Edit.CHANGED, SourceLocation("helpers.py", 1), OLD, NEW)
    alone = said(why(other, evidence=Evidence({"helpers:other": ""}, {})))
    diffs = {"helpers:other": "", "helpers:scale": DIFF}

    both = said(why(other, CODE, evidence=Evidence(diffs, {})))

    assert "no line of it differs" in alone
    assert both.index("helpers.scale") < both.index("the same text, but not the same code")
    assert both.endswith(": helpers.other\n")


def test_a_long_diff_is_cut_unless_all_is_wanted() -> None:
    lines = "".join(f"+    {number}\n" for number in range(100))
    added = replace(CODE, edit=Edit.ADDED, old=None)
    known = Evidence({"helpers:scale": f"@@ -0,0 +1,100 @@\n{lines}"}, {})

    short, full = said(why(added, evidence=known)), said(why(added, evidence=known), verbosity=1)

    assert "      +    18\n      … 81 more lines (-v shows them)\n" in short
    assert "+    99\n" in full


def test_an_input_comes_with_who_wrote_it() -> None:
    def by(origin: Origin | None) -> str:
        origins = {} if origin is None else {DEP.path: origin}
        text = said(why(DEP, evidence=Evidence({}, origins)))
        (line,) = [row for row in text.splitlines() if "by  " in row]
        return line

    raw = StageName("raw")
    assert f"stage 'raw', written in run {RUN_ID}, " in by(Origin(raw, RUN_ID, 0.0, False))
    assert f"stage 'raw', restored in run {RUN_ID}, " in by(Origin(raw, RUN_ID, 0.0, True))
    assert "stage 'raw', recorded by hand, " in by(Origin(raw, None, 0.0, False))
    assert by(None).endswith("stage 'raw' writes it; who wrote this is not known here")


def test_packages_are_told_when_they_are_others_than_last_time() -> None:
    same, other = Package("click", "8.1", "8.1"), Package("pandas", "2.3", "2.2")
    known = Evidence({}, {}, packages=(same, other, Package("new", "1.0", None)))

    short, full = said(why(evidence=known)), said(why(evidence=known), verbosity=1)

    assert short == (
        "train  will run\n"
        "  note: pandas 2.3 is installed, its outputs were made with 2.2: this does not count\n"
    )
    assert "click 8.1, pandas 2.3, new 1.0\n" in full


def test_what_is_up_to_date_takes_one_line() -> None:
    known = Evidence({}, {}, same_code=("m:f", "m:g"), same_deps=(DEP.path,))
    same = Explanation(StageName("train"), Verdict.UP_TO_DATE, 1, (), (), (), OLD, evidence=known)
    assert said(same, same) == 2 * (
        "train  is up to date  (tier 1, generations; 2 symbols, 1 input unchanged)\n"
    )


def test_a_past_run_folds_what_was_up_to_date() -> None:
    nothing = Evidence({}, {})
    ran = StageState(Status.RAN, RUN_ID, 1, 100.0, 1.5, reasons=(PARAM,))
    same, held = StageState(Status.SAME, tier=2), StageState(Status.BLOCKED, by=(StageName("a"),))
    accounts = [
        Account(StageName(name), state, nothing)
        for name, state in (("a", ran), ("b", same), ("c", held))
    ]
    screen, wordy = Screen(), Screen(verbosity=1)

    causes.show_past(screen.session, accounts)
    causes.show_past(wordy.session, accounts)

    assert screen.text == (
        "\na  ran in 1.50s\n  ~ param rate: 0.1 → 0.2\n"
        "\nc  blocked  (by a)\n"
        "\n1 stage up to date (-v lists them)\n"
    )
    assert "\nb  same  (tier 2, the lock file)\n" in wordy.text


def test_a_terminal_gets_colours_and_lines_that_fit() -> None:
    known = Evidence({"helpers:scale": "@@ -1 +1 @@\n-" + "x" * 50 + "\n+" + "y" * 50 + "\n"}, {})
    screen = Screen(is_terminal=True, columns=40)

    causes.show_plan(screen.session, [why(CODE, evidence=known)])

    assert f"      \x1b[31m-{'x' * 33}\x1b[0m\n      \x1b[31m{'x' * 17}\x1b[0m\n" in screen.text
    assert f"      \x1b[36m+{'y' * 33}\x1b[0m\n" in screen.text


@pytest.mark.parametrize("symbol", ["<nothing>:x", "<", "<>:", ":", "", "m:<order>", "fingerprint"])
def test_any_name_in_a_lock_file_can_be_shown(symbol: str) -> None:
    reason = CodeChanged(symbol, Edit.REMOVED, None, OLD, None, (symbol, symbol))
    assert symbol.replace(":", ".") in said(why(reason, evidence=Evidence({}, {})), verbosity=1)


def test_what_was_read_on_import_is_named_and_never_shown() -> None:
    read = CodeChanged("<env>:SCALE", Edit.CHANGED, SourceLocation("m.py", 2), OLD, NEW)
    routed = replace(read, route=("m:train", "m:SCALE", "<env>:SCALE"))
    assert said(why(routed, evidence=Evidence({}, {}))) == (
        "train  will run\n"
        "  ~ read on import, changed: variable SCALE (m.py:2)\n"
        "      via   train → SCALE → variable SCALE\n"
    )


@given(st.text(), st.booleans())
def test_whatever_source_holds_is_inert(text: str, is_terminal: bool) -> None:
    screen = Screen(is_terminal=is_terminal, verbosity=1)
    symbol = replace(ROUTED, symbol=text, where=SourceLocation(text, 1), route=(text, text))
    known = Evidence(
        {text: f"@@ -1 +1 @@\n+{text}\n"},
        {DEP.path: Origin(StageName(text), None, 0.0, False)},
        same_code=(text,),
        packages=(Package(text, text, "1"),),
    )

    causes.show_plan(screen.session, [why(symbol, DEP, evidence=known)])

    assert is_inert(screen.out.getvalue())
