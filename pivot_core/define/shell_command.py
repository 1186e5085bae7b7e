"""Owns how a `Shell` of the author's becomes the command of a stage, with its params and the scripts that it names."""

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from pivot_core.define import overrides, paths, script, shell
from pivot_core.define.param_file import Reader
from pivot_core.define.paths import BadPath
from pivot_core.define.pipeline import Registration
from pivot_core.define.shell import BadShell, Shell
from pivot_core.define.signature import StageSignature
from pivot_core.errors import DefinitionError
from pivot_core.model.ids import ArtifactPath
from pivot_core.model.stage import ShellCommand, Stage


class Read(NamedTuple):
    """What a registration of a command says; with ``problems`` it is not whole."""

    command: ShellCommand | None
    signature: StageSignature
    params: overrides.Resolved
    problems: list[DefinitionError]


def judge(given: Registration, form: Shell, root: str, reader: Reader) -> Read:
    """Judges a command; what it reads and writes has the terms of a function then."""
    where = f"stage '{given.full_name}' ({form.file}:{form.line})"
    if given.params is not None:
        hint = "name the keys that its scripts read: shell(..., params=['train.rate'])"
        what = f"'{given.full_name}' is a command, which takes no params"
        place = f"stage '{given.full_name}' ({given.file}:{given.line_of('params')})"
        return Read(None, StageSignature(), overrides.NOTHING, [DefinitionError(what, place, hint)])
    try:
        lines, signature = shell.lines_of(form), shell.signature_of(form)
        files: dict[str, tuple[str, ...]] = {
            _inside(paths.normalise(file, given.base, root)): keys
            for file, keys in shell.keys_of(form).items()
        }
        cwd = _directory(form, given.base, root)
    except (BadShell, BadPath) as bad:
        problem = DefinitionError(str(bad), where, bad.hint)
        return Read(None, StageSignature(), overrides.NOTHING, [problem])
    try:
        values, origins = reader.values(files)
    except DefinitionError as error:
        problem = DefinitionError(error.what, f"{error.where}, read by {where}", error.hint)
        return Read(None, signature, overrides.NOTHING, [problem])
    command = ShellCommand(lines, form.executable, cwd, (), files)
    return Read(command, signature, overrides.Resolved(values, None, [], origins), [])


def with_scripts(stages: Sequence[Stage], root: str) -> list[Stage]:
    """Returns the stages with the scripts that their commands name; what any stage writes is none."""
    made = {path for stage in stages for path in stage.out_paths}
    return [
        stage if stage.command is None else _with_scripts(stage, stage.command, made, root)
        for stage in stages
    ]


def reads(path: str, registrations: Sequence[Registration]) -> bool:
    """Tells whether a file, an absolute path, has params that the scripts of some command read."""
    return any(
        os.path.normpath(os.path.join(given.base, file)) == path
        for given in registrations
        if isinstance(given.func, Shell)
        for file in _files(given.func)
    )


def _with_scripts(stage: Stage, command: ShellCommand, made: set[ArtifactPath], root: str) -> Stage:
    known: set[str] = {*made, *stage.dep_paths, *command.param_files}
    cwd = os.path.join(root, command.cwd)
    scripts = {
        path
        for line in command.lines
        for path in script.named(line, cwd, root)
        if not _lies_in(path, known)
    }
    return replace(stage, command=replace(command, scripts=tuple(sorted(scripts))))


def _lies_in(path: str, places: set[str]) -> bool:
    """Tells whether a file is one of some artifacts, or lies in one."""
    while path:
        if path in places or f"{path}/" in places:
            return True
        path = path.rpartition("/")[0]
    return False


def _directory(form: Shell, base: str, root: str) -> str:
    """Returns where a command runs, relative to the project; raises ``BadPath``."""
    place = os.path.normpath(os.path.join(base, form.cwd)) if form.cwd else base
    if place == root:
        return ""
    return _inside(paths.normalise(form.cwd, base, root)).rstrip("/")


def _inside(path: ArtifactPath) -> ArtifactPath:
    if path.startswith("../"):
        raise BadPath(f"'{path}' lies outside the project", "name a place inside the project")
    return path


def _files(form: Shell) -> Sequence[str]:
    try:
        return list(shell.keys_of(form))
    except BadShell:
        return ()
