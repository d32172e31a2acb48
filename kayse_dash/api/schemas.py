"""What the API answers with, as pydantic models; the reference is made from these."""

from __future__ import annotations

import json
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from kayse_dash import outbound
from kayse_dash.api.fields import Shown
from kayse_dash.events.models import Event as EventRow
from kayse_dash.webhooks import auth, envelope, recoveries
from kayse_dash.webhooks.explain import OUTCOMES, Explanation
from kayse_dash.webhooks.models import Attempt as AttemptRow
from kayse_dash.webhooks.models import Delivery as DeliveryRow
from kayse_dash.webhooks.models import Endpoint, RecoveryKind, RecoveryState
from kayse_dash.webhooks.models import Recovery as RecoveryRow
from kayse_dash.webhooks.schedule import State, Trigger

Headers = list[tuple[str, str]]
JsonObject = Annotated[Any, WithJsonSchema({"type": "object", "additionalProperties": True})]


class Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


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


class WebhookAuth(Answer):
    """How a webhook proves who sends; secrets are never read back."""

    type: Annotated[str, WithJsonSchema({"type": "string", "enum": list(auth.KINDS)})]
    header: str | None = Field(None, description="With `api_key`.")
    username: str | None = Field(None, description="With `basic`.")
    token_url: str | None = Field(None, description="With `oauth2`.")
    client_id: str | None = Field(None, description="With `oauth2`.")
    scope: str | None = Field(None, description="With `oauth2`.")
    previous_secret_signs_until: Shown | None = Field(None, description="With `hmac`, after a rotation.")
    secret: str | None = Field(None, description="With `hmac`, once: when it was made or changed.")


class Webhook(Answer):
    """A webhook."""

    id: int
    name: str
    url: str
    events: list[str] = Field(description="Empty: all events, also those to come.")
    campaign_ids: list[int] = Field(description="Narrows the eight call events only. Empty: all campaigns.")
    case_types: list[str] = Field(description="Empty: all.")
    auth: WebhookAuth
    enabled: bool
    disabled_reason: str | None
    disabled_at: Shown | None
    failing_since: Shown | None = Field(description="Every attempt since then failed.")
    last_success_at: Shown | None
    last_failure_at: Shown | None
    created_at: Shown
    updated_at: Shown

    @classmethod
    def of(cls, endpoint: Endpoint, *, secret: str | None = None, **more: Any) -> Self:
        """
        Args:
            secret: the signing secret, to be shown this once.
        """
        plain = {name: getattr(endpoint, name) for name in Webhook.model_fields if name != "auth"}
        shown = WebhookAuth(**auth.public(endpoint.auth), **({"secret": secret} if secret else {}))
        return cls(**plain, auth=shown, **more)


class WebhookEnabled(Webhook):
    """A webhook that is on, and what became of the deliveries that were held for it."""

    recovery_id: int | None = Field(description="The recovery that sends them; null when there is nothing to send.")
    released: int = Field(description="How many it sends.")
    dropped: int = Field(description="How many were cancelled.")


class WebhookDisabled(Webhook):
    """A webhook that is off, and how many waiting deliveries are held for it from now on."""

    held: int


class WebhookPage(Answer):
    data: list[Webhook]
    page: int
    total: int


class NewSecret(Answer):
    """The signing secret, which is not shown again."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="])


class RecoveryStarted(Answer):
    recovery_id: int
    total: int = Field(description="How many deliveries are owed again.")


class Recovery(Answer):
    """Deliveries of one webhook that are owed again, and how far they got."""

    id: int
    webhook_id: int
    kind: RecoveryKind
    state: RecoveryState
    since: Shown | None
    total: int
    delivered: int
    failed: int = Field(description="Tried again, and given up again.")
    waiting: int
    started_by: str
    created_at: Shown
    finished_at: Shown | None = Field(description="When all were put back, or it was cancelled.")

    @classmethod
    def of(cls, row: RecoveryRow) -> Self:
        progress = recoveries.progress(row)
        return cls(
            id=row.id,
            webhook_id=row.endpoint_id,
            kind=row.kind,
            state=row.state,
            since=row.since,
            total=progress.total,
            delivered=progress.delivered,
            failed=progress.failed,
            waiting=progress.waiting,
            started_by=row.started_by,
            created_at=row.created_at,
            finished_at=row.finished_at,
        )


class Delivery(Answer):
    """One event owed to one webhook."""

    id: int
    webhook_id: int
    event_id: str
    event: str
    campaign_id: int | None
    state: State
    test: bool
    attempt_count: int
    next_attempt_at: Shown | None
    created_at: Shown
    last_attempt_at: Shown | None
    last_status: int | None = Field(description="The HTTP status of the last answer; null when there was none.")
    last_error: str | None = Field(description="One word for why there was no answer, such as `timeout`.")

    @classmethod
    def of(cls, row: DeliveryRow, **more: Any) -> Self:
        return cls(
            id=row.id,
            webhook_id=row.endpoint_id,
            event_id=row.event.id,
            event=row.event_type,
            campaign_id=row.campaign_id,
            state=row.state,
            test=row.is_test,
            attempt_count=row.attempts,
            next_attempt_at=row.due_at,
            created_at=row.created_at,
            last_attempt_at=row.last_attempt_at,
            last_status=row.last_status,
            last_error=row.last_error,
            **more,
        )


class Attempt(Answer):
    """One HTTP try of a delivery; secrets are hidden."""

    number: int
    trigger: Trigger
    started_at: Shown
    duration_ms: float
    url: str
    request_headers: Headers
    status: int | None
    error: str | None
    error_detail: str | None
    explanation: str = Field(description="What happened and what can be done, in plain words.")
    response_headers: Headers | None
    response_body: str | None
    response_truncated: bool
    timings: dict[str, float] | None = Field(description="Milliseconds by phase.")

    @classmethod
    def of(cls, row: AttemptRow, timeout_s: float) -> Self:
        happened, remedy = outbound.explain(row.error, row.status, timeout_s)
        plain = {name: getattr(row, name) for name in cls.model_fields if name != "explanation"}
        return cls(**plain, explanation=f"{happened} {remedy}")


class DeliveryDetail(Delivery):
    """One event owed to one webhook, with what was sent and the newest attempts (at most 50), newest first."""

    request_body: str = Field(description="The body of every attempt, to the letter.")
    attempts: list[Attempt]

    @classmethod
    def with_attempts(cls, row: DeliveryRow, attempts: list[AttemptRow], timeout_s: float) -> Self:
        body = envelope.body(row.event.type, row.event.timestamp, row.event.data).decode()
        return cls.of(row, request_body=body, attempts=[Attempt.of(one, timeout_s) for one in attempts])


class DeliverySlice(Answer):
    """A part of the log, newest first. Go on with `next_cursor` until that is null, even where a part is short."""

    data: list[Delivery]
    next_cursor: str | None


class Campaign(Answer):
    """A campaign."""

    id: int
    name: str
    case_type: str | None
    active: bool
    self_healing_disabled: bool = Field(description="Whether its calls start no enrichment.")
    created_at: Shown


class CampaignPage(Answer):
    data: list[Campaign]
    page: int
    total: int
