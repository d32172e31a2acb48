"""`/v1/deliveries`: the log, one delivery with its attempts, sending it again."""

from __future__ import annotations

from flask import Response, current_app
from pydantic import BaseModel, Field

from kayse_dash import clock, web
from kayse_dash.accounts import audit
from kayse_dash.api import errors, schemas
from kayse_dash.api.answers import json_answer
from kayse_dash.api.fields import BigId, EventName, ForeignIdInQuery, Id, MomentInQuery, QueryText, Size
from kayse_dash.api.inputs import Query
from kayse_dash.api.resource import Resource
from kayse_dash.db import db
from kayse_dash.keyset import Place
from kayse_dash.webhooks import deliveries, log
from kayse_dash.webhooks.schedule import State

MOST_ATTEMPTS = 50

bp = Resource("deliveries", "What is owed to webhooks: one delivery for one event and one webhook, with every attempt.")


class DeliveryFilters(Query):
    webhook_id: Id | None = None
    event: EventName | None = None
    state: State | None = None
    campaign_id: ForeignIdInQuery | None = None
    since: MomentInQuery | None = Field(None, description="Owed at this time or later.")
    until: MomentInQuery | None = Field(None, description="Owed at this time or earlier.")
    q: QueryText | None = Field(
        None, description="An event's id or its beginning, a client's id, or words in the payload (looked for page by page)."
    )
    cursor: QueryText | None = Field(None, description="The `next_cursor` of an earlier answer to the same filters.")
    limit: Size = 25


class DeliveryPath(BaseModel):
    delivery_id: BigId


@bp.get("", responses={200: schemas.DeliverySlice, **errors.OF_QUERY})
def list_deliveries(query: DeliveryFilters) -> Response:
    """List deliveries, newest first."""
    filters = log.Filters(
        endpoint_id=query.webhook_id,
        event=query.event,
        state=query.state,
        campaign_id=query.campaign_id,
        since=query.since,
        until=query.until,
        text=(query.q or "").strip(),
    )
    found = log.page(filters, Place.of(web.decode_cursor(query.cursor)), query.limit)
    following = web.encode_cursor(*found.slice.older.values) if found.slice.older else None
    rows = [schemas.Delivery.of(row) for row in found.rows]
    return json_answer(schemas.DeliverySlice(data=rows, next_cursor=following))


@bp.get("/<delivery_id>", responses={200: schemas.DeliveryDetail, **errors.OF_PATH})
def get_delivery(path: DeliveryPath) -> Response:
    """One delivery, with its attempts."""
    delivery = deliveries.get(path.delivery_id)
    timeout_s = current_app.extensions["kayse_settings"].request_timeout
    return json_answer(schemas.DeliveryDetail.with_attempts(delivery, log.attempts(delivery.id, MOST_ATTEMPTS), timeout_s))


@bp.post("/<delivery_id>/retry", responses={202: schemas.Delivery, **errors.OF_PATH, **errors.OF_STATE})
def retry_delivery(path: DeliveryPath) -> Response:
    """Send a delivery again, now, on a fresh schedule. 409: its webhook is off or deleted, it is under way, or it is a test."""
    deliveries.retry(deliveries.get(path.delivery_id), clock.now())
    audit.note("delivery.retried", f"delivery {path.delivery_id}")
    return _committed(path.delivery_id, 202)


@bp.post("/<delivery_id>/cancel", responses={200: schemas.Delivery, **errors.OF_PATH, **errors.OF_STATE})
def cancel_delivery(path: DeliveryPath) -> Response:
    """Stop trying to deliver. 409: it is not waiting."""
    deliveries.cancel(deliveries.get(path.delivery_id))
    audit.note("delivery.cancelled", f"delivery {path.delivery_id}")
    return _committed(path.delivery_id)


def _committed(delivery_id: int, status: int = 200) -> Response:
    shown = schemas.Delivery.of(deliveries.get(delivery_id))
    db.session.commit()
    return json_answer(shown, status)
