"""The audit trail: who did what to which record, from where. Entries are added and read, never changed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from flask import g, has_request_context, request
from flask_login import current_user

from kayse_dash import clock
from kayse_dash.accounts.models import AuditEntry
from kayse_dash.db import db

COMMAND_LINE = "command line"
ITSELF = "Kayse Dash"

# What the filters offer is gathered from so many of the newest entries, for the table only grows.
CHOICES_FROM = 5000


def note(
    action: str,
    subject: str,
    details: dict[str, Any] | None = None,
    actor: str | None = None,
    address: str | None = None,
    now: datetime | None = None,
) -> AuditEntry:
    """Add an entry to the session; it is kept or lost with what it tells of.

    Args:
        action: "noun.what_happened", such as "webhook.created".
        subject: "noun id", such as "webhook 7".
        details: what else to know, never a secret; a change as `{"role": {"from": "staff", "to": "viewer"}}`.
        actor: default the person who is logged in, else "API key NAME", else (outside a request) "command line".
        address: default the address the request came from.
        now: default the time of day.
    """
    if has_request_context():
        address = address or request.remote_addr
    entry = AuditEntry(
        at=now or clock.now(),
        actor=_clipped(AuditEntry.actor, actor or _actor()),
        action=_clipped(AuditEntry.action, action),
        subject=_clipped(AuditEntry.subject, subject),
        details=details or {},
        address=address and _clipped(AuditEntry.address, address),
    )
    db.session.add(entry)
    return entry


def newest(*, limit: int, actor: str | None = None, action: str | None = None, before_id: int | None = None) -> list[AuditEntry]:
    """Up to `limit` entries, newest first; from the one before `before_id` on where given."""
    query = sa.select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if actor:
        query = query.where(AuditEntry.actor == actor)
    if action:
        query = query.where(AuditEntry.action == action)
    if before_id is not None:
        query = query.where(AuditEntry.id < before_id)
    return list(db.session.scalars(query))


def choices() -> tuple[list[str], list[str]]:
    """The actors and the actions of the newest entries, each sorted."""
    return _recent(AuditEntry.actor), _recent(AuditEntry.action)


def action_words(action: str) -> str:
    """An action as people read it: "webhook.created" is "Webhook created", "api_key.revoked" "API key revoked"."""
    words = action.replace(".", " ").replace("_", " ")
    words = words[:1].upper() + words[1:]
    return "API" + words[3:] if words.startswith("Api ") else words


def details_words(details: Any) -> list[tuple[str, str]]:
    """The details of an entry as pairs of a label and what to show; a change reads "staff → viewer"."""
    if not isinstance(details, dict):
        return [("Details", str(details))] if details else []
    return [(str(name).replace("_", " ").capitalize(), _value_words(value)) for name, value in details.items()]


def _value_words(value: Any) -> str:
    if isinstance(value, dict) and value.keys() == {"from", "to"}:
        return f"{_value_words(value['from'])} → {_value_words(value['to'])}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or value == "" or value == []:
        return "nothing"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {_value_words(inner)}" for name, inner in value.items())
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(_value_words(inner) for inner in value)
    return str(value)


def _actor() -> str:
    if has_request_context():
        if current_user.is_authenticated:
            return current_user.email
        if key := g.get("api_key"):
            return f"API key {key.name}"
        return ITSELF
    return COMMAND_LINE


def _recent(column: Any) -> list[str]:
    window = sa.select(column.label("value")).order_by(AuditEntry.id.desc()).limit(CHOICES_FROM).subquery()
    return sorted(db.session.scalars(sa.select(window.c.value).distinct()), key=str.casefold)


def _clipped(column: Any, text: str) -> str:
    return text[: column.type.length]
