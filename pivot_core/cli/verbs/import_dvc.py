"""Owns ``pivot import-dvc``: takes over a project of DVC, with its results."""

import click

from pivot_core.cli import adoption, jsonl, records, text
from pivot_core.cli.adoption import Adoption, Taken
from pivot_core.cli.adoption_records import AdoptionRecord, NoteRecord, TakenRecord
from pivot_core.cli.session import Session
from pivot_core.errors import EXIT_OK


@click.command("import-dvc")
@click.argument("directory", default=".", metavar="[DIR]")
@click.option("-n", "--dry-run", is_flag=True, help="Only tell what would be done.")
@click.option("-f", "--force", is_flag=True, help="Overwrite pivot.yaml and dvc_stages.py.")
@click.option("--json", "as_json", is_flag=True, help="Write one JSON object.")
@click.pass_obj
def command(session: Session, directory: str, *, dry_run: bool, force: bool, as_json: bool) -> int:
    """Take over the DVC project in DIR (else the working directory).

    Beside each dvc.yaml it writes a pivot.yaml and a module dvc_stages.py, whose stages are the
    same commands. What `.dvc` files record is tracked. Where dvc.lock agrees with the workspace,
    outputs are taken for results and nothing runs again. What cannot be carried over is named with
    its file and line. DVC's own files stay as they are.

    \b
    Examples:
      pivot import-dvc --dry-run
      pivot import-dvc ~/projects/churn
    """
    found = adoption.adopt(directory, force=force, is_real=not dry_run)
    if as_json:
        jsonl.show(session, _record(found))
    else:
        _show(session, found)
    return EXIT_OK


def _show(session: Session, found: Adoption) -> None:
    out = session.out
    did, taken = (
        ("wrote", "taken over") if found.is_done else ("would write", "would be taken over")
    )
    if not session.is_quiet:
        for path in found.written:
            out.line((f"{did} ", "faint"), path)
        rows = [
            (each.name, (word, "faint") if not each.why else ("; ".join(each.why), "due"))
            for group, word in (
                (found.tracked, "tracked"),
                (found.stages, "its results are taken over"),
            )
            for each in group
            if each.why or session.is_verbose
        ]
        out.table(rows)
    for note in found.notes:
        stage = f"stage '{note.stage}': " if note.stage else ""
        out.line((f"{note.file}:{note.line}: ", "faint"), ("note: ", "due"), f"{stage}{note.text}")
    if session.is_quiet:
        return
    groups = ((found.stages, "stage", "stages"), (found.tracked, "tracked file", "tracked files"))
    said = [
        f"{_done(group)} of {len(group)} {one if len(group) == 1 else many}"
        for group, one, many in groups
        if group
    ]
    notes = f"; {text.plural(len(found.notes), 'note')}" if found.notes else ""
    out.line((f"{taken}: ", "good"), f"{', '.join(said) or 'nothing'}{notes}")
    for each in found.next if found.is_done else ():
        out.line(("you may want  ", "faint"), each)


def _done(group: list[Taken]) -> int:
    return sum(not each.why for each in group)


def _record(found: Adoption) -> AdoptionRecord:
    return AdoptionRecord(
        schema=records.SCHEMA,
        is_done=found.is_done,
        written=found.written,
        stages=[_taken(each) for each in found.stages],
        tracked=[_taken(each) for each in found.tracked],
        notes=[
            NoteRecord(
                where=records.LocationRecord(file=note.file, line=note.line),
                stage=note.stage,
                text=note.text,
            )
            for note in found.notes
        ],
        next=found.next,
    )


def _taken(each: Taken) -> TakenRecord:
    return TakenRecord(name=each.name, is_taken=not each.why, why=list(each.why))
