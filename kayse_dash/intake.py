"""What an event sets off: the only room that knows both wings.

One transaction holds the event and everything owed for it; the workers are woken after its commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from kayse_dash.clients import linking, transfers
from kayse_dash.events import record
from kayse_dash.events.record import NewEvent, Recorded
from kayse_dash.webhooks import deliveries, routing


def receive(events: Sequence[NewEvent], now: datetime, first_wait_s: int = 0) -> list[Recorded]:
    """Record events, each with its client, and owe each to every webhook that it matches. The caller commits.

    Args:
        first_wait_s: seconds before the first attempt (the schedule's first wait).

    Raises:
        Conflict: an event's id stands for another event already; nothing is recorded.
    """
    table = routing.current()
    recorded = record.write(linking.link(events), table.epoch, now)
    fresh = [entry for entry in recorded if not entry.duplicate]
    deliveries.owe(fresh, table, now, first_wait_s)
    deliveries.count_owed([entry for entry in recorded if entry.duplicate])
    transfers.note(fresh, now)
    return recorded
