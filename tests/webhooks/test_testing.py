import json

import pytest

from kayse_dash import clock
from kayse_dash.db import db
from kayse_dash.errors import InvalidInput
from kayse_dash.events.catalogue import CATALOGUE
from kayse_dash.events.models import Event
from kayse_dash.webhooks import routing, testing
from kayse_dash.webhooks.models import Delivery
from kayse_dash.webhooks.schedule import State, Trigger
from tests.factories import make_endpoint

NOW = clock.now()


@pytest.mark.parametrize("enabled", [True, False])
def test_a_test_is_owed_to_its_webhook_alone_on_or_off(app, enabled):
    make_endpoint()
    hook = make_endpoint(enabled=enabled, events=["case.updated"], campaign_ids=[7])
    delivery_id = testing.send_test(hook, "call_ended", NOW)
    db.session.commit()
    [delivery] = db.session.scalars(db.select(Delivery))
    [event] = db.session.scalars(db.select(Event))
    assert (delivery.id, delivery.endpoint_id, delivery.event_seq) == (delivery_id, hook.id, event.seq)
    assert (delivery.state, delivery.trigger, delivery.is_test, delivery.due_at) == (State.PENDING, Trigger.TEST, True, NOW)
    assert (event.is_test, event.timestamp, event.epoch) == (True, NOW, routing.current().epoch)
    assert json.loads(event.data) == CATALOGUE["call_ended"].sample


def test_an_unknown_event_has_no_sample(app):
    hook = make_endpoint()
    with pytest.raises(InvalidInput) as caught:
        testing.send_test(hook, "call_end", NOW)
    assert list(caught.value.fields) == ["event"]


def test_the_event_of_a_test_is_the_first_that_is_listened_to(app):
    assert testing.default_event(make_endpoint(events=["task_completed", "call_ended"])) == "task_completed"
    assert testing.default_event(make_endpoint()) == next(iter(CATALOGUE))
