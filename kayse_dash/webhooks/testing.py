"""Test sends: the catalogue's sample of an event, owed to one webhook and marked as a test."""

from __future__ import annotations

from datetime import datetime

from kayse_dash.errors import InvalidInput
from kayse_dash.events import catalogue, record
from kayse_dash.events.record import NewEvent
from kayse_dash.webhooks import deliveries, routing
from kayse_dash.webhooks.models import Endpoint


def send_test(endpoint: Endpoint, event_name: str, now: datetime) -> int:
    """Record a test event and owe it to `endpoint`, whether that is on or off. Returns the delivery's id; the caller commits.

    Raises:
        InvalidInput: there is no such event.
    """
    kind = catalogue.find(event_name)
    if kind is None:
        raise InvalidInput("There is no such event.", {"event": "Choose one of the events in the catalogue, such as call_ended."})
    event = NewEvent(kind.name, record.as_json(kind.sample), timestamp=now, is_test=True)
    [recorded] = record.write([event], routing.current().epoch, now)
    return deliveries.owe_test(recorded, endpoint, now)


def default_event(endpoint: Endpoint) -> str:
    """The event a test sends when none is named: the first that the webhook listens to."""
    return endpoint.events[0] if endpoint.events else next(iter(catalogue.CATALOGUE))
