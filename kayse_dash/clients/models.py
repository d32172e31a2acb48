"""Campaigns: outreach of the firm that calls belong to and webhooks can be narrowed to."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from kayse_dash.db import db


class Campaign(db.Model):
    __tablename__ = "campaigns"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    case_type: Mapped[str | None] = mapped_column(String(100))
    active: Mapped[bool] = mapped_column(default=True)
    # The firm's word for it in the public API: no enrichment for this campaign's calls.
    self_healing_disabled: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]
