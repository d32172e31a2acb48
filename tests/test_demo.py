"""The sample firm: made once, really delivered, played live, and taken away again."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import redis
import sqlalchemy as sa
from flask import Flask
from werkzeug.serving import make_server

from kayse_dash import create_app, demo, story
from kayse_dash.accounts.models import AuditEntry
from kayse_dash.clients import campaigns
from kayse_dash.clients.models import Campaign
from kayse_dash.config import Settings
from kayse_dash.db import db
from kayse_dash.events.catalogue import CALL_EVENTS
from kayse_dash.events.models import Event
from kayse_dash.inbox import inboxes, messages
from kayse_dash.inbox.messages import Verdict
from kayse_dash.inbox.models import Inbox
from kayse_dash.webhooks import deliveries, drain, endpoints
from kayse_dash.webhooks.models import Delivery, Endpoint
from kayse_dash.webhooks.schedule import State
from tests.conftest import on_both_databases
from tests.factories import make_endpoint

NOW = datetime(2026, 3, 12, 14, 3, 22, tzinfo=UTC)


def number_of(model: type[db.Model]) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(model))


def hook(name: str) -> Endpoint:
    return next(hook for hook in endpoints.all_live() if hook.name == name)


@pytest.fixture
def served(settings: Settings, redis_server: redis.Redis) -> Iterator[Flask]:
    """The application behind a real web server, at the address that it knows as its own."""
    listening = make_server("127.0.0.1", 0, lambda *_: [], threaded=True)
    app = create_app(replace(settings, base_url=f"http://127.0.0.1:{listening.port}", allowed_networks=(), allow_http=False))
    listening.app = app
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    with app.app_context():
        yield app
        listening.shutdown()
        db.session.remove()
        db.engine.dispose()


@on_both_databases
def test_loading_makes_the_firm_and_records_its_last_minutes(app: Flask) -> None:
    loaded = demo.load(NOW)
    assert (loaded.campaigns, loaded.events, loaded.live) == (6, 30, True)
    system, sheet = hook(demo.SYSTEM), hook(demo.SHEET)
    assert (system.auth_type, system.takes_all_events, system.enabled) == ("hmac", True, True)
    assert (sheet.auth_type, set(sheet.events), len(sheet.campaign_ids)) == ("api_key", CALL_EVENTS, 2)
    events = list(db.session.scalars(sa.select(Event).order_by(Event.seq)))
    assert [event.timestamp for event in events] == sorted(event.timestamp for event in events)
    assert NOW - timedelta(minutes=7) < events[0].timestamp < events[-1].timestamp < NOW
    assert all(event.id.startswith("sample_") for event in events)
    assert deliveries.count(system.id, [State.PENDING]) == 30
    assert 0 < deliveries.count(sheet.id, [State.PENDING]) < 30
    named = [campaign.name for campaign in campaigns.by_name()] + [demo.SYSTEM, demo.SHEET]
    assert all(name.startswith("Sample ") for name in named)


def test_loading_again_makes_nothing_twice(app: Flask) -> None:
    demo.load(NOW)
    again = demo.load(NOW + timedelta(minutes=1))
    assert (again.events, again.live) == (0, True)
    assert [number_of(model) for model in (Campaign, Inbox, Endpoint, Event)] == [6, 2, 2, 30]


def test_loading_puts_back_what_is_missing_and_follows_a_move(app: Flask) -> None:
    demo.load(NOW)
    endpoints.delete(hook(demo.SHEET), NOW)
    settings = app.extensions["kayse_settings"]
    app.extensions["kayse_settings"] = replace(settings, base_url="https://moved.example.com")
    db.session.commit()
    again = demo.load(NOW)
    assert again.events == 30
    assert hook(demo.SHEET).url == inboxes.address(again.inboxes[1])
    assert hook(demo.SYSTEM).url == inboxes.address(again.inboxes[0])
    assert hook(demo.SYSTEM).url.startswith("https://moved.example.com/inbox/sample-")


def test_a_firm_whose_campaigns_somebody_ended_can_still_be_loaded(app: Flask) -> None:
    demo.load(NOW)
    demo.remove(NOW)
    for name, _, _ in demo.CAMPAIGNS:
        campaigns.create({"name": name, "active": False}, NOW)
    db.session.commit()
    assert demo.load(NOW).events == 30


def test_what_is_loaded_is_really_delivered_and_verified(served: Flask) -> None:
    loaded = demo.load(datetime.now(UTC))
    for name in (demo.SYSTEM, demo.SHEET):
        owed = hook(name)
        expected = deliveries.count(owed.id, [State.PENDING])
        db.session.commit()
        drain.drain(owed.id, "fast", "worker-1")
        db.session.expire_all()
        assert deliveries.count(owed.id, [State.DELIVERED]) == expected > 0
    system, sheet = loaded.inboxes
    received, _ = messages.page(system, inboxes.senders(system), None)
    assert len(received) == 30
    assert {message.verdict for message in received} == {Verdict.VERIFIED}
    narrowed, _ = messages.page(sheet, inboxes.senders(sheet), None)
    assert {message.event for message in narrowed} <= CALL_EVENTS
    assert all(messages.header(message.headers, "x-public-api-key").endswith("…") for message in narrowed)


def test_nothing_happens_by_itself_without_the_sample_firm(app: Flask) -> None:
    demo.tick(NOW)
    assert number_of(Event) == 0


def test_live_events_come_one_at_a_time_and_make_whole_calls(app: Flask, redis_server: redis.Redis) -> None:
    demo.load(NOW)
    demo.tick(NOW)
    demo.tick(NOW)
    assert number_of(Event) == 31
    for beat in range(1, story.STEPS + 1):
        redis_server.delete(demo.BEAT_KEY)
        demo.tick(NOW + beat * demo.BEAT)
    told = list(db.session.scalars(sa.select(Event).where(Event.recorded_at >= NOW, Event.timestamp >= NOW).order_by(Event.seq)))
    assert len(told) == story.STEPS + 1
    first_round = [json.loads(event.data)["id"] for event in told[: story.STEPS] if event.type.startswith("call_")]
    assert len(set(first_round)) == 4
    assert json.loads(told[-1].data)["id"] not in first_round
    assert all(event.timestamp <= event.recorded_at for event in told)


def test_live_events_end_after_ten_minutes(app: Flask, redis_server: redis.Redis) -> None:
    demo.load(NOW)
    assert 0 < redis_server.ttl(demo.LIVE_KEY) <= 600
    assert demo.is_live()
    redis_server.delete(demo.LIVE_KEY)
    demo.tick(NOW)
    assert not demo.is_live()
    assert number_of(Event) == 30


def test_removing_leaves_the_events_and_stops_the_live_ones(app: Flask, redis_server: redis.Redis) -> None:
    own = make_endpoint(name="Clio intake")
    demo.load(NOW)
    removed = demo.remove(NOW)
    assert (removed.in_words, removed.kept) == ("2 webhooks, 2 test inboxes and 6 campaigns", [])
    assert endpoints.all_live() == [own]
    assert [number_of(model) for model in (Campaign, Inbox, Event)] == [0, 0, 30]
    assert not demo.is_loaded()
    assert not demo.is_live()
    waiting = sa.select(sa.func.count()).where(Delivery.endpoint_id != own.id, Delivery.state != State.CANCELLED)
    assert db.session.scalar(waiting) == 0
    redis_server.set(demo.LIVE_KEY, 1)
    demo.tick(NOW)
    assert number_of(Event) == 30
    actions = list(db.session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)))
    assert actions == ["sample_firm.loaded", "sample_firm.removed"]


def test_a_sample_campaign_that_an_own_webhook_needs_stays_and_is_named(app: Flask) -> None:
    demo.load(NOW)
    kept = campaigns.by_name()[0]
    make_endpoint(name="Clio intake", campaign_ids=[kept.id])
    removed = demo.remove(NOW)
    assert removed.campaigns == 5
    [reason] = removed.kept
    assert "Clio intake" in reason
    assert [campaign.id for campaign in campaigns.by_name()] == [kept.id]


def test_removing_what_is_not_there_removes_nothing(app: Flask) -> None:
    assert demo.remove(NOW).in_words == "0 webhooks, 0 test inboxes and 0 campaigns"
    assert number_of(AuditEntry) == 0
