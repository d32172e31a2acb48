"""What is owed: claiming under a lease, giving back, holding, dropping, owing again."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
import sqlalchemy as sa
from flask import Flask

from kayse_dash.db import db, is_sqlite
from kayse_dash.errors import Conflict, NotFound
from kayse_dash.webhooks import deliveries, endpoints
from kayse_dash.webhooks.deliveries import Owed
from kayse_dash.webhooks.models import Delivery, Endpoint
from kayse_dash.webhooks.schedule import State, Trigger
from tests.conftest import on_both_databases
from tests.factories import make_attempt, make_delivery, make_event
from tests.webhooks.engine import LEASE, happen, hook, in_app, looked, rows, states

NOW = datetime(2026, 3, 9, 14, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)

pytestmark = pytest.mark.usefixtures("app")


def claim(endpoint_id: int, limit: int = 100, worker: str = "w1", now: datetime = NOW, **how: Any) -> list[Owed]:
    claimed = deliveries.claim(endpoint_id, limit, worker, now, LEASE, **how)
    db.session.commit()
    return claimed


def owe(endpoint_id: int, **over: Any) -> int:
    over.setdefault("now", NOW)
    delivery_id = make_delivery(endpoint=db.session.get_one(Endpoint, endpoint_id), **over).id
    db.session.rollback()
    return delivery_id


def load(delivery_id: int) -> Delivery:
    return deliveries.get(delivery_id)


def done(result: Any) -> Any:
    db.session.commit()
    return result


# --- Claiming --------------------------------------------------------------------------------------------------------


@on_both_databases
def test_a_claim_takes_what_is_due_with_what_is_needed_to_send_it(app: Flask) -> None:
    endpoint_id = hook()
    delivery_id = owe(endpoint_id, type="case.updated", data='{"b":1,"a":2}', tries=2, attempts=7, trigger=Trigger.MANUAL)
    [owed] = claim(endpoint_id)
    event = make_event(owed=False)
    db.session.rollback()
    assert owed == Owed(delivery_id, owed.event_id, "case.updated", NOW, '{"b":1,"a":2}', 2, 7, Trigger.MANUAL, False)
    assert owed.event_id.startswith("evt_")
    assert owed.event_id != event.id
    [row] = rows()
    assert (row.state, row.lease_by, row.lease_until, row.due_at) == (State.SENDING, "w1", NOW + LEASE, NOW)


@on_both_databases
def test_only_what_is_due_is_taken_and_nobody_elses(app: Flask) -> None:
    endpoint_id, other_id = hook(), hook()
    due = {owe(endpoint_id), owe(endpoint_id, due_at=NOW - 90 * MINUTE)}
    owe(endpoint_id, due_at=NOW + timedelta(milliseconds=1))
    owe(other_id)
    for state in (State.SENDING, State.DELIVERED, State.FAILED, State.HELD, State.CANCELLED):
        owe(endpoint_id, state=state, due_at=NOW)
    assert {owed.id for owed in claim(endpoint_id)} == due
    assert claim(endpoint_id) == []


@on_both_databases
def test_the_oldest_go_first_and_a_batch_in_its_order(app: Flask) -> None:
    endpoint_id = hook()
    happen(250, now=NOW)
    late = owe(endpoint_id, due_at=NOW - MINUTE)
    order = [owed.id for _ in range(6) for owed in claim(endpoint_id, 50)]
    first_batch = order[:50]
    assert late in first_batch
    assert [one for one in order if one != late] == list(range(1, 251))


@on_both_databases
def test_what_was_never_tried_goes_before_what_failed_already(app: Flask) -> None:
    endpoint_id = hook()
    failed = owe(endpoint_id, due_at=NOW - MINUTE, tries=1)
    fresh = owe(endpoint_id)
    assert [owed.id for owed in claim(endpoint_id)] == [fresh, failed]


@on_both_databases
def test_a_limit_is_a_limit(app: Flask) -> None:
    endpoint_id = hook()
    happen(30, now=NOW)
    assert len(claim(endpoint_id, 7)) == 7
    assert states() == {"sending": 7, "pending": 23}


@on_both_databases
def test_tests_can_be_claimed_alone(app: Flask) -> None:
    endpoint_id = hook()
    happen(3, now=NOW)
    test_id = owe(endpoint_id, is_test=True)
    [owed] = claim(endpoint_id, tests_only=True)
    assert (owed.id, owed.is_test, owed.trigger) == (test_id, True, Trigger.TEST)
    assert deliveries.has_due(endpoint_id, NOW)
    assert not deliveries.has_due(endpoint_id, NOW, tests_only=True)


@on_both_databases
def test_many_workers_at_once_take_each_delivery_once(app: Flask) -> None:
    endpoint_id = hook()
    happen(400, now=NOW)
    taken: list[int] = []
    start = threading.Barrier(6)

    def work(name: str) -> None:
        start.wait(10)
        while claimed := claim(endpoint_id, 13, name):
            assert len(claimed) <= 13
            taken.extend(owed.id for owed in claimed)

    workers = [threading.Thread(target=in_app(lambda name=name: work(name))) for name in "abcdef"]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(taken) == list(range(1, 401))


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_claim_passes_over_what_another_transaction_holds(app: Flask) -> None:
    endpoint_id = hook()
    happen(4, now=NOW)
    deliveries.claim(endpoint_id, 2, "w1", NOW, LEASE)  # and not committed
    others: list[int] = []
    thread = threading.Thread(target=in_app(lambda: others.extend(owed.id for owed in claim(endpoint_id, 3, "w2"))))
    thread.start()
    thread.join(5)
    db.session.commit()
    assert others == [3, 4]


@on_both_databases
def test_claiming_uses_the_index_of_what_is_due(app: Flask) -> None:
    """A webhook's log grows without end; a claim must not read it."""
    endpoint_id = hook()
    state = State.DELIVERED.value
    event_seq = make_event(owed=False).seq
    columns = "event_seq, endpoint_id, event_type, is_test, state, tries, attempts, trigger, created_at"
    db.session.execute(sa.text("DROP INDEX uq_deliveries_event_endpoint"))
    db.session.execute(
        sa.text(
            f"INSERT INTO deliveries ({columns}) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
            f"SELECT :seq, :endpoint, 'x', false, '{state}', 1, 1, 'automatic', :now FROM n"
        ).bindparams(sa.bindparam("now", NOW, type_=sa.DateTime(timezone=True))),
        {"seq": event_seq, "endpoint": endpoint_id},
    )
    db.session.commit()
    happen(5, now=NOW)
    db.session.execute(sa.text("ANALYZE"))
    db.session.commit()
    due = "endpoint_id = :endpoint AND state = :state AND due_at <= :now ORDER BY due_at, id LIMIT 100"
    explain = "EXPLAIN QUERY PLAN" if is_sqlite() else "EXPLAIN"
    query = sa.text(f"{explain} SELECT id FROM deliveries WHERE {due}").bindparams(
        sa.bindparam("now", NOW, type_=sa.DateTime(timezone=True))
    )
    plan = str(db.session.execute(query, {"endpoint": endpoint_id, "state": "pending"}).all())
    db.session.rollback()
    assert "ix_deliveries_due" in plan
    assert len(claim(endpoint_id)) == 5


# --- Giving back -----------------------------------------------------------------------------------------------------


@on_both_databases
def test_giving_back_puts_ones_own_back_where_they_were(app: Flask) -> None:
    endpoint_id = hook()
    happen(4, now=NOW)
    mine = [owed.id for owed in claim(endpoint_id, 2, "w1")]
    theirs = [owed.id for owed in claim(endpoint_id, 2, "w2")]
    deliveries.give_back([*mine, *theirs, 4711], "w1")
    deliveries.give_back([], "w2")
    db.session.commit()
    assert [(row.id, row.state, row.lease_by, row.due_at) for row in rows()] == [
        *((one, State.PENDING, None, NOW) for one in mine),
        *((one, State.SENDING, "w2", NOW) for one in theirs),
    ]


@on_both_databases
def test_a_worker_that_starts_again_frees_what_its_name_held(app: Flask) -> None:
    endpoint_id = hook()
    happen(4, now=NOW)
    claim(endpoint_id, 3, "w1")
    claim(endpoint_id, 1, "w10")
    assert done(deliveries.free_leases_of("w1")) == 3
    assert states() == {"pending": 3, "sending": 1}
    assert len(claim(endpoint_id)) == 3


@on_both_databases
def test_leases_that_ran_out_are_freed_and_no_others(app: Flask) -> None:
    endpoint_id = hook()
    happen(2, now=NOW)
    claim(endpoint_id, 1, "w1")
    claim(endpoint_id, 1, "w2", NOW + MINUTE)
    assert done(deliveries.free_expired(NOW + LEASE)) == 0
    assert done(deliveries.free_expired(NOW + LEASE + timedelta(seconds=1))) == 1
    assert [(row.state, row.lease_by) for row in rows()] == [(State.PENDING, None), (State.SENDING, "w2")]


# --- What is due -----------------------------------------------------------------------------------------------------


@on_both_databases
def test_who_is_owed_something_now(app: Flask) -> None:
    due, later, finished, off, gone = hook(), hook(), hook(), hook(enabled=False), hook()
    owe(due)
    owe(due)
    owe(later, due_at=NOW + MINUTE)
    owe(finished, state=State.DELIVERED)
    owe(off, is_test=True)
    owe(gone)
    db.session.execute(sa.update(Endpoint).where(Endpoint.id == gone).values(deleted_at=NOW))
    db.session.commit()
    assert sorted(deliveries.due_endpoints(NOW)) == sorted([due, off, gone])
    assert sorted(deliveries.due_endpoints(NOW + MINUTE)) == sorted([due, later, off, gone])
    assert deliveries.has_due(due, NOW)
    assert not deliveries.has_due(later, NOW)


# --- Holding and dropping --------------------------------------------------------------------------------------------


def one_of_each(endpoint_id: int) -> None:
    for state in State:
        owe(endpoint_id, state=state, due_at=NOW if state is State.PENDING else None)
    owe(endpoint_id, is_test=True)


@on_both_databases
def test_holding_takes_what_waits_but_tests(app: Flask) -> None:
    endpoint_id, other_id = hook(), hook()
    one_of_each(endpoint_id)
    owe(other_id)
    assert done(deliveries.hold(endpoint_id)) == 1
    assert states(endpoint_id) == {"held": 2, "sending": 1, "delivered": 1, "failed": 1, "cancelled": 1, "pending": 1}
    assert states(other_id) == {"pending": 1}
    assert [row.due_at for row in rows() if row.state is State.HELD] == [None, None]


@on_both_databases
def test_dropping_what_is_held_all_or_what_is_older(app: Flask) -> None:
    endpoint_id, other_id = hook(), hook()
    for age in (3, 2, 1):
        owe(endpoint_id, state=State.HELD, now=NOW - age * MINUTE)
    owe(other_id, state=State.HELD)
    owe(endpoint_id, state=State.FAILED)
    assert done(deliveries.drop_held(endpoint_id, before=NOW - MINUTE)) == 2
    assert states(endpoint_id) == {"cancelled": 2, "held": 1, "failed": 1}
    assert done(deliveries.drop_held(endpoint_id)) == 1
    assert states(endpoint_id) == {"cancelled": 3, "failed": 1}
    assert states(other_id) == {"held": 1}


@on_both_databases
def test_what_is_set_aside_depends_on_the_webhook(app: Flask) -> None:
    on, off, gone = hook(), hook(enabled=False), hook()
    db.session.execute(sa.update(Endpoint).where(Endpoint.id == gone).values(deleted_at=NOW, enabled=False))
    for endpoint_id in (on, off, gone):
        owe(endpoint_id)
        owe(endpoint_id, state=State.HELD)
        owe(endpoint_id, is_test=True)
        deliveries.set_aside(endpoint_id)
    db.session.commit()
    assert states(on) == {"pending": 2, "held": 1}
    assert states(off) == {"held": 2, "pending": 1}
    assert states(gone) == {"cancelled": 3}


# --- By hand ---------------------------------------------------------------------------------------------------------


@on_both_databases
def test_a_retry_owes_it_now_on_a_fresh_schedule(app: Flask, redis_server: redis.Redis) -> None:
    endpoint_id = hook()
    for state in set(State) - {State.SENDING}:
        delivery_id = owe(endpoint_id, state=state, tries=5, attempts=5, due_at=NOW + 60 * MINUTE, recovery_id=9)
        redis_server.flushdb()
        delivery = load(delivery_id)
        done(deliveries.retry(delivery, NOW))
        assert (delivery.state, delivery.due_at, delivery.tries, delivery.attempts) == (State.PENDING, NOW, 0, 5)
        assert (delivery.trigger, delivery.recovery_id) == (Trigger.MANUAL, None)
        db.session.rollback()
        assert redis_server.llen("rq:queue:fast") == 1


@on_both_databases
def test_what_cannot_be_retried_says_why(app: Flask) -> None:
    endpoint_id, off, gone = hook(), hook(enabled=False), hook()
    sending = owe(endpoint_id, state=State.SENDING, lease_by="w1")
    test = owe(endpoint_id, is_test=True, state=State.FAILED)
    to_off = owe(off, state=State.FAILED)
    to_gone = owe(gone, state=State.CANCELLED)
    endpoints.delete(db.session.get_one(Endpoint, gone), NOW)
    db.session.commit()
    for delivery_id, words in ((sending, "being sent"), (test, "test"), (to_off, "switched off"), (to_gone, "deleted")):
        with pytest.raises(Conflict, match=words):
            deliveries.retry(load(delivery_id), NOW)
        db.session.rollback()
    assert states() == {"sending": 1, "failed": 2, "cancelled": 1}


@on_both_databases
def test_a_retry_that_meets_a_claim_does_not_overrule_it(app: Flask) -> None:
    endpoint_id = hook()
    delivery_id = owe(endpoint_id)
    seen = load(delivery_id)
    db.session.expunge_all()
    db.session.rollback()
    claim(endpoint_id)
    with pytest.raises(Conflict, match="being sent"):
        deliveries.retry(seen, NOW)
    db.session.rollback()
    assert states() == {"sending": 1}


@on_both_databases
def test_only_what_waits_can_be_cancelled(app: Flask) -> None:
    endpoint_id = hook()
    for state in (State.PENDING, State.HELD):
        delivery_id = owe(endpoint_id, state=state)
        done(deliveries.cancel(load(delivery_id)))
    assert {(row.state, row.due_at) for row in rows()} == {(State.CANCELLED, None)}
    for state in set(State) - {State.PENDING, State.HELD}:
        delivery_id = owe(endpoint_id, state=state)
        with pytest.raises(Conflict):
            deliveries.cancel(load(delivery_id))
        db.session.rollback()
    assert states() == {"cancelled": 3, "sending": 1, "delivered": 1, "failed": 1}


# --- Looking ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("delivery_id", [0, -1, 4711, 2**63, 10**400])
def test_there_is_no_such_delivery(delivery_id: int) -> None:
    with pytest.raises(NotFound):
        deliveries.get(delivery_id)


def test_a_delivery_comes_with_its_event_and_webhook() -> None:
    endpoint_id = hook(name="Clio")
    [event_id] = happen()
    delivery = load(1)
    assert (delivery.event.id, delivery.endpoint.name, delivery.endpoint_id) == (event_id, "Clio", endpoint_id)


def test_the_newest_attempt() -> None:
    delivery = make_delivery(state=State.PENDING)
    assert deliveries.last_attempt(delivery.id) is None
    make_attempt(delivery=delivery, status=500)
    make_attempt(delivery=delivery, status=503)
    newest = deliveries.last_attempt(delivery.id)
    assert newest is not None
    assert (newest.number, newest.status) == (2, 503)


@on_both_databases
def test_counting_stops_at_its_cap_and_leaves_tests_out(app: Flask) -> None:
    endpoint_id, other_id = hook(), hook()
    for age in range(6):
        owe(endpoint_id, state=State.FAILED, now=NOW - age * MINUTE)
    owe(endpoint_id, state=State.FAILED, is_test=True)
    owe(other_id, state=State.HELD)
    assert deliveries.count(endpoint_id, [State.FAILED]) == 6
    assert deliveries.count(endpoint_id, [State.FAILED], cap=4) == 4
    assert deliveries.count(endpoint_id, [State.FAILED], since=NOW - 2 * MINUTE) == 3
    assert deliveries.count(None, [State.FAILED, State.HELD]) == 7
    assert deliveries.count(endpoint_id, []) == 0


@on_both_databases
def test_an_event_is_owed_to_a_webhook_once(app: Flask) -> None:
    endpoint_id = hook()
    happen()
    seq = looked(sa.select(Delivery.event_seq))
    with pytest.raises(sa.exc.IntegrityError):
        db.session.execute(
            sa.insert(Delivery).values(
                event_seq=seq, endpoint_id=endpoint_id, event_type="x", state=State.PENDING, created_at=NOW, is_test=False
            )
        )
    db.session.rollback()
