"""Imports of client records, from the upload to taking it back: what a person does. What workers do is in `import_run`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from kayse_dash import queue
from kayse_dash.clients import import_choices, import_dates, import_fields, import_files, import_undo
from kayse_dash.clients.import_choices import Choices
from kayse_dash.clients.import_models import Import, ImportReject, ImportState
from kayse_dash.clients.import_prepare import layout_of
from kayse_dash.db import db
from kayse_dash.errors import Conflict, InvalidInput, NotFound
from kayse_dash.tables import formats, text
from kayse_dash.tables.faults import Unreadable
from kayse_dash.tables.formats import Layout

LARGEST_FILE = 500 * 1024 * 1024  # bytes
LARGEST_ID = 2**31 - 1
LOOKED_AT = 1_000  # rows from which columns are guessed
LONGEST_HEADING = 200
STALLED_AFTER = timedelta(seconds=10)
UNDONE_WITHIN = timedelta(days=90)
LEFT_AFTER = timedelta(days=7)  # an upload that nobody goes on with

GONE = "The file of this import is not there any more. Upload it again."

Rows = list[tuple[int, list[str]]]


def get(import_id: int, *, lock: bool = False) -> Import:
    """
    Args:
        lock: keep workers from changing it until the transaction ends.

    Raises:
        NotFound: there is none with this id.
    """
    found = None
    if 0 < import_id <= LARGEST_ID:
        found = db.session.get(Import, import_id, with_for_update=True if lock else None, populate_existing=lock)
    if found is None:
        raise NotFound("There is no such import. It may have been removed.")
    return found


def create(file: IO[bytes], filename: str, by: str, now: datetime) -> Import:
    """Take a file that was uploaded, and propose how to read it.

    Args:
        file: from `import_files.new`.
        by: who uploaded it.

    Raises:
        InvalidInput: it is no table.
    """
    file.flush()
    path = Path(file.name)
    try:
        layout = formats.recognise(path)
        rows = formats.first_rows(path, layout, LOOKED_AT)
    except Unreadable as error:
        raise InvalidInput(str(error), {"file": str(error)}) from error
    import_ = Import(
        filename=_file_name(filename),
        size=path.stat().st_size,
        state=ImportState.UPLOADED,
        started_by=by,
        created_at=now,
        stepped_at=now,
    )
    _lay_out(import_, layout, rows, import_fields.has_headings([cells for _, cells in rows]))
    db.session.add(import_)
    db.session.flush()
    import_files.keep(file, import_.id)
    return import_


def _file_name(name: str) -> str:
    shown = "".join(sign if sign.isprintable() else " " for sign in name.replace("\\", "/").rpartition("/")[2])
    return " ".join(shown.split())[-255:] or "Unnamed file"


def _lay_out(import_: Import, layout: Layout, rows: Rows, headings: bool) -> None:
    """Set how a file is read, and propose what its columns become: as for the last file with the same headings, else a guess."""
    import_.format, import_.encoding = layout.format, layout.encoding
    import_.delimiter, import_.sheet = layout.separator, layout.sheet
    width = _width([cells for _, cells in rows], headings)
    names = [_heading(cell) for cell in rows[0][1][:width]] if headings else []
    import_.columns = names + [""] * (width - len(names))
    import_.total_rows = None
    if headings and (last := _last_like(import_)):
        import_.mapping, import_.options = last.mapping, last.options
        return
    values = [cells for _, cells in rows[headings:]]
    columns = [[cells[place] if place < len(cells) else "" for cells in values] for place in range(width)]
    found = import_fields.guess(names, columns) if headings else import_fields.guess_without_headings(columns)
    dates = [value for place, target in found.items() if target == "date_of_birth" for value in columns[place]]
    import_.mapping = {str(place): target for place, target in sorted(found.items())}
    import_.options = Choices(headings=headings, order=import_dates.guess_order(dates)).as_json()


def _width(rows: Sequence[Sequence[str]], headings: bool) -> int:
    """How many columns a file has: as its headings, or as most rows where those have more."""
    widths = [max((place for place, cell in enumerate(cells, 1) if cell.strip()), default=0) for cells in rows]
    if not headings:
        return max(widths)
    return max(widths[0], Counter(widths[1:]).most_common(1)[0][0] if widths[1:] else 0)


def _heading(cell: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in cell).split())[:LONGEST_HEADING]


def _last_like(import_: Import) -> Import | None:
    """The last import of a file with the same headings whose columns somebody chose; or of that which rejected these rows."""
    same = [import_.columns]
    if tuple(import_.columns[-len(import_fields.APPENDED) :]) == import_fields.APPENDED:
        same.append(import_.columns[: -len(import_fields.APPENDED)])
    query = sa.select(Import).where(
        sa.or_(*(Import.columns == columns for columns in same)),
        Import.state != ImportState.UPLOADED,
        Import.id != (import_.id or 0),
    )
    with db.session.no_autoflush:
        return db.session.scalar(query.order_by(Import.id.desc()).limit(1))


def lay_out(import_: Import, layout: Layout, headings: bool) -> None:
    """Have a file read in another way.

    Raises:
        Conflict: it is being imported already, or its file is gone.
        InvalidInput: it cannot be read in that way.
    """
    _must_be(import_, ImportState.UPLOADED, ImportState.CHECKED)
    if layout.format == formats.CSV and (layout.encoding not in text.ENCODINGS or layout.separator not in text.SEPARATORS):
        raise InvalidInput("Please look at these choices again.", {"encoding": "Choose one of the list."})
    if layout.format == formats.XLSX and layout.sheet not in sheets(import_):
        raise InvalidInput("There is no such sheet.", {"sheet": "Choose one of the list."})
    rows = first_rows(import_, LOOKED_AT, layout)
    import_files.discard_copy(import_.id)
    _lay_out(import_, layout, rows, headings)
    import_.state, import_.error = ImportState.UPLOADED, None


def first_rows(import_: Import, most: int, layout: Layout | None = None) -> Rows:
    """The first rows of a file, with their numbers, the headings among them.

    Raises:
        Conflict: the file is gone.
        InvalidInput: it cannot be read in this way.
    """
    try:
        return formats.first_rows(import_files.uploaded(import_.id), layout or layout_of(import_), most)
    except FileNotFoundError as error:
        raise Conflict(GONE) from error
    except Unreadable as error:
        raise InvalidInput(str(error), {"encoding": str(error)}) from error


def sheets(import_: Import) -> list[str]:
    """The sheets of a workbook."""
    if import_.format != formats.XLSX or not import_files.uploaded(import_.id).exists():
        return []
    return formats.sheets(import_files.uploaded(import_.id))


def check(import_: Import, mapping: Mapping[int, str], choices: Choices, now: datetime) -> None:
    """Begin a dry run.

    Raises:
        Conflict: it is being imported already, or its file is gone.
        InvalidInput: rows cannot be read by these choices.
    """
    _must_be(import_, ImportState.UPLOADED, ImportState.CHECKED)
    if not import_files.uploaded(import_.id).exists():
        raise Conflict(GONE)
    choices = import_choices.check(mapping, import_.columns, choices)
    import_.mapping = {str(place): target for place, target in sorted(mapping.items())}
    import_.options = choices.as_json()
    _begin(import_, ImportState.CHECKING, now)


def start(import_: Import, by: str, now: datetime) -> None:
    """Import what a dry run has checked.

    Args:
        by: who the records are entered by.

    Raises:
        Conflict: it was not checked, there is nothing to import, or its file is gone.
    """
    _must_be(import_, ImportState.CHECKED)
    if not import_.changes:
        raise Conflict("There is nothing to import: no row of this file would make or change a client.")
    if not import_files.copy(import_.id).exists() and not import_files.uploaded(import_.id).exists():
        raise Conflict(GONE)
    import_.started_by = by
    _begin(import_, ImportState.RUNNING, now)


def _begin(import_: Import, state: ImportState, now: datetime) -> None:
    import_.begin()
    import_.state, import_.stepped_at, import_.error = state, now, None
    db.session.execute(sa.delete(ImportReject).where(ImportReject.import_id == import_.id))
    queue.put(queue.IMPORT, import_.id, lane=queue.BULK)


def cancel(import_: Import, now: datetime) -> None:
    """Stop a dry run, which can be begun again, or an import, of which what was done stays.

    Raises:
        Conflict: there is nothing left to stop.
    """
    _must_be(import_, ImportState.CHECKING, ImportState.RUNNING)
    import_.stepped_at = now
    if import_.state is ImportState.CHECKING:
        import_.state = ImportState.UPLOADED
        return
    import_.state, import_.finished_at = ImportState.CANCELLED, now
    import_files.discard(import_.id)


def go_on(import_: Import, now: datetime) -> None:
    """Go on with an import that a fault of ours stopped.

    Raises:
        Conflict: it did not stop, or its file is gone.
    """
    _must_be(import_, ImportState.FAILED)
    if not import_files.uploaded(import_.id).exists():
        raise Conflict(GONE)
    import_.state, import_.stepped_at, import_.error, import_.finished_at = ImportState.RUNNING, now, None, None
    queue.put(queue.IMPORT, import_.id, lane=queue.BULK)


def may_be_undone(import_: Import, now: datetime) -> bool:
    """Whether an import can be taken back."""
    over = import_.state in (ImportState.FINISHED, ImportState.CANCELLED, ImportState.FAILED)
    return over and import_.changes > 0 and now - import_.created_at < UNDONE_WITHIN


def undo(import_: Import, now: datetime) -> None:
    """Begin to take an import back.

    Raises:
        Conflict: it is not over, changed nothing, or is too old.
    """
    if not may_be_undone(import_, now):
        raise Conflict("This import cannot be undone (any more). Look at what the page says now.")
    import_files.discard(import_.id)
    import_.undo_total = import_undo.total(import_.id)
    import_.undo_deleted = import_.undo_restored = import_.undo_skipped = import_.position = 0
    import_.state, import_.stepped_at, import_.error = ImportState.UNDOING, now, None
    queue.put(queue.IMPORT, import_.id, lane=queue.BULK)


def remove(import_: Import) -> None:
    """Remove an upload that was not imported.

    Raises:
        Conflict: it was.
    """
    _must_be(import_, ImportState.UPLOADED, ImportState.CHECKED)
    import_files.discard(import_.id)
    db.session.delete(import_)


def _must_be(import_: Import, *states: ImportState) -> None:
    if import_.state not in states:
        raise Conflict("That is not possible any more. Look at what the page says now.")


def rejects(import_id: int, most: int) -> list[ImportReject]:
    """The first rejected rows of an import."""
    query = sa.select(ImportReject).where(ImportReject.import_id == import_id).order_by(ImportReject.row).limit(most)
    return list(db.session.scalars(query))


def stalled(now: datetime) -> list[int]:
    """Imports whose next step was lost with its worker or with Redis."""
    moving = [state for state in ImportState if state.is_moving]
    return list(
        db.session.scalars(sa.select(Import.id).where(Import.state.in_(moving), Import.stepped_at < now - STALLED_AFTER))
    )
