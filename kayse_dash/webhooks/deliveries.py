"""What is owed to webhooks: owing, holding, claiming under a lease, giving back, and owing again.

A delivery is `pending` until a worker claims it (`sending`, under a lease), then `delivered`, `failed`, or `pending` again with a
later `due_at`. A webhook that is switched off turns `pending` into `held`. All writes here are set-wise and short.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from kayse_dash import queue
from kayse_dash.db import db, is_sqlite
from kayse_dash.errors import Conflict, NotFound
from kayse_dash.events.models import Event
from kayse_dash.events.record import CHUNK, Recorded
from kayse_dash.webhooks.matching import Verdict
from kayse_dash.webhooks.models import Attempt, Delivery, Endpoint
from kayse_dash.webhooks.routing import Routes
from kayse_dash.webhooks.schedule import State, Trigger

COUNT_CAP = 10_001
_INSERT = sa.insert(Delivery.__table__)  # on the table rather than the model: half the time for one event


@dataclass(frozen=True)
class Owed:
    """A claimed delivery with what is needed to send it; free of the session, so threads can carry it."""

    id: int
    event_id: str
    event_type: str
    timestamp: datetime
    data: str
    tries: int
    attempts: int
    trigger: Trigger
    is_test: bool


def owe(recorded: Sequence[Recorded], routes: Routes, now: datetime, first_wait_s: int = 0) -> None:
    """Owe each event to every webhook that it matches, and wake the workers after the commit."""
    rows: list[dict[str, Any]] = []
    due_at = now + timedelta(seconds=first_wait_s)
    woken: set[int] = set()
    for entry in recorded:
        event = entry.new
        for endpoint_id, verdict in routes.verdicts(event.type, event.campaign_id, event.case_type):
            if not verdict.is_owed:
                continue
            sent = verdict is Verdict.SEND
            state = State.PENDING if sent else State.HELD
            rows.append(_row(entry, endpoint_id, state, due_at if sent else None, Trigger.AUTOMATIC, now))
            entry.deliveries += 1
            if sent:
                woken.add(endpoint_id)
    if rows:
        db.session.execute(_INSERT, rows)
    for endpoint_id in woken:
        queue.put(queue.DRAIN, endpoint_id)


def owe_test(entry: Recorded, endpoint: Endpoint, now: datetime) -> int:
    """Owe a test event to one webhook, on or off; returns the delivery's id."""
    row = _row(entry, endpoint.id, State.PENDING, now, Trigger.TEST, now)
    delivery_id = db.session.scalar(sa.insert(Delivery).returning(Delivery.id), row)
    queue.put(queue.DRAIN, endpoint.id)
    return delivery_id


def count_owed(recorded: Sequence[Recorded]) -> None:
    """Fill in how many deliveries exist for events that were recorded before."""
    by_seq: dict[int, int] = {}
    seqs = [entry.seq for entry in recorded]
    for start in range(0, len(seqs), CHUNK):
        query = (
            sa.select(Delivery.event_seq, sa.func.count())
            .where(Delivery.event_seq.in_(seqs[start : start + CHUNK]))
            .group_by(Delivery.event_seq)
        )
        by_seq.update(db.session.execute(query).all())
    for entry in recorded:
        entry.deliveries = by_seq.get(entry.seq, 0)


def claim(endpoint_id: int, limit: int, worker: str, now: datetime, lease: timedelta, *, tests_only: bool = False) -> list[Owed]:
    """Take up to `limit` due deliveries of one webhook, for `worker` alone until the lease is over. The caller commits."""
    due = (
        sa.select(Delivery.id)
        .where(Delivery.endpoint_id == endpoint_id, Delivery.state == State.PENDING, Delivery.due_at <= now)
        .order_by(Delivery.due_at, Delivery.id)
        .limit(limit)
    )
    if tests_only:
        due = due.where(Delivery.is_test.is_(True))
    if not is_sqlite():
        due = due.with_for_update(skip_locked=True)
    # A CTE is run once; a subquery in a nested loop can be run for each row, and takes further rows each time.
    taken = (
        sa.update(Delivery)
        .where(Delivery.id.in_(sa.select(due.cte("due").c.id)))
        .values(state=State.SENDING, lease_by=worker, lease_until=now + lease)
        .returning(Delivery.id, Delivery.event_seq, Delivery.tries, Delivery.attempts, Delivery.trigger, Delivery.is_test)
        .execution_options(synchronize_session=False)
    )
    rows = db.session.execute(taken).all()
    events: dict[int, Any] = {}
    seqs = [row.event_seq for row in rows]
    for start in range(0, len(seqs), CHUNK):
        query = sa.select(Event.seq, Event.id, Event.type, Event.timestamp, Event.data)
        events.update({row.seq: row for row in db.session.execute(query.where(Event.seq.in_(seqs[start : start + CHUNK])))})
    owed = [
        Owed(
            id=row.id,
            event_id=events[row.event_seq].id,
            event_type=events[row.event_seq].type,
            timestamp=events[row.event_seq].timestamp,
            data=events[row.event_seq].data,
            tries=row.tries,
            attempts=row.attempts,
            trigger=row.trigger,
            is_test=row.is_test,
        )
        for row in rows
    ]
    return sorted(owed, key=lambda one: (one.tries, one.id))


def give_back(ids: Sequence[int], worker: str) -> None:
    """Put claimed deliveries that were not sent back in the queue."""
    if ids:
        db.session.execute(
            sa.update(Delivery)
            .where(Delivery.id.in_(ids), Delivery.state == State.SENDING, Delivery.lease_by == worker)
            .values(state=State.PENDING, lease_by=None, lease_until=None)
            .execution_options(synchronize_session=False)
        )


def free_leases_of(worker: str) -> int:
    """Put back what a worker of this name held when it died; called when it starts again."""
    return _free(Delivery.lease_by == worker)


def free_expired(now: datetime) -> int:
    """Put back what is still leased after its lease ended: its worker died."""
    return _free(Delivery.lease_until < now)


def due_endpoints(now: datetime) -> list[int]:
    """The webhooks that are owed something now, switched off or not."""
    owed = sa.exists().where(Delivery.endpoint_id == Endpoint.id, Delivery.state == State.PENDING, Delivery.due_at <= now)
    return list(db.session.scalars(sa.select(Endpoint.id).where(owed)))


def has_due(endpoint_id: int, now: datetime, *, tests_only: bool = False) -> bool:
    """Whether one webhook is owed something now."""
    query = sa.exists().where(Delivery.endpoint_id == endpoint_id, Delivery.state == State.PENDING, Delivery.due_at <= now)
    if tests_only:
        query = query.where(Delivery.is_test.is_(True))
    return bool(db.session.scalar(sa.select(query)))


def hold(endpoint_id: int) -> int:
    """Hold what waits for a webhook that was switched off; returns how many."""
    held = db.session.execute(
        sa.update(Delivery)
        .where(Delivery.endpoint_id == endpoint_id, Delivery.state == State.PENDING, Delivery.is_test.is_(False))
        .values(state=State.HELD, due_at=None)
        .execution_options(synchronize_session=False)
    )
    return held.rowcount


def drop_held(endpoint_id: int, *, before: datetime | None = None) -> int:
    """Cancel what is held for a webhook, or what was owed before a time; returns how many."""
    query = sa.update(Delivery).where(Delivery.endpoint_id == endpoint_id, Delivery.state == State.HELD)
    if before is not None:
        query = query.where(Delivery.created_at < before)
    dropped = db.session.execute(query.values(state=State.CANCELLED, due_at=None).execution_options(synchronize_session=False))
    return dropped.rowcount


def drop_all(endpoint_id: int) -> None:
    """Cancel whatever is owed to a webhook that was deleted."""
    db.session.execute(
        sa.update(Delivery)
        .where(Delivery.endpoint_id == endpoint_id, Delivery.state.in_([State.PENDING, State.HELD]))
        .values(state=State.CANCELLED, due_at=None)
        .execution_options(synchronize_session=False)
    )


def set_aside(endpoint_id: int) -> None:
    """Hold what waits for a webhook that is off, cancel what is owed to one that was deleted; one that is on is left alone."""
    webhook = sa.select(Endpoint.enabled, Endpoint.deleted_at).where(Endpoint.id == endpoint_id)
    found = db.session.execute(webhook).one_or_none()
    if found is None or found.deleted_at is not None:
        drop_all(endpoint_id)
    elif not found.enabled:
        hold(endpoint_id)


def get(delivery_id: int) -> Delivery:
    """One delivery, with its event and webhook loaded.

    Raises:
        NotFound: there is none.
    """
    query = sa.select(Delivery).options(sa.orm.joinedload(Delivery.event), sa.orm.joinedload(Delivery.endpoint))
    delivery = db.session.scalar(query.where(Delivery.id == delivery_id)) if 0 < delivery_id < 2**63 else None
    if delivery is None:
        raise NotFound("There is no such delivery. Its record may have been removed by retention.")
    return delivery


def last_attempt(delivery_id: int) -> Attempt | None:
    """The newest attempt of a delivery."""
    query = sa.select(Attempt).where(Attempt.delivery_id == delivery_id).order_by(Attempt.number.desc()).limit(1)
    return db.session.scalar(query)


def retry(delivery: Delivery, now: datetime) -> None:
    """Owe a delivery again, now, on a fresh schedule; attempt numbers go on counting.

    Raises:
        Conflict: its webhook is off or deleted, it is being sent, it is a test, or its data was erased.
    """
    if delivery.is_test:
        raise Conflict("A test is not sent again. Press Test on the webhook to send a new one.")
    if delivery.event.is_erased:
        raise Conflict("What this event said was deleted with its client, so there is nothing to send.")
    if delivery.endpoint.deleted_at is not None:
        raise Conflict("The webhook of this delivery was deleted, so there is nowhere to send it.")
    if not delivery.endpoint.enabled:
        raise Conflict("The webhook is switched off. Switch it on first, then retry.")
    # Conditional, so that a worker that claims or finishes it meanwhile is not overruled.
    changed = db.session.execute(
        sa.update(Delivery)
        .where(Delivery.id == delivery.id, Delivery.state != State.SENDING)
        .values(state=State.PENDING, due_at=now, tries=0, trigger=Trigger.MANUAL, recovery_id=None)
    )
    if not changed.rowcount:
        raise Conflict("It is being sent right now. Wait for the answer.")
    db.session.expire(delivery)
    queue.put(queue.DRAIN, delivery.endpoint_id)


def cancel(delivery: Delivery) -> None:
    """Stop trying to deliver.

    Raises:
        Conflict: it is not waiting.
    """
    changed = db.session.execute(
        sa.update(Delivery)
        .where(Delivery.id == delivery.id, Delivery.state.in_([State.PENDING, State.HELD]))
        .values(state=State.CANCELLED, due_at=None)
    )
    if not changed.rowcount:
        raise Conflict("Only a delivery that is waiting or held can be cancelled.")
    db.session.expire(delivery)


def count(endpoint_id: int | None, states: Iterable[State], *, since: datetime | None = None, cap: int = COUNT_CAP) -> int:
    """How many deliveries are in `states`, tests apart; never counts beyond `cap`."""
    query = sa.select(sa.literal(1)).where(Delivery.state.in_(list(states)), Delivery.is_test.is_(False))
    if endpoint_id is not None:
        query = query.where(Delivery.endpoint_id == endpoint_id)
    if since is not None:
        query = query.where(Delivery.created_at >= since)
    return db.session.scalar(sa.select(sa.func.count()).select_from(query.limit(cap).subquery())) or 0


def _row(
    entry: Recorded, endpoint_id: int, state: State, due_at: datetime | None, trigger: Trigger, now: datetime
) -> dict[str, Any]:
    return {
        "event_seq": entry.seq,
        "endpoint_id": endpoint_id,
        "event_type": entry.new.type,
        "campaign_id": entry.new.campaign_id,
        "is_test": entry.new.is_test,
        "state": state,
        "due_at": due_at,
        "trigger": trigger,
        "tries": 0,
        "attempts": 0,
        "created_at": now,
    }


def _free(condition: sa.ColumnElement[bool]) -> int:
    freed = db.session.execute(
        sa.update(Delivery)
        .where(Delivery.state == State.SENDING, condition)
        .values(state=State.PENDING, lease_by=None, lease_until=None)
        .execution_options(synchronize_session=False)
    )
    return freed.rowcount
