"""Owns the settings: their keys, defaults and checks, and the files they come from.

Later wins: defaults, ``$XDG_CONFIG_HOME/pivot/config.yaml``, ``.pivot/config.yaml``, ``.pivot/config.local.yaml``,
``PIVOT_CACHE_DIR``. A project without settings reads no YAML at all. Changing a file is ``config_edit``'s work.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import field
from enum import Enum
from typing import NamedTuple

from pivot_core.errors import UsageError
from pivot_core.frozen import frozen
from pivot_core.model.ids import Json
from pivot_core.model.remote import RemoteSettings
from pivot_core.store import settings
from pivot_core.store.settings import KEYS, REMOTE_KEYS, REMOTES, Isolation

_MAX_BYTES = 1 << 20
_REMOTES_TEMPLATE = (
    "",
    "# remotes:",
    "#   # origin: s3://bucket/prefix  # or a directory: where `pivot push` and `pivot pull` go",
)


class Scope(Enum):
    """One of the files that hold settings."""

    USER = "user"
    PROJECT = "project"
    LOCAL = "local"
    """The project's, on this machine; not committed."""


@frozen
class Config:
    """The settings in force."""

    cache_dir: str | None = None
    """Absolute or relative to the project root; ``None`` for ``.pivot/cache``."""
    cache_link: tuple[str, ...] = ("reflink", "copy")
    """Ways to put a cached file into the workspace, tried in order."""
    run_jobs: int | None = None
    """Stages at once; ``None`` for the CPUs that this process may use."""
    run_grace_s: float = 2.0
    """Between SIGINT and SIGKILL."""
    run_isolation: Isolation = Isolation.FORK if sys.platform == "linux" else Isolation.WORKER
    run_keep: int = 50
    """Runs whose journal and logs are kept."""
    logs_max_bytes: int = 1 << 30
    """Of one attempt's log."""
    state_max_bytes: int = 1 << 30
    fingerprint_packages: str = "ignore"
    """Whether versions of installed packages count: ``ignore``, ``rerun``."""
    git_ignore: bool = True
    """Whether cached outs are listed in the ``.gitignore`` beside them."""
    ui_bell: str = "off"
    """How the dashboard tells that a run ended: ``off``, ``bell``, ``notify``."""
    ui_theme: str = "auto"
    """The dashboard's colours: ``auto``, ``dark``, ``light``, ``ansi``."""
    ui_keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The dashboard's actions that have other keys than their own; which actions there are the dashboard knows."""
    watch_restart: str = "stale"
    """What becomes of a running stage that is out of date while watching: ``stale`` begins it anew, ``never`` not."""
    workers_max_memory: int | None = None
    """Bytes that a worker may hold between stages before another takes its place; ``None`` for any number."""
    remotes: Mapping[str, RemoteSettings] = field(default_factory=dict[str, RemoteSettings])
    """By name, sorted."""
    default_remote: str | None = None
    """The one to use where none is named; ``None`` for the only one."""

    def remote(self, name: str | None = None) -> RemoteSettings:
        """Returns the remote that is meant by a name, or without one; raises ``UsageError``."""
        wanted = name or self.default_remote
        if wanted is None and len(self.remotes) == 1:
            (wanted,) = self.remotes
        known = ", ".join(self.remotes)
        if wanted is None:
            hint = "`pivot config set remotes.origin s3://bucket/prefix` configures one"
            if self.remotes:
                hint = f"name it with `--remote`, or `pivot config set default_remote`: {known}"
            raise UsageError(
                f"{'several remotes' if self.remotes else 'no remote'} and no default", "", hint
            )
        if wanted not in self.remotes:
            near = settings.nearest(wanted, self.remotes)
            hint = f"did you mean '{near}'?" if near else f"configured: {known or 'none'}"
            where = "" if name else "the setting 'default_remote'"
            raise UsageError(f"no remote '{wanted}'", where, hint)
        if not self.remotes[wanted].url:
            hint = f"`pivot config set remotes.{wanted} s3://bucket/prefix` sets it"
            raise UsageError(f"remote '{wanted}' has no URL", "", hint)
        return self.remotes[wanted]


class Entry(NamedTuple):
    """One setting, for people."""

    key: str
    value: Json
    origin: str
    """The file or environment variable that set it; ``default``."""


def load(root: str) -> Config:
    """Returns the settings of the project at ``root``.

    Raises ``UsageError`` with file, line and the nearest good key for an unknown key or a bad value.
    """
    found = dict[str, object]()
    remotes = dict[str, dict[str, object]]()
    for origin, values in layers(root):
        for key, (value, line) in values.items():
            read = settings.read(key, value, f"{origin}:{line}" if line else origin)
            match key.split("."):
                case [section, name, field] if section == REMOTES:
                    remotes.setdefault(name, {})[REMOTE_KEYS[field].field] = read
                case _:
                    found[KEYS[key].field] = read
    found["remotes"] = {
        name: RemoteSettings(name, **remotes[name])  # pyright: ignore[reportArgumentType] as below
        for name in sorted(remotes)
    }
    return Config(**found)  # pyright: ignore[reportArgumentType] each reader gives its field's type


def entries(root: str) -> list[Entry]:
    """Returns every setting in force with its origin, sorted by key."""
    config = load(root)
    origins = {
        key: (origin, value)
        for origin, values in layers(root)
        for key, (value, _) in values.items()
    }
    result = list[Entry]()
    for key in sorted({*KEYS, *origins}):
        if key in origins:
            origin, value = origins[key]
        else:
            origin, value = "default", _as_json(getattr(config, KEYS[key].field))
        result.append(Entry(key, value, origin))
    return result


def get(root: str, key: str) -> Entry:
    """Returns one setting, ``remotes.NAME`` being the URL of that remote; raises ``UsageError`` for an unknown key."""
    key = settings.whole(key)
    settings.check(key, "the command line")
    for entry in entries(root):
        if entry.key == key:
            return entry
    _, name, field = key.split(".")
    known = load(root).remotes
    if name not in known:
        hint = "configured: " + (", ".join(known) or "none")
        raise UsageError(f"no remote '{name}'", "", hint)
    return Entry(key, _as_json(getattr(known[name], REMOTE_KEYS[field].field)), "default")


def path_of(root: str, scope: Scope) -> str:
    """Returns the file of a scope."""
    if scope is Scope.USER:
        base = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
        return os.path.join(base, "pivot", "config.yaml")
    name = "config.yaml" if scope is Scope.PROJECT else "config.local.yaml"
    return os.path.join(root, ".pivot", name)


def layers(root: str) -> list[tuple[str, Mapping[str, tuple[Json, int]]]]:
    """Returns origin and ``{key: (value, line)}`` of each source of settings, the weakest first."""
    result = list[tuple[str, Mapping[str, tuple[Json, int]]]]()
    for scope in Scope:
        path = path_of(root, scope)
        values = read_file(path)
        if values:
            result.append((path, values))
    if cache_dir := os.environ.get("PIVOT_CACHE_DIR"):
        result.append(("PIVOT_CACHE_DIR", {"cache.dir": (cache_dir, 0)}))
    return result


def read_file(path: str) -> dict[str, tuple[Json, int]]:
    """Returns ``{key: (value, line)}`` of one file; a missing one has none. Raises ``UsageError``."""
    text = read_text(path)
    if all(not line.strip() or line.lstrip().startswith("#") for line in text.splitlines()):
        return {}
    from pivot_core import yaml12  # costs 15 ms; most projects have no settings

    try:
        document = yaml12.parse(text, aliases=False, name=path)
    except yaml12.YamlError as error:
        raise UsageError(
            f"not a valid settings file: {error.problem}", f"{path}:{error.line}"
        ) from error
    found = dict[str, tuple[Json, int]]()
    try:
        for place, key, value in settings.leaves(document.value):
            line = document.line(place)
            _check(key, place, f"{path}:{line}")
            found[key] = (value, line)
    except settings.Misplaced as error:
        raise UsageError(
            f"{error.value!r:.60} stands where settings are expected",
            f"{path}:{document.line(error.path)}",
            "write 'section:' with 'name: value' lines below it",
        ) from error
    return found


def _check(key: str, place: tuple[str, ...], where: str) -> None:
    """Raises ``UsageError`` for a setting that is unknown, or written as one word."""
    head, dot, name = place[0].partition(".")
    if dot and settings.find(settings.whole(place[0])) is not None:
        hint = f"write it as '{head}:' with '{name}: value' in a line of its own below"
        raise UsageError(f"'{place[0]}' must be written in two parts", where, hint)
    settings.check(key, where)


def read_text(path: str) -> str:
    """Returns a settings file's text, empty when there is none; raises ``UsageError``."""
    try:
        with open(
            path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)
        ) as file:
            data = file.read(_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise UsageError(f"cannot read the settings: {error.strerror}", path) from error
    if len(data) > _MAX_BYTES:
        raise UsageError("a settings file of more than 1 MiB", path)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UsageError("a settings file that is not UTF-8", path) from error


def template() -> str:
    """Returns the file that a new project gets: every setting with its default, commented out."""
    lines = ["# Settings of this project, all optional; `pivot config list` shows those in force."]
    section = ""
    for key, known in sorted(KEYS.items(), key=lambda item: ("." in item[0], item[0])):
        head, dot, name = key.partition(".")
        if dot and head != section:
            lines += ["", f"# {head}:"]
            section = head
        lead = f"#   {name}" if dot else f"#\n# {head}"
        value = _flow(_as_json(getattr(Config(), known.field)))
        lines.append(f"{lead}: {value}  # {known.text}")
    return "\n".join([*lines, *_REMOTES_TEMPLATE, ""])


def _as_json(value: object) -> Json:
    if isinstance(value, tuple):
        return [str(item) for item in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] of strings
    if isinstance(value, Mapping):
        return {str(name): _as_json(item) for name, item in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType] by name
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return str(value)


def _flow(value: Json) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join([_flow(item) for item in value]) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join([f"{name}: {_flow(item)}" for name, item in value.items()]) + "}"
    return str(value)
