"""Letting go of what imports leave behind: what rows said and clients were, and uploads that nobody went on with."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from kayse_dash.clients import import_files
from kayse_dash.clients.import_models import Import, ImportChange, ImportReject, ImportState
from kayse_dash.clients.imports import LEFT_AFTER, UNDONE_WITHIN
from kayse_dash.db import db

WAITING = (ImportState.UPLOADED, ImportState.CHECKED)
MOVING = tuple(state for state in ImportState if state.is_moving)


def forget_rows(now: datetime, most: int) -> int:
    """Delete rejected rows, and what clients were before, of imports that cannot be undone any more; up to `most`.

    Returns:
        How many.
    """
    old = sa.select(Import.id).where(Import.created_at < now - UNDONE_WITHIN)
    for import_id, key in ((ImportReject.import_id, ImportReject.row), (ImportChange.import_id, ImportChange.client_id)):
        query = sa.select(import_id, key).where(import_id.in_(old)).order_by(import_id, key).limit(most)
        found = db.session.execute(query).all()
        if found:
            first = found[0][0]
            last = max(value for owner, value in found if owner == first)
            gone = sa.delete(import_id.class_).where(import_id == first, key <= last)
            return db.session.execute(gone.execution_options(synchronize_session=False)).rowcount
    return 0


def forget_uploads(now: datetime) -> int:
    """Remove uploads that nobody went on with for a week, and files that no import needs; returns how many uploads."""
    is_old = Import.stepped_at < now - LEFT_AFTER
    left = list(db.session.scalars(sa.select(Import).where(Import.state.in_(WAITING), is_old)))
    for import_ in left:
        import_files.discard(import_.id)
        db.session.delete(import_)
    db.session.flush()
    needed = sa.or_(Import.state.in_([*WAITING, *MOVING]), sa.and_(Import.state == ImportState.FAILED, ~is_old))
    import_files.discard_orphans(set(db.session.scalars(sa.select(Import.id).where(needed))))
    return len(left)
