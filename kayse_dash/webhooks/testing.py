"""Sending a test: a sample of an event, marked as such, to one webhook, whether it is on or off."""

from __future__ import annotations

from datetime import datetime

from kayse_dash.errors import InvalidInput
from kayse_dash.events import catalogue, record
from kayse_dash.events.record import NewEvent
from kayse_dash.webhooks import deliveries, routing
from kayse_dash.webhooks.models import Endpoint


def send_test(endpoint: Endpoint, event_name: str, now: datetime) -> int:
    """Owe `endpoint` the sample of an event; returns the delivery's id. The caller commits.

    Raises:
        InvalidInput: there is no such event.
    """
    kind = catalogue.find(event_name)
    if kind is None:
        raise InvalidInput("Please choose an event.", {"event": f"There is no event “{event_name[:60]}”."})
    sample = NewEvent(kind.name, record.as_json(kind.sample), is_test=True)
    [recorded] = record.write([sample], routing.current().epoch, now)
    return deliveries.owe_test(recorded, endpoint, now)
