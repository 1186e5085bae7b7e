"""Owns showing how an artifact differs between two revisions: for people, in Markdown, and as JSON."""

from collections.abc import Iterator, Sequence

from pivot_core.cli import figures, markdown, records, revisions, text
from pivot_core.cli import result_records as forms
from pivot_core.cli.paper import Paper, Part
from pivot_core.compare.cells import value_cells
from pivot_core.compare.leaf import Difference, LeafDifference
from pivot_core.compare.lines import ByteDifference, LineDifference
from pivot_core.compare.pairing import ColumnChange, RowChange, RowDifference
from pivot_core.model.ids import Json
from pivot_core.port.results import Comparison, FileDifference

_CELLS = 8
"""So many cells of one row are shown; JSON has all."""


def show(paper: Paper, found: Comparison, limit: int) -> None:
    """Writes it for people."""
    old, new = revisions.title(found.old), revisions.title(found.new)
    head = f"{found.path}: {old} → {new}"
    match found.detail:
        case None:
            paper.line(f"{head}: no difference")
        case RowDifference() as rows:
            by = f"rows by {', '.join(rows.key)}" if rows.key else "rows by position"
            paper.line((head, "strong"), (f", {by}", "faint"))
            for column in rows.columns:
                paper.line(*_column(column))
            paper.table([_row(rows, change) for change in rows.changes])
            paper.line(_rows_said(rows))
        case LeafDifference() as leaves:
            paper.line((head, "strong"))
            shown = leaves.changes[:limit]
            paper.table([(_mark(each.difference), *value_cells(each)) for each in shown])
            paper.line(_values_said(leaves, limit))
        case LineDifference() as lines:
            paper.line((head, "strong"))
            for line in lines.lines:
                paper.line((line, _LINE_STYLES.get(line[:1], "")))
            paper.line(_lines_said(lines))
        case ByteDifference() as given:
            paper.line((head, "strong"))
            paper.line(_bytes_said(given))
        case FileDifference() as given:
            paper.line((head, "strong"))
            paper.table([(_mark(kind), path) for path, kind in given.changes.items()])
            paper.line(_files_said(given))


def in_markdown(found: Comparison, limit: int) -> str:
    """Returns it in Markdown."""
    old, new = revisions.title(found.old), revisions.title(found.new)
    head = markdown.title(f"{found.path}: {old} → {new}")
    match found.detail:
        case None:
            return f"{head}No difference.\n"
        case RowDifference() as rows:
            return head + _rows_in_markdown(rows)
        case LeafDifference() as leaves:
            cells = [value_cells(each) for each in leaves.changes[:limit]]
            body = markdown.table(("value", old, new, "change"), cells, right=(1, 2, 3))
            return f"{head}{body}\n{_values_said(leaves, limit)}\n"
        case LineDifference() as lines:
            body = "".join(f"    {line}\n" for line in map(_inert, lines.lines))
            return f"{head}{body}\n{_lines_said(lines)}\n"
        case ByteDifference() as given:
            return f"{head}{_bytes_said(given)}\n"
        case FileDifference() as given:
            rows = [(kind.value, path) for path, kind in given.changes.items()]
            return f"{head}{markdown.table(('', 'file'), rows)}\n{_files_said(given)}\n"


def record(found: Comparison, limit: int) -> forms.DiffRecord:
    """Returns it as JSON has it."""
    made = forms.DiffRecord(
        schema=records.SCHEMA,
        path=found.path,
        old=revisions.record(found.old),
        new=revisions.record(found.new),
        form="same",
        rows=None,
        values=None,
        text=None,
        bytes=None,
        files=None,
    )
    match found.detail:
        case None:
            return made
        case RowDifference() as rows:
            return forms.DiffRecord({**made, "form": "rows", "rows": _rows_record(rows)})
        case LeafDifference() as leaves:
            values = [figures.record("", each) for each in leaves.changes[:limit]]
            return forms.DiffRecord({**made, "form": "values", "values": values})
        case LineDifference(added, removed, lines, more):
            text_record = forms.TextRecord(
                added=added, removed=removed, lines=list(lines), more=more
            )
            return forms.DiffRecord({**made, "form": "text", "text": text_record})
        case ByteDifference(old, new, at):
            given = forms.BytesRecord(old_bytes=old, new_bytes=new, at=at)
            return forms.DiffRecord({**made, "form": "bytes", "bytes": given})
        case FileDifference() as files:
            return forms.DiffRecord({**made, "form": "files", "files": _files_record(files)})


_LINE_STYLES = {"+": "added", "-": "removed", "@": "faint"}


def _mark(kind: Difference) -> Part:
    return figures.MARKS[kind], figures.STYLES[kind]


def _column(column: ColumnChange) -> tuple[Part, ...]:
    if column.old is None:
        return _mark(Difference.ADDED), f" column {column.name} ({column.new or 'empty'})"
    if column.new is None:
        return _mark(Difference.REMOVED), f" column {column.name} ({column.old or 'empty'})"
    types = f" column {column.name}: {column.old or 'empty'} → {column.new or 'empty'}"
    return _mark(Difference.CHANGED), types


def _row(rows: RowDifference, change: RowChange) -> tuple[Part, ...]:
    name = ", ".join(map(figures.value, change.key))
    return _mark(change.difference), name if rows.key else f"row {name}", _cells(change)


def _cells(change: RowChange) -> str:
    shown = [
        f"{cell.column}: {' → '.join(_moved(cell.old, cell.new))}"
        if change.difference is Difference.CHANGED
        else f"{cell.column}={_cell(cell.new if cell.old is None else cell.old)}"
        for cell in change.cells[:_CELLS]
    ]
    more = len(change.cells) - len(shown)
    return "  ".join([*shown, *([f"… {more} more"] if more else [])])


def _moved(old: Json, new: Json) -> tuple[str, str]:
    return _cell(old), _cell(new)


def _cell(value: Json) -> str:
    return "∅" if value is None else figures.value(value)


def _rows_said(rows: RowDifference) -> str:
    found = {"added": rows.added, "removed": rows.removed, "changed": rows.changed}
    said = [f"{count} {what}" for what, count in found.items() if count]
    rest = _more(sum(found.values()) - len(rows.changes))
    counted = text.plural(rows.new_rows, "row")
    before = "" if rows.old_rows == rows.new_rows else f" (before: {rows.old_rows})"
    return f"{counted}{before}: {', '.join(said) or 'no row differs'}{rest}"


def _values_said(leaves: LeafDifference, limit: int) -> str:
    differ = text.plural(len(leaves.changes), "value")
    verb = "differs" if len(leaves.changes) == 1 else "differ"
    more = _more(len(leaves.changes) - limit)
    return f"{differ} {verb}, {leaves.unchanged} are the same{more}"


def _lines_said(lines: LineDifference) -> str:
    if not lines.added and not lines.removed:
        return "only the ends of lines differ"
    return f"{text.plural(lines.added, 'line')} added, {lines.removed} removed{_more(lines.more)}"


def _bytes_said(given: ByteDifference) -> str:
    why = "too large to be compared line by line" if given.is_text else "no text"
    sizes = f"{text.size(given.old_bytes)} → {text.size(given.new_bytes)}"
    return f"{why}: {sizes}, from byte {given.at:,} on"


def _files_said(given: FileDifference) -> str:
    found = {"added": given.added, "removed": given.removed, "changed": given.changed}
    said = [f"{count} {what}" for what, count in found.items() if count]
    more = _more(sum(found.values()) - len(given.changes))
    return f"files: {', '.join(said)}, {given.unchanged} the same{more}"


def _more(count: int) -> str:
    return f"; {count:,} more with `--limit`" if count > 0 else ""


def _inert(line: str) -> str:
    return line.replace("\t", "    ")


def _rows_in_markdown(rows: RowDifference) -> str:
    parts = list[str]()
    if rows.columns:
        columns = [(each.name, each.old or "", each.new or "") for each in rows.columns]
        parts.append(markdown.table(("column", "old type", "new type"), columns))
    if rows.changes:
        key = ", ".join(rows.key) if rows.key else "row"
        cells = [
            (each.difference.value, ", ".join(map(figures.value, each.key)), _cells(each))
            for each in rows.changes
        ]
        parts.append(markdown.table(("", key, "cells"), cells))
    return "\n".join([*parts, f"{_rows_said(rows)}\n"])


def _rows_record(rows: RowDifference) -> forms.RowsRecord:
    return forms.RowsRecord(
        key=list(rows.key),
        columns=[
            forms.ColumnChangeRecord(name=each.name, old=each.old, new=each.new)
            for each in rows.columns
        ],
        old_rows=rows.old_rows,
        new_rows=rows.new_rows,
        added=rows.added,
        removed=rows.removed,
        changed=rows.changed,
        changes=list(_row_records(rows.changes)),
        more=rows.added + rows.removed + rows.changed - len(rows.changes),
    )


def _row_records(changes: Sequence[RowChange]) -> Iterator[forms.RowChangeRecord]:
    for each in changes:
        cells = [
            forms.CellChangeRecord(column=cell.column, old=cell.old, new=cell.new)
            for cell in each.cells
        ]
        yield forms.RowChangeRecord(
            difference=each.difference.value, key=list(each.key), cells=cells
        )


def _files_record(given: FileDifference) -> forms.FilesRecord:
    total = given.added + given.removed + given.changed
    return forms.FilesRecord(
        files=[
            forms.FileRecord(path=path, difference=kind.value)
            for path, kind in given.changes.items()
        ],
        added=given.added,
        removed=given.removed,
        changed=given.changed,
        unchanged=given.unchanged,
        more=total - len(given.changes),
    )
