"""The rules in force, by epoch: what an event met stays true whatever is changed afterwards."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from kayse_dash import create_app
from kayse_dash.config import Settings
from kayse_dash.db import db
from kayse_dash.events.models import Event
from kayse_dash.webhooks import endpoints, reconcile, routing
from kayse_dash.webhooks.matching import Verdict
from kayse_dash.webhooks.models import Delivery, Endpoint, RoutingEpoch
from tests.conftest import on_both_databases
from tests.factories import make_endpoint
from tests.webhooks.engine import happen, hook, in_app, looked, rows, states

NOW = datetime(2026, 3, 9, 14, 0, tzinfo=UTC)

pytestmark = pytest.mark.usefixtures("app")


def change(endpoint_id: int, **values: Any) -> None:
    endpoint = db.session.get_one(Endpoint, endpoint_id)
    if values == {"enabled": False}:
        endpoints.switch_off(endpoint, "By hand.", NOW)
    elif values == {"enabled": True}:
        endpoints.switch_on(endpoint, NOW)
    elif values == {"gone": True}:
        endpoints.delete(endpoint, NOW)
    else:
        endpoints.update(endpoint, values, NOW)
    db.session.commit()


def verdicts(event: str = "call_ended", campaign: int | None = None, case: str | None = None) -> dict[int, Verdict]:
    found = dict(routing.current().verdicts(event, campaign, case))
    db.session.rollback()
    return found


def owed_to(event_id: str) -> set[int]:
    query = sa.select(Delivery.endpoint_id).join(Event, Event.seq == Delivery.event_seq).where(Event.id == event_id)
    found = set(db.session.scalars(query))
    db.session.rollback()
    return found


def problems() -> list[reconcile.Problem]:
    found = list(reconcile.check(NOW, reconcile.Report()))
    db.session.rollback()
    return found


@on_both_databases
def test_each_webhook_has_its_verdict(app: Flask) -> None:
    everything = hook()
    calls = hook(events=["call_started", "call_ended"], campaign_ids=[7])
    bites = hook(case_types=["Dog Bite"])
    off = hook(enabled=False)
    assert verdicts("call_ended", 7, "dog bite") == dict.fromkeys((everything, calls, bites), Verdict.SEND) | {off: Verdict.HOLD}
    assert verdicts("call_ended", 8, "slip") == {
        everything: Verdict.SEND,
        calls: Verdict.OTHER_CAMPAIGN,
        bites: Verdict.OTHER_CASE_TYPE,
        off: Verdict.HOLD,
    }
    assert verdicts("task_completed", 8, "DOG BITE")[calls] is Verdict.EVENT_NOT_CHOSEN
    assert owed_to(happen(1, campaign_id=7, case_type="DOG BITE")[0]) == {everything, calls, bites, off}
    assert owed_to(happen(1, campaign_id=None, case_type=None)[0]) == {everything, off}
    assert states() == {"pending": 4, "held": 2}


@on_both_databases
def test_an_event_keeps_the_verdict_it_met(app: Flask) -> None:
    endpoint_id = hook(events=["call_ended"])
    [before] = happen()
    change(endpoint_id, events=["call_started"])
    [after] = happen()
    assert (owed_to(before), owed_to(after)) == ({endpoint_id}, set())
    epochs = dict(db.session.execute(sa.select(Event.id, Event.epoch)).all())
    assert dict(routing.at(epochs[before]).verdicts("call_ended", None, None)) == {endpoint_id: Verdict.SEND}
    assert dict(routing.at(epochs[after]).verdicts("call_ended", None, None)) == {endpoint_id: Verdict.EVENT_NOT_CHOSEN}
    assert problems() == []


@on_both_databases
def test_a_webhook_added_later_is_not_in_an_older_epoch_and_one_deleted_since_still_is(app: Flask) -> None:
    first = hook()
    [event_id] = happen()
    epoch = looked(sa.select(Event.epoch).where(Event.id == event_id))
    second = hook()
    change(first, gone=True)
    assert [endpoint_id for endpoint_id, _ in routing.at(epoch).rules] == [first]
    assert [endpoint_id for endpoint_id, _ in routing.current().rules] == [second]
    assert routing.at(0).rules == ()
    assert problems() == []


def test_rules_are_read_once_to_an_epoch() -> None:
    endpoint_id = hook()
    assert routing.current() is routing.current()
    before = routing.current()
    db.session.rollback()
    change(endpoint_id, name="Other")  # no rule
    assert routing.current() is before
    db.session.rollback()
    change(endpoint_id, events=["call_ended"])
    assert routing.current().epoch == before.epoch + 1


@on_both_databases
def test_another_process_sees_a_change_at_once(app: Flask, settings: Settings) -> None:
    endpoint_id = hook()
    other = create_app(settings)
    with other.app_context():
        assert verdicts() == {endpoint_id: Verdict.SEND}
    change(endpoint_id, enabled=False)
    with other.app_context():
        assert verdicts() == {endpoint_id: Verdict.HOLD}
        db.engine.dispose()


@on_both_databases
def test_rules_of_a_change_that_was_rolled_back_are_forgotten(app: Flask) -> None:
    endpoint_id = hook()
    endpoint = db.session.get_one(Endpoint, endpoint_id)
    endpoints.update(endpoint, {"events": ["call_started"]}, NOW)
    assert dict(routing.current().verdicts("call_ended", None, None)) == {endpoint_id: Verdict.EVENT_NOT_CHOSEN}
    db.session.rollback()
    change(endpoint_id, events=["call_ended"])  # gets the same epoch
    db.session.remove()
    assert verdicts() == {endpoint_id: Verdict.SEND}


def test_a_new_installation_has_one_epoch_row() -> None:
    assert looked(sa.select(sa.func.count()).select_from(RoutingEpoch)) == 1


@on_both_databases
def test_changes_and_events_at_the_same_time_leave_nothing_to_explain(app: Flask) -> None:
    """Three people change three webhooks while two programs send events: each event is owed by the rules it met."""
    ids = [hook(), hook(events=["call_ended"]), hook(case_types=["dog bite"])]
    chance = random.Random(7)
    ways = [
        [chance.choice([{"events": []}, {"events": ["call_started"]}, {"enabled": False}, {"enabled": True}]) for _ in range(12)]
        for _ in ids
    ]
    faults: list[BaseException] = []

    def person(endpoint_id: int, changes: list[dict[str, Any]]) -> None:
        for values in changes:
            change(endpoint_id, **values)

    def program() -> None:
        for number in range(25):
            happen(4, type=("call_ended", "call_started")[number % 2], case_type=("Dog Bite", None)[number % 3 == 0])

    def guarded(action: Any) -> None:
        try:
            action()
        except BaseException as error:
            faults.append(error)

    actions = [lambda pair=pair: person(*pair) for pair in zip(ids, ways, strict=True)]
    actions += [program, program, lambda: make_endpoint() and db.session.commit()]
    threads = [threading.Thread(target=in_app(lambda action=action: guarded(action))) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert looked(sa.select(sa.func.count()).select_from(Event)) == 200
    assert len({delivery.state for delivery in rows()}) > 1
    assert problems() == []
