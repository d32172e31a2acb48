"""Owing many deliveries of one webhook again: Retry failed, and releasing what was held.

A recovery is a row, worked off in steps by the bulk lane; a step takes the next few hundred deliveries by id, so a worker that is
killed or a page that is closed changes nothing. What became of the deliveries is counted from the deliveries themselves.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from kayse_dash import queue
from kayse_dash.db import db
from kayse_dash.errors import Conflict, NotFound
from kayse_dash.webhooks import endpoints
from kayse_dash.webhooks.models import Delivery, Endpoint, Recovery, RecoveryKind, RecoveryState
from kayse_dash.webhooks.schedule import State, Trigger

STEP_ROWS = 500
STALLED_AFTER = timedelta(seconds=10)

_FROM = {RecoveryKind.FAILED: State.FAILED, RecoveryKind.HELD: State.HELD}


@dataclass(frozen=True)
class Progress:
    """Where a recovery stands, in deliveries."""

    total: int
    delivered: int
    failed: int  # tried again, and given up again
    waiting: int  # put back and not final yet, or not put back yet

    @property
    def done(self) -> int:
        return self.total - self.waiting


def count(endpoint_id: int, kind: RecoveryKind, since: datetime | None = None) -> int:
    """How many deliveries a recovery would put back."""
    return db.session.scalar(sa.select(sa.func.count()).select_from(Delivery).where(*_wanted(endpoint_id, kind, since))) or 0


def start(endpoint: Endpoint, kind: RecoveryKind, by: str, now: datetime, since: datetime | None = None) -> Recovery:
    """Begin to owe again what failed, or what was held, since a time or all of it.

    Args:
        by: who started it, for the log.

    Raises:
        Conflict: the webhook is off, another recovery is running, or there is nothing to put back.
    """
    # Nobody else starts one, or switches the webhook off, before the commit.
    endpoints.lock(endpoint)
    if not endpoint.enabled:
        raise Conflict("The webhook is switched off. Switch it on first.")
    if running(endpoint.id) is not None:
        raise Conflict("A recovery of this webhook is running already. Wait for it or cancel it.")
    total, up_to_id = db.session.execute(
        sa.select(sa.func.count(), sa.func.max(Delivery.id)).where(*_wanted(endpoint.id, kind, since))
    ).one()
    if not total:
        raise Conflict("There is nothing to send again.")
    recovery = Recovery(
        endpoint_id=endpoint.id,
        kind=kind,
        state=RecoveryState.RUNNING,
        since=since,
        up_to_id=up_to_id,
        cursor=0,
        total=total,
        started_by=by,
        created_at=now,
        stepped_at=now,
    )
    db.session.add(recovery)
    db.session.flush()
    queue.put(queue.RECOVER, recovery.id, lane=queue.BULK)
    return recovery


def step(recovery_id: int, now: datetime) -> bool:
    """Put the next few hundred deliveries back; whether more are left. The caller commits."""
    recovery = db.session.get(Recovery, recovery_id, with_for_update=True, populate_existing=True)
    if recovery is None or recovery.state is not RecoveryState.RUNNING:
        return False
    recovery.stepped_at = now
    if not db.session.scalar(sa.select(Endpoint.enabled).where(Endpoint.id == recovery.endpoint_id)):
        # Put back now, they would only be held; what failed is to stay failed.
        recovery.state, recovery.finished_at = RecoveryState.CANCELLED, now
        return False
    next_ids = (
        sa.select(Delivery.id)
        .where(
            *_wanted(recovery.endpoint_id, recovery.kind, recovery.since),
            Delivery.id > recovery.cursor,
            Delivery.id <= recovery.up_to_id,
        )
        .order_by(Delivery.id)
        .limit(STEP_ROWS)
    )
    ids = list(db.session.scalars(next_ids))
    if not ids:
        recovery.state, recovery.finished_at = RecoveryState.FINISHED, now
        return False
    db.session.execute(
        sa.update(Delivery)
        .where(Delivery.id.in_(ids), Delivery.state == _FROM[recovery.kind])
        .values(
            state=State.PENDING,
            due_at=now,
            tries=0,
            trigger=Trigger.MANUAL if recovery.kind is RecoveryKind.FAILED else Trigger.AUTOMATIC,
            recovery_id=recovery.id,
        )
        .execution_options(synchronize_session=False)
    )
    recovery.cursor = ids[-1]
    queue.put(queue.DRAIN, recovery.endpoint_id)
    return True


def cancel(recovery: Recovery, now: datetime) -> int:
    """Stop a recovery: what it put back and was not tried yet goes back to where it was. Returns how many went back.

    Raises:
        Conflict: there is nothing left to stop.
    """
    db.session.flush()
    db.session.refresh(recovery, with_for_update={"of": Recovery})
    untried = sa.update(Delivery).where(
        Delivery.recovery_id == recovery.id, Delivery.state == State.PENDING, Delivery.tries == 0
    )
    put_back = db.session.execute(
        untried.values(state=_FROM[recovery.kind], due_at=None, recovery_id=None).execution_options(synchronize_session=False)
    ).rowcount
    if recovery.state is not RecoveryState.RUNNING and not put_back:
        raise Conflict("It has finished already; there was nothing left to stop.")
    recovery.state, recovery.finished_at = RecoveryState.CANCELLED, now
    return put_back


def get(recovery_id: int) -> Recovery:
    """One recovery, its webhook loaded.

    Raises:
        NotFound: there is none.
    """
    query = sa.select(Recovery).options(sa.orm.joinedload(Recovery.endpoint)).where(Recovery.id == recovery_id)
    recovery = db.session.scalar(query) if 0 < recovery_id < 2**31 else None
    if recovery is None:
        raise NotFound("There is no such recovery.")
    return recovery


def running(endpoint_id: int) -> Recovery | None:
    """The recovery of this webhook that still puts deliveries back."""
    return db.session.scalar(
        sa.select(Recovery).where(Recovery.endpoint_id == endpoint_id, Recovery.state == RecoveryState.RUNNING)
    )


def latest(endpoint_id: int) -> Recovery | None:
    """The newest recovery of this webhook."""
    return db.session.scalar(
        sa.select(Recovery).where(Recovery.endpoint_id == endpoint_id).order_by(Recovery.id.desc()).limit(1)
    )


def stalled(now: datetime) -> list[int]:
    """Running recoveries whose next step was lost with its worker or with Redis."""
    return list(
        db.session.scalars(
            sa.select(Recovery.id).where(
                Recovery.state == RecoveryState.RUNNING, Recovery.stepped_at < now - STALLED_AFTER
            )
        )
    )


def progress(recovery: Recovery) -> Progress:
    """Count how far the deliveries of a recovery got."""
    query = sa.select(Delivery.state, sa.func.count()).where(Delivery.recovery_id == recovery.id).group_by(Delivery.state)
    by_state = dict(db.session.execute(query).all())
    delivered, failed = by_state.get(State.DELIVERED, 0), by_state.get(State.FAILED, 0)
    settled = delivered + failed + by_state.get(State.CANCELLED, 0)
    if recovery.state is RecoveryState.RUNNING:
        waiting = recovery.total - settled
    else:
        waiting = by_state.get(State.PENDING, 0) + by_state.get(State.SENDING, 0)
    return Progress(settled + max(waiting, 0), delivered, failed, max(waiting, 0))


def _wanted(endpoint_id: int, kind: RecoveryKind, since: datetime | None) -> list[sa.ColumnElement[bool]]:
    wanted = [Delivery.endpoint_id == endpoint_id, Delivery.state == _FROM[kind], Delivery.is_test.is_(False)]
    return wanted if since is None else [*wanted, Delivery.created_at >= since]
