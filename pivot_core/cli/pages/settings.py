"""Owns the reference pages on settings and exit codes."""

from collections.abc import Mapping
from typing import cast

from pivot_core.errors import Bug, DefinitionError, RemoteError, StoreError, UsageError
from pivot_core.model.ids import Json
from pivot_core.model.remote import RemoteSettings
from pivot_core.store.config import Config
from pivot_core.store.settings import KEYS, REMOTE_KEYS, Key

_CONFIG = """\
# Settings

What `pivot config set KEY VALUE` takes. Where settings come from, and which ones people change, is told in
[configuration](../guide/configuration.md).

## Keys

| key | takes | default | |
| --- | --- | --- | --- |
{keys}

Where a value is a list, commas separate its parts: `pivot config set cache.link hardlink,copy`.

## Keys of a remote

`remotes.NAME: URL` is short for `remotes.NAME.url`. A name has letters, digits, `-` and `_`.

| key | takes | default | |
| --- | --- | --- | --- |
{remotes}

## Environment variables

| variable | |
| --- | --- |
| `PIVOT_CACHE_DIR` | the cache, in place of `cache.dir` of every file |
| `PIVOT_NESTED_PARALLELISM` | `processes` lets joblib inside a stage start processes; threads by default |
| `PIVOT_NO_PICKLE` | `1` refuses to read and to write pickles |
| `PIVOT_ASCII` | `1` shows no symbols beyond ASCII |
| `PIVOT_DEBUG` | `1` shows where a bug of Pivot happened |
| `NO_COLOR` | anything but empty turns colours off |
| `FORCE_COLOR` | `1` turns colours on where no terminal is |
| `XDG_CONFIG_HOME` | where the settings of a user lie: `pivot/config.yaml` below it, else below `~/.config` |
| `XDG_RUNTIME_DIR` | where the engine's socket lies when its path in the project would be too long |
| `AWS_*` | credentials and region, as for every program that speaks to S3 |
"""
_SAID: Mapping[str, str] = {
    "cache.dir": "`.pivot/cache`",
    "default_remote": "the only one",
    "run.isolation": "`fork` on Linux, else `worker`",
    "run.jobs": "the CPUs of this process",
    "workers.max_memory": "any number",
    "ui.keys": "the [keys of the dashboard](../guide/dashboard.md#keys)",
}
"""Defaults that no value tells."""

_EXIT_CODES = """\
# Exit codes

What every command exits with, and so what a script or CI may rely on. `pivot repro --json` repeats it in its last line.

| code | name | meaning |
| ---: | --- | --- |
| 0 | | done |
| 1 | | a stage failed, or `verify`, `checkout` or `doctor` found something |
{errors}
| 130 | | interrupted by Ctrl-C |
| 141 | | the reader of the output went away |
| 143 | | ended by SIGTERM |

An error is written to stderr in three parts: what happened, where, and what to do. On the [socket](socket.md) its code
is the same number.
"""
_ERRORS = {
    UsageError: "usage: a bad option or setting, an unknown stage, remote or revision, no project here",
    DefinitionError: "the definition is wrong: all its mistakes are told at once",
    StoreError: "the cache, the state or the disk cannot be used",
    RemoteError: "a remote cannot be used, or something did not arrive",
    Bug: "a bug of Pivot",
}


def config_page() -> str:
    """Returns ``config.md``."""
    keys = [_row(name, key, _default(name, key, Config())) for name, key in KEYS.items()]
    remotes = list[str]()
    for name, key in REMOTE_KEYS.items():
        default = _default(name, key, RemoteSettings("origin"))
        remotes.append(_row(f"remotes.NAME.{name}", key, default))
    return _CONFIG.format(keys="\n".join(keys), remotes="\n".join(remotes))


def exit_codes_page() -> str:
    """Returns ``exit-codes.md``."""
    rows = [f"| {form.exit_code} | `{form.__name__}` | {text} |" for form, text in _ERRORS.items()]
    return _EXIT_CODES.format(errors="\n".join(rows))


def _row(name: str, key: Key, default: str) -> str:
    return f"| `{name}` | {_takes(key)} | {default} | {key.text} |"


def _takes(key: Key) -> str:
    """Says what a key takes, in the words in which a mistake is answered."""
    nothing_takes_it: Json = [[]]
    try:
        key.read(nothing_takes_it)
    except ValueError as error:
        return str(error)
    raise AssertionError(key.text)


def _default(name: str, key: Key, defaults: object) -> str:
    value: object = getattr(defaults, key.field)
    if name in _SAID:
        return _SAID[name]
    if isinstance(value, tuple):
        return f"`{','.join(cast('tuple[str, ...]', value))}`"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value}`" if value not in (None, "") else ""
