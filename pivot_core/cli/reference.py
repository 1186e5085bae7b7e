"""Owns the reference that the code itself tells: which pages and schemas there are, and what commands write as JSON.

``python -m pivot_core.cli.reference docs/reference`` writes them; a test fails when they are stale.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping

import click

from pivot_core.cli import adoption_records, commands, project, records, result_records
from pivot_core.cli.pages import api, forms, protocol, schemas, settings
from pivot_core.model.ids import Json

_WIDTH = 100

_COMMANDS_INTRO = """\
# Commands

Every command takes `-C DIR`, `-q` and `-v`, before or after its name. Results go to stdout, everything else to stderr.
On a terminal there are colours, symbols and progress; elsewhere plain lines that stay the same from run to run.
`NO_COLOR=1` turns colours off, `FORCE_COLOR=1` turns them on where no terminal is, `PIVOT_ASCII=1` turns symbols off,
`PIVOT_DEBUG=1` shows where a bug of Pivot happened. Under GitHub Actions, and with `--ci`, each stage is folded into a
group, and failures are annotated at file and line; the job gets a summary.

`pivot completion bash` (or `zsh`, `fish`) writes the script that makes a shell complete commands, options,
stages and outputs. What a command exits with stands under [exit codes](exit-codes.md).
"""

_JSON_INTRO = """\
# JSON output

`pivot repro --json`, `pivot run --json` and the `--json` of `push`, `pull` and `fetch` write one object a line while
the work goes on; every other `--json` writes one object. Output is ASCII: other characters are escaped as JSON has it.
Durations are seconds, times are seconds since 1970 (UTC), paths are relative to the project. `schema` is {schema}:
within one number fields may be added, and none is removed, renamed or given another meaning.

A command that cannot do its work writes its error to stderr, in words, and says so by its exit code; what keeps a run
from starting or from being completed is in `problems` of its last line.

Each section names the JSON Schemas (draft 2020-12) of the commands that write it. They say what is there, and refuse no
field that they do not name.
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
    "history --json": ("HistoryRecord", "SummaryRecord"),
    "show --json": ("ShowRecord",),
    "verify --json": ("VerifyRecord", "FindingRecord"),
    "gc --json": ("SweepRecord",),
    "import-dvc --json": ("AdoptionRecord", "TakenRecord", "NoteRecord"),
    "config list --json": ("ConfigRecord", "SettingRecord"),
    "push --json, pull --json, fetch --json": (
        *("TransferStartedRecord", "TransferProgressRecord", "ObjectFailedRecord", "TransferFinishedRecord"),
        *("ItemRecord", "ChangeRecord"),
    ),
    "remote list --json": ("RemotesRecord", "RemoteRecord"),
    "remote check --json": ("RemoteCheckRecord", "RemoteFindingRecord"),
    "status --remote --json": ("RemoteStatusRecord", "RemoteArtifactRecord", "TallyRecord"),
    "metrics show --json": ("MetricsRecord", "ValueRecord"),
    "metrics diff --json": ("MetricsDiffRecord", "ValueChangeRecord"),
    "params show --json": ("ParamsRecord", "ParamRecord", "OriginRecord"),
    "params diff --json": ("ParamsDiffRecord", "ParamChangeRecord"),
    "plots show --json, plots diff --json": ("PlotsRecord", "SeriesRecord", "PlotImageRecord"),
    "doctor --json": ("DoctorRecord", "CheckRecord"),
    "get --json": ("GetRecord", "CopyRecord"),
    "diff --json": (
        *("DiffRecord", "RowsRecord", "ColumnChangeRecord", "RowChangeRecord", "CellChangeRecord"),
        *("TextRecord", "BytesRecord", "FilesRecord", "FileRecord"),
    ),
    "Parts of the above": ("StateRecord", "ReasonRecord", "FailureRecord", "ProblemRecord", "LocationRecord",
    "RevisionRecord", "UnreadRecord"),
}  # fmt: skip


def files(directory: str) -> dict[str, str]:
    """Returns every file of the reference that is made, by its path below ``directory``.

    Of two pages the first part is written by hand; it is taken from what lies there.
    """
    made = {
        "commands.md": commands_page(),
        "json.md": json_page(),
        "events.md": _by_hand(directory, "events.md", protocol.EVENTS) + protocol.events(),
        "socket.md": _by_hand(directory, "socket.md", protocol.METHODS) + protocol.methods(),
        "config.md": settings.config_page(),
        "exit-codes.md": settings.exit_codes_page(),
        "api.md": api.page(),
    }
    documents: dict[str, Mapping[str, Json]] = {
        **{name.replace(" ", "-"): document for name, document in command_schemas().items()},
        "events": schemas.of_events(),
        "socket": schemas.of_socket(),
        "pivot.yaml": project.definition_schema(),
    }
    for name, document in documents.items():
        made[f"schemas/{name}.json"] = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    return made


def commands_page() -> str:
    """Returns ``commands.md``."""
    group = commands.build()
    context = click.Context(
        group, info_name="pivot", terminal_width=_WIDTH, help_option_names=["-h", "--help"]
    )
    return "\n".join([_COMMANDS_INTRO, *_help_texts(group, context)])


def json_page() -> str:
    """Returns ``json.md``."""
    parts = [_JSON_INTRO.format(schema=records.SCHEMA)]
    for title, names in _JSON_SECTIONS.items():
        parts.append(f"## {title}\n")
        links = [f"[{name}](schemas/{name.replace(' ', '-')}.json)" for name in _writers(title)]
        if links:
            parts.append(f"Schema: {', '.join(links)}\n")
        parts.extend(forms.section(_record(name)) for name in names)
    return "\n".join(parts)


def command_schemas() -> dict[str, dict[str, Json]]:
    """Returns the schema of what each command writes with ``--json``, by the command's name."""
    written = dict[str, list[type]]()
    for title, names in _JSON_SECTIONS.items():
        for command in _writers(title):
            written.setdefault(command, []).extend(filter(_is_whole, map(_record, names)))
    told = "What `pivot {} --json` writes: {}."
    return {
        command: schemas.document(
            f"pivot {command} --json", told.format(command, _extent(whole)), whole
        )
        for command, whole in written.items()
    }


def _by_hand(directory: str, name: str, heading: str) -> str:
    """Returns what stands in a page above a heading."""
    with open(os.path.join(directory, name), encoding="utf-8") as file:
        return file.read().partition(f"\n{heading}")[0] + "\n"


def _writers(title: str) -> list[str]:
    """Returns the commands that a title names: ``repro`` for ``repro --dry-run --json``."""
    parts = [part for part in title.split(", ") if part.endswith("--json")]
    return [part.partition(" --")[0] for part in parts]


def _extent(whole: list[type]) -> str:
    """Says whether a schema is that of a line or of all."""
    streams = ["event" in form.__annotations__ for form in whole]
    if all(streams):
        return "a line of it"
    return "a line of it, or all where it is one object" if any(streams) else "one object"


def _is_whole(form: type) -> bool:
    """Tells whether a record is written by itself, and not only as a part of another one."""
    return bool({"schema", "event"} & form.__annotations__.keys())


def _record(name: str) -> type:
    for module in (records, result_records, adoption_records):
        if hasattr(module, name):
            return getattr(module, name)
    raise AttributeError(name)


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


def main(directory: str) -> None:
    """Writes all of it."""
    os.makedirs(os.path.join(directory, "schemas"), exist_ok=True)
    for name, text in files(directory).items():
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main(sys.argv[1])
