from datetime import timedelta

from kayse_dash import clock
from kayse_dash.db import db
from kayse_dash.events.models import Event
from kayse_dash.webhooks import endpoints, testing
from kayse_dash.webhooks.explain import OUTCOMES, explain
from kayse_dash.webhooks.models import Delivery
from tests.factories import make_endpoint, make_event


def outcomes(event):
    return {found.endpoint.name: found.outcome for found in explain(event)}


def test_it_tells_from_the_settings_of_the_time_not_from_those_of_today(app):
    hook, held = make_endpoint(name="a", events=["call_ended"]), make_endpoint(name="b", enabled=False)
    event = make_event()
    endpoints.update(hook, {"events": ["case.updated"]}, clock.now())
    endpoints.switch_on(held, clock.now())
    db.session.commit()
    assert outcomes(event) == {"a": "send", "b": "hold"}
    assert outcomes(make_event()) == {"a": "event_not_chosen", "b": "send"}


def test_each_entry_says_it_in_words_and_brings_its_delivery(app):
    make_endpoint(name="Zapier")
    make_endpoint(name="archive", events=["case.updated"])
    first, second = explain(make_event())
    assert (first.endpoint.name, first.words, first.delivery) == (
        "archive", "Not sent: this webhook does not listen to this event.", None
    )  # fmt: skip
    assert (second.endpoint.name, second.words) == ("Zapier", "Sent: it matches this webhook.")
    assert isinstance(second.delivery, Delivery)


def test_a_webhook_that_was_added_later_says_so(app):
    event = make_event()
    make_endpoint(name="new", now=clock.now() - timedelta(days=1))
    [found] = explain(event)
    assert (found.outcome, found.words) == ("added_later", "Not sent: this webhook was added after the event was recorded.")


def test_a_deleted_webhook_stays_only_where_it_was_owed_something(app):
    owed, deaf = make_endpoint(name="owed"), make_endpoint(name="deaf", events=["case.updated"])
    event = make_event()
    for hook in (owed, deaf):
        endpoints.delete(hook, clock.now())
    db.session.commit()
    assert outcomes(event) == {"owed": "send"}


def test_a_test_is_told_of_its_webhook_only(app):
    hook = make_endpoint(name="mine", events=["case.updated"])
    make_endpoint(name="other")
    delivery = db.session.get(Delivery, testing.send_test(hook, "call_ended", clock.now()))
    assert outcomes(db.session.get(Event, delivery.event_seq)) == {"mine": "send"}


def test_there_is_an_outcome_for_every_verdict():
    assert OUTCOMES == ("send", "hold", "event_not_chosen", "other_campaign", "other_case_type", "added_later")
