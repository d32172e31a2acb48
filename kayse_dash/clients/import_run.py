"""A turn of one import: rows are read, checked or written a step at a time, each step one short transaction.

1. What the file says is read and put into normal forms outside of any transaction, so that others can write meanwhile.
2. A step locks the import, and gives up what it read if somebody else got further or stopped it.
3. The step's rows, the counts and the place in the file are committed together: a killed worker leaves no row half done and none
   twice.
4. How many rows make up a step follows from how long the last one took, so that nobody waits long for the database.
5. After a second the import's next turn is queued behind the work of others.

A dry run does the same against a small database of its own, and writes nothing but its counts and the first rejected rows.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from kayse_dash import clock
from kayse_dash.accounts import audit
from kayse_dash.clients import import_files, import_prepare, import_rehearsal, import_undo, import_write
from kayse_dash.clients.fields import NewClient
from kayse_dash.clients.import_choices import Choices, Duplicates
from kayse_dash.clients.import_match import Index
from kayse_dash.clients.import_models import Import, ImportReject, ImportState
from kayse_dash.clients.import_plan import Outcome, Plan, ReadRow, plan
from kayse_dash.clients.import_rehearsal import Rehearsal
from kayse_dash.clients.import_rows import Reader, Rejected
from kayse_dash.db import db, reading
from kayse_dash.tables import delimited, formats
from kayse_dash.tables.delimited import Row

TURN_S = 1.0
STEP_S = 0.25  # how long a step may keep others from writing
FIRST_ROWS, FEWEST_ROWS, MOST_ROWS = 1_000, 100, 5_000
MOST_REJECTS_SHOWN = 1_000  # rejected rows that a dry run keeps


@dataclass(frozen=True)
class Batch:
    """The rows of a step, and where the next one begins in the file: after row `number`, at `position` bytes."""

    rows: list[ReadRow]
    number: int
    position: int
    is_last: bool

    @property
    def clients(self) -> list[NewClient]:
        return [row.client for row in self.rows if row.client is not None]


def turn(import_id: int, now: Callable[[], datetime] = clock.now) -> bool:
    """Take an import further for about a second; whether there is more to do."""
    with reading():
        import_ = db.session.get(Import, import_id)
        if import_ is not None:
            db.session.expunge(import_)
        db.session.rollback()
    if import_ is None or not import_.state.is_moving:
        return False
    if import_.state is ImportState.UNDOING:
        return import_undo.turn(import_id, TURN_S, now)
    if import_.total_rows is None or not import_files.copy(import_id).exists():
        import_prepare.begin(import_id)
        return False
    with _no_collecting():
        return _check(import_, now) if import_.state is ImportState.CHECKING else _run(import_, now)


@contextmanager
def _no_collecting() -> Iterator[None]:
    """Leave the garbage collector out for a turn: it would look through ten thousand rows again and again and find no circle."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _check(import_: Import, now: Callable[[], datetime]) -> bool:
    path = import_files.rehearsal(import_.id)
    with import_rehearsal.opened(path, import_.row) as rehearsal:
        if rehearsal is None:
            return _check_anew(import_)
        for batch in _batches(import_, now()):
            if not _check_step(import_, batch, rehearsal, now()):
                return False
            if batch.is_last:
                break
        else:
            return True
    import_rehearsal.discard(path)
    return False


def _check_step(import_: Import, batch: Batch, rehearsal: Rehearsal, now: datetime) -> bool:
    choices = Choices.from_json(import_.options)
    with reading():
        # What a dry run would have written is asked first, for it knows better.
        connections = [rehearsal.connection, db.session.connection()]
        made = plan(batch.rows, _index(connections, batch, choices, lock=False), choices)
        db.session.rollback()
    rehearsal.write(made, batch.number)
    locked = _locked(import_)
    if locked is None:
        return False
    room = max(0, MOST_REJECTS_SHOWN - locked.rejected)
    import_write.write_rejects(db.session.connection(), made, import_.id, room)
    _note(locked, made, batch, now)
    if batch.is_last:
        locked.state = ImportState.CHECKED
    _follow(import_, locked)
    return True


def _check_anew(import_: Import) -> bool:
    """Begin a dry run from the start: what it knew is lost, or ahead of the counts."""
    locked = _locked(import_)
    if locked is None:
        return False
    locked.begin()
    db.session.execute(sa.delete(ImportReject).where(ImportReject.import_id == import_.id))
    db.session.commit()
    return True


def _run(import_: Import, now: Callable[[], datetime]) -> bool:
    for batch in _batches(import_, now()):
        try:
            goes_on = _run_step(import_, batch, now())
        except IntegrityError:
            # Somebody else made a client with the same external id just now; this time it is found.
            db.session.rollback()
            goes_on = _run_step(import_, batch, now())
        if not goes_on:
            return False
        if batch.is_last:
            import_files.discard(import_.id)
            return False
    return True


def _run_step(import_: Import, batch: Batch, now: datetime) -> bool:
    locked = _locked(import_)
    if locked is None:
        return False
    choices = Choices.from_json(import_.options)
    connection = db.session.connection()
    import_write.lock(connection)
    made = plan(batch.rows, _index([connection], batch, choices, lock=True), choices)
    import_write.write(connection, made, import_.id, import_.filename, import_.started_by, now)
    _note(locked, made, batch, now)
    if batch.is_last:
        finished(locked, now)
    _follow(import_, locked)
    return True


def finished(import_: Import, now: datetime) -> None:
    """Note that an import has come to its end."""
    import_.state, import_.finished_at = ImportState.FINISHED, now
    counts = {outcome.value: getattr(import_, outcome.value) for outcome in Outcome}
    audit.note("import.finished", f"import {import_.id}", counts, actor=import_.started_by, now=now)


def _batches(import_: Import, now: datetime) -> Iterator[Batch]:
    """The rows from where the import stands, a step's worth at a time, until the end or until the turn is over."""
    until = time.monotonic() + TURN_S
    layout, choices = import_prepare.layout_of(import_), Choices.from_json(import_.options)
    mapping = {int(place): target for place, target in import_.mapping.items()}
    reader = Reader(import_.columns, mapping, choices, now.date())
    width = len(import_.columns) if layout.format == formats.CSV else None
    number, position, most = import_.row, import_.position, FIRST_ROWS
    with open(import_files.copy(import_.id), "rb") as file:
        rows = delimited.rows(file, formats.separator_of_copy(layout), width, number, position)
        if position == 0 and choices.headings:
            next(rows, None)
        is_last = False
        while not is_last:
            taken = list(islice(rows, most))
            is_last = len(taken) < most
            if taken:
                number, position = taken[-1].number, taken[-1].end
            batch = Batch([_read(reader, row) for row in taken], number, position, is_last)
            began = time.monotonic()
            yield batch
            if time.monotonic() >= until:
                return
            wanted = int(most * STEP_S / max(time.monotonic() - began, 0.001))
            most = min(max(wanted, FEWEST_ROWS), MOST_ROWS, most * 2)


def _read(reader: Reader, row: Row) -> ReadRow:
    if row.fault:
        return ReadRow(row.number, row.cells, None, row.fault)
    try:
        return ReadRow(row.number, row.cells, reader.read(row.cells))
    except Rejected as error:
        return ReadRow(row.number, row.cells, None, str(error))


def _index(connections: list[sa.Connection], batch: Batch, choices: Choices, *, lock: bool) -> Index:
    by_contact = choices.duplicates is not Duplicates.ADD
    return Index(connections, batch.clients, by_contact=by_contact, lock=lock)


def _locked(import_: Import) -> Import | None:
    """The import's row, locked; None where somebody else got further with it, or it was stopped."""
    locked = db.session.get(Import, import_.id, with_for_update=True, populate_existing=True)
    if locked is None or (locked.state, locked.row, locked.position) != (import_.state, import_.row, import_.position):
        db.session.rollback()
        return None
    return locked


def _note(locked: Import, made: Plan, batch: Batch, now: datetime) -> None:
    for outcome, count in made.counts.items():
        setattr(locked, outcome.value, getattr(locked, outcome.value) + count)
    locked.row, locked.position, locked.stepped_at = batch.number, batch.position, now


def _follow(import_: Import, locked: Import) -> None:
    """Commit, and keep in mind how far the import is now."""
    import_.row, import_.position = locked.row, locked.position
    db.session.commit()
