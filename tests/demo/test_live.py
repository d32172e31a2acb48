"""Live events of the sample firm: one at a time, whole calls, for ten minutes."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
import redis
import sqlalchemy as sa
from flask import Flask

from kayse_dash import demo
from kayse_dash.clients import records
from kayse_dash.clients.models import Client, Transfer
from kayse_dash.db import db
from kayse_dash.demo.live import BEAT, BEAT_KEY, LIVE_KEY, ROUND_KEY
from kayse_dash.events.models import Event
from kayse_dash.story import rounds
from tests.conftest import on_both_databases

NOW = datetime(2026, 3, 12, 14, 3, 22, tzinfo=UTC)


@pytest.fixture
def loaded(app: Flask) -> int:
    """The sample firm, loaded; the number of its events."""
    return demo.load(NOW).events


def events_since(number: int) -> list[Event]:
    return list(db.session.scalars(sa.select(Event).order_by(Event.seq).offset(number)))


def play(server: redis.Redis, beats: range) -> None:
    for beat in beats:
        server.delete(BEAT_KEY)
        demo.tick(NOW + beat * BEAT)


def test_nothing_happens_by_itself_without_the_sample_firm(app: Flask) -> None:
    demo.tick(NOW)
    assert events_since(0) == []


@on_both_databases
def test_live_events_come_one_at_a_time_and_make_whole_calls(loaded: int, redis_server: redis.Redis) -> None:
    demo.tick(NOW)
    demo.tick(NOW)
    assert len(events_since(loaded)) == 1
    play(redis_server, range(1, rounds.STEPS + 1))
    told = events_since(loaded)
    assert len(told) == rounds.STEPS + 1
    first_round = [json.loads(event.data)["id"] for event in told[: rounds.STEPS] if event.type.startswith("call_")]
    assert len(set(first_round)) == 4
    assert json.loads(told[-1].data)["id"] not in first_round
    assert all(event.timestamp <= event.recorded_at for event in told)


def test_they_are_about_the_clients_and_their_transfers_are_seen(loaded: int, redis_server: redis.Redis) -> None:
    before = db.session.scalar(sa.select(sa.func.count()).select_from(Transfer))
    play(redis_server, range(rounds.STEPS))
    clients = set(db.session.scalars(sa.select(Client.id)))
    assert {event.client_id for event in events_since(loaded)} <= clients
    fresh = list(db.session.scalars(sa.select(Transfer).order_by(Transfer.id).offset(before)))
    assert len(fresh) == 2
    assert all(transfer.agent_id and transfer.client_id in clients for transfer in fresh)
    assert sorted((transfer.bridged_at is None, transfer.cancelled_at is None) for transfer in fresh) == [
        (False, True),
        (True, False),
    ]


def test_a_client_who_is_deleted_during_a_call_ends_the_round(loaded: int, redis_server: redis.Redis) -> None:
    play(redis_server, range(2))
    [called, *_] = json.loads(redis_server.get(ROUND_KEY))["callers"]
    records.delete(records.get(called), NOW)
    db.session.commit()
    play(redis_server, range(2, 2 + rounds.STEPS))
    told = events_since(loaded)[2:]
    assert told[0].type == "call_started"
    assert called not in {event.client_id for event in told}


def test_a_firm_without_clients_stops_playing(loaded: int, redis_server: redis.Redis) -> None:
    db.session.execute(sa.delete(Client))
    db.session.commit()
    demo.tick(NOW)
    assert not demo.is_live()
    assert events_since(loaded) == []


def test_live_events_end_after_ten_minutes(loaded: int, redis_server: redis.Redis) -> None:
    assert 0 < redis_server.ttl(LIVE_KEY) <= 600
    assert demo.is_live()
    redis_server.delete(LIVE_KEY)
    demo.tick(NOW)
    assert not demo.is_live()
    assert events_since(loaded) == []


def test_a_round_that_an_earlier_version_began_is_not_gone_on_with(loaded: int, redis_server: redis.Redis) -> None:
    redis_server.set(ROUND_KEY, json.dumps({"seed": 1, "began": NOW.isoformat(), "step": 5}))
    demo.tick(NOW)
    assert [event.type for event in events_since(loaded)] == ["call_started"]
