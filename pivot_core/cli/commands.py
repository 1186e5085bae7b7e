"""Owns the table of commands and the options that all of them share; loads a command's module when it is used.

The dashboard contributes ``ui`` by the name of its module: the core does not import it. As an entry point it would have
the metadata of all that is installed read first.
"""

import importlib
import os
from typing import TYPE_CHECKING, cast, override

import click

from pivot_core import __version__
from pivot_core.cli.session import Session
from pivot_core.errors import UsageError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

SECTIONS: dict[str, dict[str, str]] = {
    "Run": {
        "repro": "Run what must run, with everything that it needs.",
        "run": "Run only the named stages.",
        "ui": "Open the dashboard.",
        "status": "Tell what would run, and why.",
        "explain": "Tell in full why a stage would run, or not.",
        "affected": "Tell which stages would run if a file or function changed.",
        "verify": "Check that nothing would run and nothing is lost.",
        "commit": "Record the workspace as the stages' results.",
        "serve": "Run the engine alone, for clients.",
    },
    "Data": {
        "push": "Send results to a remote.",
        "pull": "Bring results from a remote into the workspace.",
        "fetch": "Bring results from a remote into the cache.",
        "checkout": "Restore outputs from the cache.",
        "track": "Record data that no stage makes.",
        "get": "Bring back an artifact as of a commit or run.",
        "gc": "Remove what nothing names any more.",
    },
    "Look": {
        "list": "List the stages.",
        "dag": "Draw the graph of stages.",
        "logs": "Show what a stage printed.",
        "history": "List past runs.",
        "show": "Show a past run.",
        "metrics": "Show metrics, and compare them.",
        "params": "Show params with what gave them, and compare them.",
        "plots": "Show plots, and compare them.",
        "diff": "Show how a data file differs.",
    },
    "Project": {
        "init": "Make a directory a Pivot project.",
        "demo": "Make and run an example project.",
        "import-dvc": "Take over a project of DVC.",
        "config": "Show and change settings.",
        "remote": "List and check remotes.",
        "doctor": "Look at machine and project, and tell what mends them.",
        "schema": "Write the JSON Schema of pivot.yaml.",
        "completion": "Write the script that a shell completes by.",
    },
}

_CONTRIBUTED = {"ui": "pivot_tui.launch"}


class Commands(click.Group):
    """The ``pivot`` command: knows every command by name and loads the one that is asked for."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for section in SECTIONS.values() for name in section]

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = _load(cmd_name)
        if found is not None:
            _share_options(found)
        return found

    @override
    def shell_complete(self, ctx: click.Context, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        # Click's own would load every command, to ask which of them are hidden.
        return [
            *(
                CompletionItem(name, help=said)
                for section in SECTIONS.values()
                for name, said in section.items()
                if name.startswith(incomplete)
            ),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]

    @override
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        found = self.get_command(ctx, name)
        if found is None and ctx.resilient_parsing:
            return None, None, []
        if found is None:
            from pivot_core.model import suggestion

            near = suggestion.nearest(name, self.list_commands(ctx))
            hint = f"did you mean `pivot {near}`?" if near else "`pivot --help` lists them"
            raise UsageError(f"no command '{name}'", hint=hint)
        return name, found, args[1:]

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(section.items()), col_max=12)


def build() -> click.Group:
    """Returns the ``pivot`` command."""
    version = click.Option(
        ["-V", "--version"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        callback=_version,
        help="Show the version and exit.",
    )
    group = Commands(
        "pivot",
        params=[version],
        help=(
            "Pipelines of plain typed Python functions that run only what must run.\n\n"
            "\b\nExamples:\n  pivot demo            try it\n  pivot repro           run what must run\n"
            "  pivot explain train   why would it run?"
        ),
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
        subcommand_metavar="COMMAND [ARGS]...",
    )
    _share_options(group)
    return group


def _load(name: str) -> click.Command | None:
    if name in _CONTRIBUTED:
        return _contributed(name)
    if any(name in section for section in SECTIONS.values()):
        module = importlib.import_module(f"pivot_core.cli.verbs.{name.replace('-', '_')}")
        return cast("click.Command", module.command)
    return None


def _contributed(name: str) -> click.Command:
    module = _CONTRIBUTED[name]
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise UsageError(
            f"`pivot {name}` is not installed",
            hint="install the distribution 'pivot-workbench' with its package 'pivot_tui'",
        ) from error
    return cast("click.Command", found.command)


def _share_options(command: click.Command) -> None:
    """Adds ``-C``, ``-q`` and ``-v``, so that each works before and after the command (and its own commands)."""
    if isinstance(command, click.Group) and not isinstance(command, Commands):
        for inner in command.commands.values():
            _share_options(inner)
    taken = {name for param in command.params for name in param.opts}
    for option in (
        click.Option(
            ["-C"],
            metavar="DIR",
            multiple=True,
            expose_value=False,
            is_eager=True,
            callback=_enter,
            help="Work as if started in DIR.",
        ),
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_quieter,
            help="Say only results and errors.",
        ),
        click.Option(
            ["-v", "--verbose"],
            count=True,
            expose_value=False,
            callback=_louder,
            help="Say more; twice: log lines too.",
        ),
    ):
        if not taken.intersection(option.opts):
            command.params.append(option)


def _enter(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> None:
    del ctx, param
    for directory in value:
        try:
            os.chdir(directory)
        except OSError as error:
            raise UsageError(
                f"cannot work in '{directory}'", hint=(error.strerror or str(error)).lower()
            ) from error


def _quieter(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    ctx.ensure_object(Session).verbosity -= value


def _louder(ctx: click.Context, param: click.Parameter, value: int) -> None:
    del param
    session = ctx.ensure_object(Session)
    session.verbosity += value
    if session.verbosity > 1 and value:
        session.show_log_lines()


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    del param
    if value and not ctx.resilient_parsing:
        click.echo(f"pivot {__version__}")
        ctx.exit()
