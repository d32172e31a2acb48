"""Webhooks, what is owed to them, and what came of each try."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kayse_dash.db import BigKey, JSONText, db
from kayse_dash.events.models import Event
from kayse_dash.secrets import EncryptedJSON
from kayse_dash.webhooks import auth
from kayse_dash.webhooks.matching import Rule
from kayse_dash.webhooks.schedule import State, Trigger

__all__ = ["Attempt", "Delivery", "Endpoint", "HourlyCount", "Recovery", "Revision", "RoutingEpoch"]


class Endpoint(db.Model):
    """A webhook: where to send which events, and how to prove who sends them.

    The class is not called Webhook because RQ exports one of its own.
    """

    __tablename__ = "endpoints"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    url: Mapped[str] = mapped_column(String(2048))
    events: Mapped[Any] = mapped_column(JSONText, default=list)  # empty: all, present and future
    campaign_ids: Mapped[Any] = mapped_column(JSONText, default=list)  # empty: all
    case_types: Mapped[Any] = mapped_column(JSONText, default=list)  # empty: all
    auth_type: Mapped[str] = mapped_column(String(20), default="none")
    auth_secret: Mapped[Any] = mapped_column(EncryptedJSON, default=dict)
    enabled: Mapped[bool] = mapped_column(default=True)
    disabled_reason: Mapped[str | None] = mapped_column(String(500))
    disabled_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)
    # Health, written by the engine with every batch.
    latency_ms: Mapped[float | None]
    failing_since: Mapped[datetime | None]
    last_success_at: Mapped[datetime | None]
    last_failure_at: Mapped[datetime | None]
    last_error: Mapped[str | None] = mapped_column(String(40))

    @property
    def auth(self) -> auth.Auth:
        return auth.load(self.auth_secret or {"type": "none"})

    @auth.setter
    def auth(self, value: auth.Auth) -> None:
        self.auth_type = value.type
        self.auth_secret = auth.dump(value)

    @property
    def rule(self) -> Rule:
        return Rule.of(self.enabled and self.deleted_at is None, self.events, self.campaign_ids, self.case_types)

    @property
    def takes_all_events(self) -> bool:
        return not self.events

    @property
    def is_failing(self) -> bool:
        return self.failing_since is not None

    @property
    def health_word(self) -> str:
        """One of on, failing, off."""
        if not self.enabled:
            return "off"
        return "failing" if self.is_failing else "on"

    @property
    def auth_shown(self) -> dict[str, Any]:
        """How it authenticates, without secrets."""
        return auth.public(self.auth)

    @property
    def token_expiry(self) -> datetime | None:
        """When the pasted JWT runs out; None where there is none."""
        return auth.jwt_expiry(self.auth.token) if isinstance(self.auth, auth.Bearer) else None

    @property
    def old_secret_until(self) -> datetime | None:
        """Until when a rotated signing secret signs along; may lie in the past."""
        until = self.auth_shown.get("previous_secret_signs_until")
        return datetime.fromisoformat(until) if until else None

    @property
    def last_error_status(self) -> int | None:
        """The status of the last failed attempt, where there was an answer."""
        return int(self.last_error) if self.last_error and self.last_error.isdigit() else None

    @property
    def last_error_reason(self) -> str | None:
        """Why the last failed attempt got no answer, where it got none."""
        return self.last_error if self.last_error_status is None else None


class RoutingEpoch(db.Model):
    """One row: counted up with every change of a webhook's settings, so that an event says which settings it met."""

    __tablename__ = "routing_epoch"

    id: Mapped[int] = mapped_column(primary_key=True)
    epoch: Mapped[int]


class Revision(db.Model):
    """A webhook's rule from `epoch` on; what an old event met can be told, and proved, from these."""

    __tablename__ = "endpoint_revisions"

    endpoint_id: Mapped[int] = mapped_column(ForeignKey("endpoints.id", ondelete="CASCADE"), primary_key=True)
    epoch: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    gone: Mapped[bool] = mapped_column(default=False)
    enabled: Mapped[bool]
    events: Mapped[Any] = mapped_column(JSONText)
    campaign_ids: Mapped[Any] = mapped_column(JSONText)
    case_types: Mapped[Any] = mapped_column(JSONText)

    @property
    def rule(self) -> Rule:
        return Rule.of(self.enabled, self.events, self.campaign_ids, self.case_types)


class Delivery(db.Model):
    """One event owed to one webhook."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("uq_deliveries_event_endpoint", "event_seq", "endpoint_id", unique=True),
        Index("ix_deliveries_log", "endpoint_id", "id"),
        Index("ix_deliveries_log_state", "endpoint_id", "state", "id"),
        Index("ix_deliveries_state", "state", "id"),
        Index(
            "ix_deliveries_due",
            "endpoint_id",
            "due_at",
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        ),
        Index(
            "ix_deliveries_lease",
            "lease_until",
            sqlite_where=sa.text("state = 'sending'"),
            postgresql_where=sa.text("state = 'sending'"),
        ),
        Index(
            "ix_deliveries_recovery",
            "recovery_id",
            "state",
            sqlite_where=sa.text("recovery_id IS NOT NULL"),
            postgresql_where=sa.text("recovery_id IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    event_seq: Mapped[int] = mapped_column(BigKey, ForeignKey("events.seq", ondelete="CASCADE"))
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("endpoints.id", ondelete="CASCADE"))
    event_type: Mapped[str] = mapped_column(String(60))
    campaign_id: Mapped[int | None] = mapped_column(BigKey)
    is_test: Mapped[bool] = mapped_column(default=False)
    state: Mapped[State]
    due_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)  # on the current schedule
    attempts: Mapped[int] = mapped_column(default=0)  # in all
    trigger: Mapped[Trigger] = mapped_column(default=Trigger.AUTOMATIC)  # of the next attempt
    lease_by: Mapped[str | None] = mapped_column(String(80))
    lease_until: Mapped[datetime | None]
    recovery_id: Mapped[int | None]
    created_at: Mapped[datetime]
    last_attempt_at: Mapped[datetime | None]
    last_status: Mapped[int | None]
    last_error: Mapped[str | None] = mapped_column(String(40))

    event: Mapped[Event] = relationship(lazy="raise_on_sql")
    endpoint: Mapped[Endpoint] = relationship(lazy="raise_on_sql")

    @property
    def is_final(self) -> bool:
        return self.state.is_final

    @property
    def is_moving(self) -> bool:
        """Whether its row on a page is worth polling."""
        return self.state in (State.PENDING, State.SENDING)

    @property
    def next_try_at(self) -> datetime | None:
        """When the next attempt is due; None where none is waiting to be made."""
        return self.due_at if self.state is State.PENDING else None


class Attempt(db.Model):
    """One HTTP try of a delivery. Secrets are redacted before it is written."""

    __tablename__ = "attempts"
    __table_args__ = (Index(None, "delivery_id", "number"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    delivery_id: Mapped[int] = mapped_column(BigKey, ForeignKey("deliveries.id", ondelete="CASCADE"))
    number: Mapped[int]
    trigger: Mapped[Trigger]
    started_at: Mapped[datetime]
    duration_ms: Mapped[float]
    url: Mapped[str] = mapped_column(String(2048))
    request_headers: Mapped[Any] = mapped_column(JSONText)
    status: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(String(40))  # a code of outbound.Reason
    error_detail: Mapped[str | None] = mapped_column(String(500))
    response_headers: Mapped[Any | None] = mapped_column(JSONText)
    response_body: Mapped[str | None] = mapped_column(Text)
    response_truncated: Mapped[bool] = mapped_column(default=False)
    timings: Mapped[Any | None] = mapped_column(JSONText)  # milliseconds by phase
    worker: Mapped[str | None] = mapped_column(String(80))

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300 and self.error is None


class RecoveryState(StrEnum):
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class RecoveryKind(StrEnum):
    """What is put back: failed deliveries (Retry failed), or those held while the webhook was off."""

    FAILED = "failed"
    HELD = "held"


class Recovery(db.Model):
    """A durable job that owes many deliveries of one webhook again; its progress is counted from the deliveries themselves."""

    __tablename__ = "recoveries"

    id: Mapped[int] = mapped_column(primary_key=True)
    endpoint_id: Mapped[int] = mapped_column(ForeignKey("endpoints.id", ondelete="CASCADE"), index=True)
    kind: Mapped[RecoveryKind]
    state: Mapped[RecoveryState]
    since: Mapped[datetime | None]
    up_to_id: Mapped[int] = mapped_column(BigKey)  # deliveries that exist when it starts, no later ones
    cursor: Mapped[int] = mapped_column(BigKey, default=0)
    total: Mapped[int]
    started_by: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[datetime]
    stepped_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    endpoint: Mapped[Endpoint] = relationship(lazy="raise_on_sql")

    @property
    def is_running(self) -> bool:
        """Whether it still puts deliveries back."""
        return self.state is RecoveryState.RUNNING


class HourlyCount(db.Model):
    """Deliveries and attempts of one webhook that ended in one hour; what the overview adds up. Tests are not counted."""

    __tablename__ = "hourly_counts"

    endpoint_id: Mapped[int] = mapped_column(ForeignKey("endpoints.id", ondelete="CASCADE"), primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    delivered: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    attempts_failed: Mapped[int] = mapped_column(default=0)


