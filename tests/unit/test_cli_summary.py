"""The job summary, as a reader of Markdown renders it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pivot_core.cli import summary
from pivot_core.cli.results import Finding, FindingKind
from pivot_core.compare.leaf import Difference, LeafChange
from pivot_core.port import (
    Failure,
    FailureKind,
    Problem,
    RunState,
    StageName,
    StageState,
    Status,
    one_line,
)
from tests.unit.cli_runs import a_failing_run, ended

SAID = st.text() | st.sampled_from(
    ["a|b", "`x`", "<b>bold</b>", "[x](http://y)", "```\n# title", "::error::x", "&lt;", "| - |"]
)


def states(of: RunState) -> Mapping[StageName, StageState]:
    status = (Status.SAME, Status.RAN, Status.FAILED, Status.BLOCKED)
    return {name: ended(name, each).state for name, each in zip(of.stages, status, strict=True)}


def rendered(page: str) -> list[tuple[str, str]]:
    """Returns kind and text of everything that the page shows."""
    found, kinds = list[tuple[str, str]](), list[str]()
    for token in MarkdownIt("commonmark").enable("table").parse(page):
        if token.type.endswith("_open"):
            kinds.append(token.tag)
        elif token.type.endswith("_close"):
            kinds.pop()
        elif token.type == "inline":
            inner = token.children or []
            assert {each.type for each in inner} <= {"text", "text_special"}, inner
            found.append((kinds[-1], "".join(each.content for each in inner)))
        else:
            found.append((token.type, token.content))
    return found


def shown(page: str, kind: str) -> list[str]:
    return [text for each, text in rendered(page) if each == kind]


def test_it_tells_what_ran_why_and_how_long() -> None:
    run, _ = a_failing_run()
    page = summary.of_run(run, states(run))
    assert page.startswith("### pivot: failed in 3.25s: 1 failed, 1 blocked, 1 ran, 1 same\n\n|")
    assert shown(page, "td") == [
        *("train", "failed", "1.50s", "KeyError: 'label'"),
        *("report", "blocked", "", "by train"),
        *("clean", "ran", "1.50s", "code changed: helpers.scale (+1 more)"),
    ]
    traceback, tail = shown(page, "fence")
    assert traceback.startswith("Traceback")
    assert traceback.endswith("KeyError: 'label'\n")
    assert tail == "epoch 1\nepoch 2\tloss 0.3\n"
    assert page.endswith("</details>\n\n")


@given(SAID, SAID)
def test_whatever_is_said_is_text(name: str, said: str) -> None:
    run, _ = a_failing_run()
    failure = Failure(FailureKind.EXCEPTION, said, f"{said}\n{name}", hint=said)
    bad = replace(states(run)[run.stages[2]], failure=failure, log_tail=(name, said, "end"))
    stage = StageName(f"x{name}x")
    page = summary.of_run(replace(run, stages=(stage,)), {stage: bad})
    rows = shown(page, "td")
    assert rows == [one_line(stage), "failed", "1.50s", " ".join(one_line(said).split(" ")).strip()]
    assert shown(page, "h4") == [one_line(stage).strip()]
    assert shown(page, "fence")[-1].endswith("end\n")
    folds = [each.strip() for each in shown(page, "html_block")]
    assert [re.sub("<[^>]*>", "", each) for each in folds][::2] == [
        "traceback",
        "the last lines of its output",
    ]


def test_metrics_show_from_where_to_where() -> None:
    run, _ = a_failing_run()
    change = LeafChange("score|a", Difference.CHANGED, 0.5, 0.75)
    moved = summary.Moved("HEAD (1a2b3c4)", "workspace", [("metrics/a.json", change)])
    page = summary.of_run(run, {}, moved)
    assert shown(page, "th")[-3:] == ["HEAD (1a2b3c4)", "workspace", "change"]
    assert shown(page, "td") == ["metrics/a.json", "score|a", "0.5", "0.75", "+0.25 (+50.0%)"]


def test_the_slowest_are_named_where_many_ran() -> None:
    names: Sequence[StageName] = [StageName(f"s{number}") for number in range(10)]
    run = replace(a_failing_run()[0], stages=tuple(names), counts={"ran": 10})
    took = {
        name: ended(name, duration_s=float(1 + place)).state for place, name in enumerate(names)
    }
    page = summary.of_run(run, took)
    assert shown(page, "h4") == ["Slowest"]
    assert shown(page, "td")[-15:-9] == ["s9", "10.0s", "18%", "s8", "9.00s", "16%"]


def test_very_many_stages_are_counted() -> None:
    names = tuple(StageName(f"s{number}") for number in range(250))
    run = replace(a_failing_run()[0], stages=names)
    page = summary.of_run(run, {name: ended(name).state for name in names})
    assert "… and 50 more" in page


def test_problems_and_findings_have_a_page() -> None:
    problem = Problem("no module 'x_y'", "pipeline.py:1", "install it", "Traceback\n  x")
    run = replace(a_failing_run()[0], stages=(), problems=(problem,))
    assert summary.of_run(run, {}) == summary.of_problems([problem])
    assert shown(summary.of_problems([problem]), "p") == [
        "no module 'x_y'; pipeline.py:1; install it"
    ]
    assert summary.of_findings([]) == "### pivot verify: verified\n\n"
    found = [
        Finding(FindingKind.ON_REMOTE, "it is on the remote", path="a.csv"),
        Finding(FindingKind.WOULD_RUN, "no result yet", StageName("train")),
    ]
    assert shown(summary.of_findings(found), "td") == [
        *("would run", "train", "no result yet"),
        *("on remote", "a.csv", "it is on the remote"),
    ]
