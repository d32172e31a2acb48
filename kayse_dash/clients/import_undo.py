"""Taking an import back, a step at a time: first what it changed, then the clients it made.

What somebody changed since stays as it is and is counted; so does a client of whom an event came in since. A change that was
dealt with is deleted in the same transaction; the clients are walked through by id. So nothing is taken back twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kayse_dash.accounts import audit
from kayse_dash.clients import import_write, normal
from kayse_dash.clients.import_models import Import, ImportChange, ImportState
from kayse_dash.clients.import_write import MADE_HERE
from kayse_dash.clients.models import Client, Detail, Source, Transfer
from kayse_dash.db import db
from kayse_dash.events.models import Event

STEP_ROWS = 500

_clients, _details, _changes = Client.__table__, Detail.__table__, ImportChange.__table__


def total(import_id: int) -> int:
    """How many clients an import made or changed."""
    made = sa.select(sa.func.count()).select_from(_clients).where(_clients.c.import_id == import_id)
    changed = sa.select(sa.func.count()).select_from(_changes).where(*_to_restore(import_id))
    return (db.session.scalar(made) or 0) + (db.session.scalar(changed) or 0)


def turn(import_id: int, seconds: float, now: Callable[[], datetime]) -> bool:
    """Take undoing further for about `seconds`; whether there is more to do."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if not _step(import_id, now()):
            return False
    return True


def _step(import_id: int, now: datetime) -> bool:
    import_ = db.session.get(Import, import_id, with_for_update=True, populate_existing=True)
    if import_ is None or import_.state is not ImportState.UNDOING:
        db.session.rollback()
        return False
    connection = db.session.connection()
    import_write.lock(connection)
    goes_on = _restore(connection, import_, now) or _delete(connection, import_)
    import_.stepped_at = now
    if not goes_on:
        import_.state, import_.finished_at = ImportState.UNDONE, now
        counts = {"deleted": import_.undo_deleted, "restored": import_.undo_restored, "kept": import_.undo_skipped}
        audit.note("import.undone", f"import {import_id}", counts, actor=import_.started_by, now=now)
    db.session.commit()
    return goes_on


def _to_restore(import_id: int) -> list[sa.ColumnElement[bool]]:
    return [_changes.c.import_id == import_id, _changes.c.before != MADE_HERE]


def _restore(connection: sa.Connection, import_: Import, now: datetime) -> bool:
    """Put the next clients that were changed back to what they were; whether there were any."""
    query = sa.select(_changes.c.client_id, _changes.c.before, _changes.c.version).where(*_to_restore(import_.id))
    changes = connection.execute(query.order_by(_changes.c.client_id).limit(STEP_ROWS)).all()
    if not changes:
        return False
    ids = [change.client_id for change in changes]
    # One that was made later has the id of one who was deleted for good.
    same = sa.select(_clients.c.id, _clients.c.version, _clients.c.first_name, _clients.c.last_name).where(
        _clients.c.id.in_(ids), _clients.c.created_at <= import_.created_at
    )
    known = {row.id: row for row in connection.execute(same.with_for_update())}
    untouched = [change for change in changes if change.client_id in known and known[change.client_id].version == change.version]
    if untouched:
        _put_back(connection, import_.id, untouched, known, now)
    connection.execute(sa.delete(_changes).where(_changes.c.import_id == import_.id, _changes.c.client_id.in_(ids)))
    import_.undo_restored += len(untouched)
    import_.undo_skipped += len(changes) - len(untouched)
    return True


def _put_back(
    connection: sa.Connection, import_id: int, changes: Sequence[Any], known: dict[int, Any], now: datetime
) -> None:
    ids = [change.client_id for change in changes]
    connection.execute(sa.delete(_details).where(_details.c.import_id == import_id, _details.c.client_id.in_(ids)))
    for change in changes:
        version, update_origin, columns = import_write.unmerged(change.before)
        person = known[change.client_id]
        name = {column: columns.get(column, getattr(person, column)) for column in ("first_name", "last_name")}
        keys = {"first_key": normal.name_key(name["first_name"]), "last_key": normal.name_key(name["last_name"])}
        connection.execute(
            sa.update(_clients)
            .where(_clients.c.id == change.client_id)
            .values(
                **columns, **keys, update_origin=Source(update_origin), updated_at=now, version=_clients.c.version + 1
            )
        )
        _follow_version(connection, change.client_id, version, change.version + 1)


def _follow_version(connection: sa.Connection, client_id: int, before: int, after: int) -> None:
    """Let an earlier import be undone too: as far as it is concerned, the client is again what it left."""
    earlier = sa.update(_changes).where(_changes.c.client_id == client_id, _changes.c.version == before)
    if connection.execute(earlier.values(version=after)).rowcount or before != 1:
        return
    made_by = connection.scalar(sa.select(_clients.c.import_id).where(_clients.c.id == client_id))
    if made_by is not None:
        values = {"import_id": made_by, "client_id": client_id, "before": MADE_HERE, "version": after}
        connection.execute(sa.insert(_changes), values)


def _delete(connection: sa.Connection, import_: Import) -> bool:
    """Delete the next clients that the import made; whether there were any."""
    expected = sa.func.coalesce(_changes.c.version, 1)
    heard_of = sa.exists().where(Event.client_id == _clients.c.id, Event.recorded_at >= _clients.c.created_at)
    called = sa.exists().where(Transfer.client_id == _clients.c.id)
    query = (
        sa.select(_clients.c.id, sa.and_(_clients.c.version == expected, ~heard_of, ~called).label("is_untouched"))
        .outerjoin(_changes, sa.and_(_changes.c.import_id == import_.id, _changes.c.client_id == _clients.c.id))
        .where(_clients.c.import_id == import_.id, _clients.c.id > import_.position)
        .order_by(_clients.c.id)
        .limit(STEP_ROWS)
    )
    made = connection.execute(query.with_for_update(of=_clients)).all()
    if not made:
        return False
    untouched = [row.id for row in made if row.is_untouched]
    connection.execute(sa.delete(_details).where(_details.c.client_id.in_(untouched)))
    connection.execute(sa.delete(_clients).where(_clients.c.id.in_(untouched)))
    # Also what other imports changed of those who are gone.
    connection.execute(sa.delete(_changes).where(_changes.c.client_id.in_(untouched)))
    import_.undo_deleted += len(untouched)
    import_.undo_skipped += len(made) - len(untouched)
    import_.position = made[-1].id
    return True
