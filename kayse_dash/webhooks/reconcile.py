"""Proof that nothing was lost: events × webhooks that matched them = deliveries, each of them final, held or due."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from kayse_dash.db import db
from kayse_dash.events.models import Event
from kayse_dash.webhooks import routing
from kayse_dash.webhooks.models import Delivery
from kayse_dash.webhooks.routing import Routes
from kayse_dash.webhooks.schedule import State

CHUNK = 500
# A worker puts expired leases back every few seconds; one that stands longer than this is not being looked after.
LEASE_OVERDUE = timedelta(minutes=2)


@dataclass(frozen=True)
class Problem:
    """One delivery that is missing, not owed, or stuck."""

    event_id: str
    endpoint_id: int
    words: str


@dataclass
class Report:
    """What was looked at, and how it stands."""

    events: int = 0
    deliveries: int = 0
    by_state: dict[str, int] | None = None


def check(now: datetime, report: Report) -> Iterator[Problem]:
    """Go through all events, filling in `report`; yields what is wrong."""
    report.by_state = {}
    routes: dict[int, Routes] = {}
    last = 0
    while events := _events_after(last):
        last = events[-1].seq
        for epoch in {event.epoch for event in events} - routes.keys():
            routes[epoch] = routing.at(epoch)
        owed = _deliveries_between(events[0].seq, last)
        report.events += len(events)
        for event in events:
            yield from _check_one(event, routes[event.epoch], owed.get(event.seq, {}), now, report)


def _events_after(seq: int) -> list[Any]:
    query = sa.select(Event.seq, Event.id, Event.type, Event.campaign_id, Event.case_type, Event.epoch)
    return list(
        db.session.execute(query.where(Event.seq > seq, Event.is_test.is_(False)).order_by(Event.seq).limit(CHUNK)).all()
    )


def _deliveries_between(first_seq: int, last_seq: int) -> dict[int, dict[int, Any]]:
    query = sa.select(
        Delivery.event_seq, Delivery.endpoint_id, Delivery.id, Delivery.state, Delivery.due_at, Delivery.lease_until
    )
    found: dict[int, dict[int, Any]] = {}
    for row in db.session.execute(query.where(Delivery.event_seq.between(first_seq, last_seq))):
        found.setdefault(row.event_seq, {})[row.endpoint_id] = row
    return found


def _check_one(event: Any, routes: Routes, owed: dict[int, Any], now: datetime, report: Report) -> Iterator[Problem]:
    expected = {
        endpoint_id
        for endpoint_id, verdict in routes.verdicts(event.type, event.campaign_id, event.case_type)
        if verdict.is_owed
    }
    for endpoint_id in sorted(expected - owed.keys()):
        yield Problem(event.id, endpoint_id, "there is no delivery, though the webhook matched the event")
    for endpoint_id in sorted(owed.keys() - expected):
        yield Problem(event.id, endpoint_id, "there is a delivery, though the webhook did not match the event")
    for endpoint_id, row in owed.items():
        report.deliveries += 1
        report.by_state[row.state] = report.by_state.get(row.state, 0) + 1
        if row.state is State.PENDING and row.due_at is None:
            yield Problem(event.id, endpoint_id, f"delivery {row.id} waits, but is never due")
        if row.state is State.SENDING and (row.lease_until is None or row.lease_until < now - LEASE_OVERDUE):
            yield Problem(event.id, endpoint_id, f"delivery {row.id} was being sent, and nobody took it up again")
