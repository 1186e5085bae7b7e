"""Starting: help and version answer at once, every command helps itself, options stand anywhere."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import cast

import click
import pytest

from pivot_core import __version__
from pivot_core.cli import commands
from tests.cli.project import Project

HEAVY = (
    "textual",
    "rich",
    "pydantic",
    "aiobotocore",
    "loky",
    "asyncio",
    "lmdb",
    "yaml",
    "pivot_tui",
)


def loaded(*arguments: str) -> set[str]:
    """Returns the modules that a process, without coverage, has loaded when ``pivot`` ends."""
    plain = {name: text for name, text in os.environ.items() if not name.startswith("COVERAGE_")}
    program = (
        "import json, sys; sys.argv = ['pivot', *sys.argv[1:]]\n"
        "from pivot_core.cli.main import main\n"
        "main(); print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        env=plain,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return set(cast("list[str]", json.loads(done.stderr.splitlines()[-1])))


def test_the_version_needs_not_even_click(tmp_path: Path) -> None:
    assert Project(tmp_path).pivot("--version").ok().out == f"pivot {__version__}\n"
    modules = loaded("--version")
    assert not modules & {"click", "dataclasses", "importlib.metadata", *HEAVY}


def test_help_loads_no_command_and_nothing_heavy() -> None:
    modules = loaded("--help")
    assert not modules & {*HEAVY, "importlib.metadata", "dataclasses"}
    assert not [
        name for name in modules if name.startswith(("pivot_core.cli.verbs.", "pivot_core.engine"))
    ]


def test_without_arguments_help_is_shown(tmp_path: Path) -> None:
    project = Project(tmp_path)
    assert project.pivot().ok().out == project.pivot("--help").ok().out


def every_command() -> list[tuple[str, click.Command]]:
    """Returns all of our commands with their full names."""
    group = commands.build()
    context = click.Context(group)
    found = list[tuple[str, click.Command]]()
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found.append((name, command))
        if isinstance(command, click.Group):
            found.extend((f"{name} {inner}", each) for inner, each in command.commands.items())
    return found


@pytest.mark.parametrize(("name", "command"), every_command())
def test_each_command_has_an_example_and_the_options_that_all_share(
    name: str, command: click.Command
) -> None:
    options = {option for param in command.params for option in param.opts}
    assert "Example" in (command.help or "")
    assert f"pivot {name}" in (command.help or "")
    assert {"-C", "-q", "-v"} <= options


def test_each_option_says_what_it_does() -> None:
    silent = [
        (name, param.name)
        for name, command in every_command()
        for param in command.params
        if isinstance(param, click.Option) and not param.help
    ]
    assert silent == []
