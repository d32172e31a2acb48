"""What monitoring programs read."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
import redis
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from kayse_dash import clock, create_app
from kayse_dash.config import Settings
from kayse_dash.db import db
from kayse_dash.webhooks.models import HourlyCount
from kayse_dash.webhooks.schedule import State
from tests.conftest import on_both_databases
from tests.factories import make_delivery, make_endpoint

HEAD_OF_NOTHING = "0000"


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def refusing() -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def told(settings: Settings) -> Callable[..., FlaskClient]:
    """`told(redis_url=…)` gives a browser of an application with these settings."""
    return lambda **over: create_app(replace(settings, **over)).test_client()


def figures(client: FlaskClient) -> dict[str, float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    assert answer.mimetype == "text/plain"
    return {name: float(value) for name, value in re.findall(r"^(kayse_\S+) (\S+)$", answer.text, re.MULTILINE)}


def see_a_worker(redis_server: redis.Redis, seconds_ago: float = 1) -> None:
    redis_server.zadd("kayse:workers", {"w1": time.time() - seconds_ago})


@on_both_databases
def test_it_is_ready_when_every_part_is(client: FlaskClient, redis_server: redis.Redis) -> None:
    see_a_worker(redis_server)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json) == (200, {"status": "ready", "database": "ok", "redis": "ok", "workers": "ok"})


def test_it_is_not_ready_without_a_worker_that_was_seen_lately(client: FlaskClient, redis_server: redis.Redis) -> None:
    see_a_worker(redis_server, seconds_ago=20)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["workers"]) == (503, "none seen in the last 15 s")


@on_both_databases
def test_it_is_not_ready_before_the_last_migration(app: Flask, client: FlaskClient, redis_server: redis.Redis) -> None:
    see_a_worker(redis_server)
    db.session.execute(sa.text("UPDATE alembic_version SET version_num = :old"), {"old": HEAD_OF_NOTHING})
    db.session.commit()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json["database"]) == (503, "not migrated")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_nobody_needs_to_log_in_and_no_cookie_is_set(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (200, 503)
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("kind", ["silent", "refusing"])
def test_a_redis_that_is_away_is_told_within_two_seconds(request, told, kind: str) -> None:
    client = told(redis_url=f"redis://{request.getfixturevalue(kind)}")
    started = time.monotonic()
    answer = client.get("/readyz")
    assert time.monotonic() - started < 2
    assert answer.status_code == 503
    assert answer.json == {"status": "not ready", "database": "ok", "redis": "no answer", "workers": "not known"}
    seen = figures(client)
    assert seen["kayse_up"] == 0
    assert 'kayse_webhooks{state="on"}' in seen
    assert "kayse_workers" not in seen


@pytest.mark.parametrize("kind", ["silent", "refusing"])
def test_a_database_that_is_away_is_told_within_two_seconds(request, told, redis_server: redis.Redis, kind: str) -> None:
    see_a_worker(redis_server)
    client = told(database_url=f"postgresql+psycopg://kayse@{request.getfixturevalue(kind)}/kayse")
    started = time.monotonic()
    answer = client.get("/readyz")
    assert time.monotonic() - started < 2
    assert answer.status_code == 503
    assert answer.json == {"status": "not ready", "database": "no answer", "redis": "ok", "workers": "ok"}
    seen = figures(client)
    assert (seen["kayse_up"], seen["kayse_workers"]) == (0, 1)
    assert not [name for name in seen if name.startswith("kayse_deliveries")]
    assert client.get("/healthz").json == {"status": "ok"}


@on_both_databases
def test_metrics_count_what_is_owed_and_what_came_of_a_day(app: Flask, client: FlaskClient, redis_server: redis.Redis) -> None:
    now = clock.now()
    see_a_worker(redis_server)
    redis_server.rpush("rq:queue:fast", "one", "two")
    on = make_endpoint(name="Anna Client's CRM")
    make_endpoint(enabled=False)
    failing = make_endpoint(failing_since=now)
    make_endpoint(deleted_at=now, enabled=False)
    for state in (State.PENDING, State.PENDING, State.HELD, State.FAILED, State.DELIVERED):
        make_delivery(endpoint=on, state=state, due_at=now - timedelta(seconds=90) if state is State.PENDING else None)
    make_delivery(endpoint=failing, state=State.PENDING, due_at=now + timedelta(hours=1))
    for hours, delivered in ((1, 5), (3, 2), (30, 100)):
        hour = (now - timedelta(hours=hours)).replace(minute=0, second=0, microsecond=0)
        db.session.add(HourlyCount(endpoint_id=on.id, hour=hour, delivered=delivered, failed=1, attempts=delivered + 3))
    db.session.commit()

    seen = figures(client)
    assert 90 <= seen.pop("kayse_overdue_seconds") < 100
    assert seen == {
        "kayse_up": 1,
        "kayse_workers": 1,
        'kayse_queue_length{lane="fast"}': 2,
        'kayse_queue_length{lane="slow"}': 0,
        'kayse_queue_length{lane="bulk"}': 0,
        'kayse_deliveries{state="pending"}': 3,
        'kayse_deliveries{state="sending"}': 0,
        'kayse_deliveries{state="held"}': 1,
        'kayse_deliveries{state="failed"}': 1,
        'kayse_last_day{outcome="delivered"}': 7,
        'kayse_last_day{outcome="failed"}': 2,
        'kayse_last_day{outcome="attempts"}': 13,
        'kayse_webhooks{state="on"}': 1,
        'kayse_webhooks{state="failing"}': 1,
        'kayse_webhooks{state="off"}': 1,
    }
    assert "Anna" not in client.get("/metrics").text


def test_nothing_is_overdue_when_nothing_is_owed(client: FlaskClient) -> None:
    assert figures(client)["kayse_overdue_seconds"] == 0
