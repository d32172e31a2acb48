"""Putting overdue and orphaned work back in the queue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import redis
import sqlalchemy as sa
from flask import Flask

from kayse_dash import queue
from kayse_dash.db import db
from kayse_dash.webhooks import deliveries, recoveries, sweep
from kayse_dash.webhooks.models import Endpoint, Recovery, RecoveryKind, RecoveryState
from kayse_dash.webhooks.schedule import State
from tests.conftest import on_both_databases
from tests.factories import make_delivery
from tests.webhooks.engine import LEASE, happen, hook, states

NOW = datetime(2026, 3, 9, 14, 0, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("app")


def waiting(redis_server: redis.Redis) -> dict[str, int]:
    return {lane: number for lane in queue.LANES if (number := redis_server.llen(f"rq:queue:{lane}"))}


@on_both_databases
def test_every_webhook_that_is_owed_something_is_woken(app: Flask, redis_server: redis.Redis) -> None:
    for _ in range(3):
        hook()
    hook(events=["task_completed"])
    happen(4, now=NOW)
    redis_server.flushdb()  # what the intake put is lost
    assert sweep.wake_what_is_due(NOW - timedelta(seconds=1)) == 0
    assert waiting(redis_server) == {}
    assert sweep.wake_what_is_due(NOW) == 3
    assert waiting(redis_server) == {queue.FAST: 3}
    assert sweep.wake_what_is_due(NOW) == 3
    assert waiting(redis_server) == {queue.FAST: 3}  # still waiting to be picked up
    assert not db.session().in_transaction()


@on_both_databases
def test_a_retry_is_woken_when_it_is_due(app: Flask, redis_server: redis.Redis) -> None:
    make_delivery(due_at=NOW + timedelta(minutes=5), tries=1)
    db.session.rollback()
    assert sweep.wake_what_is_due(NOW + timedelta(minutes=5, seconds=-1)) == 0
    assert sweep.wake_what_is_due(NOW + timedelta(minutes=5)) == 1


@on_both_databases
def test_a_recovery_that_stands_still_is_woken(app: Flask, redis_server: redis.Redis) -> None:
    endpoint_id = hook()
    for _ in range(3):
        make_delivery(endpoint=db.session.get_one(Endpoint, endpoint_id), state=State.FAILED)
    recovery_id = recoveries.start(db.session.get_one(Endpoint, endpoint_id), RecoveryKind.FAILED, "ana@firm.test", NOW).id
    db.session.commit()
    redis_server.flushdb()
    assert sweep.wake_what_is_due(NOW + recoveries.STALLED_AFTER) == 0
    later = NOW + recoveries.STALLED_AFTER + timedelta(seconds=1)
    assert sweep.wake_what_is_due(later) == 1
    assert waiting(redis_server) == {queue.BULK: 1}
    recoveries.step(recovery_id, later)
    db.session.commit()
    redis_server.flushdb()
    assert sweep.wake_what_is_due(later) == 1  # what was put back is due, and the recovery moves
    assert waiting(redis_server) == {queue.FAST: 1}
    db.session.execute(sa.update(Recovery).values(state=RecoveryState.FINISHED))
    db.session.commit()
    redis_server.flushdb()
    sweep.wake_what_is_due(later + timedelta(hours=1))
    assert waiting(redis_server) == {queue.FAST: 1}


@on_both_databases
def test_what_a_dead_worker_left_is_put_back(app: Flask) -> None:
    endpoint_id = hook()
    happen(3, now=NOW)
    deliveries.claim(endpoint_id, 2, "dead", NOW, LEASE)
    db.session.commit()
    assert sweep.free_orphans(NOW + LEASE) == 0
    assert states() == {"sending": 2, "pending": 1}
    assert sweep.free_orphans(NOW + LEASE + timedelta(seconds=1)) == 2
    db.session.rollback()
    assert states() == {"pending": 3}
