"""Owns the bytes on the engine's socket: JSON-RPC 2.0, one object a line, commands and queries as methods.

client → engine   {"jsonrpc": "2.0", "id": 1, "method": "run", "params": {"request_id": "…", "targets": [], …}}
engine → client   {"jsonrpc": "2.0", "id": 1, "result": {"type": "Accepted", "run_id": "…"}}
                  {"jsonrpc": "2.0", "id": 1, "error": {"code": 2, "message": "…", "data": {"where": …, "hint": …}}}
engine → client   {"jsonrpc": "2.0", "method": "snapshot", "params": {…}}     after ``subscribe``, and after a gap
                  {"jsonrpc": "2.0", "method": "event", "params": {"seq": 7, "event": {"type": "StageChanged", …}}}
"""

import json
import re
from typing import cast

from pivot_core.errors import (
    Bug,
    DefinitionError,
    PivotError,
    RemoteError,
    StoreError,
    UsageError,
)
from pivot_core.frozen import frozen
from pivot_core.model import codec
from pivot_core.model.ids import Json
from pivot_core.port.commands import (
    CancelRun,
    CancelStage,
    CancelTransfer,
    Command,
    Fetch,
    Pull,
    Push,
    Refresh,
    Run,
    Shutdown,
    Unwatch,
    Watch,
)
from pivot_core.port.queries import (
    CheckRemote,
    CompareRemote,
    Explain,
    ExplainRun,
    FindAffected,
    FindLog,
    History,
    ListArtifacts,
    ListAttempts,
    ListRemotes,
    Query,
    ShowRun,
)

REQUEST_LIMIT = 1 << 20
"""Bytes of one line that an engine accepts."""
MESSAGE_LIMIT = 1 << 28
"""Bytes of one line that a client accepts; a snapshot of 10,000 stages has about ten million."""

SUBSCRIBE = "subscribe"
HELLO = "hello"
"""Answers with the ``EngineInfo``, before anything else is asked."""
EVENT = "event"
SNAPSHOT = "snapshot"


def _method(form: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", form.__name__).lower()


COMMANDS: dict[str, type[Command]] = {
    _method(form): form
    for form in (
        *(Run, CancelRun, CancelStage, Watch, Unwatch, Refresh, Shutdown),
        *(Push, Fetch, Pull, CancelTransfer),
    )
}
QUERIES: dict[str, type[Query]] = {
    _method(form): form
    for form in (
        *(Explain, ExplainRun, FindAffected, FindLog),
        *(History, ListArtifacts, ListAttempts, ShowRun),
        *(CheckRemote, CompareRemote, ListRemotes),
    )
}

_ENCODER = json.JSONEncoder(separators=(",", ":"), check_circular=False)
"""Made once, and what it is given is a tree: a burst of events is encoded in two thirds of the time."""
_ERRORS = {form.exit_code: form for form in (UsageError, DefinitionError, StoreError, RemoteError)}


@frozen
class Request:
    """A call as it arrived; ``params`` is not checked yet."""

    id: Json
    method: str
    params: Json


def request(number: int, call: Command | Query | str) -> bytes:
    """Returns the line that asks for ``call``: a command, a query, ``HELLO`` or ``SUBSCRIBE``."""
    if isinstance(call, str):
        return _line({"id": number, "method": call, "params": {}})
    form = type(call)
    return _line({"id": number, "method": _method(form), "params": codec.to_json(form, call)})


def read_request(line: bytes) -> Request:
    """Returns the request in ``line``; raises ``ValueError`` for anything else."""
    data = cast("object", json.loads(line))
    if not isinstance(data, dict):
        raise ValueError("not a JSON-RPC object")
    given = cast("dict[str, Json]", data)
    method = given.get("method")
    if not isinstance(method, str):
        raise ValueError("a request needs a method")
    return Request(given.get("id"), method, given.get("params") or {})


def result(number: Json, value: Json) -> bytes:
    """Returns the line that answers request ``number``."""
    return _line({"id": number, "result": value})


def failure(number: Json, error: PivotError) -> bytes:
    """Returns the line that says why request ``number`` could not be answered."""
    detail = error.detail if isinstance(error, DefinitionError) else ""
    data: dict[str, Json] = {"where": error.where, "hint": error.hint, "detail": detail}
    return _line(
        {"id": number, "error": {"code": error.exit_code, "message": error.what, "data": data}}
    )


def notification(method: str, params: Json) -> bytes:
    """Returns a line that answers no request."""
    return _line({"method": method, "params": params})


def error_from(data: Json) -> PivotError:
    """Returns the error that a ``failure`` line carries."""
    given = cast("dict[str, Json]", data if isinstance(data, dict) else {})
    more = given.get("data")
    extra = cast("dict[str, Json]", more if isinstance(more, dict) else {})
    code = given.get("code")
    form = _ERRORS.get(code, Bug) if isinstance(code, int) else Bug
    error = form(
        str(given.get("message", "")), str(extra.get("where", "")), str(extra.get("hint", ""))
    )
    if isinstance(error, DefinitionError):
        error.detail = str(extra.get("detail", ""))
    return error


def _line(body: dict[str, Json]) -> bytes:
    return _ENCODER.encode({"jsonrpc": "2.0", **body}).encode() + b"\n"
