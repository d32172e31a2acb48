"""Events as they were recorded, once each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from kayse_dash.db import BigKey, JSONText, db

# The data of an event whose client was deleted for good.
ERASED = '{"erased":true}'


class Event(db.Model):
    """Something that happened.

    `id` is what the outside sees: the caller's own or `evt_…`; it is the `webhook-id` of every attempt. `seq` orders events
    and keys the hot tables. `epoch` is the version of the webhooks' settings the event was matched against.
    """

    __tablename__ = "events"
    __table_args__ = (Index(None, "type", "seq"), Index(None, "client_id", "seq"))

    seq: Mapped[int] = mapped_column(BigKey, primary_key=True)
    id: Mapped[str] = mapped_column(String(128), unique=True)
    type: Mapped[str] = mapped_column(String(60))
    timestamp: Mapped[datetime]
    recorded_at: Mapped[datetime] = mapped_column(index=True)
    data: Mapped[str] = mapped_column(Text)  # JSON text, as it goes into every body
    campaign_id: Mapped[int | None] = mapped_column(BigKey)
    client_id: Mapped[int | None] = mapped_column(BigKey)
    case_type: Mapped[str | None] = mapped_column(String(100))
    is_test: Mapped[bool] = mapped_column(default=False)
    epoch: Mapped[int]

    @property
    def is_erased(self) -> bool:
        """Whether its data was deleted with its client, so that nothing of it is left to send."""
        return self.data == ERASED


class IdempotencyKey(db.Model):
    """The first answer to a request that carried an `Idempotency-Key` header."""

    __tablename__ = "idempotency_keys"

    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    api_key_id: Mapped[int] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    response: Mapped[Any] = mapped_column(JSONText)
    created_at: Mapped[datetime] = mapped_column(index=True)
