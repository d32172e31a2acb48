"""`/v1/events`: sending events, and looking them up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import Response, current_app, g, request
from pydantic import BaseModel, Field
from sqlalchemy.exc import DBAPIError, IntegrityError

from kayse_dash import clock, intake, web
from kayse_dash.api import errors, schemas
from kayse_dash.api.answers import json_answer
from kayse_dash.api.event_input import EventPost, Repeatable
from kayse_dash.api.fields import EventId, EventName, FlagInQuery, ForeignIdInQuery, MomentInQuery, QueryText, Size
from kayse_dash.api.inputs import Query
from kayse_dash.api.resource import Resource
from kayse_dash.clients import campaigns
from kayse_dash.db import db
from kayse_dash.events import idempotency, log
from kayse_dash.events.record import NewEvent
from kayse_dash.keyset import Place
from kayse_dash.webhooks.explain import explain

DEADLOCK = "40P01"  # PostgreSQL, Appendix A: error codes

bp = Resource("events", "What happened. Each event is recorded once and delivered to every webhook that it matches.")


class EventFilters(Query):
    event: EventName | None = None
    since: MomentInQuery | None = Field(None, description="Recorded at this time or later.")
    until: MomentInQuery | None = Field(None, description="Recorded at this time or earlier.")
    campaign_id: ForeignIdInQuery | None = None
    client_id: ForeignIdInQuery | None = None
    test: FlagInQuery = Field(False, description="List the samples that tests sent too.")
    cursor: QueryText | None = Field(None, description="The `next_cursor` of an earlier answer to the same filters.")
    limit: Size = 25


class EventPath(BaseModel):
    event_id: EventId


@bp.post("", responses={202: schemas.POSTED, 409: errors.ErrorAnswer, **errors.OF_BODY})
def send_events(header: Repeatable, body: EventPost) -> Response:
    """Send one event, or a batch of up to 1,000.

    The answer says that the events are on record; they are delivered right after it.
    A repeat is a no-op where an event carries an `id`, or the request an `Idempotency-Key`.
    409: the id stands for another event already, or the key for another body; nothing was recorded.
    """
    key = idempotency.check(header.key)
    events, now = body.new_events(), clock.now()
    try:
        answer = _record(events, body.is_batch, key, now)
    except DBAPIError as error:
        if not _was_beaten(error):
            raise
        db.session.rollback()
        answer = _record(events, body.is_batch, key, now)
    return json_answer(answer, 202)


@bp.get("", responses={200: schemas.EventSlice, **errors.OF_QUERY})
def list_events(query: EventFilters) -> Response:
    """List events, newest first."""
    filters = log.Filters(
        type=query.event,
        campaign_id=query.campaign_id,
        client_id=query.client_id,
        since=query.since,
        until=query.until,
        tests=query.test,
    )
    rows, found = log.whole(filters, Place.of(web.decode_cursor(query.cursor)), query.limit)
    following = web.encode_cursor(*found.older.values) if found.older else None
    return json_answer(schemas.EventSlice(data=[schemas.Event.of(row) for row in rows], next_cursor=following))


@bp.get("/<event_id>", responses={200: schemas.EventDetail, **errors.OF_PATH})
def get_event(path: EventPath) -> Response:
    """One event, and for each webhook whether it was sent there, held, or why not."""
    event = log.get(path.event_id)
    outcomes = [schemas.WebhookOutcome.of(found) for found in explain(event)]
    return json_answer(schemas.EventDetail.of(event, webhooks=outcomes))


def _record(events: Sequence[NewEvent], is_batch: bool, key: str | None, now: datetime) -> dict[str, Any]:
    """Record events in a transaction of their own; what the sender is told."""
    fingerprint = idempotency.fingerprint(request.get_data()) if key else ""
    if key and (before := idempotency.answered(key, g.api_key.id, fingerprint, now)):
        db.session.commit()
        return _as_duplicate(before)
    first_wait_s = current_app.extensions["kayse_settings"].retry_waits[0]
    recorded = intake.receive(_with_case_types(events), now, first_wait_s)
    rows = [{"id": one.id, "deliveries": one.deliveries, "duplicate": one.duplicate} for one in recorded]
    answer = {"data": rows} if is_batch else rows[0]
    if key:
        idempotency.keep(key, g.api_key.id, fingerprint, answer, now)
    db.session.commit()
    return answer


def _was_beaten(error: DBAPIError) -> bool:
    """Whether the same request, or one with the same events, got in between; what it recorded is found the second time."""
    return isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) == DEADLOCK


def _as_duplicate(answer: dict[str, Any]) -> dict[str, Any]:
    if "data" in answer:
        return {"data": [_as_duplicate(row) for row in answer["data"]]}
    return {**answer, "duplicate": True}


def _with_case_types(events: Sequence[NewEvent]) -> list[NewEvent]:
    """The events with the case type of their campaign where they name none themselves."""
    asked = {event.campaign_id for event in events if event.campaign_id and not event.case_type}
    known = campaigns.case_types(asked) if asked else {}
    return [
        event if event.case_type or event.campaign_id not in known else replace(event, case_type=known[event.campaign_id])
        for event in events
    ]
