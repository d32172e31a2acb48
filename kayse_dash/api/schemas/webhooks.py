"""Answers about webhooks, and about what is owed to them again."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, WithJsonSchema

from kayse_dash.api.fields import Shown
from kayse_dash.api.schemas.base import Answer
from kayse_dash.webhooks import auth, recoveries
from kayse_dash.webhooks.models import Endpoint, RecoveryKind, RecoveryState
from kayse_dash.webhooks.models import Recovery as RecoveryRow


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
    """Some of the webhooks, and how many there are."""

    data: list[Webhook]
    page: int
    total: int


class NewSecret(Answer):
    """The signing secret, which is not shown again."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="])


class RecoveryStarted(Answer):
    """A recovery that has begun."""

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
