"""What an event sets off: one transaction holds the event and everything owed for it."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
import redis
import sqlalchemy as sa
from flask import Flask

from kayse_dash import clock, intake, queue
from kayse_dash.db import db
from kayse_dash.errors import Conflict
from kayse_dash.events import record
from kayse_dash.events.models import Event
from kayse_dash.events.record import NewEvent, Recorded
from kayse_dash.webhooks.schedule import State
from tests.conftest import on_both_databases
from tests.webhooks.engine import hook, in_app, looked, rows

NOW = datetime(2026, 3, 9, 14, 0, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("app")


def event(event_id: str | None = None, data: str = "{}", type: str = "call_ended", **more: object) -> NewEvent:
    return NewEvent(type, data, id=event_id, **more)


def received(*events: NewEvent, now: datetime = NOW, first_wait_s: int = 0) -> list[Recorded]:
    recorded = intake.receive(events, now, first_wait_s)
    db.session.commit()
    return recorded


def ids() -> list[str]:
    found = list(db.session.scalars(sa.select(Event.id).order_by(Event.seq)))
    db.session.rollback()
    return found


@on_both_databases
def test_an_event_and_its_deliveries(app: Flask) -> None:
    first, second, off = hook(), hook(), hook(enabled=False)
    hook(events=["task_completed"])
    [recorded] = received(
        event("call-1", '{"b":1,"a":2}', timestamp=NOW - timedelta(hours=1), campaign_id=12, case_type="Dog bite")
    )
    assert (recorded.id, recorded.deliveries, recorded.duplicate) == ("call-1", 3, False)
    kept = db.session.get_one(Event, recorded.seq)
    assert (kept.id, kept.type, kept.data, kept.timestamp) == ("call-1", "call_ended", '{"b":1,"a":2}', NOW - timedelta(hours=1))
    assert (kept.recorded_at, kept.campaign_id, kept.case_type, kept.is_test) == (NOW, 12, "Dog bite", False)
    assert [(row.endpoint_id, row.state, row.due_at) for row in rows()] == [
        (first, State.PENDING, NOW),
        (second, State.PENDING, NOW),
        (off, State.HELD, None),
    ]
    assert {(row.event_type, row.campaign_id, row.tries, row.attempts, row.trigger) for row in rows()} == {
        ("call_ended", 12, 0, 0, "automatic")
    }


@on_both_databases
def test_without_an_id_one_is_made_and_without_a_time_it_is_now(app: Flask) -> None:
    recorded = received(event(), event())
    assert all(len(one.id) == 30 and one.id.startswith("evt_") for one in recorded)
    assert recorded[0].id != recorded[1].id
    assert looked(sa.select(Event.timestamp).limit(1)) == NOW


def test_ids_sort_by_time() -> None:
    made = [record.new_id(NOW + timedelta(milliseconds=2 * n)) for n in range(50)]
    assert made == sorted(made)
    assert len(set(made)) == 50


@on_both_databases
def test_a_batch_keeps_its_order(app: Flask) -> None:
    hook()
    names = [f"call-{n:04}" for n in range(1000)]
    recorded = received(*(event(name, f'{{"n":{n}}}') for n, name in enumerate(reversed(names))))
    assert ids() == list(reversed(names)) == [one.id for one in recorded]
    assert [one.seq for one in recorded] == sorted(one.seq for one in recorded)
    assert [row.event_seq for row in rows()] == [one.seq for one in recorded]


@on_both_databases
def test_a_repeat_is_answered_with_the_first_result_and_recorded_once(app: Flask) -> None:
    endpoint_id = hook()
    [first] = received(event("call-1"))
    hook()  # a webhook that was added meanwhile gets nothing for a repeat
    [again] = received(event("call-1"))
    assert (again.id, again.seq, again.deliveries, again.duplicate) == (first.id, first.seq, 1, True)
    assert [row.endpoint_id for row in rows()] == [endpoint_id]


@on_both_databases
def test_repeats_inside_and_between_batches(app: Flask) -> None:
    hook()
    received(event("a"), event("b"))
    recorded = received(event("b"), event("c"), event("c"), event(), event("a"))
    assert [one.duplicate for one in recorded] == [True, False, True, False, True]
    assert [one.deliveries for one in recorded] == [1] * 5
    assert recorded[1].seq == recorded[2].seq
    assert ids() == ["a", "b", "c", recorded[3].id]
    assert len(rows()) == 4


@on_both_databases
def test_an_id_that_stands_for_another_event_is_refused_and_nothing_recorded(app: Flask) -> None:
    hook()
    received(event("call-1"))
    for other in ({"data": '{"x":1}'}, {"type": "call_started"}):
        for batch in ([event("call-1", **other)], [event("call-2"), event("call-2", **other)]):
            with pytest.raises(Conflict, match=batch[-1].id):
                intake.receive([event("new"), *batch], NOW)
            db.session.rollback()
    assert ids() == ["call-1"]
    assert len(rows()) == 1


@on_both_databases
def test_the_same_batch_from_several_senders_at_once_is_recorded_once(app: Flask) -> None:
    hook()
    hook()
    batch = [event(f"call-{n}", f'{{"n":{n}}}') for n in range(50)]
    answers: list[list[Recorded]] = []
    start = threading.Barrier(4)

    def send() -> None:
        start.wait(10)
        answers.append(received(*batch))

    senders = [threading.Thread(target=in_app(send)) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert len(answers) == 4
    assert ids() == [one.id for one in batch]
    assert len(rows()) == 100
    assert sum(not one.duplicate for answer in answers for one in answer) == 50
    assert {one.deliveries for answer in answers for one in answer} == {2}


@on_both_databases
def test_batches_with_the_same_ids_in_another_order_do_not_wait_for_each_other(app: Flask) -> None:
    faults: list[Exception] = []
    start = threading.Barrier(4)

    def send(batch: list[NewEvent]) -> None:
        start.wait(10)
        try:
            received(*batch)
        except Exception as fault:
            faults.append(fault)

    for turn in range(3):
        batch = [event(f"call-{turn}-{n}", f'{{"n":{n}}}') for n in range(500)]
        ways = (batch, batch[::-1], batch, batch[::-1])
        senders = [threading.Thread(target=in_app(lambda way=way: send(way))) for way in ways]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
    assert faults == []
    assert len(ids()) == 1500


@on_both_databases
def test_all_or_nothing(app: Flask, redis_server: redis.Redis) -> None:
    hook()
    intake.receive([event() for _ in range(10)], NOW)
    db.session.rollback()
    assert ids() == []
    assert rows() == []
    assert redis_server.llen("rq:queue:fast") == 0


@on_both_databases
def test_nothing_received_is_nothing_recorded(app: Flask) -> None:
    assert received() == []
    assert ids() == []


@on_both_databases
def test_the_first_wait_of_the_schedule(app: Flask) -> None:
    hook()
    received(event(), first_wait_s=30)
    assert rows()[0].due_at == NOW + timedelta(seconds=30)


def test_the_workers_are_woken_once_for_each_webhook(redis_server: redis.Redis) -> None:
    hook()
    hook()
    hook(enabled=False)
    received(*(event() for _ in range(20)))
    assert redis_server.llen("rq:queue:fast") == 2
    assert redis_server.llen("rq:queue:slow") == redis_server.llen("rq:queue:bulk") == 0
    assert redis_server.ttl(queue.Work(queue.DRAIN, (1,), queue.FAST).key) > 0


@on_both_databases
def test_data_is_kept_to_the_letter(app: Flask) -> None:
    given = [
        '{"id":123456789012345678901234567890,"f":1.10,"tiny":1e-400}',
        '{"z":1,"a":2,"ü":"律师 🙂 \\u0000 \\ud83d"}',
        json.dumps({"text": "x" * 900_000}),
    ]
    for number, data in enumerate(given):
        received(event(f"call-{number}", data))
        assert looked(sa.select(Event.data).where(Event.id == f"call-{number}")) == data
        assert received(event(f"call-{number}", data))[0].duplicate


def test_an_event_can_be_found_by_its_id() -> None:
    [recorded] = received(event("call-1"))
    found = record.find("call-1")
    assert found is not None
    assert found.seq == recorded.seq
    assert record.find("call-2") is None


def test_recording_takes_the_time_it_is_told() -> None:
    received(event(), now=clock.now() - timedelta(days=400))
    assert looked(sa.select(Event.recorded_at)) < clock.now() - timedelta(days=399)
