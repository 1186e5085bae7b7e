"""Owns the reference pages on the port: its events, and its socket, with every method and value."""

from pivot_core.cli.pages import forms
from pivot_core.model import codec
from pivot_core.port import Accepted, EngineInfo, Event, Published, Refused, Reply, Snapshot, rpc
from pivot_core.port.queries import ANSWERS

EVENTS = "## What happens\n"
METHODS = "## Methods\n"
"""The headings from which on the pages are made; what stands above is written by hand."""


def events() -> str:
    """Returns the second part of ``events.md``."""
    known, values = _events()
    parts = [EVENTS, *map(forms.section, known), "## Values\n", *map(forms.section, values)]
    return "\n".join(parts)


def methods() -> str:
    """Returns the second part of ``socket.md``."""
    known, values = _events()
    places: dict[object, str] = dict.fromkeys([*known, *values], "events.md")
    snapshot, info = forms.kind(Snapshot, places), forms.kind(EngineInfo, places)
    reply = forms.kind(Reply, places)
    parts = [
        METHODS,
        f"### hello\n\nTells who answers.\n\nResult: {info}\n",
        f"### subscribe\n\nBegins a subscription; one a connection.\n\nResult: {snapshot}\n",
        *[_method(name, form, reply, places) for name, form in rpc.COMMANDS.items()],
    ]
    for name, form in rpc.QUERIES.items():
        parts.append(_method(name, form, forms.kind(ANSWERS[form], places), places))
    calls: list[type] = [*rpc.COMMANDS.values(), *rpc.QUERIES.values()]
    roots: list[object] = [EngineInfo, Snapshot, Accepted, Refused, Published]
    roots.extend(part for form in calls for part in forms.inside(form))
    roots.extend(part for answer in ANSWERS.values() for part in forms.parts(answer))
    rest = [form for form in forms.closure(roots) if form not in places]
    parts.extend(["## Values\n", *[forms.section(form, places) for form in rest]])
    return "\n".join(parts)


def _events() -> tuple[list[object], list[object]]:
    """Returns the events, and the values in them."""
    events = list(codec.alternatives(codec.resolve(Event)))
    return events, [form for form in forms.closure(events) if form not in events]


def _method(name: str, form: type, result: str, places: dict[object, str]) -> str:
    lines = [f"### {name}\n", forms.meaning(form), *forms.table(form, places), ""]
    return "\n".join([*lines, f"Result: {result}", ""])
