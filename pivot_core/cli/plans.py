"""Owns showing what a run would do: one line a stage for ``status`` and ``--dry-run``, in full for ``explain``."""

from collections.abc import Sequence

from pivot_core.cli import compose, jsonl, problem, records, text, words
from pivot_core.cli.console import because
from pivot_core.cli.paper import Paper
from pivot_core.cli.session import Session
from pivot_core.port import (
    CodeChanged,
    DepChanged,
    Explanation,
    OutAltered,
    ParamChanged,
    Reason,
    StageRow,
    Verdict,
    headline,
)

_HASH_CELLS = 8
_TIERS = {1: "generations", 2: "lock file", 3: "run cache"}


def show_json(session: Session, plan: Sequence[Explanation]) -> None:
    """Writes the plan as one object."""
    stages = [jsonl.explanation(given) for given in plan]
    jsonl.show(session, records.PlanRecord(schema=records.SCHEMA, stages=stages))


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


def show_in_full(session: Session, plan: Sequence[Explanation]) -> None:
    """Writes for each stage the verdict and every reason."""
    for index, given in enumerate(plan):
        if index:
            session.out.line()
        _explain(session, given)


def _explain(session: Session, given: Explanation) -> None:
    out = session.out
    mark = words.VERDICT[given.verdict]
    out.line((given.stage, "strong"), "  ", (_VERDICTS[given.verdict], mark.style))
    if given.problem is not None:
        problem.show(out, (given.problem,))
    for reason in given.reasons:
        _show_reason(out, reason)
    if given.tier is not None:
        name = _TIERS.get(given.tier, "")
        out.line((f"  decided by tier {given.tier}" + (f" ({name})" if name else ""), "faint"))
    if given.unchanged and session.is_verbose:
        out.line(("  unchanged:", "faint"))
        for name in given.unchanged:
            out.line("    ", name)
    elif given.unchanged:
        count = len(given.unchanged)
        out.line(
            (
                f"  {count} unchanged input{'s' * (count > 1)} or param{'s' * (count > 1)} (-v lists them)",
                "faint",
            )
        )
    for caveat in given.caveats:
        out.line(("  note: ", "due"), caveat)
    if given.code is not None and session.is_verbose:
        out.line((f"  code {given.code}", "faint"))


_VERDICTS = {
    Verdict.WILL_RUN: "will run",
    Verdict.RESTORE: "will be restored from the cache",
    Verdict.UP_TO_DATE: "is up to date",
    Verdict.UNKNOWN: "cannot be known before its upstreams ran",
    Verdict.BROKEN: "cannot run",
}


def _show_reason(out: Paper, reason: Reason) -> None:
    where = reason.where if isinstance(reason, CodeChanged) else None
    at = "" if where is None else f" ({where})"
    out.line(("  ~ ", "due"), headline(reason), (at, "faint"))
    for label, value in _facts(reason):
        out.line(("      " + label.ljust(6), "faint"), value)


def _facts(reason: Reason) -> list[tuple[str, str]]:
    """Returns what a reason knows beyond its headline, as label and value."""
    match reason:
        case CodeChanged(old=old, new=new):
            return _change(old, new)
        case DepChanged(old=old, new=new, producer=producer):
            by = [] if producer is None else [("by", f"stage '{producer}' writes it")]
            return [*_change(old, new), *by]
        case OutAltered(old=old, new=new):
            return _change(old, new)
        case ParamChanged(old=old, new=new, had=True, has=True) if len(f"{old!r}{new!r}") > 60:
            return [("old", repr(old)), ("new", repr(new))]
        case _:
            return []


def _change(old: str | None, new: str | None) -> list[tuple[str, str]]:
    if old is None or new is None:
        return []
    return [("hash", f"{old[:_HASH_CELLS]} → {new[:_HASH_CELLS]}")]


def _note(given: Explanation) -> str:
    if given.problem is not None:
        return given.problem.what
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
    wanted = {given.stage for given in plan for target in targets if _names(given, target)}
    paths = [path for path in targets if not any(_names(given, path) for given in plan)]
    if paths:
        _, rows = compose.stage_rows(root)
        wanted.update(row.name for row in rows for path in paths if _writes(row, path))
    return [given for given in plan if given.stage in wanted]


def _names(given: Explanation, target: str) -> bool:
    return given.stage == target or given.stage.startswith(f"{target}@")


def _writes(row: StageRow, path: str) -> bool:
    """Tells whether an output of the stage is ``path``, lies below it, or is a directory around it."""
    plain = path.removesuffix("/")
    return any(
        f"{out.path}/".startswith(f"{plain}/")
        or (out.path.endswith("/") and plain.startswith(out.path))
        for out in row.outs
    )
