"""The jobs of this wing: ids in, a verb called."""

from __future__ import annotations

from flask import g

from kayse_dash import clock, queue
from kayse_dash.db import db
from kayse_dash.webhooks import drain as turns
from kayse_dash.webhooks import recoveries


def drain(endpoint_id: int, lane: str) -> None:
    """Give a webhook its turn."""
    queue.picked_up(queue.DRAIN, endpoint_id, lane=lane)
    turns.drain(endpoint_id, lane, g.worker)


def recover(recovery_id: int, lane: str) -> None:
    """Take a recovery one step further."""
    queue.picked_up(queue.RECOVER, recovery_id, lane=lane)
    if recoveries.step(recovery_id, clock.now()):
        queue.put(queue.RECOVER, recovery_id, lane=lane)
    db.session.commit()
