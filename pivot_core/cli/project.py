"""Owns the project that a command stands in: where it begins, what makes it one, its settings."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, TypedDict, cast

from pivot_core.errors import StoreError, UsageError
from pivot_core.model.ids import Json
from pivot_core.store import atomic, layout
from pivot_core.store import config as settings
from pivot_core.store.config import Config
from pivot_core.store.layout import Layout

if TYPE_CHECKING:  # a shell that waits for names needs neither
    from pivot_core.cli.results import Scope, Setting


class _Out(TypedDict):
    path: str


class _Stage(TypedDict):
    name: str
    outs: list[_Out]


class _Known(TypedDict):
    """What the names in a plan need of it."""

    stages: list[_Stage]


def find_root(start: str | None = None) -> str:
    """Returns the project's root: the nearest directory from ``start`` upwards with ``.pivot/``."""
    here = os.path.abspath(start or os.getcwd())
    root = layout.find_root(here)
    if root is None:
        raise UsageError("not in a Pivot project", here, "`pivot init` makes this directory one")
    return root


def init(directory: str, *, force: bool) -> list[str]:
    """Makes ``directory`` a project and returns the files written; with ``force``, Pivot's own .gitignore anew."""
    from pivot_core.store import gitignore

    here = Layout.at(directory)
    written = list[str]()
    if not os.path.exists(here.config_path):
        atomic.write_file(here.config_path, settings.template().encode())
        written.append(here.config_path)
    if gitignore.init_gitignore(here.pivot_dir, force=force):
        written.append(f"{here.pivot_dir}/.gitignore")
    return [os.path.relpath(path) for path in written]


def root_above(directory: str) -> str | None:
    """Returns the root of the project that a directory lies in."""
    return layout.find_root(os.path.abspath(directory))


def put_copy(source: str, target: str) -> None:
    """Puts a copy of a file where nothing is, as a clone where the file system can; raises ``StoreError``."""
    from pivot_core.store import cache

    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(source, "rb") as given, open(f"{target}.part", "wb") as made:
            if not cache.clone(given.fileno(), made.fileno()):
                cache.copy_descriptor(
                    given.fileno(), made.fileno(), os.fstat(given.fileno()).st_size
                )
        os.rename(f"{target}.part", target)
    except OSError as error:
        raise StoreError(f"cannot copy '{source}': {error.strerror}", target) from error


def opened(root: str) -> tuple[Layout, Config]:
    """Returns where a project keeps its things, and its settings; raises ``UsageError`` for bad ones."""
    config = settings.load(root)
    return Layout.at(root, config.cache_dir), config


def branch(root: str) -> str:
    """Returns the branch of git that a project is on; empty where there is none."""
    from pivot_core.store import branch as git

    return git.current(root)


def write_page(path: str, text: str) -> None:
    """Writes a file that the user named, whole or not at all; raises ``StoreError``."""
    atomic.write_file(os.path.abspath(path), text.encode("utf-8", "replace"))


def last_state(root: str) -> Json:
    """Returns how everything stood when the last engine for front ends ended; ``None`` where that is not known."""
    from pivot_core.store import journal

    return journal.read_last(Layout.at(root))


def last_known(root: str) -> list[str]:
    """Returns the stages of the last plan, then what they write; without a plan the stages that have a lock file.

    For a shell that waits: nothing is loaded, no code of the user's runs, and never is anything raised.
    """
    from pivot_core.store import state

    here = Layout.at(root)
    known = state.State.open(here, read_only=True)
    try:
        stages = cast("_Known", cast("object", known.get(state.PLAN)))["stages"]
        return [
            *(stage["name"] for stage in stages),
            *(out["path"] for stage in stages for out in stage["outs"]),
        ]
    except (KeyError, TypeError):  # there is no plan, or it is another version's
        pass
    finally:
        known.close()
    try:
        files = sorted(os.listdir(here.stages_dir))
    except OSError:
        return []
    locked = [name.removesuffix(".lock") for name in files if name.endswith(".lock")]
    return [name for name in map(layout.decode, locked) if name is not None]


def named(holder: str) -> str:
    """Returns the holder of a lease as people read it."""
    pid, _, command = holder.partition(" ")
    return f"{command} (pid {pid})" if command else "another command"


def definition_schema() -> Mapping[str, Json]:
    """Returns the JSON Schema of ``pivot.yaml``."""
    from pivot_core.define import schema

    return schema.document()


def config_entries(root: str) -> "list[Setting]":
    """Returns every setting as it takes effect, with where it comes from."""
    from pivot_core.cli.results import Scope, Setting

    files = {settings.path_of(root, scope): Scope(scope.value) for scope in settings.Scope}

    def scope_of(origin: str) -> Scope:
        if origin == "default":
            return Scope.DEFAULT
        return files.get(origin, Scope.ENVIRONMENT)

    return [
        Setting(entry.key, entry.value, scope_of(entry.origin)) for entry in settings.entries(root)
    ]


def config_get(root: str, key: str) -> Json:
    """Returns one setting; raises ``UsageError`` for an unknown key."""
    return settings.get(root, key).value


def config_set(root: str, key: str, text: str, scope: "Scope") -> None:
    """Sets a key in the file of ``scope``; raises ``UsageError`` for a bad key or value."""
    from pivot_core.store import config_edit

    config_edit.set_value(root, key, text, settings.Scope(scope.value))


def config_unset(root: str, key: str, scope: "Scope") -> None:
    """Removes a key from the file of ``scope``; raises ``UsageError`` for an unknown key."""
    from pivot_core.store import config_edit

    config_edit.unset(root, key, settings.Scope(scope.value))
