"""Writing what came of attempts, a batch in one transaction: attempt rows, states, the webhook's health, the hour's counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from kayse_dash.db import db, is_sqlite
from kayse_dash.webhooks import deliveries, endpoints, schedule
from kayse_dash.webhooks.models import Attempt, Delivery, Endpoint, HourlyCount
from kayse_dash.webhooks.schedule import State, Trigger
from kayse_dash.webhooks.sending import Outcome, Target

GONE = "The other system answered 410 Gone, which asks not to be called again."
ONLY_FAILED = "Every attempt failed for five days."

_finish = (
    sa.update(Delivery.__table__)
    # Only while the lease is ours: a worker that was stopped for longer than its lease must not overrule the next one.
    .where(Delivery.id == sa.bindparam("b_id"), Delivery.state == State.SENDING, Delivery.lease_by == sa.bindparam("b_worker"))
    .values(
        state=sa.bindparam("b_state"),
        due_at=sa.bindparam("b_due_at"),
        tries=sa.bindparam("b_tries"),
        attempts=sa.bindparam("b_attempts"),
        last_attempt_at=sa.bindparam("b_at"),
        last_status=sa.bindparam("b_status"),
        last_error=sa.bindparam("b_error"),
        trigger=Trigger.AUTOMATIC,
        lease_by=None,
        lease_until=None,
    )
)


def write(outcomes: Sequence[Outcome], target: Target, worker: str, latency_ms: float | None) -> bool:
    """Write a batch. The caller commits.

    Args:
        latency_ms: the webhook's average answer time after this batch.

    Returns:
        Whether the webhook is on: this batch or a person may have switched it off.
    """
    if outcomes:
        connection = db.session.connection()
        connection.execute(sa.insert(Attempt.__table__), [_attempt_row(outcome, worker) for outcome in outcomes])
        connection.execute(_finish, [_delivery_values(outcome, worker) for outcome in outcomes])
    real = [outcome for outcome in outcomes if not outcome.owed.is_test]
    if real:
        _count(real, target.id)
    return _health(real, target.id, latency_ms)


def _attempt_row(outcome: Outcome, worker: str) -> dict[str, Any]:
    answer, owed = outcome.answer, outcome.owed
    return {
        "delivery_id": owed.id,
        "number": owed.attempts + 1,
        "trigger": owed.trigger,
        "started_at": outcome.started_at,
        "duration_ms": round(answer.duration_ms, 2),
        "url": outcome.url,
        "request_headers": outcome.request_headers,
        "status": answer.status,
        "error": answer.reason,
        "error_detail": answer.detail and answer.detail[:500],
        "response_headers": answer.headers,
        "response_body": answer.body if answer.headers is not None else None,
        "response_truncated": answer.truncated,
        "timings": {phase: round(spent, 2) for phase, spent in answer.timings.items()},
        "worker": worker,
    }


def _delivery_values(outcome: Outcome, worker: str) -> dict[str, Any]:
    return {
        "b_id": outcome.owed.id,
        "b_worker": worker,
        "b_state": outcome.decision.state,
        "b_due_at": outcome.decision.due_at,
        "b_tries": outcome.owed.tries + 1,
        "b_attempts": outcome.owed.attempts + 1,
        "b_at": outcome.started_at,
        "b_status": outcome.answer.status,
        "b_error": outcome.answer.reason,
    }


def _count(outcomes: Sequence[Outcome], endpoint_id: int) -> None:
    hours: dict[datetime, dict[str, int]] = {}
    for outcome in outcomes:
        hour = outcome.ended_at.replace(minute=0, second=0, microsecond=0)
        counts = hours.setdefault(hour, {"delivered": 0, "failed": 0, "attempts": 0, "attempts_failed": 0})
        counts["attempts"] += 1
        counts["attempts_failed"] += not outcome.succeeded
        counts["delivered"] += outcome.succeeded
        counts["failed"] += outcome.decision.state is State.FAILED
    insert = sqlite.insert if is_sqlite() else postgresql.insert
    # In order: two workers that lock the same two hours the other way round would wait for each other.
    for hour, counts in sorted(hours.items()):
        statement = insert(HourlyCount).values(endpoint_id=endpoint_id, hour=hour, **counts)
        columns = HourlyCount.__table__.c
        db.session.execute(
            statement.on_conflict_do_update(
                index_elements=["endpoint_id", "hour"],
                set_={name: columns[name] + statement.excluded[name] for name in counts},
            )
        )


def _health(outcomes: Sequence[Outcome], endpoint_id: int, latency_ms: float | None) -> bool:
    """Write the webhook's health; switch it off where the batch gives reason to. Returns whether it is on."""
    values: dict[str, Any] = {"latency_ms": latency_ms}
    by_end = sorted(outcomes, key=lambda outcome: outcome.ended_at)
    good = [outcome for outcome in by_end if outcome.succeeded]
    bad = [outcome for outcome in by_end if not outcome.succeeded]
    if good:
        values["last_success_at"] = good[-1].ended_at
        later = [outcome.ended_at for outcome in bad if outcome.ended_at > good[-1].ended_at]
        values["failing_since"] = later[0] if later else None
    elif bad:
        values["failing_since"] = sa.func.coalesce(Endpoint.failing_since, bad[0].ended_at)
    if bad:
        values["last_failure_at"] = bad[-1].ended_at
        values["last_error"] = bad[-1].answer.reason or str(bad[-1].status)
    health = (
        sa.update(Endpoint)
        .where(Endpoint.id == endpoint_id)
        .values(values)
        .returning(Endpoint.enabled, Endpoint.failing_since)
        .execution_options(synchronize_session=False)
    )
    now = db.session.execute(health).one()
    if not now.enabled:
        # It was switched off or deleted while these were under way: what is to be tried again is set aside with the rest.
        deliveries.set_aside(endpoint_id)
        return False
    reason = None
    if any(outcome.decision.switch_off for outcome in bad):
        reason = GONE
    elif bad and schedule.should_switch_off(now.failing_since, bad[-1].ended_at):
        reason = ONLY_FAILED
    if reason is None:
        return True
    db.session.expire_all()
    endpoints.switch_off(endpoints.get(endpoint_id), reason, by_end[-1].ended_at)
    return False
