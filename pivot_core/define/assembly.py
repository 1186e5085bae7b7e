"""Owns making one project of its definitions: names that collide get their pipeline's directory in front.

The stages of all pipelines are one graph, so a dep that another pipeline writes is its out, wherever one stands.
"""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pivot_core.define import discover, overrides
from pivot_core.define.load import ErrorReport, LoadReport
from pivot_core.define.observe import Observed
from pivot_core.errors import DefinitionError
from pivot_core.frozen import frozen
from pivot_core.model import codec
from pivot_core.model.fingerprint import Reading
from pivot_core.model.stage import Stage

type Prefixed = Mapping[str, tuple[str, ...]]
"""Definition file → its stages' own names that get its directory in front, sorted; no entry for none."""


@frozen
class Definitions:
    """The stages of a project; the graph of each pipeline's has been built once and is sound."""

    project: str
    """The name of the pipeline in the root; of the root itself where that has none."""
    stages: tuple[Stage, ...]
    observed: Observed
    uses: Mapping[str, Sequence[str] | None]
    readings: tuple[Reading, ...] = ()
    """What project code read while it was imported."""


def prefixes(reports: Sequence[LoadReport]) -> Prefixed:
    """Returns which names collide: those that several pipelines have. The root's keeps them as they are."""
    own = _own(reports)
    counts = Counter(name for report in own for name in report["names"])
    found = dict[str, tuple[str, ...]]()
    for report in own:
        names = tuple(name for name in report["names"] if counts[name] > 1)
        if names and discover.home(report["definition"]):
            found[report["definition"]] = names
    return found


def assemble(reports: Sequence[LoadReport], root: str) -> Definitions:
    """Returns what all definitions say, without importing anything of the author's.

    Raises ``DefinitionError`` for the first mistake, with the others in it.
    """
    own = _own(reports)
    errors = [_error(each) for report in own for each in report["errors"]]
    known = [name for report in own for name in report["known"]]
    entries = {name: place for report in own for name, place in report["entries"].items()}
    if known:
        errors += overrides.check_names(entries, known)
    errors = list({(each.what, each.where): each for each in errors}.values())
    if errors:
        first, *others = errors
        raise DefinitionError(
            first.what, first.where, first.hint, others=tuple(others), detail=first.detail
        )
    readings = [codec.from_json(Reading, each) for report in own for each in report["readings"]]
    names = [report["pipeline"] for report in own if not discover.home(report["definition"])]
    return Definitions(
        next(iter(names), "") or os.path.basename(root),
        tuple([codec.from_json(Stage, each) for report in own for each in report["stages"]]),
        _observed([report["observed"] for report in reports]),
        _uses(reports),
        tuple(dict.fromkeys(readings)),
    )


def _own(reports: Sequence[LoadReport]) -> list[LoadReport]:
    """Leaves out definitions below the root whose stages another one has taken in with ``include``."""
    return [
        report
        for report in reports
        if not discover.home(report["definition"])
        or not any(
            report["definition"] in other["registered"] for other in reports if other is not report
        )
    ]


def _observed(given: Sequence[Observed]) -> Observed:
    """Puts together what loading each definition depended on; what two saw differently makes it unsafe."""
    unsafe = {reason for each in given for reason in each["unsafe"]}
    unsafe.update(
        f"'{path}' changes while the definition is loaded"
        for each in given
        for path in each["changed"]
    )

    def merged[V](maps: Iterable[Mapping[str, V]]) -> dict[str, V]:
        found = dict[str, V]()
        for each in maps:
            unsafe.update(
                f"'{key}' changed while the definitions were loaded"
                for key in found.keys() & each.keys()
                if found[key] != each[key]
            )
            found.update(each)
        return {key: found[key] for key in sorted(found)}

    def united(lists: Iterable[Iterable[str]]) -> list[str]:
        return sorted({path for each in lists for path in each})

    return Observed(
        files=united(each["files"] for each in given),
        sources=merged(each["sources"] for each in given),
        contents=merged(each["contents"] for each in given),
        directories=united(each["directories"] for each in given),
        listed=merged(each["listed"] for each in given),
        absent=united(each["absent"] for each in given),
        searched=merged(each["searched"] for each in given),
        environment=merged(each["environment"] for each in given),
        sought=united(each["sought"] for each in given),
        changed=united(each["changed"] for each in given),
        unsafe=sorted(unsafe),
    )


def _uses(reports: Sequence[LoadReport]) -> Mapping[str, Sequence[str] | None]:
    found = dict[str, Sequence[str] | None]()
    for report in reports:
        for path, names in report["uses"].items():
            known = found.get(path, ())
            found[path] = None if names is None or known is None else sorted({*known, *names})
    return found


def _error(item: ErrorReport) -> DefinitionError:
    return DefinitionError(item["what"], item["where"], item["hint"], detail=item["detail"])
