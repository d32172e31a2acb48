"""The overview's figures: counts, what needs a person, first steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import redis
import sqlalchemy as sa
from flask import Flask

from kayse_dash import demo
from kayse_dash.accounts import api_keys
from kayse_dash.db import db
from kayse_dash.overview import figures
from kayse_dash.overview.figures import Kind, Start
from kayse_dash.webhooks import deliveries, endpoints, outcomes
from kayse_dash.webhooks.models import Delivery, HourlyCount
from kayse_dash.webhooks.schedule import State
from tests.conftest import on_both_databases
from tests.factories import make_delivery, make_endpoint, make_event

NOW = datetime(2026, 3, 12, 14, 3, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)


def count(endpoint_id: int, hour: datetime, delivered: int, failed: int = 0) -> None:
    db.session.add(HourlyCount(endpoint_id=endpoint_id, hour=hour, delivered=delivered, failed=failed))
    db.session.commit()


def test_nothing_at_all_is_counted_as_nothing(app: Flask) -> None:
    now = figures.read(NOW)
    assert (now.on, now.failing, now.off, now.webhooks, now.workers) == (0, 0, 0, 0, 0)
    assert (now.delivered, now.failed, now.delivered_today, now.waiting, now.held) == (0, 0, 0, 0, 0)
    assert (now.success_rate, now.success_words) == (None, "–")
    assert figures.concerns(NOW) == []
    assert figures.newest() == []


@on_both_databases
def test_webhooks_are_on_failing_or_off_and_deleted_ones_are_gone(app: Flask) -> None:
    make_endpoint()
    make_endpoint()
    make_endpoint(failing_since=NOW - HOUR)
    make_endpoint(enabled=False)
    endpoints.delete(make_endpoint(), NOW)
    now = figures.read(NOW)
    assert (now.on, now.failing, now.off, now.webhooks) == (2, 1, 1, 4)


@on_both_databases
def test_the_day_is_added_up_from_the_hours_of_all_webhooks(app: Flask) -> None:
    one, other = make_endpoint(), make_endpoint()
    this_hour = NOW.replace(minute=0, second=0)
    count(one.id, this_hour, 10, 1)
    count(other.id, this_hour, 5)
    count(one.id, this_hour.replace(hour=0), 100)
    count(one.id, this_hour.replace(hour=0) - HOUR, 1000, 8)
    count(one.id, this_hour - 23 * HOUR, 10_000)
    count(one.id, this_hour - 24 * HOUR, 100_000, 100_000)
    now = figures.read(NOW)
    assert [hour.begins for hour in now.hours] == [this_hour - back * HOUR for back in range(23, -1, -1)]
    assert (now.hours[0].delivered, now.hours[-1].delivered, now.hours[-1].failed) == (10_000, 15, 1)
    assert (now.delivered_today, now.delivered, now.failed) == (115, 11_115, 9)
    assert now.success_rate == pytest.approx(11_115 / 11_124)
    assert now.success_words == "99.9 %"
    assert now.bars[-1] == ("14:00", 15, 1)


@pytest.mark.parametrize(
    ("delivered", "failed", "words"),
    [(0, 3, "0 %"), (3, 0, "100 %"), (1, 1, "50 %"), (99_999, 1, "99.9 %"), (2, 1, "66.6 %")],
)
def test_the_success_rate_is_never_rounded_up(app: Flask, delivered: int, failed: int, words: str) -> None:
    count(make_endpoint().id, NOW.replace(minute=0, second=0), delivered, failed)
    assert figures.read(NOW).success_words == words


@on_both_databases
def test_what_waits_and_what_is_held_is_counted(app: Flask) -> None:
    hook = make_endpoint()
    for state in (State.PENDING, State.SENDING, State.HELD, State.HELD, State.HELD, State.DELIVERED, State.FAILED):
        make_delivery(endpoint=hook, state=state)
    now = figures.read(NOW)
    assert (now.waiting, now.held) == (2, 3)


def test_counting_stops_just_above_ten_thousand(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "COUNT_CAP", 3)
    hook = make_endpoint()
    for _ in range(5):
        make_delivery(endpoint=hook, state=State.HELD)
    assert (figures.read(NOW).held, figures.concerns(NOW)[0].held) == (3, 3)


def test_workers_count_when_they_were_seen_in_the_last_fifteen_seconds(app: Flask, redis_server: redis.Redis) -> None:
    seen = {"worker-1": NOW.timestamp() - 1, "worker-2": NOW.timestamp() - 14, "worker-3": NOW.timestamp() - 16}
    redis_server.zadd("kayse:workers", seen)
    assert figures.workers_seen(NOW) == 2


def test_a_webhook_that_was_switched_off_by_itself_comes_first_with_what_is_held(app: Flask) -> None:
    failing = make_endpoint(failing_since=NOW - HOUR, last_error="500")
    given_up = make_endpoint(name="Clio")
    make_event()
    endpoints.switch_off(given_up, outcomes.GONE, NOW)
    by_hand = make_endpoint()
    endpoints.switch_off(by_hand, "Sam switched it off.", NOW)
    first, second = figures.concerns(NOW)
    assert (first.kind, first.endpoint.id, first.held) == (Kind.SWITCHED_OFF, given_up.id, 1)
    assert (second.kind, second.endpoint.id, second.switch_off_at) == (Kind.FAILING, failing.id, None)


def test_a_webhook_about_to_be_switched_off_says_when(app: Flask) -> None:
    make_endpoint(failing_since=NOW - timedelta(days=4, hours=4))
    [concern] = figures.concerns(NOW)
    assert concern.switch_off_at == NOW + timedelta(hours=20)


@on_both_databases
def test_held_deliveries_need_a_person_whether_the_webhook_is_on_or_off(app: Flask) -> None:
    off, on = make_endpoint(name="A"), make_endpoint(name="B")
    make_event()
    make_event()
    for hook in (off, on):
        endpoints.switch_off(hook, "Sam switched it off.", NOW)
    endpoints.switch_on(on, NOW)
    db.session.commit()
    listed = [(concern.kind, concern.endpoint.id, concern.held) for concern in figures.concerns(NOW)]
    assert listed == [(Kind.HELD, off.id, 2), (Kind.HELD, on.id, 2)]


def test_of_each_kind_ten_are_listed(app: Flask) -> None:
    for minutes in range(12):
        make_endpoint(failing_since=NOW - timedelta(minutes=minutes))
    listed = figures.concerns(NOW)
    assert len(listed) == 10
    assert listed[0].endpoint.failing_since == NOW - timedelta(minutes=11)


def test_the_newest_eight_deliveries_are_shown_newest_first(app: Flask) -> None:
    hook = make_endpoint(name="Clio")
    for _ in range(10):
        make_delivery(endpoint=hook)
    db.session.expunge_all()
    ids = list(db.session.scalars(sa.select(Delivery.id).order_by(Delivery.id.desc()).limit(8)))
    newest = figures.newest()
    assert [delivery.id for delivery in newest] == ids
    assert {delivery.endpoint.name for delivery in newest} == {"Clio"}


def test_the_first_steps_are_ticked_one_by_one(app: Flask) -> None:
    assert figures.start() == Start(webhook=False, api_key=False, event=False)
    make_endpoint()
    assert figures.start() == Start(webhook=True, api_key=False, event=False)
    key, _ = api_keys.create("Intake", None, NOW)
    assert figures.start() == Start(webhook=True, api_key=True, event=False)
    make_event(is_test=True)
    assert not figures.start().event
    make_event()
    assert figures.start().is_done
    api_keys.revoke(key, NOW)
    assert not figures.start().api_key


@on_both_databases
def test_the_sample_firm_ticks_no_step(app: Flask) -> None:
    demo.load(NOW)
    assert figures.start() == Start(webhook=False, api_key=False, event=False)
