"""``--json`` output has the documented shape, and the documents are those of the code."""

import json
from pathlib import Path
from typing import cast

from pydantic import ConfigDict, TypeAdapter

from pivot_core.cli import jsonl, records, reference, result_records
from pivot_core.cli.jsonl import Lines
from pivot_core.port import (
    Explanation,
    Forced,
    Notice,
    Problem,
    RunStarted,
    StageChanged,
    StageName,
    UpstreamRuns,
    Verdict,
)
from tests.unit.cli_runs import CODE, DEP, PARAM, Screen, a_failing_run, a_row

DOCS = Path(__file__).parents[2] / "docs" / "reference"


def check(form: type, record: object) -> None:
    """Raises unless ``record`` has exactly the fields of ``form``, of the declared types."""
    for each in (*vars(records).values(), *vars(result_records).values()):
        if isinstance(each, type) and each.__name__.endswith("Record"):
            each.__pydantic_config__ = ConfigDict(extra="forbid", strict=True)
    TypeAdapter(form).validate_json(json.dumps(record))


def lines_of_a_run() -> list[dict[str, object]]:
    screen = Screen()
    printer = Lines(screen.session)
    run, events = a_failing_run()
    for event in events:
        match event:
            case RunStarted(run, _):
                printer.begin(run, {})
            case StageChanged(stage, state):
                printer.stage(run, stage, state)
            case Notice() as notice:
                printer.notice(notice)
            case _:
                pass
    printer.finish(a_failing_run()[0], {})
    return [
        cast("dict[str, object]", json.loads(line)) for line in screen.out.getvalue().splitlines()
    ]


def test_each_line_of_a_run_has_its_documented_shape() -> None:
    forms: dict[object, type] = {
        "run_started": records.RunStartedRecord,
        "stage": records.StageRecord,
        "notice": records.NoticeRecord,
        "run_finished": records.RunFinishedRecord,
    }
    lines = lines_of_a_run()
    for line in lines:
        check(forms[line["event"]], line)
    assert [line["event"] for line in lines] == [
        "run_started", "notice", "stage", "stage", "stage", "stage", "stage", "stage", "run_finished",
    ]  # fmt: skip


def test_an_explanation_has_its_documented_shape() -> None:
    reasons = (CODE, PARAM, DEP, Forced(), UpstreamRuns((StageName("raw"),)))
    given = Explanation(
        StageName("train"),
        Verdict.BROKEN,
        2,
        reasons,
        ("data/in.csv",),
        ("note",),
        None,
        Problem("a", "b", "c"),
    )
    check(records.ExplanationRecord, jsonl.explanation(given))
    check(records.StageRowRecord, jsonl.stage_row(a_row("train", "raw")))


def test_a_reason_says_its_kind_its_words_and_what_it_knows() -> None:
    assert jsonl.reason(PARAM) == {
        "kind": "ParamChanged",
        "text": "param rate: 0.1 → 0.2",
        "detail": {"name": "rate", "old": 0.1, "new": 0.2, "had": True, "has": True},
    }


def test_json_is_ascii_whatever_a_stage_says() -> None:
    screen = Screen()
    jsonl.show(screen.session, {"said": "\x1b[31m\u202e\x9b データ \ud800"})
    written = screen.out.getvalue()
    assert written.isascii()
    assert "\x1b" not in written


def test_the_reference_pages_are_those_of_the_code() -> None:
    made = reference.files(str(DOCS))
    stale = [name for name, text in made.items() if (DOCS / name).read_text() != text]
    assert stale == [], "run `python -m pivot_core.cli.reference docs/reference`"
