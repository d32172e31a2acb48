"""Test inboxes: receivers inside the product, to try a webhook without another system."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from kayse_dash.db import NEVER_AGAIN, BigKey, JSONText, db


class Inbox(db.Model):
    """A receiver with a private address, `/inbox/<token>`."""

    __tablename__ = "inboxes"
    __table_args__ = NEVER_AGAIN

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    token: Mapped[str] = mapped_column(String(64), unique=True)
    answers: Mapped[int] = mapped_column(default=200)  # the status code it answers with
    created_at: Mapped[datetime]


class InboxMessage(db.Model):
    """One request that an inbox received."""

    __tablename__ = "inbox_messages"
    __table_args__ = (Index(None, "inbox_id", "id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    inbox_id: Mapped[int] = mapped_column(ForeignKey("inboxes.id", ondelete="CASCADE"))
    received_at: Mapped[datetime]
    method: Mapped[str] = mapped_column(String(10))
    headers: Mapped[Any] = mapped_column(JSONText)
    body: Mapped[str] = mapped_column(Text)
    answered: Mapped[int]
