"""Owns showing why in full: each reason with its place, the way to it, the lines that differ, who wrote it."""

from collections.abc import Iterable, Iterator, Sequence

from pivot_core.cli import problem, text, words
from pivot_core.cli.paper import Paper, Part
from pivot_core.cli.session import Session
from pivot_core.model.fingerprint import reading_of
from pivot_core.port import (
    Account,
    CodeChanged,
    DepChanged,
    Edit,
    Evidence,
    Explanation,
    Origin,
    OutAltered,
    ParamChanged,
    Reason,
    StageName,
    Status,
    Verdict,
    headline,
)

_HASH_CELLS = 8
_DIFF_LINES = 60
"""How much of one diff is shown without ``-v``."""
_NEW_LINES = 20
"""The same for a definition that was added or removed as a whole."""
_TIERS = {0: "the plan check", 1: "generations", 2: "the lock file", 3: "the run cache"}
_VERDICTS = {
    Verdict.WILL_RUN: "will run",
    Verdict.RESTORE: "will be restored from the cache",
    Verdict.UP_TO_DATE: "is up to date",
    Verdict.UNKNOWN: "cannot be known before its upstreams ran",
    Verdict.BROKEN: "cannot run",
}
_NOTHING = Evidence({}, {})
_SAME_TEXT = "no line of it differs: a condition around it, or what it refers to, has changed"


def show_plan(session: Session, plan: Sequence[Explanation]) -> None:
    """Writes for each stage the verdict, every reason with its evidence, and what is unchanged."""
    causes = _Causes(session)
    was_long = False
    for index, given in enumerate(plan):
        is_long = given.verdict is not Verdict.UP_TO_DATE or session.is_verbose
        if index and (is_long or was_long):
            session.out.line()
        _explain(session, given, causes)
        was_long = is_long


def show_past(session: Session, accounts: Sequence[Account]) -> None:
    """Writes for each stage of a past run what became of it, and every reason with its evidence."""
    causes = _Causes(session)
    told = [each for each in accounts if session.is_verbose or each.state.status is not Status.SAME]
    for given in told:
        session.out.line()
        _recount(session, given, causes)
    if len(told) < len(accounts):
        count = len(accounts) - len(told)
        session.out.line()
        session.out.line((f"{text.plural(count, 'stage')} up to date (-v lists them)", "faint"))


def _explain(session: Session, given: Explanation, causes: "_Causes") -> None:
    out, known = session.out, given.evidence or _NOTHING
    said = _VERDICTS[given.verdict]
    because = "" if given.tier is None else f"tier {given.tier}, {_TIERS[given.tier]}"
    same = ", ".join(_same(known))
    is_short = given.verdict is Verdict.UP_TO_DATE and not session.is_verbose
    tail = "; ".join(filter(None, [because, f"{same} unchanged" if same and is_short else ""]))
    out.line(
        (given.stage, "strong"), "  ", (said, words.VERDICT[given.verdict].style),
        (f"  ({tail})" if tail else "", "faint"),
    )  # fmt: skip
    if given.problem is not None:
        problem.show(out, (given.problem,))
    causes.show(given.stage, given.reasons, known)
    for caveat in given.caveats:
        out.line(("  note: ", "due"), caveat)
    _show_packages(session, known)
    if session.is_verbose:
        _list_same(out, known)
        if given.code is not None:
            out.line((f"  code {given.code}", "faint"))
    elif same and not is_short:
        out.line((f"  unchanged: {same} (-v lists them)", "faint"))


def _recount(session: Session, given: Account, causes: "_Causes") -> None:
    state, mark = given.state, words.STATUS[given.state.status]
    took = "" if state.duration_s is None else f" in {text.duration(state.duration_s)}"
    because = "" if state.tier is None else f"tier {state.tier}, {_TIERS[state.tier]}"
    if state.by:
        because = "by " + ", ".join(state.by)
    session.out.line(
        (given.stage, "strong"), "  ", (mark.word, mark.style), took,
        (f"  ({because})" if because else "", "faint"),
    )  # fmt: skip
    causes.show(given.stage, state.reasons, given.evidence)
    if state.failure is not None:
        session.out.line(("  failed: ", "bad"), state.failure.message)


class _Causes:
    """Writes the reasons of one stage after the other; lines that differ are shown once."""

    def __init__(self, session: Session) -> None:
        self._out: Paper = session.out
        self._is_verbose: bool = session.is_verbose
        self._shown: dict[tuple[str, str], StageName] = {}
        """Symbol and diff to the stage at which they were shown."""

    def show(self, stage: StageName, reasons: Sequence[Reason], known: Evidence) -> None:
        """Writes every reason; symbols whose own text is the same are only named when another one's is not."""
        same = [each for each in reasons if isinstance(each, CodeChanged) and _is_same(each, known)]
        if not any(known.diffs.values()):
            same = []
        for reason in reasons:
            if reason not in same:
                self._reason(stage, reason, known)
        if same:
            names = ", ".join(spoken(each.symbol) for each in same)
            self._out.line(("  ~ ", "due"), "the same text, but not the same code: ", names)

    def _reason(self, stage: StageName, reason: Reason, known: Evidence) -> None:
        where = reason.where if isinstance(reason, CodeChanged) else None
        at = "" if where is None else f" ({where})"
        self._out.line(("  ~ ", "due"), headline(reason), (at, "faint"))
        for parts in self._facts(reason, known):
            self._out.line("      ", *parts)
        diff = known.diffs.get(reason.symbol) if isinstance(reason, CodeChanged) else None
        if diff and isinstance(reason, CodeChanged):
            other = self._shown.setdefault((reason.symbol, diff), stage)
            if other == stage:
                self._diff(diff, _DIFF_LINES if reason.edit is Edit.CHANGED else _NEW_LINES)
            else:
                self._out.line("      ", (f"by the same lines as '{other}'", "faint"))

    def _facts(self, reason: Reason, known: Evidence) -> Iterator[Sequence[Part]]:
        """Yields what is known beyond a reason's headline, a line each."""
        match reason:
            case CodeChanged():
                yield from _code_facts(reason, known)
                if self._is_verbose and reason.old and reason.new:
                    yield (("hash  ", "faint"), _change(reason.old, reason.new))
            case DepChanged(path=path, old=old, new=new, producer=producer):
                if old is not None and new is not None:
                    yield (("hash  ", "faint"), _change(old, new))
                if path in known.origins:
                    yield (("by    ", "faint"), _author(known.origins[path]))
                elif producer is not None and new is not None:
                    said = f"stage '{producer}' writes it; who wrote this is not known here"
                    yield (("by    ", "faint"), said)
            case OutAltered(old=old, new=new):
                yield (("hash  ", "faint"), _change(old, new))
            case ParamChanged(old=old, new=new, had=True, has=True) if len(f"{old!r}{new!r}") > 60:
                yield (("old   ", "faint"), repr(old))
                yield (("new   ", "faint"), repr(new))
            case _:
                pass

    def _diff(self, diff: str, limit: int) -> None:
        """Writes a unified diff; its first ``limit`` lines, unless all are wanted."""
        rows = diff.removesuffix("\n").split("\n")
        shown = rows if self._is_verbose else rows[:limit]
        self._out.line()
        for row in shown:
            style = {"+": "added", "-": "removed", "@": "faint"}.get(row[:1], "")
            self._out.folded(row, indent="      ", style=style)
        if len(shown) < len(rows):
            more = text.plural(len(rows) - len(shown), "more line")
            self._out.line((f"      … {more} (-v shows them)", "faint"))
        self._out.line()


def _code_facts(reason: CodeChanged, known: Evidence) -> Iterator[Sequence[Part]]:
    if len(reason.route) > 1:
        yield (("via   ", "faint"), route(reason.route))
    if _is_same(reason, known):
        yield ((_SAME_TEXT, "faint"),)
    elif reason.symbol not in known.diffs and _has_source(reason.symbol):
        yield (("which lines differ is not known here", "faint"),)


def _is_same(reason: CodeChanged, known: Evidence) -> bool:
    """Tells whether no line of a symbol differs."""
    return known.diffs.get(reason.symbol) == ""


def route(symbols: Sequence[str]) -> str:
    """Returns the steps from a stage's function to a symbol as people say it: other modules' names are qualified."""
    own = symbols[0].partition(":")[0]
    return " → ".join(
        symbol.partition(":")[2]
        if symbol.startswith(f"{own}:") and symbol != f"{own}:*"
        else spoken(symbol)
        for symbol in symbols
    )


def spoken(symbol: str) -> str:
    """Returns a symbol as people say it: ``lib.shapes.Circle``, or what was read: ``file limits.json``."""
    read = reading_of(symbol)
    return symbol.replace(":", ".") if read is None else f"{read[0].label} {read[1]}"


def _has_source(symbol: str) -> bool:
    """Tells whether a symbol stands for a definition, and not for an order, a value or the whole."""
    return ":" in symbol and "<" not in symbol


def _author(origin: Origin) -> str:
    when = text.moment(origin.at)
    if origin.run_id is None:
        return f"stage '{origin.stage}', recorded by hand, {when}"
    did = "restored" if origin.is_restored else "written"
    return f"stage '{origin.stage}', {did} in run {origin.run_id}, {when}"


def _change(old: str, new: str) -> str:
    return f"{old[:_HASH_CELLS]} → {new[:_HASH_CELLS]}"


def _same(known: Evidence) -> list[str]:
    """Says how much is unchanged of what."""
    groups = (("symbol", known.same_code), ("input", known.same_deps), ("param", known.same_params))
    return [text.plural(len(names), noun) for noun, names in groups if names]


def _list_same(out: Paper, known: Evidence) -> None:
    rows = list[tuple[str, Iterable[str]]](
        [
            ("code", map(spoken, known.same_code)),
            ("inputs", known.same_deps),
            ("params", known.same_params),
        ]
    )
    for label, names in rows:
        for index, name in enumerate(names):
            lead = f"  unchanged {label:<6}  " if index == 0 else " " * 20
            out.line((lead, "faint"), name)


def _show_packages(session: Session, known: Evidence) -> None:
    """Writes the packages that the stage's code imports: those of another version than last time, with ``-v`` all."""
    for each in known.packages:
        is_other = each.before is not None and each.before != each.version
        if is_other:
            said = (
                f"{each.name} {each.version} is installed, its outputs were made with {each.before}"
            )
            session.out.line(("  note: ", "due"), f"{said}: this does not count")
    if session.is_verbose and known.packages:
        names = ", ".join(f"{each.name} {each.version}" for each in known.packages)
        session.out.line(("  packages            ", "faint"), names)
