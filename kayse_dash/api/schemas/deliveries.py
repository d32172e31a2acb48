"""Answers about deliveries and their attempts."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field

from kayse_dash import outbound
from kayse_dash.api.fields import Shown
from kayse_dash.api.schemas.base import Answer
from kayse_dash.webhooks import envelope
from kayse_dash.webhooks.models import Attempt as AttemptRow
from kayse_dash.webhooks.models import Delivery as DeliveryRow
from kayse_dash.webhooks.schedule import State, Trigger

Headers = list[tuple[str, str]]


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
