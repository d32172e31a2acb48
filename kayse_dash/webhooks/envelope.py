"""What travels: the body and the headers that every webhook gets. Pure."""

from __future__ import annotations

import json
from datetime import datetime

from kayse_dash.clock import iso

USER_AGENT = "Kayse-Dash/1.0"


def body(event_type: str, timestamp: datetime, data: str) -> bytes:
    """The body, exactly `{"event", "timestamp", "data"}`.

    Args:
        data: the event's data as JSON text; it goes in to the letter, so every retry sends the same bytes.
    """
    return f'{{"event":{json.dumps(event_type)},"timestamp":"{iso(timestamp)}","data":{data}}}'.encode()


def headers(webhook_id: str, timestamp: int, *, signature: str | None = None, is_test: bool = False) -> dict[str, str]:
    """The headers of one attempt, authentication apart.

    Args:
        webhook_id: the event's id, the same over every retry.
        timestamp: Unix seconds of this attempt.
    """
    made = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "webhook-id": webhook_id,
        "webhook-timestamp": str(timestamp),
    }
    if signature:
        made["webhook-signature"] = signature
    if is_test:
        made["webhook-test"] = "true"
    return made
