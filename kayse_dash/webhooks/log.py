"""Looking deliveries up: the log over all webhooks or of one, filtered and page by page, and what a delivery's own page shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload

from kayse_dash import keyset
from kayse_dash.db import db, escape_like
from kayse_dash.errors import NotFound
from kayse_dash.events import log as events_log
from kayse_dash.events import record
from kayse_dash.events.models import Event
from kayse_dash.keyset import Count, Place, Search, Slice
from kayse_dash.webhooks.models import Attempt, Delivery, Endpoint
from kayse_dash.webhooks.schedule import State

LARGEST_WEBHOOK_ID = 2**31 - 1
# A client's newest deliveries that a search by client id finds.
MOST_OF_A_CLIENT = 5_000


class Answer(StrEnum):
    """What the last attempt was answered with."""

    OK = "2xx"
    REDIRECT = "3xx"
    REFUSED = "4xx"
    BROKEN = "5xx"
    NONE = "none"


@dataclass(frozen=True)
class Filters:
    """What to show of the log; None and empty text mean all.

    Args:
        text: the beginning of an event's id, the id of a client, or words in the payload.
        since, until: of the delivery's creation, both inclusive.
    """

    endpoint_id: int | None = None
    event: str | None = None
    state: State | None = None
    campaign_id: int | None = None
    answer: Answer | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""

    @property
    def any(self) -> bool:
        """Whether anything but the webhook narrows the log."""
        return replace(self, endpoint_id=None) != Filters()


@dataclass(frozen=True)
class Page:
    """One page of deliveries, newest first, their events and webhooks loaded as far as a row shows them."""

    rows: list[Delivery]
    slice: Slice
    count: Count


def page(filters: Filters, place: Place | None = None, rows: int = keyset.PAGE_ROWS) -> Page:
    """The page of the log that begins at `place`; the newest for None."""
    search = _search(filters)
    found = keyset.read(search, place, rows)
    return Page(_rows(found.keys), found, keyset.count(search))


def webhook(endpoint_id: int) -> Endpoint:
    """The webhook with this id, also one that was deleted, for its log stays.

    Raises:
        NotFound: there never was one, or its log has ended with it.
    """
    endpoint = db.session.get(Endpoint, endpoint_id) if 0 < endpoint_id <= LARGEST_WEBHOOK_ID else None
    if endpoint is None:
        raise NotFound("There is no such webhook.")
    return endpoint


def attempts(delivery_id: int, limit: int) -> list[Attempt]:
    """The newest attempts of a delivery, newest first."""
    query = sa.select(Attempt).where(Attempt.delivery_id == delivery_id).order_by(Attempt.number.desc(), Attempt.id.desc())
    return list(db.session.scalars(query.limit(limit)))


def attempt(delivery_id: int, attempt_id: int) -> Attempt:
    """One attempt of a delivery.

    Raises:
        NotFound: the delivery has no such attempt.
    """
    found = db.session.get(Attempt, attempt_id) if 0 < attempt_id < 2**63 else None
    if found is None or found.delivery_id != delivery_id:
        raise NotFound("There is no such attempt. Its record may have been removed by retention.")
    return found


def of_event(seq: int) -> list[Delivery]:
    """The deliveries of one event, with their webhooks, by webhook."""
    query = sa.select(Delivery).where(Delivery.event_seq == seq).order_by(Delivery.endpoint_id)
    return list(db.session.scalars(query.options(joinedload(Delivery.endpoint))))


def states_of(seqs: Sequence[int]) -> dict[int, dict[State, int]]:
    """How many deliveries of each event are in which state, by `seq`."""
    query = sa.select(Delivery.event_seq, Delivery.state, sa.func.count()).where(Delivery.event_seq.in_(seqs))
    found: dict[int, dict[State, int]] = {}
    for seq, state, number in db.session.execute(query.group_by(Delivery.event_seq, Delivery.state)):
        found.setdefault(seq, {})[state] = number
    return found


def _rows(ids: list[int]) -> list[Delivery]:
    query = (
        sa.select(Delivery)
        .where(Delivery.id.in_(ids))
        .order_by(Delivery.id.desc())
        .options(
            # A payload may be a megabyte, and no row shows it.
            joinedload(Delivery.event).load_only(Event.id, raiseload=True),
            joinedload(Delivery.endpoint).load_only(Endpoint.name, Endpoint.deleted_at, raiseload=True),
        )
    )
    return list(db.session.scalars(query)) if ids else []


def _search(filters: Filters) -> Search:
    indexed: list[sa.ColumnElement[bool]] = []
    if filters.endpoint_id is not None:
        indexed.append(Delivery.endpoint_id == filters.endpoint_id)
    if filters.state is not None:
        indexed.append(Delivery.state == filters.state)
    indexed += _created(filters.since, filters.until)
    text = filters.text
    named = _events_named(text) if text else []
    if named:
        indexed.append(Delivery.event_seq.in_(named))
        text = ""
    if filters.event is None and filters.campaign_id is None and filters.answer is None and not text:
        return Search(Delivery.id, indexed)
    return Search(Delivery.id, indexed, lambda row: _checked(row, replace(filters, text=text)))


def _checked(row: Any, filters: Filters) -> list[sa.ColumnElement[bool]]:
    checked: list[sa.ColumnElement[bool]] = []
    if filters.event is not None:
        checked.append(row.event_type == filters.event)
    if filters.campaign_id is not None:
        checked.append(row.campaign_id == filters.campaign_id)
    if filters.answer is Answer.NONE:
        checked += [row.attempts > 0, row.last_status.is_(None)]
    elif filters.answer is not None:
        hundreds = int(filters.answer[0]) * 100
        checked.append(row.last_status.between(hundreds, hundreds + 99))
    if filters.text:
        checked.append(sa.exists().where(Event.seq == row.event_seq, _mentions(filters.text)))
    return checked


def _mentions(text: str) -> sa.ColumnElement[bool]:
    """Whether an event's id begins with `text`, or its payload holds it, as JSON or as it was before it became JSON."""
    spellings = {text, record.as_json(text)[1:-1]}
    payload = [Event.data.ilike(f"%{escape_like(spelling)}%", escape="\\") for spelling in sorted(spellings)]
    return sa.or_(Event.id.startswith(text, autoescape=True), *payload)


def _events_named(text: str) -> list[int]:
    """The events that `text` names outright: one by its id, or those of a client."""
    by_id = db.session.scalar(sa.select(Event.seq).where(Event.id == text))
    if by_id is not None:
        return [by_id]
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        return []
    of_client = sa.select(Event.seq).where(Event.client_id == int(text)).order_by(Event.seq.desc()).limit(MOST_OF_A_CLIENT)
    return list(db.session.scalars(of_client))


def _created(since: datetime | None, until: datetime | None) -> list[sa.ColumnElement[bool]]:
    """Conditions for a time of creation, with bounds for the id: deliveries stand in the order of their events."""
    conditions: list[sa.ColumnElement[bool]] = []
    low, high = events_log.bounds(since, until)
    if since is not None:
        first = _first_id(low)
        conditions += [Delivery.created_at >= since, sa.false() if first is None else Delivery.id >= first]
    if until is not None:
        conditions.append(Delivery.created_at <= until)
    if high is not None and (beyond := _first_id(high)) is not None:
        conditions.append(Delivery.id < beyond)
    return conditions


def _first_id(seq: int | None) -> int | None:
    query = sa.select(Delivery.id).where(Delivery.event_seq >= seq).order_by(Delivery.event_seq, Delivery.endpoint_id)
    return db.session.scalar(query.limit(1))
