"""Putting what the story tells on record, as any other event."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from flask import current_app

from kayse_dash import intake, story
from kayse_dash.db import db
from kayse_dash.events import record
from kayse_dash.events.record import NewEvent
from kayse_dash.story.scenes import Happening

BATCH = 100  # events in one transaction, so that the workers can begin on the first ones


def tell(told: Sequence[Happening], now: datetime) -> None:
    """Record events in their order. Commits."""
    first_wait_s = current_app.extensions["kayse_settings"].retry_waits[0]
    for start in range(0, len(told), BATCH):
        intake.receive([_new(happening, now) for happening in told[start : start + BATCH]], now, first_wait_s)
        db.session.commit()


def _new(happening: Happening, now: datetime) -> NewEvent:
    return NewEvent(
        type=happening.type,
        data=record.as_json(happening.data),
        timestamp=min(happening.at, now),
        id=story.EVENT_IDS + record.new_id(now).removeprefix("evt_"),
        client_id=happening.client_id,
        campaign_id=happening.campaign_id,
        case_type=happening.case_type,
    )
