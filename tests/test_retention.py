"""What a purge lets go of, and what it must not."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from kayse_dash import retention
from kayse_dash.clients.models import Transfer
from kayse_dash.db import db
from kayse_dash.events import idempotency
from kayse_dash.events.models import Event, IdempotencyKey
from kayse_dash.inbox import inboxes, messages
from kayse_dash.inbox.models import InboxMessage
from kayse_dash.webhooks import reconcile
from kayse_dash.webhooks.models import Attempt, Delivery
from kayse_dash.webhooks.schedule import State
from tests.conftest import on_both_databases
from tests.factories import make_attempt, make_delivery, make_endpoint, make_event

NOW = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)
OLD, NEW = NOW - timedelta(days=91), NOW - timedelta(days=89)


def purge(days: int = 90) -> Counter[str]:
    """Go through all steps, as the command does; nothing that was deleted counts as zero."""
    total: Counter[str] = Counter()
    db.session.commit()
    for step in retention.Plan(NOW, timedelta(days=days)).steps:
        while gone := step():
            db.session.commit()
            total += gone
        db.session.rollback()
    return +total


def settle(state: State = State.DELIVERED) -> None:
    db.session.execute(sa.update(Delivery).where(Delivery.state == State.PENDING).values(state=state, due_at=None))
    db.session.commit()


def left(model: type[db.Model]) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(model))


@on_both_databases
def test_old_transfers_go_in_steps(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP_ROWS", 2)
    for number, at in enumerate([OLD] * 5 + [NEW] * 2):
        db.session.add(Transfer(call_id=f"call_{number}", started_at=at, updated_at=at))
    assert purge() == Counter(transfers=5)
    assert list(db.session.scalars(sa.select(Transfer.call_id).order_by(Transfer.id))) == ["call_5", "call_6"]


@on_both_databases
def test_old_events_go_with_all_that_belongs_to_them(app: Flask) -> None:
    make_endpoint(now=OLD)
    make_endpoint(now=OLD)
    make_event(now=OLD)
    kept = make_event(now=NEW).id
    for delivery in list(db.session.scalars(sa.select(Delivery))):
        make_attempt(delivery=delivery)
    settle()
    assert purge() == Counter(events=1, deliveries=2, attempts=2)
    assert list(db.session.scalars(sa.select(Event.id))) == [kept]
    assert (left(Delivery), left(Attempt)) == (2, 2)


@pytest.mark.parametrize("state", [State.PENDING, State.SENDING, State.HELD])
def test_an_event_of_which_anything_is_still_owed_stays_whole(app: Flask, state: State) -> None:
    first = make_endpoint(now=OLD)
    make_endpoint(now=OLD)
    make_event(now=OLD)
    settle()
    db.session.execute(sa.update(Delivery).where(Delivery.endpoint_id == first.id).values(state=state, due_at=NOW))
    assert purge() == Counter()
    assert (left(Event), left(Delivery)) == (1, 2)


@pytest.mark.parametrize("state", [State.DELIVERED, State.FAILED, State.CANCELLED])
def test_an_event_of_which_nothing_more_comes_goes(app: Flask, state: State) -> None:
    make_endpoint(now=OLD)
    make_event(now=OLD)
    settle(state)
    assert purge() == Counter(events=1, deliveries=1)


def test_an_event_that_no_webhook_wanted_goes_too(app: Flask) -> None:
    make_event(now=OLD)
    assert purge() == Counter(events=1)


def test_those_that_must_stay_do_not_hide_those_that_may_go(app: Flask) -> None:
    make_endpoint(now=OLD)
    for _ in range(3):
        make_event(now=OLD)
    kept = db.session.scalars(sa.select(Delivery).order_by(Delivery.id)).first()
    settle()
    kept.state = State.HELD
    assert purge() == Counter(events=2, deliveries=2)


def test_tests_go_after_seven_days(app: Flask) -> None:
    for age in (8, 6):
        delivery = make_delivery(now=NOW - timedelta(days=age), is_test=True, state=State.DELIVERED)
        make_attempt(delivery=delivery)
    assert purge() == Counter(tests=1, deliveries=1, attempts=1)
    assert purge(days=5) == Counter(tests=1, deliveries=1, attempts=1)


def test_a_test_that_waits_stays(app: Flask) -> None:
    make_delivery(now=OLD, is_test=True)
    assert purge() == Counter()


@on_both_databases
def test_keys_of_repeatable_requests_go_after_a_day(app: Flask) -> None:
    for number in range(120):
        db.session.add(IdempotencyKey(key=f"k{number}", api_key_id=1, fingerprint="f", response={}, created_at=OLD))
    db.session.add(IdempotencyKey(key="new", api_key_id=1, fingerprint="f", response={}, created_at=NOW))
    assert purge() == Counter(idempotency_keys=120)
    assert idempotency.answered("new", 1, "f", NOW) == {}


@on_both_databases
def test_old_messages_of_inboxes_go(app: Flask) -> None:
    inbox = inboxes.create("One", OLD)
    for at in (OLD, OLD, NEW):
        messages.store(inbox.id, "POST", [], b"", 200, at)
    assert purge() == Counter(inbox_messages=2)
    assert left(InboxMessage) == 1


def test_a_step_stays_small_and_an_event_whole(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP_ROWS", 10)
    for _ in range(3):
        make_endpoint(now=OLD)
    for _ in range(7):
        make_event(now=OLD)
    for delivery in list(db.session.scalars(sa.select(Delivery))):
        make_attempt(delivery=delivery)
    settle()
    plan = retention.Plan(NOW, timedelta(days=90))
    steps = []
    while gone := plan.events():
        db.session.commit()
        steps.append(gone)
    assert steps == [Counter(events=1, deliveries=3, attempts=3)] * 7


@on_both_databases
def test_many_events_of_one_moment_all_go(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "STEP_ROWS", 4)
    for _ in range(11):
        make_event(now=OLD)
    assert purge() == Counter(events=11)


def test_a_delivery_that_is_retried_while_the_purge_looks_is_kept(app: Flask) -> None:
    endpoint = make_endpoint(now=OLD)
    first, second = make_event(now=OLD), make_event(now=OLD)
    settle(State.FAILED)
    retry = sa.update(Delivery).where(Delivery.event_seq == first.seq, Delivery.endpoint_id == endpoint.id)
    db.session.execute(retry.values(state=State.PENDING, due_at=NOW))
    db.session.commit()
    assert +retention.delete_events([first.seq, second.seq], "events") == Counter(events=1, deliveries=1)
    assert list(db.session.scalars(sa.select(Event.seq))) == [first.seq]


def test_what_is_left_can_still_be_proved_complete(app: Flask) -> None:
    make_endpoint(now=OLD)
    for at in (OLD, OLD, NEW):
        make_event(now=at)
    settle()
    purge()
    report = reconcile.Report()
    assert list(reconcile.check(NOW, report)) == []
    assert (report.events, report.deliveries) == (1, 1)
