"""Owns showing what a run would do, one line a stage, as ``status`` and ``--dry-run`` do; as JSON, and in part."""

from collections.abc import Sequence

from pivot_core.cli import jsonl, look, records, text, words
from pivot_core.cli.console import because
from pivot_core.cli.session import Session
from pivot_core.port import Explanation, TrackedRow, Verdict


def show_json(
    session: Session, plan: Sequence[Explanation], data: Sequence[TrackedRow] = ()
) -> None:
    """Writes the plan as one object, with how tracked data stands."""
    stages = [jsonl.explanation(given) for given in plan]
    tracked = [records.TrackedRecord(path=row.path, state=row.state.value) for row in data]
    jsonl.show(session, records.PlanRecord(schema=records.SCHEMA, stages=stages, tracked=tracked))


def show_lines(session: Session, plan: Sequence[Explanation], *, all_stages: bool) -> None:
    """Writes a line a stage, up-to-date ones only with ``all_stages``, and a line that counts them."""
    shown = [given for given in plan if all_stages or given.verdict is not Verdict.UP_TO_DATE]
    session.out.table(
        [
            (session.out.mark(words.VERDICT[given.verdict]), given.stage, (_note(given), "faint"))
            for given in shown
        ]
    )
    if not session.is_quiet:
        session.out.line((_total(plan), "strong"))


def _note(given: Explanation) -> str:
    if given.problem is not None:
        return "; ".join(filter(None, (given.problem.what, given.problem.hint)))
    return because(given.reasons)


def _total(plan: Sequence[Explanation]) -> str:
    if all(given.verdict is Verdict.UP_TO_DATE for given in plan):
        return f"up to date: {text.plural(len(plan), 'stage')}"
    said = [
        f"{number} {phrase}"
        for verdict, phrase in _PHRASES.items()
        if (number := sum(given.verdict is verdict for given in plan))
    ]
    return f"{text.plural(len(plan), 'stage')}: " + ", ".join(said)


_PHRASES = {
    Verdict.BROKEN: "broken",
    Verdict.WILL_RUN: "would run",
    Verdict.UNKNOWN: "not known before an upstream ran",
    Verdict.RESTORE: "would be restored",
    Verdict.UP_TO_DATE: "up to date",
}


def named(root: str, plan: Sequence[Explanation], targets: Sequence[str]) -> Sequence[Explanation]:
    """Returns what ``plan`` says of the targets themselves; of all stages when there are none.

    ``plan`` was made for the same targets, so that each of them is known to name something.
    """
    if not targets:
        return plan
    exact = {given.stage for given in plan}.intersection(targets)
    named = exact if len(exact) == len(set(targets)) else look.named(root, targets)
    return [given for given in plan if given.stage in named]
