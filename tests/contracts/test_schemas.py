"""What programs read is described by schemas, and the schemas describe what is written."""

import json
import re
from typing import cast

import click
import pytest
from jsonschema import Draft202012Validator

from pivot_core.cli import commands, reference
from pivot_core.model import codec
from pivot_core.model.ids import Json
from pivot_core.port import Artifacts, Attempts, Explanations, Snapshot
from tests.contracts.sources import ROOT
from tests.support import schemas
from tests.tui import scenes

NOT_OF_COMMANDS = {"events", "socket", "pivot.yaml"}


def commands_with_json(command: click.Command, path: tuple[str, ...] = ()) -> set[str]:
    """Returns the names of the commands that can write JSON, such as ``metrics-diff``."""
    if isinstance(command, click.Group):
        found = [commands_with_json(each, (*path, name)) for name, each in command.commands.items()]
        return set[str]().union(*found)
    return {"-".join(path)} if any("--json" in each.opts for each in command.params) else set()


def all_of_them() -> set[str]:
    group = commands.build()
    names = group.list_commands(click.Context(group))
    found = {name: group.get_command(click.Context(group), name) for name in names}
    return set[str]().union(
        *[commands_with_json(each, (name,)) for name, each in found.items() if each is not None]
    )


@pytest.mark.parametrize("name", sorted(schemas.names()))
def test_a_schema_is_one(name: str) -> None:
    schema = cast("Json", json.loads((schemas.SCHEMAS / f"{name}.json").read_text()))
    Draft202012Validator.check_schema(cast("dict[str, Json]", schema))


def test_each_command_that_writes_json_has_a_schema() -> None:
    described = {name.replace(" ", "-") for name in reference.command_schemas()}
    assert described == all_of_them()
    assert schemas.names() == described | NOT_OF_COMMANDS


def test_the_json_of_each_command_is_written_by_a_test() -> None:
    """``tests.cli.project`` holds against the schema whatever its commands write."""
    call = re.compile(r'\.pivot\(\s*"([a-z-]+)"(?:, "([a-z]+)")?[^()]*"--json"')
    text = "".join(path.read_text() for path in (ROOT / "tests" / "cli").glob("test_*.py"))
    tried = {part for one, two in call.findall(text) for part in (one, f"{one}-{two}")}
    assert all_of_them() - tried == set()


def test_what_the_socket_carries_fits_its_schema() -> None:
    """The port's page has the other lines; ``tests.contracts.test_documents`` holds them against it."""
    snapshots = (scenes.a_run_in_progress(), scenes.a_sweep(), scenes.broken())
    told = [codec.to_json(Snapshot, each) for each in snapshots]
    asked = [codec.to_json(Explanations, tuple(scenes.explanations().values()))]
    asked.append(codec.to_json(Artifacts, scenes.artifacts()))
    asked.append(codec.to_json(Attempts, scenes.attempts()))
    for params in told:
        schemas.check("socket", {"jsonrpc": "2.0", "method": "snapshot", "params": params})
    for result in [*told, *asked]:
        schemas.check("socket", {"jsonrpc": "2.0", "id": 1, "result": result})
    wrong: Json = {"jsonrpc": "2.0", "id": 1, "result": {"type": "Nonsense"}}
    with pytest.raises(AssertionError):
        schemas.check("socket", wrong)


def test_what_no_schema_names_is_refused() -> None:
    event: dict[str, Json] = {"type": "EngineEnding", "why": "idle"}
    schemas.check("events", event)
    for wrong in ({**event, "more": 1}, {"type": "EngineEnding"}, {**event, "type": "Nonsense"}):
        with pytest.raises(AssertionError):
            schemas.check("events", cast("Json", wrong))
