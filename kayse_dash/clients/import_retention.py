"""Letting go of what imports leave behind: what rows said and clients were, and uploads that nobody went on with."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from kayse_dash.clients import import_files
from kayse_dash.clients.import_models import Import, ImportChange, ImportReject, ImportState
from kayse_dash.clients.imports import LEFT_AFTER, UNDONE_WITHIN
from kayse_dash.db import db


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
    """Remove uploads that nobody went on with for a week, and files that belong to no import; returns how many uploads."""
    waiting = Import.state.in_([ImportState.UPLOADED, ImportState.CHECKED])
    left = list(db.session.scalars(sa.select(Import).where(waiting, Import.stepped_at < now - LEFT_AFTER)))
    for import_ in left:
        import_files.discard(import_.id)
        db.session.delete(import_)
    db.session.flush()
    import_files.discard_orphans(list(db.session.scalars(sa.select(Import.id).where(Import.state.in_(import_files.NEEDED)))))
    return len(left)
