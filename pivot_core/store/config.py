"""Owns the settings: their keys, defaults and checks, and the files they come from.

Later wins: defaults, ``$XDG_CONFIG_HOME/pivot/config.yaml``, ``.pivot/config.yaml``, ``.pivot/config.local.yaml``,
``PIVOT_CACHE_DIR``. A project without settings reads no YAML at all. Changing a file is ``config_edit``'s work.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import NamedTuple

from pivot_core.errors import UsageError
from pivot_core.model.ids import Json

_LINKS = ("reflink", "copy", "hardlink", "symlink")
_THEMES = ("auto", "dark", "light", "ansi")
_PACKAGES = ("ignore", "rerun")
_BELLS = ("off", "bell", "notify")
_MAX_BYTES = 1 << 20


class Isolation(StrEnum):
    """Where a stage's function runs."""

    FORK = "fork"
    """In a child of its own that the worker forks."""
    WORKER = "worker"
    """In the worker itself, where fork is unsafe."""


class Scope(Enum):
    """One of the files that hold settings."""

    USER = "user"
    PROJECT = "project"
    LOCAL = "local"
    """The project's, on this machine; not committed."""


@dataclass(frozen=True, slots=True)
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


class Entry(NamedTuple):
    """One setting, for people."""

    key: str
    value: Json
    origin: str
    """The file or environment variable that set it; ``default``."""


class Key(NamedTuple):
    """What is known of one key."""

    field: str
    """The field of `Config`."""
    read: Callable[[Json], object]
    """Turns a file's value into the field's; raises ``ValueError`` that says what is expected."""
    text: str
    """What it does, for the commented template."""
    is_list: bool = False


def load(root: str) -> Config:
    """Returns the settings of the project at ``root``.

    Raises ``UsageError`` with file, line and the nearest good key for an unknown key or a bad value.
    """
    found = dict[str, object]()
    for origin, values in layers(root):
        for key, (value, line) in values.items():
            found[KEYS[key].field] = read_value(key, value, f"{origin}:{line}" if line else origin)
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
    for key in sorted(KEYS):
        default = _as_json(getattr(config, KEYS[key].field))
        origin, value = origins.get(key, ("default", default))
        result.append(Entry(key, value, origin))
    return result


def get(root: str, key: str) -> Entry:
    """Returns one setting; raises ``UsageError`` for an unknown key."""
    check_key(key, "the command line")
    return next(entry for entry in entries(root) if entry.key == key)


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
    for section, members in _mapping(document.value, f"{path}:{document.line(())}").items():
        line = document.line((section,))
        if section in KEYS:
            head, _, name = section.partition(".")
            hint = f"write it as '{head}:' with '{name}: value' in a line of its own below"
            raise UsageError(f"'{section}' must be written in two parts", f"{path}:{line}", hint)
        if section not in _SECTIONS:
            check_key(section, f"{path}:{line}")
        for name, value in _mapping(members, f"{path}:{line}").items():
            where = document.line((section, name))
            check_key(f"{section}.{name}", f"{path}:{where}")
            found[f"{section}.{name}"] = (value, where)
    return found


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


def check_key(key: str, where: str) -> None:
    """Raises ``UsageError`` with the nearest good key unless ``key`` is one."""
    if key in KEYS:
        return
    import difflib  # only for the error

    near = difflib.get_close_matches(key, [*KEYS, *_SECTIONS], 1, 0.5)
    inside = [good for good in KEYS if good.startswith(key + ".")]
    hint = f"did you mean '{near[0]}'?" if near else "known: " + ", ".join(KEYS)
    if inside:
        hint = "it is a section; its settings: " + ", ".join(inside)
    raise UsageError(f"unknown setting '{key}'", where, hint)


def read_value(key: str, value: Json, where: str) -> object:
    """Returns the field's value for a key; raises ``UsageError``."""
    try:
        return KEYS[key].read(value)
    except ValueError as error:
        raise UsageError(f"'{key}' is {value!r:.80}", where, f"it must be {error}") from error


def template() -> str:
    """Returns the file that a new project gets: every setting with its default, commented out."""
    lines = ["# Settings of this project, all optional; `pivot config list` shows those in force."]
    section = ""
    for key, known in sorted(KEYS.items()):
        head, _, name = key.partition(".")
        if head != section:
            lines += ["", f"# {head}:"]
            section = head
        lines.append(
            f"#   {name}: {_flow(_as_json(getattr(Config(), known.field)))}  # {known.text}"
        )
    return "\n".join([*lines, ""])


def _mapping(value: Json, where: str) -> dict[str, Json]:
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise UsageError(
        f"{value!r:.60} stands where settings are expected",
        where,
        "write 'section:' with 'name: value' lines below it",
    )


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


# --- readers ---------------------------------------------------------------------------------------------------------


def _directory(value: Json) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("a path")
    return os.path.expanduser(value)


def _links(value: Json) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    if not items or any(item not in _LINKS for item in items):
        raise ValueError("a list of some of: " + ", ".join(_LINKS))
    return tuple(dict.fromkeys([str(item) for item in items]))


def _jobs(value: Json) -> int | None:
    return None if value is None else _count(value)


def _count(value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError("a whole number from 1 up")
    return value


def _size(value: Json) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1 << 20:
        raise ValueError("a number of bytes from 1048576 up")
    return value


def _seconds(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e6:
        raise ValueError("a number of seconds")
    return float(value)


def _isolation(value: Json) -> Isolation:
    if value not in list(Isolation):
        raise ValueError("'fork' or 'worker'")
    return Isolation(value)


def _one_of(*words: str) -> Callable[[Json], str]:
    def read(value: Json) -> str:
        if value not in words:
            raise ValueError("one of: " + ", ".join(words))
        return str(value)

    return read


def _flag(value: Json) -> bool:
    if not isinstance(value, bool):
        raise ValueError("'true' or 'false'")
    return value


def _keymap(value: Json) -> Mapping[str, tuple[str, ...]]:
    wanted = "a mapping from actions to keys"
    if not isinstance(value, dict):
        raise ValueError(wanted)
    found = dict[str, tuple[str, ...]]()
    for action, given in value.items():
        keys = given if isinstance(given, list) else [given]
        if not keys or any(not isinstance(key, str | int) or key == "" for key in keys):
            raise ValueError(wanted)
        found[action] = tuple([str(key) for key in keys])
    return found


KEYS: Mapping[str, Key] = {
    "cache.dir": Key("cache_dir", _directory, "where cached files are kept; .pivot/cache by default"),
    "cache.link": Key("cache_link", _links, "tried in order: reflink, copy, hardlink, symlink", True),
    "fingerprint.packages": Key(
        "fingerprint_packages", _one_of(*_PACKAGES), "rerun stages whose packages changed; ignore by default"
    ),
    "git.ignore": Key("git_ignore", _flag, "list cached outputs in the .gitignore beside them"),
    "logs.max_bytes": Key("logs_max_bytes", _size, "of one attempt's log"),
    "run.grace": Key("run_grace_s", _seconds, "seconds between SIGINT and SIGKILL"),
    "run.isolation": Key("run_isolation", _isolation, "fork, or worker where fork is unsafe"),
    "run.jobs": Key("run_jobs", _jobs, "stages at once; the CPUs by default"),
    "run.keep": Key("run_keep", _count, "runs whose journal and logs are kept"),
    "state.max_bytes": Key("state_max_bytes", _size, "of what this machine remembers"),
    "ui.bell": Key("ui_bell", _one_of(*_BELLS), "at the end of a run: off, bell, notify"),
    "ui.keys": Key("ui_keys", _keymap, "the dashboard's, such as {run_menu: r, quit: [q, Q]}"),
    "ui.theme": Key("ui_theme", _one_of(*_THEMES), "the dashboard's: auto, dark, light, ansi"),
}  # fmt: skip
_SECTIONS = tuple(dict.fromkeys([key.partition(".")[0] for key in KEYS]))
