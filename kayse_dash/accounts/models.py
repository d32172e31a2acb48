"""People who may log in, keys that programs use, and the trail of who did what."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from flask_login import UserMixin
from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from kayse_dash.db import BigKey, JSONText, db


class Role(StrEnum):
    """What a user may do: a viewer looks, staff change webhooks and records, an administrator also people and keys."""

    ADMIN = "admin"
    STAFF = "staff"
    VIEWER = "viewer"

    @property
    def rank(self) -> int:
        return {Role.VIEWER: 0, Role.STAFF: 1, Role.ADMIN: 2}[self]

    @property
    def label(self) -> str:
        return {Role.VIEWER: "Viewer", Role.STAFF: "Staff", Role.ADMIN: "Administrator"}[self]


class User(UserMixin, db.Model):
    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)  # lower case
    name: Mapped[str] = mapped_column(String(120), default="")
    role: Mapped[Role]
    password_hash: Mapped[str] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True)
    # Part of the session cookie; counting it up logs the user out everywhere.
    session_version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]

    @property
    def is_active(self) -> bool:
        return self.active

    def get_id(self) -> str:
        return f"{self.id}.{self.session_version}"

    def may(self, role: Role) -> bool:
        return self.role.rank >= role.rank

    @property
    def shown_name(self) -> str:
        return self.name or self.email


class ApiKey(db.Model):
    """A key of the JSON API. Only its hash is kept; the prefix finds it and names it to people."""

    __tablename__ = "api_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    prefix: Mapped[str] = mapped_column(String(16), unique=True)
    key_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    created_by: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AuditEntry(db.Model):
    """One thing somebody did. Rows are added, never changed."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index(None, "subject", "id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(254))  # an email address, "API key NAME", "command line" or "Kayse Dash"
    action: Mapped[str] = mapped_column(String(60))  # "webhook.created"
    subject: Mapped[str] = mapped_column(String(120))  # "webhook 7"
    details: Mapped[Any] = mapped_column(JSONText, default=dict)
    address: Mapped[str | None] = mapped_column(String(45))
