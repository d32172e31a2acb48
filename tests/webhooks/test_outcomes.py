"""Writing what came of attempts: rows, states, the webhook's health, the hour's counts."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from kayse_dash.db import db
from kayse_dash.outbound import Answer, Reason, no_answer
from kayse_dash.webhooks import deliveries, outcomes, schedule
from kayse_dash.webhooks.deliveries import Owed
from kayse_dash.webhooks.models import Endpoint, HourlyCount
from kayse_dash.webhooks.schedule import State
from kayse_dash.webhooks.sending import Outcome, Target
from tests.conftest import on_both_databases
from tests.factories import make_delivery
from tests.webhooks.engine import LEASE, WORKER, attempts, happen, hook, in_app, rows, states, webhook

NOW = datetime(2026, 3, 9, 14, 59, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.usefixtures("app")


def claim(endpoint_id: int, count: int = 100, worker: str = WORKER) -> list[Owed]:
    claimed = deliveries.claim(endpoint_id, count, worker, NOW + timedelta(days=30), LEASE)
    db.session.commit()
    return claimed


def outcome(owed: Owed, status: int | None = 200, at: datetime = NOW, **over: Any) -> Outcome:
    answer = Answer(status, [("Server", "x")], "thanks", False, None, None, 12.345, {"total": 12.345})
    if status is None:
        answer = no_answer(Reason.TIMEOUT, "no answer in time", 5000.0)
    decision = schedule.decide(status=status, tries=owed.tries + 1, now=at, is_test=owed.is_test)
    values = {
        "owed": owed,
        "started_at": at - timedelta(milliseconds=12),
        "ended_at": at,
        "url": "https://hooks.example.com/1",
        "request_headers": [("webhook-id", owed.event_id)],
        "answer": answer,
        "decision": decision,
    }
    return Outcome(**values | over)


def write(endpoint_id: int, batch: list[Outcome], worker: str = WORKER, latency_ms: float | None = 7.0) -> bool:
    target = Target.of(db.session.get_one(Endpoint, endpoint_id))
    is_on = outcomes.write(batch, target, worker, latency_ms)
    db.session.commit()
    return is_on


def counts() -> list[tuple[datetime, int, int, int, int]]:
    columns = (
        HourlyCount.hour,
        HourlyCount.delivered,
        HourlyCount.failed,
        HourlyCount.attempts,
        HourlyCount.attempts_failed,
    )
    found = [tuple(row) for row in db.session.execute(sa.select(*columns).order_by(HourlyCount.hour))]
    db.session.rollback()
    return found


@on_both_databases
def test_attempts_and_states(app: Flask) -> None:
    endpoint_id = hook()
    happen(3, now=NOW)
    good, bad, silent = claim(endpoint_id)
    assert write(endpoint_id, [outcome(good), outcome(bad, 500), outcome(silent, None)])
    assert [(row.state, row.due_at, row.tries, row.attempts, row.last_status, row.last_error) for row in rows()] == [
        (State.DELIVERED, None, 1, 1, 200, None),
        (State.PENDING, NOW + 5 * MINUTE, 1, 1, 500, None),
        (State.PENDING, NOW + 5 * MINUTE, 1, 1, None, "timeout"),
    ]
    assert {(row.lease_by, row.lease_until) for row in rows()} == {(None, None)}
    assert [(row.number, row.status, row.error, row.error_detail, row.duration_ms) for row in attempts()] == [
        (1, 200, None, None, 12.35),
        (1, 500, None, None, 12.35),
        (1, None, "timeout", "no answer in time", 5000.0),
    ]
    assert [row.response_body for row in attempts()] == ["thanks", "thanks", None]
    assert attempts()[0].response_headers == [["Server", "x"]]


@on_both_databases
def test_the_hours_add_up(app: Flask) -> None:
    endpoint_id = hook()
    happen(6, now=NOW)
    owed = claim(endpoint_id)
    next_hour = NOW + 2 * MINUTE
    write(endpoint_id, [outcome(owed[0]), outcome(owed[1], 500), outcome(owed[2], 200, next_hour)])
    write(endpoint_id, [outcome(owed[3]), outcome(owed[4], 410, next_hour)])
    hour = NOW.replace(minute=0)
    assert counts() == [(hour, 2, 0, 3, 1), (hour + 60 * MINUTE, 1, 1, 2, 1)]


@on_both_databases
def test_several_workers_count_together(app: Flask) -> None:
    endpoint_id = hook()
    happen(40, now=NOW)
    shares = {name: claim(endpoint_id, 10, name) for name in "abcd"}
    start = threading.Barrier(4)

    def work(name: str) -> None:
        start.wait(10)
        for number, owed in enumerate(shares[name]):
            write(endpoint_id, [outcome(owed, 200, NOW + (number % 2) * 60 * MINUTE)], name)

    workers = [threading.Thread(target=in_app(lambda name=name: work(name))) for name in shares]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [(delivered, tries) for _, delivered, _, tries, _ in counts()] == [(20, 20), (20, 20)]
    assert states() == {"delivered": 40}


@on_both_databases
def test_tests_count_in_nothing(app: Flask) -> None:
    endpoint_id = hook()
    make_delivery(endpoint=db.session.get_one(Endpoint, endpoint_id), is_test=True, now=NOW)
    [owed] = claim(endpoint_id)
    assert write(endpoint_id, [outcome(owed, 500)])
    one = webhook(endpoint_id)
    assert counts() == []
    assert (one.failing_since, one.last_failure_at, one.last_success_at) == (None, None, None)
    assert one.latency_ms == 7.0
    assert states() == {"failed": 1}


@on_both_databases
def test_a_late_finisher_leaves_its_attempt_and_nothing_else(app: Flask) -> None:
    endpoint_id = hook()
    happen(now=NOW)
    [owed] = claim(endpoint_id, worker="frozen")
    deliveries.free_leases_of("frozen")
    db.session.commit()
    write(endpoint_id, [outcome(claim(endpoint_id, worker="w2")[0])], "w2")
    write(endpoint_id, [outcome(owed, 500, NOW + MINUTE)], "frozen")
    [row] = rows()
    assert (row.state, row.last_status, row.attempts, row.due_at) == (State.DELIVERED, 200, 1, None)
    assert [(one.worker, one.status) for one in attempts()] == [("w2", 200), ("frozen", 500)]


@on_both_databases
def test_since_when_a_webhook_fails(app: Flask) -> None:
    for answers, failing_since, last_error in (
        ([200], None, None),
        ([500], 0, "500"),
        ([None], 0, "timeout"),
        ([500, 503], 0, "503"),  # since the first of them
        ([500, 200], None, "500"),  # good again
        ([200, 500, 502], 1, "502"),
        ([500, 200, 404], 2, "404"),
    ):
        endpoint_id = hook(events=["call_ended"])
        happen(len(answers), now=NOW)
        claimed = enumerate(zip(claim(endpoint_id), answers, strict=True))
        batch = [outcome(owed, status, NOW + n * MINUTE) for n, (owed, status) in claimed]
        write(endpoint_id, list(reversed(batch)))  # threads hand them in as they like
        one = webhook(endpoint_id)
        assert one.failing_since == (None if failing_since is None else NOW + failing_since * MINUTE), answers
        assert one.last_error == last_error
        assert one.health_word == ("on" if failing_since is None else "failing")
        assert one.latency_ms == 7.0


@on_both_databases
def test_a_webhook_keeps_failing_since_its_first_failure(app: Flask) -> None:
    endpoint_id = hook()
    happen(2, now=NOW)
    first, second = claim(endpoint_id)
    write(endpoint_id, [outcome(first, 500)])
    write(endpoint_id, [outcome(second, 500, NOW + timedelta(days=2))])
    assert webhook(endpoint_id).failing_since == NOW


@on_both_databases
def test_410_switches_off_once_and_holds_what_waits(app: Flask) -> None:
    endpoint_id = hook()
    happen(5, now=NOW)
    first, second, third, fourth, _ = claim(endpoint_id)
    assert not write(endpoint_id, [outcome(first, 500), outcome(second, 410), outcome(third)])
    one = webhook(endpoint_id)
    assert (one.enabled, one.disabled_reason, one.disabled_at) == (False, outcomes.GONE, NOW)
    assert states() == {"held": 1, "failed": 1, "delivered": 1, "sending": 2}
    version = one.version
    assert not write(endpoint_id, [outcome(fourth, 410, NOW + MINUTE)])
    assert webhook(endpoint_id).version == version
    assert webhook(endpoint_id).disabled_at == NOW


@on_both_databases
@pytest.mark.parametrize(("days", "is_on"), [(4.99, True), (5, False)])
def test_the_next_failure_after_five_days_switches_off(app: Flask, days: float, is_on: bool) -> None:
    endpoint_id = hook(failing_since=NOW - timedelta(days=days))
    happen(2, now=NOW)
    first, _ = claim(endpoint_id)
    assert write(endpoint_id, [outcome(first, 500)]) is is_on
    assert webhook(endpoint_id).disabled_reason == (None if is_on else outcomes.ONLY_FAILED)


@on_both_databases
@pytest.mark.parametrize(("gone", "becomes"), [(False, "held"), (True, "cancelled")])
def test_a_webhook_that_was_switched_off_or_deleted_meanwhile(app: Flask, gone: bool, becomes: str) -> None:
    endpoint_id = hook()
    happen(2, now=NOW)
    bad, good = claim(endpoint_id)
    values = {"enabled": False, "deleted_at": NOW if gone else None}
    db.session.execute(sa.update(Endpoint).where(Endpoint.id == endpoint_id).values(values))
    db.session.commit()
    assert not write(endpoint_id, [outcome(bad, 500), outcome(good)])
    assert states() == {becomes: 1, "delivered": 1}


@on_both_databases
def test_an_empty_batch_writes_the_answer_time_alone(app: Flask) -> None:
    endpoint_id = hook(latency_ms=3.0)
    assert write(endpoint_id, [], latency_ms=2000.0)
    assert webhook(endpoint_id).latency_ms == 2000.0
    assert attempts() == []


@on_both_databases
def test_anything_a_stranger_answers_can_be_kept(app: Flask) -> None:
    endpoint_id = hook()
    happen(now=NOW)
    [owed] = claim(endpoint_id)
    odd = Answer(
        599, [("X-Odd", "\ufffd\x01\x7f" + "é" * 990)] * 50, "\ufffd" * 65536, True, None, "d" * 600, 1e7, {"total": 1e7}
    )
    write(endpoint_id, [outcome(owed, 500, answer=odd)])
    [attempt] = attempts()
    assert (attempt.status, len(attempt.response_headers), len(attempt.response_body)) == (599, 50, 65536)
    assert len(attempt.error_detail) == 500
    assert attempt.response_truncated
