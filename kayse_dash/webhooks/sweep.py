"""Putting overdue and orphaned work back in the queue; called every second by the clock of each worker."""

from __future__ import annotations

from datetime import datetime

from kayse_dash import queue
from kayse_dash.db import db, reading
from kayse_dash.webhooks import deliveries, recoveries


def wake_what_is_due(now: datetime) -> int:
    """Wake every webhook that is owed something now, and every recovery that stands still; returns how many."""
    with reading():
        endpoint_ids = deliveries.due_endpoints(now)
        recovery_ids = recoveries.stalled(now)
        db.session.rollback()
    for endpoint_id in endpoint_ids:
        queue.put_now(queue.DRAIN, endpoint_id)
    for recovery_id in recovery_ids:
        queue.put_now(queue.RECOVER, recovery_id, lane=queue.BULK)
    return len(endpoint_ids) + len(recovery_ids)


def free_orphans(now: datetime) -> int:
    """Put back what a dead worker left leased; returns how many deliveries."""
    freed = deliveries.free_expired(now)
    db.session.commit()
    return freed
