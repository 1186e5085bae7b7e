"""Owns ``pivot config``: shows and changes settings."""

import json
from collections.abc import Callable

import click

from pivot_core.cli import jsonl, project, records
from pivot_core.cli.results import Scope
from pivot_core.cli.session import Session
from pivot_core.model.ids import Json


@click.group("config")
def command() -> None:
    """Show and change settings.

    Later places win: what is built in; yours, for all projects ($XDG_CONFIG_HOME/pivot/config.yaml);
    the project's (.pivot/config.yaml); this machine's (.pivot/config.local.yaml, kept out of git).

    \b
    Examples:
      pivot config list
      pivot config get cache.link
      pivot config set cache.link hardlink,copy
    """


def _scope[F: Callable[..., object]](function: F) -> F:
    """Adds the options that choose a file; the project's is the default."""
    user = click.option(
        "--user", "scope", flag_value=Scope.USER.value, help="In your own settings."
    )
    local = click.option("--local", "scope", flag_value=Scope.LOCAL.value, help="On this machine.")
    return user(local(function))


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.pass_obj
def list_settings(session: Session, *, as_json: bool) -> int:
    """List every setting: key, value, and where it was set.

    \b
    Example:
      pivot config list
    """
    settings = project.config_entries(project.find_root(None))
    if as_json:
        record = records.ConfigRecord(
            schema=records.SCHEMA, settings=[jsonl.setting(given) for given in settings]
        )
        jsonl.show(session, record)
        return 0
    session.out.table(
        [
            (
                setting.key,
                _shown(setting.value),
                ("" if setting.scope is Scope.DEFAULT else setting.scope.value, "faint"),
            )
            for setting in settings
        ]
    )
    return 0


@command.command("get")
@click.argument("key")
@click.pass_obj
def get_setting(session: Session, key: str) -> int:
    """Show the value of KEY as it takes effect.

    \b
    Example:
      pivot config get run.jobs
    """
    session.out.line(_shown(project.config_get(project.find_root(None), key)))
    return 0


@command.command("set")
@click.argument("key")
@click.argument("value")
@_scope
@click.pass_obj
def set_setting(session: Session, key: str, value: str, *, scope: str | None) -> int:
    """Set KEY to VALUE; several values are separated by commas.

    \b
    Examples:
      pivot config set run.jobs 4
      pivot config set cache.link hardlink,copy --local
    """
    del session
    project.config_set(project.find_root(None), key, value, Scope(scope or Scope.PROJECT.value))
    return 0


@command.command("unset")
@click.argument("key")
@_scope
@click.pass_obj
def unset_setting(session: Session, key: str, *, scope: str | None) -> int:
    """Remove KEY, so that what is set elsewhere or built in takes effect.

    \b
    Example:
      pivot config unset run.jobs
    """
    del session
    project.config_unset(project.find_root(None), key, Scope(scope or Scope.PROJECT.value))
    return 0


def _shown(value: Json) -> str:
    """Returns a value as ``set`` takes it."""
    match value:
        case str():
            return value
        case list():
            return ",".join(_shown(item) for item in value)
        case _:
            return json.dumps(value)
