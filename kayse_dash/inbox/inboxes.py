"""Adding, switching, emptying and deleting test inboxes."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from flask import current_app

from kayse_dash import typed
from kayse_dash.db import db
from kayse_dash.errors import Conflict, InvalidInput, NotFound
from kayse_dash.inbox.models import Inbox, InboxMessage
from kayse_dash.webhooks.models import Endpoint

PATH = "/inbox/"
OK, ERROR = 200, 500
SHORTEST_NAME, LONGEST_NAME = 2, 120
TOKEN_BYTES = 18
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Summary:
    """An inbox with how many messages it keeps and when the last one came."""

    inbox: Inbox
    messages: int
    last_at: datetime | None


def all_by_name() -> list[Summary]:
    """Every inbox, by name."""
    kept = (
        sa.select(InboxMessage.inbox_id, sa.func.count().label("messages"), sa.func.max(InboxMessage.id).label("newest"))
        .group_by(InboxMessage.inbox_id)
        .subquery()
    )
    query = (
        sa.select(Inbox, sa.func.coalesce(kept.c.messages, 0), InboxMessage.received_at)
        .outerjoin(kept, kept.c.inbox_id == Inbox.id)
        .outerjoin(InboxMessage, InboxMessage.id == kept.c.newest)
        .order_by(sa.func.lower(Inbox.name), Inbox.id)
    )
    return [Summary(*row) for row in db.session.execute(query)]


def get(inbox_id: int) -> Inbox:
    """The inbox with this id.

    Raises:
        NotFound: there is none.
    """
    known = typed.record_id(inbox_id)
    inbox = db.session.get(Inbox, known) if known else None
    if inbox is None:
        raise NotFound("There is no such test inbox. It may have been deleted.")
    return inbox


def find(token: str) -> Inbox | None:
    """The inbox behind an address."""
    return db.session.scalar(sa.select(Inbox).where(Inbox.token == token)) if _TOKEN.fullmatch(token) else None


def create(name: str, now: datetime, *, token_prefix: str = "") -> Inbox:
    """Add an inbox, at an address that cannot be guessed.

    Raises:
        InvalidInput: with the field `name`.
    """
    try:
        name = typed.line(name, "The name", SHORTEST_NAME, LONGEST_NAME)
    except ValueError as error:
        raise InvalidInput("Please check the name.", {"name": str(error)}) from error
    inbox = Inbox(name=name, token=token_prefix + secrets.token_urlsafe(TOKEN_BYTES), answers=OK, created_at=now)
    db.session.add(inbox)
    db.session.flush()
    return inbox


def address(inbox: Inbox) -> str:
    """The Destination URL that leads to an inbox."""
    return current_app.extensions["kayse_settings"].base_url + PATH + inbox.token


def answer_with(inbox: Inbox, status: int) -> None:
    """Say what an inbox answers from now on.

    Args:
        status: 200; or 500, to see how a webhook is tried again.

    Raises:
        InvalidInput: it is neither.
    """
    if status not in (OK, ERROR):
        raise InvalidInput("A test inbox answers 200 or 500.", {"status": "Choose 200 or 500."})
    inbox.answers = status


def senders(inbox: Inbox) -> list[Endpoint]:
    """The webhooks that send to this inbox, whatever address this installation had when they were added."""
    leads_here = Endpoint.url.contains(PATH + inbox.token, autoescape=True)
    live = sa.select(Endpoint).where(Endpoint.deleted_at.is_(None), leads_here)
    return list(db.session.scalars(live.order_by(sa.func.lower(Endpoint.name), Endpoint.id)))


def empty(inbox: Inbox) -> int:
    """Delete every message of an inbox; returns how many."""
    messages = sa.delete(InboxMessage).where(InboxMessage.inbox_id == inbox.id)
    return db.session.execute(messages.execution_options(synchronize_session=False)).rowcount


def delete(inbox: Inbox) -> None:
    """Delete an inbox with its messages.

    Raises:
        Conflict: a webhook sends to it.
    """
    names = [f"“{endpoint.name}”" for endpoint in senders(inbox)]
    if names:
        listed = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        sends = "sends" if len(names) == 1 else "send"
        raise Conflict(f"{listed} still {sends} to this inbox. Delete the webhook or give it another Destination URL first.")
    empty(inbox)
    db.session.delete(inbox)
    db.session.flush()
