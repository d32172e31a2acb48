"""The door to RQ: what is put during a transaction is sent after its commit, once, and never holds anybody up."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from zlib import decompress

import pytest
import redis
import sqlalchemy as sa
from flask import Flask

from kayse_dash import clock, create_app, intake, queue
from kayse_dash.config import Settings
from kayse_dash.db import db
from kayse_dash.events.record import NewEvent
from kayse_dash.queue import BULK, DRAIN, FAST, RECOVER, SLOW
from kayse_dash.webhooks import sweep
from tests.conftest import on_both_databases
from tests.factories import make_delivery, make_endpoint


@pytest.fixture
def sent(app: Flask, redis_server: redis.Redis) -> Callable[[], list[tuple[str, str, list[int]]]]:
    """`sent()` gives what stands in the queues: (lane, task, ids)."""

    def look() -> list[tuple[str, str, list[int]]]:
        found = []
        for lane in queue.LANES:
            for job_id in redis_server.lrange(f"rq:queue:{lane}", 0, -1):
                task, _, ids, kwargs = json.loads(decompress(redis_server.hget(b"rq:job:" + job_id, "data")))
                assert kwargs == {"lane": lane}
                found.append((lane, task, ids))
        return found

    return look


@pytest.fixture
def silent() -> Iterator[str]:
    """The URL of a Redis that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


@pytest.fixture
def refusing() -> str:
    """The URL of a Redis that is not there."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def write_something() -> None:
    db.session.execute(sa.text("UPDATE routing_epoch SET epoch = epoch"))


@on_both_databases
def test_what_is_put_is_sent_after_the_commit_and_once(app: Flask, sent: Callable[[], list]) -> None:
    write_something()
    queue.put(DRAIN, 7)
    queue.put(DRAIN, 7)
    queue.put(DRAIN, 8)
    queue.put(RECOVER, 3, lane=BULK)
    assert sent() == []
    db.session.commit()
    assert sent() == [(FAST, DRAIN, [7]), (FAST, DRAIN, [8]), (BULK, RECOVER, [3])]
    write_something()
    db.session.commit()
    assert len(sent()) == 3


@on_both_databases
def test_nothing_is_sent_for_a_rollback(app: Flask, sent: Callable[[], list]) -> None:
    write_something()
    queue.put(DRAIN, 7)
    db.session.rollback()
    write_something()
    db.session.commit()
    assert sent() == []


def test_nothing_is_sent_for_a_transaction_that_was_left(app: Flask, sent: Callable[[], list]) -> None:
    write_something()
    queue.put(DRAIN, 7)
    db.session.remove()
    write_something()
    db.session.commit()
    assert sent() == []


@on_both_databases
def test_releasing_a_savepoint_sends_nothing_before_the_commit(app: Flask, sent: Callable[[], list]) -> None:
    write_something()
    with db.session.begin_nested():
        write_something()
        queue.put(DRAIN, 7)
    assert sent() == []
    db.session.commit()
    assert sent() == [(FAST, DRAIN, [7])]


@on_both_databases
def test_a_rollback_after_a_released_savepoint_sends_nothing(app: Flask, sent: Callable[[], list]) -> None:
    with db.session.begin_nested():
        write_something()
        queue.put(DRAIN, 7)
    db.session.rollback()
    write_something()
    db.session.commit()
    assert sent() == []


@on_both_databases
def test_rolling_a_savepoint_back_does_not_forget_what_was_put_before(app: Flask, sent: Callable[[], list]) -> None:
    write_something()
    queue.put(DRAIN, 7)
    db.session.begin_nested().rollback()
    db.session.commit()
    assert sent() == [(FAST, DRAIN, [7])]


def test_wake_ups_collapse_until_one_is_picked_up(app: Flask, sent: Callable[[], list]) -> None:
    for _ in range(20):
        queue.put_now(DRAIN, 7)
        queue.put_now(DRAIN, 7, lane=SLOW)
    assert sent() == [(FAST, DRAIN, [7]), (SLOW, DRAIN, [7])]
    queue.picked_up(DRAIN, 7, lane=FAST)
    queue.put_now(DRAIN, 7)
    queue.put_now(DRAIN, 7, lane=SLOW)
    assert sent() == [(FAST, DRAIN, [7]), (FAST, DRAIN, [7]), (SLOW, DRAIN, [7])]


def test_a_wake_up_that_still_waits_is_not_sent_again_however_long_the_queue(
    app: Flask, sent: Callable[[], list], monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.put_now(DRAIN, 7)
    queue.put_now(DRAIN, 8)
    monkeypatch.setattr(queue, "LOST_AFTER_S", -1)
    for _ in range(5):
        queue.put_now(DRAIN, 8)
        queue.put_now(DRAIN, 7)
    assert sent() == [(FAST, DRAIN, [7]), (FAST, DRAIN, [8])]


def test_a_wake_up_that_was_lost_is_sent_again_after_seconds(
    app: Flask, redis_server: redis.Redis, sent: Callable[[], list], monkeypatch: pytest.MonkeyPatch
) -> None:
    queue.put_now(DRAIN, 7)
    redis_server.lpop("rq:queue:fast")  # its worker is killed before it starts
    queue.put_now(DRAIN, 7)
    assert sent() == []
    assert queue.LOST_AFTER_S <= 5
    monkeypatch.setattr(queue, "LOST_AFTER_S", -1)
    queue.put_now(DRAIN, 7)
    monkeypatch.undo()
    queue.put_now(DRAIN, 7)
    assert sent() == [(FAST, DRAIN, [7])]


def test_jobs_are_json_and_hold_ids_only(app: Flask, redis_server: redis.Redis) -> None:
    queue.put_now(DRAIN, 7)
    [job_id] = redis_server.lrange("rq:queue:fast", 0, -1)
    stored = decompress(redis_server.hget(b"rq:job:" + job_id, "data"))
    assert json.loads(stored) == [DRAIN, None, [7], {"lane": "fast"}]


@pytest.mark.parametrize("away", ["silent", "refusing"])
def test_a_redis_that_is_away_costs_little_once_and_then_nothing(
    settings: Settings, redis_server: redis.Redis, away: str, request: pytest.FixtureRequest
) -> None:
    app = create_app(replace(settings, redis_url=request.getfixturevalue(away)))
    with app.app_context():
        make_endpoint()
        db.session.remove()
        begun = time.monotonic()
        intake.receive([NewEvent("call_ended", "{}")], clock.now())
        db.session.commit()
        first = time.monotonic() - begun
        for _ in range(10):
            intake.receive([NewEvent("call_ended", "{}")], clock.now())
            db.session.commit()
        rest = time.monotonic() - begun - first
        assert db.session.scalar(sa.text("SELECT count(*) FROM deliveries WHERE state = 'pending'")) == 11
    assert first < 1.5
    assert rest < 0.5


def test_work_put_while_redis_was_away_is_found_by_the_sweep(
    app: Flask, settings: Settings, sent: Callable[[], list], refusing: str
) -> None:
    now = clock.now()
    with create_app(replace(settings, redis_url=refusing)).app_context():
        endpoint_id = make_delivery(now=now).endpoint_id
        db.session.commit()
    assert sent() == []
    assert sweep.wake_what_is_due(now + timedelta(seconds=1)) == 1
    assert sent() == [(FAST, DRAIN, [endpoint_id])]


def test_a_redis_that_comes_back_is_used_after_a_second(app: Flask, redis_server: redis.Redis, sent: Callable[[], list]) -> None:
    door = queue.door()
    usable = door.redis
    door.redis = queue.connect("unix:///nowhere.sock")
    queue.put_now(DRAIN, 7)
    door.redis = usable
    queue.put_now(DRAIN, 7)
    assert sent() == []
    time.sleep(queue.QUIET_AFTER_FAILURE_S)
    queue.put_now(DRAIN, 7)
    assert sent() == [(FAST, DRAIN, [7])]


def test_picking_up_while_redis_is_away_harms_nobody(settings: Settings, redis_server: redis.Redis, refusing: str) -> None:
    with create_app(replace(settings, redis_url=refusing)).app_context():
        queue.picked_up(DRAIN, 7, lane=FAST)
