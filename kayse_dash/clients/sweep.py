"""Putting imports that stand still back in the queue; called every second by the clock of each worker."""

from __future__ import annotations

from datetime import datetime

from kayse_dash import queue
from kayse_dash.clients import imports
from kayse_dash.db import db, reading


def wake_what_stands_still(now: datetime) -> int:
    """Wake every import whose next step was lost; returns how many."""
    with reading():
        ids = imports.stalled(now)
        db.session.rollback()
    for import_id in ids:
        queue.put_now(queue.IMPORT, import_id, lane=queue.BULK)
    return len(ids)
