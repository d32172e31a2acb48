"""Answers about events."""

from __future__ import annotations

import json
from typing import Annotated, Any, Self

from pydantic import Field, WithJsonSchema

from kayse_dash.api.fields import Shown
from kayse_dash.api.schemas.base import Answer
from kayse_dash.events.models import Event as EventRow
from kayse_dash.webhooks.explain import OUTCOMES, Explanation
from kayse_dash.webhooks.schedule import State

JsonObject = Annotated[Any, WithJsonSchema({"type": "object", "additionalProperties": True})]


class Posted(Answer):
    """What became of an event that was sent."""

    id: str = Field(examples=["evt_01hm6v9k2x8c3q7d5n4b1r0tya"])
    deliveries: int = Field(description="How many webhooks it is owed to, held ones included.", examples=[2])
    duplicate: bool = Field(description="It was on record already, so nothing was recorded.")


class PostedBatch(Answer):
    """What became of each event of a batch, in its order."""

    data: list[Posted]


POSTED = {
    "description": "On record: one answer for one event, a list for a batch.",
    "content": {
        "application/json": {
            "schema": {"anyOf": [{"$ref": "#/components/schemas/Posted"}, {"$ref": "#/components/schemas/PostedBatch"}]}
        }
    },
}


class Event(Answer):
    """An event on record."""

    id: str
    event: str = Field(examples=["call_ended"])
    timestamp: Shown = Field(description="When it happened, as its sender says.")
    recorded_at: Shown
    data: JsonObject
    campaign_id: int | None
    client_id: int | None
    case_type: str | None
    test: bool = Field(description="Whether it is the sample that a test of a webhook sent.")

    @classmethod
    def of(cls, row: EventRow, **more: Any) -> Self:
        return cls(
            id=row.id,
            event=row.type,
            timestamp=row.timestamp,
            recorded_at=row.recorded_at,
            data=json.loads(row.data),
            campaign_id=row.campaign_id,
            client_id=row.client_id,
            case_type=row.case_type,
            test=row.is_test,
            **more,
        )


class OwedDelivery(Answer):
    """What an event is owed to a webhook."""

    id: int
    state: State
    attempts: int = Field(description="How many attempts were made.")
    next_attempt_at: Shown | None


class WebhookOutcome(Answer):
    """What one webhook made of an event."""

    webhook_id: int
    name: str
    outcome: Annotated[str, WithJsonSchema({"type": "string", "enum": list(OUTCOMES)})]
    explanation: str = Field(examples=["Not sent: this webhook does not listen to this event."])
    delivery: OwedDelivery | None

    @classmethod
    def of(cls, found: Explanation) -> Self:
        owed = found.delivery and OwedDelivery(
            id=found.delivery.id,
            state=found.delivery.state,
            attempts=found.delivery.attempts,
            next_attempt_at=found.delivery.due_at,
        )
        return cls(
            webhook_id=found.endpoint.id, name=found.endpoint.name, outcome=found.outcome, explanation=found.words, delivery=owed
        )


class EventDetail(Event):
    """An event on record, and what each webhook made of it."""

    webhooks: list[WebhookOutcome]


class EventSlice(Answer):
    """A part of the record, newest first. Go on with `next_cursor` until that is null, even where a part is short."""

    data: list[Event]
    next_cursor: str | None
