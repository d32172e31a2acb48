"""The proof that nothing was lost: it finds each fault that can be made, and none where there is none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from kayse_dash import clock
from kayse_dash.db import db
from kayse_dash.webhooks import deliveries, endpoints, reconcile, recoveries
from kayse_dash.webhooks.models import Delivery, Endpoint, RecoveryKind
from kayse_dash.webhooks.reconcile import LEASE_OVERDUE, Problem, Report
from kayse_dash.webhooks.schedule import State
from kayse_dash.webhooks.testing import send_test
from tests.conftest import on_both_databases
from tests.receiver import Receiver, Reply
from tests.webhooks.engine import LEASE, happen, hook, turn

NOW = datetime(2026, 3, 9, 14, 0, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("app")


def check(now: datetime = NOW) -> tuple[list[Problem], Report]:
    report = Report()
    problems = list(reconcile.check(now, report))
    db.session.rollback()
    return problems, report


def damage(statement: Any) -> None:
    db.session.execute(statement)
    db.session.commit()


@on_both_databases
def test_an_empty_installation_is_complete(app: Flask) -> None:
    assert check() == ([], Report(0, 0, {}))


@on_both_databases
def test_a_missing_delivery_is_found(app: Flask) -> None:
    first, second = hook(), hook()
    ids = happen(3, now=NOW)
    damage(sa.delete(Delivery).where(Delivery.endpoint_id == second, Delivery.event_seq == 2))
    problems, report = check()
    assert problems == [Problem(ids[1], second, "there is no delivery, though the webhook matched the event")]
    assert report == Report(3, 5, {"pending": 5})
    assert first


@on_both_databases
def test_a_delivery_that_is_not_owed_is_found(app: Flask) -> None:
    endpoint_id, other_id = hook(), hook(events=["task_completed"])
    [event_id] = happen(now=NOW)
    damage(sa.update(Delivery).where(Delivery.endpoint_id == endpoint_id).values(endpoint_id=other_id))
    problems, _ = check()
    assert [(one.event_id, one.endpoint_id, one.words.split(",")[0]) for one in problems] == [
        (event_id, endpoint_id, "there is no delivery"),
        (event_id, other_id, "there is a delivery"),
    ]


@on_both_databases
def test_a_delivery_that_waits_for_ever_is_found(app: Flask) -> None:
    hook()
    [event_id] = happen(now=NOW)
    damage(sa.update(Delivery).values(due_at=None))
    [problem], _ = check()
    assert (problem.event_id, "never due" in problem.words) == (event_id, True)


@on_both_databases
def test_a_lease_that_nobody_looks_after_is_found(app: Flask) -> None:
    endpoint_id = hook()
    happen(now=NOW)
    deliveries.claim(endpoint_id, 1, "dead", NOW, LEASE)
    db.session.commit()
    assert check(NOW + LEASE + LEASE_OVERDUE)[0] == []
    [problem], _ = check(NOW + LEASE + LEASE_OVERDUE + timedelta(seconds=1))
    assert "nobody took it up" in problem.words
    damage(sa.update(Delivery).values(lease_until=None))
    assert len(check()[0]) == 1


@on_both_databases
def test_many_events_are_gone_through_in_steps(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "CHUNK", 7)
    hook()
    happen(30, now=NOW)
    damage(sa.delete(Delivery).where(Delivery.event_seq.in_([1, 14, 15, 30])))
    problems, report = check()
    assert len(problems) == 4
    assert (report.events, report.deliveries) == (30, 26)


@on_both_databases
def test_a_busy_life_leaves_nothing_to_explain(app: Flask, receiver: Receiver) -> None:
    """Edits, holds, releases, drops, retries, tests and deletes, with deliveries in every state."""

    def load(endpoint_id: int) -> Endpoint:
        return db.session.get_one(Endpoint, endpoint_id)

    def then(_result: Any = None) -> None:
        db.session.commit()
        happen(2)
        happen(1, type="task_completed", campaign_id=4, case_type="Dog bite")

    steady, changing, leaving, failing = hook(receiver), hook(receiver), hook(receiver), hook(receiver, url=receiver.url + "bad")
    receiver.answer = lambda request: Reply(500 if request.path == "/bad" else 200)
    then()
    then(endpoints.update(load(changing), {"events": ["task_completed"], "case_types": ["dog bite"]}, clock.now()))
    turn(steady)
    turn(failing)
    then(endpoints.switch_off(load(changing), "By hand.", clock.now()))
    then(endpoints.switch_off(load(steady), "By hand.", clock.now()))
    send_test(load(steady), "call_ended", clock.now())
    then(endpoints.switch_on(load(steady), clock.now()))
    then(recoveries.start(load(steady), RecoveryKind.HELD, "ana@firm.test", clock.now()))
    recoveries.step(1, clock.now())
    then(deliveries.drop_held(changing))
    turn(steady)
    then(endpoints.delete(load(leaving), clock.now()))
    damage(sa.update(Delivery).where(Delivery.endpoint_id == failing).values(due_at=clock.now(), tries=4, state=State.PENDING))
    turn(failing)
    then(deliveries.retry(deliveries.get(4), clock.now()))
    hook(receiver)
    then(endpoints.switch_on(load(changing), clock.now()))
    problems, report = check(clock.now())
    assert problems == []
    assert report.events == 30
    assert report.deliveries == sum((report.by_state or {}).values())
    assert set(report.by_state or {}) == {"pending", "delivered", "failed", "held", "cancelled"}
