"""Loading the sample firm: made once, with a month behind it, and really delivered."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import redis
import sqlalchemy as sa
from flask import Flask
from werkzeug.serving import make_server

from kayse_dash import create_app, demo
from kayse_dash.clients import agents, campaigns, coverage, records
from kayse_dash.clients.models import Agent, Campaign, Client, CreatedVia, Detail, DetailKind, Source, Transfer
from kayse_dash.config import Settings
from kayse_dash.db import db
from kayse_dash.demo.members import SHEET, SYSTEM
from kayse_dash.events import validation
from kayse_dash.events.catalogue import CALL_EVENTS
from kayse_dash.events.models import Event
from kayse_dash.inbox import inboxes, messages
from kayse_dash.inbox.messages import Verdict
from kayse_dash.inbox.models import Inbox
from kayse_dash.story import cast, lines, month, rounds
from kayse_dash.webhooks import deliveries, drain, endpoints
from kayse_dash.webhooks.models import Endpoint
from kayse_dash.webhooks.schedule import State
from tests.conftest import on_both_databases
from tests.waiting import wait_until

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
def test_loading_makes_the_firm_and_tells_its_month(app: Flask) -> None:
    loaded = demo.load(NOW)
    assert (loaded.clients, loaded.campaigns, loaded.agents, loaded.live) == (200, 6, 8, True)
    assert month.EVENTS + rounds.STEPS <= loaded.events < 500
    system, sheet = hook(SYSTEM), hook(SHEET)
    assert (system.auth_type, system.takes_all_events, system.enabled) == ("hmac", True, True)
    assert (sheet.auth_type, set(sheet.events), len(sheet.campaign_ids)) == ("api_key", CALL_EVENTS, 2)
    events = list(db.session.scalars(sa.select(Event).order_by(Event.seq)))
    assert len(events) == loaded.events
    assert [event.timestamp for event in events] == sorted(event.timestamp for event in events)
    assert NOW - timedelta(days=31) < events[0].timestamp < NOW - timedelta(days=27)
    assert NOW - timedelta(seconds=15) < events[-1].timestamp < NOW
    assert all(event.id.startswith("sample_") for event in events)
    assert deliveries.count(system.id, [State.PENDING]) == loaded.events
    assert 0 < deliveries.count(sheet.id, [State.PENDING]) < loaded.events / 2


@on_both_databases
def test_loading_again_makes_nothing_twice(app: Flask) -> None:
    first = demo.load(NOW)
    kept = (Client, Detail, Campaign, Agent, Inbox, Endpoint, Event, Transfer)
    before = [number_of(model) for model in kept]
    again = demo.load(NOW + timedelta(minutes=1))
    assert (again.clients, again.events, again.live) == (200, 0, True)
    assert [number_of(model) for model in kept] == before
    assert before[-2] == first.events


def test_it_is_there_at_once(app: Flask) -> None:
    began = time.perf_counter()
    demo.load(NOW)
    assert time.perf_counter() - began < 5


def test_clients_are_kept_as_if_somebody_had_entered_them_then(app: Flask) -> None:
    demo.load(NOW)
    assert set(db.session.scalars(sa.select(Client.origin))) == {Source.SAMPLE}
    assert set(db.session.scalars(sa.select(Detail.source))) == {Source.SAMPLE}
    oldest = records.by_external("sample", "C-1001")
    newest = records.by_external("sample", "C-1200")
    assert NOW - oldest.created_at > timedelta(days=300)
    assert timedelta() < NOW - newest.created_at < timedelta(days=2)
    assert all(detail.created_at == oldest.created_at for detail in oldest.details)
    assert sum(detail.is_primary for detail in oldest.details) == len({detail.kind for detail in oldest.details})


def test_every_event_is_valid_and_about_one_of_the_clients(app: Flask) -> None:
    demo.load(NOW)
    phones = set(db.session.scalars(sa.select(Detail.value).where(Detail.kind == DetailKind.PHONE)))
    clients = set(db.session.scalars(sa.select(Client.id)))
    running = set(db.session.scalars(sa.select(Campaign.id).where(Campaign.active)))
    calling = {external_id for external_id, *_ in cast.AGENTS}
    for event in db.session.scalars(sa.select(Event)):
        data = json.loads(event.data)
        assert validation.check(event.type, data) == {}
        assert event.client_id in clients
        assert data.get("client_id", event.client_id) == event.client_id
        if event.type in CALL_EVENTS:
            assert {data["from_number"], data["to_number"]} - {lines.FIRM_NUMBER} <= phones
            assert event.campaign_id == data["campaign_id"]
            assert event.campaign_id in running
            assert data["agent_id"] in calling


def test_nobody_is_called_who_does_not_want_to_be(app: Flask) -> None:
    demo.load(NOW)
    opted_out = sa.select(Client.id).where(Client.voice_calls_opted_out)
    assert len(list(db.session.scalars(opted_out))) == 2
    assert db.session.scalar(sa.select(sa.func.count()).where(Event.client_id.in_(opted_out))) == 0


def test_agents_come_from_every_flow_and_send_what_belongs_to_transfers(app: Flask) -> None:
    demo.load(NOW)
    listed = list(db.session.scalars(sa.select(Agent)))
    assert {agent.created_via for agent in listed} == set(CreatedVia)
    assert len({agent.campaign_id for agent in listed}) == 7
    covered = coverage.of(listed, NOW)
    assert all(one.is_full for one in covered)
    assert sum(one.counts.started for one in covered) == number_of(Transfer) > 15
    started = list(db.session.scalars(sa.select(Transfer.started_at).order_by(Transfer.id)))
    assert all(later > earlier - timedelta(hours=1) for earlier, later in pairwise(started)), "calls can run side by side"


def test_loading_puts_back_what_is_missing_and_follows_a_move(app: Flask) -> None:
    demo.load(NOW)
    endpoints.delete(hook(SHEET), NOW)
    agents.delete(db.session.scalar(sa.select(Agent).where(Agent.external_id == "agent_sample_ava")))
    settings = app.extensions["kayse_settings"]
    app.extensions["kayse_settings"] = replace(settings, base_url="https://moved.example.com")
    db.session.commit()
    again = demo.load(NOW)
    assert (again.events, again.agents) == (rounds.STEPS, 8)
    assert hook(SHEET).url == inboxes.address(again.inboxes[1])
    assert hook(SYSTEM).url == inboxes.address(again.inboxes[0])
    assert hook(SYSTEM).url.startswith("https://moved.example.com/inbox/sample-")


def test_a_client_who_was_deleted_or_merged_does_not_come_back(app: Flask) -> None:
    demo.load(NOW)
    records.delete(records.by_external("sample", "C-1007"), NOW)
    db.session.commit()
    again = demo.load(NOW)
    assert (again.clients, again.events) == (199, 0)


def test_a_firm_of_before_there_were_clients_gets_them_with_their_month(app: Flask) -> None:
    demo.load(NOW)
    db.session.execute(sa.delete(Client))
    db.session.commit()
    again = demo.load(NOW)
    assert again.clients == 200
    assert again.events > month.EVENTS


def test_a_firm_whose_campaigns_somebody_ended_can_still_be_loaded(app: Flask) -> None:
    for name, *_ in cast.CAMPAIGNS:
        campaigns.create({"name": name, "active": False}, NOW)
    db.session.commit()
    loaded = demo.load(NOW)
    assert loaded.events > month.EVENTS
    assert number_of(Campaign) == 6


def delivered(endpoint_id: int) -> int:
    """Give a webhook a turn; how many deliveries have arrived."""
    db.session.commit()
    drain.drain(endpoint_id, "slow", "worker-1")  # the lane for every pace
    db.session.expire_all()
    return deliveries.count(endpoint_id, [State.DELIVERED])


def test_what_is_loaded_is_really_delivered_and_verified(served: Flask) -> None:
    loaded = demo.load(datetime.now(UTC))
    for name in (SYSTEM, SHEET):
        owed = hook(name).id
        expected = deliveries.count(owed, [State.PENDING])
        assert expected > 0
        wait_until(lambda owed=owed, expected=expected: delivered(owed) == expected, "their delivery", seconds=60)
    system, sheet = loaded.inboxes
    received, _ = messages.page(system, inboxes.senders(system), None)
    assert {message.verdict for message in received} == {Verdict.VERIFIED}
    [kept] = (summary.messages for summary in inboxes.all_by_name() if summary.inbox == system)
    assert kept == loaded.events, "an inbox keeps them all"
    narrowed, _ = messages.page(sheet, inboxes.senders(sheet), None)
    assert {message.event for message in narrowed} <= CALL_EVENTS
    assert all(messages.header(message.headers, "x-public-api-key").endswith("…") for message in narrowed)


@on_both_databases
def test_two_who_load_it_at_once_load_it_once(settings: Settings, app: Flask) -> None:
    other = create_app(settings)

    def load() -> None:
        with other.app_context():
            demo.load(NOW)

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [number_of(model) for model in (Client, Campaign, Agent, Inbox, Endpoint)] == [200, 6, 8, 2, 2]
    assert number_of(Event) < 500
