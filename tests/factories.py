"""Rows for tests: webhooks, events, deliveries and attempts with sensible values, made through the verbs and committed.

Every argument that is given replaces a default. What the verbs do not take (an attempt's answer, a delivery's state) is written
into the row directly.
"""

from __future__ import annotations

import itertools
import json
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from kayse_dash import clock, intake
from kayse_dash.db import db
from kayse_dash.events import record
from kayse_dash.events.models import Event
from kayse_dash.events.record import NewEvent
from kayse_dash.webhooks import auth, endpoints, routing
from kayse_dash.webhooks.models import Attempt, Delivery, Endpoint
from kayse_dash.webhooks.schedule import State, Trigger

_numbers = itertools.count(1)

_CREATED = ("name", "url", "events", "campaign_ids", "case_types", "auth", "enabled")
_OF_EVENT = ("type", "data", "timestamp", "client_id", "case_type")


def make_endpoint(*, now: datetime | None = None, **over: Any) -> Endpoint:
    """A webhook that is on and listens to everything, with its revision."""
    number = next(_numbers)
    values = {"name": f"Webhook {number}", "url": f"https://hooks.example.com/{number}", "auth": auth.NoAuth(), "enabled": True}
    values |= {name: over.pop(name) for name in _CREATED if name in over}
    endpoint = endpoints.create(values, now or clock.now())
    for name, value in over.items():
        setattr(endpoint, name, value)
    db.session.commit()
    return endpoint


def make_event(*, now: datetime | None = None, owed: bool = True, **over: Any) -> Event:
    """An event as the intake records it: webhooks that match it get their deliveries.

    Args:
        now: when it is recorded.
        owed: false to record it alone; a test event is always recorded alone.
        over: any field of `NewEvent`; `data` may be an object.
    """
    now = now or clock.now()
    values = {"type": "call_ended", "data": {"call_id": f"call_{next(_numbers)}"}, "timestamp": now} | over
    if not isinstance(values["data"], str):
        values["data"] = record.as_json(values["data"])
    new = NewEvent(**values)
    if owed and not new.is_test:
        [recorded] = intake.receive([new], now)
    else:
        [recorded] = record.write([new], routing.current().epoch, now)
    db.session.commit()
    return db.session.get_one(Event, recorded.seq)


def make_delivery(
    *, endpoint: Endpoint | None = None, event: Event | None = None, now: datetime | None = None, **over: Any
) -> Delivery:
    """One delivery: of a fresh event to a fresh webhook, or of those that are given. No other webhook is owed the fresh event.

    Args:
        over: any column of `Delivery`; `type`, `data`, `timestamp`, `client_id` and `case_type` go to the fresh event,
            `campaign_id` and `is_test` to both.
    """
    now = now or clock.now()
    endpoint = endpoint or make_endpoint(now=now)
    if event is None:
        of_event = {name: over.pop(name) for name in _OF_EVENT if name in over}
        of_event |= {name: over[name] for name in ("campaign_id", "is_test") if name in over}
        event = make_event(now=now, owed=False, **of_event)
    owed = sa.select(Delivery).where(Delivery.event_seq == event.seq, Delivery.endpoint_id == endpoint.id)
    delivery = db.session.scalar(owed)
    if delivery is None:
        delivery = Delivery(event_seq=event.seq, endpoint_id=endpoint.id, created_at=now, state=State.PENDING, due_at=now)
        delivery.event_type, delivery.campaign_id, delivery.is_test = event.type, event.campaign_id, event.is_test
        delivery.trigger = Trigger.TEST if event.is_test else Trigger.AUTOMATIC
        db.session.add(delivery)
    if over.get("state", State.PENDING) is not State.PENDING:
        delivery.due_at = None
    for name, value in over.items():
        setattr(delivery, name, value)
    db.session.commit()
    return delivery


def make_attempt(*, delivery: Delivery | None = None, **over: Any) -> Attempt:
    """One more attempt of a delivery, answered 200 unless told otherwise; the delivery counts it, its state stays."""
    delivery = delivery or make_delivery(state=State.DELIVERED)
    endpoint = db.session.get_one(Endpoint, delivery.endpoint_id)
    event = db.session.get_one(Event, delivery.event_seq)
    started_at = over.get("started_at", delivery.created_at + timedelta(milliseconds=40))
    answered = over.get("error") is None
    values: dict[str, Any] = {
        "delivery_id": delivery.id,
        "number": delivery.attempts + 1,
        "trigger": delivery.trigger,
        "started_at": started_at,
        "duration_ms": 82.4,
        "url": endpoint.url,
        "request_headers": [
            ["Content-Type", "application/json"],
            ["User-Agent", "Kayse-Dash/1.0"],
            ["webhook-id", event.id],
            ["webhook-timestamp", str(int(started_at.timestamp()))],
        ],
        "status": 200 if answered else None,
        "response_headers": [["Content-Type", "application/json"]] if answered else None,
        "response_body": json.dumps({"received": True}) if answered else None,
        "response_truncated": False,
        "timings": {"dns": 3.2, "connect": 11.5, "tls": 24.8, "first_byte": 79.9, "total": 82.4},
        "worker": "worker-1",
    }
    attempt = Attempt(**values | over)
    db.session.add(attempt)
    delivery.attempts = attempt.number
    delivery.tries += 1
    delivery.last_attempt_at = attempt.started_at
    delivery.last_status, delivery.last_error = attempt.status, attempt.error
    db.session.commit()
    return attempt
