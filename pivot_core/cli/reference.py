"""Owns the reference pages that the code itself tells: ``commands.md`` from click, ``json.md`` from the records.

``python -m pivot_core.cli.reference docs/reference`` writes them; a test fails when they are stale.
"""

import ast
import inspect
import os
import sys
from collections.abc import Iterator

import click

from pivot_core.cli import commands, records, result_records

_WIDTH = 100

_EXIT_CODES = """\
| code | meaning |
| ---: | --- |
| 0 | done |
| 1 | a stage failed, or `verify` or `checkout` found something |
| 2 | usage: a bad option, an unknown stage, no project here |
| 3 | the definition is wrong |
| 4 | the cache, the state or the disk cannot be used |
| 5 | a remote cannot be used |
| 70 | a bug of Pivot |
| 130 | interrupted by Ctrl-C |
| 141 | the reader of the output went away |
| 143 | ended by SIGTERM |
"""

_COMMANDS_INTRO = """\
# Commands

Every command takes `-C DIR`, `-q` and `-v`, before or after its name. Results go to stdout, everything else to stderr.
On a terminal there are colours, symbols and progress; elsewhere plain lines that stay the same from run to run.
`NO_COLOR=1` turns colours off, `FORCE_COLOR=1` turns them on where no terminal is, `PIVOT_ASCII=1` turns symbols off,
`PIVOT_DEBUG=1` shows where a bug of Pivot happened. Under GitHub Actions, and with `--ci`, each stage is folded into a
group, and failures are annotated at file and line; the job gets a summary.

`pivot completion bash` (or `zsh`, `fish`) writes the script that makes a shell complete commands, options,
stages and outputs.

## Exit codes
"""

_JSON_INTRO = """\
# JSON output

`pivot repro --json`, `pivot run --json` and the `--json` of `push`, `pull` and `fetch` write one object a line while
the work goes on; every other `--json` writes one object. Output is ASCII: other characters are escaped as JSON has it.
Durations are seconds, times are seconds since 1970 (UTC), paths are relative to the project. `schema` is {schema}:
within one number fields may be added, and none is removed, renamed or given another meaning.

A command that cannot do its work writes its error to stderr, in words, and says so by its exit code; what keeps a run
from starting or from being completed is in `problems` of its last line.
"""

_JSON_SECTIONS = {
    "repro --watch --json": ("WatchRecord", "FilesChangedRecord"),
    "repro --json, run --json": ("RunStartedRecord", "StageRecord", "NoticeRecord", "RunFinishedRecord"),
    "status --json, explain --json, repro --dry-run --json": (
        *("PlanRecord", "ExplanationRecord", "PackageRecord", "TrackedRecord"),
    ),
    "explain --run --json": ("AccountsRecord", "AccountRecord"),
    "affected --json": ("ImpactsRecord", "ImpactRecord", "AffectedRecord"),
    "list --json": ("ListRecord", "StageRowRecord", "OutRecord"),
    "history --json, show --json": ("HistoryRecord", "ShowRecord", "SummaryRecord"),
    "verify --json": ("VerifyRecord", "FindingRecord"),
    "gc --json": ("SweepRecord",),
    "config list --json": ("ConfigRecord", "SettingRecord"),
    "push --json, pull --json, fetch --json": (
        *("TransferStartedRecord", "TransferProgressRecord", "ObjectFailedRecord", "TransferFinishedRecord"),
        *("ItemRecord", "ChangeRecord"),
    ),
    "remote list --json, remote check --json": (
        *("RemotesRecord", "RemoteRecord", "RemoteCheckRecord", "RemoteFindingRecord"),
    ),
    "status --remote --json": ("RemoteStatusRecord", "RemoteArtifactRecord", "TallyRecord"),
    "metrics --json": ("MetricsRecord", "ValueRecord", "MetricsDiffRecord", "ValueChangeRecord"),
    "params --json": ("ParamsRecord", "ParamRecord", "ParamsDiffRecord", "ParamChangeRecord", "OriginRecord"),
    "plots --json": ("PlotsRecord", "SeriesRecord", "PlotImageRecord"),
    "get --json": ("GetRecord", "CopyRecord"),
    "diff --json": (
        *("DiffRecord", "RowsRecord", "ColumnChangeRecord", "RowChangeRecord", "CellChangeRecord"),
        *("TextRecord", "BytesRecord", "FilesRecord", "FileRecord"),
    ),
    "Parts of the above": ("StateRecord", "ReasonRecord", "FailureRecord", "ProblemRecord", "LocationRecord",
    "RevisionRecord", "UnreadRecord"),
}  # fmt: skip


def commands_page() -> str:
    """Returns ``commands.md``."""
    group = commands.build()
    context = click.Context(
        group, info_name="pivot", terminal_width=_WIDTH, help_option_names=["-h", "--help"]
    )
    parts = [_COMMANDS_INTRO, _EXIT_CODES, *_help_texts(group, context)]
    return "\n".join(parts)


def json_page() -> str:
    """Returns ``json.md``."""
    forms = {
        node.name: node
        for module in (records, result_records)
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.ClassDef)
    }
    parts = [_JSON_INTRO.format(schema=records.SCHEMA)]
    for title, names in _JSON_SECTIONS.items():
        parts.append(f"## {title}\n")
        parts.extend(_form(forms[name]) for name in names)
    return "\n".join(parts)


def _help_texts(command: click.Command, context: click.Context) -> Iterator[str]:
    if context.parent is not None:
        help_text = command.get_help(context).rstrip()
        yield f"## {context.command_path}\n\n```text\n{help_text}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            if found is not None:
                inner = click.Context(found, context, info_name=name)
                yield from _help_texts(found, inner)


def _form(node: ast.ClassDef) -> str:
    lines = [f"### {_title(node.name)}\n", ast.get_docstring(node) or "", ""]
    lines.extend(["| field | type | |", "| --- | --- | --- |"])
    lines.extend(f"| `{name}` | {kind} | {meaning} |" for name, kind, meaning in _fields(node))
    return "\n".join([*lines, ""])


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str, str]]:
    """Yields each field with its type and the docstring that follows it."""
    for field, after in zip(node.body, [*node.body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            meaning = ""
            if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
                meaning = " ".join(str(after.value.value).split())
            yield field.target.id, _kind(ast.unparse(field.annotation)), meaning


def _kind(annotation: str) -> str:
    """Says a Python type in the words of JSON."""
    if annotation.endswith(" | None"):
        return f"{_kind(annotation.removesuffix(' | None'))} or null"
    if annotation.startswith("list["):
        return f"list of {_kind(annotation[5:-1])}"
    if annotation.startswith("dict[str, "):
        return f"object of {_kind(annotation[10:-1])}"
    if annotation.endswith("Record"):
        return f"[{_title(annotation)}](#{_title(annotation).replace(' ', '-')})"
    return {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "Json": "any"}[
        annotation
    ]


def _title(name: str) -> str:
    """Returns ``run started`` for ``RunStartedRecord``."""
    words = "".join(f" {char.lower()}" if char.isupper() else char for char in name)
    return words.removesuffix(" record").strip()


def main(directory: str) -> None:
    """Writes both pages."""
    for name, page in (("commands.md", commands_page()), ("json.md", json_page())):
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(page)


if __name__ == "__main__":
    main(sys.argv[1])
