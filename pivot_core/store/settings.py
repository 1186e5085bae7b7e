"""Owns which settings there are: the key of each, what it takes, and what a mistake is answered with."""

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from pivot_core.errors import UsageError
from pivot_core.model.ids import Json

REMOTES = "remotes"
"""The section whose members have names of the user's choice: ``remotes.NAME.url`` and so on."""

_LINKS = ("reflink", "copy", "hardlink", "symlink")
_THEME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_PACKAGES = ("ignore", "rerun")
_RESTARTS = ("stale", "never")
_BELLS = ("off", "bell", "notify")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class Isolation(StrEnum):
    """Where a stage's function runs."""

    FORK = "fork"
    """In a child of its own that the worker forks."""
    WORKER = "worker"
    """In the worker itself, where fork is unsafe."""


class Key(NamedTuple):
    """What is known of one key."""

    field: str
    """The field of `Config`, or of ``RemoteSettings``."""
    read: Callable[[Json], object]
    """Turns a file's value into the field's; raises ``ValueError`` that says what is expected."""
    text: str
    """What it does, for the commented template."""
    is_list: bool = False


def find(key: str) -> Key | None:
    """Returns what is known of a key; ``None`` for an unknown one."""
    match key.split("."):
        case [section, name, field] if section == REMOTES and _NAME.fullmatch(name):
            return REMOTE_KEYS.get(field)
        case _:
            return KEYS.get(key)


def whole(key: str) -> str:
    """Returns a key in full: ``remotes.NAME`` stands for the URL of that remote."""
    match key.split("."):
        case [section, name] if section == REMOTES and _NAME.fullmatch(name):
            return f"{key}.url"
        case _:
            return key


def check(key: str, where: str) -> Key:
    """Returns what is known of a key; raises ``UsageError`` with the nearest good one for an unknown key."""
    found = find(key)
    if found is not None:
        return found
    section, _, rest = key.partition(".")
    name, _, field = rest.partition(".")
    if section == REMOTES and rest:
        raise _unknown_of_remote(key, name, field, where)
    near = nearest(key, [*KEYS, *SECTIONS])
    inside = [good for good in KEYS if good.startswith(key + ".")]
    hint = f"did you mean '{near}'?" if near else "known: " + ", ".join((*KEYS, REMOTES))
    if inside:
        hint = "it is a section; its settings: " + ", ".join(inside)
    elif section == REMOTES:
        hint = f"it is a section: '{REMOTES}.NAME' is a remote's URL"
    raise UsageError(f"unknown setting '{key}'", where, hint)


def read(key: str, value: Json, where: str) -> object:
    """Returns the field's value for a key; raises ``UsageError``."""
    known = check(key, where)
    try:
        return known.read(value)
    except ValueError as error:
        raise UsageError(
            f"'{key}' is {_shown(key, value)}", where, f"it must be {error}"
        ) from error


def leaves(document: Json) -> Iterator[tuple[tuple[str, ...], str, Json]]:
    """Yields path, key and value of each setting in the value of a file, known or not.

    Raises ``Misplaced`` where something else stands in the place of a section.
    """
    for section, members in _mapping(document, ()).items():
        if "." not in section and section in KEYS:
            yield (section,), section, members
            continue
        if section not in SECTIONS:
            yield (section,), section, members  # no key is called so
            continue
        for name, value in _mapping(members, (section,)).items():
            if section == REMOTES and isinstance(value, dict):
                for field, given in value.items():
                    yield (section, name, field), f"{section}.{name}.{field}", given
            else:
                yield (section, name), whole(f"{section}.{name}"), value


def nearest(word: str, words: Iterable[str]) -> str | None:
    """Returns that of ``words`` which is meant by a mistyped one; ``None`` when none is near."""
    import difflib  # only for an error

    return next(iter(difflib.get_close_matches(word, list(words), 1, 0.5)), None)


class Misplaced(ValueError):
    """A value stands where settings are expected."""

    def __init__(self, value: Json, path: Sequence[str]) -> None:
        super().__init__(value, path)
        self.value: Json = value
        self.path: tuple[str, ...] = tuple(path)


def _mapping(value: Json, path: Sequence[str]) -> dict[str, Json]:
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise Misplaced(value, path)


def _unknown_of_remote(key: str, name: str, field: str, where: str) -> UsageError:
    if not _NAME.fullmatch(name):
        hint = "name it with letters, digits, '-' and '_'"
        return UsageError(f"'{name}' is no name for a remote", where, hint)
    near = nearest(field, REMOTE_KEYS)
    hint = "known: " + ", ".join(f"{REMOTES}.{name}.{good}" for good in REMOTE_KEYS)
    if near:
        hint = f"did you mean '{REMOTES}.{name}.{near}'?"
    return UsageError(f"unknown setting '{key}'", where, hint)


def _shown(key: str, value: Json) -> str:
    """Returns a bad value for an error; of an address only what cannot hold credentials."""
    if isinstance(value, str) and key.endswith("url"):
        scheme, there, rest = value.partition("://")
        host = rest.rpartition("@")[2].partition("?")[0].partition("#")[0]
        value = f"{scheme}{there}{host}" if there else value.partition("?")[0]
    return f"{value!r:.80}"


# --- readers ---------------------------------------------------------------------------------------------------------


def _directory(value: Json) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("a path")
    return os.path.expanduser(value)


def _links(value: Json) -> tuple[str, ...]:
    items = value if isinstance(value, list) else [value]
    bad = [item for item in items if item not in _LINKS]
    if not items or bad:
        raise ValueError(_listed("a list of some of: ", _LINKS, bad[0] if bad else None))
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


def _bytes(value: Json) -> int | None:
    return None if value is None else _size(value)


def _seconds(value: Json) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e6:
        raise ValueError("a number of seconds")
    return float(value)


def _patience(value: Json) -> float:
    """Seconds of a timeout: none at all would make everything fail."""
    if (found := _seconds(value)) == 0:
        raise ValueError("a number of seconds above 0")
    return found


def _isolation(value: Json) -> Isolation:
    if value not in list(Isolation):
        raise ValueError("'fork' or 'worker'")
    return Isolation(value)


def _one_of(*words: str) -> Callable[[Json], str]:
    def read(value: Json) -> str:
        if value not in words:
            raise ValueError(_listed("one of: ", words, value))
        return str(value)

    return read


def _listed(start: str, words: Sequence[str], given: Json) -> str:
    """Says what is allowed, and which of it is nearest to what was given."""
    near = nearest(given, words) if isinstance(given, str) else None
    return start + ", ".join(words) + (f"; did you mean '{near}'?" if near else "")


def _theme(value: Json) -> str:
    """Which themes there are is known to the dashboard alone."""
    if not isinstance(value, str) or not _THEME.fullmatch(value):
        raise ValueError("auto, dark, light, ansi, or a theme of Textual's such as nord")
    return value


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


def _remote(value: Json) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("the name of a remote")
    return value


def _text(value: Json) -> str:
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError("a text")
    return value


def _url(value: Json) -> str:
    wanted = "an s3:// URL, a file:// URL or a directory"
    text = _text_or(value, wanted)
    match = _SCHEME.fullmatch(text)
    if match is None:
        return os.path.expanduser(text)
    scheme, rest = match[1].lower(), match[2]
    if scheme == "file" and rest.startswith("/"):
        return f"file://{rest}"
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3":
        raise ValueError(wanted)
    if "@" in bucket or "?" in rest or "#" in rest:
        raise ValueError("s3://bucket/prefix alone; credentials belong in a profile")
    if not _BUCKET.fullmatch(bucket):
        raise ValueError("s3://bucket/prefix with the name of a bucket")
    return f"s3://{bucket}/{prefix}".rstrip("/")


def _endpoint(value: Json) -> str:
    wanted = "an http:// or https:// URL with host and port alone"
    text = _text_or(value, wanted)
    match = _SCHEME.fullmatch(text)
    if match is None or match[1].lower() not in ("http", "https") or not match[2].strip("/"):
        raise ValueError(wanted)
    if any(char in match[2] for char in "@?#"):
        raise ValueError(f"{wanted}; credentials belong in a profile")
    return text.rstrip("/")


def _text_or(value: Json, wanted: str) -> str:
    try:
        return _text(value)
    except ValueError:
        raise ValueError(wanted) from None


KEYS: Mapping[str, Key] = {
    "cache.dir": Key("cache_dir", _directory, "where cached files are kept; .pivot/cache by default"),
    "cache.link": Key("cache_link", _links, "tried in order: reflink, copy, hardlink, symlink", True),
    "default_remote": Key("default_remote", _remote, "that of several remotes which push and pull use"),
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
    "ui.theme": Key("ui_theme", _theme, "the dashboard's: auto, dark, light, ansi, or one of Textual's"),
    "watch.restart": Key(
        "watch_restart", _one_of(*_RESTARTS), "when watching, begin a running stage anew when it is stale; or never"
    ),
    "workers.max_memory": Key("workers_max_memory", _bytes, "bytes; a worker that grew larger is replaced"),
}  # fmt: skip
REMOTE_KEYS: Mapping[str, Key] = {
    "url": Key("url", _url, "s3://bucket/prefix, or a directory"),
    "endpoint_url": Key("endpoint_url", _endpoint, "of another S3 service"),
    "region": Key("region", _text, "of the bucket"),
    "profile": Key("profile", _text, "of the AWS configuration"),
    "jobs": Key("jobs", _count, "objects that travel at once"),
    "read_only": Key("read_only", _flag, "nothing is pushed to it"),
    "connect_timeout": Key("connect_timeout_s", _patience, "seconds"),
    "read_timeout": Key("read_timeout_s", _patience, "seconds that a connection may stay silent"),
}
SECTIONS = tuple(dict.fromkeys([*(key.partition(".")[0] for key in KEYS if "." in key), REMOTES]))
