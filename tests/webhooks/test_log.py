"""Finding deliveries again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from kayse_dash import keyset
from kayse_dash.db import db
from kayse_dash.errors import NotFound
from kayse_dash.keyset import Count
from kayse_dash.webhooks import deliveries, endpoints, log
from kayse_dash.webhooks.log import Answer, Filters
from kayse_dash.webhooks.models import Delivery
from kayse_dash.webhooks.schedule import State
from tests.conftest import on_both_databases
from tests.factories import make_attempt, make_delivery, make_endpoint, make_event

NOW = datetime(2026, 3, 12, 14, 0, tzinfo=UTC)


def found(**filters) -> list[int]:
    return [row.id for row in log.page(Filters(**filters)).rows]


@on_both_databases
def test_each_filter_shows_what_fits_newest_first(app):
    one, other = make_endpoint(), make_endpoint()
    a = make_delivery(endpoint=one, type="call_ended", campaign_id=1, state=State.DELIVERED)
    b = make_delivery(endpoint=one, type="case.updated", state=State.FAILED)
    c = make_delivery(endpoint=other, type="call_ended", campaign_id=2, state=State.HELD)
    assert found() == [c.id, b.id, a.id]
    assert found(endpoint_id=one.id) == [b.id, a.id]
    assert found(event="call_ended") == [c.id, a.id]
    assert found(state=State.FAILED) == [b.id]
    assert found(campaign_id=2) == [c.id]
    assert found(endpoint_id=one.id, state=State.DELIVERED, event="call_ended", campaign_id=1) == [a.id]
    assert found(endpoint_id=other.id, state=State.FAILED) == []
    assert found(endpoint_id=log.LARGEST_WEBHOOK_ID) == []
    assert found(campaign_id=2**62) == []


@on_both_databases
def test_answers_are_told_by_their_class(app):
    wanted = {}
    for answer, status in ((Answer.OK, 204), (Answer.REDIRECT, 302), (Answer.REFUSED, 429), (Answer.BROKEN, 599)):
        wanted[answer] = make_attempt(status=status).delivery_id
    wanted[Answer.NONE] = make_attempt(error="timeout").delivery_id
    make_delivery()  # nothing was sent yet, which is no answer either, but not one that failed to come
    assert {answer: found(answer=answer) for answer in Answer} == {answer: [id] for answer, id in wanted.items()}


@on_both_databases
def test_times_are_inclusive_and_go_by_creation(app):
    made = [make_delivery(now=NOW + timedelta(minutes=n)).id for n in range(5)]
    assert found(since=NOW + timedelta(minutes=2)) == made[:1:-1]
    assert found(until=NOW + timedelta(minutes=2)) == made[2::-1]
    assert found(since=NOW + timedelta(minutes=1), until=NOW + timedelta(minutes=3)) == [made[3], made[2], made[1]]
    assert found(since=NOW + timedelta(minutes=9)) == []
    assert found(until=NOW - timedelta(minutes=9)) == []


def test_machines_whose_clocks_differ_a_little_lose_nothing(app):
    endpoint = make_endpoint(now=NOW)
    ahead = make_delivery(endpoint=endpoint, now=NOW + timedelta(seconds=8))
    behind = make_delivery(endpoint=endpoint, now=NOW)
    assert found(since=NOW + timedelta(seconds=5)) == [ahead.id]
    assert found(until=NOW + timedelta(seconds=5)) == [behind.id]
    assert found(since=NOW) == [behind.id, ahead.id]


@on_both_databases
def test_text_finds_event_ids_clients_and_words_of_the_payload(app):
    by_id = make_delivery(event=make_event(id="evt_01special", owed=False))
    by_client = make_delivery(client_id=4711)
    by_word = make_delivery(data={"summary": 'Dana said “yes” to "all" of it', "phone": "+12025550147"})
    assert found(text="evt_01special") == [by_id.id]
    assert found(text="evt_01sp") == [by_id.id]
    assert found(text="4711") == [by_client.id]
    assert found(text="dana SAID") == [by_word.id]
    assert found(text="12025550147") == [by_word.id]
    assert found(text='to "all" of') == [by_word.id]
    assert found(text='"phone":"+1202') == [by_word.id]
    assert found(text="special") == []


@pytest.mark.parametrize("text", ["%", "_", "\\", "'", '"; DROP TABLE deliveries; --', "٤٧١١", "9" * 200, "[("])
def test_text_is_taken_to_the_letter(app, text):
    make_delivery(data={"x": "plain words"})
    assert found(text=text) == []


def test_text_looks_through_the_newest_and_names_find_everything(app, monkeypatch):
    monkeypatch.setattr(keyset, "LOOK_THROUGH", 5)
    old = make_delivery(data={"note": "needle"}, client_id=77)
    endpoint = make_endpoint()
    for _ in range(6):
        make_delivery(endpoint=endpoint)
    event_id = deliveries.get(old.id).event.id
    page = log.page(Filters(text="needle"))
    assert (page.rows, page.slice.cut, page.count) == ([], True, Count(0, among=5))
    assert [row.id for row in log.page(Filters(text="needle"), page.slice.older).rows] == [old.id]
    assert found(text=event_id) == [old.id]
    assert found(text="77") == [old.id]


def test_filters_say_whether_they_narrow_anything():
    assert not Filters().any
    assert not Filters(endpoint_id=3).any
    assert Filters(text="x").any
    assert Filters(state=State.FAILED).any


def test_a_row_brings_what_it_shows_and_not_the_payload(app):
    make_delivery(data={"long": "x" * 1000})
    db.session.expunge_all()
    [row] = log.page(Filters()).rows
    assert row.event.id.startswith("evt_")
    assert row.endpoint.name
    with pytest.raises(sa.exc.InvalidRequestError):
        _ = row.event.data
    with pytest.raises(sa.exc.InvalidRequestError):
        _ = row.endpoint.auth_secret


def test_a_deleted_webhook_is_found_for_its_log(app):
    endpoint = make_endpoint()
    endpoints.delete(endpoint, NOW)
    db.session.commit()
    assert log.webhook(endpoint.id).deleted_at == NOW


@pytest.mark.parametrize("endpoint_id", [0, 999, 2**31, 2**70])
def test_a_webhook_that_never_was_is_not_found(app, endpoint_id):
    with pytest.raises(NotFound):
        log.webhook(endpoint_id)


def test_attempts_are_read_newest_first_and_only_with_their_delivery(app):
    delivery = make_delivery()
    made = [make_attempt(delivery=delivery, status=500).id for _ in range(4)]
    assert [one.id for one in log.attempts(delivery.id, 3)] == made[:0:-1]
    assert log.attempt(delivery.id, made[0]).number == 1
    other = make_delivery()
    for delivery_id, attempt_id in ((other.id, made[0]), (delivery.id, 0), (delivery.id, 2**70)):
        with pytest.raises(NotFound):
            log.attempt(delivery_id, attempt_id)


def test_the_states_of_an_events_deliveries_are_counted(app):
    make_endpoint(), make_endpoint(), make_endpoint()
    one, other = make_event(), make_event(owed=False)
    first = db.session.scalars(sa.select(Delivery).where(Delivery.event_seq == one.seq)).first()
    first.state = State.FAILED
    db.session.commit()
    assert log.states_of([one.seq, other.seq]) == {one.seq: {State.FAILED: 1, State.PENDING: 2}}
    assert log.states_of([]) == {}
