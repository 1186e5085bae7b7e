"""Owns the files that take the place of a ``dvc.yaml``: a module of commands, and a ``pivot.yaml`` that names them."""

import json
import keyword
import posixpath
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from pivot_core.dvc.definition import FILE, PARAMS, Definition, DvcStage, Kind
from pivot_core.dvc.template import Field, Text

MODULE = "dvc_stages"
_WIDTH = 100
_OF_BASH = re.compile(
    r"\[\[|\bsource\s|<\(|>\(|<<<|&>|\bpipefail\b|\bdeclare\s|\bshopt\b|\$'|\{\w+,[\w,]+\}|\bfunction\s"
)
_PLAIN_KEY = re.compile(r"[A-Za-z_][\w.+=/@-]*")
_NO_NAME = re.compile(r"[^\w.+=/@-]")

type IsTree = Callable[[str], bool]
"""Tells whether a path, relative to the directory of the ``dvc.yaml``, is that of a directory."""


def names(stages: Iterable[DvcStage]) -> Mapping[str, str]:
    """Returns what each stage is called by Pivot, by its name of DVC's; none that would be called like another."""
    found = dict[str, str]()
    for stage in stages:
        name, at, variant = stage.name.partition("@")
        made = _NO_NAME.sub("_", name) + at + _NO_NAME.sub("_", variant).replace("@", "_")
        if made not in found.values():
            found[stage.name] = made
    return found


def module(definition: Definition, called: Mapping[str, str], is_tree: IsTree) -> str:
    """Returns the text of the module."""
    stages = [stage for stage in definition.stages if stage.name in called]
    fields = [field for stage in stages for field in _fields(stage)]
    constants = _constants(sorted({field.file for field in fields}))
    lines = [
        f'"""The commands of {FILE}, as `pivot import-dvc` found them; from now on this file is yours."""',
        "",
    ]
    if constants:
        readers = sorted({_reader(file) for file in constants})
        lines += ["from pathlib import Path", ""]
        lines += [f"from pivot_core import {', '.join([*readers, 'shell'])}", ""]
        lines += ["HERE = Path(__file__).parent"]
        lines += [
            f"{name} = {_reader(file)}().load(HERE / {_quoted(file)})"
            for file, name in constants.items()
        ]
    else:
        lines += ["from pivot_core import shell"]
    values = value_names(called, constants.values())
    for stage in stages:
        lines.append("")
        lines += [f"# {line}".rstrip() for line in stage.about.splitlines()]
        lines += _call(stage, values[stage.name], constants, is_tree)
    return "\n".join(lines) + "\n"


def pivot_yaml(definition: Definition, called: Mapping[str, str]) -> str:
    """Returns the text of the ``pivot.yaml``."""
    stages = [stage for stage in definition.stages if stage.name in called]
    fields = sorted({field.file for stage in stages for field in _fields(stage)})
    values = value_names(called, _constants(fields).values())
    lines = [f"# Made of {FILE} by `pivot import-dvc`; the commands are in {MODULE}.py.", "stages:"]
    for stage in stages:
        name = called[stage.name]
        key = name if _PLAIN_KEY.fullmatch(name) else _quoted(name)
        lines += [f"  {key}:", f"    python: {MODULE}.{values[stage.name]}"]
    return "\n".join(lines if stages else [lines[0], "stages: {}"]) + "\n"


def value_names(called: Mapping[str, str], taken: Iterable[str]) -> Mapping[str, str]:
    """Returns what each stage's command is called in the module."""
    found, used = dict[str, str](), {"shell", "Path", "HERE", *taken}
    for name, made in called.items():
        plain = re.sub(r"\W+", "_", made).strip("_") or "stage"
        plain = f"stage_{plain}" if plain[0].isdigit() or keyword.iskeyword(plain) else plain
        value, count = plain, 1
        while value in used:
            count += 1
            value = f"{plain}_{count}"
        used.add(value)
        found[name] = value
    return found


def _fields(stage: DvcStage) -> Iterator[Field]:
    texts = [*stage.commands, *stage.deps, *(out.path for out in stage.outs)]
    return (part for text in texts for part in text.parts if isinstance(part, Field))


def _constants(files: Sequence[str]) -> Mapping[str, str]:
    """Returns the name in the module of each file of values."""
    found = dict[str, str]()
    for file in files:
        stem = posixpath.splitext(file)[0]
        name = re.sub(r"\W+", "_", stem).strip("_").upper() or "VALUES"
        name = f"FILE_{name}" if name[0].isdigit() else name
        while name in found.values():
            name += "_"
        found[file] = name
    return found


def _reader(file: str) -> str:
    return "JSON" if file.endswith(".json") else "YAML"


def _call(
    stage: DvcStage, name: str, constants: Mapping[str, str], is_tree: IsTree
) -> Iterator[str]:
    """Yields the lines of ``name = shell(...)``."""

    def path(text: Text) -> str:
        mark = "/" if is_tree(text.now) and not text.now.endswith("/") else ""
        return _literal(Text((*text.parts, mark)), constants)

    commands = [_command(text, constants) for text in stage.commands]
    yield f"{name} = shell("
    if len(commands) > 1:
        yield "    ["
        yield from (f"        {row}" for command in commands for row in command)
        yield "    ],"
    else:
        yield from (f"    {row}" for row in commands[0])
    yield from _items("deps=", [path(dep) for dep in stage.deps])
    for kind in Kind:
        found = [path(out.path) for out in stage.outs if out.kind is kind]
        yield from _items(f"{kind.value}=", found)
    uncached = [path(out.path) for out in stage.outs if not out.is_cached]
    uncached_metrics = {
        path(o.path) for o in stage.outs if o.kind is Kind.METRIC and not o.is_cached
    }
    # Git keeps metrics in any case, and Pivot a copy that it can restore.
    yield from _items("uncached=", [each for each in uncached if each not in uncached_metrics])
    if list(stage.params) == [PARAMS]:
        yield from _items("params=", [_quoted(key) for key in stage.params[PARAMS]])
    elif stage.params:
        yield "    params={"
        for file, keys in stage.params.items():
            yield f"        {_quoted(file)}: [{', '.join(map(_quoted, keys))}],"
        yield "    },"
    if stage.cwd:
        yield f"    cwd={_quoted(stage.cwd)},"
    if any(_OF_BASH.search(text.now) for text in stage.commands):
        yield '    executable="bash",'
    yield ")"


def _items(lead: str, items: Sequence[str]) -> Iterator[str]:
    """Yields an argument that is a list, on one line where it fits."""
    if not items:
        return
    whole = f"    {lead}[{', '.join(items)}],"
    if len(whole) <= _WIDTH and "\n" not in whole:
        yield whole
        return
    yield f"    {lead}["
    yield from (f"        {item}," for item in items)
    yield "    ],"


def _command(text: Text, constants: Mapping[str, str]) -> list[str]:
    """Returns the lines of an expression for a command, with a comma; one of several lines keeps them."""
    rows = list[list[str | Field]]([[]])
    for part in text.parts:
        if isinstance(part, Field):
            rows[-1].append(part)
            continue
        first, *others = part.split("\n")
        rows[-1].append(first)
        for other in others:
            rows[-1].append("\n")
            rows.append([other])
    pieces = [_literal(Text(tuple(row)), constants) for row in rows if any(row)]
    if len(pieces) == 1:
        return [f"{pieces[0]},"]
    return ["(", *(f"    {piece}" for piece in pieces), "),"]


def _literal(text: Text, constants: Mapping[str, str]) -> str:
    """Returns an expression for a text; its fields are read when the module is imported."""
    if not any(isinstance(part, Field) for part in text.parts):
        return _quoted(text.now)
    inner = "".join(
        _quoted(part.replace("{", "{{").replace("}", "}}"))[1:-1]
        if isinstance(part, str)
        else _field(part, constants)
        for part in text.parts
    )
    return f'f"{inner}"'


def _field(field: Field, constants: Mapping[str, str]) -> str:
    steps = "".join(f"[{key if isinstance(key, int) else _quoted(key)}]" for key in field.keys)
    value = f"{constants[field.file]}{steps}"
    return f"{{str({value}).lower()}}" if isinstance(field.value, bool) else f"{{{value}}}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
