"""What the tests of the engine do over and over: owe events to a webhook, give it a turn, look at what became of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from flask import current_app

from kayse_dash import clock, intake, queue
from kayse_dash.db import db
from kayse_dash.events.record import NewEvent
from kayse_dash.webhooks import drain, senders
from kayse_dash.webhooks.models import Attempt, Delivery, Endpoint
from tests.factories import make_endpoint
from tests.receiver import Receiver

WORKER = "w1"
LEASE = timedelta(seconds=60)


def hook(receiver: Receiver | None = None, **over: Any) -> int:
    """The id of a webhook that points at the receiver; no transaction is left open."""
    if receiver is not None:
        over.setdefault("url", receiver.url)
    endpoint_id = make_endpoint(**over).id
    db.session.rollback()
    return endpoint_id


def happen(count: int = 1, *, type: str = "call_ended", now: datetime | None = None, **over: Any) -> list[str]:
    """Events as the API records them; gives their ids."""
    now = now or clock.now()
    recorded = intake.receive([NewEvent(type, **({"data": f'{{"n":{n}}}'} | over)) for n in range(count)], now)
    db.session.commit()
    return [entry.id for entry in recorded]


def turn(endpoint_id: int, *, at: datetime | None = None, lane: str = queue.SLOW, worker: str = WORKER) -> None:
    """One turn of a webhook, with whatever came late to it.

    On the lane that serves all of them by default: on a busy machine any of them can seem slow.
    """
    drain.drain(endpoint_id, lane, worker, now=(lambda: at) if at else clock.now)
    assert senders.wait_for_left(20)


def turns(endpoint_id: int, seconds: float = 20, **how: Any) -> None:
    """Turns until nothing is due."""
    until = clock.now() + timedelta(seconds=seconds)
    while due(endpoint_id) and clock.now() < until:
        turn(endpoint_id, **how)


def due(endpoint_id: int) -> int:
    query = sa.select(sa.func.count()).select_from(Delivery)
    return looked(query.where(Delivery.endpoint_id == endpoint_id, Delivery.state == "pending", Delivery.due_at <= clock.now()))


def looked(query: sa.Select[Any]) -> Any:
    """One value; no transaction is left open."""
    value = db.session.scalar(query)
    db.session.rollback()
    return value


def states(endpoint_id: int | None = None) -> dict[str, int]:
    """How many deliveries stand in which state."""
    query = sa.select(Delivery.state)
    if endpoint_id is not None:
        query = query.where(Delivery.endpoint_id == endpoint_id)
    found = Counter(str(state) for state in db.session.scalars(query))
    db.session.rollback()
    return dict(found)


def rows() -> list[Delivery]:
    """All deliveries as they stand, by id."""
    db.session.expire_all()
    found = list(db.session.scalars(sa.select(Delivery).order_by(Delivery.id)))
    db.session.expunge_all()
    db.session.rollback()
    return found


def attempts() -> list[Attempt]:
    """All attempts, by id."""
    db.session.expire_all()
    found = list(db.session.scalars(sa.select(Attempt).order_by(Attempt.id)))
    db.session.expunge_all()
    db.session.rollback()
    return found


def webhook(endpoint_id: int) -> Endpoint:
    """A webhook as it stands, free of the session."""
    db.session.expire_all()
    found = db.session.get_one(Endpoint, endpoint_id)
    db.session.expunge(found)
    db.session.rollback()
    return found


def in_app(action: Callable[[], Any]) -> Callable[[], None]:
    """`action` for a thread of its own, in the same application."""
    app = current_app._get_current_object()

    def run() -> None:
        with app.app_context():
            action()

    return run
