"""Owing many deliveries again: Retry failed, and releasing what was held."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
import sqlalchemy as sa
from flask import Flask, g

from kayse_dash import clock, queue
from kayse_dash.db import db
from kayse_dash.errors import Conflict, NotFound
from kayse_dash.webhooks import deliveries, endpoints, jobs, pace, recoveries
from kayse_dash.webhooks.models import Delivery, Endpoint, RecoveryKind, RecoveryState
from kayse_dash.webhooks.recoveries import STEP_ROWS, Progress
from kayse_dash.webhooks.schedule import State, Trigger
from tests.conftest import on_both_databases
from tests.receiver import Receiver, Reply
from tests.webhooks.engine import happen, hook, in_app, rows, states, turn, turns

NOW = datetime(2026, 3, 9, 14, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BY = "ana@firm.test"
FAILED, HELD = RecoveryKind.FAILED, RecoveryKind.HELD

pytestmark = pytest.mark.usefixtures("app")


def load(endpoint_id: int) -> Endpoint:
    return db.session.get_one(Endpoint, endpoint_id)


def failed(endpoint_id: int, count: int, *, state: State = State.FAILED, now: datetime = NOW) -> None:
    """So many deliveries to this webhook that failed (or were held)."""
    happen(count, now=now)
    values = {"state": state, "due_at": None, "tries": 5 if state is State.FAILED else 0, "attempts": 5}
    where = (Delivery.endpoint_id == endpoint_id, Delivery.state == State.PENDING)
    db.session.execute(sa.update(Delivery).where(*where).values(values))
    db.session.commit()


def start(endpoint_id: int, kind: RecoveryKind = FAILED, now: datetime = NOW, **how: Any) -> int:
    recovery_id = recoveries.start(load(endpoint_id), kind, BY, now, **how).id
    db.session.commit()
    return recovery_id


def step(recovery_id: int, now: datetime = NOW) -> bool:
    more = recoveries.step(recovery_id, now)
    db.session.commit()
    return more


def progress(recovery_id: int) -> Progress:
    found = recoveries.progress(recoveries.get(recovery_id))
    db.session.rollback()
    return found


def state_of(recovery_id: int) -> RecoveryState:
    db.session.expire_all()
    state = recoveries.get(recovery_id).state
    db.session.rollback()
    return state


@on_both_databases
def test_what_would_be_put_back_can_be_counted_first(app: Flask) -> None:
    endpoint_id, other_id = hook(), hook()
    failed(endpoint_id, 3)
    failed(endpoint_id, 2, now=NOW + HOUR)
    failed(endpoint_id, 4, state=State.HELD)
    failed(other_id, 9)
    assert recoveries.count(endpoint_id, FAILED) == 5
    assert recoveries.count(endpoint_id, FAILED, NOW + timedelta(seconds=1)) == 2
    assert recoveries.count(endpoint_id, HELD) == 4
    assert recoveries.count(4711, HELD) == 0


@on_both_databases
def test_retrying_what_failed_owes_it_now_on_a_fresh_schedule(app: Flask) -> None:
    endpoint_id, other_id = hook(), hook()
    failed(endpoint_id, 3)
    failed(other_id, 2)
    recovery_id = start(endpoint_id)
    assert states(endpoint_id) == {"failed": 3, "pending": 2}  # a step does it
    assert step(recovery_id, NOW + HOUR)
    back = [row for row in rows() if row.recovery_id == recovery_id]
    assert {(row.endpoint_id, row.state, row.due_at, row.tries, row.attempts, row.trigger) for row in back} == {
        (endpoint_id, State.PENDING, NOW + HOUR, 0, 5, Trigger.MANUAL)
    }
    assert len(back) == 3
    assert not step(recovery_id)
    assert state_of(recovery_id) is RecoveryState.FINISHED
    assert not step(recovery_id)
    assert states(other_id) == {"failed": 5}


@on_both_databases
def test_steps_take_five_hundred_and_the_next_one_goes_on(app: Flask, redis_server: redis.Redis) -> None:
    endpoint_id = hook()
    failed(endpoint_id, 2 * STEP_ROWS + 7)
    recovery_id = start(endpoint_id)
    put_back = []
    while step(recovery_id):
        put_back.append(states()["pending"])
    assert put_back == [STEP_ROWS, 2 * STEP_ROWS, 2 * STEP_ROWS + 7]
    assert STEP_ROWS == 500


@on_both_databases
def test_only_what_there_is_at_its_start_is_taken(app: Flask) -> None:
    endpoint_id = hook()
    failed(endpoint_id, 3)
    recovery_id = start(endpoint_id)
    failed(endpoint_id, 4)
    while step(recovery_id):
        pass
    assert states() == {"pending": 3, "failed": 4}


@on_both_databases
def test_since_a_time(app: Flask) -> None:
    endpoint_id = hook()
    failed(endpoint_id, 3)
    failed(endpoint_id, 2, now=NOW + HOUR)
    recovery_id = start(endpoint_id, since=NOW + HOUR)
    while step(recovery_id):
        pass
    assert states() == {"failed": 3, "pending": 2}
    assert progress(recovery_id) == Progress(2, 0, 0, 2)


@on_both_databases
def test_what_was_held_is_released_in_its_order(app: Flask, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "INSTANT_MS", 1000.0)  # one thread, also on a busy machine
    endpoint_id = hook(receiver, enabled=False)
    happen(620)
    endpoints.switch_on(load(endpoint_id), clock.now())
    db.session.commit()
    recovery_id = start(endpoint_id, HELD, clock.now())
    assert step(recovery_id, clock.now())
    turn(endpoint_id)
    while step(recovery_id, clock.now()):
        pass
    turns(endpoint_id)
    assert [json.loads(request.body)["data"]["n"] for request in receiver.requests] == list(range(620))
    assert {row.trigger for row in rows()} == {Trigger.AUTOMATIC}
    assert progress(recovery_id) == Progress(620, 620, 0, 0)


@on_both_databases
def test_progress_adds_up_at_every_moment(app: Flask, receiver: Receiver) -> None:
    receiver.answer = lambda request: Reply(500 if b'"n":3}' in request.body else 200)
    app.extensions["kayse_settings"].__dict__["retry_waits"] = (0,)
    endpoint_id = hook(receiver)
    failed(endpoint_id, STEP_ROWS + 5)
    recovery_id = start(endpoint_id)
    assert progress(recovery_id) == Progress(505, 0, 0, 505)
    step(recovery_id, clock.now())
    assert progress(recovery_id) == Progress(505, 0, 0, 505)
    turns(endpoint_id)
    assert progress(recovery_id) == Progress(505, 499, 1, 5)
    while step(recovery_id, clock.now()):
        pass
    turns(endpoint_id)
    found = progress(recovery_id)
    assert found == Progress(505, 504, 1, 0)
    assert found.done == found.total


@on_both_databases
def test_cancelling_puts_back_what_was_not_tried(app: Flask, receiver: Receiver) -> None:
    receiver.answer = Reply(500)
    endpoint_id = hook(receiver)
    failed(endpoint_id, STEP_ROWS + 10)
    recovery_id = start(endpoint_id)
    step(recovery_id, clock.now())
    [tried, *_] = deliveries.claim(endpoint_id, 1, "w1", clock.now(), timedelta(minutes=1))
    db.session.execute(
        sa.update(Delivery).where(Delivery.id == tried.id + 1).values(tries=1, due_at=clock.now() + HOUR)
    )  # tried, and waits for its second attempt
    db.session.commit()
    assert recoveries.cancel(recoveries.get(recovery_id), NOW + HOUR) == STEP_ROWS - 2
    db.session.commit()
    assert states() == {"failed": STEP_ROWS + 8, "sending": 1, "pending": 1}
    assert state_of(recovery_id) is RecoveryState.CANCELLED
    assert not step(recovery_id)
    assert progress(recovery_id) == Progress(2, 0, 0, 2)
    assert {row.recovery_id for row in rows() if row.state is State.FAILED} == {None}


@on_both_databases
@pytest.mark.parametrize("kind", [FAILED, HELD])
def test_what_is_cancelled_goes_back_to_where_it_was(app: Flask, kind: RecoveryKind) -> None:
    endpoint_id = hook()
    failed(endpoint_id, 3, state=State(kind))
    recovery_id = start(endpoint_id, kind)
    while step(recovery_id):
        pass
    assert recoveries.cancel(recoveries.get(recovery_id), NOW) == 3  # it has finished, and nothing was tried yet
    db.session.commit()
    assert states() == {str(kind): 3}
    assert {row.due_at for row in rows()} == {None}
    with pytest.raises(Conflict, match="finished already"):
        recoveries.cancel(recoveries.get(recovery_id), NOW)


@on_both_databases
def test_what_cannot_be_started_says_why(app: Flask) -> None:
    endpoint_id, off, empty = hook(), hook(enabled=False), hook()
    failed(endpoint_id, 3)
    db.session.execute(sa.update(Delivery).where(Delivery.endpoint_id == empty).values(state=State.DELIVERED))
    db.session.commit()
    start(endpoint_id)
    for wanted, kind, words in (
        (endpoint_id, FAILED, "running already"),
        (endpoint_id, HELD, "running already"),
        (off, HELD, "switched off"),
        (empty, FAILED, "nothing to send"),
    ):
        with pytest.raises(Conflict, match=words):
            recoveries.start(load(wanted), kind, BY, NOW)
        db.session.rollback()


@on_both_databases
def test_of_two_people_who_start_one_at_once_one_does(app: Flask) -> None:
    endpoint_id = hook()
    failed(endpoint_id, 30)
    outcomes: list[str] = []
    both = threading.Barrier(2)

    def person() -> None:
        both.wait(10)
        try:
            start(endpoint_id)
            outcomes.append("started")
        except Conflict:
            db.session.rollback()
            outcomes.append("refused")

    people = [threading.Thread(target=in_app(person)) for _ in range(2)]
    for one in people:
        one.start()
    for one in people:
        one.join()
    assert sorted(outcomes) == ["refused", "started"]


@on_both_databases
def test_two_steps_at_once_take_different_deliveries(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recoveries, "STEP_ROWS", 10)
    endpoint_id = hook()
    failed(endpoint_id, 60)
    recovery_id = start(endpoint_id)
    steppers = [threading.Thread(target=in_app(lambda: step(recovery_id))) for _ in range(5)]
    for one in steppers:
        one.start()
    for one in steppers:
        one.join()
    assert states() == {"pending": 50, "failed": 10}


@on_both_databases
@pytest.mark.parametrize(
    ("act", "left"), [("switch_off", {"failed": 7, "held": 500}), ("delete", {"failed": 7, "cancelled": 500})]
)
def test_a_recovery_ends_with_its_webhook(app: Flask, act: str, left: dict[str, int]) -> None:
    endpoint_id = hook()
    failed(endpoint_id, STEP_ROWS + 7)
    recovery_id = start(endpoint_id)
    step(recovery_id)
    if act == "delete":
        endpoints.delete(load(endpoint_id), NOW)
    else:
        endpoints.switch_off(load(endpoint_id), "By hand.", NOW)
    db.session.commit()
    assert not step(recovery_id)
    assert states() == left
    assert state_of(recovery_id) is RecoveryState.CANCELLED


@on_both_databases
def test_another_webhooks_recovery_runs_beside_it(app: Flask) -> None:
    first, second = hook(), hook()
    failed(first, 2)
    db.session.execute(sa.update(Delivery).values(state=State.FAILED, due_at=None))
    db.session.commit()
    one, other = start(first), start(second)
    assert step(one)
    assert step(other)
    assert recoveries.running(first) is not None
    latest = recoveries.latest(second)
    assert latest is not None
    assert latest.id == other


@on_both_databases
def test_the_job_goes_on_until_all_is_put_back(app: Flask, redis_server: redis.Redis) -> None:
    endpoint_id = hook()
    failed(endpoint_id, 3)
    redis_server.flushdb()
    recovery_id = start(endpoint_id)
    assert redis_server.llen("rq:queue:bulk") == 1
    g.worker = "w1"
    jobs.recover(recovery_id, queue.BULK)
    assert redis_server.llen("rq:queue:bulk") == 2  # the next step
    assert redis_server.llen("rq:queue:fast") == 1
    jobs.recover(recovery_id, queue.BULK)
    assert redis_server.llen("rq:queue:bulk") == 2
    assert state_of(recovery_id) is RecoveryState.FINISHED
    jobs.recover(4711, queue.BULK)


@on_both_databases
def test_a_recovery_that_lost_its_step_is_seen_after_ten_seconds(app: Flask) -> None:
    endpoint_id = hook()
    failed(endpoint_id, 3)
    recovery_id = start(endpoint_id)
    assert recoveries.stalled(NOW + timedelta(seconds=10)) == []
    assert recoveries.stalled(NOW + timedelta(seconds=11)) == [recovery_id]
    step(recovery_id, NOW + timedelta(seconds=11))
    assert recoveries.stalled(NOW + timedelta(seconds=20)) == []
    step(recovery_id, NOW + timedelta(seconds=30))
    assert recoveries.stalled(NOW + HOUR) == []


@pytest.mark.parametrize("recovery_id", [0, -1, 4711, 2**31, 10**400])
def test_there_is_no_such_recovery(recovery_id: int) -> None:
    with pytest.raises(NotFound):
        recoveries.get(recovery_id)


def test_who_started_it_is_kept() -> None:
    endpoint_id = hook(name="Clio")
    failed(endpoint_id, 1)
    recovery = recoveries.get(start(endpoint_id))
    assert (recovery.started_by, recovery.total, recovery.endpoint.name, recovery.is_running) == (BY, 1, "Clio", True)
