"""The jobs of this wing: ids in, a verb called."""

from __future__ import annotations

import logging

from sqlalchemy.exc import InterfaceError, OperationalError

from kayse_dash import clock, queue
from kayse_dash.clients import import_prepare, import_run
from kayse_dash.db import db

log = logging.getLogger(__name__)


def run_import(import_id: int, lane: str) -> None:
    """Give an import its turn."""
    queue.picked_up(queue.IMPORT, import_id, lane=lane)
    try:
        has_more = import_run.turn(import_id)
    except (OperationalError, InterfaceError):
        # The database is away or busy: the sweep gives it another turn.
        db.session.rollback()
        raise
    except Exception:
        log.exception("import %d cannot go on", import_id)
        import_prepare.give_up(import_id, import_prepare.FAULT, clock.now())
        return
    if has_more:
        queue.put_now(queue.IMPORT, import_id, lane=lane)
